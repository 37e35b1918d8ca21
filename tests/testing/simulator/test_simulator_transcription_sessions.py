"""Sessions that write down what is said, and answer nothing."""

import math

import pytest
from support_simulator import Peer, connected, error_of, silence, speech, types
from trio.testing import MockClock

from trio_realtime.testing.simulator import Heard, RealtimeSimulator


def test_what_a_transcription_session_has() -> None:
    """Input audio only: no model, no voice, no tools."""
    peer = Peer(transcription=True)
    assert set(peer.protocol.session) == {
        *("type", "object", "id", "expires_at", "audio", "include"),
    }
    assert set(peer.protocol.session["audio"]) == {"input"}


def test_its_settings_can_be_updated() -> None:
    """By an update of its own type."""
    peer = Peer(transcription=True)
    audio = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}}
    (updated,) = peer.send("session.update", session={"type": "transcription", "audio": audio})
    assert updated["type"] == "session.updated"
    assert updated["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"
    assert updated["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(("kind", "other"), [(True, "realtime"), (False, "transcription")])
def test_an_update_of_the_other_type_is_refused(kind: bool, other: str) -> None:
    """A session is of one type from its beginning to its end."""
    peer = Peer(transcription=kind)
    error = error_of(peer.send("session.update", session={"type": other}))
    assert (error["code"], error["param"]) == ("invalid_parameter", "session.type")
    assert f"Passing a {other} session update event" in error["message"]


def test_nothing_is_answered() -> None:
    """Neither speech, nor when the client asks for it; what is said is transcribed."""
    peer = Peer(transcription=True)
    events = peer.append(speech(600) + silence(800))
    assert "conversation.item.input_audio_transcription.completed" in types(events)
    assert not {"response.created", "rate_limits.updated"} & {*types(events)}
    error = error_of(peer.send("response.create"))
    assert "transcription session" in error["message"]


async def test_it_is_asked_for_in_the_url(autojump_clock: MockClock) -> None:
    """By its intent."""
    simulator = RealtimeSimulator(hears=[Heard("Good day")], speed=math.inf)
    async with connected(simulator, "/v1/realtime?intent=transcription") as client:
        await client.append(speech(600) + silence(800))
        *_, completed = await client.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "Good day"
