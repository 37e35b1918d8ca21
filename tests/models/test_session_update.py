"""The session object of `session.update`: every setting, the defaults, and the wire's own types."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.config import (
    UNSET,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeSessionModelSettings,
)
from trio_realtime.errors import SettingsError
from trio_realtime.models.openai.wire.session_update import DEFAULT_MODEL, session_payload

PCM = {"type": "audio/pcm", "rate": 24000}
TOOL = {
    "type": "function",
    "name": "refund",
    "description": "Give money back.",
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
}


# -- against the types of the openai package ------------------------------------------------------
@cache
def client_event() -> Any:
    pydantic = pytest.importorskip("pydantic")
    wire = pytest.importorskip("openai.types.realtime")
    return pydantic.TypeAdapter(wire.RealtimeClientEvent)


def unknown_fields(value: Any, path: str = "") -> list[str]:
    """The openai models keep fields they do not know; a misspelt one would pass unseen."""
    if isinstance(value, list):
        return [name for entry in value for name in unknown_fields(entry, path)]
    if not hasattr(value, "model_fields_set"):
        return []
    found = [f"{path}{name}" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        found += unknown_fields(getattr(value, name), f"{path}{name}.")
    return found


def check_on_the_wire(session: dict[str, Any]) -> None:
    """Fail unless the frame is JSON and a valid client event without unknown fields."""
    frame = json.loads(json.dumps({"type": "session.update", "session": session}, allow_nan=False))
    assert frame["session"] == session
    assert unknown_fields(client_event().validate_python(frame)) == []


def test_the_wire_check_sees_unknown_fields_and_wrong_types() -> None:
    with pytest.raises(AssertionError):
        check_on_the_wire({"type": "realtime", "audio": {"output": {"voicee": "ash"}}})
    with pytest.raises(ValueError, match="max_output_tokens"):
        check_on_the_wire({"type": "realtime", "max_output_tokens": "many"})


names = st.text(max_size=8)
flags = st.booleans()
counts = st.integers(0, 5000)
shares = st.floats(0, 1)
json_values = st.recursive(
    st.none() | flags | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
efforts = st.sampled_from(["minimal", "low", "medium", "high", "xhigh"])
formats = st.sampled_from(
    [
        *("pcm16", "pcm", "g711_ulaw", "pcmu", "g711_alaw", "pcma", "audio/pcma"),
        *(PCM, {"type": "audio/pcm"}, {"type": "audio/pcmu"}),
    ]
)
voices = names | st.fixed_dictionaries({"id": names})
speeds = st.floats(0.25, 1.5)
modalities = st.sampled_from([["audio"], ["text"]])


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with any of these keys."""
    return st.fixed_dictionaries({}, optional=optional)


