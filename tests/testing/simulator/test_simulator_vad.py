"""Boundaries of speech, in milliseconds of the audio itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_simulator import silence, speech

from trio_realtime.testing.simulator.served_formats import (
    FORMATS,
    G711_ALAW,
    G711_ULAW,
    PCM16,
    AudioFormat,
)
from trio_realtime.testing.simulator.vad import Segmenter, SpeechStarted, SpeechStopped, VadSettings

FORMAT_NAMES = sorted(FORMATS)


@pytest.mark.parametrize("audio_format", [PCM16, G711_ULAW, G711_ALAW])
def test_offsets_of_one_utterance(audio_format: AudioFormat) -> None:
    """Speech from 1,000 to 1,400 ms starts 300 ms earlier and stops 500 ms later."""
    segmenter = Segmenter(format=audio_format)
    audio = silence(1_000, audio_format) + speech(400, audio_format) + silence(600, audio_format)
    assert segmenter.feed(audio) == [SpeechStarted(700), SpeechStopped(1_900)]
    assert segmenter.position_ms == 2_000


def test_padding_does_not_reach_before_the_beginning() -> None:
    """Speech right away starts at 0."""
    assert Segmenter().feed(speech(100)) == [SpeechStarted(0)]


def test_padding_does_not_reach_into_the_segment_before() -> None:
    """The audio of one utterance is never part of the next."""
    segmenter = Segmenter(settings=VadSettings(silence_duration_ms=200))
    audio = speech(100) + silence(250) + speech(100)
    assert segmenter.feed(audio) == [SpeechStarted(0), SpeechStopped(300), SpeechStarted(300)]


def test_a_pause_shorter_than_the_silence_duration_is_part_of_speech() -> None:
    """Only the whole of the silence ends an utterance."""
    segmenter = Segmenter(settings=VadSettings(silence_duration_ms=300))
    assert segmenter.feed(speech(100) + silence(290) + speech(100)) == [SpeechStarted(0)]
    assert segmenter.feed(silence(290)) == []
    assert segmenter.feed(silence(10)) == [SpeechStopped(790)]


def test_silence_duration_between_frames() -> None:
    """The offset is what was asked for, although it shows only in the frame after."""
    segmenter = Segmenter(settings=VadSettings(silence_duration_ms=205))
    assert segmenter.feed(speech(100) + silence(200)) == [SpeechStarted(0)]
    assert segmenter.feed(silence(10)) == [SpeechStopped(305)]


@pytest.mark.parametrize(
    ("threshold", "amplitude", "heard"),
    [
        (0.5, 320, False),
        (0.5, 335, True),
        (0.0, 32, False),
        (0.0, 34, True),
        (1.0, 3_250, False),
        (1.0, 3_300, True),
    ],
)
def test_threshold_is_a_level(threshold: float, amplitude: int, heard: bool) -> None:
    """0.0 to 1.0 are -60 to -20 dB below full scale."""
    segmenter = Segmenter(settings=VadSettings(threshold=threshold))
    assert bool(segmenter.feed(PCM16.encode([amplitude] * 240))) is heard


def test_reset_forgets_speech_and_bars_the_past() -> None:
    """After a clear, the same speech starts anew, and no earlier than the clear."""
    segmenter = Segmenter()
    assert segmenter.feed(speech(200)) == [SpeechStarted(0)]
    segmenter.reset()
    assert segmenter.feed(speech(200)) == [SpeechStarted(200)]


def test_change_of_format_drops_half_a_frame() -> None:
    """Measuring goes on at the given offset, in the new format."""
    segmenter = Segmenter()
    segmenter.feed(silence(10) + b"\0" * 7)
    segmenter.change_format(G711_ULAW, 10)
    assert segmenter.feed(silence(490, G711_ULAW) + speech(10, G711_ULAW)) == [SpeechStarted(200)]


@given(
    st.sampled_from(FORMAT_NAMES),
    st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=8),
    st.lists(st.integers(1, 5_000), max_size=20),
)
def test_portions_do_not_matter(name: str, plan: list[tuple[bool, int]], cuts: list[int]) -> None:
    """The same audio gives the same boundaries, whatever the appends were."""
    audio_format = FORMATS[name]
    settings = VadSettings(silence_duration_ms=100, prefix_padding_ms=50)
    audio = b"".join((speech if loud else silence)(tens * 10, audio_format) for loud, tens in plan)
    whole = Segmenter(settings=settings, format=audio_format).feed(audio)
    cut = Segmenter(settings=settings, format=audio_format)
    found = []
    rest = audio
    for length in cuts:
        found += cut.feed(rest[:length])
        rest = rest[length:]
    found += cut.feed(rest)
    assert found == whole


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 80)), min_size=1, max_size=6))
def test_segments_are_ordered_and_apart(plan: list[tuple[int, int]]) -> None:
    """Starts and stops alternate, and no two segments overlap."""
    audio = b"".join(speech(loud * 10) + silence(quiet * 10) for loud, quiet in plan)
    boundaries = Segmenter(settings=VadSettings(silence_duration_ms=200)).feed(audio)
    kinds = [type(boundary) for boundary in boundaries]
    assert kinds == [SpeechStarted, SpeechStopped] * (len(kinds) // 2) + (
        [SpeechStarted] * (len(kinds) % 2)
    )
    offsets = [
        each.audio_start_ms if isinstance(each, SpeechStarted) else each.audio_end_ms
        for each in boundaries
    ]
    assert offsets == sorted(offsets)
