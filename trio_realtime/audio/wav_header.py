"""What a WAV file's header says: how its samples are encoded, and where they are.

Reads RIFF files and their 64-bit relatives, RF64 and BW64 (EBU Tech 3306), from a binary file that
is open for reading, seekable or not.
"""

import io
import struct
from typing import IO, Final

import attrs

from ..errors import UserError

# Registered encodings of the WAVE format, from RFC 2361 and Microsoft's mmreg.h.
_PLAIN_HEADER: Final = 16
_EXTENSIBLE: Final = 0xFFFE
_EXTENSIBLE_HEADER: Final = 40

_LONGEST_HEADER: Final = 65_536
"""The most bytes of one header chunk that are read into memory; longer chunks are passed over."""

_UNKNOWN_SIZES: Final = frozenset({0, 0xFFFF_FFFF})
"""Sizes that a recorder writes before it knows the size of its data. One that was stopped, or that
wrote into a pipe, leaves them in the file."""


@attrs.frozen(kw_only=True)
class WavHeader:
    """The header of a WAV file, read up to the first byte of sound."""

    encoding: int
    """The registered number: 1 integers, 3 floats, 6 A-law, 7 µ-law."""
    bits: int
    """Per sample and channel."""
    channels: int
    rate: int
    """Samples per second, in Hz."""
    nbytes: int | None
    """Bytes of sound; None if the header does not say, and the sound ends with the file."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8


def read_header(file: IO[bytes]) -> WavHeader:
    """Read up to where the sound begins.

    Raises:
        UserError: it is no WAV file, or lacks a part that it cannot do without.
    """
    magic = read_up_to(file, 12)
    if magic[:4] not in {b"RIFF", b"RF64", b"BW64"} or magic[8:12] != b"WAVE":
        raise UserError("this is no WAV file: it does not begin with RIFF and WAVE")
    described: dict[bytes, bytes] = {}
    while len(start := read_up_to(file, 8)) == 8:
        name, size = struct.unpack("<4sI", start)
        if name == b"data":
            return _header(described, _data_size(file, size, described.get(b"ds64", b"")))
        _read_chunk(file, name, size + size % 2, described)
    raise UserError(_BROKEN)


def read_up_to(file: IO[bytes], nbytes: int) -> bytes:
    """Read ``nbytes`` bytes, or all that are left. Reads several times, since one read of a pipe
    may return less."""
    pieces: list[bytes] = []
    while nbytes and (piece := file.read(nbytes)):
        pieces.append(piece)
        nbytes -= len(piece)
    return b"".join(pieces)


def _read_chunk(file: IO[bytes], name: bytes, size: int, described: dict[bytes, bytes]) -> None:
    """Keep a chunk that describes the sound, and pass over any other."""
    if name in {b"fmt ", b"ds64"} and name not in described and size <= _LONGEST_HEADER:
        described[name] = read_up_to(file, size)
    elif file.seekable():
        file.seek(size, io.SEEK_CUR)
    else:
        while size and (passed := file.read(min(size, _LONGEST_HEADER))):
            size -= len(passed)


def _data_size(file: IO[bytes], size: int, ds64: bytes) -> int | None:
    """How many bytes of sound there are; None if the sound ends with the file."""
    if size == 0xFFFF_FFFF and len(ds64) >= 16:
        (size,) = struct.unpack_from("<Q", ds64, 8)
        return int(size)
    if size in _UNKNOWN_SIZES:
        return 0 if size == 0 and _only_chunks_follow(file) else None
    return size


def _only_chunks_follow(file: IO[bytes]) -> bool:
    """Whether what stands behind the header is more chunks (or nothing), and so is no sound.

    Asked where the size of the data is 0: an empty recording may have its title behind it. A file
    that cannot be looked into is taken to hold sound.
    """
    if not file.seekable():
        return False
    place = file.tell()
    try:
        while start := file.read(8):
            if len(start) < 8 or not all(32 <= code < 127 for code in start[:4]):
                return False
            (size,) = struct.unpack_from("<I", start, 4)
            if not _skip_exactly(file, size):
                return False
        return True
    finally:
        file.seek(place)


def _skip_exactly(file: IO[bytes], size: int) -> bool:
    """Pass over ``size`` bytes, and one more if that is odd; False if the file ends first."""
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    if here + size > end:
        return False
    file.seek(min(here + size + size % 2, end))
    return True


def _header(described: dict[bytes, bytes], nbytes: int | None) -> WavHeader:
    fmt = described.get(b"fmt ", b"")
    if len(fmt) < _PLAIN_HEADER:
        raise UserError(_BROKEN)
    encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    if encoding == _EXTENSIBLE and len(fmt) >= _EXTENSIBLE_HEADER:
        (encoding,) = struct.unpack_from("<H", fmt, 24)
    return WavHeader(encoding=encoding, bits=bits, channels=channels, rate=rate, nbytes=nbytes)


_BROKEN: Final = "this WAV file is broken: it lacks the chunk that says what its data is"