transcriptions = st.none() | some(
    model=names,
    language=names,
    languages=st.lists(names, max_size=2),
    prompt=names,
    keywords=st.lists(names, max_size=2).map(tuple),
    delay=efforts,
)
noise_reductions = st.none() | some(
    type=st.sampled_from(["near_field", "far_field"]), strength=st.floats(0, 10)
)
turn_detections = (
    st.none()
    | st.fixed_dictionaries(
        {"type": st.just("server_vad")},
        optional={
            "threshold": shares,
            "create_response": flags,
            "interruptResponse": flags,
            "prefix_padding_ms": counts,
            "silenceDurationMs": counts,
            "idle_timeout_ms": counts,
        },
    )
    | st.fixed_dictionaries(
        {"type": st.just("semantic_vad")},
        optional={
            "createResponse": flags,
            "interrupt_response": flags,
            "eagerness": st.sampled_from(["low", "medium", "high", "auto"]),
        },
    )
)
prompt_parts = (
    names
    | st.fixed_dictionaries(
        {"type": st.just("input_text"), "text": names},
        optional={
            "prompt_cache_breakpoint": st.fixed_dictionaries(
                {"mode": st.just("explicit")}, optional={"ttl": st.sampled_from(["30m", "12h"])}
            )
        },
    )
    | st.fixed_dictionaries(
        {"type": st.just("input_image"), "detail": st.sampled_from(["auto", "low"])},
        optional={"image_url": names, "file_id": names},
    )
    | st.fixed_dictionaries(
        {"type": st.just("input_file")},
        optional={"file_id": names, "filename": names, "detail": st.sampled_from(["auto", "high"])},
    )
)
all_settings = some(
    model_name=names,
    instructions=names | st.none(),
    prompt=st.none()
    | names
    | st.fixed_dictionaries(
        {"id": names},
        optional={
            "version": names,
            "variables": st.dictionaries(names, prompt_parts, max_size=2),
        },
    ),
    output_modalities=modalities,
    modalities=modalities,
    audio=some(
        input=some(
            format=formats,
            noise_reduction=noise_reductions,
            transcription=transcriptions,
            turn_detection=turn_detections,
        ),
        output=some(format=formats, voice=voices, speed=speeds),
    ),
    voice=voices,
    speed=speeds,
    input_audio_format=formats,
    output_audio_format=formats,
    input_audio_transcription=transcriptions,
    input_audio_noise_reduction=noise_reductions,
    turn_detection=turn_detections,
    max_output_tokens=st.integers(1, 4096) | st.just("inf"),
    tool_choice=st.sampled_from(
        [
            "auto",
            "none",
            "required",
            "refund",
            {"type": "function", "name": "refund"},
            {"type": "mcp", "server_label": "shop"},
            {"type": "mcp", "server_label": "shop", "name": "refund"},
        ]
    ),
    parallel_tool_calls=flags,
    reasoning=some(effort=efforts),
    truncation=st.sampled_from(["auto", "disabled"])
    | st.fixed_dictionaries(
        {"retention_ratio": shares},
        optional={
            "type": st.just("retention_ratio"),
            "token_limits": some(post_instructions=counts),
        },
    ),
    include=st.just(["item.input_audio_transcription.logprobs"]),
    tracing=st.none()
    | st.just("auto")
    | some(workflow_name=names, group_id=names, metadata=json_values),
    tools=st.lists(st.just(TOOL), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(all_settings, st.sampled_from([None, "rtc_1"]), flags)
def test_any_settings_make_a_valid_frame(
    given_settings: dict[str, Any], call_id: str | None, tracing: bool
) -> None:
    if call_id:
        given_settings.pop("model_name", None)
    session = session_payload(given_settings, call_id=call_id, tracing=tracing)
    check_on_the_wire(session)
    assert ("tracing" in session) == (tracing and given_settings.get("tracing", "auto") is not None)
    assert len(session["tools"]) == len(given_settings.get("tools", []))


# -- what is sent ---------------------------------------------------------------------------------
def test_the_defaults_are_those_of_the_sdk() -> None:
    session = session_payload({}, instructions="You are terse.", tracing=True)
    assert DEFAULT_MODEL == "gpt-realtime-2.1"
    assert session == {
        "type": "realtime",
        "model": DEFAULT_MODEL,
        "instructions": "You are terse.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": PCM,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": PCM, "voice": "ash"},
        },
        "tools": [],
        "tracing": "auto",
    }


def test_given_objects_replace_default_objects_as_a_whole() -> None:
    session = session_payload(
        {
            "model_name": "gpt-realtime",
            "audio": {
                "input": {
                    "format": "g711_ulaw",
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"language": "en"},
                    "turn_detection": {"type": "server_vad", "threshold": 0.6},
                },
                "output": {"voice": "marin", "speed": 1.25},
            },
        }
    )
    assert session["model"] == "gpt-realtime"
    assert session["audio"] == {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"language": "en"},
            "turn_detection": {"type": "server_vad", "threshold": 0.6},
        },
        "output": {"format": PCM, "voice": "marin", "speed": 1.25},
    }


def test_flat_aliases_reach_their_nested_home() -> None:
    session = session_payload(
        {
            "modalities": ["text"],
            "voice": {"id": "voice_1"},
            "speed": 0.5,
            "input_audio_format": "g711_alaw",
            "output_audio_format": {"type": "audio/pcmu"},
            "input_audio_transcription": {"model": "whisper-1"},
            "input_audio_noise_reduction": {"type": "far_field", "strength": 0.5},
            "turn_detection": {"type": "server_vad", "silenceDurationMs": 300},
        }
    )
    assert session["output_modalities"] == ["text"]
    assert session["audio"] == {
        "input": {
            "format": {"type": "audio/pcma"},
            "noise_reduction": {"type": "far_field", "strength": 0.5},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        },
        "output": {
            "format": {"type": "audio/pcmu"},
            "voice": {"id": "voice_1"},
            "speed": 0.5,
        },
    }


@pytest.mark.parametrize("home", ["flat", "nested"])
def test_none_turns_input_features_off_with_null(home: str) -> None:
    flat = {
        "turn_detection": None,
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
    }
    nested = {name.removeprefix("input_audio_"): None for name in flat}
    session = session_payload(flat if home == "flat" else {"audio": {"input": nested}})
    assert session["audio"]["input"] == {"format": PCM, **nested}


def test_what_has_no_null_on_the_wire_is_left_out_when_none() -> None:
    nothing: dict[str, Any] = {
        "audio": {"input": None, "output": {"voice": None, "format": None}},
        "reasoning": None,
        "parallel_tool_calls": None,
        "instructions": None,
    }
    assert session_payload(nothing) == session_payload({})


