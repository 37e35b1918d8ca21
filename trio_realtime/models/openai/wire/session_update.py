"""From settings to the ``session`` object of the GA event ``session.update``. Pure.

The model calls this when it connects and whenever the session's agent changes. The library's
defaults for OpenAI stand here and nowhere else; they are those of the OpenAI Agents SDK, so that an
application moved from it sounds the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from trio_realtime._util.settings_base import Settings
from trio_realtime._util.type_checks import UNSET, Unset, check, problem
from trio_realtime.audio.formats import AudioFormat
from trio_realtime.models.audio_settings import (
    DEFAULT_TURN_DETECTION,
    RealtimeInputAudioTranscriptionConfig,
)
from trio_realtime.models.session_settings import RealtimeSessionModelSettings, merge_settings

from .tool_objects import tool_choice_to_wire

DEFAULT_MODEL: Final = "gpt-realtime-2.1"

_CALL_DEFAULTS: Final = RealtimeSessionModelSettings(
    output_modalities=("audio",),
    input_audio_transcription=RealtimeInputAudioTranscriptionConfig(model="gpt-4o-mini-transcribe"),
    turn_detection=DEFAULT_TURN_DETECTION,
    tracing="auto",
)
"""For a call that was accepted with a model, a voice and its formats: none of those."""

_DEFAULTS: Final = attrs.evolve(
    _CALL_DEFAULTS,
    input_audio_format="audio/pcm",
    output_audio_format="audio/pcm",
    voice="ash",
)

_AS_THEY_ARE: Final = (
    "prompt",
    "output_modalities",
    "max_output_tokens",
    "parallel_tool_calls",
    "reasoning",
    "truncation",
    "include",
)
"""Settings that the session object has under the same name."""


def effective_settings(
    settings: RealtimeSessionModelSettings | Mapping[str, Any],
    *,
    call_id: str | None = None,
    default_model: str | None = DEFAULT_MODEL,
) -> RealtimeSessionModelSettings:
    """The settings with the defaults below them, in nested form: what a session object says.

    ``default_model`` is the model where the settings name none; with ``None`` none is named, as for
    a URL that names it. With a ``call_id``, the session was begun when the call was accepted. Its
    model cannot change, and its voice and formats were agreed with the caller's side: a default
    must not overrule them, so they are there only if ``settings`` give them.

    Raises:
        SettingsError: ``settings`` name a model, together with a ``call_id``.
    """
    merged = merge_settings(_CALL_DEFAULTS if call_id else _DEFAULTS, settings)
    if call_id:
        if merged.model_name is not UNSET:
            text = "not together with call_id: the call has its model already"
            raise problem("model_name", text)
    elif merged.model_name is UNSET and default_model is not None:
        merged = attrs.evolve(merged, model_name=default_model)
    return merged


def session_payload(
    settings: RealtimeSessionModelSettings | Mapping[str, Any],
    *,
    call_id: str | None = None,
    default_model: str | None = DEFAULT_MODEL,
    instructions: str | Unset | None = UNSET,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tracing: bool = False,
) -> dict[str, Any]:
    """The session object that says ``settings``, over the defaults, in JSON's types only.

    ``call_id`` and ``default_model`` are as for `effective_settings`, which it may raise as.

    ``instructions``, unless unset, stand in place of those of ``settings``; None sends none, which
    leaves what the server has, and ``""`` clears it. ``tools``, unless None, stand in place of
    those of ``settings``; both are the wire's own objects here, handoffs included. The list is
    always sent, since an empty one is what removes tools.

    ``tracing`` says whether this event may carry the trace settings: only the one sent on
    connecting, unless tracing is disabled for the run. The server refuses to change them later.
    """
    merged = effective_settings(settings, call_id=call_id, default_model=default_model)
    return session_in_force(merged, instructions=instructions, tools=tools, tracing=tracing)


def session_in_force(
    settings: RealtimeSessionModelSettings,
    *,
    instructions: str | Unset | None = UNSET,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tracing: bool = False,
) -> dict[str, Any]:
    """As `session_payload`, for `effective_settings`: no default is put below them."""
    given = settings.given()
    session: dict[str, Any] = {"type": "realtime"}
    if "model_name" in given:
        session["model"] = given["model_name"]
    text = settings.instructions if instructions is UNSET else instructions
    if text is not UNSET and text is not None:
        session["instructions"] = text
    session |= {name: _wire(given[name]) for name in _AS_THEY_ARE if name in given}
    session["audio"] = _audio(settings)
    session["tools"] = _tools(given.get("tools", ()) if tools is None else tools)
    if "tool_choice" in given:
        session["tool_choice"] = tool_choice_to_wire(given["tool_choice"])
    if tracing and settings.tracing is not None:
        session["tracing"] = _wire(settings.tracing)
    return session


def _tools(tools: Sequence[Any]) -> list[dict[str, Any]]:
    for index, tool in enumerate(tools):
        check(Mapping[str, Any], tool, f"tools[{index}]")
    return [dict(tool) for tool in tools]


def _audio(settings: RealtimeSessionModelSettings) -> dict[str, Any]:
    """The audio settings of both directions. A direction without any is left out."""
    audio = {"input": _wire(settings.audio.input), "output": _wire(settings.audio.output)}
    return {direction: said for direction, said in audio.items() if said}


def _wire(value: Any) -> Any:
    """A settings value in JSON's types. Settings that are unset are left out."""
    if isinstance(value, AudioFormat):
        return value.to_wire()
    if isinstance(value, Settings):
        value = value.given()
    if isinstance(value, Mapping):
        return {key: _wire(entry) for key, entry in cast("Mapping[str, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_wire(entry) for entry in cast("Sequence[object]", value)]
    return value
