"""Audio helpers: WAV files, sample rates, G.711, chunks, levels.

For applications and the command line; the session itself never converts audio. Everything works on
``bytes`` of mono PCM16 little-endian, which is what sessions speak by default (at 24 kHz), and
everything is a plain function: nothing waits except for the disk, so inside Trio read and write
long files through ``trio.to_thread.run_sync``.

Only resampling needs packages, numpy and soxr, which come with ``trio-realtime[talk]`` and are
imported when first used.
"""

import math
import os
import struct
import wave
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

import attrs

from trio_realtime.errors import UserError

MODEL_RATE: Final = 24_000
"""The sample rate of PCM16 in the OpenAI Realtime API, in Hz."""


# WAV files


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
    _check_samples(pcm)
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
    samples = _unpack(pcm)
    frames = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return _pack([sum(frame) // channels for frame in frames])


def _from_8_bits(data: bytes) -> bytes:
    # The only unsigned encoding: flipping the top bit makes it signed.
    return _widen(bytes(len(data)), data.translate(bytes(code ^ 0x80 for code in range(256))))


def _from_24_bits(data: bytes) -> bytes:
    return _widen(data[1::3], data[2::3])


def _from_32_bits(data: bytes) -> bytes:
    return _widen(data[2::4], data[3::4])


def _from_float_32(data: bytes) -> bytes:
    return _from_floats(struct.unpack(f"<{len(data) // 4}f", data))


def _from_float_64(data: bytes) -> bytes:
    return _from_floats(struct.unpack(f"<{len(data) // 8}d", data))


def _from_floats(values: Sequence[float]) -> bytes:
    """Full scale is 1.0; what is louder is clipped, and what is no number is silent."""
    return _pack(
        [
            0 if math.isnan(value) else round(max(-32768.0, min(32767.0, value * 32768)))
            for value in values
        ]
    )


# Sample rates


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Mono PCM16 at another sample rate, whole in one go. For a stream use `Resampler`.

    Equal rates need no packages and return ``pcm`` itself. Raises
    `~trio_realtime.errors.UserError` for half a sample, for a rate that is not positive, and when
    numpy or soxr is not installed.
    """
    _check_samples(pcm)
    _check_rates(from_rate, to_rate)
    if from_rate == to_rate or not pcm:
        return pcm
    numpy, soxr = _resampling_packages()
    return _to_bytes(soxr.resample(_from_bytes(numpy, pcm), from_rate, to_rate))


class Resampler:
    """Mono PCM16 at another sample rate, piece by piece, without clicks between the pieces.

    What `feed` returns lags behind what it was given, by some milliseconds, which `flush` brings
    out. Pieces may end anywhere, also inside a sample. Equal rates need no packages. Raises
    `~trio_realtime.errors.UserError` as `resample` does.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        _check_rates(from_rate, to_rate)
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._half_sample = b""
        self._stream: Any = None
        if from_rate != to_rate:
            self._numpy, soxr = _resampling_packages()
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16")

    def feed(self, pcm: bytes) -> bytes:
        """Take the next piece; return what is ready, which may be nothing."""
        return self._process(pcm, last=False)

    def flush(self) -> bytes:
        """End the sound and return the rest of it. The next `feed` starts another sound."""
        rest = self._process(b"", last=True)
        self._half_sample = b""
        if self._stream is not None:
            self._stream.clear()
        return rest

    def _process(self, pcm: bytes, *, last: bool) -> bytes:
        whole = self._half_sample + pcm
        cut = len(whole) // 2 * 2
        whole, self._half_sample = whole[:cut], whole[cut:]
        if self._stream is None:
            return whole
        return _to_bytes(self._stream.resample_chunk(_from_bytes(self._numpy, whole), last=last))


def _resampling_packages() -> tuple[Any, Any]:
    """numpy and soxr, untyped: soxr has no type hints, and numpy's would have to be installed."""
    try:
        return import_module("numpy"), import_module("soxr")
    except ImportError as error:
        raise UserError(
            "changing a sample rate needs numpy and soxr: pip install 'trio-realtime[talk]'"
        ) from error


def _from_bytes(numpy: Any, pcm: bytes) -> Any:
    return numpy.frombuffer(pcm, dtype="<i2").astype("int16", copy=False)


def _to_bytes(samples: Any) -> bytes:
    data: bytes = samples.astype("<i2", copy=False).tobytes()
    return data


def _check_rates(*rates: int) -> None:
    for rate in rates:
        if rate <= 0:
            raise UserError(f"a sample rate must be positive, not {rate!r}")


# G.711
#
# Tables after the reference code of ITU-T G.191 (ulaw_compress, alaw_compress and their inverses),
# which takes the one's complement of negative samples: both halves of a law are mirror images.


def ulaw_decode(data: bytes) -> bytes:
    """µ-law, one byte per sample, to PCM16."""
    low, high = _decoding_tables(_ulaw_magnitude)
    return _widen(data.translate(low), data.translate(high))


def ulaw_encode(pcm: bytes) -> bytes:
    """PCM16 to µ-law, one byte per sample. Of the two zeros it writes the positive, 0xFF."""
    return _encode(pcm, _encoding_table(_ulaw_code, 14))


def alaw_decode(data: bytes) -> bytes:
    """A-law, one byte per sample, to PCM16."""
    low, high = _decoding_tables(_alaw_magnitude)
    return _widen(data.translate(low), data.translate(high))


def alaw_encode(pcm: bytes) -> bytes:
    """PCM16 to A-law, one byte per sample."""
    return _encode(pcm, _encoding_table(_alaw_code, 12))


def _ulaw_magnitude(code: int) -> int:
    exponent, mantissa = (~code >> 4) & 7, ~code & 15
    return (((mantissa << 3) + 132) << exponent) - 132


def _alaw_magnitude(code: int) -> int:
    exponent, mantissa = (code ^ 0x55) >> 4 & 7, (code ^ 0x55) & 15
    if exponent == 0:
        return (mantissa << 4) + 8
    return ((mantissa << 4) + 264) << (exponent - 1)


def _ulaw_code(magnitude: int) -> int:
    """The code of a positive sample of 14 bits, the sign not counted as one: 0 to 8191."""
    biased = min(magnitude + 33, 8191)
    exponent = biased.bit_length() - 6
    mantissa = (biased >> (exponent + 1)) & 15
    return (exponent << 4 | mantissa) ^ 0xFF


def _alaw_code(magnitude: int) -> int:
    """The code of a positive sample of 12 bits: 0 to 2047."""
    exponent = max(magnitude.bit_length() - 4, 0)
    mantissa = (magnitude >> max(exponent - 1, 0)) & 15
    return (exponent << 4 | mantissa) ^ 0xD5


@cache
def _decoding_tables(magnitude: Callable[[int], int]) -> tuple[bytes, bytes]:
    """For each code, the low and the high byte of its sample. In both laws 0x80 means positive."""
    pcm = _pack([magnitude(code) if code & 0x80 else -magnitude(code) for code in range(256)])
    return pcm[0::2], pcm[1::2]


@cache
def _encoding_table(code: Callable[[int], int], bits: int) -> bytes:
    """For each sample, read as an unsigned number, its code."""
    repeat = 1 << (16 - bits)
    positive = b"".join(bytes([code(magnitude)]) * repeat for magnitude in range(32768 // repeat))
    # From -32768 up to -1, that is from the largest magnitude down, with the sign bit flipped.
    negative = bytes(each ^ 0x80 for each in reversed(positive))
    return positive + negative


def _encode(pcm: bytes, table: bytes) -> bytes:
    _check_samples(pcm)
    return bytes(map(table.__getitem__, struct.unpack(f"<{len(pcm) // 2}H", pcm)))


# Chunks and levels


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
    _check_samples(pcm)
    energy = sum(sample * sample for sample in _unpack(pcm))
    if not energy:
        return -math.inf
    return 10 * math.log10(energy / (len(pcm) // 2) / 32768**2)


# Samples


def _check_samples(pcm: bytes) -> None:
    if len(pcm) % 2:
        raise UserError(f"PCM16 takes 2 bytes per sample, and {len(pcm)} bytes is an odd number")


def _widen(low: bytes, high: bytes) -> bytes:
    """PCM16 of the low and the high bytes of its samples."""
    pcm = bytearray(2 * len(low))
    pcm[0::2] = low
    pcm[1::2] = high
    return bytes(pcm)


def _unpack(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def _pack(samples: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


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
