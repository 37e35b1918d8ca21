"""The typed events agree with ``openai.types.realtime``: same types, fields, needs and nulls."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pydantic
import pytest
import support_wire as support

from trio_realtime.models.openai.wire.decode import MalformedFrame, decode
from trio_realtime.models.openai.wire.objects import (
    WireCachedTokens,
    WireInputTokens,
    WireItem,
    WireMcpError,
    WireMcpTool,
    WireOutputTokens,
    WirePart,
    WireResponse,
    WireTranscriptionTokens,
    WireTranscriptionUsage,
    WireUsage,
)
from trio_realtime.models.openai.wire.server_events import SERVER_EVENTS, ServerEvent

KINDS = sorted(SERVER_EVENTS)
ITEM_KINDS = sorted(support.items())


def test_types_are_those_of_the_protocol() -> None:
    """The 46 types are the union's, and each has a sample."""
    assert set(SERVER_EVENTS) == set(support.server_models()) == set(support.samples())
    assert len(SERVER_EVENTS) == 46


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_valid_and_full(kind: str) -> None:
    """openai's models accept each sample, and it leaves out no field they declare."""
    model = support.server_models()[kind]
    event = support.samples()[kind]
    model.model_validate_json(json.dumps(event), strict=True)
    if "logprobs" in model.model_fields:  # nobody reads them
        event |= {"logprobs": None, "languages": None}
    assert set(model.model_fields) <= set(event)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_decodes_field_by_field(kind: str) -> None:
    """Every declared field holds what the frame holds; the class knows its type."""
    event = support.samples()[kind]
    decoded = decode(json.dumps(event))
    assert type(decoded) is SERVER_EVENTS[kind]
    assert decoded.type == kind
    plain = msgspec.to_builtins(decoded)
    assert plain.keys() <= event.keys() | {"event_id", "usage"}
    for name, value in plain.items():
        assert_part_of(value, event.get(name), name)


def assert_part_of(ours: Any, theirs: Any, path: str) -> None:
    """``ours`` is what ``theirs`` says, less what we do not declare."""
    if isinstance(ours, dict):
        for name, value in ours.items():
            if name in theirs:
                assert_part_of(value, theirs[name], f"{path}.{name}")
            else:
                assert value in (None, (), "", 0), f"{path}.{name}"
    elif theirs is None:
        assert ours in (None, ""), path
    elif isinstance(ours, tuple):
        assert len(ours) == len(theirs), path
        for index, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
            assert_part_of(mine, its, f"{path}[{index}]")
    else:
        assert ours == theirs, path


@pytest.mark.parametrize("kind", KINDS)
def test_required_fields(kind: str) -> None:
    """A class requires what nothing can be done without, which openai's types require too."""
    fields = support.server_models()[kind].model_fields
    theirs = {name for name, field in fields.items() if field.is_required()}
    ours = {field.name for field in msgspec.structs.fields(SERVER_EVENTS[kind]) if field.required}
    assert ours == support.NEEDED.get(kind, set())
    assert ours <= theirs
    declared = {field.name for field in msgspec.structs.fields(SERVER_EVENTS[kind])}
    assert declared - fields.keys() <= {"event_id", "usage"}


@pytest.mark.parametrize("kind", KINDS)
def test_needed_fields_are_named_when_they_are_missing_or_wrong(kind: str) -> None:
    """Without such a field, or with one that cannot be understood, the frame is malformed."""
    for name in support.NEEDED.get(kind, set()) - {"error"}:
        event = support.samples()[kind]
        event[name] = [[]]
        wrong = decode(json.dumps(event))
        assert isinstance(wrong, MalformedFrame), name
        assert wrong.type == kind
        assert f"$.{name}" in wrong.reason
        del event[name]
        missing = decode(json.dumps(event))
        assert missing == MalformedFrame(
            reason=f"Object missing required field `{name}`", type=kind
        )


