"""What client events do, without a socket or a clock."""

from typing import Any

import pytest
from support_simulator import Peer, done_of, encoded, error_of, silence, speech, types, user_message

from trio_realtime.testing.simulator import CallFunction, Fail, Heard, Say
from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.outlet import Later, WatchIdle

ITEM_EVENTS = ["conversation.item.added", "conversation.item.done"]
AUDIO_DONE = "response.output_audio.done"
EVERYTHING = {
    "conversation.item.added",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "error",
    "input_audio_buffer.cleared",
    "input_audio_buffer.committed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "rate_limits.updated",
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "session.created",
    "session.updated",
}


def test_type_and_event_id_come_first() -> None:
    """As the service has it, which fast clients may rely on."""
    peer = Peer()
    peer.protocol.begin()
    for event in peer.taken() + peer.update() + peer.respond("Hello"):
        assert list(event)[:2] == ["type", "event_id"]


def test_event_ids_are_unique() -> None:
    """No two events share one."""
    ids = [event["event_id"] for event in Peer().respond("Hello you")]
    assert len(ids) == len(set(ids)) > 10


@pytest.mark.parametrize("frame", ["", "3", "[]", "{", "{}x", "[" * 100_000])
def test_frames_that_are_no_json_objects(frame: str) -> None:
    """An error in the service's words, and the session goes on."""
    peer = Peer()
    assert peer.protocol.receive(frame) is None
    error = error_of(peer.taken())
    assert error["code"] == "invalid_json"
    assert error["message"].startswith("Invalid event: failed to parse JSON value. ")
    assert types(peer.update()) == ["session.updated"]


@pytest.mark.parametrize("frame", [b"", b'{"type": "response.create"}'])
def test_binary_frames(frame: bytes) -> None:
    """They are refused, whatever is in them, and the session goes on."""
    peer = Peer()
    assert peer.protocol.receive(frame) is None
    error = error_of(peer.taken())
    assert error["code"] == "invalid_event"
    assert error["message"] == (
        "Expected a text WebSocket message; binary frames are not supported."
    )
    assert types(peer.update()) == ["session.updated"]


@pytest.mark.parametrize("event_type", ["session.close", "session.input_audio_buffer.append"])
def test_events_of_translation_sessions(event_type: str) -> None:
    """The service knows their names in every session; there is nothing to do for them in this."""
    error = error_of(Peer().send(event_type, audio=""))
    assert error["param"] in ("type", "audio")


@pytest.mark.parametrize("event_id", ["mine", None])
def test_errors_name_the_event_that_caused_them(event_id: str | None) -> None:
    """With the client's own id, if it gave one."""
    peer = Peer()
    error = error_of(peer.send("response.cancel", event_id=event_id))
    assert error == {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found",
        "param": None,
        "event_id": event_id,
    }


def test_an_event_id_that_is_no_string() -> None:
    """It cannot be repeated."""
    error = error_of(Peer().send("response.cancel", event_id=3))
    assert (error["code"], error["param"], error["event_id"]) == ("invalid_type", "event_id", None)


def test_unknown_and_malformed_events_return_what_was_read() -> None:
    """The shell records them like all others."""
    peer = Peer()
    assert peer.protocol.receive('{"type": "nonsense"}') == {"type": "nonsense"}
    error = error_of(peer.taken())
    assert (error["code"], error["param"]) == ("invalid_value", "type")
    assert error["message"] == (
        "Invalid value: 'nonsense'. Supported values are: 'session.update', 'session.close',"
        " 'input_audio_buffer.append', 'session.input_audio_buffer.append',"
        " 'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create',"
        " 'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve',"
        " 'response.create', and 'response.cancel'."
    )


def test_refusals_are_used_once() -> None:
    """And only for their own type."""
    peer = Peer()
    refusal = ApiError("Not now.", code="rate_limit_exceeded", param="session")
    peer.protocol.refusals += [("response.cancel", refusal), ("session.update", refusal)]
    error = error_of(peer.update(instructions="Be brief."))
    assert (error["code"], error["param"]) == ("rate_limit_exceeded", "session")
    assert types(peer.update(instructions="Be brief.")) == ["session.updated"]


