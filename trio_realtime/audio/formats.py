"""The audio formats of realtime models, and the arithmetic of bytes and milliseconds.

Used by the playback ledger, the playback tracker and whatever else has to know the duration of
some bytes. Nothing here converts audio; the other modules of `trio_realtime.audio` do.

There are three formats, each mono: PCM16 little-endian, and the two laws of G.711, µ and A, at
8 kHz (8 bytes per ms). The OpenAI Realtime API has PCM16 at 24 kHz (48 bytes per ms) and no other
rate, says ``RealtimeAudioFormats`` in ``openai.types.realtime``; servers that speak its protocol
have rates from 8 to 48 kHz.
"""

from collections.abc import Mapping
from typing import Final, cast

import attrs

from trio_realtime.errors import SettingsError


@attrs.frozen(kw_only=True)
class AudioFormat:
    """What the bytes of a mono audio stream mean."""

    name: str
    """As on the wire: ``"audio/pcm"``, ``"audio/pcmu"`` or ``"audio/pcma"``."""
    rate: int
    """Samples per second, in Hz."""
    sample_width: int
    """Bytes per sample."""
    silent_sample: bytes
    """The sample that means silence; all zero bits are loud in G.711."""

    @property
    def bytes_per_ms(self) -> float:
        """How many bytes one millisecond takes, which at some rates is no whole number."""
        return self.rate * self.sample_width / 1000

    def __str__(self) -> str:
        return f"{self.name} at {self.rate} Hz"

    def duration_ms(self, nbytes: int) -> float:
        """The duration of ``nbytes`` bytes, in ms."""
        return nbytes / self.bytes_per_ms

    def nbytes(self, ms: float) -> int:
        """How many bytes ``ms`` milliseconds take, rounded down to whole samples."""
        return int(self.rate * ms / 1000) * self.sample_width

    def silence(self, ms: float) -> bytes:
        """``ms`` milliseconds of silence, rounded down to whole samples."""
        return self.silent_sample * (self.nbytes(ms) // self.sample_width)

    def to_wire(self) -> dict[str, str | int]:
        """The format as ``session.update`` wants it: only PCM states its rate."""
        if self.name == PCM16.name:
            return {"type": self.name, "rate": self.rate}
        return {"type": self.name}


PCM16: Final = AudioFormat(name="audio/pcm", rate=24_000, sample_width=2, silent_sample=b"\0\0")
PCMU: Final = AudioFormat(name="audio/pcmu", rate=8_000, sample_width=1, silent_sample=b"\xff")
PCMA: Final = AudioFormat(name="audio/pcma", rate=8_000, sample_width=1, silent_sample=b"\xd5")

PCM_RATES: Final = range(8_000, 48_001)
"""The rates that PCM16 may have, in Hz."""

# The names of the GA protocol, of the beta protocol before it (also with the rates that Azure Voice
# Live puts into them), and the bare suffixes which the OpenAI Agents SDK takes as well.
_BY_NAME: Final = {
    "audio/pcm": PCM16,
    "pcm16": PCM16,
    "pcm": PCM16,
    "pcm16_8000hz": attrs.evolve(PCM16, rate=8_000),
    "pcm16_16000hz": attrs.evolve(PCM16, rate=16_000),
    "audio/pcmu": PCMU,
    "g711_ulaw": PCMU,
    "pcmu": PCMU,
    "audio/pcma": PCMA,
    "g711_alaw": PCMA,
    "pcma": PCMA,
}


def _shown(name: object) -> str:
    """An unknown name as messages show it: its first 40 characters, or the type of what is not a
    string."""
    return repr(name[:40]) if isinstance(name, str) else type(name).__name__


def audio_format(spec: object) -> AudioFormat:
    """The format that ``spec`` names.

    ``spec`` is an `AudioFormat`, a name in any spelling (``"pcm16"``, ``"g711_ulaw"``,
    ``"audio/pcma"``…), a mapping or object in wire form (``{"type": "audio/pcm", "rate": 16000}``),
    or None for the protocol's default, PCM16 at 24 kHz. Raises
    `~trio_realtime.errors.SettingsError` for anything else, and for a rate that the format cannot
    have. Whether a model has that rate, only its server knows.
    """
    if isinstance(spec, AudioFormat):
        return spec
    if spec is None:
        return PCM16
    rate: object = None
    name: object = spec
    if isinstance(spec, Mapping):
        fields = cast("Mapping[str, object]", spec)
        name, rate = fields.get("type"), fields.get("rate")
    elif not isinstance(spec, str):
        name, rate = getattr(spec, "type", None), getattr(spec, "rate", None)
    found = _BY_NAME.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        got = _shown(name)
        raise SettingsError(
            f"unknown audio format {got}: known are 'audio/pcm', 'audio/pcmu' and 'audio/pcma'",
            path="type",
        )
    if rate is None or rate == found.rate:
        return found
    if found.name != PCM16.name:
        raise SettingsError(f"{found.name} has a rate of {found.rate} Hz alone", path="rate")
    if not isinstance(rate, int | float) or rate not in PCM_RATES:
        raise SettingsError(
            f"{found.name} has a rate from {PCM_RATES[0]} to {PCM_RATES[-1]} Hz", path="rate"
        )
    return attrs.evolve(found, rate=int(rate))
