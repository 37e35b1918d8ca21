"""Settings of the model's session: what `session.update` can say, and how layers of it merge.

`config` exports the names. `models.openai.wire.session_update` turns a
`RealtimeSessionModelSettings` into the wire's object. Nothing here knows a default of a provider:
a setting that was not given is `UNSET` and is not sent.

Names are those of the OpenAI Agents SDK where it has them. Ranges and choices are those of the GA
Realtime API (``openai.types.realtime``).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

import attrs

from .._util.settings_base import Settings, at_their_fields, structure
from .._util.type_checks import (
    UNSET,
    Between,
    Json,
    Unset,
    check,
    check_keys,
    elements,
    entries,
    is_list,
    problem,
)
from ..agents.agent import RealtimeAgent
from ..agents.handoffs import Handoff
from ..agents.hosted_mcp import HostedMCPTool
from ..agents.tools import FunctionTool
from ..audio.formats import AudioFormat
from .audio_settings import (
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeInputAudioNoiseReductionConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeTurnDetectionConfig,
    RealtimeVoice,
    to_format,
    to_noise_reduction,
    to_transcription,
    to_turn_detection,
    to_voice,
)

RealtimeModality: TypeAlias = Literal["text", "audio"]


@attrs.frozen(kw_only=True, repr=False)
class RealtimeReasoningConfig(Settings):
    """For the models that reason."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | Unset = UNSET


@attrs.frozen(kw_only=True, repr=False)
class RealtimeModelTracingConfig(Settings):
    """How the server names and groups the trace it writes of a session."""

    workflow_name: str | Unset = UNSET
    group_id: str | Unset = UNSET
    metadata: Annotated[Any, Json] | Unset = UNSET
    """Any JSON."""


_CACHE = {"prompt_cache_breakpoint": Mapping[str, Any]}
_CACHE_TTL = {"ttl": Literal["30m", "12h"]}
_PROMPT_PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # type: required, optional
    "input_text": ({"text": str}, _CACHE),
    "input_image": (
        {"detail": Literal["low", "high", "auto", "original"]},
        {"file_id": str, "image_url": str, **_CACHE},
    ),
    "input_file": (
        {},
        {
            "detail": Literal["auto", "low", "high"],
            "file_id": str,
            "file_data": str,
            "file_url": str,
            "filename": str,
            **_CACHE,
        },
    ),
}


def _to_variables(
    value: Mapping[str, str | Mapping[str, Any]] | Unset,
) -> Mapping[str, str | Mapping[str, Any]] | Unset:
    for name, part in value.items() if isinstance(value, Mapping) else ():
        if isinstance(part, Mapping):
            check(Literal[*_PROMPT_PARTS], part.get("type"), f"{name}.type")
            required, optional = _PROMPT_PARTS[part["type"]]
            check_keys(part, {"type": str, **required}, optional, name)
            if "prompt_cache_breakpoint" in part:
                point = part["prompt_cache_breakpoint"]
                path = f"{name}.prompt_cache_breakpoint"
                check_keys(point, {"mode": Literal["explicit"]}, _CACHE_TTL, path)
    return value


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimePrompt(Settings):
    """A prompt template stored at OpenAI. Where one is expected, its id alone does."""

    id: str
    version: str | Unset = UNSET
    variables: Mapping[str, str | Mapping[str, Any]] | Unset = attrs.field(
        default=UNSET, converter=_to_variables
    )
    """Name -> text, or an ``input_text``, ``input_image`` or ``input_file`` part."""


def _to_token_limits(value: Mapping[str, int] | Unset) -> Mapping[str, int] | Unset:
    if isinstance(value, Mapping):
        count = Annotated[int, Between(0)]
        check_keys(value, {}, {"post_instructions": count})
    return value


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeTruncationConfig(Settings):
    """Drop old messages down to a share of the limit, so that the cache is lost less often."""

    type: Literal["retention_ratio"] = "retention_ratio"
    retention_ratio: Annotated[float, Between(0, 1)]
    """The share of the tokens after the instructions that stays."""
    token_limits: Mapping[str, int] | Unset = attrs.field(default=UNSET, converter=_to_token_limits)
    """``{"post_instructions": n}``: truncate beyond ``n`` tokens, instructions and tools apart."""


def to_modalities(
    value: Sequence[RealtimeModality] | Unset,
) -> Sequence[RealtimeModality] | Unset:
    """Check that one kind of output is named. Other words are for the check of types to refuse.

    Raises:
        SettingsError: it is none, or both.
    """
    given: object = value
    if not is_list(given):
        return value
    words = [*elements(given, "")]
    if len(words) != 1 and all(word in ("audio", "text") for word in words):
        raise problem(
            "",
            'takes one of "audio" and "text": ["audio"] comes with a transcript, ["text"] is '
            f"written only; got {len(words)} of them",
        )
    return value


