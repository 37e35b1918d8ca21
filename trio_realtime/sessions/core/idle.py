"""Idle policy: speak up when the user has been silent for long, and end when nobody answers.

The session's own, on its own clock; the server's ``idle_timeout_ms`` is another way, for server
turn detection only.
"""

import math
from collections.abc import Awaitable, Callable

import attrs
import trio

from ..run_config import RealtimeIdleConfig

LOOK_AGAIN = 0.25
"""Seconds between two looks whether somebody is busy: silence is measured as exactly as that."""


LONGEST_SPEECH = 120.0
"""Seconds for which the user counts as speaking without word of it. A server whose client stops
sending audio in the middle of speech never says that the speech stopped."""


@attrs.define(eq=False, repr=False)
class IdleWatch:
    """Watches one session for silence.

    Silence is counted from the end of what was last heard, said, typed or worked on.
    """

    _config: RealtimeIdleConfig
    _is_busy: Callable[[], bool]
    """Whether the model speaks, is heard, or a tool runs."""
    _nudge: Callable[[str], Awaitable[None]]
    _end: Callable[[], None]
    _quiet_since: float = attrs.field(factory=trio.current_time, init=False)
    _nudged: int = attrs.field(default=0, init=False)
    _speaks_until: float = attrs.field(default=-math.inf, init=False)

    def speech_started(self) -> None:
        """The server hears the user speak, which may take long."""
        self._speaks_until = trio.current_time() + LONGEST_SPEECH
        self.user_active()

    def speech_stopped(self) -> None:
        """It does not any more."""
        self._speaks_until = -math.inf
        self.user_active()

    def user_active(self) -> None:
        """The user spoke, typed or pressed a key."""
        self._quiet_since = trio.current_time()
        self._nudged = 0

    async def run(self) -> None:
        """Nudge and end as configured, until cancelled."""
        config = self._config
        while True:
            if trio.current_time() < self._speaks_until or self._is_busy():
                self._quiet_since = trio.current_time()
            limit = config.nudge_after if self._nudged < config.nudges else config.end_after
            if limit is None:
                limit = config.end_after
            waited = trio.current_time() - self._quiet_since
            if waited < limit:
                # While somebody speaks the silence has not begun: look again soon.
                await trio.sleep(min(limit - waited, LOOK_AGAIN))
            elif self._nudged < config.nudges and config.nudge_after is not None:
                self._nudged += 1
                self._quiet_since = trio.current_time()
                await self._nudge(config.nudge)
            else:
                self._end()
                return
