"""Samples of every server event of the GA protocol, in wire form, and of every kind of item.

`test_wire` proves each sample valid against ``openai.types.realtime``. The functions return fresh
copies, so a test may change what it gets.
"""

import base64
import copy
from functools import cache
from typing import Any, get_args

import pydantic
from openai.types.realtime import RealtimeServerEvent

PCM = bytes(range(256)) * 2
"""Audio of the samples: 512 bytes of PCM16 mono 24 kHz."""

_OF_RESPONSE = {"event_id": "event_1", "response_id": "resp_1"}
_OF_OUTPUT = {**_OF_RESPONSE, "item_id": "item_1", "output_index": 1}
_OF_PART = {**_OF_OUTPUT, "content_index": 2}
_OF_ITEM = {"event_id": "event_1", "item_id": "item_1"}

_PIECE = {"item_id", "delta"}
NEEDED: dict[str, set[str]] = {
    "error": {"error"},
    "conversation.item.created": {"item"},
    "conversation.item.added": {"item"},
    "conversation.item.done": {"item"},
    "conversation.item.retrieved": {"item"},
    "conversation.item.truncated": {"item_id"},
    "conversation.item.deleted": {"item_id"},
    "conversation.item.input_audio_transcription.delta": {"item_id"},
    "conversation.item.input_audio_transcription.completed": {"item_id"},
    "conversation.item.input_audio_transcription.failed": {"item_id"},
    "input_audio_buffer.committed": {"item_id"},
    "input_audio_buffer.dtmf_event_received": {"event"},
    "response.output_item.added": {"item"},
    "response.output_item.done": {"item"},
    "response.output_audio.delta": _PIECE,
    "response.output_audio.done": {"item_id"},
    "response.output_audio_transcript.delta": _PIECE,
    "response.output_text.delta": _PIECE,
}
"""What each event is nothing without; those that are not here need no field at all."""

_ITEMS: dict[str, dict[str, Any]] = {
    "system": {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "system",
        "content": [{"type": "input_text", "text": "Be brief."}],
    },
    "user": {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Look:"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
            {"type": "input_audio", "audio": base64.b64encode(PCM).decode(), "transcript": "hé"},
        ],
    },
    "assistant": {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "Hello"},
            {"type": "output_audio", "audio": base64.b64encode(PCM).decode(), "transcript": "Hi"},
        ],
    },
    "function_call": {
        "id": "item_1",
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "name": "weather",
        "call_id": "call_1",
        "arguments": '{"city":"Ghent"}',
    },
    "function_call_output": {
        "id": "item_1",
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": "call_1",
        "output": "rain",
    },
    "mcp_approval_request": {
        "id": "item_1",
        "type": "mcp_approval_request",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
    },
    "mcp_approval_response": {
        "id": "item_1",
        "type": "mcp_approval_response",
        "approval_request_id": "item_0",
        "approve": False,
        "reason": "not now",
    },
    "mcp_call": {
        "id": "item_1",
        "type": "mcp_call",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
        "approval_request_id": "item_0",
        "output": "found",
        "error": {"type": "http_error", "code": 502, "message": "bad gateway"},
    },
    "mcp_list_tools": {
        "id": "item_1",
        "type": "mcp_list_tools",
        "server_label": "docs",
        "tools": [
            {
                "name": "search",
                "description": "Search the docs.",
                "input_schema": {"type": "object", "properties": {}},
                "annotations": {"readOnlyHint": True},
            }
        ],
    },
}

_AUDIO_FORMAT = {"type": "audio/pcm", "rate": 24000}

_SESSION: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "expires_at": 1790000000,
    "audio": {
        "input": {
            "format": _AUDIO_FORMAT,
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": False,
            },
        },
        "output": {"format": _AUDIO_FORMAT, "voice": "ash", "speed": 1.0},
    },
}

_RESPONSE_CREATED: dict[str, Any] = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "in_progress",
    "status_details": None,
    "output": [],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "audio": {"output": {"format": _AUDIO_FORMAT, "voice": "ash"}},
    "usage": None,
    "metadata": None,
}

_RESPONSE_DONE: dict[str, Any] = {
    **_RESPONSE_CREATED,
    "status": "failed",
    "status_details": {
        "type": "failed",
        "reason": "content_filter",
        "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Too much."},
    },
    "output": [_ITEMS["assistant"], _ITEMS["function_call"]],
    "usage": {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {
            "text_tokens": 11,
            "audio_tokens": 6,
            "image_tokens": 3,
            "cached_tokens": 9,
            "cached_tokens_details": {"text_tokens": 5, "audio_tokens": 4, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 7, "audio_tokens": 3},
    },
    "metadata": {"topic": "test"},
}

_TRANSCRIPTION = "conversation.item.input_audio_transcription"

