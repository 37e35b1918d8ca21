"""The playback ledger: what was heard, and what an interruption says about the rest."""

import math
from collections.abc import Callable, Collection

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trio_realtime.audio.formats import PCM16, PCMA, PCMU
from trio_realtime.errors import SettingsError
from trio_realtime.models.playback.cuts import PlaybackPosition, Truncation, Unheard
from trio_realtime.models.playback.ledger import PlaybackLedger
from trio_realtime.models.playback.tracker import RealtimePlaybackTracker

SECOND = 48_000  # bytes of PCM16


def ms(count: float) -> int:
    """Bytes of PCM16."""
    return int(count * 48)


def ends(cuts: tuple[object, ...]) -> list[tuple[str, int]]:
    """Item ids and ``audio_end_ms``, 0 for the unheard."""
    return [
        (cut.item_id, cut.audio_end_ms if isinstance(cut, Truncation) else 0)
        for cut in cuts
        if isinstance(cut, (Truncation, Unheard))
    ]


# The clock


@pytest.mark.parametrize(
    ("format_", "bytes_per_ms"), [("pcm16", 48), ("g711_ulaw", 8), ({"type": "audio/pcma"}, 8)]
)
def test_a_barge_in_cuts_at_the_wall_clock_not_at_what_was_received(
    format_: object, bytes_per_ms: int
) -> None:
    ledger = PlaybackLedger(format_)
    ledger.received("item", 0, 3000 * bytes_per_ms, 100.0)
    ledger.finished("item")
    (cut,) = ledger.interrupt(100.4)
    assert isinstance(cut, Truncation)
    assert (cut.item_id, cut.content_index) == ("item", 0)
    assert (cut.audio_end_ms, cut.received_ms) == (400, 3000)
    assert cut.heard_ms == pytest.approx(400)


@pytest.mark.parametrize("start", [0.0, 0.1, 100.0, 123_456.789, 9_876_543.21])
@pytest.mark.parametrize("elapsed_ms", [1, 7, 251, 333, 999])
def test_the_error_of_a_float_clock_costs_no_millisecond(start: float, elapsed_ms: int) -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, start)
    assert ends(ledger.interrupt(start + elapsed_ms / 1000)) == [("item", elapsed_ms)]


def test_deltas_play_one_after_another() -> None:
    ledger = PlaybackLedger()
    for _ in range(10):
        ledger.received("item", 0, ms(100), 0.0)
    assert ledger.heard_ms("item", 0, 0.35) == pytest.approx(350)
    assert ledger.remaining_ms(0.35) == pytest.approx(650)


def test_the_gap_of_an_underrun_does_not_count() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(100), 0.0)
    ledger.received("item", 0, ms(100), 5.0)
    assert ledger.heard_ms("item", 0, 5.0) == pytest.approx(100)
    assert ledger.heard_ms("item", 0, 5.03) == pytest.approx(130)


def test_the_next_item_waits_until_the_one_before_has_ended() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 0.5)
    assert ledger.heard_ms("b", 0, 0.9) == 0
    assert ledger.heard_ms("a", 0, 1.25) == 1000
    assert ledger.heard_ms("b", 0, 1.25) == pytest.approx(250)


def test_contents_of_one_item_play_in_order() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(300), 0.0)
    ledger.received("item", 1, ms(300), 0.0)
    assert ledger.heard_ms("item", 0, 0.4) == 300
    assert ledger.heard_ms("item", 1, 0.4) == pytest.approx(100)


def test_audio_that_alternates_between_items_plays_in_the_order_it_came() -> None:
    ledger = PlaybackLedger()
    for item_id in ("a", "b", "a", "b"):
        ledger.received(item_id, 0, ms(100), 0.0)
    assert ledger.heard_ms("a", 0, 0.25) == pytest.approx(150)
    assert ledger.heard_ms("b", 0, 0.25) == pytest.approx(100)


