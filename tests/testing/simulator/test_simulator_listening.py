"""The user's audio: turns, commits, transcripts and the idle timeout."""

from typing import Any

import pytest
from support_simulator import Peer, done_of, error_of, silence, speech, types

from trio_realtime.testing.simulator import Heard, Say, Utterance
from trio_realtime.testing.simulator.outlet import Later, StopWatching, WatchIdle
from trio_realtime.testing.simulator.replies import pieces
from trio_realtime.testing.simulator.served_formats import G711_ULAW

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMMIT = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def server_vad(**settings: Any) -> dict[str, Any]:
    return {"type": "server_vad", **settings}


def watches(peer: Peer) -> list[WatchIdle]:
    return [effect for effect in peer.effects if isinstance(effect, WatchIdle)]


def test_a_spoken_turn() -> None:
    """Offsets, one id throughout, the audio of the utterance, and an answer to it."""
    peer = Peer(hears=["Good day"])
    (started,) = peer.append(silence(1_000) + speech(400))
    assert (started["type"], started["audio_start_ms"]) == (STARTED, 700)
    events = peer.append(silence(600))
    assert types(events) == [STOPPED, *COMMIT, "response.created"]
    assert events[0]["audio_end_ms"] == 1_900
    assert {event["item_id"] for event in events[:2]} == {started["item_id"]}
    assert events[1]["previous_item_id"] is None
    item = events[2]["item"]
    assert item["id"] == started["item_id"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    turn = peer.started().turn
    assert (turn.cause, turn.user_text) == ("speech", "Good day")
    (retrieved,) = peer.send("conversation.item.retrieve", item_id=item["id"])
    (kept,) = peer.protocol.conversation.items
    assert kept.parts is not None
    assert bytes(kept.parts[0].audio or b"") == silence(300) + speech(400) + silence(500)
    assert retrieved["item"]["content"][0]["audio"]


def test_turns_follow_each_other() -> None:
    """Each after the item before it."""
    peer = Peer()
    peer.detect_turns(server_vad(create_response=False, silence_duration_ms=200))
    events = peer.append((speech(300) + silence(300)) * 2)
    assert types(events) == [STARTED, STOPPED, *COMMIT] * 2
    assert events[7]["previous_item_id"] == events[0]["item_id"]
    offsets = [event.get("audio_start_ms", event.get("audio_end_ms")) for event in events]
    assert [offset for offset in offsets if offset is not None] == [0, 500, 500, 1_100]


def test_semantic_vad_is_the_same_segmenter() -> None:
    """Eagerness is a length of silence."""
    peer = Peer()
    peer.detect_turns({"type": "semantic_vad", "eagerness": "high"})
    events = peer.append(silence(300) + speech(300) + silence(300))
    assert types(events) == [STARTED, STOPPED, *COMMIT, "response.created"]
    assert (events[0]["audio_start_ms"], events[1]["audio_end_ms"]) == (0, 850)


def test_g711_input() -> None:
    """The same offsets in the telephone's format."""
    peer = Peer()
    peer.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    events = peer.append(
        silence(1_000, G711_ULAW) + speech(400, G711_ULAW) + silence(600, G711_ULAW)
    )
    assert (events[0]["audio_start_ms"], events[1]["audio_end_ms"]) == (700, 1_900)


def test_no_response_unless_asked_for() -> None:
    """``create_response`` false: the turn is committed, that is all."""
    peer = Peer()
    peer.detect_turns(server_vad(create_response=False))
    assert types(peer.append(speech(300) + silence(500))) == [STARTED, STOPPED, *COMMIT]


def speaking(peer: Peer) -> Any:
    """A response in the middle of its speech."""
    peer.send("response.create")
    response = peer.started()
    next(response.play(pieces(Say("Hello my friend", audio_ms=1_000))))
    peer.taken()
    return response


def test_speech_interrupts_the_response() -> None:
    """It is cancelled with the reason that the user spoke."""
    peer = Peer()
    response = speaking(peer)
    events = peer.append(speech(100))
    assert types(events)[0] == STARTED
    details = {"type": "cancelled", "reason": "turn_detected"}
    assert done_of(events)["status_details"] == details
    assert peer.stopped() == [response]
    assert peer.protocol.default_response is None


def test_speech_leaves_out_of_band_responses_alone() -> None:
    """Only output to the conversation is interrupted."""
    peer = Peer()
    peer.send("response.create", response={"conversation": "none"})
    assert types(peer.append(speech(100))) == [STARTED]


def test_speech_does_not_interrupt_unless_asked_to() -> None:
    """``interrupt_response`` false: the next response may then find the place taken."""
    peer = Peer()
    peer.detect_turns(server_vad(interrupt_response=False))
    response = speaking(peer)
    assert types(peer.append(speech(100))) == [STARTED]
    events = peer.append(silence(500))
    assert types(events) == [STOPPED, *COMMIT, "error"]
    error = events[-1]["error"]
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] is None
    assert peer.protocol.default_response is response


