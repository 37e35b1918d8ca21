"""WAV files of ``talk``: the user's recording, and the file for the audio of the answers.

A recording is read piece by piece, each in a thread, so a long one takes little memory and can be
interrupted. Errors name the file.
"""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from ..audio import MODEL_RATE, Resampler, WavReader, write_wav
from ..errors import UserError
from ..events import RealtimeAudio, RealtimeSessionEvent
from .failures import CommandError

BYTES_PER_MS = MODEL_RATE * 2 // 1000

READ_SECONDS: Final = 1.0
"""How much sound is read from the disk at a time."""


@attrs.define(eq=False, repr=False)
class Recording:
    """A recording of the user, ready to send. Made by `open_recording`."""

    path: Path
    _reader: WavReader
    _resampler: Resampler
    _first: bytes
    """The first piece, which was read to make sure that there is any sound."""
    _samples: int
    """How many samples of the file are read at a time."""

    @property
    def seconds(self) -> float | None:
        """The duration in seconds; None if the file's header does not say."""
        ms = self._reader.duration_ms
        return None if ms is None else ms / 1000

    async def pieces(self, ms: int) -> AsyncGenerator[bytes]:
        """Its audio as PCM16 mono 24 kHz in pieces of ``ms`` milliseconds; the last may be shorter.

        To be called once. Raises `CommandError` if the file cannot be read.
        """
        size = ms * BYTES_PER_MS
        waiting = bytearray()
        read = self._first
        while read:
            waiting += self._resampler.feed(read)
            while len(waiting) >= size:
                yield bytes(waiting[:size])
                del waiting[:size]
            read = b"" if self._reader.at_end else await trio.to_thread.run_sync(self._read)
        waiting += self._resampler.flush()
        for start in range(0, len(waiting), size):
            yield bytes(waiting[start : start + size])

    def _read(self) -> bytes:
        with _naming(self.path):
            return self._reader.read(self._samples)


@contextmanager
def open_recording(path: Path, read_seconds: float = READ_SECONDS) -> Generator[Recording]:
    """Open a WAV file of any rate and channel count. Raises `CommandError`."""
    with _naming(path):
        reader = WavReader(path)
    with reader:
        with _naming(path):
            resampler = Resampler(reader.rate, MODEL_RATE)
            samples = int(reader.rate * read_seconds)
            first = reader.read(samples)
        if not first:
            raise CommandError(f"{path}: there is no sound in it")
        yield Recording(path, reader, resampler, first, samples)


@contextmanager
def _naming(path: Path) -> Generator[None]:
    """Errors of reading the file become a `CommandError` that names it."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    except UserError as error:
        raise CommandError(f"{path}: {error}") from error


def check_can_save(path: Path) -> None:
    """Raise `CommandError` if this file cannot be written, before the conversation begins."""
    folder = path.absolute().parent
    reason = None
    if path.is_dir():
        reason = "it is a directory"
    elif not folder.is_dir():
        reason = f"there is no directory {folder}"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = "permission denied"
    if reason is not None:
        raise CommandError(f"cannot write {path}: {reason}")


@attrs.define(eq=False)
class Answer:
    """The audio of the answers, exactly as received: PCM16 mono 24 kHz little-endian."""

    pcm: bytearray = attrs.field(factory=bytearray, repr=False)

    def take(self, event: RealtimeSessionEvent) -> None:
        """Keep the audio of an event that has some."""
        if isinstance(event, RealtimeAudio):
            self.pcm += event.audio.data

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return len(self.pcm) / BYTES_PER_MS / 1000

    def save(self, path: Path) -> None:
        """Write it as a WAV file. Raises `CommandError`."""
        whole = bytes(self.pcm[: len(self.pcm) // 2 * 2])
        try:
            with path.open("wb") as file:
                write_wav(file, whole)
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror or error}") from error
