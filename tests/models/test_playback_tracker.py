"""The tracker an application reports to, and the facts about audio formats it counts with."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from trio_realtime.audio.formats import PCM16, PCMA, PCMU, AudioFormat, audio_format
from trio_realtime.errors import SettingsError, UserError
from trio_realtime.models.playback.ledger import PlaybackLedger
from trio_realtime.models.playback.tracker import RealtimePlaybackTracker

NOTHING = {"current_item_id": None, "current_item_content_index": None, "elapsed_ms": None}


def playing(item_id: str, content_index: int, elapsed_ms: float) -> dict[str, object]:
    return {
        "current_item_id": item_id,
        "current_item_content_index": content_index,
        "elapsed_ms": elapsed_ms,
    }


def test_nothing_is_played_at_first() -> None:
    assert RealtimePlaybackTracker().get_state() == NOTHING


def test_milliseconds_add_up() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item", 0, 20)
    tracker.on_play_ms("item", 0, 22.5)
    assert tracker.get_state() == playing("item", 0, 42.5)


@pytest.mark.parametrize(("item_id", "content_index"), [("other", 0), ("item", 1)])
def test_other_content_starts_its_count_anew(item_id: str, content_index: int) -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item", 0, 1000)
    tracker.on_play_ms(item_id, content_index, 20)
    assert tracker.get_state() == playing(item_id, content_index, 20)
    tracker.on_play_ms("item", 0, 5)
    assert tracker.get_state() == playing("item", 0, 5)


@pytest.mark.parametrize(
    ("format_", "nbytes"), [(None, 4800), ("pcm16", 4800), ("g711_ulaw", 800), (PCMA, 800)]
)
def test_bytes_count_by_the_format(format_: object, nbytes: int) -> None:
    tracker = RealtimePlaybackTracker()
    tracker.set_audio_format(format_)
    tracker.on_play_bytes("item", 0, bytes(nbytes))
    tracker.on_play_bytes("item", item_content_index=0, bytes=memoryview(bytes(nbytes)).cast("h"))
    assert tracker.get_state() == playing("item", 0, 200)


def test_before_it_knows_the_format_it_counts_pcm16() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_bytes("item", 0, bytearray(48))
    assert tracker.get_state() == playing("item", 0, 1)


def test_an_interruption_forgets_the_count() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item", 0, 1000)
    tracker.on_interrupted()
    assert tracker.get_state() == NOTHING
    tracker.on_play_ms("item", 0, 1)
    assert tracker.get_state() == playing("item", 0, 1)


@pytest.mark.parametrize("ms", [-1, -0.001, math.nan, math.inf])
def test_an_impossible_count_is_refused_and_changes_nothing(ms: float) -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item", 0, 7)
    with pytest.raises(UserError, match="ms must be"):
        tracker.on_play_ms("item", 0, ms)
    assert tracker.get_state() == playing("item", 0, 7)


def test_an_unknown_format_is_refused_and_changes_nothing() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.set_audio_format("pcmu")
    with pytest.raises(SettingsError):
        tracker.set_audio_format("opus")
    tracker.on_play_bytes("item", 0, bytes(8))
    assert tracker.get_state() == playing("item", 0, 1)


# Formats


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, PCM16),
        (PCMU, PCMU),
        ("pcm16", PCM16),
        ("PCM", PCM16),
        ("audio/pcm", PCM16),
        ("g711_ulaw", PCMU),
        ("audio/pcmu", PCMU),
        ("pcmu", PCMU),
        ("g711_alaw", PCMA),
        ("audio/pcma", PCMA),
        ("pcma", PCMA),
        ({"type": "audio/pcm"}, PCM16),
        ({"type": "audio/pcm", "rate": 24000}, PCM16),
        ({"type": "audio/pcma", "rate": None}, PCMA),
        ({"type": "audio/pcma", "rate": 8000}, PCMA),
        (SimpleNamespace(type="audio/pcmu"), PCMU),
        (SimpleNamespace(type="audio/pcm", rate=24000), PCM16),
    ],
)
def test_every_spelling_of_a_format(spec: object, expected: AudioFormat) -> None:
    assert audio_format(spec) is expected


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ("opus", "type", "unknown audio format 'opus': known are"),
        ({"rate": 24000}, "type", "unknown audio format NoneType"),
        (object(), "type", "unknown audio format NoneType"),
        ({"type": 3}, "type", "unknown audio format int"),
        (
            {"type": "audio/pcm", "rate": 96000},
            "rate",
            "audio/pcm has a rate from 8000 to 48000 Hz",
        ),
    ],
)
def test_what_is_no_format_is_refused(spec: object, path: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        audio_format(spec)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("format_", "per_100_ms", "wire"),
    [
        (PCM16, 4800, {"type": "audio/pcm", "rate": 24000}),
        (PCMU, 800, {"type": "audio/pcmu"}),
        (PCMA, 800, {"type": "audio/pcma"}),
    ],
)
def test_bytes_and_milliseconds(
    format_: AudioFormat, per_100_ms: int, wire: dict[str, Any]
) -> None:
    assert format_.duration_ms(per_100_ms) == 100
    assert format_.nbytes(100) == per_100_ms
    assert len(format_.silence(100)) == per_100_ms
    assert format_.to_wire() == wire
    assert audio_format(wire) is format_


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_pcm_has_the_rate_that_it_says(rate: int) -> None:
    """Servers have many; positions are right at all of them, and what is asked for says which."""
    wire: dict[str, Any] = {"type": "audio/pcm", "rate": rate}
    format_ = audio_format(wire)
    assert format_.to_wire() == wire
    assert format_.duration_ms(2 * rate) == 1000.0
    assert format_.nbytes(1000) == len(format_.silence(1000)) == 2 * rate
    assert str(format_) == f"audio/pcm at {rate} Hz"
    ledger = PlaybackLedger(format=format_)
    ledger.received("i", 0, 2 * rate, 100.0)
    assert ledger.heard_ms("i", 0, 100.5) == pytest.approx(500.0)


@pytest.mark.parametrize("rate", [0, -8000, 24_000.5, "24000", True, [24_000]])
def test_a_rate_that_is_none_is_refused(rate: object) -> None:
    """And so is any other rate for G.711."""
    for name in ("audio/pcm", "audio/pcmu"):
        with pytest.raises(SettingsError, match="has a rate"):
            audio_format({"type": name, "rate": rate})


def test_bytes_are_whole_samples() -> None:
    assert PCM16.nbytes(0.05) == 2
    assert PCM16.silence(0.05) == b"\0\0"
    assert PCMU.nbytes(0.2) == 1
