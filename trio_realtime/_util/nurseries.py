"""Nurseries that raise what was raised, and not an `ExceptionGroup` of it.

A plain nursery wraps what its block or a task raises into a group, because the others might fail as
well, and rebuilds a group that the block raised itself. Library code that opens nurseries on behalf
of a caller must do neither: the caller did not ask for a nursery.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Protocol, TypeVarTuple, Unpack, cast, final

import attrs
import trio

Args = TypeVarTuple("Args")


@final
@attrs.define(eq=False, repr=False, init=False)
class open_quiet_nursery:  # noqa: N801 - an async context manager, called like trio.open_nursery
    """A nursery that cancels its tasks when the block ends and lets its exception through as is.

    The tasks are expected to report their failures and not to raise. One that raises all the same
    cancels the block, as in any nursery, and comes out bare where it is the only one; unless the
    block has an exception of its own, which then carries a note.

    A class, since a generator function would take half as much memory again as the nursery itself,
    in each session.
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
    """Return the exception to raise. ``held`` is the block's own, and ``exc`` the one that the
    nursery raised, which may be a group of it and of those of the tasks."""
    leaves = list(_leaves(exc))
    failures = [leaf for leaf in leaves if _is_failure(leaf)]
    parts = [] if held is None else list(_leaves(held))
    own = {id(part) for part in parts if _is_failure(part)}
    if held is not None and own:
        for failure in failures:
            if id(failure) not in own:
                held.add_note(f"while closing: {failure!r}")
        if len(own) == len(parts) or len(failures) < len(leaves):
            return held
        # The cancellation in it was this nursery's, which ends here.
        return _without_cancellation(held)
    if not failures:
        return leaves[0]
    return _without_wrapping(exc)


def _without_wrapping(exc: BaseException) -> BaseException:
    """The innermost exception that holds all failures in ``exc``: one of them, or a group."""
    if not isinstance(exc, BaseExceptionGroup):
        return exc
    group = cast("BaseExceptionGroup[BaseException]", exc)
    failing = [part for part in group.exceptions if any(map(_is_failure, _leaves(part)))]
    return _without_wrapping(failing[0]) if len(failing) == 1 else group


def _is_failure(leaf: BaseException) -> bool:
    return not isinstance(leaf, trio.Cancelled)


def _without_cancellation(held: BaseException) -> BaseException:
    rest = cast("BaseExceptionGroup[BaseException]", held).split(trio.Cancelled)[1]
    assert rest is not None
    leaves = list(_leaves(rest))
    return leaves[0] if len(leaves) == 1 else rest


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for part in cast("BaseExceptionGroup[BaseException]", exc).exceptions:
            yield from _leaves(part)
    else:
        yield exc


class StartSoon(Protocol):
    """Starts a task, as `trio.Nursery.start_soon` does."""

    def __call__(
        self, async_fn: Callable[[Unpack[Args]], Awaitable[object]], *args: *Args
    ) -> None: ...


@asynccontextmanager
async def open_bare_nursery() -> AsyncGenerator[StartSoon]:
    """A nursery for code of the application's, whose exceptions come out as they were raised.

    Yields the function that starts a task, and waits for the tasks when the block ends, as a plain
    nursery does. The first exception, of a task or of the block, cancels the rest and leaves as the
    same object: in no group, and if it is a group, then as that one. Later ones are notes on it.
    """
    failures: list[BaseException] = []

    def fail(failure: BaseException) -> None:
        if failures:
            failures[0].add_note(f"also: {failure!r}")
        else:
            failures.append(failure)
        nursery.cancel_scope.cancel()

    async def run(async_fn: Callable[[Unpack[Args]], Awaitable[object]], *args: *Args) -> None:
        try:
            await async_fn(*args)
        except trio.Cancelled:
            raise
        except BaseException as exc:  # noqa: BLE001 - raised below
            fail(exc)

    def start_soon(async_fn: Callable[[Unpack[Args]], Awaitable[object]], *args: *Args) -> None:
        nursery.start_soon(run, async_fn, *args)

    try:
        try:
            async with trio.open_nursery() as nursery:
                try:
                    yield start_soon
                except trio.Cancelled:
                    raise
                except BaseException as exc:  # noqa: BLE001 - raised below
                    fail(exc)
        except BaseException as exc:  # noqa: BLE001 - told apart at once
            if not failures:  # else it holds cancellations only
                raise next(_leaves(exc)) from None
        if failures:
            raise failures[0]
    finally:
        failures.clear()  # they refer to this frame through their tracebacks
