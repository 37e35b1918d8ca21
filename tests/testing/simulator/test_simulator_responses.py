"""A response from its first event to its last."""

import base64
from typing import Any

import pytest
from support_simulator import Peer, types

from trio_realtime.testing.simulator import CallFunction, Fail, Incomplete, Say, Text, Wait
from trio_realtime.testing.simulator.replies import pieces
from trio_realtime.testing.simulator.response_playing import TEXT_DELTA_MS, Pause

OPENING = ["response.created", "rate_limits.updated"]
MESSAGE_OPENING = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
AUDIO_CLOSING = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
TRANSCRIPT_DELTA = "response.output_audio_transcript.delta"
AUDIO_DELTA = "response.output_audio.delta"


def joined(events: list[dict[str, Any]], event_type: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == event_type)


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(
        base64.b64decode(event["delta"]) for event in events if event["type"] == AUDIO_DELTA
    )


def test_the_events_of_a_spoken_answer() -> None:
    """In the service's order, transcript just ahead of its audio."""
    events = Peer().respond(Say("Hello my friend", audio_ms=250))
    assert types(events) == [
        *OPENING,
        *MESSAGE_OPENING,
        TRANSCRIPT_DELTA,
        AUDIO_DELTA,
        TRANSCRIPT_DELTA,
        TRANSCRIPT_DELTA,
        AUDIO_DELTA,
        AUDIO_DELTA,
        *AUDIO_CLOSING,
        "response.done",
    ]
    created, done = events[0]["response"], events[-1]["response"]
    assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)
    assert (done["status"], done["status_details"]) == ("completed", None)
    assert joined(events, TRANSCRIPT_DELTA) == "Hello my friend"
    assert len(audio_of(events)) == 250 * 48
    (item,) = done["output"]
    assert item == events[-2]["item"] == events[-3]["item"]
    assert item["status"] == "completed"
    assert item["content"] == [{"type": "output_audio", "transcript": "Hello my friend"}]
    added = events[2]["item"]
    assert (added["id"], added["status"], added["content"]) == (item["id"], "in_progress", [])


def test_every_part_of_a_message_is_located() -> None:
    """Response, item, output and content."""
    events = Peer().respond(["One", "Two"])
    items = [item["id"] for item in events[-1]["response"]["output"]]
    assert len(items) == 2
    for event in events:
        if "content_index" in event:
            assert event["response_id"] == events[-1]["response"]["id"]
            assert event["item_id"] == items[event["output_index"]]
            assert event["content_index"] == 0


def test_pauses_are_as_long_as_the_audio() -> None:
    """One after each chunk, the last one's included."""
    peer = Peer()
    peer.send("response.create")
    _, pauses = peer.play(peer.started(), Say("Hello", audio_ms=250))
    assert pauses == [Pause(100), Pause(100), Pause(100)]


def test_the_default_length_and_the_sessions_speed() -> None:
    """65 ms a character, faster or slower as the session says."""
    peer = Peer()
    assert len(audio_of(peer.respond("Hello"))) == 325 * 48
    peer.update(audio={"output": {"speed": 0.5}})
    assert len(audio_of(peer.respond("Hello"))) == 650 * 48


def test_speech_without_time() -> None:
    """A transcript, and no audio."""
    events = Peer().respond(Say("Hello you", audio_ms=0))
    assert joined(events, TRANSCRIPT_DELTA) == "Hello you"
    assert audio_of(events) == b""


def test_g711_output() -> None:
    """8 bytes a millisecond."""
    peer = Peer()
    peer.update(audio={"output": {"format": {"type": "audio/pcma"}}})
    assert len(audio_of(peer.respond(Say("Hello", audio_ms=300)))) == 300 * 8


