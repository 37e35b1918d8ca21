"""Length and loudness of audio passing by."""

import pytest

from trio_realtime.cli.meter import BARS, PLAIN_BARS, Meter, bars_for

LOUD = b"\xff\x7f\x01\x80" * 1200  # 100 ms at full scale
SILENT = bytes(4800)


def test_it_counts_seconds_and_shows_levels() -> None:
    meter = Meter()
    meter.feed(LOUD)
    assert meter.line() == "0.1 s 0 dB █"
    meter.feed(SILENT)
    assert meter.line() == "0.2 s -96 dB █▁"


def test_it_knows_how_much_is_expected() -> None:
    meter = Meter(of_seconds=2.64, bars=PLAIN_BARS)
    meter.feed(LOUD)
    assert meter.line() == "0.1 of 2.6 s 0 dB #"


def test_only_the_latest_levels_are_shown() -> None:
    meter = Meter()
    for _ in range(100):
        meter.feed(SILENT)
    meter.feed(LOUD)
    assert meter.line() == f"10.1 s 0 dB {'▁' * 23}█"


def test_the_summary_is_the_mean_power() -> None:
    meter = Meter()
    meter.feed(LOUD)
    meter.feed(SILENT)
    assert meter.summary() == "0.2 s at -3 dB"


@pytest.mark.parametrize(
    ("encoding", "bars"),
    [("utf-8", BARS), ("latin-1", PLAIN_BARS), (None, PLAIN_BARS), ("klingon", PLAIN_BARS)],
)
def test_bars_are_what_the_stream_can_write(encoding: str | None, bars: str) -> None:
    assert bars_for(encoding) == bars