def _to_audio(value: RealtimeAudioConfig | Mapping[str, Any] | None) -> RealtimeAudioConfig:
    return RealtimeAudioConfig() if value is None else structure(RealtimeAudioConfig, value)


def _to_reasoning(
    value: RealtimeReasoningConfig | Mapping[str, Any] | Unset | None,
) -> RealtimeReasoningConfig | Unset:
    return UNSET if value is UNSET or value is None else structure(RealtimeReasoningConfig, value)


def _to_tracing(
    value: RealtimeModelTracingConfig | Mapping[str, Any] | Literal["auto"] | Unset | None,
) -> RealtimeModelTracingConfig | Literal["auto"] | Unset | None:
    if isinstance(value, Mapping):
        return structure(RealtimeModelTracingConfig, value)
    return value


def _to_prompt(
    value: RealtimePrompt | Mapping[str, Any] | str | Unset | None,
) -> RealtimePrompt | Unset | None:
    if value is UNSET or value is None:
        return value
    return RealtimePrompt(id=value) if isinstance(value, str) else structure(RealtimePrompt, value)


def _to_truncation(
    value: RealtimeTruncationConfig | Mapping[str, Any] | Literal["auto", "disabled"] | Unset,
) -> RealtimeTruncationConfig | Literal["auto", "disabled"] | Unset:
    if isinstance(value, Mapping):
        return structure(RealtimeTruncationConfig, value)
    return value


def check_tool_choice(value: object) -> None:
    """Check that a choice in wire form has the keys that its type needs, and no others.

    Raises:
        SettingsError: it does not, or names nothing.
    """
    if isinstance(value, str) and not value:
        raise problem("", "is empty; expected auto, none, required, or a function's name")
    if not isinstance(value, Mapping):
        return
    choice = dict(entries(cast("Mapping[str, object]", value), ""))
    check(Literal["function", "mcp"], choice.get("type"), "type")
    kind = {"type": str}
    if choice["type"] == "function":
        check_keys(choice, {**kind, "name": str}, {})
    else:
        check_keys(choice, {**kind, "server_label": str}, {"name": str})


def _to_tool_choice(value: str | Mapping[str, Any] | Unset) -> str | Mapping[str, Any] | Unset:
    check_tool_choice(value)
    return value


def _to_tools(value: Sequence[Any] | Unset | None) -> Sequence[Any] | Unset:
    if value is UNSET or value is None:
        return UNSET
    check(Sequence[FunctionTool[Any] | HostedMCPTool | Mapping[str, Any]], value)
    return value


