"""The voice of tones."""

import pytest

from trio_realtime.testing.simulator.served_formats import G711_ALAW, G711_ULAW, PCM16, AudioFormat
from trio_realtime.testing.simulator.voice import speak, spoken_ms


@pytest.mark.parametrize(
    ("text", "speed", "expected"),
    [
        ("", 1.0, 200),
        ("Hi", 1.0, 200),
        ("Good morning", 1.0, 780),
        ("Good morning", 0.5, 1_560),
        ("x" * 2_000, 1.0, 60_000),
    ],
)
def test_length_follows_the_text(text: str, speed: float, expected: int) -> None:
    """65 ms a character, within bounds, divided by the speed."""
    assert spoken_ms(text, speed=speed) == expected


@pytest.mark.parametrize("audio_format", [PCM16, G711_ULAW, G711_ALAW])
@pytest.mark.parametrize("duration_ms", [1, 99, 100, 101, 777])
def test_chunks_are_whole_and_exact(audio_format: AudioFormat, duration_ms: int) -> None:
    """Every chunk but the last is full, and nothing is lost."""
    chunks = list(speak("Hello you", audio_format, duration_ms=duration_ms, chunk_ms=100))
    full = 100 * audio_format.bytes_per_ms
    assert {len(chunk) for chunk in chunks[:-1]} <= {full}
    assert 0 < len(chunks[-1]) <= full
    assert sum(map(len, chunks)) == duration_ms * audio_format.bytes_per_ms


def test_no_time_no_audio() -> None:
    """A duration of nothing has no chunk."""
    assert list(speak("Hello", PCM16, duration_ms=0, chunk_ms=100)) == []


def test_letters_sound_and_spaces_do_not() -> None:
    """One note per character; the empty text is a pause."""
    (audio,) = speak("a b", PCM16, duration_ms=300, chunk_ms=300)
    notes = [audio[at : at + 4_800] for at in range(0, 14_400, 4_800)]
    loud = [max(PCM16.samples(note)) for note in notes]
    assert loud[0] > 7_000
    assert loud[1] == 0
    assert loud[2] > 7_000
    assert notes[0] != notes[2]
    assert list(speak("", PCM16, duration_ms=10, chunk_ms=10)) == [b"\0" * 480]


def test_the_same_text_sounds_the_same() -> None:
    """Nothing is random."""
    once, twice = (list(speak("Hello", PCM16, duration_ms=500, chunk_ms=100)) for _ in "12")
    assert once == twice
