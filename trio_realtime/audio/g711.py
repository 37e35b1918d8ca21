"""G.711, the encoding of telephone lines: µ-law and A-law, 8 bits a sample, to PCM16 and back.

The session never converts audio; applications and the WAV reader do.
"""

import struct
from collections.abc import Callable
from functools import cache

from .samples import check_samples, pack, widen

# Tables after the reference code of ITU-T G.191 (ulaw_compress, alaw_compress and their inverses),
# which takes the one's complement of negative samples: both halves of a law are mirror images.


def ulaw_decode(data: bytes) -> bytes:
    """µ-law, one byte per sample, to PCM16."""
    low, high = _decoding_tables(_ulaw_magnitude)
    return widen(data.translate(low), data.translate(high))


def ulaw_encode(pcm: bytes) -> bytes:
    """PCM16 to µ-law, one byte per sample. Of the two zeros it writes the positive, 0xFF."""
    return _encode(pcm, _encoding_table(_ulaw_code, 14))


def alaw_decode(data: bytes) -> bytes:
    """A-law, one byte per sample, to PCM16."""
    low, high = _decoding_tables(_alaw_magnitude)
    return widen(data.translate(low), data.translate(high))


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
    pcm = pack([magnitude(code) if code & 0x80 else -magnitude(code) for code in range(256)])
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
    check_samples(pcm)
    return bytes(map(table.__getitem__, struct.unpack(f"<{len(pcm) // 2}H", pcm)))
