"""A voice made of tones: one short note per character, the same for the same text every time.

Used by :mod:`.response_playing`. It is audible nonsense on purpose: nobody may take it for speech,
yet it has the length, the loudness and the pauses of speech, so that playback, truncation and voice
activity detection have something to work on.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

from trio_realtime.testing.simulator.served_formats import AudioFormat

MS_PER_CHARACTER = 65
"""About 15 characters a second: brisk speech."""

SHORTEST_MS, LONGEST_MS = 200, 60_000

_AMPLITUDE = 8_000  # -12 dB below full scale: loud enough for any voice activity detection
_FADE_MS = 5


def spoken_ms(text: str, *, speed: float = 1.0) -> int:
    """How long the text takes at this speed (the session's ``audio.output.speed``)."""
    natural_ms = min(max(len(text) * MS_PER_CHARACTER, SHORTEST_MS), LONGEST_MS)
    return round(natural_ms / speed)


def speak(
    text: str, audio_format: AudioFormat, *, duration_ms: int, chunk_ms: int
) -> Iterator[bytes]:
    """The text as audio of exactly ``duration_ms``, in chunks of ``chunk_ms`` (the last shorter).

    Characters share the time equally; letters and digits sound, everything else is a pause.
    """
    characters = text or " "
    chunk_bytes = chunk_ms * audio_format.bytes_per_ms
    pending = bytearray()
    for index, character in enumerate(characters):
        start_ms = duration_ms * index // len(characters)
        end_ms = duration_ms * (index + 1) // len(characters)
        pitch = 180 + ord(character) * 37 % 24 * 15 if character.isalnum() else 0
        pending += _note(audio_format, pitch, end_ms - start_ms)
        while len(pending) >= chunk_bytes:
            yield bytes(pending[:chunk_bytes])
            del pending[:chunk_bytes]
    if pending:
        yield bytes(pending)


@lru_cache(maxsize=512)
def _note(audio_format: AudioFormat, pitch_hz: int, duration_ms: int) -> bytes:
    """A sine with soft edges, or silence for pitch 0."""
    count = duration_ms * audio_format.rate // 1_000
    if not pitch_hz:
        return audio_format.encode([0]) * count
    fade = _FADE_MS * audio_format.rate // 1_000
    turn = 2 * math.pi * pitch_hz / audio_format.rate
    return audio_format.encode(
        round(_AMPLITUDE * min(1.0, at / fade, (count - at) / fade) * math.sin(turn * at))
        for at in range(count)
    )
