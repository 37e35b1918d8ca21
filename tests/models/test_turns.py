"""The turn table: every state and event, the seven rules, and what no sequence may break."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trio_realtime.models.openai.protocol.error_subjects import is_about_something_else
from trio_realtime.models.openai.protocol.response_slot import (
    CREATE_TIMEOUT,
    REMEMBERED_CANCELS,
    SILENCES,
    TRANSITIONS,
    ResponseTurns,
)
from trio_realtime.models.openai.protocol.turn_commands import (
    CreateRequest,
    ReportLost,
    ReportSilent,
    SendCancel,
    SendCreate,
    TurnCommand,
    TurnEvent,
    TurnState,
)
from trio_realtime.models.openai.wire.objects import WireError

BUSY = "conversation_already_has_active_response"
LATE = "response_cancel_not_active"


def creates(commands: list[TurnCommand]) -> list[str]:
    return [each.request.event_id for each in commands if isinstance(each, SendCreate)]


def cancels(commands: list[TurnCommand]) -> list[str | None]:
    return [each.response_id for each in commands if isinstance(each, SendCancel)]


def cancel_id(commands: list[TurnCommand]) -> str:
    (command,) = commands
    assert isinstance(command, SendCancel)
    return command.event_id


def manual(turns: ResponseTurns, name: str, now: float = 0.0) -> list[TurnCommand]:
    return turns.request(now=now, automatic=False, event_id=name)


# Every state and event

STATES: dict[TurnState, Callable[[ResponseTurns], None]] = {}


def state(kind: TurnState) -> Callable[[Any], Any]:
    def enter(make: Callable[[ResponseTurns], None]) -> Callable[[ResponseTurns], None]:
        STATES[kind] = make
        return make

    return enter


@state(TurnState.IDLE)
def idle(turns: ResponseTurns) -> None:
    pass


@state(TurnState.REQUESTED)
def requested(turns: ResponseTurns) -> None:
    manual(turns, "first")


@state(TurnState.ACTIVE)
def active(turns: ResponseTurns) -> None:
    requested(turns)
    turns.created("r1", now=0.0)


@state(TurnState.CANCELLING)
def cancelling(turns: ResponseTurns) -> None:
    active(turns)
    turns.cancel(now=0.0, event_id="cancel")


def sent(turns: ResponseTurns) -> str:
    """The event id of the create that was sent, or of none."""
    return "first" if turns.state is not TurnState.IDLE else "unsent"


def expired(turns: ResponseTurns) -> list[TurnCommand]:
    """The limit runs only where an answer is awaited; elsewhere it is set here."""
    turns.deadline = 1000.0
    return turns.expire(now=1000.0)


EVENTS: dict[TurnEvent, Callable[[ResponseTurns], list[TurnCommand]]] = {
    TurnEvent.REQUEST: lambda turns: manual(turns, "second"),
    TurnEvent.CANCEL: lambda turns: turns.cancel(now=1.0),
    TurnEvent.CREATED: lambda turns: turns.created("r2", now=1.0),
    TurnEvent.DONE: lambda turns: turns.done("r1", now=1.0),
    TurnEvent.REFUSED: lambda turns: turns.error(code="no", event_id=sent(turns), now=1.0)[1],
    TurnEvent.BUSY: lambda turns: turns.error(code=BUSY, event_id=None, now=1.0)[1],
    TurnEvent.CANCEL_REFUSED: lambda turns: turns.error(code=LATE, event_id=None, now=1.0)[1],
    TurnEvent.EXPIRED: expired,
}

FIRST = CreateRequest(event_id="first", automatic=False)
SECOND = CreateRequest(event_id="second", automatic=False)
SENT_SECOND = [SendCreate(request=SECOND)]
CANCEL_1 = [SendCancel(response_id="r1", event_id="turn_1")]
SILENT = ReportSilent(response_id="r1")

# State and event to: state, active response, requests that wait, commands.
I, R, A, C = TurnState.IDLE, TurnState.REQUESTED, TurnState.ACTIVE, TurnState.CANCELLING  # noqa: E741
OUTCOMES: dict[
    tuple[TurnState, TurnEvent], tuple[TurnState, str | None, int, list[TurnCommand]]
] = {
    (I, TurnEvent.REQUEST): (R, None, 0, [*SENT_SECOND]),
    (I, TurnEvent.CANCEL): (I, None, 0, []),
    (I, TurnEvent.CREATED): (A, "r2", 0, []),
    (I, TurnEvent.DONE): (I, None, 0, []),
    (I, TurnEvent.REFUSED): (I, None, 0, []),
    (I, TurnEvent.BUSY): (A, None, 0, []),
    (I, TurnEvent.CANCEL_REFUSED): (I, None, 0, []),
    (I, TurnEvent.EXPIRED): (I, None, 0, []),
    (R, TurnEvent.REQUEST): (R, None, 1, []),
    (R, TurnEvent.CANCEL): (R, None, 0, []),
    (R, TurnEvent.CREATED): (A, "r2", 0, []),
    (R, TurnEvent.DONE): (R, None, 0, []),
    (R, TurnEvent.REFUSED): (I, None, 0, []),
    (R, TurnEvent.BUSY): (A, None, 1, []),
    (R, TurnEvent.CANCEL_REFUSED): (R, None, 0, []),
    (R, TurnEvent.EXPIRED): (I, None, 0, [ReportLost(request=FIRST)]),
    (A, TurnEvent.REQUEST): (A, "r1", 1, []),
    (A, TurnEvent.CANCEL): (C, "r1", 0, [*CANCEL_1]),
    (A, TurnEvent.CREATED): (A, "r2", 0, []),
    (A, TurnEvent.DONE): (I, None, 0, []),
    (A, TurnEvent.REFUSED): (A, "r1", 0, []),
    (A, TurnEvent.BUSY): (A, "r1", 1, []),
    (A, TurnEvent.CANCEL_REFUSED): (A, "r1", 0, []),
    (A, TurnEvent.EXPIRED): (I, None, 0, [*CANCEL_1, SILENT]),
    (C, TurnEvent.REQUEST): (C, "r1", 1, []),
    (C, TurnEvent.CANCEL): (C, "r1", 0, []),
    (C, TurnEvent.CREATED): (A, "r2", 0, []),
    (C, TurnEvent.DONE): (I, None, 0, []),
    (C, TurnEvent.REFUSED): (C, "r1", 0, []),
    (C, TurnEvent.BUSY): (C, "r1", 1, []),
    (C, TurnEvent.CANCEL_REFUSED): (I, None, 0, []),
    (C, TurnEvent.EXPIRED): (I, None, 0, [SILENT]),
}


def test_the_table_has_every_state_and_event() -> None:
    every = {(state, event) for state in TurnState for event in TurnEvent}
    assert set(TRANSITIONS) == every == set(OUTCOMES)


@pytest.mark.parametrize(
    ("state", "event"), TRANSITIONS, ids=lambda value: getattr(value, "value", None)
)
def test_a_transition(state: TurnState, event: TurnEvent) -> None:
    turns = ResponseTurns()
    STATES[state](turns)
    assert turns.state is state
    commands = EVENTS[event](turns)
    got = (turns.state, turns.active_response_id, turns.waiting, commands)
    assert got == OUTCOMES[state, event]


@pytest.mark.parametrize(
    ("state", "event"), TRANSITIONS, ids=lambda value: getattr(value, "value", None)
)
def test_where_a_transition_frees_the_slot_the_next_request_is_sent_at_once(
    state: TurnState, event: TurnEvent
) -> None:
    if state is I or OUTCOMES[state, event][0] is not I:
        return
    turns = ResponseTurns()
    STATES[state](turns)
    manual(turns, "second")
    commands = EVENTS[event](turns)
    assert creates(commands) == ["second"]
    assert turns.state is R
    expired_at = 1000.0 if event is TurnEvent.EXPIRED else 1.0
    assert turns.deadline == expired_at + CREATE_TIMEOUT


# The rules


def test_rule_1_one_response_at_a_time() -> None:
    turns = ResponseTurns()
    assert creates(turns.request(now=0.0)) == ["turn_1"]
    assert turns.request(now=0.0) == []
    assert turns.created("r1", now=1.0) == []
    assert turns.active_response_id == "r1"
    assert turns.request(now=1.0) == []
    assert creates(turns.done("r1", now=2.0)) == ["turn_2"]


@pytest.mark.parametrize("event_id", ["of a request given up", None, "first"])
def test_rule_1_no_user_hears_that_a_response_was_active(event_id: str | None) -> None:
    for enter in STATES.values():
        turns = ResponseTurns()
        enter(turns)
        assert turns.error(code=BUSY, event_id=event_id, now=0.0)[0]


def test_rule_1_a_late_refusal_of_a_request_that_was_given_up_changes_nothing() -> None:
    """The slot is another's by then, or free."""
    turns = ResponseTurns()
    requested(turns)
    assert turns.deadline is not None
    turns.expire(now=turns.deadline)
    assert turns.error(code=BUSY, event_id="first", now=40.0) == (True, [])
    assert turns.state is I
    manual(turns, "second", now=40.0)
    assert turns.error(code=BUSY, event_id="first", now=41.0) == (True, [])
    assert (turns.state, turns.requested, turns.waiting) == (R, "second", 0)


