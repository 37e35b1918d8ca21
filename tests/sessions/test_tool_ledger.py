"""One output per call, one follow-up per response: whatever happens, in whatever order."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from trio_realtime import RealtimeAgent
from trio_realtime.models.events import RealtimeModelToolCallEvent
from trio_realtime.models.session_settings import RealtimeSessionModelSettings
from trio_realtime.sessions.core.bound_agent import BoundAgent
from trio_realtime.sessions.tools.call_ledger import CallLedger, CallState, Misfit, ToolCall

BOUND = BoundAgent(
    agent=RealtimeAgent("A"), settings=RealtimeSessionModelSettings(), tools={}, handoffs={}
)


def made(
    call_id: str,
    response_id: str | None = "r",
    name: str = "weather",
    arguments: str = "{}",
    *,
    item_id: str | None = None,
) -> RealtimeModelToolCallEvent:
    return RealtimeModelToolCallEvent(
        name=name, call_id=call_id, arguments=arguments, response_id=response_id, id=item_id
    )


def enter(
    ledger: CallLedger,
    call_id: str,
    response_id: str | None = "r",
    *,
    item_id: str | None = None,
) -> ToolCall:
    call = ledger.called(made(call_id, response_id, item_id=item_id), BOUND)
    assert isinstance(call, ToolCall)
    return call


# What a call is


def test_an_entry_holds_the_call_and_the_agent_that_made_it() -> None:
    event = made("1")
    call = CallLedger().called(event, BOUND)
    assert isinstance(call, ToolCall)
    assert (call.event, call.bound, call.state) == (event, BOUND, CallState.RUNNING)


def test_a_call_is_served_once_under_its_id() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    assert ledger.called(made("1"), BOUND) is Misfit.DUPLICATE
    assert ledger.called(made("1", None), BOUND) is Misfit.DUPLICATE
    ledger.answer(call, wants_response=True)
    assert ledger.called(made("1"), BOUND) is Misfit.DUPLICATE


@pytest.mark.parametrize("other", [{"name": "time"}, {"arguments": '{"a":1}'}])
def test_another_call_under_an_id_of_its_response_is_a_mistake_of_the_model(
    other: dict[str, str],
) -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    assert ledger.called(made("1", "r", **other), BOUND) is Misfit.REUSED
    ledger.answer(call, wants_response=True)
    assert ledger.called(made("1", "r", **other), BOUND) is Misfit.REUSED


def test_an_id_may_be_used_again_in_a_later_response_once_it_is_answered() -> None:
    """Some servers number the calls of each response anew."""
    ledger = CallLedger()
    first = enter(ledger, "1", "r1")
    assert ledger.called(made("1", "r2"), BOUND) is Misfit.REUSED
    ledger.answer(first, wants_response=True)
    second = enter(ledger, "1", "r2")
    assert second is not first
    assert ledger.unanswered() == (second,)
    assert ledger.answer(first, wants_response=True) is None
    assert ledger.answer(second, wants_response=True) is False
    assert ledger.response_ended("r2")


def test_an_item_that_another_response_announces_again_is_no_new_call() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1", "r1", item_id="item_1")
    ledger.answer(call, wants_response=True)
    again = ledger.called(made("1", "r2", item_id="item_1"), BOUND)
    assert again is Misfit.DUPLICATE


def test_a_call_without_an_id_cannot_be_answered() -> None:
    ledger = CallLedger()
    assert ledger.called(made(""), BOUND) is Misfit.NAMELESS
    assert ledger.unanswered() == ()


def test_a_call_waits_until_it_is_decided_and_then_runs() -> None:
    ledger = CallLedger()
    first, second = enter(ledger, "1"), enter(ledger, "2")
    ledger.wait_for_approval(first)
    assert first.state is CallState.WAITING
    assert ledger.waiting("1") is first
    assert ledger.waiting("2") is None
    assert ledger.waiting("unknown") is None
    assert (ledger.count(CallState.RUNNING), ledger.count(CallState.WAITING)) == (1, 1)
    assert ledger.unanswered() == (first, second)
    ledger.decided(first, approved=True)
    assert (first.state, first.approved) == (CallState.RUNNING, True)
    ledger.answer(first, wants_response=True)
    assert ledger.count(CallState.RUNNING) == 1
    assert ledger.unanswered() == (second,)


def test_a_refused_call_does_not_count_as_approved() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    ledger.wait_for_approval(call)
    ledger.decided(call, approved=False)
    assert (call.state, call.approved) == (CallState.RUNNING, False)


def test_a_call_is_answered_once_and_for_ever() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    assert ledger.answer(call, wants_response=True) is False
    assert ledger.answer(call, wants_response=True) is None


# Interruption


def test_an_interruption_stops_running_calls_and_no_others() -> None:
    stopped: list[str] = []
    ledger = CallLedger()
    calls = {call_id: enter(ledger, call_id) for call_id in ("running", "waiting", "answered")}
    for call_id, call in calls.items():
        call.stop = lambda call_id=call_id: stopped.append(call_id)
    ledger.wait_for_approval(calls["waiting"])
    ledger.answer(calls["answered"], wants_response=True)
    ledger.interrupt_all()
    assert stopped == ["running"]
    assert [call_id for call_id, call in calls.items() if call.interrupted] == ["running"]


def test_a_call_that_has_not_begun_to_run_is_interrupted_as_well() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    ledger.interrupt_all()
    assert call.interrupted


def test_the_interruption_of_a_response_concerns_its_own_calls() -> None:
    """Those that it has made and those that still come, but none of another response."""
    ledger = CallLedger()
    mine, other = enter(ledger, "1", "r1"), enter(ledger, "2", "r2")
    ledger.interrupt_response("r1")
    assert (mine.interrupted, other.interrupted) == (True, False)
    assert enter(ledger, "3", "r1").interrupted
    assert not enter(ledger, "4", "r2").interrupted
    assert not enter(ledger, "5", None).interrupted


# The follow-up response


def test_parallel_calls_cause_one_response_with_the_last_output() -> None:
    ledger = CallLedger()
    calls = [enter(ledger, call_id) for call_id in "123"]
    assert ledger.answer(calls[1], wants_response=True) is False
    assert not ledger.response_ended("r")
    assert ledger.answer(calls[0], wants_response=True) is False
    assert ledger.answer(calls[2], wants_response=True) is True


def test_the_response_is_asked_for_when_the_calls_own_is_over() -> None:
    """It may make more calls until then."""
    ledger = CallLedger()
    assert ledger.answer(enter(ledger, "1"), wants_response=True) is False
    assert ledger.answer(enter(ledger, "2"), wants_response=True) is False
    assert ledger.response_ended("r")
    assert not ledger.response_ended("r")


def test_calls_that_want_no_response_cause_none() -> None:
    ledger = CallLedger()
    first, second = enter(ledger, "1"), enter(ledger, "2")
    ledger.response_ended("r")
    assert ledger.answer(first, wants_response=False) is False
    assert ledger.answer(second, wants_response=False) is False


def test_one_call_that_wants_a_response_is_enough() -> None:
    ledger = CallLedger()
    first, second = enter(ledger, "1"), enter(ledger, "2")
    ledger.response_ended("r")
    assert ledger.answer(first, wants_response=True) is False
    assert ledger.answer(second, wants_response=False) is True


@pytest.mark.parametrize("response_id", [None, ""])
def test_a_call_of_no_known_response_asks_for_its_own(response_id: str | None) -> None:
    ledger = CallLedger()
    first, second = enter(ledger, "1", response_id), enter(ledger, "2", response_id)
    assert not ledger.response_ended(response_id)
    assert ledger.answer(first, wants_response=True) is True
    assert not ledger.wait_for_approval(second)
    assert ledger.answer(second, wants_response=False) is False


def test_every_call_that_comes_after_its_response_asks_for_its_own() -> None:
    """The follow-up of its group has been asked for, and there may be several such calls."""
    ledger = CallLedger()
    ledger.answer(enter(ledger, "1"), wants_response=True)
    assert ledger.response_ended("r")
    assert ledger.answer(enter(ledger, "2"), wants_response=True) is True
    assert ledger.answer(enter(ledger, "3"), wants_response=True) is True


def test_late_calls_of_a_response_that_made_none_before_ask_for_their_own() -> None:
    ledger = CallLedger()
    assert not ledger.response_ended("r")
    first, second = enter(ledger, "1"), enter(ledger, "2")
    assert ledger.answer(first, wants_response=True) is True
    assert ledger.answer(second, wants_response=True) is True


def test_a_late_call_shares_the_response_its_group_still_waits_for() -> None:
    ledger = CallLedger()
    first = enter(ledger, "1")
    assert not ledger.response_ended("r")
    second = enter(ledger, "2")
    assert ledger.answer(first, wants_response=True) is False
    assert ledger.answer(second, wants_response=True) is True


def test_the_others_do_not_wait_for_a_human() -> None:
    ledger = CallLedger()
    first, second = enter(ledger, "1"), enter(ledger, "2")
    ledger.response_ended("r")
    assert ledger.answer(first, wants_response=True) is False
    assert ledger.wait_for_approval(second) is True
    ledger.decided(second, approved=True)
    assert ledger.wait_for_approval(second) is False
    assert ledger.answer(second, wants_response=True) is True


def test_a_response_whose_calls_all_wait_for_a_human_has_no_follow_up_yet() -> None:
    ledger = CallLedger()
    call = enter(ledger, "1")
    assert ledger.wait_for_approval(call) is False
    assert ledger.response_ended("r") is False
    assert ledger.answer(call, wants_response=True) is True


# Under attack

CALL_IDS = st.integers(0, 5).map(str)
RESPONSES = st.sampled_from(["r1", "r2", "r3"])


class Attack(RuleBasedStateMachine):
    """Calls of three responses, answered, approved and repeated in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = CallLedger()
        self.latest: dict[str, ToolCall] = {}
        self.calls: list[ToolCall] = []
        self.alone: set[ToolCall] = set()
        self.outputs: dict[ToolCall, bool] = {}
        self.follow_ups: list[str] = []
        self.ended: set[str] = set()

    def members(self, response_id: str) -> list[ToolCall]:
        return [
            call
            for call in self.calls
            if call.event.response_id == response_id and call not in self.alone
        ]

    def follow_up(self, response_id: str | None, asked: bool) -> None:
        """The group's follow-up is asked for exactly when its last output is there."""
        assert response_id is not None
        members = self.members(response_id)
        due = (
            response_id in self.ended
            and all(call in self.outputs for call in members)
            and any(self.outputs[call] for call in members)
        )
        if asked:
            assert due
            assert response_id not in self.follow_ups
            self.follow_ups.append(response_id)
        else:
            assert not due or response_id in self.follow_ups

    @rule(call_id=CALL_IDS, response_id=RESPONSES)
    def called(self, call_id: str, response_id: str) -> None:
        known = self.latest.get(call_id)
        fits = known is None or (
            known.event.response_id != response_id and known.state is CallState.ANSWERED
        )
        call = self.ledger.called(made(call_id, response_id), BOUND)
        assert isinstance(call, ToolCall) == fits
        if isinstance(call, ToolCall):
            pending = any(each not in self.outputs for each in self.members(response_id))
            if response_id in self.ended and not pending:
                self.alone.add(call)  # its group has had its say
            self.latest[call_id] = call
            self.calls.append(call)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), wants_response=st.booleans())
    def answer(self, data: st.DataObject, wants_response: bool) -> None:
        self.give(data.draw(st.sampled_from(self.calls)), wants_response)

    def give(self, call: ToolCall, wants_response: bool) -> None:
        asked = self.ledger.answer(call, wants_response=wants_response)
        assert (asked is None) == (call in self.outputs)
        if asked is None:
            return
        self.outputs[call] = wants_response
        if call in self.alone:
            assert asked == wants_response
        else:
            self.follow_up(call.event.response_id, asked)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.calls))
        if call.state is not CallState.RUNNING:
            return
        was_alone = call in self.alone
        self.alone.add(call)
        asked = self.ledger.wait_for_approval(call)
        if was_alone:
            assert not asked
        else:
            self.follow_up(call.event.response_id, asked)

    @rule(call_id=CALL_IDS, approved=st.booleans())
    def decide(self, call_id: str, approved: bool) -> None:
        call = self.ledger.waiting(call_id)
        known = self.latest.get(call_id)
        waits = known is not None and known.state is CallState.WAITING
        assert (call is known) if waits else (call is None)
        if call is not None:
            self.ledger.decided(call, approved=approved)

    @rule(response_id=RESPONSES)
    def interrupt(self, response_id: str) -> None:
        running = [call for call in self.calls if call.state is CallState.RUNNING]
        self.ledger.interrupt_response(response_id)
        for call in running:
            assert call.interrupted or call.event.response_id != response_id

    @rule(response_id=RESPONSES)
    def end(self, response_id: str) -> None:
        again = response_id in self.ended
        self.ended.add(response_id)
        asked = self.ledger.response_ended(response_id)
        assert not (again and asked)
        self.follow_up(response_id, asked)

    @precondition(lambda self: self.calls)
    @rule()
    def list(self) -> None:
        unanswered = [call for call in self.calls if call not in self.outputs]
        assert [*self.ledger.unanswered()] == unanswered

    def teardown(self) -> None:
        """At the end every call is answered, and every group that wants one has its follow-up."""
        for response_id in ("r1", "r2", "r3"):
            self.end(response_id)
        for call in self.ledger.unanswered():
            self.give(call, False)
        assert set(self.outputs) == set(self.calls)
        for response_id in ("r1", "r2", "r3"):
            wanted = any(self.outputs[call] for call in self.members(response_id))
            assert (response_id in self.follow_ups) == wanted


def test_no_order_of_things_breaks_the_rules() -> None:
    case: Any = Attack.TestCase
    case.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
