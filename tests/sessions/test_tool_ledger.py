"""One output per call, one follow-up per response: whatever happens, in whatever order."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from trio_realtime.models.events import RealtimeModelToolCallEvent
from trio_realtime.sessions.tools.call_ledger import CallState, ToolLedger, Verdict


def call(
    call_id: str, response_id: str | None = "r", name: str = "weather", arguments: str = "{}"
) -> RealtimeModelToolCallEvent:
    return RealtimeModelToolCallEvent(
        name=name, call_id=call_id, arguments=arguments, response_id=response_id
    )


def ledger_of(*calls: RealtimeModelToolCallEvent) -> ToolLedger:
    ledger = ToolLedger()
    for each in calls:
        assert ledger.called(each) is Verdict.NEW
    return ledger


# What a call is


def test_a_call_is_served_once_under_its_id() -> None:
    ledger = ledger_of(call("1"))
    assert ledger.called(call("1")) is Verdict.DUPLICATE
    assert ledger.called(call("1", "later response")) is Verdict.DUPLICATE
    ledger.answer("1", wants_response=True)
    assert ledger.called(call("1")) is Verdict.DUPLICATE


@pytest.mark.parametrize("other", [{"name": "time"}, {"arguments": '{"a":1}'}])
def test_another_call_under_a_used_id_is_a_mistake_of_the_model(other: dict[str, str]) -> None:
    ledger = ledger_of(call("1"))
    assert ledger.called(call("1", **other)) is Verdict.REUSED


def test_a_call_without_an_id_cannot_be_answered() -> None:
    ledger = ToolLedger()
    assert ledger.called(call("")) is Verdict.NAMELESS
    assert ledger.state("") is None
    assert ledger.unanswered() == []


def test_where_a_call_is() -> None:
    ledger = ledger_of(call("1"), call("2"))
    assert ledger.state("1") is CallState.RUNNING
    ledger.wait_for_approval("1")
    assert ledger.state("1") is CallState.WAITING
    assert ledger.unanswered() == ["1", "2"]
    ledger.approved("1")
    assert ledger.state("1") is CallState.RUNNING
    ledger.answer("1", wants_response=True)
    assert ledger.state("1") is CallState.ANSWERED
    assert ledger.unanswered() == ["2"]
    assert ledger.state("unknown") is None


def test_a_call_is_answered_once_and_for_ever() -> None:
    ledger = ledger_of(call("1"))
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.answer("1", wants_response=True) is None


# The follow-up response


def test_parallel_calls_cause_one_response_with_the_last_output() -> None:
    ledger = ledger_of(call("1"), call("2"), call("3"))
    assert ledger.answer("2", wants_response=True) is False
    assert not ledger.response_ended("r")
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.answer("3", wants_response=True) is True


def test_the_response_is_asked_for_when_the_calls_own_is_over() -> None:
    """It may make more calls until then."""
    ledger = ledger_of(call("1"))
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.called(call("2")) is Verdict.NEW
    assert ledger.answer("2", wants_response=True) is False
    assert ledger.response_ended("r")
    assert not ledger.response_ended("r")


def test_calls_that_want_no_response_cause_none() -> None:
    ledger = ledger_of(call("1"), call("2"))
    ledger.response_ended("r")
    assert ledger.answer("1", wants_response=False) is False
    assert ledger.answer("2", wants_response=False) is False


def test_one_call_that_wants_a_response_is_enough() -> None:
    ledger = ledger_of(call("1"), call("2"))
    ledger.response_ended("r")
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.answer("2", wants_response=False) is True


@pytest.mark.parametrize("response_id", [None, ""])
def test_a_call_of_no_known_response_asks_for_its_own(response_id: str | None) -> None:
    ledger = ledger_of(call("1", response_id), call("2", response_id))
    assert not ledger.response_ended(response_id)
    assert ledger.answer("1", wants_response=True) is True
    assert not ledger.wait_for_approval("2")
    assert ledger.answer("2", wants_response=False) is False


def test_a_call_that_comes_after_its_response_is_not_forgotten() -> None:
    ledger = ledger_of(call("1"))
    ledger.answer("1", wants_response=True)
    assert ledger.response_ended("r")
    assert ledger.called(call("2")) is Verdict.NEW
    assert ledger.answer("2", wants_response=True) is True


def test_a_late_call_shares_the_response_its_group_still_waits_for() -> None:
    ledger = ledger_of(call("1"))
    assert not ledger.response_ended("r")
    assert ledger.called(call("2")) is Verdict.NEW
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.answer("2", wants_response=True) is True


def test_the_others_do_not_wait_for_a_human() -> None:
    ledger = ledger_of(call("1"), call("2"))
    ledger.response_ended("r")
    assert ledger.answer("1", wants_response=True) is False
    assert ledger.wait_for_approval("2") is True
    ledger.approved("2")
    assert ledger.wait_for_approval("2") is False
    assert ledger.answer("2", wants_response=True) is True


def test_a_response_whose_calls_all_wait_for_a_human_has_no_follow_up_yet() -> None:
    ledger = ledger_of(call("1"))
    assert ledger.wait_for_approval("1") is False
    assert ledger.response_ended("r") is False
    assert ledger.answer("1", wants_response=True) is True


# Under attack

CALLS = st.integers(0, 15).map(str)


class Attack(RuleBasedStateMachine):
    """Calls of three responses, answered, approved and repeated in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ToolLedger()
        self.response_of: dict[str, str] = {}
        self.alone: set[str] = set()
        self.outputs: dict[str, bool] = {}
        self.own_follow_ups: set[str] = set()
        self.follow_ups: list[str] = []
        self.ended: set[str] = set()

    def members(self, response_id: str) -> list[str]:
        return [
            each
            for each, of in self.response_of.items()
            if of == response_id and each not in self.alone
        ]

    def follow_up(self, response_id: str, asked: bool) -> None:
        """The group's follow-up is asked for exactly when its last output is there."""
        members = self.members(response_id)
        due = (
            response_id in self.ended
            and all(each in self.outputs for each in members)
            and any(self.outputs[each] for each in members)
        )
        if asked:
            assert due
            assert response_id not in self.follow_ups
            self.follow_ups.append(response_id)
        else:
            assert not due or response_id in self.follow_ups

    @rule(call_id=CALLS, response_id=st.sampled_from(["r1", "r2", "r3"]))
    def called(self, call_id: str, response_id: str) -> None:
        verdict = self.ledger.called(call(call_id, response_id))
        assert (verdict is Verdict.NEW) == (call_id not in self.response_of)
        if verdict is Verdict.NEW:
            pending = any(each not in self.outputs for each in self.members(response_id))
            if response_id in self.ended and not pending:
                self.alone.add(call_id)  # its group has had its say
            self.response_of[call_id] = response_id

    @rule(call_id=CALLS, wants_response=st.booleans())
    def answer(self, call_id: str, wants_response: bool) -> None:
        if call_id not in self.response_of:
            return
        asked = self.ledger.answer(call_id, wants_response=wants_response)
        assert (asked is None) == (call_id in self.outputs)
        if asked is None:
            return
        self.outputs[call_id] = wants_response
        if call_id in self.alone:
            assert asked == wants_response
        else:
            self.follow_up(self.response_of[call_id], asked)

    @rule(call_id=CALLS)
    def wait(self, call_id: str) -> None:
        if self.ledger.state(call_id) is not CallState.RUNNING:
            return
        was_alone = call_id in self.alone
        self.alone.add(call_id)
        asked = self.ledger.wait_for_approval(call_id)
        if was_alone:
            assert not asked
        else:
            self.follow_up(self.response_of[call_id], asked)

    @rule(call_id=CALLS)
    def approve(self, call_id: str) -> None:
        if self.ledger.state(call_id) is CallState.WAITING:
            self.ledger.approved(call_id)

    @rule(response_id=st.sampled_from(["r1", "r2", "r3"]))
    def end(self, response_id: str) -> None:
        again = response_id in self.ended
        self.ended.add(response_id)
        asked = self.ledger.response_ended(response_id)
        assert not (again and asked)
        self.follow_up(response_id, asked)

    @precondition(lambda self: self.response_of)
    @rule()
    def list(self) -> None:
        unanswered = [each for each in self.response_of if each not in self.outputs]
        assert self.ledger.unanswered() == unanswered

    def teardown(self) -> None:
        """At the end every call is answered, and every group that wants one has its follow-up."""
        for response_id in ("r1", "r2", "r3"):
            self.end(response_id)
        for call_id in self.ledger.unanswered():
            self.answer(call_id, False)
        assert set(self.outputs) == set(self.response_of)
        for response_id in ("r1", "r2", "r3"):
            wanted = any(self.outputs[each] for each in self.members(response_id))
            assert (response_id in self.follow_ups) == wanted


def test_no_order_of_things_breaks_the_rules() -> None:
    case: Any = Attack.TestCase
    case.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
