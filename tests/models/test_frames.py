"""Every frame we send is a valid client event; what cannot be one is refused with the path."""

import base64
import datetime as dt
import json
from collections import UserDict, UserList
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

import pydantic
import pytest
import support_wire as support
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent

from trio_realtime.errors import UserError
from trio_realtime.models.openai.wire import client_events as frames

MODELS: dict[str, type[pydantic.BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeClientEvent)[0])
}
ANY_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeClientEvent)
IDS = st.none() | st.text()
ITEMS = st.sampled_from(sorted(support.items()))


def check(frame: bytes, expected: Mapping[str, Any]) -> None:
    """``frame`` is a valid client event, compact UTF-8, and says exactly ``expected``."""
    assert type(frame) is bytes
    assert json.loads(frame) == expected
    kind = expected["type"]
    assert frame.startswith(b'{"type":"%b"' % kind.encode())
    MODELS[kind].model_validate_json(frame, strict=True)
    assert type(ANY_EVENT.validate_json(frame)) is MODELS[kind]


@given(st.binary())
def test_append_audio(pcm: bytes) -> None:
    """Audio of any length round-trips, from any kind of buffer."""
    expected = {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(pcm).decode(),
    }
    check(frames.append_audio(pcm), expected)
    check(frames.append_audio(bytearray(pcm)), expected)
    check(frames.append_audio(memoryview(pcm)), expected)


def test_constant_frames() -> None:
    """Events without fields."""
    check(frames.commit_audio(), {"type": "input_audio_buffer.commit"})
    check(frames.clear_audio(), {"type": "input_audio_buffer.clear"})
    check(frames.create_response(), {"type": "response.create"})
    check(frames.cancel_response(), {"type": "response.cancel"})


def without_nulls(**event: Any) -> dict[str, Any]:
    """The event without the fields that are ``None``."""
    return {name: value for name, value in event.items() if value is not None}


@given(ITEMS, st.text(), IDS, IDS)
def test_create_item(
    name: str, words: str, previous_item_id: str | None, event_id: str | None
) -> None:
    """Items of every kind and any words arrive as they are."""
    item = {**support.items()[name], "id": words}
    check(
        frames.create_item(item, previous_item_id, event_id),
        without_nulls(
            type="conversation.item.create",
            item=item,
            previous_item_id=previous_item_id,
            event_id=event_id,
        ),
    )


@given(st.text(), st.integers(0, 9), st.integers(0, 10**9))
def test_about_items(item_id: str, content_index: int, audio_end_ms: int) -> None:
    """Ids are escaped as JSON needs."""
    check(frames.delete_item(item_id), {"type": "conversation.item.delete", "item_id": item_id})
    check(
        frames.truncate_item(item_id, content_index, audio_end_ms),
        {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        },
    )


@given(st.none() | st.builds(dict[str, Any], instructions=st.text()), IDS, IDS)
def test_responses(params: dict[str, Any] | None, event_id: str | None, id_: str | None) -> None:
    """Optional keys are left out."""
    check(
        frames.create_response(params, event_id),
        without_nulls(type="response.create", response=params, event_id=event_id),
    )
    check(
        frames.cancel_response(id_, event_id),
        without_nulls(type="response.cancel", response_id=id_, event_id=event_id),
    )


@given(st.text(), IDS)
def test_update_session(instructions: str, event_id: str | None) -> None:
    """Nulls inside the session are meant, and stay."""
    session = {
        "type": "realtime",
        "instructions": instructions,
        "audio": {"input": {"turn_detection": None}},
    }
    expected = without_nulls(type="session.update", session=session, event_id=event_id)
    check(frames.update_session(session, event_id), expected)
    check(frames.raw(expected), expected)


def test_read_only_and_user_containers_are_json() -> None:
    """Any mapping is an object, any sequence an array."""
    item = MappingProxyType(
        {
            "type": "message",
            "role": "user",
            "content": UserList([UserDict({"type": "input_text", "text": "é"})]),
        }
    )
    content = [{"type": "input_text", "text": "é"}]
    expected = {"type": "message", "role": "user", "content": content}
    check(frames.create_item(item), {"type": "conversation.item.create", "item": expected})
    event = MappingProxyType({"type": "conversation.item.create", "item": item})
    check(frames.raw(event), {"type": "conversation.item.create", "item": expected})
    assert "é".encode() in frames.raw(event)


