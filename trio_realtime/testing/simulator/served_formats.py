"""The three audio formats of the protocol, and how to read and write their samples.

Used by :mod:`.vad` (to measure), :mod:`.voice` (to speak) and :mod:`.input_audio` (to count
milliseconds). PCM16 is mono, 24 kHz, little-endian: 48 bytes a millisecond. G.711 µ-law and A-law
are mono, 8 kHz: 8 bytes a millisecond (ITU-T G.711).
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import attrs

ANALYSIS_RATE = 8_000
"""Hz at which loudness is measured, whatever the format."""


@attrs.frozen
class AudioFormat:
    """A wire format. ``name`` is its ``type`` in a session, ``rate`` in Hz."""

    name: str
    rate: int
    sample_bytes: int

    @property
    def bytes_per_ms(self) -> int:
        """How many bytes a millisecond takes."""
        return self.rate * self.sample_bytes // 1_000

    @property
    def description(self) -> str:
        """The format as the API's errors call it."""
        return _DESCRIPTIONS[self.name]

    def render(self) -> dict[str, Any]:
        """The format object of a session."""
        return {"type": self.name, "rate": self.rate} if self is PCM16 else {"type": self.name}

    def samples(self, audio: bytes) -> Sequence[int]:
        """Amplitudes at 8 kHz, from -32768 to 32767; PCM16 is decimated, not filtered."""
        if self is PCM16:
            every = self.rate // ANALYSIS_RATE
            return struct.unpack(f"<{len(audio) // 2}h", audio)[::every]
        table = _decoded(self.name)
        return [table[byte] for byte in audio]

    def encode(self, samples: Iterable[int]) -> bytes:
        """Amplitudes at the format's own rate, as its bytes."""
        if self is PCM16:
            amplitudes = list(samples)
            return struct.pack(f"<{len(amplitudes)}h", *amplitudes)
        return bytes(_nearest(self.name, amplitude) for amplitude in samples)


_DESCRIPTIONS = {
    "audio/pcm": "mono PCM16 at 24kHz",
    "audio/pcmu": "G.711 u-law at 8kHz",
    "audio/pcma": "G.711 A-law at 8kHz",
}

PCM16 = AudioFormat("audio/pcm", 24_000, 2)
G711_ULAW = AudioFormat("audio/pcmu", 8_000, 1)
G711_ALAW = AudioFormat("audio/pcma", 8_000, 1)
FORMATS = {each.name: each for each in (PCM16, G711_ULAW, G711_ALAW)}


@cache
def _decoded(name: str) -> list[int]:
    expand = _expand_ulaw if name == G711_ULAW.name else _expand_alaw
    return [expand(byte) for byte in range(256)]


def _expand_ulaw(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = ((((byte & 0x0F) << 3) + 0x84) << ((byte >> 4) & 0x07)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def _expand_alaw(byte: int) -> int:
    byte ^= 0x55
    magnitude = ((byte & 0x0F) << 4) + 8
    exponent = (byte >> 4) & 0x07
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


@lru_cache(maxsize=65_536)
def _nearest(name: str, amplitude: int) -> int:
    """The code whose amplitude is closest."""
    ordered = _codes(name)
    at = bisect_left(ordered, (amplitude, 0))
    around = ordered[max(at - 1, 0) : at + 1]
    return min(around, key=lambda code: abs(code[0] - amplitude))[1]


@cache
def _codes(name: str) -> list[tuple[int, int]]:
    # µ-law has two zeros; the later one is the positive zero that stands for silence.
    return sorted({amplitude: byte for byte, amplitude in enumerate(_decoded(name))}.items())
