"""The time limit for everything that a session still has to send while it closes."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import attrs
import trio


@attrs.define(eq=False, repr=False)
class CloseDeadline:
    """One deadline for everything that a session sends while it closes.

    There is none until the session closes. All unanswered tool calls share it, however many there
    are.
    """

    at: float = attrs.field(default=math.inf, init=False)
    """The deadline in seconds of Trio's clock; infinite until the session closes."""
    _scopes: dict[trio.CancelScope, None] = attrs.field(
        factory=dict[trio.CancelScope, None], init=False
    )
    """The open scopes, as a set: an empty dictionary takes a quarter of an empty set's memory."""

    @property
    def closing(self) -> bool:
        """Whether the session is closing."""
        return self.at < math.inf

    def begin(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now. Later calls change nothing."""
        if self.closing:
            return
        self.at = trio.current_time() + seconds
        for scope in self._scopes:
            scope.deadline = self.at

    @contextmanager
    def shield(self) -> Generator[trio.CancelScope]:
        """Shield the block from cancellations until the deadline, if there is one.

        At the deadline the block is cancelled; the scope's ``cancelled_caught`` then is True.
        """
        with trio.CancelScope(deadline=self.at, shield=True) as scope:
            self._scopes[scope] = None
            try:
                yield scope
            finally:
                del self._scopes[scope]
