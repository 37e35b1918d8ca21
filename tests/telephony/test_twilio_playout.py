"""Frames, pace, marks and interruptions, against a Twilio that is as pure as the playout."""

import math
from collections import deque

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.telephony.messages import Clear, Mark, Media, decode
from trio_realtime.telephony.playout import HeardAudio, Playout
from trio_realtime.telephony.uplink import Uplink


@attrs.define
class Buffer:
    """Twilio's play-out buffer."""

    playout: Playout
    now: float = 0.0
    waiting: deque[bytes | str] = attrs.field(factory=deque[bytes | str])
    played: bytearray = attrs.field(factory=bytearray)
    returned: list[str] = attrs.field(factory=list[str])
    clears: int = 0
    sent: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])
    """When what was sent: ``media 160``, ``mark 1`` or ``clear``."""
    _busy_until: float = 0.0

    @property
    def ms(self) -> float:
        return sum(len(piece) / 8 for piece in self.waiting if isinstance(piece, bytes))

    def run(self, seconds: float) -> None:
        """Let time pass: send what is due, play what there is."""
        end = self.now + seconds
        while True:
            due = self.playout.due_at()
            done = self._busy_until if self.waiting else math.inf
            now = max(self.now, min(due, done))
            if now > end:
                break
            self.now = now
            if due <= done:
                for text in self.playout.take(now):
                    self.take(text)
            else:
                self._play()
        self.now = end

    def take(self, text: str) -> None:
        """A message of the application's."""
        message = decode(text)
        if not self.waiting:
            self._busy_until = self.now
        if isinstance(message, Media):
            audio = message.media.payload
            self.sent.append((round(self.now, 6), f"media {len(audio)}"))
            if not self.waiting:
                self._busy_until += len(audio) / 8000
            self.waiting.append(audio)
        elif isinstance(message, Mark):
            self.sent.append((round(self.now, 6), f"mark {message.mark.name}"))
            self.waiting.append(message.mark.name)
        else:
            assert isinstance(message, Clear)
            self.sent.append((round(self.now, 6), "clear"))
            self.clears += 1
            dropped, self.waiting = self.waiting, deque()
            self.returned += [each for each in dropped if isinstance(each, str)]

    def _play(self) -> None:
        piece = self.waiting.popleft()
        if isinstance(piece, bytes):
            self.played += piece
        else:
            self.returned.append(piece)
        if self.waiting and isinstance(self.waiting[0], bytes):
            self._busy_until += len(self.waiting[0]) / 8000

    def acknowledge(self) -> list[HeardAudio]:
        """Let the marks arrive that were returned."""
        marks, self.returned = self.returned, []
        return [heard for mark in marks for heard in self.playout.acknowledge(mark)]


def playout(**options: float) -> Playout:
    return Playout(stream_sid="MZ1", **options)


