"""The application's stream: bounded, interruptible, shared by readers, and fair to other tasks."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.context import RunContext
from trio_realtime.errors import EventBufferOverflow, RealtimeConnectionError
from trio_realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeDtmfReceived,
    RealtimeEventInfo,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
)
from trio_realtime.models.events import RealtimeModelAudioEvent, RealtimeModelAudioInterruptedEvent
from trio_realtime.sessions.core.event_buffer import BATCH, SLICE, EventBuffer
from trio_realtime.sessions.failure import FailureReport

INFO = RealtimeEventInfo(context=RunContext(context=None))
TYPES = frozenset({"audio", "audio_interrupted", "dtmf_received"})


def key(number: int) -> RealtimeDtmfReceived:
    return RealtimeDtmfReceived(key=str(number), info=INFO)


def audio(item_id: str) -> RealtimeAudio:
    sound = RealtimeModelAudioEvent(data=b"", response_id="r", item_id=item_id, content_index=0)
    return RealtimeAudio(audio=sound, item_id=item_id, content_index=0, info=INFO)


def interrupted(item_id: str) -> RealtimeAudioInterrupted:
    return RealtimeAudioInterrupted(item_id=item_id, content_index=0, heard_ms=0, info=INFO)


def make(
    size: int = 1000,
    wanted: frozenset[str] = TYPES,
    on_overflow: Callable[[EventBufferOverflow], None] | None = None,
    on_audio_taken: Callable[[RealtimeAudio], None] | None = None,
    report: FailureReport | None = None,
) -> EventBuffer:
    """A buffer that is closed by an overflow, as a session closes its own."""
    report = report or FailureReport()

    def overflow(failure: EventBufferOverflow) -> None:
        report.record(failure)
        buffer.close()
        if on_overflow is not None:
            on_overflow(failure)

    buffer = EventBuffer(size, INFO, wanted, report, overflow, on_audio_taken)
    return buffer


def filled(count: int, size: int = 1000, report: FailureReport | None = None) -> EventBuffer:
    buffer = make(size, report=report)
    for number in range(count):
        buffer.put(key(number))
    return buffer


async def rest_of(buffer: EventBuffer) -> list[RealtimeSessionEvent]:
    return [event async for event in buffer]


def keys(events: list[RealtimeSessionEvent]) -> list[int]:
    return [int(event.key) for event in events if isinstance(event, RealtimeDtmfReceived)]


# Putting and taking


async def test_events_come_in_their_order_and_the_end_after_them() -> None:
    buffer = filled(3)
    assert len(buffer) == 3
    buffer.close()
    assert keys(await rest_of(buffer)) == [0, 1, 2]
    assert await rest_of(buffer) == []


async def test_events_the_application_does_not_want_are_not_kept() -> None:
    buffer = make()
    assert buffer.wants("audio")
    assert not buffer.wants("input_audio_timeout_triggered")
    buffer.put(RealtimeInputAudioTimeoutTriggered(info=INFO))
    assert len(buffer) == 0


async def test_after_the_end_nothing_is_taken_on() -> None:
    buffer = filled(1)
    buffer.close()
    buffer.close()
    buffer.put(key(1))
    buffer.interrupt(interrupted("a"))
    assert keys(await rest_of(buffer)) == [0]


async def test_a_reader_waits_for_an_event() -> None:
    buffer = make()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            assert await anext(buffer) == key(7)

        await trio.testing.wait_all_tasks_blocked()
        assert buffer.tasks_waiting == 1
        buffer.put(key(7))
    assert buffer.tasks_waiting == 0


async def test_somebody_may_be_told_when_audio_is_taken_and_not_before() -> None:
    taken: list[RealtimeAudio] = []
    buffer = make(on_audio_taken=taken.append)
    for event in (key(1), audio("a"), audio("stale"), audio("b")):
        buffer.put(event)
    buffer.interrupt(interrupted("stale"))
    assert not taken
    buffer.close()
    await rest_of(buffer)
    assert taken == [audio("a"), audio("b")]


# Overflow


async def test_one_event_too_many_fails_the_session_after_all_was_delivered() -> None:
    overflows: list[EventBufferOverflow] = []
    buffer = make(3, on_overflow=overflows.append)
    for number in range(3):
        buffer.put(key(number))
    assert not overflows
    buffer.put(key(3))
    buffer.put(key(4))
    (overflow,) = overflows
    assert "more than 3 events are unread" in str(overflow)
    assert "event_buffer_size" in str(overflow)
    assert [await anext(buffer) for _ in range(4)] == [key(number) for number in range(4)]
    with pytest.raises(EventBufferOverflow) as caught:
        await anext(buffer)
    assert caught.value is overflow


# Interruption


async def test_an_interruption_goes_first_and_takes_the_stale_audio_away() -> None:
    buffer = make()
    for event in (key(1), audio("a"), audio("b"), audio("a"), key(2)):
        buffer.put(event)
    buffer.interrupt(interrupted("a"))
    buffer.close()
    assert await rest_of(buffer) == [interrupted("a"), key(1), audio("b"), key(2)]


ACTIONS = st.sampled_from(["put a", "put b", "put key", "cut a", "cut b", "take", "count"])


@pytest.mark.parametrize("wanted", [TYPES, TYPES - {"audio_interrupted"}])
@given(st.lists(ACTIONS, max_size=40))
def test_whatever_is_interrupted_when_stale_audio_is_gone_and_nothing_else(
    wanted: frozenset[str], actions: list[str]
) -> None:
    """As if all that waits were looked through at each interruption."""

    async def compare() -> None:
        buffer, first, rest = make(wanted=wanted), list[Any](), list[Any]()
        for number, action in enumerate(actions):
            kind, _, name = action.partition(" ")
            if kind == "put":
                event = key(number) if name == "key" else audio(name)
                buffer.put(event)
                rest.append(event)
            elif kind == "cut":
                buffer.interrupt(interrupted(name))
                rest = [event for event in rest if event != audio(name)]
                if "audio_interrupted" in wanted:
                    first.append(interrupted(name))
            elif kind == "count":
                assert len(buffer) == len(first) + len(rest)
            elif first or rest:
                assert await anext(buffer) == (first or rest).pop(0)
        buffer.close()
        assert await rest_of(buffer) == first + rest

    trio.run(compare)


async def test_stale_audio_takes_no_room() -> None:
    """Neither is it counted, nor does it make the buffer overflow."""
    overflows: list[EventBufferOverflow] = []
    buffer = make(20, on_overflow=overflows.append, wanted=frozenset({"audio", "dtmf_received"}))
    for number in range(100):
        buffer.put(audio(str(number)))
        buffer.interrupt(interrupted(str(number)))
    for number in range(20):
        buffer.put(key(number))
    assert len(buffer) == 20
    assert not overflows
    buffer.put(key(20))
    assert overflows


async def test_interruptions_in_a_row_keep_their_order() -> None:
    buffer = make()
    buffer.put(key(1))
    for name in "abc":
        buffer.put(audio(name))
        buffer.interrupt(interrupted(name))
    buffer.close()
    expected = [interrupted("a"), interrupted("b"), interrupted("c"), key(1)]
    assert await rest_of(buffer) == expected


async def test_an_interruption_wakes_a_reader() -> None:
    buffer = make()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            assert await anext(buffer) == interrupted("a")

        await trio.testing.wait_all_tasks_blocked()
        buffer.interrupt(interrupted("a"))


async def test_stale_audio_goes_even_if_nobody_wants_to_hear_of_interruptions() -> None:
    buffer = make(wanted=frozenset({"audio"}))
    for name in "abab":
        buffer.put(audio(name))
    buffer.interrupt(interrupted("a"))
    buffer.close()
    assert await rest_of(buffer) == [audio("b"), audio("b")]


# Readers


async def test_readers_share_the_events_and_all_end(autojump_clock: trio.abc.Clock) -> None:
    buffer, taken = make(), dict[str, list[RealtimeSessionEvent]]()

    async def read(name: str) -> None:
        taken[name] = await rest_of(buffer)

    async with trio.open_nursery() as nursery:
        for name in ("one", "two", "three"):
            nursery.start_soon(read, name)
        for number in range(300):
            buffer.put(key(number))
            if number % 3 == 0:
                await trio.sleep(1)
        buffer.close()
    assert sorted(number for events in taken.values() for number in keys(events)) == list(
        range(300)
    )
    assert all(keys(events) == sorted(keys(events)) for events in taken.values())
    assert all(taken.values())


async def test_a_failure_is_raised_once_to_one_reader_after_the_events() -> None:
    report, failure = FailureReport(), RealtimeConnectionError("lost")
    buffer = filled(2, report=report)
    endings: list[object] = []
    seen: list[RealtimeSessionEvent] = []

    async def read() -> None:
        try:
            async for event in buffer:
                seen.append(event)
        except RealtimeConnectionError as exc:
            endings.append(exc)
        else:
            endings.append(None)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        assert buffer.tasks_waiting == 3
        buffer.put(key(2))
        report.record(failure)
        buffer.close()
    assert keys(seen) == [0, 1, 2]
    assert sorted(endings, key=repr) == [None, None, failure]
    assert await rest_of(buffer) == []
    assert report.told


async def test_a_failure_the_application_knows_is_not_raised_again() -> None:
    """Told elsewhere, as the cause of an error say, it ends the stream without an error."""
    report = FailureReport()
    buffer = make(report=report)
    report.record(RealtimeConnectionError("lost"))
    buffer.close()
    report.tell()
    assert await rest_of(buffer) == []


# Cancellation


async def test_cancelling_a_reader_that_waits_loses_no_event() -> None:
    buffer = make()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rest_of, buffer)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert buffer.tasks_waiting == 0
    buffer.put(key(1))
    assert await anext(buffer) == key(1)


async def test_cancelling_a_reader_that_was_woken_loses_no_event() -> None:
    """The event and the cancellation arrive in the same moment, in either order."""
    for event_first in (True, False):
        buffer, taken = make(), list[RealtimeSessionEvent]()
        scope = trio.CancelScope()

        async def read(
            buffer: EventBuffer, scope: trio.CancelScope, taken: list[RealtimeSessionEvent]
        ) -> None:
            with scope:
                taken.append(await anext(buffer))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, buffer, scope, taken)
            await trio.testing.wait_all_tasks_blocked()
            if event_first:
                buffer.put(key(1))
                scope.cancel()
            else:
                scope.cancel()
                buffer.put(key(1))
        assert len(taken) + len(buffer) == 1
        assert len(taken) == event_first


async def test_a_cancelled_reader_stops_within_a_batch_and_loses_nothing() -> None:
    buffer, taken = filled(5 * BATCH), list[RealtimeSessionEvent]()
    with trio.CancelScope() as scope:
        async for event in buffer:
            taken.append(event)
            if len(taken) == BATCH + 3:
                scope.cancel()
    assert scope.cancelled_caught
    assert len(taken) < 2 * BATCH + 3
    buffer.close()
    assert keys([*taken, *await rest_of(buffer)]) == list(range(5 * BATCH))


async def test_a_cancelled_reader_leaves_the_failure_to_others() -> None:
    report, failure = FailureReport(), RealtimeConnectionError("lost")
    buffer = make(report=report)
    report.record(failure)
    buffer.close()
    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(buffer)
    assert scope.cancelled_caught
    assert not report.told
    with pytest.raises(RealtimeConnectionError):
        await anext(buffer)


# Fairness


class Turns:
    """Counts how often another task gets to run, and what the buffer held each time."""

    def __init__(self, buffer: EventBuffer) -> None:
        self.buffer = buffer
        self.left: list[int] = []

    async def run(self) -> None:
        while True:
            self.left.append(len(self.buffer))
            await trio.lowlevel.checkpoint()


async def read_slowly(
    buffer: EventBuffer, clock: trio.testing.MockClock, seconds_each: float
) -> int:
    """Read to the end, taking so long over each event; how many there were."""
    taken = 0
    async for _ in buffer:
        taken += 1
        clock.jump(seconds_each)
    return taken


async def test_a_reader_lets_others_run_when_its_slice_of_time_is_over(
    mock_clock: trio.testing.MockClock,
) -> None:
    buffer = filled(10 * BATCH)
    buffer.close()
    turns = Turns(buffer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run)
        await read_slowly(buffer, mock_clock, 2 * SLICE / BATCH)
        nursery.cancel_scope.cancel()
    # Trio runs the tasks of a round in any order, so the reader may come twice in a row.
    left = [10 * BATCH, *turns.left]
    assert max(before - after for before, after in itertools.pairwise(left)) <= 2 * BATCH


async def test_a_reader_that_is_quick_switches_no_tasks(
    mock_clock: trio.testing.MockClock,
) -> None:
    buffer = filled(10 * BATCH)
    turns = Turns(buffer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run)
        for _ in range(10 * BATCH):
            await anext(buffer)
        nursery.cancel_scope.cancel()
    assert len(turns.left) <= 2


async def test_slow_readers_take_turns_too(mock_clock: trio.testing.MockClock) -> None:
    buffer, taken = filled(20 * BATCH), list[int]()
    buffer.close()

    async def read() -> None:
        taken.append(await read_slowly(buffer, mock_clock, SLICE))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(read)
    assert sum(taken) == 20 * BATCH
    assert min(taken) >= 6 * BATCH


async def test_an_interruption_goes_before_raw_events_that_wait() -> None:
    """One of them may be of the interruption before, under the same name."""
    buffer = make(wanted=TYPES | {"raw_model_event"})
    raw = RealtimeModelAudioInterruptedEvent(item_id="a", content_index=0, heard_ms=5)
    buffer.put_raw(raw)
    buffer.interrupt(interrupted("b"))
    buffer.close()
    assert await rest_of(buffer) == [interrupted("b"), RealtimeRawModelEvent(data=raw, info=INFO)]
