"""Settings: what is accepted, what is refused and how the error says so, how layers merge."""

import subprocess
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime import config
from trio_realtime.audio.formats import PCM16, PCMA, PCMU
from trio_realtime.config import (
    ALL_EVENT_TYPES,
    SDK_EVENT_TYPES,
    UNSET,
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeGuardrailsSettings,
    RealtimeInputAudioNoiseReductionConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeModelConfig,
    RealtimeModelTracingConfig,
    RealtimePrompt,
    RealtimeReasoningConfig,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    RealtimeToolExecutionConfig,
    RealtimeTruncationConfig,
    RealtimeTurnDetectionConfig,
    merge_settings,
    nested_form,
    structure,
)
from trio_realtime.errors import SettingsError, UserError
from trio_realtime.models.playback.tracker import RealtimePlaybackTracker
from trio_realtime.models.transports.text_transport import TransportSettings


def refused(cls: type, value: object) -> SettingsError:
    """The error of structuring ``value``."""
    with pytest.raises(SettingsError) as caught:
        structure(cls, value)
    return caught.value


# -- mappings and objects -------------------------------------------------------------------------
def test_an_instance_is_returned_as_it_is() -> None:
    own = RealtimeReasoningConfig(effort="low")
    assert structure(RealtimeReasoningConfig, own) is own


NESTED: dict[str, Any] = {
    "model_settings": {
        "model_name": "gpt-realtime",
        "prompt": "pmpt_1",
        "reasoning": {"effort": "low"},
        "tracing": {"workflow_name": "desk"},
        "truncation": {"retention_ratio": 1},
        "audio": {
            "input": {
                "format": "g711_ulaw",
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "threshold": 0.5},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash"},
        },
    },
    "guardrails_settings": {"debounce_text_length": 50},
    "tool_execution": {"max_concurrent_calls": 3},
}


def test_nested_mappings_become_the_objects_they_describe() -> None:
    expected = RealtimeRunConfig(
        model_settings=RealtimeSessionModelSettings(
            model_name="gpt-realtime",
            prompt=RealtimePrompt(id="pmpt_1"),
            reasoning=RealtimeReasoningConfig(effort="low"),
            tracing=RealtimeModelTracingConfig(workflow_name="desk"),
            truncation=RealtimeTruncationConfig(retention_ratio=1),
            audio=RealtimeAudioConfig(
                input=RealtimeAudioInputConfig(
                    format=PCMU,
                    noise_reduction=RealtimeInputAudioNoiseReductionConfig(type="near_field"),
                    transcription=RealtimeInputAudioTranscriptionConfig(model="whisper-1"),
                    turn_detection=RealtimeTurnDetectionConfig(type="server_vad", threshold=0.5),
                ),
                output=RealtimeAudioOutputConfig(format=PCM16, voice="ash"),
            ),
        ),
        guardrails_settings=RealtimeGuardrailsSettings(debounce_text_length=50),
        tool_execution=RealtimeToolExecutionConfig(max_concurrent_calls=3),
    )
    assert structure(RealtimeRunConfig, NESTED) == expected


def test_a_class_takes_mappings_for_its_nested_settings_too() -> None:
    assert RealtimeRunConfig(**NESTED) == structure(RealtimeRunConfig, NESTED)


def test_anything_else_is_refused_with_what_was_expected() -> None:
    with pytest.raises(SettingsError) as caught:
        structure(RealtimeReasoningConfig, 3, "model_settings.reasoning")
    assert caught.value.path == "model_settings.reasoning"
    assert str(caught.value) == (
        "model_settings.reasoning: expected RealtimeReasoningConfig or a mapping, got int"
    )


def test_a_settings_error_is_a_user_error() -> None:
    assert isinstance(refused(RealtimeReasoningConfig, 3), UserError)