@pytest.mark.parametrize(
    ("piece", "modality"), [(Say("Hello my friend"), "text"), (Text("Hello my friend"), "audio")]
)
def test_the_events_of_a_written_answer(piece: Any, modality: str) -> None:
    """Because text is asked for, or because the scenario insists on it."""
    events = Peer().respond(piece, output_modalities=[modality])
    assert types(events) == [
        *OPENING,
        *MESSAGE_OPENING,
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert joined(events, "response.output_text.delta") == "Hello my friend"
    (item,) = events[-1]["response"]["output"]
    assert item["content"] == [{"type": "output_text", "text": "Hello my friend"}]


def test_the_events_of_a_function_call() -> None:
    """Arguments in pieces, then whole."""
    events = Peer().respond(CallFunction("look", {"where": "over there"}, call_id="c1"))
    assert types(events) == [
        *OPENING,
        "response.output_item.added",
        "conversation.item.added",
        *["response.function_call_arguments.delta"] * 2,
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    arguments = '{"where": "over there"}'
    assert joined(events, "response.function_call_arguments.delta") == arguments
    done = events[-4]
    assert (done["call_id"], done["name"], done["arguments"]) == ("c1", "look", arguments)
    (item,) = events[-1]["response"]["output"]
    assert item["arguments"] == arguments
    assert events[2]["item"]["arguments"] == ""


def test_call_ids_are_made_up_where_none_is_given() -> None:
    """Each call has its own."""
    output = Peer().respond([CallFunction("a"), CallFunction("b")])[-1]["response"]["output"]
    assert len({item["call_id"] for item in output}) == 2


def test_an_empty_answer() -> None:
    """It is complete at once."""
    events = Peer().respond(None)
    assert types(events) == [*OPENING, "response.done"]
    assert events[-1]["response"]["output"] == []


def test_waiting_leaves_the_message_open() -> None:
    """The clock's seconds, not the media's."""
    peer = Peer()
    peer.send("response.create")
    _, pauses = peer.play(peer.started(), [Wait(2.0), Text("Hi"), Wait(1.5), Text("you")])
    assert pauses == [
        Pause(seconds=2.0),
        Pause(TEXT_DELTA_MS),
        Pause(seconds=1.5),
        Pause(TEXT_DELTA_MS),
    ]


@pytest.mark.parametrize(
    ("piece", "status", "details"),
    [
        (
            Fail("insufficient_quota", "No."),
            "failed",
            {
                "type": "failed",
                "error": {"type": "server_error", "code": "insufficient_quota", "message": "No."},
            },
        ),
        (
            Incomplete("content_filter"),
            "incomplete",
            {"type": "incomplete", "reason": "content_filter"},
        ),
    ],
)
def test_answers_that_end_badly(piece: Any, status: str, details: dict[str, Any]) -> None:
    """The message before is incomplete; nothing comes after."""
    events = Peer().respond([Text("Whole"), Text("Half"), Wait(0.0), piece, "never"])
    response = events[-1]["response"]
    assert (response["status"], response["status_details"]) == (status, details)
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["usage"]["output_tokens"] == 3


def test_the_token_limit() -> None:
    """Output stops where the limit is passed."""
    peer = Peer()
    events = peer.respond(Say("Hello you", audio_ms=10_000), max_output_tokens=10)
    response = events[-1]["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert len(audio_of(events)) == 500 * 48
    assert peer.respond("Hi", max_output_tokens=100)[-1]["response"]["status"] == "completed"


def started(peer: Peer, reply: Any, steps: int) -> tuple[Any, Any]:
    """A response that has been played for some steps."""
    peer.send("response.create")
    response = peer.started()
    playing = response.play(pieces(reply))
    for _ in range(steps):
        next(playing)
    peer.taken()
    return response, playing


def test_cancelling_speech() -> None:
    """What was said stays, incomplete, and the generator says no more."""
    peer = Peer()
    _, playing = started(peer, Say("Hello my dear friend", audio_ms=1_000), 4)
    events = peer.send("response.cancel")
    assert types(events) == [*AUDIO_CLOSING, "response.done"]
    assert events[1]["transcript"] == "Hello my "
    assert events[2]["part"] == {"type": "audio", "transcript": "Hello my "}
    response = events[-1]["response"]
    assert response["status"] == "cancelled"
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"] == {"text_tokens": 3, "audio_tokens": 8}
    assert list(playing) == []
    assert peer.taken() == []
    (item,) = peer.protocol.conversation.items
    assert item.status == "incomplete"
    assert item.parts is not None
    assert item.parts[0].audio_ms == 400


def test_cancelling_a_function_call() -> None:
    """Its arguments end in the middle."""
    peer = Peer()
    started(peer, CallFunction("look", "x" * 40), 2)
    events = peer.send("response.cancel")
    assert types(events) == [
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert events[0]["arguments"] == "x" * 32
    assert events[-2]["item"]["status"] == "incomplete"


def test_cancelling_before_anything_was_said() -> None:
    """There is no output, and the answer that comes later is not played."""
    peer = Peer()
    peer.send("response.create")
    response = peer.started()
    (done,) = peer.send("response.cancel")
    assert done["response"]["output"] == []
    assert peer.play(response, "Too late") == ([], [])


def test_truncating_what_is_being_said() -> None:
    """It stays cut, although the response goes on."""
    peer = Peer()
    response, playing = started(peer, Say("Hello my dear friend", audio_ms=1_000), 3)
    (item,) = peer.protocol.conversation.items
    peer.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=200)
    assert len(list(playing)) == 7
    events = peer.taken()
    assert len(audio_of(events)) == 700 * 48
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_audio"}]
    assert response.audio_ms == 200


def test_deleting_what_is_being_said() -> None:
    """The response has its item still, the conversation has not."""
    peer = Peer()
    _, playing = started(peer, Say("Hello", audio_ms=300), 1)
    (item,) = peer.protocol.conversation.items
    peer.send("conversation.item.delete", item_id=item.id)
    assert len(list(playing)) == 2
    events = peer.taken()
    assert "conversation.item.done" not in types(events)
    assert events[-1]["response"]["output"][0]["id"] == item.id