def test_audio_not_yet_delivered_is_not_heard() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 0.0, delivered=False)
    assert ledger.heard_ms("item", 0, 10.0) == 0
    assert ledger.remaining_ms(10.0) == 1000
    assert ledger.delivered("item", 0, ms(600), 10.0)
    assert ledger.heard_ms("item", 0, 10.25) == pytest.approx(250)
    assert ledger.position("item", 0, 20.0) == PlaybackPosition(
        received_bytes=SECOND,
        delivered_bytes=ms(600),
        heard_bytes=ms(600),
        received_ms=1000,
        delivered_ms=600,
        heard_ms=600,
    )
    assert ends(ledger.interrupt(20.0)) == [("item", 600)]


def test_nothing_is_delivered_twice() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(100), 0.0)
    assert ledger.delivered("item", 0, ms(100), 0.0)
    assert ledger.remaining_ms(0.0) == pytest.approx(100)


@pytest.mark.parametrize(("item_id", "content_index"), [("other", 0), ("item", 1)])
def test_what_never_came_is_not_to_be_delivered(item_id: str, content_index: int) -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(100), 0.0)
    assert not ledger.delivered(item_id, content_index, ms(100), 0.0)
    assert ledger.position(item_id, content_index, 0.0) is None
    assert ledger.heard_ms(item_id, content_index, 0.0) == 0


def test_asking_during_a_gap_changes_nothing() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(100), 0.0)
    assert ledger.heard_ms("item", 0, 5.0) == 100
    ledger.received("item", 0, ms(100), 6.0)
    assert ledger.heard_ms("item", 0, 6.03) == pytest.approx(130)


# Interruptions


def test_an_item_that_was_heard_is_left_alone() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 0.0)
    ledger.finished("item")
    assert ledger.interrupt(1.0) == ()
    assert not ledger.is_cut("item")
    assert ledger.heard_ms("item", 0, 1.0) == 1000


def test_less_than_a_millisecond_is_not_worth_a_cut() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 0.0)
    ledger.finished("item")
    assert ledger.remaining_ms(0.9995) == 0
    assert ledger.interrupt(0.9995) == ()


def test_an_item_that_is_not_finished_is_cut_at_what_came() -> None:
    """The network stalls in the middle of a sentence, and the user asks what is the matter."""
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND + 30, 0.0)
    assert ends(ledger.interrupt(5.0)) == [("item", 1000)]
    assert not ledger.received("item", 0, SECOND, 5.1)


def test_an_item_of_which_nothing_was_heard_has_to_be_forgotten() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 1.0, delivered=False)
    ledger.received("item", 1, SECOND, 1.0, delivered=False)
    assert ledger.interrupt(1.5) == (Unheard(item_id="item", content_index=0, received_ms=2000),)
    assert ledger.is_cut("item")


def test_what_has_begun_to_play_was_heard_for_a_millisecond() -> None:
    """There is no smaller cut; a tracker that says nothing was played is believed all the same."""
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 1.0)
    assert ends(ledger.interrupt(1.0005)) == [("item", 1)]
    tracked = PlaybackLedger(tracker=RealtimePlaybackTracker())
    tracked.received("item", 0, SECOND, 1.0)
    assert ends(tracked.interrupt(1.0005)) == [("item", 0)]
    short = PlaybackLedger()
    short.received("item", 0, 40, 1.0)
    assert ends(short.interrupt(1.0)) == [("item", 0)]


def test_every_item_with_unheard_audio_is_cut_in_order() -> None:
    ledger = PlaybackLedger()
    for item_id in ("a", "b", "c"):
        ledger.received(item_id, 0, SECOND, 0.0)
        ledger.finished(item_id)
    assert ends(ledger.interrupt(1.5)) == [("b", 500), ("c", 0)]
    assert ledger.interrupt(1.6) == ()


def test_a_finished_response_that_is_still_being_heard_is_cut() -> None:
    ledger = PlaybackLedger()
    ledger.received("long", 0, 60 * SECOND, 0.0)
    ledger.finished("long")
    ledger.received("next", 0, SECOND, 30.0)
    assert ends(ledger.interrupt(45.0)) == [("long", 45_000), ("next", 0)]


@pytest.mark.parametrize(
    ("at", "content_index", "audio_end_ms"),
    [(0.1, 0, 100), (0.3, 0, 300), (0.3005, 0, 300), (0.4, 1, 100)],
)
def test_of_several_contents_the_last_one_heard_is_cut(
    at: float, content_index: int, audio_end_ms: int
) -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, ms(300), 0.0)
    ledger.received("item", 1, ms(300), 0.0)
    (cut,) = ledger.interrupt(at)
    assert isinstance(cut, Truncation)
    assert (cut.content_index, cut.audio_end_ms) == (content_index, audio_end_ms)