def test_cattrs_is_imported_when_the_first_mapping_is_given_and_not_before() -> None:
    program = (
        "import sys\n"
        "from trio_realtime.config import *\n"
        "from trio_realtime.models.openai.wire.session_update import session_payload\n"
        "session_payload(RealtimeSessionModelSettings(audio=None, voice='ash'))\n"
        "assert 'cattrs' not in sys.modules\n"
        "structure(RealtimePrompt, {'id': 'p'})\n"
        "assert 'cattrs' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# -- unknown names --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cls", "value", "path", "hint"),
    [
        (RealtimeSessionModelSettings, {"voicee": "ash"}, "voicee", "did you mean 'voice'?"),
        (
            RealtimeRunConfig,
            {"model_settings": {"audio": {"output": {"sped": 1.0}}}},
            "model_settings.audio.output.sped",
            "did you mean 'speed'?",
        ),
        (
            RealtimeSessionModelSettings,
            {"turn_detection": {"type": "server_vad", "silenceDuration": 3}},
            "turn_detection.silenceDuration",
            "did you mean 'silence_duration_ms'?",
        ),
        (RealtimeReasoningConfig, {"zzz": 1}, "zzz", "expected one of effort"),
        (RealtimeReasoningConfig, {7: 1}, "(int)", "expected one of effort"),
        (RealtimeSessionModelSettings, {"voice": {"idd": "v"}}, "voice.idd", "did you mean 'id'?"),
        (
            RealtimeTruncationConfig,
            {"retention_ratio": 1, "token_limits": {"post_instruction": 1}},
            "token_limits.post_instruction",
            "did you mean 'post_instructions'?",
        ),
        (RealtimeModelConfig, {"apikey": "sk"}, "apikey", "did you mean 'api_key'?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    cls: type, value: object, path: str, hint: str
) -> None:
    error = refused(cls, value)
    assert error.path == path
    assert str(error) == f"{path}: unknown setting; {hint}"


def test_a_very_long_unknown_name_is_cut() -> None:
    assert refused(RealtimeReasoningConfig, {"k" * 500: 1}).path == "k" * 40 + "..."


# -- wrong types ----------------------------------------------------------------------------------
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"max_output_tokens": "3"}, "max_output_tokens", "expected an int from 1 to 4096 or 'inf', "),
    ({"max_output_tokens": True}, "max_output_tokens", "or 'inf', got bool"),
    ({"max_output_tokens": 3.0}, "max_output_tokens", "or 'inf', got float"),
    ({"max_output_tokens": 0}, "max_output_tokens", "expected an int from 1 to 4096, got 0"),
    ({"speed": True}, "speed", "expected a number from 0.25 to 1.5, got bool"),
    ({"speed": "1"}, "speed", "expected a number from 0.25 to 1.5, got str"),
    ({"speed": 1.6}, "speed", "expected a number from 0.25 to 1.5, got 1.6"),
    ({"speed": float("nan")}, "speed", "expected a finite number, got nan"),
    ({"parallel_tool_calls": 1}, "parallel_tool_calls", "expected True or False, got int"),
    ({"model_name": b"gpt"}, "model_name", "expected a string, got bytes"),
    ({"output_modalities": "audio"}, "output_modalities", "expected a sequence, got str"),
    (
        {"modalities": ["audio", "txt"]},
        "modalities[1]",
        "expected 'text' or 'audio', got 'txt'; did you mean 'text'?",
    ),
    ({"modalities": ["text", "audio"]}, "modalities", 'takes one of "audio" and "text"'),
    ({"output_modalities": []}, "output_modalities", "got 0 of them"),
    ({"reasoning": {"effort": "x"}}, "reasoning.effort", "'high' or 'xhigh', got 'x'"),
    ({"reasoning": {"effort": "s" * 41}}, "reasoning.effort", "or 'xhigh', got str"),
    ({"reasoning": 3}, "reasoning", "expected RealtimeReasoningConfig or a mapping, got int"),
    (
        {"tracing": 3},
        "tracing",
        "expected RealtimeModelTracingConfig or a mapping or 'auto' or None, got int",
    ),
    ({"truncation": "atuo"}, "truncation", "got 'atuo'; did you mean 'auto'?"),
    ({"truncation": {}}, "truncation.retention_ratio", "is required"),
    ({"prompt": {"version": "1"}}, "prompt.id", "is required"),
    ({"prompt": 3}, "prompt", "expected RealtimePrompt or a mapping, got int"),
    ({"prompt": {"id": "p", "variables": 3}}, "prompt.variables", "expected a mapping, got int"),
    (
        {"prompt": {"id": "p", "variables": {"x": 3}}},
        "prompt.variables.x",
        "expected a string or a mapping, got int",
    ),
    (
        {"prompt": {"id": "p", "variables": {"x": {"type": "input_txt", "text": "t"}}}},
        "prompt.variables.x.type",
        "did you mean 'input_text'?",
    ),
    (
        {"prompt": {"id": "p", "variables": {"x": {"type": "input_image"}}}},
        "prompt.variables.x.detail",
        "is required",
    ),
    (
        {
            "prompt": {
                "id": "p",
                "variables": {"x": {"type": "input_file", "prompt_cache_breakpoint": {}}},
            }
        },
        "prompt.variables.x.prompt_cache_breakpoint.mode",
        "is required",
    ),
    ({"voice": 3}, "voice", "expected a string or a mapping, got int"),
    ({"voice": {"id": 3}}, "voice.id", "expected a string, got int"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name", "is required"),
    ({"tool_choice": {"type": "mpc"}}, "tool_choice.type", "did you mean 'mcp'?"),
    ({"tool_choice": {}}, "tool_choice.type", "expected 'function' or 'mcp', got NoneType"),
    ({"tools": 3}, "tools", "expected a sequence, got int"),
    ({"turn_detection": {}}, "turn_detection.type", "is required"),
    ({"turn_detection": {"type": None}}, "turn_detection.type", "or 'server_vad', got NoneType"),
    ({"turn_detection": True}, "turn_detection", "expected RealtimeTurnDetectionConfig or a"),
    (
        {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}},
        "turn_detection.threshold",
        "is not a setting of semantic_vad",
    ),
    (
        {"turn_detection": {"type": "server_vad", "eagerness": "low"}},
        "turn_detection.eagerness",
        "is not a setting of server_vad",
    ),
    (
        {"turn_detection": {"type": "server_vad", "prefixPaddingMs": -1}},
        "turn_detection.prefix_padding_ms",
        "expected an int of at least 0, got -1",
    ),
    (
        {"input_audio_noise_reduction": {"strength": -0.1}},
        "input_audio_noise_reduction.strength",
        "expected a number of at least 0, got -0.1",
    ),
    (
        {"input_audio_transcription": {"keywords": ["a", 2]}},
        "input_audio_transcription.keywords[1]",
        "expected a string, got int",
    ),
    ({"tracing": {"metadata": {1: 2}}}, "tracing.metadata", "expected a string, got int"),
    (
        {"tracing": {"metadata": {"a": [0, {1}]}}},
        "tracing.metadata.a[1]",
        "expected a JSON value, got set",
    ),
    (
        {"tracing": {"metadata": [float("inf")]}},
        "tracing.metadata[0]",
        "expected a finite number, got inf",
    ),
    ({"input_audio_format": "pcm61"}, "input_audio_format", "did you mean 'pcm16'?"),
    ({"output_audio_format": 3}, "output_audio_format", "unknown audio format; expected one of"),
    (
        {"audio": {"input": {"format": {"type": "audio/pcmx"}}}},
        "audio.input.format.type",
        "unknown audio format; did you mean 'audio/pcm",
    ),
    (
        {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 96000}}}},
        "audio.output.format.rate",
        "from 8000 to 48000 Hz",
    ),
    ({"audio": {"input": {"format": {}}}}, "audio.input.format.type", "is required"),
    ({"audio": {"input": 3}}, "audio.input", "expected RealtimeAudioInputConfig or a mapping"),
    ({"audio": {"output": 3}}, "audio.output", "expected RealtimeAudioOutputConfig or a mapping"),
    ({"audio": 3}, "audio", "expected RealtimeAudioConfig or a mapping, got int"),
]


