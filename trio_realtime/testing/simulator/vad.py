"""Where speech starts and stops in a stream of audio, by its energy alone.

Used by :mod:`.input_audio`. Time is audio time: every offset is in milliseconds of audio fed so
far, and the same audio gives the same boundaries however it is cut into pieces. Loudness is
measured over frames of 10 ms, so offsets are right to 10 ms.
"""

from functools import lru_cache

import attrs

from trio_realtime.testing.simulator.served_formats import PCM16, AudioFormat

FRAME_MS = 10
"""The resolution of every offset."""

_QUIETEST_DB, _LOUDEST_DB = -60.0, -20.0
_FULL_SCALE = 32_768.0


@attrs.frozen(kw_only=True)
class VadSettings:
    """The session's turn detection, as far as energy can honour it.

    ``threshold`` 0.0 to 1.0 stands for a level of -60 to -20 dB below full scale (RMS), so the
    default hears anything above -40 dB.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    @property
    def power(self) -> float:
        """The mean square amplitude at which a frame counts as speech."""
        level_db = _QUIETEST_DB + self.threshold * (_LOUDEST_DB - _QUIETEST_DB)
        return float(_FULL_SCALE**2 * 10.0 ** (level_db / 10))


@attrs.frozen
class SpeechStarted:
    """Speech began; ``audio_start_ms`` lies the prefix padding before it."""

    audio_start_ms: int


@attrs.frozen
class SpeechStopped:
    """Speech ended; ``audio_end_ms`` includes the silence that proved it."""

    audio_end_ms: int


Boundary = SpeechStarted | SpeechStopped


@attrs.define(eq=False)
class Segmenter:
    """Finds the boundaries of speech. Feed it bytes of the format, in any portions.

    ``position_ms`` is the offset of the next frame to measure.
    """

    settings: VadSettings = attrs.field(factory=VadSettings)
    format: AudioFormat = PCM16
    position_ms: int = 0
    _unmeasured: bytes = attrs.field(init=False, default=b"")
    _floor_ms: int = attrs.field(init=False, default=0)
    _speaking: bool = attrs.field(init=False, default=False)
    _loud_until_ms: int = attrs.field(init=False, default=0)

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not stopped."""
        return self._speaking

    def feed(self, audio: bytes) -> list[Boundary]:
        """Measure all whole frames there are; returns the boundaries found, in order."""
        if self._unmeasured:
            audio = self._unmeasured + audio
        frame_bytes = FRAME_MS * self.format.bytes_per_ms
        whole = len(audio) - len(audio) % frame_bytes
        loud_from = self.settings.power
        found: list[Boundary] = []
        for at in range(0, whole, frame_bytes):
            loud = _power(self.format, audio[at : at + frame_bytes]) >= loud_from
            if loud or self._speaking:
                found += self._advance(loud=loud)
            self.position_ms += FRAME_MS
        self._unmeasured = audio[whole:]
        return found

    def reset(self) -> None:
        """Forget speech in progress; the next segment begins no earlier than here."""
        self._speaking = False
        self._floor_ms = self.position_ms

    def change_format(self, audio_format: AudioFormat, position_ms: int) -> None:
        """Expect another format from this offset on; bytes short of a frame are dropped."""
        self.format = audio_format
        self.position_ms = position_ms
        self._unmeasured = b""
        self.reset()

    def _advance(self, *, loud: bool) -> list[Boundary]:
        """Take the frame at ``position_ms`` into account."""
        if loud:
            started = not self._speaking
            self._speaking = True
            self._loud_until_ms = self.position_ms + FRAME_MS
            if not started:
                return []
            padded_ms = self.position_ms - self.settings.prefix_padding_ms
            return [SpeechStarted(max(padded_ms, self._floor_ms))]
        end_ms = self._loud_until_ms + self.settings.silence_duration_ms
        if self.position_ms + FRAME_MS < end_ms:
            return []
        self._speaking = False
        self._floor_ms = end_ms
        return [SpeechStopped(end_ms)]


@lru_cache(maxsize=1_024)
def _power(audio_format: AudioFormat, frame: bytes) -> float:
    """Mean square amplitude of a frame. Silence and steady tones repeat, hence the cache."""
    samples = audio_format.samples(frame)
    return sum([sample * sample for sample in samples]) / len(samples)
