"""What ``session.update`` makes of a session."""

from typing import Any

import pytest

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.served_formats import G711_ALAW, PCM16
from trio_realtime.testing.simulator.served_session import (
    Session,
    input_format,
    new_session,
    updated,
    vad_settings,
)
from trio_realtime.testing.simulator.vad import VadSettings


@pytest.fixture
def session() -> Session:
    return new_session("sess_1", model="gpt-realtime-2.1", expires_at=1_900_000_000)


def update(
    session: Session, *, spoken: bool = False, fixed: bool = False, **changes: Any
) -> Session:
    return updated(session, {"type": "realtime", **changes}, spoken=spoken, model_is_fixed=fixed)


def detecting(session: Session, detection: dict[str, Any] | None) -> Session:
    return update(session, audio={"input": {"turn_detection": detection}})


def test_a_new_session(session: Session) -> None:
    """Server VAD is on, audio is asked for, and the model is the URL's or the default."""
    assert session["id"] == "sess_1"
    assert session["model"] == "gpt-realtime-2.1"
    assert session["audio"]["input"]["turn_detection"]["create_response"] is True
    assert vad_settings(session) == VadSettings()
    assert input_format(session) is PCM16
    assert new_session("s", model=None, expires_at=0)["model"] == "gpt-realtime-2.1"


@pytest.mark.parametrize(
    ("model", "voice", "silence_duration_ms"),
    [
        ("gpt-realtime", "alloy", 200),
        ("gpt-realtime-2025-08-28", "alloy", 200),
        ("gpt-realtime-mini", "alloy", 200),
        ("gpt-realtime-mini-2025-12-15", "alloy", 200),
        ("gpt-realtime-1.5", "alloy", 200),
        ("gpt-realtime-2", "marin", 500),
        ("gpt-realtime-2.1-mini", "marin", 500),
        ("my-deployment", "marin", 500),
    ],
)
def test_the_defaults_of_models(model: str, voice: str, silence_duration_ms: int) -> None:
    """Voice and patience differ between the generations, also when turn detection comes back."""
    session = new_session("sess_1", model=model, expires_at=0)
    assert session["audio"]["output"]["voice"] == voice
    settings = VadSettings(silence_duration_ms=silence_duration_ms)
    assert vad_settings(session) == settings
    assert vad_settings(detecting(detecting(session, None), {"type": "server_vad"})) == settings


def test_only_what_is_given_changes(session: Session) -> None:
    """Everything else stays, and the old session is not touched."""
    changed = update(session, instructions="Be brief.", audio={"output": {"voice": "ash"}})
    assert session["instructions"] == ""
    assert session["audio"]["output"]["voice"] == "marin"
    assert changed == {
        **session,
        "instructions": "Be brief.",
        "audio": {
            "input": session["audio"]["input"],
            "output": {**session["audio"]["output"], "voice": "ash"},
        },
    }


def test_the_changes_are_not_shared(session: Session) -> None:
    """A later change of the caller's object has no effect."""
    tools: list[Any] = []
    changed = update(session, tools=tools)
    tools.append("late")
    assert changed["tools"] == []


def test_formats_are_completed(session: Session) -> None:
    """PCM has its rate, G.711 none."""
    formats = {
        "input": {"format": {"type": "audio/pcma"}},
        "output": {"format": {"type": "audio/pcm"}},
    }
    changed = update(session, audio=formats)
    assert changed["audio"]["input"]["format"] == {"type": "audio/pcma"}
    assert changed["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert input_format(changed) is G711_ALAW


def test_turn_detection_of_the_same_kind_is_merged(session: Session) -> None:
    """Settings not named keep their values."""
    changed = detecting(session, {"type": "server_vad", "threshold": 0.9})
    changed = detecting(changed, {"type": "server_vad", "silence_duration_ms": 200})
    assert vad_settings(changed) == VadSettings(threshold=0.9, silence_duration_ms=200)


def test_turn_detection_of_another_kind_has_its_defaults(session: Session) -> None:
    """Semantic VAD is the same segmenter, with a length of silence for its eagerness."""
    changed = detecting(session, {"type": "semantic_vad"})
    assert changed["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert vad_settings(changed) == VadSettings(silence_duration_ms=500)
    changed = detecting(changed, {"type": "semantic_vad", "eagerness": "low"})
    assert vad_settings(changed) == VadSettings(silence_duration_ms=1_000)
    changed = detecting(changed, None)
    assert vad_settings(changed) is None
    changed = detecting(changed, {"type": "server_vad", "prefix_padding_ms": 0})
    assert vad_settings(changed) == VadSettings(prefix_padding_ms=0)


def test_nulls_turn_things_off(session: Session) -> None:
    """Transcription and noise reduction, on and off."""
    settings = {"transcription": {"model": "whisper-1"}, "noise_reduction": {"type": "far_field"}}
    changed = update(session, audio={"input": settings})
    assert changed["audio"]["input"]["transcription"] == {
        "language": None,
        "prompt": None,
        "model": "whisper-1",
    }
    changed = update(changed, audio={"input": dict.fromkeys(settings)})
    assert changed["audio"]["input"] == session["audio"]["input"]


def test_the_voice_cannot_change_once_it_was_heard(session: Session) -> None:
    """The same voice again is fine."""
    assert update(session, spoken=True, audio={"output": {"voice": "marin"}}) == session
    assert update(session, audio={"output": {"voice": "ash"}}) != session
    with pytest.raises(ApiError) as caught:
        update(session, spoken=True, audio={"output": {"voice": "ash"}})
    assert caught.value.code == "cannot_update_voice"
    assert caught.value.param is None


def test_the_urls_model_cannot_change(session: Session) -> None:
    """Without one in the URL, the update names the model."""
    assert update(session, model="gpt-realtime-2.1-mini")["model"] == "gpt-realtime-2.1-mini"
    assert update(session, fixed=True, model="gpt-realtime-2.1") == session
    with pytest.raises(ApiError) as caught:
        update(session, fixed=True, model="gpt-realtime-2.1-mini")
    assert caught.value.code == "cannot_update_model"
    assert caught.value.param == "session.model"