@pytest.mark.parametrize(("value", "path", "text"), WRONG)
def test_a_wrong_value_is_refused_with_its_path(
    value: dict[str, Any], path: str, text: str
) -> None:
    error = refused(RealtimeSessionModelSettings, value)
    assert error.path == path
    assert str(error).startswith(f"{path}: ")
    assert text in str(error)


@pytest.mark.parametrize(("value", "path", "text"), WRONG)
def test_a_class_called_directly_refuses_the_same(
    value: dict[str, Any], path: str, text: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        RealtimeSessionModelSettings(**value)
    assert caught.value.path == path
    assert text in str(caught.value)


def test_unset_is_refused_where_a_setting_is_required() -> None:
    with pytest.raises(SettingsError, match=r"^type: expected 'semantic_vad' or 'server_vad'"):
        RealtimeTurnDetectionConfig(type=UNSET)  # type: ignore[arg-type]


def test_the_path_starts_where_the_caller_says() -> None:
    with pytest.raises(SettingsError) as caught:
        structure(RealtimeAudioOutputConfig, {"speed": 9}, "layer.audio.output")
    assert caught.value.path == "layer.audio.output.speed"


def test_several_problems_are_one_error_with_notes() -> None:
    error = refused(
        RealtimeRunConfig,
        {
            "async_tool_calls": 1,
            "model_settings": {
                "speed": "fast",
                "audio": {"outputt": {}, "input": {"turn_detection": {"tpye": "server_vad"}}},
            },
        },
    )
    assert error.path == "model_settings.audio.outputt"
    turns = "model_settings.audio.input.turn_detection"
    assert error.__notes__ == [
        f"also {turns}.tpye: unknown setting; did you mean 'type'?",
        f"also {turns}.type: is required",
        "also model_settings.speed: expected a number from 0.25 to 1.5, got str",
        "also async_tool_calls: expected True or False, got int",
    ]
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_rule_between_settings_counts_among_the_problems_of_the_whole() -> None:
    error = refused(RealtimeRunConfig, {"events": ["audio", "audio_ended"]})
    assert error.path == "events"
    assert "unknown event type 'audio_ended'; did you mean 'audio_end'?" in str(error)


@attrs.frozen
class Foreign:
    """An attrs class that is not built on `Settings`, with a validator of its own."""

    size: int = attrs.field(validator=attrs.validators.ge(1))
    name: "str" = attrs.field(default="x", converter=str)


def test_other_attrs_classes_can_be_structured_as_strictly() -> None:
    assert structure(Foreign, {"size": 2, "name": 3}) == Foreign(2, "3")
    assert refused(Foreign, {"size": "2"}).path == "size"
    with pytest.raises(SettingsError, match="'size' must be >= 1") as caught:
        structure(Foreign, {"size": 0}, "foreign")
    assert caught.value.path == "foreign"


# -- what is accepted -----------------------------------------------------------------------------
def test_an_int_does_for_a_number() -> None:
    assert RealtimeAudioOutputConfig(speed=1).speed == 1


@pytest.mark.parametrize(
    ("given_format", "meant"),
    [
        ("pcm16", PCM16),
        ("pcm", PCM16),
        ({"type": "audio/pcm"}, PCM16),
        ({"type": "audio/pcm", "rate": 24000}, PCM16),
        ("g711_ulaw", PCMU),
        ("pcmu", PCMU),
        ("audio/pcmu", PCMU),
        ("g711_alaw", PCMA),
        ({"type": "audio/pcma", "rate": 8000}, PCMA),
        (PCMA, PCMA),
        (None, UNSET),
    ],
)
def test_audio_formats(given_format: Any, meant: object) -> None:
    assert RealtimeAudioInputConfig(format=given_format).format is meant
    assert RealtimeSessionModelSettings(output_audio_format=given_format).output_audio_format is (
        meant
    )


def test_the_camel_case_names_of_turn_detection() -> None:
    assert structure(
        RealtimeTurnDetectionConfig,
        {
            "type": "server_vad",
            "createResponse": True,
            "interruptResponse": False,
            "prefixPaddingMs": 1,
            "silenceDurationMs": 2,
            "idleTimeoutMs": 3,
            "modelVersion": "v",
        },
    ) == RealtimeTurnDetectionConfig(
        type="server_vad",
        create_response=True,
        interrupt_response=False,
        prefix_padding_ms=1,
        silence_duration_ms=2,
        idle_timeout_ms=3,
        model_version="v",
    )


def test_the_snake_case_name_wins_over_the_camel_case_one() -> None:
    given_both = {"type": "server_vad", "createResponse": True, "create_response": False}
    assert structure(RealtimeTurnDetectionConfig, given_both).create_response is False
    assert given_both["createResponse"] is True


def test_none_and_unset_are_two_things_where_null_means_something() -> None:
    assert RealtimeAudioInputConfig(turn_detection=None).turn_detection is None
    assert RealtimeAudioInputConfig().turn_detection is UNSET
    assert RealtimeAudioInputConfig(turn_detection=UNSET).turn_detection is UNSET


def test_none_is_as_good_as_nothing_where_null_means_nothing() -> None:
    own = structure(
        RealtimeSessionModelSettings,
        {"voice": None, "speed": None, "reasoning": None, "tools": None},
    )
    assert own == RealtimeSessionModelSettings()


def test_none_is_as_good_as_nothing_in_a_direct_call_too() -> None:
    own = RealtimeSessionModelSettings(parallel_tool_calls=None)  # type: ignore[arg-type]
    assert own.parallel_tool_calls is UNSET


def test_none_is_refused_where_there_is_a_default() -> None:
    assert refused(RealtimeRunConfig, {"async_tool_calls": None}).path == "async_tool_calls"


# -- run config -----------------------------------------------------------------------------------
def test_run_config_defaults() -> None:
    own = RealtimeRunConfig()
    assert own == structure(RealtimeRunConfig, {})
    assert own.guardrails_settings == RealtimeGuardrailsSettings(
        debounce_text_length=100,
        guardrail_mode="interrupt",
        guardrail_failure="report",
        input_guardrail_mode="parallel",
        transcript_timeout=15.0,
    )
    assert own.tool_execution == RealtimeToolExecutionConfig(
        pre_approval_tool_input_guardrails=False, max_concurrent_calls=None, approval_timeout=None
    )
    assert (own.async_tool_calls, own.tracing_disabled) == (True, False)
    assert (own.event_buffer_size, own.events) == (20_000, "sdk")


@pytest.mark.parametrize(
    ("events", "meant"),
    [
        ("sdk", SDK_EVENT_TYPES | {"output_lost", "mcp_approval_required"}),
        ("all", ALL_EVENT_TYPES),
        ({"audio", "error"}, {"audio", "error"}),
        (["audio", "response_done"], {"audio", "response_done"}),
        ((), set()),
    ],
)
def test_events(events: Any, meant: set[str]) -> None:
    own = RealtimeRunConfig(events=events)
    assert own.event_types == meant
    assert own.events is events


def test_all_events_hold_those_of_the_sdk() -> None:
    assert SDK_EVENT_TYPES < ALL_EVENT_TYPES


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        ({"events": "al"}, "events", "expected 'sdk' or 'all' or a collection, got 'al'"),
        ({"events": [3]}, "events[0]", "expected a string, got int"),
        ({"event_buffer_size": 0}, "event_buffer_size", "expected an int of at least 1, got 0"),
        ({"close_timeout": -1}, "close_timeout", "expected a number of at least 0, got -1"),
        ({"tool_error_formatter": "x"}, "tool_error_formatter", "expected a callable or None"),
        (
            {"guardrails_settings": {"guardrail_mode": "hodl"}},
            "guardrails_settings.guardrail_mode",
            "did you mean 'hold'?",
        ),
        (
            {"tool_execution": {"max_concurrent_calls": 0}},
            "tool_execution.max_concurrent_calls",
            "of at least 1, got 0",
        ),
    ],
)
def test_wrong_run_configs(value: dict[str, Any], path: str, text: str) -> None:
    error = refused(RealtimeRunConfig, value)
    assert error.path == path
    assert text in str(error)


