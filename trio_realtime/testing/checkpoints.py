"""Walking the checkpoints: the same code, cancelled at every place where it can be."""

from collections.abc import Awaitable, Callable

import attrs
import trio

from .leaks import assert_nothing_survives


class LostExceptionError(AssertionError):
    """What a cancelled function had raised did not come out of it."""


async def cancel_at_each_checkpoint(
    async_fn: Callable[[], Awaitable[object]], *, raises: BaseException | None = None
) -> int:
    """Run ``async_fn()`` again and again, cancelled one step later each time, until it completes.

    The first run is cancelled before it begins. From then on a step is a moment at which one of
    its tasks (those of its nurseries included) begins to wait, or goes on after waiting; so each
    checkpoint meets both a cancellation that interrupts it and one that is there already. Nothing
    may survive any run. Tasks in nurseries that are open already, such as those of a server that
    the test runs, count for nothing.

    With ``raises``, ``async_fn`` is to raise this very exception, say in the block of a context
    manager that is tested. It then has to come out of each run in which it was raised, as the same
    object and in no group, whatever the cancellation met on its way; and it has to be raised in the
    run that is not cancelled. Any exception will do, groups and ``KeyboardInterrupt`` included.

    ``async_fn`` must not mind being cancelled and begun anew. Returns how often it was cancelled.

    Raises:
        SurvivorsError: a task, socket or busy thread outlived a cancelled run.
        LostExceptionError: ``raises`` was raised and did not come out, or was never raised.
        Exception: whatever else ``async_fn`` raises, with a note saying at which step.
    """
    steps = 0
    while True:
        canceller = _CancelAtStep(steps)
        try:
            async with assert_nothing_survives(outside=canceller.not_ours):
                with canceller.scope:
                    await _run_once(async_fn, canceller, raises)
        except Exception as error:
            if canceller.scope.cancel_called:
                error.add_note(f"when cancelled at step {steps}")
            raise
        if not canceller.scope.cancel_called:
            return steps
        steps += 1


async def _run_once(
    async_fn: Callable[[], Awaitable[object]],
    canceller: "_CancelAtStep",
    expected: BaseException | None,
) -> None:
    canceller.step()
    if expected is not None:
        expected.__traceback__ = None  # it has one again once it is raised
    trio.lowlevel.add_instrument(canceller)
    try:
        await async_fn()
    except BaseException as raised:
        if raised is expected:
            return
        _check_not_lost(expected, raised)
        raise
    finally:
        trio.lowlevel.remove_instrument(canceller)
    _check_not_lost(expected, None)
    if expected is not None and not canceller.scope.cancel_called:
        raise LostExceptionError(f"{expected!r} was not raised")


def _check_not_lost(expected: BaseException | None, instead: BaseException | None) -> None:
    if expected is not None and expected.__traceback__ is not None:
        what = "nothing" if instead is None else repr(instead)
        raise LostExceptionError(f"{expected!r} was raised, and {what} came out") from instead


@attrs.define(eq=False)
class _CancelAtStep(trio.abc.Instrument):
    """Cancels ``scope`` at one of the steps of the tasks that begin below the current one."""

    _remaining: int
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _root: trio.lowlevel.Task = attrs.field(factory=trio.lowlevel.current_task, init=False)
    not_ours: frozenset[trio.Nursery] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.not_ours = frozenset(self._root.child_nurseries)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._is_ours(task):
            self.step()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._is_ours(task):
            self.step()

    def step(self) -> None:
        if self._remaining == 0:
            self.scope.cancel()
        self._remaining -= 1

    def _is_ours(self, task: trio.lowlevel.Task) -> bool:
        while task is not self._root:
            nursery = task.parent_nursery
            if nursery is None or nursery in self.not_ours:
                return False
            task = nursery.parent_task
        return True
