"""The session object of one connection: its defaults, and what ``session.update`` does to it.

Used by :mod:`.server_protocol`. Shapes are checked before, in :mod:`.schema`; here are the rules
that depend on the session's state.
"""

import copy
from typing import Any

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.model_traits import DEFAULT_MODEL, traits_of
from trio_realtime.testing.simulator.served_formats import FORMATS, PCM16, AudioFormat
from trio_realtime.testing.simulator.vad import VadSettings

Session = dict[str, Any]

_SERVER_VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
# Nothing here understands when a sentence is over: eagerness is only a length of silence.
_EAGERNESS_MS = {"low": 1_000, "medium": 500, "auto": 500, "high": 250}


def new_session(session_id: str, *, model: str | None, expires_at: int) -> Session:
    """The session before any update. ``expires_at`` is in seconds since 1970."""
    model = model or DEFAULT_MODEL
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": PCM16.render(),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _default_detection("server_vad", model),
            },
            "output": {"format": PCM16.render(), "voice": traits_of(model).voice, "speed": 1.0},
        },
        "include": None,
    }


def new_transcription_session(session_id: str, *, expires_at: int) -> Session:
    """A session that only writes down what is said. ``expires_at`` is in seconds since 1970."""
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": session_id,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": PCM16.render(),
                "transcription": {"model": "gpt-4o-transcribe", "language": None, "prompt": None},
                "noise_reduction": None,
                "turn_detection": _default_detection("server_vad", DEFAULT_MODEL),
            }
        },
        "include": None,
    }


def updated(
    session: Session, changes: dict[str, Any], *, spoken: bool, model_is_fixed: bool
) -> Session:
    """The session with valid changes applied; the given one stays as it is.

    ``spoken``: the model has answered with audio, so the voice can no longer change.
    ``model_is_fixed``: the URL named the model, so it cannot change at all.
    """
    kind = session["type"]
    if changes["type"] != kind:
        raise ApiError(
            f"Passing a {changes['type']} session update event to a {kind} session is not allowed.",
            code="invalid_parameter",
            param="session.type",
        )
    result = copy.deepcopy(session)
    changes = copy.deepcopy(changes)
    audio = changes.pop("audio", {})
    model: str = session.get("model", DEFAULT_MODEL)
    if model_is_fixed and changes.get("model", model) != model:
        raise ApiError(
            "Cannot update a session's model.", code="cannot_update_model", param="session.model"
        )
    output = audio.get("output", {})
    if (
        spoken
        and output.get("voice", session["audio"]["output"]["voice"])
        != (session["audio"]["output"]["voice"])
    ):
        raise ApiError(
            "Cannot update a conversation's voice if assistant audio is present.",
            code="cannot_update_voice",
        )
    result.update(changes)
    model = result.get("model", model)
    for direction in ("input", "output"):
        for name, value in audio.get(direction, {}).items():
            current = result["audio"][direction].get(name)
            merged = _merged(name, current, value, model)
            result["audio"][direction][name] = merged
    return result


def _default_detection(kind: str, model: str) -> dict[str, Any]:
    if kind == "semantic_vad":
        return dict(_SEMANTIC_VAD)
    return {**_SERVER_VAD, "silence_duration_ms": traits_of(model).silence_duration_ms}


def _merged(name: str, current: dict[str, Any] | None, value: Any, model: str) -> Any:
    """A setting of the ``audio`` object, with the defaults the API fills in."""
    if name == "format":
        return FORMATS[value["type"]].render()
    if name == "turn_detection" and value is not None:
        defaults = _default_detection(value["type"], model)
        if current is not None and current["type"] == value["type"]:
            defaults = current
        return {**defaults, **value}
    if name == "transcription" and value is not None:
        return {"language": None, "prompt": None, **value}
    return value


def input_format(session: Session) -> AudioFormat:
    """The format the client appends."""
    return FORMATS[session["audio"]["input"]["format"]["type"]]


def vad_settings(session: Session) -> VadSettings | None:
    """What the segmenter makes of the session's turn detection; None when it is off."""
    detection = session["audio"]["input"]["turn_detection"]
    if detection is None:
        return None
    if detection["type"] == "semantic_vad":
        return VadSettings(silence_duration_ms=_EAGERNESS_MS[detection["eagerness"]])
    return VadSettings(
        threshold=detection["threshold"],
        prefix_padding_ms=detection["prefix_padding_ms"],
        silence_duration_ms=detection["silence_duration_ms"],
    )