def test_rule_2_automatic_requests_that_pile_up_become_one() -> None:
    turns = ResponseTurns()
    active(turns)
    for _ in range(5):
        turns.request(now=0.0)
    assert turns.waiting == 1
    assert len(creates(turns.done("r1", now=1.0))) == 1
    turns.created("r2", now=1.0)
    assert turns.done("r2", now=2.0) == []
    assert turns.state is I


def test_rule_2_manual_requests_never_merge_and_keep_their_order_and_parameters() -> None:
    turns = ResponseTurns()
    active(turns)
    params: list[dict[str, Any]] = [{"instructions": "one"}, {"instructions": "two"}]
    turns.request(now=0.0, automatic=False, params=params[0])
    turns.request(now=0.0)
    turns.request(now=0.0, automatic=False, params=params[1])
    turns.request(now=0.0)  # shares with the one before: what it answers is said already
    created: list[Any] = []
    while commands := turns.done(None, now=1.0):
        (command,) = commands
        assert isinstance(command, SendCreate)
        created.append(command.request.params)
        turns.created(None, now=1.0)
    assert created == [params[0], None, params[1]]


def test_rule_3_a_refused_create_frees_the_slot_and_an_unrelated_error_does_not() -> None:
    turns = ResponseTurns()
    requested(turns)
    manual(turns, "second")
    assert turns.error(code="invalid_value", event_id="other", now=0.0) == (False, [])
    assert turns.error(code="invalid_value", event_id=None, now=0.0) == (False, [])
    assert turns.error(code=None, event_id="first", now=0.0) == (False, SENT_SECOND)


