"""The settings as typed dictionaries: what to annotate a mapping of settings with.

A plain mapping is taken wherever settings are; these types let a type checker know its keys::

    config: RealtimeModelConfigDict = {"url": url, "api_key": key}
    await runner.run(model_config=config)

In the OpenAI Agents SDK the settings themselves are typed dictionaries. Here they are classes that
check what they are made of, and these types stand beside them. Every key may be left out; what each
means is said by the class. Nothing in the library reads these types.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:  # the classes cost more to import than these types do
    from .agents.agent import RealtimeAgent
    from .agents.guardrails import InputGuardrail, OutputGuardrail
    from .agents.handoffs import Handoff
    from .agents.hooks import RealtimeRunHooks
    from .agents.hosted_mcp import HostedMCPTool
    from .agents.tools import FunctionTool
    from .models import audio_settings as audio
    from .models import session_settings as model
    from .models.model_config import ApiKey
    from .models.playback.tracker import RealtimePlaybackTracker
    from .models.transports.text_transport import TransportSettings
    from .sessions import run_config as run

Keys: TypeAlias = Mapping[str, Any]
"""The keys of the class that it stands beside in a union."""


class RealtimeSessionModelSettingsDict(TypedDict, total=False):
    """`RealtimeSessionModelSettings` as a mapping."""

    model_name: str
    instructions: str
    prompt: model.RealtimePrompt | Keys | str | None
    output_modalities: Sequence[model.RealtimeModality]
    modalities: Sequence[model.RealtimeModality]
    audio: audio.RealtimeAudioConfig | Keys
    voice: audio.RealtimeVoice
    speed: float
    input_audio_format: audio.RealtimeAudioFormat
    output_audio_format: audio.RealtimeAudioFormat
    input_audio_transcription: audio.RealtimeInputAudioTranscriptionConfig | Keys | None
    input_audio_noise_reduction: audio.RealtimeInputAudioNoiseReductionConfig | Keys | None
    turn_detection: audio.RealtimeTurnDetectionConfig | Keys | None
    max_output_tokens: int | Literal["inf"]
    tool_choice: str | Keys
    parallel_tool_calls: bool
    reasoning: model.RealtimeReasoningConfig | Keys
    truncation: model.RealtimeTruncationConfig | Keys | Literal["auto", "disabled"]
    include: Sequence[Literal["item.input_audio_transcription.logprobs"]]
    tracing: model.RealtimeModelTracingConfig | Keys | Literal["auto"] | None
    tools: Sequence[FunctionTool[Any] | HostedMCPTool | Keys]
    handoffs: Sequence[RealtimeAgent[Any] | Handoff[Any]]


class RealtimeModelConfigDict(TypedDict, total=False):
    """`RealtimeModelConfig` as a mapping."""

    api_key: ApiKey | None
    url: str | None
    headers: Mapping[str, str] | None
    initial_model_settings: (
        model.RealtimeSessionModelSettings | RealtimeSessionModelSettingsDict | None
    )
    playback_tracker: RealtimePlaybackTracker | None
    call_id: str | None
    transport: TransportSettings | Keys | None
    response_timeout: float | None


class RealtimeRunConfigDict(TypedDict, total=False):
    """`RealtimeRunConfig` as a mapping."""

    model_settings: model.RealtimeSessionModelSettings | RealtimeSessionModelSettingsDict
    output_guardrails: Sequence[OutputGuardrail[Any]]
    input_guardrails: Sequence[InputGuardrail[Any]]
    guardrails_settings: run.RealtimeGuardrailsSettings | Keys
    idle: run.RealtimeIdleConfig | Keys | None
    hooks: RealtimeRunHooks[Any] | None
    tracing_disabled: bool
    async_tool_calls: bool
    tool_execution: run.RealtimeToolExecutionConfig | Keys
    tool_error_formatter: Callable[..., Any] | None
    events: Literal["sdk", "all"] | Collection[str]
    event_buffer_size: int
    close_timeout: float
    observers: Sequence[Any]