def _to_handoffs(value: Sequence[Any] | Unset | None) -> Sequence[Any] | Unset:
    if value is UNSET or value is None:
        return UNSET
    check(Sequence[RealtimeAgent[Any] | Handoff[Any]], value)
    return value


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeSessionModelSettings(Settings):
    """Settings of the model for one session; every one may be left out.

    Audio settings have a nested home (``audio``) and, for the commonest, a flat alias. Within one
    object the nested one wins.
    """

    model_name: str | Unset = UNSET
    """The realtime model; not together with a ``call_id``. It stays for the whole session: later
    settings need not name it, and `SettingsError` refuses another."""
    instructions: str | Unset = UNSET
    prompt: RealtimePrompt | Unset | None = attrs.field(default=UNSET, converter=_to_prompt)
    """``None`` is sent as null and clears a prompt."""
    output_modalities: Sequence[RealtimeModality] | Unset = attrs.field(
        default=UNSET, converter=to_modalities
    )
    """``["audio"]``, which has a transcript, or ``["text"]``; one of them, not both."""
    modalities: Sequence[RealtimeModality] | Unset = attrs.field(
        default=UNSET, converter=to_modalities
    )
    """Alias of ``output_modalities``."""
    audio: RealtimeAudioConfig = attrs.field(factory=RealtimeAudioConfig, converter=_to_audio)
    voice: RealtimeVoice | Unset = attrs.field(default=UNSET, converter=to_voice)
    """Alias of ``audio.output.voice``."""
    speed: Annotated[float, Between(0.25, 1.5)] | Unset = UNSET
    """Alias of ``audio.output.speed``."""
    input_audio_format: AudioFormat | Unset = attrs.field(default=UNSET, converter=to_format)
    """Alias of ``audio.input.format``."""
    output_audio_format: AudioFormat | Unset = attrs.field(default=UNSET, converter=to_format)
    """Alias of ``audio.output.format``."""
    input_audio_transcription: RealtimeInputAudioTranscriptionConfig | Unset | None = attrs.field(
        default=UNSET, converter=to_transcription
    )
    """Alias of ``audio.input.transcription``."""
    input_audio_noise_reduction: RealtimeInputAudioNoiseReductionConfig | Unset | None = (
        attrs.field(default=UNSET, converter=to_noise_reduction)
    )
    """Alias of ``audio.input.noise_reduction``."""
    turn_detection: RealtimeTurnDetectionConfig | Unset | None = attrs.field(
        default=UNSET, converter=to_turn_detection
    )
    """Alias of ``audio.input.turn_detection``."""
    max_output_tokens: Annotated[int, Between(1, 4096)] | Literal["inf"] | Unset = UNSET
    """Of one response, tool calls included."""
    tool_choice: str | Mapping[str, Any] | Unset = attrs.field(
        default=UNSET, converter=_to_tool_choice
    )
    """``auto``, ``none``, ``required``, a function's name, or the wire's mapping."""
    parallel_tool_calls: bool | Unset = UNSET
    """Whether one response may call several tools; reasoning models only."""
    reasoning: RealtimeReasoningConfig | Unset = attrs.field(default=UNSET, converter=_to_reasoning)
    truncation: RealtimeTruncationConfig | Literal["auto", "disabled"] | Unset = attrs.field(
        default=UNSET, converter=_to_truncation
    )
    """What happens when the conversation outgrows the model's context."""
    include: Sequence[Literal["item.input_audio_transcription.logprobs"]] | Unset = UNSET
    """Further fields the server shall send."""
    tracing: RealtimeModelTracingConfig | Literal["auto"] | Unset | None = attrs.field(
        default=UNSET, converter=_to_tracing
    )
    """The server's trace of the session; ``None`` for none. Fixed once the session has begun."""
    tools: Sequence[Any] | Unset = attrs.field(default=UNSET, converter=_to_tools)
    """Tools in place of the agent's, for the first agent."""
    handoffs: Sequence[Any] | Unset = attrs.field(default=UNSET, converter=_to_handoffs)
    """Handoffs in place of the agent's, for the first agent."""


# -- merging -------------------------------------------------------------------------------------

S = TypeVar("S", bound=Settings)

_INPUT_ALIASES = {
    "input_audio_format": "format",
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
}
_OUTPUT_ALIASES = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
_FLAT = {*_INPUT_ALIASES, *_OUTPUT_ALIASES, "modalities"}


def _over(below: S, above: S) -> S:
    """``below`` with every field that ``above`` sets."""
    under, over = below.given(), above.given()
    if not over:
        return below
    return type(below)(**{**under, **over}) if under else above


def nested_form(settings: RealtimeSessionModelSettings) -> RealtimeSessionModelSettings:
    """The same settings with every flat alias moved to its nested home, where that one is unset."""
    given = settings.given()
    if not given.keys() & _FLAT:
        return settings

    def moved(aliases: Mapping[str, str]) -> dict[str, Any]:
        return {home: given[alias] for alias, home in aliases.items() if alias in given}

    audio = RealtimeAudioConfig(
        input=_over(RealtimeAudioInputConfig(**moved(_INPUT_ALIASES)), settings.audio.input),
        output=_over(RealtimeAudioOutputConfig(**moved(_OUTPUT_ALIASES)), settings.audio.output),
    )
    modalities = settings.output_modalities
    return attrs.evolve(
        settings,
        audio=audio,
        output_modalities=settings.modalities if modalities is UNSET else modalities,
        modalities=UNSET,
        **dict.fromkeys([*_INPUT_ALIASES, *_OUTPUT_ALIASES], UNSET),
    )


def merge_settings(
    *layers: RealtimeSessionModelSettings | Mapping[str, Any] | None,
) -> RealtimeSessionModelSettings:
    """Lay settings over one another: a later layer wins, field by field, also inside ``audio``.

    Each layer is brought to its `nested_form` first, so a flat alias of a later layer wins over a
    nested setting of an earlier one. Smaller objects (``turn_detection``, ``transcription``, ...)
    are replaced as a whole. A layer of None is skipped. The result has no flat aliases.
    """
    merged = RealtimeSessionModelSettings()
    for layer in layers:
        if layer is None:
            continue
        above = nested_form(structure(RealtimeSessionModelSettings, layer))
        audio = RealtimeAudioConfig(
            input=_over(merged.audio.input, above.audio.input),
            output=_over(merged.audio.output, above.audio.output),
        )
        merged = attrs.evolve(_over(merged, above), audio=audio)
    return merged