def tones(ms: int, first: int = 0) -> bytes:
    """Audio of which every piece can be told from every other."""
    return bytes((first + at // 8) % 251 for at in range(ms * 8))


def test_audio_goes_out_in_frames_of_20_ms_at_the_pace_of_speech() -> None:
    """The lead at once, then one frame each 20 ms; the bytes are those the model sent."""
    playing = playout(lead_ms=60, mark_every_ms=40)
    audio = tones(160)
    playing.feed("item", 0, audio[:500])
    playing.feed("item", 0, audio[500:])
    twilio = Buffer(playing)
    twilio.run(1)
    assert twilio.sent == [
        (0.0, "media 160"),
        (0.0, "media 160"),
        (0.0, "mark 1"),
        (0.0, "media 160"),
        (0.02, "media 160"),
        (0.02, "mark 2"),
        (0.04, "media 160"),
        (0.06, "media 160"),
        (0.06, "mark 3"),
        (0.08, "media 160"),
        (0.1, "media 160"),
        (0.1, "mark 4"),
    ]
    assert bytes(twilio.played) == audio


def test_marks_stand_for_exactly_the_audio_before_them() -> None:
    """In order, with its item and content part; then there is nothing left to hear."""
    playing = playout(mark_every_ms=100)
    playing.feed("a", 0, tones(150))
    playing.feed("a", 1, tones(30))
    playing.flush()
    twilio = Buffer(playing)
    twilio.run(0.1)
    assert not playing.is_idle
    twilio.run(1)
    heard = twilio.acknowledge()
    assert [(each.item_id, each.content_index, each.ms) for each in heard] == [
        ("a", 0, 100.0),
        ("a", 0, 50.0),
        ("a", 1, 30.0),
    ]
    assert b"".join(each.audio for each in heard) == tones(150) + tones(30)
    assert playing.is_idle


def test_less_than_a_frame_waits_for_the_rest_or_the_end() -> None:
    """Joined with the next delta; sent short at the end of its part, and when another begins."""
    playing = playout()
    playing.feed("a", 0, tones(15))
    assert playing.due_at() == math.inf
    assert not playing.is_idle
    playing.feed("a", 0, tones(15))
    twilio = Buffer(playing)
    twilio.run(0)
    assert twilio.sent == [(0.0, "media 160"), (0.0, "mark 1")]
    playing.feed("b", 0, tones(5))
    playing.flush()
    playing.flush()
    twilio.run(0.1)
    assert [what for _, what in twilio.sent[2:]] == [
        "media 80",
        "mark 2",
        "media 40",
        "mark 3",
    ]


def test_after_a_silence_the_lead_is_granted_anew() -> None:
    """Time in which nothing was said is not made up for."""
    playing = playout(lead_ms=40)
    playing.feed("a", 0, tones(20))
    twilio = Buffer(playing)
    twilio.run(10)
    playing.feed("a", 0, tones(80))
    twilio.run(0)
    assert len([what for _, what in twilio.sent if what.startswith("media")]) == 3


def test_an_interruption_clears_and_makes_marks_stale() -> None:
    """What was played counts, what came back unplayed does not, and nothing more is sent."""
    playing = playout(lead_ms=200, mark_every_ms=20)
    playing.feed("a", 0, tones(1000))
    twilio = Buffer(playing)
    twilio.run(0.1)
    assert sum(each.ms for each in twilio.acknowledge()) == 100.0
    playing.interrupt("a")
    twilio.run(1)
    assert twilio.clears == 1
    assert len(twilio.played) == 800
    assert len(twilio.returned) == 10
    assert twilio.acknowledge() == []
    assert playing.stale_marks == 10
    assert playing.is_idle


def test_an_interruption_before_anything_was_sent_clears_nothing() -> None:
    """There is nothing with Twilio to take back, and a remainder goes too."""
    playing = playout()
    playing.feed("a", 0, tones(30))
    playing.interrupt("a")
    playing.interrupt("b")
    assert playing.is_idle
    assert playing.due_at() == math.inf


def test_an_interrupted_item_that_was_heard_clears_nothing() -> None:
    """A later item plays on."""
    playing = playout(mark_every_ms=20)
    playing.feed("a", 0, tones(40))
    playing.feed("b", 0, tones(200))
    twilio = Buffer(playing)
    twilio.run(0.05)
    twilio.acknowledge()
    playing.interrupt("a")
    twilio.run(1)
    assert twilio.clears == 0
    assert bytes(twilio.played) == tones(40) + tones(200)


def test_what_is_behind_an_interrupted_item_moves_up() -> None:
    """A clear takes it with it; it is sent again, whole and once."""
    playing = playout(lead_ms=200, mark_every_ms=100)
    playing.feed("a", 0, tones(120))
    playing.feed("b", 0, tones(300, first=100))
    playing.feed("b", 0, tones(10, first=50))
    twilio = Buffer(playing)
    twilio.run(0.05)
    playing.interrupt("a")
    twilio.run(0.2)
    playing.flush()
    twilio.run(1)
    assert twilio.clears == 1
    assert bytes(twilio.played) == tones(40) + tones(300, first=100) + tones(10, first=50)
    heard = twilio.acknowledge()
    assert {each.item_id for each in heard} == {"b"}
    assert sum(each.ms for each in heard) == 310.0
    assert playing.is_idle


def test_a_lost_mark_is_made_up_for_by_the_next() -> None:
    """What it stood for was played before."""
    playing = playout(mark_every_ms=20)
    playing.feed("a", 0, tones(60))
    Buffer(playing).run(0)
    assert [each.ms for each in playing.acknowledge("2")] == [20.0, 20.0]
    assert [each.ms for each in playing.acknowledge("3")] == [20.0]
    assert playing.acknowledge("not ours") == []
    assert playing.stale_marks == 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.integers(1, 400)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("interrupt"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(1, 300)),
        st.tuples(st.just("marks"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(steps=steps, lead_ms=st.sampled_from([20, 60, 200]), every=st.sampled_from([20, 50, 100]))
def test_nothing_counts_that_was_not_played(
    steps: list[tuple[str, int]], lead_ms: int, every: int
) -> None:
    """Whatever happens in whatever order, with marks that arrive late: what counts as heard of an
    item is a beginning of what was said, was played, and Twilio never holds more than the lead."""
    playing = playout(lead_ms=lead_ms, mark_every_ms=every)
    twilio = Buffer(playing)
    said: dict[str, bytes] = {}
    counted: dict[str, bytes] = {}
    cut: set[str] = set()
    items = 0

    def count() -> None:
        for each in twilio.acknowledge():
            assert each.item_id not in cut
            counted[each.item_id] = counted.get(each.item_id, b"") + each.audio

    for step, value in [*steps, ("end", 0), ("wait", 20_000), ("marks", 0)]:
        item = f"item{items}"
        if step == "feed":
            # No byte is like another nearby, and none like those of the item before.
            audio = bytes((items * 7 + len(said.get(item, b"")) + i) % 256 for i in range(value))
            said[item] = said.get(item, b"") + audio
            playing.feed(item, 0, audio)
        elif step == "end":
            playing.flush()
            items += 1
        elif step == "interrupt" and items - value >= 0:
            cut.add(f"item{items - value}")
            playing.interrupt(f"item{items - value}")
            items += value == 0
        elif step == "wait":
            twilio.run(value / 1000)
            # The frame being played counts whole.
            assert twilio.ms < lead_ms + 20
        else:
            count()
    for item, audio in counted.items():
        assert said[item].startswith(audio)
        assert audio in twilio.played
        if item not in cut:
            assert audio == said[item]
    assert playing.is_idle
    assert sum(map(len, counted.values())) <= len(twilio.played)


def test_the_uplink_keeps_the_newest() -> None:
    """What the model's connection does not take in time is dropped from the front, and counted."""
    uplink = Uplink(limit_ms=40)
    assert uplink.take() == b""
    uplink.put(tones(30))
    uplink.put(tones(30, first=30))
    assert uplink.dropped_ms == 20.0
    assert uplink.take() == tones(40, first=20)
    assert uplink.take() == b""
