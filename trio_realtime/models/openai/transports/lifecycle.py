"""The life of one transport as one async context manager, shared by both implementations.

The nursery that the transport's helper tasks run in lives and dies here, so that nothing above ever
sees it: not as an ExceptionGroup, not as a stray `trio.Cancelled`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from .seam import TextTransport


@asynccontextmanager
async def transport_scope(
    connect: Callable[[trio.Nursery], Awaitable[TextTransport]],
) -> AsyncGenerator[TextTransport]:
    """Connect, yield the transport, close it, and leave no task behind.

    An exception of the body (or of ``connect``) leaves as the same object. Helper tasks report
    through the transport and never fail, so what the nursery itself raises is a cancellation from
    outside or an interrupt; that wins only where the body has nothing better to say.
    """
    held: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                try:
                    transport = await connect(nursery)
                    try:
                        yield transport
                    except BaseException as error:  # noqa: BLE001 - raised below
                        held = error
                    await transport.aclose()
                except BaseException as error:  # noqa: BLE001 - raised below
                    held = held or error
                nursery.cancel_scope.cancel()
        except BaseException:
            if held is None or isinstance(held, trio.Cancelled):
                raise
        if held is not None:
            raise held
    finally:
        del held  # it refers to this frame through its traceback
