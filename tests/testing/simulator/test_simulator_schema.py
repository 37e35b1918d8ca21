"""Which client events are valid, and what the API says of those that are not."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.schema import check_client_event

Event = dict[str, Any]

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "",
    "parameters": {"type": "object", "properties": {}},
}
MCP_TOOL = {
    "type": "mcp",
    "server_label": "docs",
    "server_url": "https://example.com",
    "allowed_tools": {"tool_names": ["a"], "read_only": True},
    "require_approval": {"always": {"tool_names": ["a"]}},
}
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "gpt-transcribe", "languages": ["en"], "keywords": []},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.7,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 300,
                "idle_timeout_ms": 6_000,
                "create_response": True,
                "interrupt_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "ash", "speed": 1.2},
    },
    "tools": [TOOL, MCP_TOOL, {**MCP_TOOL, "allowed_tools": ["a"], "require_approval": "never"}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_output_tokens": 4_096,
    "tracing": {"workflow_name": "w", "group_id": None, "metadata": {"a": 1}},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
    "prompt": {"id": "p", "version": "1", "variables": {"a": "b"}},
    "reasoning": {"effort": "low"},
    "include": ["item.input_audio_transcription.logprobs"],
}
SEMANTIC = {"type": "semantic_vad", "eagerness": "high"}
USER = {
    "type": "message",
    "id": "item_1",
    "object": "realtime.item",
    "status": "completed",
    "role": "user",
    "content": [
        {"type": "input_text", "text": "Hello"},
        {"type": "input_audio", "audio": "AAAA", "transcript": None},
        {"type": "input_image", "image_url": "data:image/png;base64,", "detail": "low"},
    ],
}
ASSISTANT = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello"}],
}
SYSTEM = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": ""}
RESPONSE = {
    "conversation": "none",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
    "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}}},
    "input": [USER, OUTPUT],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "max_output_tokens": "inf",
    "metadata": {"topic": "weather"},
    "parallel_tool_calls": False,
    "prompt": None,
    "reasoning": {"effort": "high"},
}


def update(**session: Any) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def create(item: Event, **fields: Any) -> Event:
    return {"type": "conversation.item.create", "item": item, **fields}


VALID: list[Event] = [
    {"type": "session.update", "session": SESSION, "event_id": "e1"},
    update(),
    update(
        audio={"input": {"transcription": None, "noise_reduction": None, "turn_detection": None}},
        tracing=None,
        prompt=None,
        max_output_tokens="inf",
        truncation="disabled",
    ),
    update(audio={"input": {"turn_detection": SEMANTIC}}, tracing="auto"),
    update(tool_choice={"type": "mcp", "server_label": "docs", "name": "a"}),
    {"type": "input_audio_buffer.append", "audio": ""},
    {"type": "input_audio_buffer.commit", "event_id": None},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    *(create(item) for item in (USER, ASSISTANT, SYSTEM, CALL, OUTPUT)),
    create(USER, previous_item_id="root"),
    create(USER, previous_item_id=None),
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {
        "type": "conversation.item.truncate",
        "item_id": "a",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    {"type": "response.create"},
    {"type": "response.create", "response": None},
    {"type": "response.create", "response": RESPONSE},
    {"type": "response.cancel", "response_id": None},
    {"type": "response.cancel", "response_id": "r"},
]


@pytest.fixture(scope="module")
def client_event() -> Any:
    """The authority: the ``openai`` package's own type."""
    pytest.importorskip("openai")
    from openai.types.realtime import RealtimeClientEvent
    from pydantic import TypeAdapter

    return TypeAdapter(RealtimeClientEvent)


@pytest.mark.parametrize("event", VALID)
def test_valid_events(event: Event, client_event: Any) -> None:
    """All of these pass, here and there."""
    check_client_event(event, "")
    client_event.validate_python(event)


def test_item_references_are_valid_input() -> None:
    """The API takes them, as the ``openai`` package's newer parameter type says."""
    reference = {"type": "item_reference", "id": "a"}
    check_client_event({"type": "response.create", "response": {"input": [reference]}}, "")


def voice(value: Any) -> Event:
    return update(audio={"output": {"voice": value}})


def detection(**settings: Any) -> Event:
    return update(audio={"input": {"turn_detection": {"type": "server_vad", **settings}}})