# -- session ---------------------------------------------------------------------------------------


def test_session_update_answers_with_the_whole_session() -> None:
    """Including what was not changed."""
    peer = Peer(model="gpt-realtime-2.1")
    (event,) = peer.update(instructions="Be brief.", audio={"output": {"voice": "ash"}})
    assert event["type"] == "session.updated"
    assert event["session"] == peer.protocol.session
    assert event["session"]["model"] == "gpt-realtime-2.1"
    assert event["session"]["audio"]["output"]["voice"] == "ash"


def test_an_invalid_update_changes_nothing() -> None:
    """Not even the valid part of it."""
    peer = Peer()
    before = peer.protocol.session
    error = error_of(peer.update(instructions="Be brief.", audio={"output": {"voice": "nobody"}}))
    assert (error["code"], error["param"]) == ("invalid_value", "session.audio.output.voice")
    assert peer.protocol.session == before


def test_the_voice_is_fixed_by_the_first_audio() -> None:
    """Text does not count."""
    peer = Peer()
    peer.respond("Hello", output_modalities=["text"])
    assert types(peer.update(audio={"output": {"voice": "ash"}})) == ["session.updated"]
    peer.respond("Hello")
    error = error_of(peer.update(audio={"output": {"voice": "echo"}}))
    assert error["code"] == "cannot_update_voice"


def test_the_model_of_the_url_is_fixed() -> None:
    """With a call id there is none, and the update names it."""
    error = error_of(Peer(model="gpt-realtime-2.1").update(model="gpt-realtime"))
    assert error["param"] == "session.model"
    peer = Peer(call_id="rtc_1")
    peer.update(model="gpt-realtime-2.1")
    assert peer.protocol.session["model"] == "gpt-realtime-2.1"


# -- items -----------------------------------------------------------------------------------------


def test_created_items_are_added_and_done() -> None:
    """With an id, completed, and placed."""
    peer = Peer()
    added, done = peer.send("conversation.item.create", item=user_message("Hello"))
    assert types([added, done]) == ITEM_EVENTS
    assert added["item"] == done["item"]
    assert added["previous_item_id"] is None
    assert added["item"]["status"] == "completed"
    assert added["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert list(added["item"]) == ["id", "type", "status", "role", "content"]
    second, _ = peer.send("conversation.item.create", item=user_message("x", id="mine"))
    assert second["item"]["id"] == "mine"
    assert second["previous_item_id"] == added["item"]["id"]
    first, _ = peer.send(
        "conversation.item.create", item=user_message("y", id="top"), previous_item_id="root"
    )
    assert first["previous_item_id"] is None
    between, _ = peer.send(
        "conversation.item.create", item=user_message("z"), previous_item_id="top"
    )
    assert between["previous_item_id"] == "top"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"item": user_message("x", id="here")}, "item_create_duplicate_item_id"),
        (
            {"item": user_message("x"), "previous_item_id": "gone"},
            "item_create_invalid_previous_item_id",
        ),
        (
            {"item": {"type": "function_call_output", "call_id": "c", "output": ""}},
            "invalid_tool_call_id",
        ),
    ],
)
def test_items_that_cannot_be_created(fields: dict[str, Any], code: str) -> None:
    """They leave no trace."""
    peer = Peer()
    peer.send("conversation.item.create", item=user_message("Hello", id="here"))
    assert error_of(peer.send("conversation.item.create", **fields))["code"] == code
    assert [item.id for item in peer.protocol.conversation.items] == ["here"]


