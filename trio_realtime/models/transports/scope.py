"""The life of one transport as one async context manager, shared by both implementations.

The nursery that the transport's helper tasks run in lives and dies here, so that nothing above ever
sees it: not as an ExceptionGroup, not as a stray `trio.Cancelled`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from .tasks import Helpers
from .text_transport import TextTransport


@asynccontextmanager
async def transport_scope(
    connect: Callable[[Helpers], Awaitable[TextTransport]],
) -> AsyncGenerator[TextTransport]:
    """Connect, yield the transport, close it, and leave no task behind.

    The closing handshake is made also when the body was cancelled, so that servers see a close and
    not a drop. A server that does not answer delays the cancellation by the close timeout.

    An exception of the body (or of ``connect``) leaves as the same object. A KeyboardInterrupt that
    hit a helper leaves as such, unless the body has failed by itself.
    """
    held: BaseException | None = None
    try:
        try:
            async with trio.open_nursery() as nursery:
                helpers = Helpers(nursery)
                try:
                    transport = await connect(helpers)
                    try:
                        yield transport
                    except BaseException as error:  # noqa: BLE001 - raised below
                        held = error
                    with trio.CancelScope(shield=True):  # bounded: at most the close timeout
                        await transport.aclose()
                except BaseException as error:  # noqa: BLE001 - raised below
                    held = held or error
                helpers.cancel()
        except BaseExceptionGroup as group:  # a helper was interrupted, and the body cancelled
            if held is None or isinstance(held, trio.Cancelled):
                held = group.exceptions[0]
        if held is not None:
            raise held
    finally:
        del held  # it refers to this frame through its traceback