def test_manual_commits() -> None:
    """Without turn detection the client decides, and no response follows by itself."""
    peer = Peer(hears=["Good day"])
    peer.detect_turns(None)
    assert peer.append(silence(100) + speech(400)) == []
    events = peer.send("input_audio_buffer.commit")
    assert types(events) == COMMIT
    assert events[0]["item_id"] == events[1]["item"]["id"]
    peer.send("response.create")
    assert peer.started().turn.user_text == "Good day"


@pytest.mark.parametrize(("audio", "shown"), [(b"", "0.00"), (silence(50) + b"\0" * 24, "50.50")])
def test_commits_of_nothing(audio: bytes, shown: str) -> None:
    """Less than 100 ms is refused."""
    peer = Peer()
    peer.append(audio)
    error = error_of(peer.send("input_audio_buffer.commit"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["message"] == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio,"
        f" but buffer only has {shown}ms of audio."
    )


def test_a_commit_in_the_middle_of_speech() -> None:
    """It takes the announced id and all audio; there is no stop, and speech starts anew."""
    peer = Peer()
    (started,) = peer.append(silence(1_000) + speech(200))
    events = peer.send("input_audio_buffer.commit")
    assert types(events) == COMMIT
    assert events[0]["item_id"] == started["item_id"]
    (again,) = peer.append(speech(200))
    assert (again["type"], again["audio_start_ms"]) == (STARTED, 1_200)
    assert again["item_id"] != started["item_id"]


def test_clear() -> None:
    """The buffer is empty, and what was being said is forgotten."""
    peer = Peer()
    peer.append(speech(200))
    (cleared,) = peer.send("input_audio_buffer.clear")
    assert cleared["type"] == "input_audio_buffer.cleared"
    assert peer.append(silence(600)) == []
    peer.send("input_audio_buffer.clear")
    assert error_of(peer.send("input_audio_buffer.commit"))["code"] == (
        "input_audio_buffer_commit_empty"
    )


# -- transcription ---------------------------------------------------------------------------------


def transcribing(*hears: str | Heard, model: str = "gpt-transcribe") -> Peer:
    peer = Peer(hears=hears)
    peer.update(audio={"input": {"transcription": {"model": model}}})
    return peer


def test_transcripts_follow_the_turn() -> None:
    """After the response was created, in pieces, then whole."""
    peer = transcribing("Good day to you, simulator")
    events = peer.append(speech(300) + silence(500))
    deltas = [event for event in events if event["type"] == f"{TRANSCRIPTION}.delta"]
    assert events[-6:] == [*deltas, events[-1]]
    completed = events[-1]
    assert completed["item_id"] == events[0]["item_id"]
    assert completed["transcript"] == "Good day to you, simulator"
    assert [event["delta"] for event in deltas] == ["Good", " day", " to", " you,", " simulator"]
    assert completed["usage"] == {"type": "duration", "seconds": 1}
    (item,) = peer.protocol.conversation.items
    assert item.render()["content"][0]["transcript"] == "Good day to you, simulator"


@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-live-transcribe"])
def test_transcripts_that_begin_before_their_item(model: str) -> None:
    """Some models send words while the user speaks, before anybody knows when that ends."""
    peer = transcribing("Good day to you", model=model)
    events = peer.append(speech(300) + silence(500))
    started, *_ = events
    assert types(events) == [
        STARTED,
        *[f"{TRANSCRIPTION}.delta"] * 2,
        STOPPED,
        *COMMIT,
        "response.created",
        *[f"{TRANSCRIPTION}.delta"] * 2,
        f"{TRANSCRIPTION}.completed",
    ]
    deltas = [event for event in events if event["type"] == f"{TRANSCRIPTION}.delta"]
    assert {event["item_id"] for event in deltas} == {started["item_id"]}
    assert "".join(event["delta"] for event in deltas) == events[-1]["transcript"]


def test_transcripts_that_begin_before_a_manual_commit() -> None:
    """The item has the id that the words were sent for."""
    peer = transcribing("Good day", model="gpt-realtime-whisper")
    peer.detect_turns(None)
    peer.append(speech(300))
    delta, committed, *_ = peer.send("input_audio_buffer.commit")
    assert types([delta, committed]) == [f"{TRANSCRIPTION}.delta", COMMIT[0]]
    assert delta["item_id"] == committed["item_id"]


def test_a_transcript_that_fails_does_not_begin_early() -> None:
    """Nothing is shown of words that were not understood."""
    peer = transcribing(Heard("Good day", failure="Noise."), model="gpt-realtime-whisper")
    assert f"{TRANSCRIPTION}.delta" not in types(peer.append(speech(300) + silence(500)))


def test_models_that_count_tokens() -> None:
    """Usage is of the transcription model's kind."""
    completed = transcribing("Good day", model="gpt-4o-mini-transcribe").append(
        speech(300) + silence(500)
    )[-1]
    assert completed["usage"] == {
        "type": "tokens",
        "total_tokens": 10,
        "input_tokens": 8,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 8},
        "output_tokens": 2,
    }