def test_function_calls_and_their_outputs() -> None:
    """A call without an id gets one; an output needs a call that is there."""
    peer = Peer()
    call = {"type": "function_call", "name": "look", "arguments": "{}"}
    added, _ = peer.send("conversation.item.create", item=call)
    call_id = added["item"]["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "nothing"}
    added, _ = peer.send("conversation.item.create", item=output)
    assert added["item"] == {"id": added["item"]["id"], **output}
    named = {**call, "call_id": "c1"}
    added, _ = peer.send("conversation.item.create", item=named)
    assert added["item"]["call_id"] == "c1"


def test_created_audio_is_heard_unless_it_has_a_transcript() -> None:
    """The scenario says what it is; the audio can be retrieved."""
    peer = Peer(hears=["Good day"])
    audio = encoded(speech(100))
    content = [
        {"type": "input_audio", "audio": audio, "transcript": "Hello"},
        {"type": "input_audio", "audio": audio},
    ]
    added, _ = peer.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    assert added["item"]["content"] == [
        {"type": "input_audio", "transcript": "Hello"},
        {"type": "input_audio", "transcript": None},
    ]
    peer.send("response.create")
    assert peer.started().turn.user_text == "Hello Good day"
    (retrieved,) = peer.send("conversation.item.retrieve", item_id=added["item"]["id"])
    assert [part["audio"] for part in retrieved["item"]["content"]] == [audio, audio]


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("audio/pcm", "mono PCM16 at 24kHz"),
        ("audio/pcmu", "G.711 u-law at 8kHz"),
        ("audio/pcma", "G.711 A-law at 8kHz"),
    ],
)
@pytest.mark.parametrize("audio", ["AAA", "Ä", "A A="])
def test_audio_that_is_not_base64(name: str, described: str, audio: str) -> None:
    """In the buffer or in an item."""
    peer = Peer()
    peer.update(audio={"input": {"format": {"type": name}}})
    error = error_of(peer.send("input_audio_buffer.append", audio=audio))
    assert error["message"] == (
        f"Invalid 'audio'. Expected base64-encoded audio bytes ({described})"
        " but got an invalid value."
    )
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    error = error_of(peer.send("conversation.item.create", item=item))
    assert error["param"] == "item.content[0].audio"


def test_retrieve_delete_and_truncate() -> None:
    """Each is confirmed, once."""
    peer = Peer()
    response = done_of(peer.respond(Say("Hello", audio_ms=1_000)))
    item_id = response["output"][0]["id"]
    (truncated,) = peer.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400
    )
    assert truncated["type"] == "conversation.item.truncated"
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 400)
    (retrieved,) = peer.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["type"] == "conversation.item.retrieved"
    (part,) = retrieved["item"]["content"]
    assert len(part["audio"]) == 400 * 48 * 4 / 3
    assert "transcript" not in part
    (deleted,) = peer.send("conversation.item.delete", item_id=item_id)
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", item_id)
    for doing, extra in [
        ("delete", {}),
        ("retrieve", {}),
        ("truncate", {"content_index": 0, "audio_end_ms": 1}),
    ]:
        error = error_of(peer.send(f"conversation.item.{doing}", item_id=item_id, **extra))
        assert error["code"] == f"item_{doing}_invalid_item_id"


# -- responses -------------------------------------------------------------------------------------


def test_one_response_at_a_time() -> None:
    """A second is refused, with the first one's id; afterwards it is free again."""
    peer = Peer()
    peer.send("response.create")
    first = peer.started()
    error = error_of(peer.send("response.create", event_id="e2"))
    assert error == {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": f"Conversation already has an active response in progress: {first.id}."
        " Wait until the response is finished before creating a new one.",
        "param": None,
        "event_id": "e2",
    }
    peer.play(first, "Hello")
    assert peer.protocol.default_response is None
    peer.send("response.create")
    assert peer.started().turn.number == 1


def test_out_of_band_responses_run_beside_the_default_one() -> None:
    """They write to no conversation, and are cancelled by id only."""
    peer = Peer()
    peer.send("conversation.item.create", item=user_message("Hello"))
    peer.send("response.create")
    default = peer.started()
    peer.send("response.create", response={"conversation": "none", "metadata": {"topic": "x"}})
    aside = peer.started()
    peer.send("response.create", response={"conversation": "none"})
    assert list(peer.protocol.active) == [default.id, aside.id, peer.started().id]
    assert aside.turn.out_of_band
    assert aside.turn.metadata == {"topic": "x"}
    assert aside.turn.user_text == "Hello"
    events, _ = peer.play(aside, "Aside")
    assert not [event for event in events if event["type"].startswith("conversation.")]
    assert done_of(events)["conversation_id"] is None
    assert done_of(events)["metadata"] == {"topic": "x"}
    assert len(peer.protocol.conversation.items) == 1
    peer.send("response.cancel")
    assert peer.stopped() == [default]
    error = error_of(peer.send("response.cancel"))
    assert error["code"] == "response_cancel_not_active"


