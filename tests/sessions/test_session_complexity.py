"""No server can make a session slow: four times the events are about four times the work.

The history has a test of its own.
"""

from collections.abc import Callable, Iterable

import pytest
from support_steps import steps_of

from trio_realtime import RealtimeAgent
from trio_realtime.context import RunContext
from trio_realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeDtmfReceived,
    RealtimeEventInfo,
)
from trio_realtime.models.events import RealtimeModelAudioEvent, RealtimeModelToolCallEvent
from trio_realtime.models.session_settings import RealtimeSessionModelSettings
from trio_realtime.sessions.core.bound_agent import BoundAgent
from trio_realtime.sessions.core.event_buffer import EventBuffer
from trio_realtime.sessions.failure import FailureReport
from trio_realtime.sessions.guardrails.watched_responses import WatchedResponse, WatchedResponses
from trio_realtime.sessions.tools.call_ledger import CallLedger, CallState, ToolCall

INFO = RealtimeEventInfo(context=RunContext(context=None))
AGENT = RealtimeAgent("A")
BOUND = BoundAgent(agent=AGENT, settings=RealtimeSessionModelSettings(), tools={}, handoffs={})


# -- tool calls -------------------------------------------------------------------------


def made(ledger: CallLedger, numbers: Iterable[int], *, responses: bool = False) -> list[ToolCall]:
    """Calls of one response, or each of a response of its own."""
    calls: list[ToolCall] = []
    for number in numbers:
        event = RealtimeModelToolCallEvent(
            name="t",
            call_id=f"call{number}",
            arguments="{}",
            response_id=f"r{number}" if responses else "r",
        )
        call = ledger.called(event, BOUND)
        assert isinstance(call, ToolCall)
        calls.append(call)
    return calls


def calls_and_their_answers(n: int) -> None:
    ledger = CallLedger()
    for call in reversed(made(ledger, range(n))):
        ledger.answer(call, wants_response=True)
    ledger.response_ended("r")


def calls_that_never_end_and_barge_ins(n: int) -> None:
    ledger = CallLedger()
    for number in range(n):
        made(ledger, [number], responses=True)
        ledger.interrupt_all()
        ledger.interrupt_response(f"r{number}")


def calls_that_wait_for_approval_and_barge_ins(n: int) -> None:
    ledger = CallLedger()
    for call in made(ledger, range(n)):
        ledger.wait_for_approval(call)
        ledger.interrupt_all()
        ledger.count(CallState.WAITING)
        ledger.count(CallState.RUNNING)


def one_response_interrupted_among_many(n: int) -> None:
    ledger = CallLedger()
    made(ledger, range(n), responses=True)
    for number in range(n):
        ledger.interrupt_response(f"r{number}")


# -- the application's stream ------------------------------------------------------------


def buffer() -> EventBuffer:
    wanted = frozenset({"audio", "audio_interrupted", "dtmf_received"})
    return EventBuffer(100_000, INFO, wanted, FailureReport(), lambda _overflow: None)


def audio(item_id: str) -> RealtimeAudio:
    sound = RealtimeModelAudioEvent(data=b"", response_id="r", item_id=item_id, content_index=0)
    return RealtimeAudio(audio=sound, item_id=item_id, content_index=0, info=INFO)


def interrupted(item_id: str) -> RealtimeAudioInterrupted:
    return RealtimeAudioInterrupted(item_id=item_id, content_index=0, heard_ms=0, info=INFO)


def many_items_cut_at_once(n: int) -> None:
    events = buffer()
    for number in range(n):
        events.put(audio(f"i{number}"))
    for number in range(n):
        events.interrupt(interrupted(f"i{number}"))
    assert len(events) == n


def cuts_of_items_behind_all_that_waits(n: int) -> None:
    events = buffer()
    for number in range(n):
        events.put(RealtimeDtmfReceived(key="1", info=INFO))
        events.put(audio(f"i{number}"))
        events.interrupt(interrupted(f"i{number}"))
    assert len(events) == 2 * n


# -- output guardrails -------------------------------------------------------------------


def watched(responses: WatchedResponses, response_id: str) -> WatchedResponse:
    responses.watch(response_id, AGENT, ())
    response = responses.get(response_id)
    assert response is not None
    return response


def held_audio_of_many_items_cut(n: int) -> None:
    responses = WatchedResponses()
    response = watched(responses, "r")
    for number in range(n):
        response.held.hold(audio(f"i{number}"), number)
    for number in range(n):
        responses.drop_held(f"i{number}", "r")
    assert not response.held


def held_audio_of_many_responses_cut(n: int) -> None:
    responses = WatchedResponses()
    for number in range(n):
        watched(responses, f"r{number}").held.hold(audio(f"i{number}"), 0)
    for number in range(n):
        responses.drop_held(f"i{number}", f"r{number}")


def many_texts_each_checked(n: int) -> None:
    response = watched(WatchedResponses(), "r")
    for number in range(n):
        response.held.hold(audio(f"i{number}"), response.said)
        assert response.add(f"i{number}", "0123456789", 10)
        assert response.is_due
        assert response.take() == ["0123456789"]
        assert len(response.release(response.said)) == 1
        assert not response.is_due


@pytest.mark.parametrize(
    "work",
    [
        calls_and_their_answers,
        calls_that_never_end_and_barge_ins,
        calls_that_wait_for_approval_and_barge_ins,
        one_response_interrupted_among_many,
        many_items_cut_at_once,
        cuts_of_items_behind_all_that_waits,
        held_audio_of_many_items_cut,
        held_audio_of_many_responses_cut,
        many_texts_each_checked,
    ],
)
def test_four_times_the_events_are_about_four_times_the_work(work: Callable[[int], None]) -> None:
    """Whatever a server says while nothing ends, and nobody reads."""
    assert steps_of(lambda: work(400)) < 5 * steps_of(lambda: work(100))
