"""WAV files of ``talk``: the user's recording in, the answers' audio out.

Blocking functions: `load` is called in a thread. Errors name the file.
"""

import os
from pathlib import Path

import attrs

from ..audio import MODEL_RATE, read_wav, resample, write_wav
from ..errors import UserError
from ..events import RealtimeAudio, RealtimeSessionEvent
from .failures import CommandError

BYTES_PER_MS = MODEL_RATE * 2 // 1000


@attrs.frozen(kw_only=True)
class Recording:
    """Something said, ready to send."""

    pcm: bytes = attrs.field(repr=False)
    """PCM16 mono 24 kHz little-endian."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_MS / 1000


def load(path: Path) -> Recording:
    """Read a WAV file of any rate and channel count. Raises `CommandError`."""
    try:
        wav = read_wav(path)
        pcm = resample(wav.samples, wav.rate, MODEL_RATE)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    except UserError as error:
        raise CommandError(f"{path}: {error}") from error
    if not pcm:
        raise CommandError(f"{path}: there is no sound in it")
    return Recording(pcm=pcm)


def check_can_save(path: Path) -> None:
    """Find out before anything is said whether the answer can be kept. Raises `CommandError`."""
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

    pcm: bytearray = attrs.field(factory=bytearray)

    def take(self, event: RealtimeSessionEvent) -> None:
        """Keep the audio of an event that has some."""
        if isinstance(event, RealtimeAudio):
            self.pcm += event.audio.data

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_MS / 1000

    def save(self, path: Path) -> None:
        """Write it as a WAV file. Raises `CommandError`."""
        try:
            with path.open("wb") as file:
                write_wav(file, bytes(self.pcm))
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror or error}") from error