@pytest.mark.parametrize(
    ("event", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "type", "Missing required parameter: 'type'."),
        (
            {"type": 3},
            "invalid_type",
            "type",
            "Invalid type for 'type': expected one of 'session.update', ",
        ),
        (
            {"type": "conversation.item.move"},
            "invalid_value",
            "type",
            "Invalid value: 'conversation.item.move'. Supported values are: 'session.update', ",
        ),
        (
            {"type": "session.update", "session": {}},
            "missing_required_parameter",
            "session.type",
            "Missing required parameter: 'session.type'.",
        ),
        (
            {"type": "session.update", "session": {"type": "translation"}},
            "invalid_value",
            "session.type",
            "Invalid value: 'translation'. Supported values are: 'realtime' and 'transcription'.",
        ),
        (
            {"type": "session.update", "session": []},
            "invalid_type",
            "session",
            "Invalid type for 'session': expected an object, but got an array instead.",
        ),
        (
            update(voice="ash"),
            "unknown_parameter",
            "session.voice",
            "Unknown parameter: 'session.voice'.",
        ),
        (
            voice("nobody"),
            "invalid_value",
            "session.audio.output.voice",
            (
                "Invalid value: 'nobody'. Supported values are: 'alloy', 'ash', 'ballad', 'coral',"
                " 'echo', 'sage', 'shimmer', 'verse', 'marin', and 'cedar'."
            ),
        ),
        (voice({}), "missing_required_parameter", "session.audio.output.voice.id", "Missing"),
        (
            update(output_modalities=["text", "audio"]),
            "invalid_value",
            "session.output_modalities",
            "Invalid modalities: ['text', 'audio']. Supported combinations are: ['text'] and",
        ),
        (
            update(output_modalities="audio"),
            "invalid_type",
            "session.output_modalities",
            "Invalid type for 'session.output_modalities': expected an array, but got a string",
        ),
        (
            update(output_modalities=["video"]),
            "invalid_value",
            "session.output_modalities[0]",
            "Invalid value: 'video'. Supported values are: 'text' and 'audio'.",
        ),
        (
            update(audio={"output": {"speed": 2.0}}),
            "decimal_above_max_value",
            "session.audio.output.speed",
            (
                "Invalid 'session.audio.output.speed': decimal above maximum value."
                " Expected a value <= 1.5, but got 2.0 instead."
            ),
        ),
        (
            detection(threshold=-0.5),
            "decimal_below_min_value",
            "session.audio.input.turn_detection.threshold",
            "Invalid 'session.audio.input.turn_detection.threshold': decimal below minimum",
        ),
        (
            detection(threshold="high"),
            "invalid_type",
            "session.audio.input.turn_detection.threshold",
            "Invalid type for 'session.audio.input.turn_detection.threshold': expected a decimal,",
        ),
        (
            detection(threshold=float("nan")),
            "invalid_type",
            "session.audio.input.turn_detection.threshold",
            "Invalid type",
        ),
        (
            detection(create_response=1),
            "invalid_type",
            "session.audio.input.turn_detection.create_response",
            (
                "Invalid type for 'session.audio.input.turn_detection.create_response':"
                " expected a boolean, but got an integer instead."
            ),
        ),
        (
            detection(idle_timeout_ms=4_999),
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
            "Invalid",
        ),
        (
            update(max_output_tokens=4_097),
            "integer_above_max_value",
            "session.max_output_tokens",
            (
                "Invalid 'session.max_output_tokens': integer above maximum value."
                " Expected a value <= 4096, but got 4097 instead."
            ),
        ),
        (
            update(max_output_tokens=True),
            "invalid_type",
            "session.max_output_tokens",
            (
                "Invalid type for 'session.max_output_tokens': expected an integer,"
                " but got a boolean instead."
            ),
        ),
        (
            update(instructions=None),
            "invalid_type",
            "session.instructions",
            "Invalid type for 'session.instructions': expected a string, but got null instead.",
        ),
        (
            update(instructions=1.5),
            "invalid_type",
            "session.instructions",
            "Invalid type for 'session.instructions': expected a string, but got a decimal",
        ),
        (
            update(tools=[{"type": "function", "name": "get weather"}]),
            "invalid_value",
            "session.tools[0].name",
            (
                "Invalid 'session.tools[0].name': string does not match pattern. Expected a string"
                " that matches the pattern '^[a-zA-Z0-9_-]+$'."
            ),
        ),
        (
            update(tools=[TOOL] * 129),
            "array_above_max_length",
            "session.tools",
            "Invalid 'session.tools': array too long.",
        ),
        (
            create({**USER, "id": "x" * 33}),
            "string_above_max_length",
            "item.id",
            (
                "Invalid 'item.id': string too long. Expected a string with maximum length 32, but"
                " got a string with length 33 instead."
            ),
        ),
        (
            create({"type": "message", "role": "user"}),
            "missing_required_parameter",
            "item.content",
            "Missing",
        ),
        (
            create({"type": "message", "role": "assistant", "content": USER["content"]}),
            "invalid_value",
            "item.content[0].type",
            "Invalid value: 'input_text'. Supported values are: 'output_text'.",
        ),
        (
            {"type": "response.create", "response": {"metadata": {"a": 1}}},
            "invalid_type",
            "response.metadata.a",
            "Invalid type for 'response.metadata.a': expected a string, but got an integer",
        ),
        (
            {"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}},
            "object_above_max_properties",
            "response.metadata",
            "Invalid 'response.metadata': too many properties.",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0},
            "missing_required_parameter",
            "audio_end_ms",
            "Missing",
        ),
    ],
)
def test_invalid_events(event: Event, code: str, param: str, message: str) -> None:
    """The first thing wrong is named with its path, in the API's words."""
    with pytest.raises(ApiError) as caught:
        check_client_event(event, "")
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.message.startswith(message)
    assert caught.value.type == "invalid_request_error"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10_000) | st.floats(0, 2) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += paths(value[key], (*path, key))
    return found


@settings(max_examples=300)
@given(st.sampled_from(VALID), st.data())
def test_what_passes_here_is_valid_there(event: Event, data: st.DataObject) -> None:
    """Put anything anywhere: no event is accepted that the ``openai`` package calls invalid."""
    pytest.importorskip("openai")
    mutant = copy.deepcopy(event)
    path = data.draw(st.sampled_from(paths(mutant)))
    at: Any = mutant
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = data.draw(JSON)
    try:
        check_client_event(mutant, "")
    except ApiError:
        return
    from openai.types.realtime import RealtimeClientEvent
    from pydantic import TypeAdapter

    TypeAdapter(RealtimeClientEvent).validate_python(mutant)