def test_audio_of_an_item_that_was_cut_is_stale() -> None:
    ledger = PlaybackLedger()
    ledger.received("item", 0, SECOND, 0.0, delivered=False)
    ledger.delivered("item", 0, ms(500), 0.0)
    ledger.interrupt(0.25)
    assert not ledger.received("item", 0, SECOND, 0.3)
    assert not ledger.received("item", 1, SECOND, 0.3)
    assert not ledger.delivered("item", 0, ms(500), 0.3)
    ledger.finished("item")
    assert ledger.heard_ms("item", 0, 9.0) == pytest.approx(250)
    assert ledger.remaining_ms(0.3) == 0


def test_after_an_interruption_playing_starts_anew() -> None:
    ledger = PlaybackLedger()
    ledger.received("old", 0, 60 * SECOND, 0.0)
    ledger.interrupt(1.0)
    ledger.received("new", 0, SECOND, 2.0)
    assert ledger.heard_ms("new", 0, 2.5) == pytest.approx(500)


@pytest.mark.parametrize("items", [["b", "unknown"], {"b"}])
def test_only_some_items_may_be_interrupted(items: Collection[str]) -> None:
    ledger = PlaybackLedger()
    for item_id in ("a", "b", "c"):
        ledger.received(item_id, 0, SECOND, 0.0)
    assert ends(ledger.interrupt(0.4, items)) == [("b", 0)]
    assert not ledger.received("b", 0, SECOND, 0.4)
    assert ledger.received("c", 0, SECOND, 0.4)
    assert ledger.heard_ms("a", 0, 0.9) == pytest.approx(900)
    assert ledger.heard_ms("c", 0, 1.5) == pytest.approx(500)
    assert ends(ledger.interrupt(1.5)) == [("c", 500)]


def test_of_some_items_those_that_were_heard_are_left_alone() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 0.0)
    assert ends(ledger.interrupt(1.25, ["a", "b"])) == [("b", 250)]
    assert not ledger.is_cut("a")
    assert ledger.heard_ms("a", 0, 1.25) == 1000


def test_interrupting_no_items_interrupts_nothing() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    assert ledger.interrupt(0.5, []) == ()
    assert ledger.heard_ms("a", 0, 0.75) == pytest.approx(750)


def test_an_item_that_was_heard_may_go_on() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 2.0)
    assert ledger.received("a", 0, SECOND, 4.0)
    assert ledger.heard_ms("a", 0, 4.5) == pytest.approx(1500)
    assert ends(ledger.interrupt(4.5)) == [("a", 1500)]


def test_an_empty_delta_is_no_audio() -> None:
    ledger = PlaybackLedger()
    assert ledger.received("item", 0, 0, 0.0)
    assert ledger.remaining_ms(0.0) == 0
    assert ledger.heard_ms("item", 0, 1.0) == 0


# Cuts of somebody else


def test_discarding_moves_up_what_is_behind() -> None:
    ledger = PlaybackLedger()
    for item_id in ("a", "b", "c"):
        ledger.received(item_id, 0, SECOND, 0.0)
    ledger.discard("b", 0.4)
    assert ledger.is_cut("b")
    assert ledger.remaining_ms(0.4) == pytest.approx(1600)
    assert ledger.heard_ms("a", 0, 0.9) == pytest.approx(900)
    assert ledger.heard_ms("c", 0, 1.5) == pytest.approx(500)
    assert not ledger.received("b", 0, SECOND, 0.5)


def test_discarding_what_plays_keeps_what_was_heard_of_it() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.discard("a", 0.4)
    assert not ledger.received("a", 0, SECOND, 0.5)
    ledger.discard("a", 0.6)
    assert ledger.heard_ms("a", 0, 5.0) == pytest.approx(400)
    assert ledger.interrupt(0.7) == ()


def test_an_item_may_be_discarded_before_any_audio_came() -> None:
    ledger = PlaybackLedger()
    ledger.discard("item", 0.0)
    assert not ledger.received("item", 0, SECOND, 0.1)