def test_cancel_by_id() -> None:
    """Any response in progress can be meant; one that is over cannot."""
    peer = Peer()
    peer.send("response.create", response={"conversation": "none"})
    aside = peer.started()
    done = done_of(peer.send("response.cancel", response_id=aside.id))
    assert done["status"] == "cancelled"
    assert done["status_details"] == {
        "type": "cancelled",
        "reason": "client_cancelled",
    }
    assert peer.stopped() == [aside]
    error = error_of(peer.send("response.cancel", response_id=aside.id))
    assert error["code"] == "response_cancel_not_active"


def test_response_settings_are_the_sessions_or_its_own() -> None:
    """What ``response.create`` names goes before the session's."""
    peer = Peer()
    tool = {"type": "function", "name": "look"}
    peer.update(
        instructions="Session's.",
        tools=[tool],
        tool_choice="required",
        max_output_tokens=100,
        audio={"output": {"voice": "ash", "speed": 1.5}},
    )
    (created, *_) = peer.send("response.create")
    turn = peer.started().turn
    assert (turn.instructions, turn.tools, turn.tool_choice) == ("Session's.", [tool], "required")
    assert turn.cause == "client"
    assert created["response"]["max_output_tokens"] == 100
    assert created["response"]["audio"]["output"]["voice"] == "ash"
    peer.send("response.cancel")
    (created, *_) = peer.send(
        "response.create",
        response={
            "instructions": "Own.",
            "tools": [],
            "tool_choice": "none",
            "output_modalities": ["text"],
            "max_output_tokens": "inf",
            "audio": {"output": {"voice": {"id": "voice_1"}, "format": {"type": "audio/pcmu"}}},
        },
    )
    turn = peer.started().turn
    assert (turn.instructions, turn.tools, turn.tool_choice) == ("Own.", [], "none")
    assert turn.output_modalities == ["text"]
    assert created["response"]["output_modalities"] == ["text"]
    assert created["response"]["max_output_tokens"] == "inf"
    assert created["response"]["audio"]["output"] == {
        "format": {"type": "audio/pcmu"},
        "voice": "voice_1",
    }
    assert peer.protocol.session["instructions"] == "Session's."


def test_response_input_replaces_the_conversation() -> None:
    """Raw items and references, in that order, and nothing else."""
    peer = Peer()
    peer.send("conversation.item.create", item=user_message("First", id="first"))
    peer.send("conversation.item.create", item=user_message("Second"))
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    peer.send(
        "response.create",
        response={"input": [{"type": "item_reference", "id": "first"}, call, output]},
    )
    items = peer.started().turn.items
    assert [item["type"] for item in items] == ["message", "function_call", "function_call_output"]
    assert items[0]["id"] == "first"
    assert len(peer.protocol.conversation.items) == 2
    peer.send("response.cancel")
    peer.send("response.create", response={"input": []})
    assert peer.started().turn.items == ()
    peer.send("response.cancel")
    error = error_of(
        peer.send(
            "response.create",
            response={"input": [{"type": "item_reference", "id": "gone"}]},
        )
    )
    assert (error["code"], error["param"]) == ("invalid_value", "response.input[0].id")


NULLS = [
    "conversation",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "output_modalities",
    "parallel_tool_calls",
    "prompt",
    "reasoning",
    "tool_choice",
    "tools",
]


@pytest.mark.parametrize(
    "params",
    [
        None,
        dict.fromkeys([*NULLS, "audio"]),
        {"audio": {"output": None}},
        {"audio": {"output": {"format": None, "voice": None}}},
    ],
)
def test_null_in_response_create_is_as_good_as_absent(params: Any) -> None:
    """Clients that write every field of their objects are served like all others."""
    peer = Peer()
    peer.update(instructions="Be brief.", audio={"output": {"voice": "ash"}})
    peer.send("conversation.item.create", item=user_message("Hello"))
    plain, *_ = peer.send("response.create")
    turn = peer.started().turn
    peer.send("response.cancel")
    created, *_ = peer.send("response.create", response=params)
    ids = {"id": plain["response"]["id"]}
    assert {**created["response"], **ids} == plain["response"]
    given = peer.started().turn
    assert (given.instructions, given.items, given.tools) == ("Be brief.", turn.items, turn.tools)


