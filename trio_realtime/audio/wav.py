"""Reading and writing WAV files as mono PCM16.

Reading and writing use the disk, so inside Trio call them through ``trio.to_thread.run_sync``.
"""

import math
import os
import struct
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

import attrs

from ..errors import UserError
from .g711 import alaw_decode, ulaw_decode
from .samples import MODEL_RATE, check_samples, pack, unpack, widen


@attrs.frozen(kw_only=True)
class Wav:
    """The sound of a WAV file, as mono PCM16."""

    samples: bytes = attrs.field(repr=lambda samples: f"<{len(samples)} bytes>")
    """Mono PCM16 little-endian."""
    rate: int
    """Samples per second, in Hz, as in the file."""

    @property
    def duration_ms(self) -> float:
        """How long it sounds, in ms."""
        return len(self.samples) / 2 / self.rate * 1000


def read_wav(source: str | os.PathLike[str] | IO[bytes]) -> Wav:
    """Read a WAV file: a path, or a binary file open for reading.

    Takes integer PCM of 8, 16, 24 and 32 bits, IEEE float of 32 and 64 bits, and both laws of
    G.711, with any number of channels, which are mixed to one; wider samples are cut to 16 bits.
    A file whose header promises more than there is, as a recorder leaves it that was stopped or
    wrote into a pipe, is read to its end. The sample rate stays: see `resample`.

    Raises `~trio_realtime.errors.UserError` for what is no WAV file and for other encodings, and
    OSError as the file system does.
    """
    # Not by the standard library's wave module: before Python 3.12 it refuses the "extensible"
    # header, which most programs write for 24 bits, and it knows integers only.
    data = Path(source).read_bytes() if isinstance(source, (str, os.PathLike)) else source.read()
    header, body = _wav_chunks(data)
    encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if encoding == _EXTENSIBLE and len(header) >= _EXTENSIBLE_HEADER:
        (encoding,) = struct.unpack_from("<H", header, 24)
    to_pcm16 = _WAV_ENCODINGS.get((encoding, bits))
    if to_pcm16 is None:
        raise UserError(
            f"cannot read a WAV file of encoding {encoding:#06x} with {bits} bits per sample: "
            "integers of 8, 16, 24 or 32 bits, floats of 32 or 64 bits and G.711 are supported"
        )
    if not (channels and rate):
        raise UserError(f"a WAV file cannot have {channels} channels at {rate} Hz")
    frame = channels * bits // 8
    pcm = to_pcm16(body[: len(body) // frame * frame])
    return Wav(samples=_mix(pcm, channels), rate=rate)


def write_wav(
    target: str | os.PathLike[str] | IO[bytes], pcm: bytes, rate: int = MODEL_RATE
) -> None:
    """Write mono PCM16 as a WAV file: to a path, or into a binary file open for writing."""
    check_samples(pcm)
    if isinstance(target, str | os.PathLike):
        # Opened here: where it cannot be, `wave` would print a traceback of its own besides.
        with open(target, "wb") as file:
            write_wav(file, pcm, rate)
        return
    with wave.open(target, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(pcm)


def _wav_chunks(data: bytes) -> tuple[bytes, bytes]:
    """The bodies of the chunks ``fmt`` and ``data`` of a RIFF file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UserError("this is no WAV file: it does not begin with RIFF and WAVE")
    found: dict[bytes, bytes] = {}
    offset = 12
    while offset + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, offset)
        found.setdefault(name, data[offset + 8 : offset + 8 + size])
        offset += 8 + size + size % 2
    header, body = found.get(b"fmt ", b""), found.get(b"data")
    if len(header) < _PLAIN_HEADER or body is None:
        raise UserError("this WAV file is broken: it lacks the chunk that says what its data is")
    return header, body


def _mix(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    samples = unpack(pcm)
    frames = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return pack([sum(frame) // channels for frame in frames])


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
    """Full scale is 1.0; what is louder is clipped, and what is no number is silent."""
    return pack(
        [
            0 if math.isnan(value) else round(max(-32768.0, min(32767.0, value * 32768)))
            for value in values
        ]
    )


# Registered encodings of the WAVE format, from RFC 2361 and Microsoft's mmreg.h.
_PLAIN_HEADER: Final = 16
_EXTENSIBLE: Final = 0xFFFE
_EXTENSIBLE_HEADER: Final = 40
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
