"""Tasks that wait to be woken, the longest waiting first.

`trio.lowlevel.ParkingLot` does this and more, for half as much again; here it is done for each
event of an application that keeps up, and for each write.
"""

import attrs
import trio


@attrs.define(eq=False, repr=False)
class Sleepers:
    """The tasks that sleep in one place."""

    tasks: list[trio.lowlevel.Task] = attrs.field(factory=list[trio.lowlevel.Task], init=False)
    """The longest sleeping first. Not to be changed from outside."""

    @trio.lowlevel.enable_ki_protection
    async def sleep(self) -> None:
        """Wait to be woken. Cancelled, the task is not counted any more."""
        task = trio.lowlevel.current_task()

        def abort(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self.tasks.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self.tasks.append(task)
        await trio.lowlevel.wait_task_rescheduled(abort)

    @trio.lowlevel.enable_ki_protection
    def wake_one(self) -> None:
        """Wake the task that has slept longest; there has to be one."""
        trio.lowlevel.reschedule(self.tasks.pop(0))

    def wake_all(self) -> None:
        """Wake all there are."""
        while self.tasks:
            self.wake_one()