def test_an_item_heard_before_may_be_discarded() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 2.0)
    ledger.discard("a", 2.5)
    assert ledger.heard_ms("a", 0, 2.5) == 1000
    assert ledger.heard_ms("b", 0, 2.5) == pytest.approx(500)
    assert not ledger.received("a", 0, SECOND, 2.5)


# Waiting for the goodbye


def test_how_long_to_wait_until_an_item_was_heard() -> None:
    ledger = PlaybackLedger()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 0.0)
    assert ledger.remaining_ms(0.25, "a") == pytest.approx(750)
    assert ledger.remaining_ms(0.25, "b") == pytest.approx(1750)
    assert ledger.remaining_ms(0.25, "unknown") == 0
    assert ledger.remaining_ms(1.9) > 0
    assert ledger.remaining_ms(2.0) == 0


def test_waiting_as_long_as_it_says_is_enough() -> None:
    ledger = PlaybackLedger()
    now = 100.1
    for _ in range(50):
        ledger.received("item", 0, ms(20) + 1, now)
    now += ledger.remaining_ms(now) / 1000
    assert ledger.remaining_ms(now) == 0


# The tracker


def tracked() -> tuple[PlaybackLedger, RealtimePlaybackTracker]:
    tracker = RealtimePlaybackTracker()
    return PlaybackLedger("pcm16", tracker), tracker


def test_with_a_tracker_the_clock_does_not_matter() -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    assert ledger.heard_ms("item", 0, 99.0) == 0
    tracker.on_play_bytes("item", 0, bytes(ms(251)))
    assert ledger.heard_ms("item", 0, 0.0) == 251
    assert ledger.remaining_ms(0.0) == 749
    assert ends(ledger.interrupt(99.0)) == [("item", 251)]


def test_a_tracker_is_capped_at_what_was_received() -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    tracker.on_play_ms("item", 0, 1500)
    assert ledger.heard_ms("item", 0, 0.0) == 1000
    ledger.received("item", 0, SECOND, 0.0)
    assert ledger.heard_ms("item", 0, 0.0) == 1500


def test_a_report_about_an_item_says_that_those_before_it_were_heard() -> None:
    """Reports are rounded; a few lost milliseconds must not cost an item its transcript."""
    ledger, tracker = tracked()
    for item_id in ("a", "b", "c"):
        ledger.received(item_id, 0, SECOND, 0.0)
    ledger.received("c", 1, SECOND, 0.0)
    tracker.on_play_ms("a", 0, 980)
    tracker.on_play_ms("b", 0, 10)
    assert ledger.heard_ms("a", 0, 0.0) == 1000
    assert ends(ledger.interrupt(0.0)) == [("b", 10), ("c", 0)]


def test_a_report_about_a_later_content_says_that_the_one_before_was_heard() -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    ledger.received("item", 1, SECOND, 0.0)
    tracker.on_play_ms("item", 1, 5)
    (cut,) = ledger.interrupt(0.0)
    assert isinstance(cut, Truncation)
    assert (cut.content_index, cut.audio_end_ms) == (1, 5)
    assert ledger.heard_ms("item", 0, 0.0) == 1000


@pytest.mark.parametrize(("item_id", "content_index"), [("unknown", 0), ("item", 7)])
def test_a_report_about_what_never_came_says_nothing(item_id: str, content_index: int) -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    tracker.on_play_ms(item_id, content_index, 500)
    assert ends(ledger.interrupt(0.0)) == [("item", 0)]


def test_a_tracker_that_starts_anew_takes_nothing_back() -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    tracker.on_play_ms("item", 0, 500)
    assert ledger.heard_ms("item", 0, 0.0) == 500
    tracker.on_interrupted()
    tracker.on_play_ms("item", 0, 20)
    assert ledger.heard_ms("item", 0, 0.0) == 500


def test_what_was_heard_of_an_item_is_known_when_the_next_one_is_played_out() -> None:
    ledger, tracker = tracked()
    ledger.received("a", 0, SECOND, 0.0)
    tracker.on_play_ms("a", 0, 1000)
    ledger.received("b", 0, SECOND, 0.0)
    tracker.on_play_ms("b", 0, 1000)
    ledger.finished("b")
    assert ledger.heard_ms("a", 0, 0.0) == 1000
    assert ledger.interrupt(0.0) == ()


