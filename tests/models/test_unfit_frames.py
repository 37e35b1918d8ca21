"""Frames of real servers that said less than they should have, or said it in broken characters."""

import copy
import json
from typing import Any

import pytest
import support_wire as support
from hypothesis import given
from hypothesis import strategies as st
from support_protocol import Client, asked, make

from trio_realtime.items import AssistantMessageItem
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.sessions.history.history_fold import History

SAMPLES = support.samples()

HALVES = ["\ud83d", "\ude00", "\ude00\ud83d", "\ud83d\ud83d"]
"""Characters that no UTF-8 can hold: halves of surrogate pairs."""

WORDS = frozenset({"text", "transcript", "message", "arguments", "output", "reason", "delta"})
"""Fields that hold what somebody said or wrote, and nothing that the client decides by."""

Path = tuple[Any, ...]


def strings(value: Any, path: Path = ()) -> list[Path]:
    """Where an event holds text."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[Path] = []
    for key, member in inside:
        if isinstance(member, str):
            found.append((*path, key))
        elif isinstance(member, dict | list):
            found += strings(member, (*path, key))
    return found


STRINGS = [(kind, path) for kind in sorted(SAMPLES) for path in strings(SAMPLES[kind])]


def broken(kind: str, path: Path, half: str, at: int) -> str:
    """The event with half a character in one of its texts."""
    event = copy.deepcopy(SAMPLES[kind])
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    text = holder[path[-1]]
    holder[path[-1]] = text[:at] + half + text[at:]
    return json.dumps(event)


def outcome(frame: str) -> tuple[list[Any], list[Any], float | None]:
    """What a client that waits to go on tells about a frame, and sends in the end."""
    client = make()
    client.begins("resp_1")
    client.says(asked())
    client.sent()
    events = client.hears_frame(frame)
    client.ends("resp_1")
    return events, client.sent(), client.protocol.deadline


@given(st.sampled_from(STRINGS), st.sampled_from(HALVES), st.integers(0, 9))
def test_half_a_character_anywhere_costs_no_frame(
    place: tuple[str, Path], half: str, at: int
) -> None:
    """Whatever text it stands in: only audio is no audio any more, and a type another type."""
    kind, path = place
    events, sent, deadline = outcome(broken(kind, path, half, at))
    errors = [str(each.error) for each in events if isinstance(each, model.RealtimeModelErrorEvent)]
    faults = [error for error in errors if "malformed" in error]
    if place == ("response.output_audio.delta", ("delta",)):
        assert "base64" in faults[0]
        return
    assert faults == []
    if path[-1] in WORDS:
        events_whole, *whole = outcome(json.dumps(SAMPLES[kind]))
        assert [sent, deadline] == whole
        assert [type(each) for each in events] == [type(each) for each in events_whole]


@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from(HALVES))
def test_half_a_character_in_what_nobody_reads_changes_nothing(kind: str, half: str) -> None:
    """Fields that the client does not know, names of fields included."""
    noise = {f"x{half}": [half, {half: half}], "obfuscation": half}
    events, *rest = outcome(json.dumps({**noise, **SAMPLES[kind]}))
    events_whole, *whole = outcome(json.dumps(SAMPLES[kind]))
    assert rest == whole
    assert list(map(repr, events)) == list(map(repr, events_whole))


# Said less


def item(item_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "assistant", "content": [], **fields}


def test_a_place_that_only_the_announcement_says_is_kept() -> None:
    """``added`` names the item before, and ``done`` says null, as the service does."""
    client, history = make(), History()
    for item_id, before in (("a", None), ("c", "b"), ("b", "a")):
        for kind, previous in (("added", before), ("done", None)):
            frame = {"item": item(item_id), "previous_item_id": previous}
            for event in client.hears(f"conversation.item.{kind}", **frame):
                history.apply(event)
    assert [(each.item_id, each.previous_item_id) for each in history.snapshot()] == [
        ("a", None),
        ("b", "a"),
        ("c", "b"),
    ]


@pytest.mark.parametrize("kind", ["conversation.item.added", "response.output_item.done"])
def test_the_phase_of_a_message_is_told(kind: str) -> None:
    """Whether it comments on the way, or is the answer."""
    (event,) = make().hears(kind, item=item("a", phase="commentary"), response_id="r1")
    assert isinstance(event.item, AssistantMessageItem)
    assert event.item.phase == "commentary"


def ended_with(usage: Any) -> Any:
    """The usage that is told of a response."""
    client = make()
    client.begins()
    usage_event, _ended = client.ends(usage=usage)
    return usage_event.usage


def test_tokens_of_reasoning_are_told() -> None:
    """They are part of the output tokens."""
    details = {"text_tokens": 4, "audio_tokens": 0, "reasoning_tokens": 6}
    usage = ended_with({"output_tokens": 10, "output_token_details": details})
    assert usage.output_tokens_details.reasoning_tokens == 6


@pytest.mark.parametrize("total", [{}, {"total_tokens": None}, {"total_tokens": []}])
def test_a_total_that_is_missing_is_the_sum(total: dict[str, Any]) -> None:
    """Of the input and the output."""
    assert ended_with({"input_tokens": 7, "output_tokens": 5, **total}).total_tokens == 12


@pytest.mark.parametrize(
    "error",
    [
        {"message": "The model is overloaded."},
        {"type": "server_error", "code": None, "message": "No.", "event_id": None},
        {"code": "rate_limit_exceeded", "message": "Slow down."},
        {"code": "invalid_value", "param": "response.instructions", "message": "No."},
        "not now",
    ],
)
def test_an_error_that_names_no_event_frees_the_slot_at_once(error: Any) -> None:
    """What waits is sent without the time limit of the request that was refused."""
    client = make()
    client.says(inputs.RealtimeModelCreateResponse(event_id="first"))
    client.says(inputs.RealtimeModelCreateResponse(event_id="second"))
    assert [frame["event_id"] for frame in client.sent()] == ["first"]
    (event,) = client.hears("error", error=error)
    assert event.event_id == "first"
    assert [frame["event_id"] for frame in client.sent()] == ["second"]


# Items that were not finished

APPROVAL = {
    "id": "mcpr_1",
    "type": "mcp_approval_request",
    "server_label": "docs",
    "name": "search",
    "arguments": "{}",
}


def acted_on(events: list[Any]) -> list[Any]:
    """The events by which something is done."""
    acts = (model.RealtimeModelMcpApprovalRequestEvent, model.RealtimeModelToolCallEvent)
    return [each for each in events if isinstance(each, acts)]


def heard_of(client: Client, unfinished: dict[str, Any], ending: str) -> list[Any]:
    """Everything a server can say of an item, up to the end of its response."""
    events = client.begins()
    for kind in ("response.output_item.added", "response.output_item.done"):
        events += client.hears(kind, response_id="r1", output_index=0, item=unfinished)
    for kind in ("conversation.item.added", "conversation.item.done"):
        events += client.hears(kind, previous_item_id=None, item=unfinished)
    events += client.ends(status=ending, output=[unfinished])
    return events


@pytest.mark.parametrize("ending", ["completed", "cancelled", "failed", "incomplete"])
@pytest.mark.parametrize(
    "unfinished",
    [
        APPROVAL,
        {"id": "c", "type": "function_call", "call_id": "c1", "name": "pay", "arguments": "{}"},
        {"id": "c", "type": "function_call", "call_id": "c1", "name": "transfer_to_b"},
    ],
)
def test_nothing_is_done_about_an_item_that_is_incomplete(
    unfinished: dict[str, Any], ending: str
) -> None:
    """No call runs, nothing is handed over and nobody is asked, however it is announced."""
    assert acted_on(heard_of(make(), {**unfinished, "status": "incomplete"}, ending)) == []
    finished = heard_of(make(), {**unfinished, "status": "completed"}, ending)
    assert len(acted_on(finished)) == 1


# Numbers


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5.0", 5),
        ("1e3", 1000),
        ('"5"', 5),
        ("5.9", 5),
        (str(2**53 + 1), 2**53 + 1),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), None),
        ("1" + "0" * 400, None),
        ("1e999", None),
        ("NaN", None),
        ("true", None),
    ],
)
def test_whole_numbers_are_exact_or_missing(written: str, read: int | None) -> None:
    """Also in a frame that has to be read with patience."""
    for noise in ("", ',"x":NaN', ',"item_id":7'):
        frame = '{"type":"input_audio_buffer.speech_stopped","audio_end_ms":' + written + noise
        (event,) = make().hears_frame(frame + "}")
        assert event.audio_end_ms == read