def test_model_settings_without_a_nested_home() -> None:
    session = session_payload(
        {
            "prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Oslo"}},
            "max_output_tokens": 4096,
            "parallel_tool_calls": False,
            "reasoning": {"effort": "low"},
            "truncation": {"retention_ratio": 0.8, "token_limits": {"post_instructions": 5000}},
            "include": ["item.input_audio_transcription.logprobs"],
        }
    )
    assert session["prompt"] == {"id": "pmpt_1", "version": "2", "variables": {"city": "Oslo"}}
    assert session["max_output_tokens"] == 4096
    assert session["parallel_tool_calls"] is False
    assert session["reasoning"] == {"effort": "low"}
    assert session["truncation"] == {
        "type": "retention_ratio",
        "retention_ratio": 0.8,
        "token_limits": {"post_instructions": 5000},
    }
    assert session["include"] == ["item.input_audio_transcription.logprobs"]


def test_a_prompt_of_none_is_null_and_clears_it() -> None:
    assert session_payload({"prompt": None})["prompt"] is None
    assert "prompt" not in session_payload({})


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", "required"),
        ("refund", {"type": "function", "name": "refund"}),
        ({"type": "mcp", "server_label": "shop"}, {"type": "mcp", "server_label": "shop"}),
    ],
)
def test_tool_choice(choice: object, sent: object) -> None:
    assert session_payload({"tool_choice": choice})["tool_choice"] == sent


@pytest.mark.parametrize(
    ("of_settings", "given_now", "sent"),
    [
        ("of the settings", UNSET, "of the settings"),
        ("of the settings", "now", "now"),
        ("of the settings", "", ""),
        ("of the settings", None, None),
        (UNSET, UNSET, None),
    ],
)
def test_instructions(of_settings: Any, given_now: Any, sent: str | None) -> None:
    own = RealtimeSessionModelSettings(instructions=of_settings)
    assert session_payload(own, instructions=given_now).get("instructions") == sent


def test_tools_are_those_given_now_or_else_those_of_the_settings() -> None:
    other = {**TOOL, "name": "other"}
    session = session_payload({"tools": [TOOL]}, tools=[other])
    assert session["tools"] == [other]
    assert session["tools"][0] is not other
    assert session_payload({"tools": (TOOL,)})["tools"] == [TOOL]
    assert session_payload({"tools": [TOOL]}, tools=[])["tools"] == []


def test_a_tool_that_is_not_in_wire_form_is_refused() -> None:
    with pytest.raises(SettingsError, match="or a mapping, got object") as caught:
        session_payload({"tools": [TOOL, object()]})
    assert caught.value.path == "tools[1]"


# -- tracing --------------------------------------------------------------------------------------
def test_tracing_has_no_nulls_for_missing_keys() -> None:
    session = session_payload({"tracing": {"workflow_name": "desk"}}, tracing=True)
    assert session["tracing"] == {"workflow_name": "desk"}


def test_tracing_metadata_is_sent_as_given() -> None:
    metadata = {"a": [1, None, {"b": (2.5, True)}]}
    session = session_payload({"tracing": {"metadata": metadata}}, tracing=True)
    assert session["tracing"] == {"metadata": {"a": [1, None, {"b": [2.5, True]}]}}


def test_tracing_is_not_sent_when_off_or_later() -> None:
    assert "tracing" not in session_payload({"tracing": None}, tracing=True)
    assert "tracing" not in session_payload({"tracing": "auto"})


# -- calls ----------------------------------------------------------------------------------------
def test_with_a_call_the_defaults_of_model_voice_and_formats_are_not_sent() -> None:
    assert session_payload({}, call_id="rtc_1") == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            }
        },
        "tools": [],
    }


def test_with_a_call_what_the_settings_give_is_sent() -> None:
    session = session_payload({"voice": "marin", "input_audio_format": "pcmu"}, call_id="rtc_1")
    assert session["audio"]["output"] == {"voice": "marin"}
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}


def test_with_a_call_a_model_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="call_id") as caught:
        session_payload({"model_name": "gpt-realtime"}, call_id="rtc_1")
    assert caught.value.path == "model_name"


# -- independence ---------------------------------------------------------------------------------
def test_a_payload_shares_nothing_with_the_settings_or_another_payload() -> None:
    own = RealtimeSessionModelSettings(
        input_audio_transcription=RealtimeInputAudioTranscriptionConfig(keywords=["trio"]),
        prompt={"id": "p", "variables": {"x": {"type": "input_text", "text": "t"}}},
    )
    first = session_payload(own)
    first["audio"]["input"]["transcription"]["keywords"].append("changed")
    first["prompt"]["variables"]["x"]["text"] = "changed"
    first["audio"]["output"]["format"]["rate"] = 1
    second = session_payload(own)
    assert second["audio"]["input"]["transcription"]["keywords"] == ["trio"]
    assert second["prompt"]["variables"]["x"]["text"] == "t"
    assert second["audio"]["output"]["format"] == PCM