CYCLE: list[Any] = []
CYCLE.append({"again": CYCLE})
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object(), "x.y[1] is of type object, which JSON cannot hold"),
        (b"audio", "x.y[1] is of type bytes, which JSON cannot hold"),
        ({1, 2}, "x.y[1] is of type set, which JSON cannot hold"),
        (dt.date(2026, 1, 1), "x.y[1] is of type date, which JSON cannot hold"),
        (float("nan"), "x.y[1] is nan, which JSON cannot hold"),
        (float("-inf"), "x.y[1] is -inf, which JSON cannot hold"),
        ("\ud800", "x.y[1] has an unpaired surrogate"),
        ({"\ud800": 1}, "a key of x.y[1] has an unpaired surrogate"),
        ({(1, 2): 1}, "a key of x.y[1] is of type tuple, which JSON cannot hold"),
        (CYCLE, "x.y[1][0].again contains itself"),
        (DEEP, "the event is nested too deeply for JSON"),
        ([10**5000], "the event cannot be written as JSON"),
    ],
)
def test_values_without_json_are_named(value: Any, problem: str) -> None:
    """The error says where and what, and shows no values."""
    event = {"type": "new.thing", "fine": [None, True, 1, 0.5, "s"], "x": {"y": [{}, value]}}
    with pytest.raises(UserError) as caught:
        frames.raw(event)
    assert str(caught.value) == problem
    assert caught.value.__cause__ is None
    with pytest.raises(UserError, match=r"^(session|the event|a key of session)"):
        frames.update_session({"x": value})


def test_bad_keys_of_the_event_itself() -> None:
    """The outermost object has no path."""
    with pytest.raises(UserError, match="a key of the event is of type bytes"):
        frames.raw({"type": "new.thing", b"key": 1})  # type: ignore[dict-item]


def test_ids_are_checked_too() -> None:
    """An id that is no Unicode text never reaches the wire."""
    with pytest.raises(UserError, match="item_id has an unpaired surrogate"):
        frames.delete_item("\udfff")


def test_table_is_that_of_the_protocol() -> None:
    """Types, required and optional fields are those of openai's types."""
    assert set(frames.CLIENT_EVENTS) == set(MODELS)
    assert len(MODELS) == 11
    for kind, event in frames.CLIENT_EVENTS.items():
        fields = MODELS[kind].model_fields
        required = {name for name, field in fields.items() if field.is_required()}
        assert event.required.keys() == required - {"type"}
        assert event.optional.keys() == fields.keys() - required - {"event_id"}


VALID: dict[str, dict[str, Any]] = {
    "session.update": {"session": {"type": "realtime"}},
    "input_audio_buffer.append": {"audio": "AAA="},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {
        "item": {"type": "message", "role": "user", "content": []},
        "previous_item_id": "root",
    },
    "conversation.item.retrieve": {"item_id": "item_1"},
    "conversation.item.truncate": {"item_id": "item_1", "content_index": 0, "audio_end_ms": 10},
    "conversation.item.delete": {"item_id": "item_1"},
    "response.create": {"response": {"instructions": "Be brief."}},
    "response.cancel": {"response_id": "resp_1"},
    "output_audio_buffer.clear": {},
}
KINDS = sorted(VALID)


@pytest.mark.parametrize("kind", KINDS)
def test_raw_known_events(kind: str) -> None:
    """Valid ones pass as they are, with an event id, nulls and unknown fields if they have any."""
    event = {"type": kind, "event_id": "event_1", **VALID[kind]}
    check(frames.raw(event), event)
    event |= dict.fromkeys(frames.CLIENT_EVENTS[kind].optional)
    check(frames.raw({**event, "event_id": None}), {**event, "event_id": None})
    check(frames.raw({**event, "new": [1]}), {**event, "new": [1]})


@pytest.mark.parametrize("kind", KINDS)
def test_raw_refuses_malformed_known_events(kind: str) -> None:
    """Each field is checked; the error names event and field, and shows no value."""
    event = {"type": kind, "event_id": "event_1", **VALID[kind]}
    required = frames.CLIENT_EVENTS[kind].required
    for name in event.keys() - {"type"}:
        for wrong in (["SECRET"], True):
            with pytest.raises(UserError, match=f"^{kind}: '{name}' must be an? ") as caught:
                frames.raw({**event, name: wrong})
            assert "SECRET" not in str(caught.value)
    for name in required:
        with pytest.raises(UserError, match=f"^{kind}: '{name}' must be .*, not NoneType$"):
            frames.raw({**event, name: None})
        del event[name]
        with pytest.raises(UserError, match=f"^{kind}: the required field '{name}' is missing$"):
            frames.raw(event)
        event[name] = VALID[kind][name]


@pytest.mark.parametrize("event", [{}, {"type": None}, {"type": 5}, {"kind": "response.create"}])
def test_raw_needs_a_type(event: dict[str, Any]) -> None:
    """An event without a type is none."""
    with pytest.raises(UserError, match="needs a `type`, which is a string"):
        frames.raw(event)


def test_raw_sends_unknown_types() -> None:
    """Types of tomorrow are sent as they are."""
    event = {"type": "response.rewind", "item_id": 5, "nothing": None}
    assert json.loads(frames.raw(event)) == event
