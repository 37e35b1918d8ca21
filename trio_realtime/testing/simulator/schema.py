"""The shapes of the client events of the GA protocol, session and items included.

Called by :mod:`.server_protocol` before it acts on anything. The authority is
``RealtimeClientEvent`` of the ``openai`` package: what passes here is valid there
(``response.create`` may also hold ``item_reference`` inputs, which the API takes and that type
leaves out). It is stricter where the service is: unknown fields, bounds, voices, one output
modality, item ids of 32 characters.
"""

from typing import Any

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.replies import LONGEST_ID
from trio_realtime.testing.simulator.shapes import (
    Check,
    anything,
    array,
    boolean,
    either,
    integer,
    nullable,
    number,
    one_of,
    record,
    table,
    tagged,
    text,
)

VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip

_string = text()
_id = text(longest=512)
_item_id = text(longest=LONGEST_ID, pattern="[a-zA-Z0-9_-]+")
_call_id = text(longest=LONGEST_ID)
_name = text(longest=64, pattern="[a-zA-Z0-9_-]+")


def _modalities(value: Any, path: str) -> None:
    array(one_of("text", "audio"))(value, path)
    if len(value) != 1:
        raise ApiError(
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio'].",
            code="invalid_value",
            param=path,
        )


_format = tagged(
    {
        "audio/pcm": record({"type": _string, "rate": integer(minimum=24_000, maximum=24_000)}),
        "audio/pcmu": record({"type": _string}),
        "audio/pcma": record({"type": _string}),
    }
)
_voice = either(str, one_of(*VOICES), record({"id": _string}, required=("id",)))
_turn_flags = {"type": _string, "create_response": boolean, "interrupt_response": boolean}
_turn_detection = tagged(
    {
        "server_vad": record(
            {
                **_turn_flags,
                "threshold": number(minimum=0.0, maximum=1.0),
                "prefix_padding_ms": integer(minimum=0, maximum=5_000),
                "silence_duration_ms": integer(minimum=0, maximum=10_000),
                "idle_timeout_ms": nullable(integer(minimum=5_000, maximum=30_000)),
            }
        ),
        "semantic_vad": record(
            {**_turn_flags, "eagerness": one_of("low", "medium", "high", "auto")}
        ),
    }
)
_transcription = record(
    {
        "model": _string,
        "language": _string,
        "languages": array(_string),
        "keywords": array(_string),
        "prompt": _string,
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_noise_reduction = record(
    {
        "type": one_of("near_field", "far_field"),
        "strength": number(minimum=0.0, maximum=1.0),
    }
)
_audio_input = record(
    {
        "format": _format,
        "transcription": nullable(_transcription),
        "noise_reduction": nullable(_noise_reduction),
        "turn_detection": nullable(_turn_detection),
    }
)
_audio = record(
    {
        "input": _audio_input,
        "output": record(
            {"format": _format, "voice": _voice, "speed": number(minimum=0.25, maximum=1.5)}
        ),
    }
)
_tool_filter = record({"tool_names": array(_string), "read_only": boolean})
_tools = array(
    tagged(
        {
            "function": record(
                {
                    "type": _string,
                    "name": _name,
                    "description": _string,
                    "parameters": table(anything),
                },
                required=("name",),
            ),
            "mcp": record(
                {
                    "type": _string,
                    "server_label": _string,
                    "server_url": _string,
                    "server_description": _string,
                    "connector_id": _string,
                    "authorization": _string,
                    "headers": table(_string),
                    "allowed_tools": nullable(either(list, array(_string), _tool_filter)),
                    "require_approval": nullable(
                        either(
                            str,
                            one_of("always", "never"),
                            record({"always": _tool_filter, "never": _tool_filter}),
                        )
                    ),
                },
                required=("server_label",),
            ),
        }
    ),
    most=128,
)
_tool_choice = either(
    str,
    one_of("none", "auto", "required"),
    tagged(
        {
            "function": record({"type": _string, "name": _string}, required=("name",)),
            "mcp": record(
                {"type": _string, "server_label": _string, "name": _string},
                required=("server_label",),
            ),
        }
    ),
)
_max_output_tokens = either(str, one_of("inf"), integer(minimum=1, maximum=4_096))
_prompt = record(
    {"id": _string, "version": nullable(_string), "variables": nullable(table(_string))},
    required=("id",),
)
_reasoning = record({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})
_tracing = either(
    str,
    one_of("auto"),
    record(
        {
            "workflow_name": nullable(_string),
            "group_id": nullable(_string),
            "metadata": nullable(table(anything)),
        }
    ),
)
_truncation = either(
    str,
    one_of("auto", "disabled"),
    tagged(
        {
            "retention_ratio": record(
                {
                    "type": _string,
                    "retention_ratio": number(minimum=0.0, maximum=1.0),
                    "token_limits": record({"post_instructions": integer(minimum=0)}),
                },
                required=("retention_ratio",),
            )
        }
    ),
)
_include = nullable(array(one_of("item.input_audio_transcription.logprobs")))
_session = tagged(
    {
        "realtime": record(
            {
                "type": _string,
                "model": _string,
                "instructions": _string,
                "output_modalities": _modalities,
                "audio": _audio,
                "tools": _tools,
                "tool_choice": _tool_choice,
                "parallel_tool_calls": boolean,
                "max_output_tokens": _max_output_tokens,
                "tracing": nullable(_tracing),
                "truncation": _truncation,
                "prompt": nullable(_prompt),
                "reasoning": _reasoning,
                "include": _include,
            }
        ),
        "transcription": record(
            {
                "type": _string,
                "audio": record({"input": _audio_input}),
                "include": _include,
            }
        ),
    }
)

# Clients that write all fields of their objects send null for what they do not set.
_input_text = record({"type": _string, "text": _string}, required=("text",), nulls=True)
_input_audio = record(
    {"type": _string, "audio": _string, "transcript": _string}, required=("audio",), nulls=True
)
_input_image = record(
    {"type": _string, "image_url": _string, "detail": one_of("auto", "low", "high")},
    required=("image_url",),
    nulls=True,
)


def _item(fields: dict[str, Check], required: tuple[str, ...]) -> Check:
    head: dict[str, Check] = {
        "id": _item_id,
        "object": one_of("realtime.item"),
        "type": _string,
        "status": one_of("completed", "incomplete", "in_progress"),
    }
    return record({**head, **fields}, required=required, nulls=True)


def _message(content: dict[str, Check], **fields: Check) -> Check:
    return _item(
        {"role": _string, "content": array(tagged(content)), **fields}, required=("content",)
    )


# The API cannot take assistant audio back: an assistant message can only be written.
_items = {
    "message": tagged(
        {
            "user": _message(
                {
                    "input_text": _input_text,
                    "input_audio": _input_audio,
                    "input_image": _input_image,
                }
            ),
            "assistant": _message(
                {"output_text": _input_text}, phase=one_of("commentary", "final_answer")
            ),
            "system": _message({"input_text": _input_text}),
        },
        key="role",
    ),
    "function_call": _item(
        {"call_id": _call_id, "name": _string, "arguments": _string},
        required=("name", "arguments"),
    ),
    "function_call_output": _item(
        {"call_id": _call_id, "output": _string}, required=("call_id", "output")
    ),
}
_items["mcp_approval_response"] = _item(
    {"approval_request_id": _string, "approve": boolean, "reason": _string},
    required=("approval_request_id", "approve"),
)
_reference = record({"type": _string, "id": _string}, required=("id",))
_response = record(
    {
        "audio": record(
            {"output": record({"format": _format, "voice": _voice}, nulls=True)}, nulls=True
        ),
        "conversation": one_of("auto", "none"),
        "input": array(tagged({**_items, "item_reference": _reference})),
        "instructions": _string,
        "max_output_tokens": _max_output_tokens,
        "metadata": table(text(longest=512), most=16, longest_key=64),
        "output_modalities": _modalities,
        "parallel_tool_calls": boolean,
        "prompt": _prompt,
        "reasoning": _reasoning,
        "tool_choice": _tool_choice,
        "tools": _tools,
    },
    nulls=True,
)


def _event(required: tuple[str, ...] = (), **fields: Check) -> Check:
    return record({"type": _string, "event_id": _id, **fields}, required=required, nulls=True)


SUPPORTED_EVENTS = (
    "session.update", "session.close", "input_audio_buffer.append",
    "session.input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear",
    "conversation.item.create", "conversation.item.truncate", "conversation.item.delete",
    "conversation.item.retrieve", "response.create", "response.cancel",
)  # fmt: skip
"""What the service names when an event has none of its types, in its order. Two of them belong to
translation sessions, and ``output_audio_buffer.clear``, which calls take, is not among them."""


check_client_event: Check = tagged(
    {
        "session.update": _event(("session",), session=_session),
        "session.close": _event(),
        "session.input_audio_buffer.append": _event(("audio",), audio=_string),
        "input_audio_buffer.append": _event(("audio",), audio=_string),
        "input_audio_buffer.commit": _event(),
        "input_audio_buffer.clear": _event(),
        "output_audio_buffer.clear": _event(),
        "conversation.item.create": _event(
            ("item",), item=tagged(_items), previous_item_id=_string
        ),
        "conversation.item.retrieve": _event(("item_id",), item_id=_string),
        "conversation.item.truncate": _event(
            ("item_id", "content_index", "audio_end_ms"),
            item_id=_string,
            content_index=integer(minimum=0),
            audio_end_ms=integer(minimum=0),
        ),
        "conversation.item.delete": _event(("item_id",), item_id=_string),
        "response.create": _event(response=_response),
        "response.cancel": _event(response_id=_string),
    },
    shown=SUPPORTED_EVENTS,
)
"""Raises :class:`~trio_realtime.testing.simulator.api_errors.ApiError` for an invalid event."""
