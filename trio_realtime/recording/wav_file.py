"""`RecordingFile`: a stereo WAV file that is complete after every write. Blocking; no Trio.

Called by the recorder, in a thread. PCM16 little-endian, two channels; positions are frames. Every
write ends with the header, so the file can be played while it grows, and after a crash.
"""

import os
import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO, Final

import attrs

from ..audio import alaw_decode, ulaw_decode
from ..audio.formats import PCM16, PCMA, PCMU, AudioFormat
from .placement import Clip, Silence, Slab

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FRAME_BYTES: Final = 4
_MOST: Final = 2**32 - 1
"""The largest size that the header can say, in bytes. The samples after it are written too."""

_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    PCM16.name: bytes,
    PCMU.name: ulaw_decode,
    PCMA.name: alaw_decode,
}
"""What turns the bytes of a format into PCM16, by the format's name."""


@attrs.define(eq=False)
class _Channel:
    """Turns the clips of one side into PCM16 at the rate of the recording."""

    format: AudioFormat
    rate: int
    _end: int = attrs.field(default=-1, init=False)
    _last: int = attrs.field(default=0, init=False)
    """The sample before ``_end``."""

    def convert(self, clip: Clip) -> bytes:
        pcm = _DECODERS[self.format.name](clip.audio)
        times = self.rate // self.format.rate
        if times == 1:
            return pcm
        # Linear interpolation: its error is smaller than that of the telephone's own encoding.
        before = self._last if clip.start == self._end else 0
        raised: list[int] = []
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
        for sample in samples:
            raised += (before + (sample - before) * step // times for step in range(1, times + 1))
            before = sample
        self._last = before
        self._end = clip.start + len(raised)
        return struct.pack(f"<{len(raised)}h", *raised)


@attrs.define(eq=False)
class RecordingFile:
    """A recording on disk. Its methods raise OSError as the file system does."""

    _file: BinaryIO
    _rate: int
    _left: _Channel
    _right: _Channel
    _frames: int = attrs.field(default=0, init=False)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        rate: int,
        user_format: AudioFormat,
        model_format: AudioFormat,
    ) -> "RecordingFile":
        """Create the file, or empty one that exists."""
        file = open(path, "w+b")  # noqa: SIM115 - closed by `close`
        made = cls(file, rate, _Channel(user_format, rate), _Channel(model_format, rate))
        made.write(())
        return made

    def write(self, news: Iterable[Slab | Silence]) -> None:
        """Write slabs and silences, and then the header."""
        for each in news:
            if isinstance(each, Slab):
                self._write_slab(each)
            else:
                self._silence(each)
        self._file.seek(0)
        self._file.write(_header(self._rate, self._frames * _FRAME_BYTES))
        self._file.flush()

    def finish(self, frames: int, news: Iterable[Slab | Silence]) -> None:
        """Write the last slabs, set the length of the recording to ``frames``, close the file."""
        with self._file:
            self._file.truncate(_HEADER.size + frames * _FRAME_BYTES)
            self._frames = frames
            self.write(news)

    def _write_slab(self, slab: Slab) -> None:
        data = bytearray((slab.end - slab.start) * _FRAME_BYTES)
        for offset, channel, clips in ((0, self._left, slab.left), (2, self._right, slab.right)):
            for clip in clips:
                pcm = channel.convert(clip)
                low = (clip.start - slab.start) * _FRAME_BYTES + offset
                end = low + len(pcm) // 2 * _FRAME_BYTES
                data[low:end:_FRAME_BYTES] = pcm[0::2]
                data[low + 1 : end + 1 : _FRAME_BYTES] = pcm[1::2]
        self._seek(slab.start)
        self._file.write(data)
        self._frames = max(self._frames, slab.end)

    def _silence(self, silence: Silence) -> None:
        self._seek(silence.start)
        data = bytearray(self._file.read((silence.end - silence.start) * _FRAME_BYTES))
        for offset in (2, 3):
            data[offset::_FRAME_BYTES] = bytes(len(data) // _FRAME_BYTES)
        self._seek(silence.start)
        self._file.write(data)

    def _seek(self, frame: int) -> None:
        self._file.seek(_HEADER.size + frame * _FRAME_BYTES)


def _header(rate: int, nbytes: int) -> bytes:
    """Return the 44 bytes before the samples: RIFF, "fmt " (PCM, 2 channels, 16 bits), "data"."""
    size = min(nbytes, _MOST - 36)
    return _HEADER.pack(
        b"RIFF",
        36 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        2,
        rate,
        rate * _FRAME_BYTES,
        _FRAME_BYTES,
        16,
        b"data",
        size,
    )