def test_the_tracker_is_told_of_an_interruption_that_cut_something() -> None:
    ledger, tracker = tracked()
    tracker.on_play_ms("item", 0, 10)
    assert ledger.interrupt(0.0) == ()
    assert tracker.get_state()["current_item_id"] == "item"
    ledger.received("item", 0, SECOND, 0.0)
    assert ends(ledger.interrupt(0.0)) == [("item", 10)]
    assert tracker.get_state()["current_item_id"] is None


def test_the_tracker_goes_on_with_what_was_not_interrupted() -> None:
    ledger, tracker = tracked()
    ledger.received("a", 0, SECOND, 0.0)
    ledger.received("b", 0, SECOND, 0.0)
    tracker.on_play_ms("a", 0, 300)
    assert ends(ledger.interrupt(0.0, ["b"])) == [("b", 0)]
    tracker.on_play_ms("a", 0, 300)
    assert ends(ledger.interrupt(0.0, ["a"])) == [("a", 600)]
    assert tracker.get_state()["current_item_id"] is None


def test_discarding_asks_the_tracker_first() -> None:
    ledger, tracker = tracked()
    ledger.received("item", 0, SECOND, 0.0)
    tracker.on_play_ms("item", 0, 10)
    ledger.discard("item", 0.0)
    assert ledger.heard_ms("item", 0, 0.0) == 10


# Formats and bounds


def test_the_tracker_learns_the_format() -> None:
    tracker = RealtimePlaybackTracker()
    ledger = PlaybackLedger("g711_ulaw", tracker)
    assert ledger.format is PCMU
    ledger.received("item", 0, 8000, 0.0)
    tracker.on_play_bytes("item", 0, bytes(800))
    assert ledger.heard_ms("item", 0, 0.0) == 100
    ledger.set_format(PCMA)
    ledger.set_format("pcm16")
    ledger.received("next", 0, 4800, 0.0)
    tracker.on_play_bytes("next", 0, bytes(480))
    assert ledger.heard_ms("next", 0, 0.0) == 10


def test_a_new_format_leaves_running_audio_alone() -> None:
    ledger = PlaybackLedger(PCM16)
    ledger.received("item", 0, 48_000, 0.0)
    ledger.set_format("audio/pcmu")
    ledger.received("item", 0, 48_000, 0.0)
    ledger.received("next", 0, 8_000, 0.0)
    assert ledger.remaining_ms(0.0, "item") == pytest.approx(2000)
    assert ledger.remaining_ms(0.0) == pytest.approx(3000)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(SettingsError, match="opus"):
        PlaybackLedger("opus")


def played_out(ledger: PlaybackLedger, item_id: str, now: float) -> None:
    ledger.received(item_id, 0, ms(10), now)
    ledger.finished(item_id)


def cut_off(ledger: PlaybackLedger, item_id: str, now: float) -> None:
    ledger.received(item_id, 0, SECOND, now)
    ledger.interrupt(now + 0.1)


def discarded(ledger: PlaybackLedger, item_id: str, now: float) -> None:
    ledger.discard(item_id, now)


@pytest.mark.parametrize("end", [played_out, cut_off, discarded])
def test_memory_is_bounded(end: Callable[[PlaybackLedger, str, float], None]) -> None:
    ledger = PlaybackLedger()
    for number in range(2000):
        end(ledger, f"item_{number}", number)
    known = [
        number
        for number in range(2000)
        if ledger.is_cut(f"item_{number}") or ledger.position(f"item_{number}", 0, 2000.0)
    ]
    assert 500 < len(known) < 600
    assert known[-1] == 1999
    assert known == list(range(known[0], 2000))


def test_the_oldest_item_remembered_may_go_on() -> None:
    ledger = PlaybackLedger()
    for number in range(513):
        played_out(ledger, f"item_{number}", number)
    assert ledger.received("item_0", 0, ms(10), 999.0)
    assert ledger.heard_ms("item_0", 0, 999.005) == pytest.approx(15)


# Any interleaving