@pytest.mark.parametrize("wrong", [[[]], True, ...])
@pytest.mark.parametrize("kind", KINDS)
def test_any_other_field_may_be_missing_or_wrong(kind: str, wrong: Any) -> None:
    """It has its default then, and the rest of the event is what it was."""
    cls = SERVER_EVENTS[kind]
    whole = decode(json.dumps(support.samples()[kind]))
    for field in msgspec.structs.fields(cls):
        if (
            field.name in support.NEEDED.get(kind, set())
            or field.name not in support.samples()[kind]
        ):
            continue
        event = mutated(support.samples()[kind], (field.name,), wrong)
        decoded = decode(json.dumps(event))
        assert type(decoded) is cls, field.name
        for other in msgspec.structs.fields(cls):
            if other.name != field.name:
                assert getattr(decoded, other.name) == getattr(whole, other.name)
            elif field.name != "arguments":  # where an array is as good as its JSON
                assert getattr(decoded, other.name) in (field.default, ())


MUTATIONS: tuple[Any, ...] = (
    None,
    0,
    -3,
    0.5,
    2.0,
    True,
    "",
    "text",
    [],
    {},
    ["text"],
    {"text": "text"},
    ...,
)
"""What is put in place of each value of a sample; ``...`` stands for leaving it out."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a sample holds a value, containers included."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


def mutated(event: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of ``event`` with another value at ``path``, or none there if that is ``...``."""
    event = copy.deepcopy(event)
    place: Any = event
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return event


def is_valid(kind: str, frame: str) -> bool:
    """Whether openai's models accept the frame."""
    try:
        support.server_models()[kind].model_validate_json(frame, strict=True)
    except pydantic.ValidationError:
        return False
    return True


NOT_TYPED_THERE = {("session", "id"), ("session", "expires_at"), ("event_id",)}
"""The service sends these where openai's types do not declare them."""


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_openai_accepts_is_accepted(kind: str) -> None:
    """With one value of a sample changed or gone, we are never stricter than openai's types."""
    event = support.samples()[kind]
    accepted = 0
    for path, value in itertools.product(paths(event), MUTATIONS):
        if path == ("type",) or path in NOT_TYPED_THERE or not_base64(kind, path, value):
            continue
        frame = json.dumps(mutated(event, path, value))
        if is_valid(kind, frame):
            accepted += 1
            assert isinstance(decode(frame), SERVER_EVENTS[kind]), (path, value)
    assert accepted or event.keys() <= {"type", "event_id"}


def not_base64(kind: str, path: tuple[Any, ...], value: Any) -> bool:
    """To openai's types audio is any string."""
    return kind == "response.output_audio.delta" and path == ("delta",) and value == "text"


@pytest.mark.parametrize("name", ITEM_KINDS)
def test_items(name: str) -> None:
    """Items of each kind decode; their audio is skipped, whatever it is."""
    item = support.items()[name]
    event = support.sample("conversation.item.retrieved", item=item)
    assert is_valid("conversation.item.retrieved", json.dumps(event))
    decoded = decode_event(event)
    assert_part_of(msgspec.to_builtins(decoded.item), item, "item")
    for part in item.get("content", ()):
        part["audio"] = {"not": "audio"}
    assert decode_event(event) == decoded


@pytest.mark.parametrize("wrong", [None, [[]], True, ...])
@pytest.mark.parametrize("name", ITEM_KINDS)
def test_items_need_nothing(name: str, wrong: Any) -> None:
    """An item of which a field is missing or wrong is an item; the other fields are there."""
    item = support.items()[name]
    for field in item:
        event = support.sample("response.output_item.done", item=mutated(item, (field,), wrong))
        decoded = decode_event(event).item
        for other in set(item) - {field, "object", "content", "tools", "error"}:
            assert getattr(decoded, other) == item[other]


def test_item_of_unknown_type_passes() -> None:
    """New item types, parts and states cost nothing."""
    item = {"type": "hologram", "id": "item_1", "status": "dreaming", "beam": [1, 2]}
    decoded = decode_event(support.sample("conversation.item.added", item=item))
    assert decoded.item == WireItem(type="hologram", id="item_1", status="dreaming")


