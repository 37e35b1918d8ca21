"""How long a session that closes may wait for what it still has to send, all of it together."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import attrs
import trio


@attrs.define(eq=False, repr=False)
class CloseDeadline:
    """One deadline for everything a session waits for while it closes.

    Until the session closes there is none. However many tool calls are unanswered then, they share
    the time that is left.
    """

    at: float = attrs.field(default=math.inf, init=False)
    """On Trio's clock; infinite until the session closes."""
    _scopes: dict[trio.CancelScope, None] = attrs.field(
        factory=dict[trio.CancelScope, None], init=False
    )
    """A set; an empty dictionary takes a quarter of the memory of an empty set."""

    @property
    def closing(self) -> bool:
        """Whether the session is closing."""
        return self.at < math.inf

    def begin(self, seconds: float) -> None:
        """The session closes: what is shielded now or later has these seconds. Only once."""
        if self.closing:
            return
        self.at = trio.current_time() + seconds
        for scope in self._scopes:
            scope.deadline = self.at

    @contextmanager
    def shield(self) -> Generator[trio.CancelScope]:
        """Go on even if the task is cancelled, until the deadline of a session that closes.

        The block ends early at the deadline, and then the scope says ``cancelled_caught``.
        """
        with trio.CancelScope(deadline=self.at, shield=True) as scope:
            self._scopes[scope] = None
            try:
                yield scope
            finally:
                del self._scopes[scope]
