"""PCM16 in pieces: whole samples, chunks of a length in ms, and how loud they are.

Everything here works on ``bytes`` of mono PCM16 little-endian and is a pure function.
"""

import math
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from ..errors import UserError

MODEL_RATE: Final = 24_000
"""The sample rate of PCM16 in the OpenAI Realtime API, in Hz."""


def chunks(
    pcm: bytes, ms: float = 20, rate: int = MODEL_RATE, *, width: int = 2
) -> Iterator[bytes]:
    """Cut audio into pieces of ``ms`` milliseconds; the last may be shorter.

    ``width`` is bytes per sample: 2 for PCM16, 1 for G.711, of which 20 ms at 8 kHz are 160 bytes.
    Raises `~trio_realtime.errors.UserError` when a piece would be shorter than one sample.
    """
    size = int(rate * ms / 1000) * width
    if size <= 0:
        raise UserError(f"{ms:g} ms at {rate} Hz is less than one sample")
    return (pcm[start : start + size] for start in range(0, len(pcm), size))


def level_dbfs(pcm: bytes) -> float:
    """How loud PCM16 is: its RMS level in dB below full scale, ``-inf`` for silence.

    A full-scale square wave is 0 dB, a full-scale sine -3 dB, close speech about -20 dB.
    """
    check_samples(pcm)
    energy = sum(sample * sample for sample in unpack(pcm))
    if not energy:
        return -math.inf
    return 10 * math.log10(energy / (len(pcm) // 2) / 32768**2)


def check_samples(pcm: bytes) -> None:
    """Raise `UserError` unless these bytes are whole samples of PCM16."""
    if len(pcm) % 2:
        raise UserError(f"PCM16 takes 2 bytes per sample, and {len(pcm)} bytes is an odd number")


def widen(low: bytes, high: bytes) -> bytes:
    """PCM16 of the low and the high bytes of its samples."""
    pcm = bytearray(2 * len(low))
    pcm[0::2] = low
    pcm[1::2] = high
    return bytes(pcm)


def unpack(pcm: bytes) -> tuple[int, ...]:
    """The samples of PCM16, as integers from -32768 to 32767."""
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def pack(samples: Sequence[int]) -> bytes:
    """PCM16 of samples from -32768 to 32767."""
    return struct.pack(f"<{len(samples)}h", *samples)


def mix(pcm: bytes, channels: int) -> bytes:
    """Mix interleaved channels to one, which is their mean."""
    if channels == 1:
        return pcm
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    frames = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return pack([sum(frame) // channels for frame in frames])


class WholeSamples:
    """Makes whole samples of audio that comes in pieces of any length.

    Servers and microphones may cut PCM16 in the middle of a sample. What is left of one is kept and
    put in front of the next piece, so no piece that comes out holds half a sample.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, audio: bytes, width: int = 2) -> bytes:
        """Add audio; return the samples that are whole now, of ``width`` bytes each, if any."""
        if not self._rest and not len(audio) % width:
            return audio
        audio = self._rest + audio
        whole = len(audio) - len(audio) % width
        self._rest = audio[whole:]
        return audio[:whole]

    def clear(self) -> None:
        """Forget the part of a sample that is left: the next audio belongs to another sound."""
        self._rest = b""
