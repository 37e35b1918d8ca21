"""The failure of a session, and whether it has been raised to the application."""

import attrs

from .._util.wait_queue import Sleepers


@attrs.define(eq=False, repr=False)
class FailureReport:
    """At most one failure of a session, raised to the application once.

    It is raised by an iteration, as the cause of what a method of the session raises, or at the end
    of the session. Whoever raises it calls `tell`; reading ``failure`` changes nothing.
    """

    failure: Exception | None = attrs.field(default=None, init=False)
    """The first failure. Later ones become notes on it."""
    told: bool = attrs.field(default=False, init=False)
    """Whether it has been raised to the application."""
    _waiting: Sleepers | None = attrs.field(default=None, init=False)

    def record(self, failure: Exception) -> bool:
        """Note a failure. Returns True for the first one."""
        if self.failure is None:
            self.failure = failure
            return True
        if failure is not self.failure:
            self.failure.add_note(f"also: {failure!r}")
        return False

    def tell(self) -> Exception | None:
        """Return the failure for the caller to raise; ``None`` if it has been raised before."""
        if self.failure is None or self.told:
            return None
        self.told = True
        if self._waiting is not None:
            self._waiting.wake_all()
        return self.failure

    async def wait_told(self) -> None:
        """Wait until the failure, which has been recorded, has been raised to the application."""
        if not self.told:
            self._waiting = self._waiting or Sleepers()
            await self._waiting.sleep()