def test_null_in_items_is_as_good_as_absent() -> None:
    """Neither the item nor its content shows it."""
    peer = Peer()
    content = [{"type": "input_image", "image_url": "data:image/png;base64,", "detail": None}]
    item = {"type": "message", "role": "user", "content": content}
    nothing = dict.fromkeys(["id", "object", "status"])
    added, _ = peer.send(
        "conversation.item.create", item={**item, **nothing}, previous_item_id=None
    )
    assert added["item"]["id"]
    assert added["item"]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,"}
    ]


def test_usage_counts_the_prompt_and_what_was_read_before() -> None:
    """The second response finds the first one's prompt in the cache."""
    peer = Peer()
    peer.send("conversation.item.create", item=user_message("12345678"))
    first = done_of(peer.respond(Say("1234", audio_ms=1_000)))["usage"]
    assert (first["input_tokens"], first["output_tokens"], first["total_tokens"]) == (2, 37, 39)
    assert first["input_token_details"]["cached_tokens"] == 0
    second = done_of(peer.respond("1234", output_modalities=["text"]))["usage"]
    assert second["input_token_details"]["audio_tokens"] == 10
    assert second["input_token_details"]["cached_tokens"] == 2
    assert second["output_token_details"] == {
        "text_tokens": 17,
        "audio_tokens": 0,
        "reasoning_tokens": 16,
    }


def test_rate_limits_follow_the_end_of_a_response() -> None:
    """They count its tokens, and nothing else."""
    done, limits = Peer().respond("Hello", output_modalities=["text"])[-2:]
    assert types([done, limits]) == ["response.done", "rate_limits.updated"]
    (limit,) = limits["rate_limits"]
    assert limit["name"] == "tokens"
    assert limit["limit"] - limit["remaining"] == done["response"]["usage"]["total_tokens"]


def test_everything_said_is_valid(server_event: Any) -> None:
    """Every server event the simulator has, against the ``openai`` package's type."""
    said: list[dict[str, Any]] = []
    for call_id in (None, "rtc_1"):
        peer = Peer(call_id=call_id, hears=["Good day", Heard("", failure="Too noisy.")])
        peer.protocol.begin()
        said += peer.taken() + everything(peer)
    for event in said:
        server_event.validate_python(event)
    assert set(types(said)) == EVERYTHING


def everything(peer: Peer) -> list[dict[str, Any]]:
    """What the server says in a conversation that leaves nothing out."""
    said = peer.update(
        audio={
            "input": {
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000},
            },
            "output": {"voice": {"id": "voice_1"}},
        },
        tracing="auto",
    )
    said += peer.send("conversation.item.create", item=user_message("Hello", id="u"))
    said += peer.respond(["Hello", CallFunction("look", {"a": 1})], metadata={"a": "b"})
    for effect in peer.effects:
        if isinstance(effect, Later):
            effect.then()
    (watch,) = [effect for effect in peer.effects if isinstance(effect, WatchIdle)]
    watch.expired()
    said += peer.taken()
    said += peer.play(peer.started(), Fail())[0]
    said += peer.respond("Hello", output_modalities=["text"], conversation="none")
    said += peer.send("conversation.item.retrieve", item_id="u")
    for _ in range(2):
        said += peer.append(silence(500) + speech(500))
        said += peer.append(silence(500))
        said += peer.send("response.cancel")
    said += peer.send("output_audio_buffer.clear")
    spoken = next(event["item_id"] for event in said if event["type"] == AUDIO_DONE)
    where = {"item_id": spoken, "content_index": 0}
    said += peer.send("conversation.item.truncate", **where, audio_end_ms=100)
    said += peer.send("conversation.item.retrieve", item_id=spoken)
    said += peer.send("conversation.item.delete", item_id=spoken)
    said += peer.send("input_audio_buffer.clear")
    return said + peer.send("nonsense")
