"""The input audio buffer of one connection: bytes waiting to become a user message.

Used by :mod:`.listening`. Offsets are milliseconds of audio appended since the connection began,
as in the protocol's events.
"""

import attrs

from trio_realtime.testing.simulator.served_formats import PCM16, AudioFormat
from trio_realtime.testing.simulator.vad import Boundary, Segmenter, VadSettings

LEAST_COMMIT_MS = 100
"""The service refuses to commit less."""

KEPT_IDLE_MS = 40_000
"""How much silence is kept while voice activity detection waits: more than any padding or idle
timeout reaches back, so that an hour of silence costs no memory."""


@attrs.define(eq=False)
class InputAudio:
    """Appended audio, and the speech in it when ``vad`` is set."""

    format: AudioFormat = PCM16
    vad: VadSettings | None = None
    _segmenter: Segmenter = attrs.field(init=False, factory=Segmenter)
    _kept: bytearray = attrs.field(init=False, factory=bytearray)
    # Bytes of this format appended in all, and how many of them precede `_kept`.
    _appended: int = attrs.field(init=False, default=0)
    _dropped: int = attrs.field(init=False, default=0)
    _earlier_ms: int = attrs.field(init=False, default=0)  # appended in formats used before

    @property
    def appended_ms(self) -> int:
        """Offset of the end of what was appended so far."""
        return self._earlier_ms + self._appended // self.format.bytes_per_ms

    @property
    def buffered_ms(self) -> float:
        """How much audio a commit would take."""
        return len(self._kept) / self.format.bytes_per_ms

    def configure(self, audio_format: AudioFormat, vad: VadSettings | None) -> None:
        """Take over session settings. Another format empties the buffer."""
        if audio_format is not self.format:
            self._earlier_ms = self.appended_ms
            self._kept.clear()
            self._appended = self._dropped = 0
            self.format = audio_format
            self._segmenter.change_format(audio_format, self._earlier_ms)
        if vad is None or self.vad is None:
            self._segmenter.reset()
        self.vad = vad
        self._segmenter.settings = vad or VadSettings()

    def append(self, audio: bytes) -> list[Boundary]:
        """Add audio; returns the boundaries of speech it revealed, none without VAD."""
        self._kept += audio
        self._appended += len(audio)
        boundaries = self._segmenter.feed(audio)
        if self.vad is None:
            self._segmenter.reset()
            return []
        if not boundaries and not self._segmenter.speaking:
            self._drop_until(self.appended_ms - KEPT_IDLE_MS)
        return boundaries

    def take(self, start_ms: int, end_ms: int) -> bytes:
        """The audio between two offsets, as far as it is there; the buffer begins after it."""
        self._drop_until(start_ms)
        length = max(self._position(end_ms) - self._dropped, 0)
        taken = bytes(self._kept[:length])
        self._drop(length)
        return taken

    def take_all(self) -> bytes:
        """All that is buffered; speech in progress is forgotten."""
        taken = bytes(self._kept)
        self.clear()
        return taken

    def clear(self) -> None:
        """Drop what is buffered; speech in progress is forgotten."""
        self._drop(len(self._kept))
        self._segmenter.reset()

    def _position(self, offset_ms: int) -> int:
        return (offset_ms - self._earlier_ms) * self.format.bytes_per_ms

    def _drop_until(self, offset_ms: int) -> None:
        self._drop(self._position(offset_ms) - self._dropped)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._dropped += min(count, len(self._kept))
            del self._kept[:count]