ITEMS = st.sampled_from(["a", "b", "c", "d"])
INDEXES = st.integers(0, 1)
SIZES = st.integers(0, 100).map(lambda count: count * 480)


class Clocked(RuleBasedStateMachine):
    """Whatever happens in whatever order, the ledger says nothing impossible."""

    tracker: RealtimePlaybackTracker | None = None

    def __init__(self) -> None:
        super().__init__()
        self.ledger = PlaybackLedger("pcm16", self.tracker)
        self.now = 1000.0
        self.sent: dict[tuple[str, int], int] = {}
        self.heard: dict[tuple[str, int], float] = {}
        self.cut: set[str] = set()

    @rule(item_id=ITEMS, index=INDEXES, nbytes=SIZES, delivered=st.booleans())
    def receive(self, item_id: str, index: int, nbytes: int, delivered: bool) -> None:
        taken = self.ledger.received(item_id, index, nbytes, self.now, delivered=delivered)
        assert taken == (item_id not in self.cut)
        if taken:
            self.sent[item_id, index] = self.sent.get((item_id, index), 0) + nbytes

    @rule(item_id=ITEMS, index=INDEXES, nbytes=SIZES)
    def deliver(self, item_id: str, index: int, nbytes: int) -> None:
        wanted = self.ledger.delivered(item_id, index, nbytes, self.now)
        assert wanted == ((item_id, index) in self.sent and item_id not in self.cut)

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(item_id=ITEMS)
    def finish(self, item_id: str) -> None:
        self.ledger.finished(item_id)

    @rule(items=st.none() | st.sets(ITEMS))
    def interrupt(self, items: set[str] | None) -> None:
        for cut in self.ledger.interrupt(self.now, items):
            assert cut.item_id not in self.cut
            assert items is None or cut.item_id in items
            self.cut.add(cut.item_id)
            if isinstance(cut, Truncation):
                received = self.sent[cut.item_id, cut.content_index] / 48
                assert cut.received_ms == received
                assert 0 < cut.audio_end_ms <= received
                assert cut.audio_end_ms == max(1, math.floor(cut.heard_ms + 1e-3))
            else:
                assert all(
                    self.ledger.heard_ms(cut.item_id, index, self.now) < 1 for index in (0, 1)
                )
        if items is None:
            assert self.ledger.remaining_ms(self.now) == 0
        assert self.ledger.interrupt(self.now, items) == ()

    @rule(item_id=ITEMS)
    def discard(self, item_id: str) -> None:
        self.ledger.discard(item_id, self.now)
        self.cut.add(item_id)

    @invariant()
    def heard_is_possible(self) -> None:
        remaining = 0.0
        for key, nbytes in self.sent.items():
            position = self.ledger.position(*key, self.now)
            assert position is not None
            assert position.received_bytes == nbytes
            assert position.heard_bytes <= position.received_bytes
            assert position.delivered_bytes <= position.received_bytes
            assert self.heard.get(key, 0.0) - 1e-6 <= position.heard_ms <= nbytes / 48
            if self.tracker is None:
                assert position.heard_ms <= position.delivered_ms
            if key[0] in self.cut:
                assert position.heard_ms == self.heard.setdefault(key, position.heard_ms)
            else:
                rest = position.received_ms - position.heard_ms
                remaining += rest if rest >= 1 else 0
            self.heard[key] = position.heard_ms
        assert self.ledger.remaining_ms(self.now) == pytest.approx(remaining)

    @invariant()
    def cut_is_for_ever(self) -> None:
        assert all(self.ledger.is_cut(item_id) for item_id in self.cut)


class Tracked(Clocked):
    """The same with a tracker, which may say anything."""

    def __init__(self) -> None:
        self.tracker = RealtimePlaybackTracker()
        super().__init__()

    @rule(item_id=ITEMS, index=INDEXES, played=st.floats(0, 5000))
    def report(self, item_id: str, index: int, played: float) -> None:
        assert self.tracker is not None
        self.tracker.on_play_ms(item_id, index, played)

    @rule()
    def forget(self) -> None:
        assert self.tracker is not None
        self.tracker.on_interrupted()


QUICK = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestClocked = Clocked.TestCase
TestClocked.settings = QUICK
TestTracked = Tracked.TestCase
TestTracked.settings = QUICK