def test_rule_3_a_refusal_during_a_response_of_the_servers_own_keeps_the_slot() -> None:
    turns = ResponseTurns()
    active(turns)
    assert turns.error(code="invalid_value", event_id="first", now=0.0) == (False, [])
    assert turns.error(code=BUSY, event_id=None, now=0.0) == (True, [])
    assert turns.waiting == 0  # it was reported as refused, and is not sent again
    assert turns.done("r1", now=0.0) == []


def test_rule_4_a_create_the_server_was_too_quick_for_is_sent_again() -> None:
    turns = ResponseTurns()
    requested(turns)
    manual(turns, "second")
    turns.created("of the server's own", now=0.0)
    assert turns.error(code=BUSY, event_id="first", now=0.0) == (True, [])
    assert turns.waiting == 2
    assert creates(turns.done("of the server's own", now=1.0)) == ["first"]
    turns.created("r1", now=1.0)
    assert creates(turns.done("r1", now=1.0)) == ["second"]


def test_rule_4_holds_when_the_other_response_was_never_seen_to_begin() -> None:
    turns = ResponseTurns()
    requested(turns)
    assert turns.error(code=BUSY, event_id=None, now=5.0) == (True, [])
    assert (turns.state, turns.active_response_id) == (A, None)
    assert turns.done("whatever", now=6.0) == [SendCreate(request=FIRST)]


def test_rule_4_the_end_that_was_missed_too_is_waited_for_within_a_limit() -> None:
    turns = ResponseTurns()
    requested(turns)
    turns.error(code=BUSY, event_id="first", now=5.0)
    limit = 5.0 + SILENCES * CREATE_TIMEOUT
    assert turns.deadline == limit
    assert turns.expire(now=limit)[-1] == SendCreate(request=FIRST)


def test_rule_4_an_automatic_request_kept_does_for_one_that_waits() -> None:
    turns = ResponseTurns()
    turns.request(now=0.0)
    manual(turns, "manual")
    turns.request(now=0.0)
    turns.error(code=BUSY, event_id="turn_1", now=0.0)
    assert turns.waiting == 2
    assert creates(turns.done(None, now=0.0)) == ["turn_1"]
    turns.created("r1", now=0.0)
    assert creates(turns.done("r1", now=0.0)) == ["manual"]
    assert turns.waiting == 0


