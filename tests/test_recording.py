"""The stereo recorder: what is where, to the sample, and that it never waits."""

import struct
import threading
import wave
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_realtime import (
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeEventInfo,
    RunContext,
    UserError,
)
from trio_realtime import recording as recording_module
from trio_realtime.audio import alaw_decode, ulaw_decode
from trio_realtime.audio.formats import PCM16, PCMA, PCMU
from trio_realtime.models.events import RealtimeModelAudioEvent
from trio_realtime.recording import SessionRecorder
from trio_realtime.recording.placement import Clip, Silence, Slab, Timeline
from trio_realtime.recording.wav_file import RecordingFile
from trio_realtime.testing.leaks import assert_nothing_survives

INFO = RealtimeEventInfo(context=RunContext(None))


def tone(value: int, ms: float) -> bytes:
    """PCM16 at 24 kHz of which every sample is this."""
    return struct.pack("<h", value) * int(24 * ms)


def audio(data: bytes, item_id: str = "item", content_index: int = 0) -> RealtimeAudio:
    event = RealtimeModelAudioEvent(
        data=data, response_id="r", item_id=item_id, content_index=content_index
    )
    return RealtimeAudio(audio=event, item_id=item_id, content_index=content_index, info=INFO)


def interrupted(heard_ms: int, item_id: str = "item", index: int = 0) -> RealtimeAudioInterrupted:
    return RealtimeAudioInterrupted(
        item_id=item_id, content_index=index, heard_ms=heard_ms, info=INFO
    )