def test_the_default_transcript_says_that_it_is_simulated() -> None:
    """Nothing pretends to understand."""
    completed = transcribing().append(speech(1_000) + silence(500))[-1]
    assert completed["transcript"] == "(simulated: 1.5 s of speech)"


def test_transcripts_of_manual_commits() -> None:
    """They come as well."""
    peer = transcribing("Good day")
    peer.detect_turns(None)
    peer.append(speech(300))
    assert types(peer.send("input_audio_buffer.commit"))[-1] == f"{TRANSCRIPTION}.completed"


def test_failed_transcripts() -> None:
    """The responder knows what was said all the same."""
    peer = transcribing(Heard("Good day", failure="Too noisy."))
    failed = peer.append(speech(300) + silence(500))[-1]
    assert failed["type"] == f"{TRANSCRIPTION}.failed"
    assert failed["error"]["message"] == "Too noisy."
    assert peer.started().turn.user_text == "Good day"


def test_late_transcripts() -> None:
    """They wait for the clock; when the item is deleted meanwhile, they never come."""
    peer = transcribing(Heard("One", delay=2.0), Heard("Two", delay=2.0))
    peer.detect_turns(server_vad(create_response=False))
    peer.append(speech(300) + silence(500))
    (later,) = [effect for effect in peer.effects if isinstance(effect, Later)]
    assert later.seconds == 2.0
    later.then()
    assert types(peer.taken())[-1] == f"{TRANSCRIPTION}.completed"
    started, *_ = peer.append(speech(300) + silence(500))
    (later,) = [effect for effect in peer.effects if isinstance(effect, Later)]
    peer.send("conversation.item.delete", item_id=started["item_id"])
    later.then()
    assert peer.taken() == []