def test_rule_4_a_request_that_was_cancelled_meanwhile_is_not_sent_again() -> None:
    """The cancel was meant for what is being said."""
    turns = ResponseTurns()
    requested(turns)
    turns.cancel(now=0.0)
    ours, commands = turns.error(code=BUSY, event_id="first", now=0.0)
    assert ours
    assert cancels(commands) == [None]
    assert turns.state is C
    assert turns.done("r1", now=0.0) == []
    assert turns.state is I


@pytest.mark.parametrize("automatic", [True, False])
def test_rule_4_only_a_request_of_the_applications_is_reported_when_it_is_cancelled(
    automatic: bool,
) -> None:
    """Nobody waits for an automatic one by itself."""
    turns = ResponseTurns()
    turns.request(now=0.0, automatic=automatic, event_id="first")
    turns.cancel(now=0.0)
    _, commands = turns.error(code=BUSY, event_id="first", now=0.0)
    lost = [each for each in commands if isinstance(each, ReportLost)]
    assert lost == ([] if automatic else [ReportLost(request=FIRST, cancelled=True)])


def test_rule_5_a_request_during_a_cancel_waits_for_the_end() -> None:
    turns = ResponseTurns()
    cancelling(turns)
    assert manual(turns, "second") == []
    assert turns.done("another", now=0.0) == []
    assert turns.done("r1", now=0.0) == SENT_SECOND


def test_rule_5_a_cancel_that_came_too_late_is_no_users_error() -> None:
    """The server ends the response, then reads our cancel."""
    turns = ResponseTurns()
    active(turns)
    event_id = cancel_id(turns.cancel(now=0.0))
    turns.done("r1", now=0.0)
    manual(turns, "second")
    assert turns.error(code=LATE, event_id=event_id, now=0.0) == (True, [])
    assert turns.state is R


def test_rule_5_a_cancel_of_the_users_own_is_the_users_to_hear_of() -> None:
    turns = ResponseTurns()
    active(turns)
    assert cancel_id(turns.cancel(now=0.0, event_id="mine")) == "mine"
    assert turns.error(code=LATE, event_id="mine", now=0.0) == (False, [])
    assert turns.state is I
    assert turns.error(code=LATE, event_id=None, now=0.0) == (False, [])


def test_rule_5_a_server_that_names_no_event_means_our_cancel() -> None:
    turns = ResponseTurns()
    active(turns)
    turns.cancel(now=0.0)
    assert turns.error(code=LATE, event_id=None, now=0.0) == (True, [])
    assert turns.state is I


def test_rule_5_what_is_remembered_of_cancels_is_bounded() -> None:
    turns = ResponseTurns()
    ids: list[str] = []
    for number in range(REMEMBERED_CANCELS + 1):
        turns.created(f"r{number}", now=0.0)
        ids.append(cancel_id(turns.cancel(now=0.0)))
        turns.done(f"r{number}", now=0.0)
    assert len(set(ids)) == len(ids)
    assert not turns.error(code=LATE, event_id=ids[0], now=0.0)[0]
    assert all(turns.error(code=LATE, event_id=each, now=0.0)[0] for each in ids[1:])


def test_rule_6_a_request_that_nothing_answers_is_reported_and_the_slot_freed() -> None:
    turns = ResponseTurns(timeout=10.0)
    manual(turns, "first", now=5.0)
    manual(turns, "second", now=6.0)
    assert turns.expire(now=14.9) == []
    assert turns.expire(now=15.0) == [ReportLost(request=FIRST), *SENT_SECOND]
    before = turns.deadline
    assert turns.created("r1", now=16.0) == []
    assert (before, turns.deadline) == (25.0, 16.0 + 10.0 * SILENCES)
    assert turns.expire(now=35.9) == []


def test_rule_6_may_be_switched_off() -> None:
    turns = ResponseTurns(timeout=None)
    requested(turns)
    assert turns.deadline is None
    assert turns.expire(now=1e9) == []


# Cancelling


def test_a_request_is_cancelled_as_soon_as_its_response_has_an_id() -> None:
    turns = ResponseTurns()
    requested(turns)
    assert turns.cancel(now=0.0) == []
    assert cancels(turns.created("r1", now=0.0)) == ["r1"]
    assert turns.state is C


@pytest.mark.parametrize("enter", [requested, active])
def test_a_cancel_of_another_response_cancels_nothing(
    enter: Callable[[ResponseTurns], None],
) -> None:
    turns = ResponseTurns()
    enter(turns)
    assert turns.cancel(now=0.0, response_id="r0") == []
    assert turns.created("r1", now=0.0) == []
    assert cancels(turns.cancel(now=0.0, response_id="r1")) == ["r1"]