# -- model config ---------------------------------------------------------------------------------
async def ask_for_key() -> str:
    """Stands for a caller's function."""
    raise AssertionError("settings must not call it")


def test_model_config_of_a_mapping() -> None:
    tracker = RealtimePlaybackTracker()
    own = structure(
        RealtimeModelConfig,
        {
            "api_key": ask_for_key,
            "url": "wss://example.test/v1",
            "headers": {"api-key": "k"},
            "initial_model_settings": {"voice": "ash"},
            "playback_tracker": tracker,
            "transport": {"ping_interval": 5},
        },
    )
    assert own.api_key is ask_for_key
    assert own.initial_model_settings == RealtimeSessionModelSettings(voice="ash")
    assert own.playback_tracker is tracker
    assert own.transport == TransportSettings(ping_interval=5)


def test_a_transport_object_is_kept() -> None:
    transport = TransportSettings()
    assert RealtimeModelConfig(transport=transport).transport is transport
    assert RealtimeModelConfig().transport is None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"transport": {"ping_intervall": 5}}, "transport.ping_intervall"),
        ({"initial_model_settings": {"voicee": 1}}, "initial_model_settings.voicee"),
        ({"headers": {"x": 1}}, "headers.x"),
        ({"api_key": 3}, "api_key"),
        (
            {"call_id": "rtc_1", "initial_model_settings": {"model_name": "gpt-realtime"}},
            "initial_model_settings.model_name",
        ),
    ],
)
def test_wrong_model_configs(value: dict[str, Any], path: str) -> None:
    assert refused(RealtimeModelConfig, value).path == path