_EVENTS: dict[str, dict[str, Any]] = {
    "error": {
        "event_id": "event_1",
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_event",
            "message": "The 'type' field is missing.",
            "param": "session.type",
            "event_id": "event_of_client",
        },
    },
    "session.created": {"event_id": "event_1", "session": _SESSION},
    "session.updated": {"event_id": "event_1", "session": _SESSION},
    "rate_limits.updated": {
        "event_id": "event_1",
        "rate_limits": [
            {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60},
            {"name": "tokens", "limit": 50000, "remaining": 49950, "reset_seconds": 0.5},
        ],
    },
    "conversation.created": {
        "event_id": "event_1",
        "conversation": {"id": "conv_1", "object": "realtime.conversation"},
    },
    "conversation.item.created": {
        "event_id": "event_1",
        "previous_item_id": "item_0",
        "item": _ITEMS["user"],
    },
    "conversation.item.added": {
        "event_id": "event_1",
        "previous_item_id": "item_0",
        "item": _ITEMS["assistant"],
    },
    "conversation.item.done": {
        "event_id": "event_1",
        "previous_item_id": "item_0",
        "item": _ITEMS["function_call_output"],
    },
    "conversation.item.retrieved": {"event_id": "event_1", "item": _ITEMS["mcp_call"]},
    "conversation.item.truncated": {**_OF_ITEM, "content_index": 2, "audio_end_ms": 1500},
    "conversation.item.deleted": _OF_ITEM,
    f"{_TRANSCRIPTION}.delta": {**_OF_ITEM, "content_index": 2, "delta": "Hel"},
    f"{_TRANSCRIPTION}.segment": {
        **_OF_ITEM,
        "content_index": 2,
        "text": "Hello",
        "id": "seg_1",
        "speaker": "A",
        "start": 0.0,
        "end": 1.25,
    },
    f"{_TRANSCRIPTION}.completed": {
        **_OF_ITEM,
        "content_index": 2,
        "transcript": "Hello",
        "usage": {
            "type": "tokens",
            "total_tokens": 22,
            "input_tokens": 13,
            "output_tokens": 9,
            "input_token_details": {"text_tokens": 1, "audio_tokens": 12},
        },
    },
    f"{_TRANSCRIPTION}.failed": {
        **_OF_ITEM,
        "content_index": 2,
        "error": {
            "type": "transcription_error",
            "code": "audio_unintelligible",
            "message": "The audio could not be transcribed.",
            "param": "audio",
        },
    },
    "input_audio_buffer.committed": {**_OF_ITEM, "previous_item_id": "item_0"},
    "input_audio_buffer.cleared": {"event_id": "event_1"},
    "input_audio_buffer.speech_started": {**_OF_ITEM, "audio_start_ms": 1000},
    "input_audio_buffer.speech_stopped": {**_OF_ITEM, "audio_end_ms": 2000},
    "input_audio_buffer.timeout_triggered": {
        **_OF_ITEM,
        "audio_start_ms": 13216,
        "audio_end_ms": 19232,
    },
    "input_audio_buffer.dtmf_event_received": {"event": "9", "received_at": 1763605109},
    "output_audio_buffer.started": _OF_RESPONSE,
    "output_audio_buffer.stopped": _OF_RESPONSE,
    "output_audio_buffer.cleared": _OF_RESPONSE,
    "response.created": {"event_id": "event_1", "response": _RESPONSE_CREATED},
    "response.done": {"event_id": "event_1", "response": _RESPONSE_DONE},
    "response.output_item.added": {
        **_OF_RESPONSE,
        "output_index": 1,
        "item": _ITEMS["function_call"],
    },
    "response.output_item.done": {
        **_OF_RESPONSE,
        "output_index": 1,
        "item": _ITEMS["mcp_approval_request"],
    },
    "response.content_part.added": {**_OF_PART, "part": {"type": "audio", "transcript": ""}},
    "response.content_part.done": {**_OF_PART, "part": {"type": "text", "text": "Hello"}},
    "response.output_audio.delta": {**_OF_PART, "delta": base64.b64encode(PCM).decode()},
    "response.output_audio.done": _OF_PART,
    "response.output_audio_transcript.delta": {**_OF_PART, "delta": "Hé"},
    "response.output_audio_transcript.done": {**_OF_PART, "transcript": "Hello"},
    "response.output_text.delta": {**_OF_PART, "delta": "Hel"},
    "response.output_text.done": {**_OF_PART, "text": "Hello"},
    "response.function_call_arguments.delta": {
        **_OF_OUTPUT,
        "call_id": "call_1",
        "delta": '{"ci',
    },
    "response.function_call_arguments.done": {
        **_OF_OUTPUT,
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Ghent"}',
    },
    "mcp_list_tools.in_progress": _OF_ITEM,
    "mcp_list_tools.completed": _OF_ITEM,
    "mcp_list_tools.failed": _OF_ITEM,
    "response.mcp_call_arguments.delta": {**_OF_OUTPUT, "delta": "{", "obfuscation": "x"},
    "response.mcp_call_arguments.done": {**_OF_OUTPUT, "arguments": "{}"},
    "response.mcp_call.in_progress": {**_OF_ITEM, "output_index": 1},
    "response.mcp_call.completed": {**_OF_ITEM, "output_index": 1},
    "response.mcp_call.failed": {**_OF_ITEM, "output_index": 1},
}


def samples() -> dict[str, dict[str, Any]]:
    """A full, valid event of each of the 46 types, by type; ``type`` is the first key."""
    return {kind: {"type": kind, **copy.deepcopy(event)} for kind, event in _EVENTS.items()}


def sample(kind: str, **changes: Any) -> dict[str, Any]:
    """The sample of one type, with these top-level fields set."""
    return {"type": kind, **copy.deepcopy(_EVENTS[kind]), **changes}


def items() -> dict[str, dict[str, Any]]:
    """A full, valid item of each kind: messages by role, the others by type."""
    return copy.deepcopy(_ITEMS)


@cache
def server_models() -> dict[str, type[pydantic.BaseModel]]:
    """The models of ``openai.types.realtime`` for server events, by type."""
    models = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}