def decode_event(event: dict[str, Any]) -> Any:
    """Decode what must be a known event."""
    decoded = decode(json.dumps(event))
    assert isinstance(decoded, ServerEvent), decoded
    return decoded


def test_mcp_items() -> None:
    """The values only MCP items have."""
    call = decode_event(support.sample("conversation.item.retrieved")).item
    assert call.error == WireMcpError(type="http_error", code=502, message="bad gateway")
    listed = support.items()["mcp_list_tools"]
    item = decode_event(support.sample("conversation.item.done", item=listed)).item
    assert item.tools == (
        WireMcpTool(
            name="search",
            description="Search the docs.",
            input_schema={"type": "object", "properties": {}},
            annotations={"readOnlyHint": True},
        ),
    )


def test_message_parts() -> None:
    """Parts keep everything but the audio."""
    item = decode_event(support.sample("conversation.item.created")).item
    assert item.content == (
        WirePart(type="input_text", text="Look:"),
        WirePart(type="input_image", image_url="data:image/png;base64,AA==", detail="low"),
        WirePart(type="input_audio", transcript="hé"),
    )


def test_response_usage() -> None:
    """All token details of a response."""
    response = decode_event(support.sample("response.done")).response
    assert isinstance(response, WireResponse)
    assert response.usage == WireUsage(
        total_tokens=30,
        input_tokens=20,
        output_tokens=10,
        input_token_details=WireInputTokens(
            text_tokens=11,
            audio_tokens=6,
            image_tokens=3,
            cached_tokens=9,
            cached_tokens_details=WireCachedTokens(text_tokens=5, audio_tokens=4, image_tokens=0),
        ),
        output_token_details=WireOutputTokens(text_tokens=7, audio_tokens=3),
    )
    assert response.output is not None
    assert [item.type for item in response.output] == ["message", "function_call"]


def test_transcription_usage() -> None:
    """Transcriptions are billed by tokens or by duration."""
    kind = "conversation.item.input_audio_transcription.completed"
    assert decode_event(support.sample(kind)).usage == WireTranscriptionUsage(
        type="tokens",
        total_tokens=22,
        input_tokens=13,
        output_tokens=9,
        input_token_details=WireTranscriptionTokens(text_tokens=1, audio_tokens=12),
    )
    event = support.sample(kind, usage={"type": "duration", "seconds": 3})
    assert decode_event(event).usage == WireTranscriptionUsage(type="duration", seconds=3.0)


def test_turn_detection_off_is_not_turn_detection_unmentioned() -> None:
    """``null`` turns it off; a session that does not mention it says nothing."""
    event = support.sample("session.updated")
    audio_input = event["session"]["audio"]["input"]
    detection = decode_event(event).session.audio.input.turn_detection
    assert (detection.create_response, detection.interrupt_response) == (True, False)
    audio_input["turn_detection"] = None
    assert decode_event(event).session.audio.input.turn_detection is None
    del audio_input["turn_detection"]
    assert decode_event(event).session.audio.input.turn_detection is msgspec.UNSET


def test_transcription_sessions() -> None:
    """A transcription session has no model and no output audio."""
    event = support.sample("session.created", session={"type": "transcription"})
    assert is_valid("session.created", json.dumps(event))
    session = decode_event(event).session
    assert (session.type, session.model, session.audio) == ("transcription", None, None)


def test_audio_is_decoded() -> None:
    """The delta is the audio itself."""
    assert decode_event(support.sample("response.output_audio.delta")).delta == support.PCM


@pytest.mark.parametrize("kind", KINDS)
def test_events_are_untracked_values(kind: str) -> None:
    """Frozen, equal by value and, holding no cycles, not tracked by the garbage collector."""
    config = SERVER_EVENTS[kind].__struct_config__
    assert config.frozen
    assert not config.gc
    first, second = (decode_event(support.samples()[kind]) for _ in range(2))
    assert first == second
