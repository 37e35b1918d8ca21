"""`Uplink`: what the caller says, waiting for the model to take it. Pure.

``bridge`` fills it as audio arrives and empties it as fast as the connection to the model takes it.
With it between the two, a slow connection never delays the marks, the keys and the end of the call,
which arrive on the same WebSocket as the audio.
"""

import attrs

from .playout import BYTES_PER_MS


@attrs.define(eq=False, repr=False)
class Uplink:
    """Audio of the caller, µ-law at 8 kHz, in order. Beyond its limit the oldest is dropped."""

    limit_ms: int
    dropped_ms: float = attrs.field(default=0.0, init=False)
    _waiting: bytearray = attrs.field(factory=bytearray, init=False)

    def put(self, audio: bytes) -> None:
        """Add what the caller said."""
        self._waiting += audio
        excess = len(self._waiting) - self.limit_ms * BYTES_PER_MS
        if excess > 0:
            del self._waiting[:excess]
            self.dropped_ms += excess / BYTES_PER_MS

    def take(self) -> bytes:
        """Remove and return all the audio that waits, which may be none."""
        audio = bytes(self._waiting)
        self._waiting.clear()
        return audio
