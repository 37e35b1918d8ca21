"""A response from its first event to its last."""

import base64
from typing import Any

import pytest
from support_simulator import Peer, done_of, types

from trio_realtime.testing.simulator import CallFunction, Fail, Incomplete, Say, Text, Wait
from trio_realtime.testing.simulator.replies import pieces
from trio_realtime.testing.simulator.response_playing import TEXT_DELTA_MS, Pause

ENDING = ["response.done", "rate_limits.updated"]
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
        "response.created",
        *MESSAGE_OPENING,
        TRANSCRIPT_DELTA,
        AUDIO_DELTA,
        TRANSCRIPT_DELTA,
        TRANSCRIPT_DELTA,
        AUDIO_DELTA,
        AUDIO_DELTA,
        *AUDIO_CLOSING,
        *ENDING,
    ]
    created, done = events[0]["response"], done_of(events)
    assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)
    assert (done["status"], done["status_details"]) == ("completed", None)
    assert joined(events, TRANSCRIPT_DELTA) == "Hello my friend"
    assert len(audio_of(events)) == 250 * 48
    (item,) = done["output"]
    assert item == events[-3]["item"] == events[-4]["item"]
    assert item["status"] == "completed"
    assert item["content"] == [{"type": "output_audio", "transcript": "Hello my friend"}]
    added = events[2]["item"]
    assert (added["id"], added["status"], added["content"]) == (item["id"], "in_progress", [])


def test_every_part_of_a_message_is_located() -> None:
    """Response, item, output and content."""
    events = Peer().respond(["One", "Two"])
    items = [item["id"] for item in done_of(events)["output"]]
    assert len(items) == 2
    for event in events:
        if "content_index" in event:
            assert event["response_id"] == done_of(events)["id"]
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
        "response.created",
        *MESSAGE_OPENING,
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        *ENDING,
    ]
    assert joined(events, "response.output_text.delta") == "Hello my friend"
    (item,) = done_of(events)["output"]
    assert item["content"] == [{"type": "output_text", "text": "Hello my friend"}]


def test_the_events_of_a_function_call() -> None:
    """Arguments in pieces, then whole."""
    events = Peer().respond(CallFunction("look", {"where": "over there"}, call_id="c1"))
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        *["response.function_call_arguments.delta"] * 2,
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        *ENDING,
    ]
    arguments = '{"where":"over there"}'
    assert joined(events, "response.function_call_arguments.delta") == arguments
    done = events[-5]
    assert (done["call_id"], done["name"], done["arguments"]) == ("c1", "look", arguments)
    (item,) = done_of(events)["output"]
    assert item["arguments"] == arguments
    assert events[2]["item"]["arguments"] == ""


FIRST_GENERATION = "gpt-realtime"
SECOND_GENERATION = "gpt-realtime-2.1"


def test_items_interleave() -> None:
    """The message before a call is closed when the call has been written, and before its end."""
    events = Peer(model=SECOND_GENERATION).respond([Text("Hi"), CallFunction("look")])
    closing = ["conversation.item.done", "response.output_item.done"]
    assert types(events) == [
        "response.created",
        *MESSAGE_OPENING,
        "response.output_text.delta",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.output_text.done",
        "response.content_part.done",
        *closing,
        "response.function_call_arguments.done",
        *closing,
        *ENDING,
    ]
    message, call = done_of(events)["output"]
    indexes = {
        event.get("item_id", event.get("item", {}).get("id")): event["output_index"]
        for event in events
        if "output_index" in event
    }
    assert indexes == {message["id"]: 0, call["id"]: 1}


def test_calls_and_messages_otherwise_follow_each_other() -> None:
    """A call is closed before the next item begins, and so is a message before the next one."""
    events = Peer().respond([Text("A"), Text("B"), CallFunction("c"), CallFunction("d"), Text("E")])
    order = [
        (event["output_index"], event["type"].rpartition(".")[2])
        for event in events
        if event["type"].startswith("response.output_item")
    ]
    assert order == [
        (0, "added"),
        (0, "done"),
        (1, "added"),
        (2, "added"),
        (1, "done"),
        (2, "done"),
        (3, "added"),
        (3, "done"),
        (4, "added"),
        (4, "done"),
    ]


def test_cancelling_while_two_items_are_open() -> None:
    """What had been said in full is complete; the call that was being written is not."""
    peer = Peer()
    started(peer, [Text("Hi"), CallFunction("look", "x" * 40)], 3)
    output = done_of(peer.send("response.cancel"))["output"]
    assert [item["status"] for item in output] == ["completed", "incomplete"]


def test_the_second_item_of_a_conversation_names_none_before_it_when_done() -> None:
    """As the service has it; ``added`` named it, and from the third item on ``done`` does too."""
    peer = Peer()
    peer.send("conversation.item.create", item={"type": "message", "role": "user", "content": []})
    events = peer.respond(["One", "Two"])
    user, one, two = [item.id for item in peer.protocol.conversation.items]
    before = {
        event["item"]["id"]: event["previous_item_id"]
        for event in events
        if event["type"] == "conversation.item.added"
    }
    assert before == {one: user, two: one}
    after = {
        event["item"]["id"]: event["previous_item_id"]
        for event in events
        if event["type"] == "conversation.item.done"
    }
    assert after == {one: None, two: one}