def test_a_call_id_goes_with_other_settings() -> None:
    own = RealtimeModelConfig(call_id="rtc_1", initial_model_settings={"voice": "ash"})
    assert own.call_id == "rtc_1"
    assert RealtimeModelConfig(call_id="rtc_1").initial_model_settings is None


def test_repr_shows_no_secret() -> None:
    own = RealtimeModelConfig(
        api_key="sk-secret",
        headers={"Authorization": "Bearer sk-secret"},
        url="wss://user:sk-secret@example.test/v1/realtime?api-key=sk-secret",
        call_id="rtc_1",
    )
    assert repr(own) == (
        "RealtimeModelConfig(url='wss://example.test/v1/realtime', "
        "headers={'Authorization': ...}, call_id='rtc_1')"
    )


def test_no_message_shows_a_header_or_a_key() -> None:
    error = refused(
        RealtimeModelConfig, {"api_key": ["sk-secret"], "headers": {"a": b"sk-secret"}, "url": 1}
    )
    assert "sk-secret" not in "\n".join([str(error), *error.__notes__])


# -- repr -----------------------------------------------------------------------------------------
def test_repr_shows_what_was_set() -> None:
    own = RealtimeSessionModelSettings(
        turn_detection=None, audio={"output": {"voice": "ash", "speed": 1}}
    )
    assert repr(own) == (
        "RealtimeSessionModelSettings(audio=RealtimeAudioConfig(output=RealtimeAudioOutputConfig("
        "voice='ash', speed=1)), turn_detection=None)"
    )
    assert repr(RealtimeSessionModelSettings()) == "RealtimeSessionModelSettings()"
    assert repr(UNSET) == "UNSET"


