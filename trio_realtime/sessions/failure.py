"""The failure of a session, and whether the application knows of it."""

import attrs

from .._util.wait_queue import Sleepers


@attrs.define(eq=False, repr=False)
class FailureReport:
    """At most one failure, told to the application once.

    It is told by being raised: from an iteration, as the cause of what a method of the session
    raises, or at the end of the session. Looking at it changes nothing; `tell` does.
    """

    failure: Exception | None = attrs.field(default=None, init=False)
    """The first one; later ones are notes on it."""
    told: bool = attrs.field(default=False, init=False)
    """Whether the application knows it."""
    _waiting: Sleepers | None = attrs.field(default=None, init=False)

    def record(self, failure: Exception) -> bool:
        """Note a failure. True for the first."""
        if self.failure is None:
            self.failure = failure
            return True
        if failure is not self.failure:
            self.failure.add_note(f"also: {failure!r}")
        return False

    def tell(self) -> Exception | None:
        """The failure for the caller to raise, if the application does not know it yet."""
        if self.failure is None or self.told:
            return None
        self.told = True
        if self._waiting is not None:
            self._waiting.wake_all()
        return self.failure

    async def wait_told(self) -> None:
        """Wait until the application knows the failure. For one that has been recorded."""
        if not self.told:
            self._waiting = self._waiting or Sleepers()
            await self._waiting.sleep()
