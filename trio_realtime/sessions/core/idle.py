"""The idle policy: speak when the user has been silent for long, and end when nobody answers.

The session measures the silence by Trio's clock. (The server's ``idle_timeout_ms`` does something
like it, where the server detects turns by voice activity.)
"""

import math
from collections.abc import Awaitable, Callable

import attrs
import trio

from ..run_config import RealtimeIdleConfig

LOOK_AGAIN = 0.25
"""Seconds between two checks whether somebody is busy, and so the precision of the silence."""


LONGEST_SPEECH = 120.0
"""Seconds after which the user no longer counts as speaking if the server says nothing. It does not
report the end of speech if the client stops sending audio in the middle of it."""


@attrs.define(eq=False, repr=False)
class IdleWatch:
    """Watches one session for silence.

    The silence begins when the user has spoken, typed or pressed a key, the model's audio has been
    heard, and no tool runs.
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
        """Note that the user began to speak."""
        self._speaks_until = trio.current_time() + LONGEST_SPEECH
        self.user_active()

    def speech_stopped(self) -> None:
        """Note that the user stopped speaking."""
        self._speaks_until = -math.inf
        self.user_active()

    def user_active(self) -> None:
        """Note that the user spoke, typed or pressed a key."""
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
                # No longer than that, since somebody may begin to speak in the meantime.
                await trio.sleep(min(limit - waited, LOOK_AGAIN))
            elif self._nudged < config.nudges and config.nudge_after is not None:
                self._nudged += 1
                self._quiet_since = trio.current_time()
                await self._nudge(config.nudge)
            else:
                self._end()
                return