# -- merging --------------------------------------------------------------------------------------
def test_a_later_layer_wins_field_by_field_also_inside_audio() -> None:
    merged = merge_settings(
        {"model_name": "a", "audio": {"input": {"format": "pcmu"}, "output": {"voice": "ash"}}},
        None,
        RealtimeSessionModelSettings(
            instructions="Be brief.", audio={"output": {"speed": 1.5}, "input": {}}
        ),
        {"model_name": "b"},
    )
    assert merged == RealtimeSessionModelSettings(
        model_name="b",
        instructions="Be brief.",
        audio={"input": {"format": "pcmu"}, "output": {"voice": "ash", "speed": 1.5}},
    )


def test_within_a_layer_nested_wins_and_between_layers_the_later_wins() -> None:
    one = {"voice": "flat", "audio": {"output": {"voice": "nested"}}}
    assert merge_settings(one).audio.output.voice == "nested"
    assert merge_settings(one, {"voice": "later"}).audio.output.voice == "later"


def test_smaller_objects_are_replaced_as_a_whole() -> None:
    merged = merge_settings(
        {"turn_detection": {"type": "server_vad", "threshold": 0.5}},
        {
            "audio": {
                "input": {"turn_detection": {"type": "server_vad", "interrupt_response": True}}
            }
        },
    )
    assert merged.audio.input.turn_detection == RealtimeTurnDetectionConfig(
        type="server_vad", interrupt_response=True
    )


