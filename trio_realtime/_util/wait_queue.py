"""Tasks that wait to be woken, the longest waiting first.

`trio.lowlevel.ParkingLot` does this and more, and takes half as much time again. These waits happen
for each event of an application that keeps up, and for each write.
"""

import attrs
import trio


@attrs.define(eq=False, repr=False)
class Sleepers:
    """The tasks that wait for one thing."""

    tasks: list[trio.lowlevel.Task] = attrs.field(factory=list[trio.lowlevel.Task], init=False)
    """The longest sleeping first. Not to be changed from outside."""

    @trio.lowlevel.enable_ki_protection
    async def sleep(self) -> None:
        """Wait to be woken. A cancelled task leaves the queue."""
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
        """Wake every task that waits."""
        while self.tasks:
            self.wake_one()
