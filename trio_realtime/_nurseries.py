"""A nursery that stays out of the way of its block's own exception.

A plain nursery wraps what its block raises into an `ExceptionGroup`, because its tasks might fail
as well, and rebuilds a group the block raised itself. Library code that opens nurseries on behalf
of a caller must do neither: the caller did not ask for a nursery.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_quiet_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that cancels its tasks when the block ends and lets its exception through as is.

    The tasks are expected to report their failures and not to raise; one that raises all the same
    is a defect and surfaces, unless the block has an exception of its own, which then carries a
    note.
    """
    held: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as exc:  # noqa: BLE001 - raised again below, as the same object
                held = exc
            nursery.cancel_scope.cancel()
    except BaseException as exc:
        # Either a task failed, or the surrounding scope was cancelled while tasks finished. An
        # exception of the block comes first, unless it was the same cancellation.
        if held is None or isinstance(held, trio.Cancelled):
            raise
        if not _is_only_cancelled(exc):
            held.add_note(f"while closing: {exc!r}")
    if held is not None:
        raise held


def _is_only_cancelled(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        return all(_is_only_cancelled(sub) for sub in exc.exceptions)
    return isinstance(exc, trio.Cancelled)