def test_a_later_none_wins_and_a_later_unset_does_not() -> None:
    first = {"turn_detection": {"type": "server_vad"}, "tracing": "auto"}
    merged = merge_settings(first, RealtimeSessionModelSettings(turn_detection=None, tracing=UNSET))
    assert merged.audio.input.turn_detection is None
    assert merged.tracing == "auto"


def test_nested_form_moves_every_alias() -> None:
    nested = nested_form(
        structure(
            RealtimeSessionModelSettings,
            {
                "modalities": ["text"],
                "voice": "ash",
                "speed": 1.25,
                "input_audio_format": "pcmu",
                "output_audio_format": "pcma",
                "input_audio_transcription": {"model": "m"},
                "input_audio_noise_reduction": {"type": "near_field"},
                "turn_detection": None,
            },
        )
    )
    assert nested == RealtimeSessionModelSettings(
        output_modalities=["text"],
        audio={
            "input": {
                "format": "pcmu",
                "transcription": {"model": "m"},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": None,
            },
            "output": {"voice": "ash", "speed": 1.25, "format": "pcma"},
        },
    )
    assert nested_form(nested) == nested


def test_output_modalities_win_over_their_alias() -> None:
    own = RealtimeSessionModelSettings(output_modalities=["text"], modalities=["audio"])
    assert nested_form(own).output_modalities == ["text"]


LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "model_name": st.sampled_from("abc"),
        "voice": st.sampled_from("abc"),
        "turn_detection": st.none() | st.just({"type": "semantic_vad"}),
        "audio": st.fixed_dictionaries(
            {},
            optional={
                "input": st.fixed_dictionaries({}, optional={"turn_detection": st.none()}),
                "output": st.fixed_dictionaries({}, optional={"voice": st.sampled_from("abc")}),
            },
        ),
    },
)


@settings(max_examples=50, deadline=None)
@given(LAYERS, LAYERS, LAYERS)
def test_merging_is_associative_and_has_an_empty_layer(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    assert merge_settings(merge_settings(a, b), c) == merge_settings(a, merge_settings(b, c))
    assert merge_settings(a, {}) == merge_settings({}, a) == merge_settings(a)


# -- the module -----------------------------------------------------------------------------------
def test_every_public_name_exists() -> None:
    assert [name for name in config.__all__ if not hasattr(config, name)] == []