def test_a_response_of_unknown_id_may_be_the_one_to_cancel() -> None:
    turns = ResponseTurns()
    turns.error(code=BUSY, event_id=None, now=0.0)
    assert cancels(turns.cancel(now=0.0, response_id="r9")) == ["r9"]


def test_a_cancelled_request_that_is_refused_cancels_no_later_one() -> None:
    turns = ResponseTurns()
    requested(turns)
    turns.cancel(now=0.0)
    manual(turns, "second")
    turns.error(code="no", event_id="first", now=0.0)
    assert turns.created("r1", now=0.0) == []
    assert turns.state is A


@pytest.mark.parametrize("end", ["refused", "expired"])
def test_a_cancel_of_a_request_that_came_to_nothing_hits_no_response_of_the_servers(
    end: str,
) -> None:
    """The user speaks, and the server's turn detection asks for the answer."""
    turns = ResponseTurns()
    requested(turns)
    turns.cancel(now=0.0)
    if end == "refused":
        turns.error(code="no", event_id="first", now=0.0)
    else:
        turns.expire(now=CREATE_TIMEOUT)
    assert turns.created("of the server's own", now=40.0) == []
    assert turns.state is A


def test_rule_3_only_a_create_that_was_not_answered_may_be_meant() -> None:
    """By an error that names no event."""
    turns = ResponseTurns()
    meant = [turns.requested]
    manual(turns, "first")
    manual(turns, "second")
    meant.append(turns.requested)
    turns.created("r1", now=0.0)
    meant.append(turns.requested)
    assert meant == [None, "first", None]


@pytest.mark.parametrize(
    ("words", "elsewhere"),
    [
        ({}, False),
        ({"code": "invalid_value"}, False),
        ({"code": "500"}, False),
        ({"param": "response.output_modalities"}, False),
        ({"message": "Unknown event type: response.create"}, False),
        ({"code": BUSY}, True),
        ({"code": LATE}, True),
        ({"code": "input_audio_buffer_commit_empty"}, True),
        ({"code": "item_delete_invalid_item_id"}, True),
        ({"param": "session.audio"}, True),
        ({"param": "item.content"}, True),
        ({"param": "audio_end_ms"}, True),
        ({"message": "Unknown event type: conversation.item.truncate"}, True),
    ],
)
def test_what_an_error_is_about_by_its_words(words: dict[str, str], elsewhere: bool) -> None:
    """Those that are about other events of the client are known by code, parameter or message."""
    assert is_about_something_else(WireError(**{"message": "No.", **words})) is elsewhere


def test_rule_7_a_response_that_falls_silent_counts_as_over() -> None:
    """It is cancelled and reported, and what waits is sent at once."""
    turns = ResponseTurns(timeout=10.0)
    turns.created("r1", now=0.0)
    manual(turns, "next", now=1.0)
    assert turns.deadline == 10.0 * SILENCES
    assert turns.expire(now=10.0 * SILENCES - 0.1) == []
    cancel, silent, create = turns.expire(now=10.0 * SILENCES)
    assert isinstance(cancel, SendCancel)
    assert silent == ReportSilent(response_id="r1")
    assert isinstance(create, SendCreate)
    assert turns.done("r1", now=30.0) == []
    assert turns.error(code=LATE, event_id=cancel.event_id, now=30.0) == (True, [])
    assert turns.requested == "next"


def test_rule_7_a_response_that_is_heard_of_lives() -> None:
    """However long it takes."""
    turns = ResponseTurns(timeout=10.0)
    turns.created("r1", now=0.0)
    for second in range(0, 200, 10):
        turns.heard_at = float(second)
        assert turns.expire(now=second + 9.0) == []
        assert turns.state is A
    assert turns.deadline is not None
    assert turns.deadline > 190.0


def test_rule_7_of_a_response_that_was_never_seen_to_begin_no_end_is_reported() -> None:
    """The slot is freed all the same."""
    turns = ResponseTurns(timeout=10.0)
    turns.error(code=BUSY, event_id=None, now=0.0)
    (cancel,) = turns.expire(now=10.0 * SILENCES)
    assert isinstance(cancel, SendCancel)
    assert creates(turns.request(now=30.0)) == ["turn_2"]


def test_rule_7_may_be_switched_off() -> None:
    """Together with the limit of requests."""
    turns = ResponseTurns(timeout=None)
    turns.created("r1", now=0.0)
    assert turns.deadline is None