def test_deltas_of_text_are_padded_and_audio_is_not() -> None:
    """To a multiple of 16 characters, so that the length of a frame says nothing."""
    peer = Peer()
    events = peer.respond([Say("Hello my friend"), CallFunction("look", {"a": "x" * 40})])
    events += peer.respond(Text("Incomprehensibilities, exactly."))
    deltas = [event for event in events if event["type"].endswith(".delta")]
    assert deltas
    for event in deltas:
        if event["type"] == AUDIO_DELTA:
            assert "obfuscation" not in event
        else:
            assert (len(event["delta"]) + len(event["obfuscation"])) % 16 == 0
            assert event["obfuscation"]


def test_the_phases_of_messages() -> None:
    """What comes before a call is a commentary; older models do not say."""
    reply = ["Let me look.", CallFunction("look"), "Hm.", CallFunction("look"), "Found it."]
    output = done_of(Peer(model=SECOND_GENERATION).respond(reply))["output"]
    phases = [item.get("phase") for item in output]
    assert phases == ["commentary", None, "commentary", None, "final_answer"]
    output = done_of(Peer(model=FIRST_GENERATION).respond(reply))["output"]
    assert not [item for item in output if "phase" in item]


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (FIRST_GENERATION, {}, None),
        (FIRST_GENERATION, {"reasoning": {"effort": "high"}}, None),
        (SECOND_GENERATION, {}, 16),
        (SECOND_GENERATION, {"reasoning": {"effort": "minimal"}}, None),
        (SECOND_GENERATION, {"reasoning": {"effort": "high"}}, 64),
    ],
)
def test_reasoning_tokens(model: str, settings: dict[str, Any], expected: int | None) -> None:
    """Models that reason count them, as text; the others do not mention them."""
    details = done_of(Peer(model=model).respond(Text("1234"), **settings))["usage"]
    assert details["output_token_details"].get("reasoning_tokens") == expected
    assert details["output_tokens"] == 1 + (expected or 0)


@pytest.mark.parametrize(
    ("model", "arguments", "expected"),
    [
        (SECOND_GENERATION, {"a": 1, "b": [2]}, '{"a":1,"b":[2]}'),
        (FIRST_GENERATION, {"a": 1, "b": [2]}, '{  \n  "a": 1,\n  "b": [2] \n} \n'),
        (FIRST_GENERATION, {}, "{}"),
        (FIRST_GENERATION, "{oops", "{oops"),
        (SECOND_GENERATION, "{oops", "{oops"),
    ],
)
def test_how_models_write_arguments(model: str, arguments: Any, expected: str) -> None:
    """Older ones over several lines; a string goes out as it is, so that nonsense can be played."""
    (item,) = done_of(Peer(model=model).respond(CallFunction("f", arguments)))["output"]
    assert item["arguments"] == expected


def test_call_ids_are_made_up_where_none_is_given() -> None:
    """Each call has its own."""
    output = done_of(Peer().respond([CallFunction("a"), CallFunction("b")]))["output"]
    assert len({item["call_id"] for item in output}) == 2


def test_an_empty_answer() -> None:
    """It is complete at once."""
    events = Peer().respond(None)
    assert types(events) == ["response.created", *ENDING]
    assert done_of(events)["output"] == []


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
    response = done_of(events)
    assert (response["status"], response["status_details"]) == (status, details)
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["usage"]["output_tokens"] == 3 + 16


def test_the_token_limit() -> None:
    """Output stops where the limit is passed."""
    peer = Peer()
    events = peer.respond(Say("Hello you", audio_ms=10_000), max_output_tokens=10)
    response = done_of(events)
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert len(audio_of(events)) == 500 * 48
    assert done_of(peer.respond("Hi", max_output_tokens=100))["status"] == "completed"


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
    assert types(events) == [*AUDIO_CLOSING, *ENDING]
    assert events[1]["transcript"] == "Hello my "
    assert events[2]["part"] == {"type": "audio", "transcript": "Hello my "}
    response = done_of(events)
    assert response["status"] == "cancelled"
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"] == {
        "text_tokens": 3 + 16,
        "audio_tokens": 8,
        "reasoning_tokens": 16,
    }
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
        *ENDING,
    ]
    assert events[0]["arguments"] == "x" * 32
    assert events[-3]["item"]["status"] == "incomplete"


def test_cancelling_before_anything_was_said() -> None:
    """There is no output, and the answer that comes later is not played."""
    peer = Peer()
    peer.send("response.create")
    response = peer.started()
    assert done_of(peer.send("response.cancel"))["output"] == []
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
    assert done_of(events)["output"][0]["content"] == [{"type": "output_audio"}]
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
    assert done_of(events)["output"][0]["id"] == item.id
