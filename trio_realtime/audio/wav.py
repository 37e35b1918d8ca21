"""Reading and writing WAV files as mono PCM16.

Reading and writing use the disk, so inside Trio call them through ``trio.to_thread.run_sync``; a
long file piece by piece, with a `WavReader`, so that it can be cancelled between the pieces.
"""

import math
import os
import struct
import wave
from collections.abc import Callable, Sequence
from typing import IO, Final, Self, cast

import attrs

from ..errors import UserError
from .g711 import alaw_decode, ulaw_decode
from .samples import MODEL_RATE, check_samples, mix, pack, widen
from .wav_header import WavHeader, read_header, read_up_to

PIECE: Final = 262_144
"""Samples decoded at a time: what is in memory besides the result is a few MiB."""


@attrs.frozen(kw_only=True)
class Wav:
    """The sound of a WAV file, as mono PCM16."""

    samples: bytes = attrs.field(repr=lambda samples: f"<{len(samples)} bytes>")
    """Mono PCM16 little-endian."""
    rate: int
    """Samples per second, in Hz, as in the file."""

    @property
    def duration_ms(self) -> float:
        """Its duration, in ms."""
        return len(self.samples) / 2 / self.rate * 1000


class WavReader:
    """Reads a WAV file piece by piece, so that a long one takes little memory::

        with WavReader("call.wav") as reader:
            while pcm := reader.read(reader.rate):  # a second of it
                ...

    Takes what `read_wav` takes, and raises as it does. ``source`` is a path, or a binary file open
    for reading, seekable or not, which is left open. Not safe for use by two threads at once.
    """

    def __init__(self, source: str | os.PathLike[str] | IO[bytes]) -> None:
        self._own = open(source, "rb") if isinstance(source, str | os.PathLike) else None  # noqa: SIM115 - closed by `close`
        self._file = cast("IO[bytes]", self._own or source)
        try:
            self._header = read_header(self._file)
            self._to_pcm16 = _decoder(self._header)
        except BaseException:
            self.close()
            raise
        self._left = self._header.nbytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def rate(self) -> int:
        """Samples per second, in Hz, as in the file."""
        return self._header.rate

    @property
    def duration_ms(self) -> float | None:
        """The duration of the file, in ms, by its header; None if the header does not say."""
        if self._header.nbytes is None:
            return None
        return self._header.nbytes / self._header.frame_bytes / self.rate * 1000

    @property
    def at_end(self) -> bool:
        """Whether, by the header, there is nothing left to read."""
        return self._left is not None and self._left < self._header.frame_bytes

    def read(self, samples: int) -> bytes:
        """The next samples as mono PCM16, at most so many; nothing at the end.

        Less than a sample at the end of the file is left out. Blocks as the file does.
        """
        frame = self._header.frame_bytes
        wanted = samples * frame
        if self._left is not None:
            wanted = min(wanted, self._left // frame * frame)
        data = read_up_to(self._file, wanted)
        if self._left is not None:
            self._left -= len(data)
        return mix(self._to_pcm16(data[: len(data) // frame * frame]), self._header.channels)

    def close(self) -> None:
        """Close the file, if it was opened here. Idempotent."""
        if self._own is not None:
            self._own.close()


def read_wav(source: str | os.PathLike[str] | IO[bytes]) -> Wav:
    """Read a WAV file whole: a path, or a binary file open for reading.

    Takes integer PCM of 8, 16, 24 and 32 bits, IEEE float of 32 and 64 bits, and both laws of
    G.711, with any number of channels, which are mixed to one; wider samples are cut to 16 bits.
    Files above 4 GiB (RF64, BW64) are read as well. A file whose header promises more than there
    is, or says 0, as a recorder leaves it that was stopped or wrote into a pipe, is read to its
    end. The sample rate stays: see `resample`. For long files use `WavReader`.

    Raises `~trio_realtime.errors.UserError` for what is no WAV file and for other encodings, and
    OSError as the file system does.
    """
    # Not by the standard library's wave module: before Python 3.12 it refuses the "extensible"
    # header, which most programs write for 24 bits, and it knows integers only.
    with WavReader(source) as reader:
        pieces: list[bytes] = []
        while piece := reader.read(PIECE):
            pieces.append(piece)
        return Wav(samples=b"".join(pieces), rate=reader.rate)


def _decoder(header: WavHeader) -> Callable[[bytes], bytes]:
    """What turns the file's samples into PCM16. Raises `UserError` for what none does."""
    to_pcm16 = _WAV_ENCODINGS.get((header.encoding, header.bits))
    if to_pcm16 is None:
        raise UserError(
            f"cannot read a WAV file of encoding {header.encoding:#06x} with {header.bits} bits "
            "per sample: integers of 8, 16, 24 or 32 bits, floats of 32 or 64 bits and G.711 are "
            "supported"
        )
    if not (header.channels and header.rate):
        raise UserError(f"a WAV file cannot have {header.channels} channels at {header.rate} Hz")
    return to_pcm16


def write_wav(
    target: str | os.PathLike[str] | IO[bytes], pcm: bytes, rate: int = MODEL_RATE
) -> None:
    """Write mono PCM16 as a WAV file: to a path, or into a binary file open for writing."""
    check_samples(pcm)
    if isinstance(target, str | os.PathLike):
        # Opened here: given a path that cannot be opened, `wave` also prints a traceback.
        with open(target, "wb") as file:
            write_wav(file, pcm, rate)
        return
    with wave.open(target, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(pcm)


def _from_8_bits(data: bytes) -> bytes:
    # The only unsigned encoding: flipping the top bit makes it signed.
    return widen(bytes(len(data)), data.translate(bytes(code ^ 0x80 for code in range(256))))


def _from_24_bits(data: bytes) -> bytes:
    return widen(data[1::3], data[2::3])


def _from_32_bits(data: bytes) -> bytes:
    return widen(data[2::4], data[3::4])


def _from_float_32(data: bytes) -> bytes:
    return _from_floats(struct.unpack(f"<{len(data) // 4}f", data))


def _from_float_64(data: bytes) -> bytes:
    return _from_floats(struct.unpack(f"<{len(data) // 8}d", data))


def _from_floats(values: Sequence[float]) -> bytes:
    """PCM16 of floats whose full scale is 1.0. Louder ones are clipped, and NaN becomes silence."""
    return pack(
        [
            0 if math.isnan(value) else round(max(-32768.0, min(32767.0, value * 32768)))
            for value in values
        ]
    )


# By the registered encoding and the bits per sample.
_WAV_ENCODINGS: Final[dict[tuple[int, int], Callable[[bytes], bytes]]] = {
    (1, 8): _from_8_bits,
    (1, 16): bytes,
    (1, 24): _from_24_bits,
    (1, 32): _from_32_bits,
    (3, 32): _from_float_32,
    (3, 64): _from_float_64,
    (6, 8): alaw_decode,
    (7, 8): ulaw_decode,
}
