"""Walking the checkpoints: the same code, cancelled at every place where it can be."""

from collections.abc import Awaitable, Callable

import attrs
import trio

from .leaks import assert_nothing_survives


async def cancel_at_each_checkpoint(async_fn: Callable[[], Awaitable[object]]) -> int:
    """Run ``async_fn()`` again and again, cancelled one step later each time, until it completes.

    The first run is cancelled before it begins. From then on a step is a moment at which one of
    its tasks (those of its nurseries included) begins to wait, or goes on after waiting; so each
    checkpoint meets both a cancellation that interrupts it and one that is there already. Nothing
    may survive any run. Tasks in nurseries that are open already, such as those of a server that
    the test runs, count for nothing.

    ``async_fn`` must not mind being cancelled and begun anew. Returns how often it was cancelled.

    Raises:
        SurvivorsError: a task, socket or busy thread outlived a cancelled run.
        Exception: whatever else ``async_fn`` raises, with a note saying at which step.
    """
    steps = 0
    while True:
        canceller = _CancelAtStep(steps)
        try:
            async with assert_nothing_survives(outside=canceller.not_ours):
                with canceller.scope:
                    canceller.step()
                    trio.lowlevel.add_instrument(canceller)
                    try:
                        await async_fn()
                    finally:
                        trio.lowlevel.remove_instrument(canceller)
        except Exception as error:
            if canceller.scope.cancel_called:
                error.add_note(f"when cancelled at step {steps}")
            raise
        if not canceller.scope.cancel_called:
            return steps
        steps += 1


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
