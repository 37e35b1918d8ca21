"""A nursery that stays out of the way of its block's own exception.

A plain nursery wraps what its block raises into an `ExceptionGroup`, because its tasks might fail
as well, and rebuilds a group the block raised itself. Library code that opens nurseries on behalf
of a caller must do neither: the caller did not ask for a nursery.
"""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import cast, final

import attrs
import trio


@final
@attrs.define(eq=False, repr=False, init=False)
class open_quiet_nursery:  # noqa: N801 - an async context manager, called like trio.open_nursery
    """A nursery that cancels its tasks when the block ends and lets its exception through as is.

    The tasks are expected to report their failures and not to raise. One that raises all the same
    cancels the block, as in any nursery, and comes out bare where it is the only one; unless the
    block has an exception of its own, which then carries a note.

    A class and no generator, which would cost a session half as much memory again as its nursery.
    """

    _manager: AbstractAsyncContextManager[trio.Nursery]
    _nursery: trio.Nursery

    async def __aenter__(self) -> trio.Nursery:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        return self._nursery

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        held: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        try:
            return await self._manager.__aexit__(exc_type, held, traceback)
        except BaseException as exc:  # noqa: BLE001 - raised again below, as the right object
            raised = _what_to_raise(held, exc)
        if raised is held:
            return False
        context = raised.__context__
        try:
            raise raised
        finally:
            # It was not raised while handling another exception, whatever Python thinks.
            raised.__context__ = context
            del raised, held  # they refer to this frame through their tracebacks


def _what_to_raise(held: BaseException | None, exc: BaseException) -> BaseException:
    """``held`` is the block's exception, ``exc`` what the nursery made of it and of the tasks'."""
    leaves = list(_leaves(exc))
    failures = [leaf for leaf in leaves if not isinstance(leaf, trio.Cancelled)]
    if held is not None and not any(isinstance(leaf, trio.Cancelled) for leaf in _leaves(held)):
        own = {id(leaf) for leaf in _leaves(held)}
        for failure in failures:
            if id(failure) not in own:
                held.add_note(f"while closing: {failure!r}")
        return held
    if not failures:
        return leaves[0]
    return failures[0] if len(failures) == 1 else exc


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for part in cast("BaseExceptionGroup[BaseException]", exc).exceptions:
            yield from _leaves(part)
    else:
        yield exc