def sides(path: Path) -> tuple[list[int], list[int]]:
    """The samples of both sides."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        data = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(data) // 2}h", data)
    return list(samples[0::2]), list(samples[1::2])


def runs(samples: list[int]) -> list[tuple[int, int]]:
    """Samples as (value, how often in a row)."""
    found: list[tuple[int, int]] = []
    for sample in samples:
        if found and found[-1][0] == sample:
            found[-1] = (sample, found[-1][1] + 1)
        else:
            found.append((sample, 1))
    return found


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would happen in a thread happens at once: a virtual clock does not wait for threads."""

    async def run_sync(function: Any, *args: Any, limiter: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return function(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)


# -- the recorder --------------------------------------------------------------------------------


async def test_both_sides_stand_where_they_were_heard(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The user's words end when they came; the model's follow one another in real time."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        await trio.sleep(1)
        recorder.user(tone(1, 100))
        await trio.sleep(0.5)
        recorder.event(audio(tone(5, 300)))
        recorder.event(audio(tone(6, 300)))
        recorder.event(RealtimeAudioEnd(item_id="item", content_index=0, info=INFO))
        await trio.sleep(1)
        recorder.event(audio(tone(7, 100), "next"))
        await trio.sleep(0.5)
    left, right = sides(path)
    assert len(left) == len(right) == 72_000
    assert runs(left) == [(0, 21_600), (1, 2_400), (0, 48_000)]
    assert runs(right) == [
        (0, 36_000),
        (5, 7_200),
        (6, 7_200),
        (0, 9_600),
        (7, 2_400),
        (0, 9_600),
    ]
    assert recorder.dropped_ms == 0


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize("written", [False, True])
async def test_what_an_interruption_cut_off_is_not_in_it(
    autojump_clock: MockClock, tmp_path: Path, written: bool
) -> None:
    """Neither what was still to come, nor what the clock says was heard and the caller did not,
    whether it has been written already or not."""
    path = tmp_path / "a.wav"
    heard_ms = 1_100 if written else 250
    played = 2.1 if written else 0.4
    async with SessionRecorder(path) as recorder:
        recorder.event(audio(tone(5, 3_000)))
        await trio.sleep(played)
        assert (len(sides(path)[1]) > heard_ms * 24) is written
        recorder.event(interrupted(heard_ms))
        recorder.user(tone(1, 200))
        await trio.sleep(2)
        recorder.event(audio(tone(6, 100), "next"))
        await trio.sleep(2)
    left, right = sides(path)
    heard, end = heard_ms * 24, round((played + 2) * 24_000)
    assert runs(right)[:3] == [(5, heard), (0, end - heard), (6, 2_400)]
    assert runs(left)[1] == (1, 4_800)


async def test_what_is_behind_an_interrupted_item_moves_up(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """As it does where it is played."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        recorder.event(audio(tone(5, 500), "a"))
        recorder.event(audio(tone(6, 500), "b", 0))
        recorder.event(audio(tone(7, 200), "b", 1))
        await trio.sleep(0.2)
        recorder.event(interrupted(200, "a"))
        await trio.sleep(0.6)
        # Content 0 of b has been heard; of content 1 only 50 ms have been.
        recorder.event(interrupted(50, "b", 1))
        await trio.sleep(1)
    assert runs(sides(path)[1])[:4] == [(5, 4_800), (6, 12_000), (7, 1_200), (0, 25_200)]


async def test_an_item_of_which_nothing_was_heard(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Is not in it at all, while what plays before it goes on."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        recorder.event(audio(tone(5, 500), "a"))
        recorder.event(audio(tone(6, 500), "b", 0))
        recorder.event(audio(tone(7, 500), "b", 1))
        await trio.sleep(0.1)
        recorder.event(interrupted(0, "b"))
        recorder.event(audio(tone(8, 100), "c"))
        await trio.sleep(1.9)
    assert runs(sides(path)[1]) == [(5, 12_000), (8, 2_400), (0, 33_600)]


async def test_what_was_not_heard_at_the_end_is_not_in_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The recording is as long as the conversation was."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        recorder.event(audio(tone(5, 60_000)))
        await trio.sleep(0.7)
    assert runs(sides(path)[1]) == [(5, 16_800)]


async def test_jitter_makes_no_gaps_and_pauses_do(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Chunks a little late or early join up; what was said later stands later."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        for delay in (0.02, 0.05, 0.0, 0.01, 0.02):
            await trio.sleep(delay)
            recorder.user(tone(1, 20))
        await trio.sleep(1)
        recorder.user(tone(2, 20))
    assert runs(sides(path)[0]) == [(1, 2_400), (0, 23_520), (2, 480)]


async def test_times_that_are_known_are_kept(autojump_clock: MockClock, tmp_path: Path) -> None:
    """However late the audio comes; but nothing is put over what was there before."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        began = trio.current_time()
        await trio.sleep(0.4)
        recorder.user(tone(1, 100), at=began + 0.1)
        recorder.user(tone(2, 100), at=began + 0.2)
        recorder.user(tone(3, 100), at=began + 0.25)
        recorder.heard(tone(4, 100), at=began + 0.15)
        recorder.heard(tone(5, 50), at=began + 0.30)
        await trio.sleep(0.6)
    left, right = sides(path)
    assert runs(left) == [(0, 2_400), (1, 2_400), (2, 2_400), (3, 2_400), (0, 14_400)]
    assert runs(right) == [(0, 3_600), (4, 2_400), (0, 1_200), (5, 1_200), (0, 15_600)]


async def test_what_comes_too_late_comes_behind_what_is_written(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It is heard all the same."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        began = trio.current_time()
        await trio.sleep(1.6)
        recorder.user(tone(1, 100), at=began + 0.1)
    assert runs(sides(path)[0]) == [(0, 24_000), (1, 2_400), (0, 12_000)]


@pytest.mark.parametrize(("law", "decode"), [("g711_ulaw", ulaw_decode), ("pcma", alaw_decode)])
async def test_g711_is_recorded_at_8_khz(
    autojump_clock: MockClock, tmp_path: Path, law: str, decode: Any
) -> None:
    """Sample for sample."""
    path = tmp_path / "a.wav"
    said, heard = bytes(range(160)), bytes(range(80, 240))
    async with SessionRecorder(path, user_format=law, model_format=law) as recorder:
        assert recorder.rate == 8_000
        await trio.sleep(0.02)
        recorder.user(said)
        recorder.heard(heard)
    left, right = sides(path)
    assert struct.pack("<160h", *left) == decode(said)
    assert struct.pack("<160h", *right) == decode(heard)


async def test_two_rates_share_a_recording(autojump_clock: MockClock, tmp_path: Path) -> None:
    """The lower one is raised in straight lines, and stays in step with the other."""
    path = tmp_path / "a.wav"
    said = bytes([0xFF, 0x80, 0x80, 0x00]) * 20
    async with SessionRecorder(path, user_format=PCMU, model_format=PCM16) as recorder:
        await trio.sleep(1.005)
        recorder.user(said[:40])
        await trio.sleep(0.005)
        recorder.user(said[40:])
        recorder.heard(tone(5, 10))
        await trio.sleep(2)
    left, right = sides(path)
    low = struct.unpack("<80h", ulaw_decode(said))
    assert left[24_000 + 2 : 24_240 : 3] == list(low)
    for at, sample in enumerate(low):
        before = low[at - 1] if at else 0
        third = left[24_000 + 3 * at]
        assert abs(third - (before + (sample - before) / 3)) <= 1
    assert right[24_000:24_240] == [5] * 240
    assert not any(left[:24_000] + left[24_240:] + right[:24_000] + right[24_240:])


async def test_a_cancelled_recording_is_whole(autojump_clock: MockClock, tmp_path: Path) -> None:
    """To the last sample, header included."""
    path = tmp_path / "a.wav"
    async with assert_nothing_survives():
        with trio.CancelScope() as scope:
            async with SessionRecorder(path) as recorder:
                # Not before: a virtual clock does not wait for the thread that makes the file.
                scope.deadline = trio.current_time() + 0.9
                recorder.user(tone(1, 100), at=trio.current_time())
                recorder.event(audio(tone(5, 2_000)))
                await trio.sleep_forever()
    left, right = sides(path)
    assert runs(left) == [(1, 2_400), (0, 19_200)]
    assert runs(right) == [(5, 21_600)]


@pytest.mark.usefixtures("no_threads")
async def test_the_file_can_be_played_while_it_grows(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """From the start."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path) as recorder:
        assert sides(path) == ([], [])
        recorder.user(tone(1, 5_000), at=trio.current_time())
        await trio.sleep(3.1)
        left, _right = sides(path)
        assert runs(left) == [(1, 60_000)]
    assert runs(sides(path)[0]) == [(1, 120_000)]


async def test_an_hour_of_nothing_costs_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Silence is not written, only counted."""
    path = tmp_path / "a.wav"
    async with SessionRecorder(path, user_format=PCMU, model_format=PCMU) as recorder:
        recorder.user(b"\x00" * 160, at=trio.current_time())
        await trio.sleep(600)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 600 * 8_000
    assert recorder.dropped_ms == 0


class SlowDisk:
    """A file whose writing takes as long as the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.begun = trio.Event()
        write = RecordingFile.write

        def slow(file: RecordingFile, news: Any) -> None:
            news = list(news)
            if news:
                trio.from_thread.run_sync(self.begun.set)
                self.free.wait(20)
            write(file, news)

        monkeypatch.setattr(RecordingFile, "write", slow)


async def test_a_disk_that_stands_still_delays_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What it does not take in time is silent, counted, and the rest stays in its place."""
    monkeypatch.setattr(recording_module, "BUFFER_MS", 2_000)
    disk = SlowDisk(monkeypatch)
    path = tmp_path / "a.wav"
    now = 100.0
    monkeypatch.setattr(trio, "current_time", lambda: now)
    monkeypatch.setattr(recording_module, "WRITE_EVERY", 0.001)
    async with SessionRecorder(path) as recorder:
        for second in range(10):
            for _ in range(10):
                now += 0.1
                recorder.user(tone(1 + second, 100))
            with trio.fail_after(5):
                await disk.begun.wait()
        disk.free.set()
    left, _right = sides(path)
    assert len(left) == 240_000
    missing = left.count(0)
    assert missing / 24 == pytest.approx(recorder.dropped_ms)
    assert 6_000 < recorder.dropped_ms < 9_000
    for second in range(10):
        part = left[second * 24_000 : (second + 1) * 24_000]
        assert set(part) <= {0, 1 + second}
    assert set(left[-24_000:]) == {10}


class BrokenDiskError(OSError):
    """The disk's own."""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full after the header."""
    write = RecordingFile.write

    def fail(file: RecordingFile, news: Any) -> None:
        news = list(news)
        if news:
            raise BrokenDiskError
        write(file, news)

    monkeypatch.setattr(RecordingFile, "write", fail)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("seconds", [0.2, 90])
async def test_a_full_disk_is_no_end_of_the_conversation(
    autojump_clock: MockClock, tmp_path: Path, seconds: float
) -> None:
    """The block goes on, and raises at its end; what is missing is counted."""
    recorder = SessionRecorder(tmp_path / "a.wav")
    finished = False

    async def record() -> None:
        nonlocal finished
        async with recorder:
            for _ in range(int(seconds * 10)):
                await trio.sleep(0.1)
                recorder.user(tone(1, 100))
            finished = True

    with pytest.raises(BrokenDiskError):
        await record()
    assert finished
    assert recorder.dropped_ms == pytest.approx(seconds * 1_000)


@pytest.mark.usefixtures("broken")
async def test_a_full_disk_does_not_hide_what_the_block_raises(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It is a note on it."""

    async def record() -> None:
        async with SessionRecorder(tmp_path / "a.wav") as recorder:
            recorder.user(tone(1, 100))
            raise KeyError("the block's")

    with pytest.raises(KeyError) as caught:
        await record()
    assert caught.value.__notes__ == ["also: the recording failed: BrokenDiskError()"]


async def test_a_recorder_is_for_one_block(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Before and after it there is nothing to feed."""
    recorder = SessionRecorder(tmp_path / "a.wav")
    with pytest.raises(UserError, match="not open"):
        recorder.user(b"")
    async with recorder:
        with pytest.raises(UserError, match="records once"):
            await recorder.__aenter__()
    with pytest.raises(UserError, match="not open"):
        recorder.heard(b"")
    with pytest.raises(FileNotFoundError):
        async with SessionRecorder(tmp_path / "no such folder" / "a.wav"):
            raise AssertionError("never opened")


# -- the timeline --------------------------------------------------------------------------------


def timeline(rate: int = 8_000) -> Timeline:
    return Timeline(began=0.0, rate=rate, user_format=PCMU, model_format=PCMU)


def test_only_what_is_old_enough_is_handed_out() -> None:
    """Half a second is kept back, for what is under way."""
    line = timeline()
    line.said(b"\x01" * 8_000, now=1.0)
    assert line.advance(0.5) == []
    assert line.waiting_ms(0.4) == 0
    assert line.waiting_ms(1.0) == 500
    assert line.advance(1.0) == [
        Slab(start=0, end=4_000, left=(Clip(start=0, audio=b"\x01" * 4_000),), right=())
    ]
    assert line.advance(1.0) == []
    end, rest = line.finish(1.0)
    assert end == 8_000
    assert rest == [
        Slab(start=4_000, end=8_000, left=(Clip(start=4_000, audio=b"\x01" * 4_000),), right=())
    ]


def test_what_was_handed_out_is_taken_back_as_silence() -> None:
    """Exactly the part that was not heard."""
    line = timeline()
    line.plays("a", 0, b"\x01" * 16_000, now=0.0)
    line.advance(1.5)
    line.interrupted("a", 0, 600, now=1.5)
    assert line.advance(1.5) == [Silence(start=4_800, end=8_000)]
    assert line.finish(2.0) == (16_000, [])


def test_old_contents_are_forgotten() -> None:
    """An interruption of one long past changes nothing."""
    line = timeline()
    for number in range(70):
        line.plays(f"item{number}", 0, b"\x01" * 80, now=number)
    line.interrupted("item1", 0, 0, now=70)
    assert not [each for each in line.advance(80) if isinstance(each, Silence)]


def test_half_a_sample_is_none() -> None:
    """What is no whole sample does not count."""
    line = Timeline(began=0.0, rate=24_000, user_format=PCM16, model_format=PCMA)
    line.said(b"\x01\x00\x02", now=0.0)
    end, [slab] = line.finish(0.0)
    assert end == 1
    assert isinstance(slab, Slab)
    assert slab.left == (Clip(start=0, audio=b"\x01\x00"),)


events = st.lists(
    st.one_of(
        st.tuples(st.just("plays"), st.integers(1, 900)),
        st.tuples(st.just("next"), st.just(0)),
        st.tuples(st.just("cut"), st.integers(0, 900)),
        st.tuples(st.just("wait"), st.integers(1, 1_500)),
        st.tuples(st.just("write"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=events)
def test_what_is_recorded_is_what_a_player_played(steps: list[tuple[str, int]]) -> None:
    """Against a player that goes millisecond by millisecond: nothing more, nothing else, nowhere
    else; whatever was written when."""
    line = timeline()
    now = 0
    queue: list[tuple[int, int]] = []  # item, place in it, one entry for each ms
    player: list[tuple[int, int] | None] = []
    recorded: list[int] = []
    item, said = 1, 0

    def take(news: list[Slab | Silence]) -> None:
        for each in news:
            recorded.extend([0] * (each.end - len(recorded)))
            if isinstance(each, Silence):
                recorded[each.start : each.end] = [0] * (each.end - each.start)
            else:
                for clip in each.right:
                    recorded[clip.start : clip.start + len(clip.audio)] = clip.audio

    for step, value in steps:
        if step == "plays":
            line.plays(f"item{item}", 0, bytes([item % 250 + 1]) * value * 8, now / 1000)
            queue += [(item, said + ms) for ms in range(value)]
            said += value
        elif step == "next":
            item, said = item + 1, 0
        elif step == "cut":
            heard = max([entry[1] + 1 for entry in player if entry and entry[0] == item], default=0)
            reported = min(heard, value)
            line.interrupted(f"item{item}", 0, reported, now / 1000)
            queue = [entry for entry in queue if entry[0] != item]
            player = [
                None if entry and entry[0] == item and entry[1] >= reported else entry
                for entry in player
            ]
            item, said = item + 1, 0
        elif step == "wait":
            player += queue[:value] + [None] * (value - len(queue))
            queue = queue[value:]
            now += value
        else:
            take(line.advance(now / 1000))
    end, news = line.finish(now / 1000)
    take(news)
    recorded += [0] * (end - len(recorded))
    expected = [0 if entry is None else entry[0] % 250 + 1 for entry in player]
    assert end == now * 8
    assert recorded[::8] == expected
    assert recorded[7::8] == expected


async def test_pieces_that_are_cut_within_a_sample_are_recorded_whole(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """On both sides: half a sample is joined with the next piece, and the rest is no noise."""
    sound = struct.pack("<480h", *range(1_000, 1_480))
    async with SessionRecorder(tmp_path / "call.wav") as recorder:
        for start, end in ((0, 301), (301, 603), (603, 960)):
            recorder.event(audio(sound[start:end]))
            recorder.user(sound[start:end])
        recorder.event(audio(b"\1", item_id="cut"))
        recorder.event(audio(struct.pack("<2h", 7, 8), item_id="next"))
        await trio.sleep(1)
    user, heard = sides(tmp_path / "call.wav")
    assert [sample for sample in user if sample] == list(range(1_000, 1_480))
    assert [sample for sample in heard if sample] == [*range(1_000, 1_480), 7, 8]
