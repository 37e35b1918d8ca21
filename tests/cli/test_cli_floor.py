"""Whose turn it is, and how long it is waited for."""

import pytest
import trio
from support_cli import INFO, done

from trio_realtime import (
    RealtimeAgent,
    RealtimeAgentStartEvent,
    RealtimeError,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
    RealtimeUserTranscriptCompleted,
    UserError,
)
from trio_realtime.cli.failures import CommandError
from trio_realtime.cli.floor import TRANSCRIPT_GRACE, Floor
from trio_realtime.models.events import RealtimeServerError

STARTED = RealtimeUserSpeechStarted(item_id="u1", audio_start_ms=0, info=INFO)
STOPPED = RealtimeUserSpeechStopped(item_id="u1", audio_end_ms=900, info=INFO)
ANSWERING = RealtimeAgentStartEvent(agent=RealtimeAgent(name="agent"), info=INFO)
TRANSCRIBED = RealtimeUserTranscriptCompleted(
    item_id="u1", content_index=0, transcript="Hello", info=INFO
)
SERVER_ERROR = RealtimeError(error=RealtimeServerError(message="no voice", type="t"), info=INFO)


def test_a_spoken_turn_is_owed_an_answer() -> None:
    floor = Floor(60)
    assert floor.take(STARTED) is None
    assert floor.speaking
    floor.take(STOPPED)
    assert (floor.speaking, floor.owed, floor.turns_heard) == (False, True, 1)
    floor.take(ANSWERING)
    assert (floor.owed, floor.answering) == (False, True)
    assert floor.take(done()) is None
    assert not floor.answering


def test_an_error_instead_of_an_answer_is_a_problem() -> None:
    floor = Floor(60)
    floor.expect_answer()
    assert floor.take(SERVER_ERROR) == "the server reported an error: no voice"
    assert not floor.owed


def test_an_error_of_the_library_is_told() -> None:
    """It is an exception, where the server's is an object with a message."""
    problem = Floor(60).take(RealtimeError(error=UserError("odd"), info=INFO))
    assert problem == "the server reported an error: odd"


def test_an_error_during_an_answer_does_not_end_it() -> None:
    floor = Floor(60)
    floor.take(ANSWERING)
    assert floor.take(SERVER_ERROR) is None
    assert floor.answering


def test_a_failed_answer_says_why() -> None:
    """By the error event that follows its end."""
    why = RealtimeServerError(message="response r failed: overloaded", type="t")
    floor = Floor(60)
    floor.take(ANSWERING)
    assert floor.take(done("failed", error=why)) is None
    line = floor.take(RealtimeError(error=why, info=INFO))
    assert line == "the server reported an error: response r failed: overloaded"


async def test_the_answer_and_the_transcript_are_waited_for(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    floor = Floor(60)
    floor.take(STARTED)
    floor.take(STOPPED)
    answered = trio.Event()

    async def wait() -> None:
        await floor.wait_answered()
        answered.set()

    nursery.start_soon(wait)
    for event in (ANSWERING, done()):
        await trio.testing.wait_all_tasks_blocked()
        floor.take(event)
    await trio.testing.wait_all_tasks_blocked()
    assert not answered.is_set()
    floor.take(TRANSCRIBED)
    begun = trio.current_time()
    await answered.wait()
    assert trio.current_time() == begun


async def test_a_transcript_is_waited_for_a_moment_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    floor = Floor(60)
    floor.take(STOPPED)
    floor.take(ANSWERING)
    floor.take(done())
    begun = trio.current_time()
    await floor.wait_answered()
    assert trio.current_time() - begun == TRANSCRIPT_GRACE
    await floor.wait_answered()
    assert trio.current_time() - begun == TRANSCRIPT_GRACE


async def test_every_event_gives_the_server_more_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    floor = Floor(10)
    floor.expect_answer()

    async def be_slow() -> None:
        await trio.sleep(7)
        floor.take(ANSWERING)

    nursery.start_soon(be_slow)
    begun = trio.current_time()
    with pytest.raises(CommandError, match=r"said nothing for 10 s \(--timeout\)"):
        await floor.wait_answered()
    assert trio.current_time() - begun == pytest.approx(17)
