"""Connections that are attached to a call: the server has the caller, and plays the audio."""

import math

import pytest
from support_simulator import Peer, error_of, silence, speech, types

from trio_realtime.testing.simulator import Say
from trio_realtime.testing.simulator.outlet import Later
from trio_realtime.testing.simulator.replies import pieces

STARTED = "output_audio_buffer.started"
STOPPED = "output_audio_buffer.stopped"
CLEARED = "output_audio_buffer.cleared"
TRANSCRIPT_DELTA = "response.output_audio_transcript.delta"


def call(speed: float = math.inf) -> Peer:
    return Peer(call_id="rtc_1", speed=speed)


def later(peer: Peer) -> Later:
    """What is to happen when the audio has been played."""
    (effect,) = [effect for effect in peer.effects if isinstance(effect, Later)]
    return effect


def speaking(peer: Peer) -> str:
    """Have a response in the middle of its speech; returns its id."""
    peer.send("response.create")
    response = peer.started()
    next(response.play(pieces(Say("Hello my friend", audio_ms=1_000))))
    assert STARTED in types(peer.taken())
    return response.id


def test_the_session_exists_already() -> None:
    """Nobody is told that it was created."""
    peer = call()
    peer.protocol.begin()
    assert peer.taken() == []
    assert types(peer.update()) == ["session.updated"]


def test_the_audio_of_an_answer_goes_to_the_caller() -> None:
    """The connection hears when playing begins, with the first words, and sees no audio."""
    peer = call()
    events = peer.respond(Say("Hello there", audio_ms=300))
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        TRANSCRIPT_DELTA,
        STARTED,
        TRANSCRIPT_DELTA,
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response_id = events[0]["response"]["id"]
    assert events[5]["response_id"] == response_id
    playing = later(peer)
    assert playing.seconds == 0.3
    playing.then()
    (stopped,) = peer.taken()
    assert (stopped["type"], stopped["response_id"]) == (STOPPED, response_id)


@pytest.mark.parametrize(("speed", "seconds"), [(4.0, 0.75), (1.0, 0.0), (0.5, 0.0)])
def test_what_is_left_to_play_when_the_answer_is_done(speed: float, seconds: float) -> None:
    """Playing takes real time, from the first audio on."""
    peer = call(speed)
    peer.respond(Say("Hello", audio_ms=1_000))
    assert later(peer).seconds == seconds


def test_the_audio_of_a_call_can_be_truncated() -> None:
    """The server knows what it would have played."""
    peer = call()
    peer.respond(Say("Hello", audio_ms=1_000))
    (item,) = peer.protocol.conversation.items
    where = {"item_id": item.id, "content_index": 0}
    (event,) = peer.send("conversation.item.truncate", **where, audio_end_ms=400)
    assert event["type"] == "conversation.item.truncated"


def test_written_answers_are_not_played() -> None:
    """There is nothing to hear."""
    events = call().respond("Hello", output_modalities=["text"])
    assert not [event for event in events if event["type"].startswith("output_audio_buffer")]


def test_speech_clears_what_is_being_played() -> None:
    """After the response was cancelled; the rest of it is never played."""
    peer = call()
    response_id = speaking(peer)
    events = peer.append(silence(300) + speech(100))
    assert types(events)[-3:] == ["response.done", "rate_limits.updated", CLEARED]
    assert events[-1]["response_id"] == response_id
    later(peer).then()
    assert peer.taken() == []


def test_speech_clears_what_is_still_played_of_an_answer_that_is_done() -> None:
    """The caller hears nothing more of it."""
    peer = call()
    peer.respond(Say("Hello", audio_ms=5_000))
    events = peer.append(silence(300) + speech(100))
    assert types(events) == ["input_audio_buffer.speech_started", CLEARED]


def test_the_client_clears_what_is_being_played() -> None:
    """The response goes on unless it is cancelled; the audio that follows is played again."""
    peer = call()
    peer.send("response.create")
    response = peer.started()
    playing = response.play(pieces(Say("Hello my friend", audio_ms=1_000)))
    next(playing)
    peer.taken()
    (cleared,) = peer.send("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == (CLEARED, response.id)
    next(playing)
    assert STARTED in types(peer.taken())


def test_clearing_where_nothing_can_be_cleared() -> None:
    """Before any response, and on connections whose clients play the audio themselves."""
    assert error_of(call().send("output_audio_buffer.clear"))["param"] == "type"
    plain = Peer()
    plain.respond("Hello")
    assert error_of(plain.send("output_audio_buffer.clear"))["code"] == "invalid_event"