# Any sequence of events

RESPONSES = st.sampled_from(["r1", "r2", "r3", None])


@attrs.define
class Followed:
    """A request from when it was made to when nothing more is heard of it."""

    automatic: bool
    sent: int = 0
    lost: bool = False


class AnySequence(RuleBasedStateMachine):
    """A server that may say anything at any time, and an application that asks for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = ResponseTurns(timeout=10.0)
        self.now = 0.0
        self.manual: list[str] = []
        self.requests: dict[str, Followed] = {}
        self.first_sent: list[str] = []
        self.kept: Counter[str] = Counter()
        self.in_flight = False
        self.answers_owed = 0

    def take(self, commands: list[TurnCommand], *, ended: bool = False) -> None:
        if ended:
            self.in_flight = False
        for command in commands:
            if isinstance(command, SendCreate):
                assert not self.in_flight, "two creates without an end between"
                self.in_flight = True
                followed = self.requests.setdefault(
                    command.request.event_id, Followed(command.request.automatic)
                )
                followed.sent += 1
                if followed.sent == 1 and not followed.automatic:
                    self.first_sent.append(command.request.event_id)
                if followed.automatic:
                    self.answers_owed = 0
            elif isinstance(command, ReportLost):
                self.requests[command.request.event_id].lost = True
                self.in_flight = False

    def sent_last(self) -> str | None:
        sent = self.turns._sent
        return None if sent is None else sent.event_id

    @rule()
    def ask_automatic(self) -> None:
        self.answers_owed += 1
        self.take(self.turns.request(now=self.now))

    @rule()
    def ask_manual(self) -> None:
        name = f"manual {len(self.manual)}"
        self.manual.append(name)
        self.requests[name] = Followed(automatic=False)
        self.take(self.turns.request(now=self.now, automatic=False, event_id=name))

    @rule(response_id=RESPONSES)
    def cancel(self, response_id: str | None) -> None:
        self.take(self.turns.cancel(now=self.now, response_id=response_id))

    @rule(response_id=RESPONSES)
    def created(self, response_id: str | None) -> None:
        self.take(self.turns.created(response_id, now=self.now))

    @rule(response_id=RESPONSES)
    def done(self, response_id: str | None) -> None:
        before = self.turns.state
        commands = self.turns.done(response_id, now=self.now)
        self.take(commands, ended=before is not R)

    @precondition(lambda self: self.turns._sent is not None)
    @rule(code=st.sampled_from([BUSY, "invalid_value", None]))
    def refused(self, code: str | None) -> None:
        name = self.sent_last()
        ours, commands = self.turns.error(code=code, event_id=name, now=self.now)
        assert ours == (code == BUSY)
        self.take(commands, ended=True)

    @rule(code=st.sampled_from([BUSY, LATE, "invalid_value", None]))
    def error_about_nothing(self, code: str | None) -> None:
        before = self.turns.state
        _, commands = self.turns.error(code=code, event_id=None, now=self.now)
        self.take(commands, ended=before is C)

    @rule(passed=st.sampled_from([1.0, 20.0]))
    def time_passes(self, passed: float) -> None:
        self.now += passed
        due = self.turns.deadline is not None and self.now >= self.turns.deadline
        self.take(self.turns.expire(now=self.now), ended=due)

    @invariant()
    def order_and_bounds(self) -> None:
        assert self.first_sent == self.manual[: len(self.first_sent)]
        waiting = list(self.turns._waiting)
        assert sum(request.automatic for request in waiting) <= 1
        assert (self.turns.state is R) <= (self.turns.deadline is not None)
        if self.turns.state is I:
            assert not waiting
            assert self.turns.active_response_id is None
            assert self.turns.deadline is None

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = {request.event_id for request in self.turns._waiting}
        for name in self.manual:
            assert self.requests[name].sent or name in waiting
        if self.answers_owed:
            assert any(request.automatic for request in self.turns._waiting)

    def teardown(self) -> None:
        """However it was, when the server ends what it began the machine comes to rest."""
        for _ in range(4 * (len(self.manual) + 2)):
            if self.turns.state is R:
                self.now += 10.0
                self.take(self.turns.expire(now=self.now), ended=True)
            else:
                self.take(self.turns.done(None, now=self.now), ended=True)
        assert self.turns.state is I
        assert self.first_sent == self.manual
        assert self.answers_owed == 0


def test_no_sequence_of_events_breaks_the_rules() -> None:
    case: Any = AnySequence.TestCase
    case.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