def test_the_scenario_sees_the_utterance() -> None:
    """Its number, its audio, its length."""
    seen: list[Utterance] = []

    def hears(utterance: Utterance) -> str:
        seen.append(utterance)
        return "Hello"

    peer = Peer(hears=hears)
    peer.detect_turns(server_vad(create_response=False))
    events = peer.append((speech(300) + silence(500)) * 2)
    assert [each.number for each in seen] == [0, 1]
    assert seen[0].item_id == events[0]["item_id"]
    assert seen[0].audio == speech(300) + silence(500)
    assert (seen[0].audio_ms, seen[0].format) == (800, "audio/pcm")


# -- idle timeout ----------------------------------------------------------------------------------


def idle_peer() -> Peer:
    peer = Peer()
    peer.detect_turns(server_vad(idle_timeout_ms=6_000))
    return peer


def test_the_idle_timeout_commits_silence_and_asks_for_a_response() -> None:
    """It counts from the end of the playback of the last response."""
    peer = idle_peer()
    peer.append(silence(1_000))
    peer.respond(Say("Hello", audio_ms=2_500))
    (watch,) = watches(peer)
    assert (watch.playback_s, watch.timeout_s) == (2.5, 6.0)
    peer.append(silence(2_500))
    watch.quiet()
    peer.append(silence(6_000))
    watch.expired()
    events = peer.taken()
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        *COMMIT[1:],
        *COMMIT,
        "response.created",
    ]
    triggered, added, _, committed, *_ = events
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (3_500, 9_500)
    assert triggered["item_id"] == committed["item_id"]
    turn = peer.started().turn
    assert (turn.cause, turn.user_text) == ("idle", "(simulated: 6.0 s of silence)")
    assert added["item"]["role"] == "system"
    assert committed["previous_item_id"] == added["item"]["id"]
    (_, item) = peer.protocol.conversation.items[1:]
    assert item.parts is not None
    assert bytes(item.parts[0].audio or b"") == silence(6_000)


def test_the_silence_of_the_idle_timeout_is_transcribed_as_nothing() -> None:
    """One event, without a second to pay for."""
    peer = transcribing()
    peer.detect_turns(server_vad(idle_timeout_ms=6_000))
    peer.respond("Hello")
    (watch,) = watches(peer)
    watch.quiet()
    peer.append(silence(6_000))
    watch.expired()
    *_, completed = peer.taken()
    assert completed["type"] == f"{TRANSCRIPTION}.completed"
    assert completed["transcript"] == ""
    assert completed["usage"] == {"type": "duration", "seconds": 0}


def test_what_stops_the_idle_watch() -> None:
    """Speech, another response, and turning it off."""
    peer = idle_peer()
    peer.respond("Hello")
    assert len(watches(peer)) == 1
    peer.append(speech(100))
    assert StopWatching() in peer.effects
    peer.append(silence(500))
    assert StopWatching() in peer.effects
    peer.send("response.cancel")
    assert len(watches(peer)) == 1
    peer.detect_turns(server_vad(idle_timeout_ms=7_000))
    assert StopWatching() not in peer.effects
    peer.detect_turns(None)
    assert StopWatching() in peer.effects
    peer.respond("Hello")
    assert watches(peer) == []


def test_no_idle_watch_while_the_user_speaks() -> None:
    """Neither for a response that speech interrupts, nor for one that ends meanwhile."""
    peer = idle_peer()
    speaking(peer)
    peer.append(speech(100))
    assert peer.stopped()
    assert watches(peer) == []
    peer.respond("Hello")
    assert watches(peer) == []


def test_no_idle_watch_after_out_of_band_responses() -> None:
    """Nobody heard them."""
    peer = idle_peer()
    peer.respond("Hello", conversation="none")
    assert watches(peer) == []
