"""Audio that the user says while the session still connects. Pure.

A caller who speaks at once should not lose the first words, so they are kept and sent first. How
much is kept is bounded for the session as a whole, whichever tasks send it.
"""

from collections import deque
from typing import Final

import attrs

from ...models.inputs import RealtimeModelSendAudio

MAX_BYTES: Final = 480_000
"""Ten seconds of PCM16 at 24 kHz."""


@attrs.define(eq=False, repr=False)
class EarlyAudio:
    """The audio kept for one session, in the order it was said."""

    nbytes: int = attrs.field(default=0, init=False)
    """How many bytes are kept."""
    _kept: deque[RealtimeModelSendAudio] = attrs.field(
        factory=deque[RealtimeModelSendAudio], init=False
    )

    def keep(self, audio: RealtimeModelSendAudio) -> bool:
        """Keep this audio. Returns False, and keeps nothing of it, if there is no room."""
        if self.nbytes + len(audio.audio) > MAX_BYTES:
            return False
        self._kept.append(audio)
        self.nbytes += len(audio.audio)
        return True

    def take(self) -> RealtimeModelSendAudio | None:
        """Remove and return the oldest audio that is kept; ``None`` if there is none."""
        if not self._kept:
            return None
        audio = self._kept.popleft()
        self.nbytes -= len(audio.audio)
        return audio
