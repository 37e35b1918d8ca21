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
    model_name=DEFAULT_MODEL,
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


def session_payload(
    settings: RealtimeSessionModelSettings | Mapping[str, Any],
    *,
    call_id: str | None = None,
    instructions: str | Unset | None = UNSET,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tracing: bool = False,
) -> dict[str, Any]:
    """The session object that says ``settings``, over the defaults, in JSON's types only.

    ``instructions``, unless unset, stand in place of those of ``settings``; None sends none, which
    leaves what the server has, and ``""`` clears it. ``tools``, unless None, stand in place of
    those of ``settings``; both are the wire's own objects here, handoffs included. The list is
    always sent, since an empty one is what removes tools.

    ``tracing`` says whether this event may carry the trace settings: only the one sent on
    connecting, unless tracing is disabled for the run. The server refuses to change them later.

    With a ``call_id``, the session was begun when the call was accepted. Its model cannot change,
    and its voice and formats were agreed with the caller's side: a default must not overrule them,
    so they are sent only if ``settings`` give them, and a ``model_name`` is a `SettingsError`.
    """
    merged = merge_settings(_CALL_DEFAULTS if call_id else _DEFAULTS, settings)
    given = merged.given()
    if call_id and "model_name" in given:
        raise problem("model_name", "not together with call_id: the call has its model already")
    session: dict[str, Any] = {"type": "realtime"}
    if "model_name" in given:
        session["model"] = given["model_name"]
    told = merged.instructions if instructions is UNSET else instructions
    if told is not UNSET and told is not None:
        session["instructions"] = told
    session |= {name: _wire(given[name]) for name in _AS_THEY_ARE if name in given}
    session["audio"] = _audio(merged)
    session["tools"] = _tools(given.get("tools", ()) if tools is None else tools)
    if "tool_choice" in given:
        session["tool_choice"] = _tool_choice(given["tool_choice"])
    if tracing and merged.tracing is not None:
        session["tracing"] = _wire(merged.tracing)
    return session


def _tools(tools: Sequence[Any]) -> list[dict[str, Any]]:
    for index, tool in enumerate(tools):
        check(Mapping[str, Any], tool, f"tools[{index}]")
    return [dict(tool) for tool in tools]


def _audio(settings: RealtimeSessionModelSettings) -> dict[str, Any]:
    """The two directions; one that nothing is said of is left out."""
    audio = {"input": _wire(settings.audio.input), "output": _wire(settings.audio.output)}
    return {direction: said for direction, said in audio.items() if said}


def _tool_choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if not isinstance(choice, str):
        return dict(choice)
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _wire(value: Any) -> Any:
    """A settings value as JSON says it: objects without what is unset, lists, plain values."""
    if isinstance(value, AudioFormat):
        return value.to_wire()
    if isinstance(value, Settings):
        value = value.given()
    if isinstance(value, Mapping):
        return {key: _wire(entry) for key, entry in cast("Mapping[str, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_wire(entry) for entry in cast("Sequence[object]", value)]
    return value
