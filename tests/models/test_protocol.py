"""The protocol core from the server's side: what each event does, and that none does harm."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import support_wire as support
from hypothesis import given, settings
from hypothesis import strategies as st
from support_protocol import SECOND, Client, asked, make, session_with

from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import RealtimeProtocolError
from trio_realtime.items import AssistantMessageItem
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.openai.protocol import response_audio as spoken_audio
from trio_realtime.models.openai.protocol.out_of_band import REQUEST_KEY
from trio_realtime.models.openai.protocol.response_slot import (
    CREATE_TIMEOUT,
    SILENCES,
    ResponseTurns,
)
from trio_realtime.models.playback.ledger import PlaybackLedger
from trio_realtime.models.playback.tracker import RealtimePlaybackTracker


def manual() -> Client:
    """A client of a server that leaves interrupting to it."""
    client = make()
    detection = {"type": "server_vad", "interrupt_response": False}
    client.hears("session.updated", session=session_with(detection))
    return client


INTERRUPTED = model.RealtimeModelAudioInterruptedEvent


# Frames


@pytest.mark.parametrize("kind", sorted(support.samples()))
def test_every_event_of_the_protocol_is_taken_whatever_went_before(kind: str) -> None:
    frame = json.dumps(support.samples()[kind])
    for client in (Client(), make(), manual()):
        client.begins()
        client.speaks(b"")
        for event in [*client.hears_frame(frame), *client.hears_frame(frame.encode())]:
            error = isinstance(event, model.RealtimeModelErrorEvent) and event.error
            assert not isinstance(error, RealtimeProtocolError)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ("not json", "the server sent a frame that is malformed"),
        (b"\xff\xfe", "the server sent a frame that is malformed: .*UTF-8"),
        ("5", "the server sent a frame that is malformed"),
        ("{}", "required field `type`"),
        ('{"type": 5}', "required field `type`"),
        ('{"type": "response.output_text.delta"}', "a response.output_text.delta event that is"),
    ],
)
def test_a_malformed_frame_is_an_error_and_the_session_goes_on(
    frame: str | bytes, complaint: str
) -> None:
    client = make()
    (event,) = client.hears_frame(frame)
    assert isinstance(event, model.RealtimeModelErrorEvent)
    assert isinstance(event.error, RealtimeProtocolError)
    with pytest.raises(RealtimeProtocolError, match=complaint):
        raise event.error
    assert client.speaks()


def test_no_error_repeats_what_a_malformed_frame_holds() -> None:
    frame = json.dumps({"type": "response.output_text.delta", "delta": {"x": "secret words"}})
    (event,) = make().hears_frame(frame)
    assert "secret" not in str(event.error)


def test_an_unknown_event_is_told_raw_and_nothing_else() -> None:
    assert make().hears("response.hologram.delta", delta=[1, 2]) == []


@pytest.mark.parametrize("broken", [{"usage": "many"}, {"output": 5}, {"status_details": []}])
def test_an_end_with_a_wrong_field_is_an_end_like_any(broken: dict[str, Any]) -> None:
    """The next request is sent, and nobody is troubled with an error."""
    client = make()
    client.begins()
    client.says(asked())
    (ended,) = client.ends(status="cancelled", **broken)
    assert ended == model.RealtimeModelTurnEndedEvent(response_id="r1", status="cancelled")
    assert client.sent_briefly() == ["conversation.item.create", "response.create"]


def test_a_beginning_with_a_wrong_field_is_a_beginning_like_any() -> None:
    """The slot is taken, and what could be understood of the metadata is there."""
    client = make()
    (begun,) = client.begins(usage=5, metadata={"a": "b", "c": 5})
    assert begun == model.RealtimeModelTurnStartedEvent(response_id="r1", metadata={"a": "b"})
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create"]


@pytest.mark.parametrize("response", [None, 5, [], {}, {"id": [], "metadata": [1], "usage": 5}])
@pytest.mark.parametrize("kind", ["response.created", "response.done"])
def test_of_a_response_that_is_no_object_nothing_is_guessed(kind: str, response: Any) -> None:
    client = make()
    events = client.hears(kind, response=response)
    assert events[-1].response_id is None
    assert events[-1].metadata is None


# Turns


def test_a_response_begins_and_ends_with_all_the_server_says_of_it() -> None:
    client = make()
    assert client.begins(metadata={"topic": "test"}) == [
        model.RealtimeModelTurnStartedEvent(response_id="r1", metadata={"topic": "test"})
    ]
    usage, ended = client.hears_frame(json.dumps(support.sample("response.done")))
    assert usage.response_id == "resp_1"
    assert ended == model.RealtimeModelTurnEndedEvent(
        response_id="resp_1",
        status="failed",
        reason="content_filter",
        error=model.RealtimeServerError(
            message="Too much.", type="server_error", code="rate_limit_exceeded"
        ),
        usage=usage.usage,
        metadata={"topic": "test"},
    )


def test_messages_during_a_response_share_one_after_it() -> None:
    client = make()
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create", "response.create"]
    client.begins()
    client.says(asked())
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create"] * 2
    assert [type(event) for event in client.ends()] == [model.RealtimeModelTurnEndedEvent]
    assert client.sent_briefly() == ["response.create"]


def test_nobody_hears_that_a_response_was_active_already() -> None:
    client = make()
    client.says(asked())
    (_, create) = client.sent()
    client.begins("the server's own")
    busy = "conversation_already_has_active_response"
    assert client.refuses(busy, create["event_id"]) == []
    assert client.sent() == []
    client.ends("the server's own")
    assert client.sent() == [create]


def test_a_refused_request_is_told_with_its_id_and_frees_the_slot() -> None:
    client = make()
    client.says(asked())
    (_, create) = client.sent()
    client.says(asked())
    client.sent()
    (event,) = client.refuses("invalid_value", create["event_id"])
    assert event.error.code == "invalid_value"
    assert event.event_id == create["event_id"]
    assert client.sent_briefly() == ["response.create"]


def test_a_request_that_nothing_answers_is_told_as_lost() -> None:
    client = make()
    client.says(asked())
    (_, create) = client.sent()
    assert client.protocol.deadline == 100.0 + CREATE_TIMEOUT
    out: deque[Any] = deque()
    client.protocol.expire(99.0 + CREATE_TIMEOUT, out)
    assert not out
    client.protocol.expire(100.0 + CREATE_TIMEOUT, out)
    (event,) = out
    assert "did not answer response.create within 30.0 s" in str(event.error)
    assert event.event_id == create["event_id"]
    assert client.protocol.deadline is None


# Audio


def test_audio_is_told_decoded() -> None:
    (event,) = make().speaks(b"\1\2\3\4", index=2)
    assert event == model.RealtimeModelAudioEvent(
        data=b"\1\2\3\4", response_id="r1", item_id="a1", content_index=2
    )


def test_the_end_of_audio_is_told() -> None:
    client = make()
    client.speaks()
    (event,) = client.finishes()
    assert event == model.RealtimeModelAudioDoneEvent(
        item_id="a1", content_index=0, response_id="r1"
    )


def test_what_has_been_heard_to_its_end_is_not_interrupted() -> None:
    client = make()
    client.begins()
    client.speaks()
    client.finishes()
    client.now += 1.0
    (event,) = client.is_interrupted()
    assert isinstance(event, model.RealtimeModelSpeechStartedEvent)
    assert client.sent() == []


def test_the_end_of_the_response_is_the_end_of_its_audio_too() -> None:
    """`response.output_audio.done` may never have come."""
    client = make()
    client.begins()
    client.speaks()
    client.speaks(item_id="a2")
    client.ends()
    client.now += 2.0
    assert len(client.is_interrupted()) == 1
    assert client.sent() == []


def test_audio_of_other_responses_is_not_finished_by_it() -> None:
    client = make()
    client.speaks(item_id="other", response_id="r0")
    client.speaks()
    client.ends("r0")
    client.now += 2.0
    assert [event.type for event in client.is_interrupted()] == [
        "speech_started",
        "audio_interrupted",
    ]


def test_only_so_many_responses_with_audio_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is heard of a forgotten one is interrupted all the same."""
    monkeypatch.setattr(spoken_audio, "_REMEMBERED", 3)
    client = make()
    for number in range(4):
        client.speaks(item_id=f"a{number}", response_id=f"r{number}", taken=False)
    assert client.says(inputs.RealtimeModelSendInterrupt(response_id="r0")) == []
    events = client.is_interrupted()[1:]
    assert [(event.item_id, event.response_id) for event in events] == [
        ("a0", None),
        ("a1", "r1"),
        ("a2", "r2"),
        ("a3", "r3"),
    ]
    assert client.sent_briefly() == [f"conversation.item.delete a{number}" for number in range(4)]


def test_how_long_audio_of_a_response_goes_on() -> None:
    client = make()
    client.speaks()
    client.speaks(item_id="a2")
    client.speaks(item_id="b", response_id="r2")
    client.now += 0.5
    assert client.protocol.remaining_ms("r1", client.now) == pytest.approx(1500)
    assert client.protocol.remaining_ms("r2", client.now) == pytest.approx(2500)
    assert client.protocol.remaining_ms("unknown", client.now) == 0.0


def test_what_was_not_delivered_was_not_heard() -> None:
    client = make()
    client.begins()
    client.speaks(taken=False)
    client.now += 0.5
    (_, event) = client.is_interrupted()
    assert event.heard_ms == 0
    assert client.sent_briefly() == ["conversation.item.delete a1"]


# Interruption by the user's speech


def test_a_server_that_interrupts_is_told_what_was_heard_and_no_more() -> None:
    client = make()
    client.begins()
    client.speaks(3 * SECOND)
    client.now += 1.25
    assert client.is_interrupted() == [
        model.RealtimeModelSpeechStartedEvent(item_id="u1", audio_start_ms=1000),
        INTERRUPTED(item_id="a1", content_index=0, heard_ms=1250, response_id="r1"),
    ]
    (truncate,) = client.sent()
    assert truncate["type"] == "conversation.item.truncate"
    assert (truncate["item_id"], truncate["content_index"]) == ("a1", 0)
    assert truncate["audio_end_ms"] == 1250


def test_a_server_that_does_not_is_asked_to_cancel_as_well() -> None:
    client = manual()
    client.begins()
    client.speaks()
    client.speaks(item_id="a2")
    client.now += 0.5
    events = client.is_interrupted()
    assert [(event.item_id, event.heard_ms) for event in events[1:]] == [("a1", 500), ("a2", 0)]
    assert client.sent_briefly() == [
        "conversation.item.truncate a1 500",
        "response.cancel r1",
        "conversation.item.delete a2",
    ]


def test_speech_before_the_first_audio_cancels_where_the_server_does_not() -> None:
    client = manual()
    client.begins()
    assert len(client.is_interrupted()) == 1
    assert client.sent_briefly() == ["response.cancel r1"]
    assert client.speaks() == []
    assert client.finishes() == []


def test_speech_before_the_response_begins_cancels_it_when_it_does() -> None:
    client = manual()
    client.says(asked())
    client.is_interrupted()
    client.sent()
    client.begins()
    assert client.sent_briefly() == ["response.cancel r1"]
    assert client.speaks() == []


def test_late_audio_of_what_was_interrupted_is_not_delivered_until_the_response_ends() -> None:
    client = make()
    client.begins()
    client.is_interrupted()
    assert client.speaks() == []
    assert client.finishes() == []
    client.ends(status="cancelled")
    client.begins("r2")
    assert client.speaks(item_id="a2", response_id="r2")
    assert client.finishes("a2", "r2")


def test_audio_of_an_interrupted_item_stays_stale_after_its_response() -> None:
    client = make()
    client.begins()
    client.speaks()
    client.is_interrupted()
    client.ends(status="cancelled")
    assert client.speaks() == []


@pytest.mark.parametrize(
    ("detection", "interrupts"),
    [
        (None, False),
        ({"type": "server_vad", "interrupt_response": False}, False),
        ({"type": "semantic_vad", "interrupt_response": True}, True),
        ({"type": "server_vad"}, True),
    ],
)
def test_whether_the_server_interrupts_is_as_asked_until_it_says_otherwise(
    detection: dict[str, Any] | None, interrupts: bool
) -> None:
    def cancels(client: Client) -> bool:
        client.begins()
        client.is_interrupted()
        return "response.cancel r1" in client.sent_briefly()

    settings = RealtimeSessionModelSettings(turn_detection=detection)
    assert cancels(make(settings)) is not interrupts
    client = make(settings)
    opposite = {"type": "server_vad", "interrupt_response": not interrupts}
    client.hears("session.updated", session=session_with(opposite))
    assert cancels(client) is interrupts
    client = make()
    client.hears("session.created", session=session_with(detection))
    assert cancels(client) is not interrupts


@pytest.mark.parametrize(
    "session", [{}, {"audio": None}, {"audio": {}}, {"audio": {"input": {}, "output": {}}}]
)
def test_an_echo_that_does_not_mention_it_changes_nothing(session: dict[str, Any]) -> None:
    client = manual()
    client.hears("session.updated", session=session)
    client.begins()
    client.is_interrupted()
    assert client.sent_briefly() == ["response.cancel r1"]


@pytest.mark.parametrize("source", ["asked", "echoed"])
def test_what_was_heard_is_counted_in_the_format_of_the_session(source: str) -> None:
    if source == "asked":
        client = make(RealtimeSessionModelSettings(output_audio_format="g711_ulaw"))
    else:
        client = make()
        audio = {"output": {"format": {"type": "audio/pcmu"}}}
        client.hears("session.updated", session={"audio": audio})
        audio = {"output": {"format": {"type": "audio/of the future"}}}
        client.hears("session.updated", session={"audio": audio})
    client.begins()
    client.speaks(bytes(8000))
    client.now += 0.25
    assert client.is_interrupted()[1].heard_ms == 250
    client.now += 1.0
    assert client.protocol.remaining_ms("r1", client.now) == 0.0


PCM_16 = {"type": "audio/pcm", "rate": 16_000}
"""What a server may say instead of 24 kHz."""


def errors_of(events: list[Any]) -> list[str]:
    return [str(each.error) for each in events if isinstance(each, model.RealtimeModelErrorEvent)]


def test_a_format_that_the_server_changed_is_an_error_event_and_counts() -> None:
    """Positions are computed from what the server sends; the application hears of it once."""
    client = make()
    says = {"audio": {"output": {"format": PCM_16}}}
    (text,) = errors_of(client.hears("session.updated", session=says))
    assert text == (
        "the server's output audio is audio/pcm at 16000 Hz, and not audio/pcm at 24000 Hz as "
        "asked for"
    )
    assert errors_of(client.hears("session.updated", session=says)) == []
    client.begins()
    client.speaks(bytes(32_000))
    client.now += 0.9
    assert client.protocol.remaining_ms("r1", client.now) == pytest.approx(100.0)
    assert client.is_interrupted()[1].heard_ms == 900


@pytest.mark.parametrize(
    "says",
    [
        {"audio": {"input": {"format": PCM_16}}},
        {"input_audio_format": "pcm16", "input_audio_sampling_rate": 16_000},
        {"input_audio_format": "pcm16_16000hz"},
    ],
    ids=["GA", "flat with a rate", "rate in the name"],
)
def test_another_format_of_the_users_audio_is_an_error_event(says: dict[str, Any]) -> None:
    """Each spelling of it is read."""
    (text,) = errors_of(make().hears("session.updated", session=says))
    assert text.startswith("the server's input audio is audio/pcm at 16000 Hz")


def test_what_the_server_had_before_it_saw_the_settings_is_no_error() -> None:
    """The first word of a server is its defaults."""
    client = make()
    says = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    assert errors_of(client.hears("session.created", session=says)) == []


def test_a_format_that_nobody_knows_is_an_error_event() -> None:
    """Nobody can play it, or count it."""
    says = {"audio": {"output": {"format": {"type": "audio/of the future"}}}}
    (text,) = errors_of(make().hears("session.updated", session=says))
    assert text == "the server's output audio has a format or a rate that is not known here"


@pytest.mark.parametrize(
    "says",
    [
        {"audio": {"output": {"format": {"type": "audio/pcm"}}}},
        {"output_audio_format": "pcm16"},
        {"output_audio_format": "not specified"},
        {"audio": {"output": {"format": None}}},
    ],
)
def test_a_format_without_a_rate_keeps_the_rate(says: dict[str, Any]) -> None:
    """The rate that was asked for holds until the server names another."""
    asked: Any = {"output": {"format": PCM_16}}
    client = make(RealtimeSessionModelSettings(audio=asked))
    assert errors_of(client.hears("session.updated", session=says)) == []
    client.begins()
    client.speaks(bytes(32_000))
    client.now += 0.5
    assert client.is_interrupted()[1].heard_ms == 500


def test_with_a_tracker_its_word_counts() -> None:
    tracker = RealtimePlaybackTracker()
    client = make(playback=PlaybackLedger(tracker=tracker))
    client.begins()
    client.speaks(3 * SECOND)
    tracker.on_play_ms("a1", 0, 700)
    client.now += 2.0
    assert client.is_interrupted()[1].heard_ms == 700


def heard_audio(events: list[Any]) -> list[bytes]:
    return [each.data for each in events if isinstance(each, model.RealtimeModelAudioEvent)]


@given(st.lists(st.integers(0, 9), max_size=12))
def test_audio_is_told_in_whole_samples(sizes: list[int]) -> None:
    """However the server cuts it; only half a sample at the very end of a part is lost."""
    client = make()
    client.begins()
    sound = bytes(range(sum(sizes)))
    events: list[bytes] = []
    for size in sizes:
        piece, sound = sound[:size], sound[size:]
        events += heard_audio(client.speaks(piece))
    whole = sum(sizes) // 2 * 2
    assert b"".join(events) == bytes(range(whole))
    assert all(piece and len(piece) % 2 == 0 for piece in events)
    client.now += 60.0
    assert client.protocol.remaining_ms("r1", client.now) == 0.0


def test_each_part_has_its_own_half_samples() -> None:
    """Parts that come by turns are not mixed, and one that is done leaves nothing behind."""
    client = make()
    client.begins()
    assert heard_audio(client.speaks(b"\1\2\3", "a1")) == [b"\1\2"]
    assert heard_audio(client.speaks(b"\7", "a2")) == []
    assert heard_audio(client.speaks(b"\4", "a1")) == [b"\3\4"]
    assert heard_audio(client.speaks(b"\5", "a1")) == []
    client.finishes("a1")
    client.finishes("a2")
    assert heard_audio(client.speaks(b"\6\7", "a1")) == [b"\6\7"]


def test_half_samples_are_kept_of_few_parts() -> None:
    """A server that never finishes its parts costs no memory."""
    client = make()
    client.begins()
    for number in range(500):
        client.speaks(b"\0", f"a{number}")
    assert len(client.protocol._audio._halves) <= 64


def test_the_laws_of_telephony_have_no_half_samples() -> None:
    """A byte is a sample there."""
    client = make(RealtimeSessionModelSettings(output_audio_format="g711_ulaw"))
    client.begins()
    assert heard_audio(client.speaks(b"\1\2\3")) == [b"\1\2\3"]


# Items


def test_a_foreign_truncation_is_not_followed_by_ours() -> None:
    client = make()
    client.begins()
    client.speaks()
    events = client.hears(
        "conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=300
    )
    assert events == [
        model.RealtimeModelItemTruncatedEvent(item_id="a1", content_index=0, audio_end_ms=300)
    ]
    assert client.sent_briefly() == ["conversation.item.retrieve a1"]
    assert client.speaks() == []
    assert client.finishes() == []
    assert len(client.is_interrupted()) == 1
    assert client.sent() == []


def test_a_foreign_deletion_is_not_followed_by_ours() -> None:
    client = make()
    client.begins()
    client.speaks()
    assert client.hears("conversation.item.deleted", item_id="a1") == [
        model.RealtimeModelItemDeletedEvent(item_id="a1")
    ]
    assert client.speaks() == []
    assert len(client.is_interrupted()) == 1
    assert client.sent() == []


# Errors


def test_an_error_is_told_with_all_the_server_says() -> None:
    client = make()
    (event,) = client.hears_frame(json.dumps(support.sample("error")))
    assert event.error == model.RealtimeServerError(
        message="The 'type' field is missing.",
        type="invalid_request_error",
        code="invalid_event",
        param="session.type",
        event_id="event_of_client",
    )
    assert event.event_id == "event_of_client"


def own_frames() -> tuple[Client, dict[str, str]]:
    """A client that has sent all it ever sends of its own accord; event ids by type."""
    client = manual()
    client.begins()
    client.speaks()
    client.speaks(item_id="a2")
    client.now += 0.5
    client.is_interrupted()
    client.hears("conversation.item.truncated", item_id="x", content_index=0, audio_end_ms=1)
    return client, {each["type"]: each["event_id"] for each in client.sent()}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("conversation.item.truncate", "item_truncate_invalid_item_id"),
        ("conversation.item.delete", "item_delete_invalid_item_id"),
        ("conversation.item.retrieve", "item_retrieve_invalid_item_id"),
        ("response.cancel", "response_cancel_not_active"),
    ],
)
def test_nobody_hears_that_what_we_sent_unasked_came_too_late(kind: str, code: str) -> None:
    client, ids = own_frames()
    client.ends()
    assert client.refuses(code, ids[kind]) == []


def test_a_server_that_fails_over_what_we_sent_unasked_is_heard_of() -> None:
    client, ids = own_frames()
    assert client.refuses("oops", ids["conversation.item.truncate"], kind="server_error")


def test_the_same_refusal_of_somebody_elses_event_is_heard_of() -> None:
    client, _ = own_frames()
    assert client.refuses("item_delete_invalid_item_id", "mine")
    assert client.refuses("item_delete_invalid_item_id", None)


def test_of_what_we_sent_unasked_only_the_latest_frames_are_remembered() -> None:
    """Far more than can be on their way, and no more for as long as a session lasts."""
    client = make()
    for number in range(300):
        client.hears("conversation.item.truncated", item_id=f"i{number}", audio_end_ms=1)
    ids = [frame["event_id"] for frame in client.sent()]
    code = "item_retrieve_invalid_item_id"
    assert client.refuses(code, ids[0])
    assert client.refuses(code, ids[43])
    assert all(client.refuses(code, each) == [] for each in ids[44:])


# Beside the conversation


def beside(**fields: Any) -> tuple[Client, dict[str, str]]:
    """A client with an active out-of-band response, and the metadata of its request."""
    client = make()
    options = inputs.ResponseOptions(instructions="Sum up.", metadata={"topic": "sum"})
    client.says(inputs.RealtimeModelCreateResponse(options=options, out_of_band=True))
    (create,) = client.sent()
    metadata = create["response"]["metadata"]
    client.begins("oob", conversation_id=None, metadata=metadata, **fields)
    return client, metadata


def test_a_response_beside_the_conversation_is_known_by_the_key_nobody_sees() -> None:
    client, metadata = beside()
    assert len(metadata) == 2
    done: Any = client.ends("oob", conversation_id=None, metadata=metadata)[-1]
    assert done.out_of_band
    assert done.metadata == {"topic": "sum"}
    (begun,) = client.begins("oob2", metadata={list(metadata)[1]: "x"})
    assert begun.out_of_band
    assert begun.metadata is None


def test_it_takes_no_turn() -> None:
    client, _ = beside()
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create", "response.create"]
    client.begins()
    client.ends("oob")
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create"]


@pytest.mark.parametrize("known", [True, False])
def test_its_end_is_not_the_end_of_the_conversations_response(known: bool) -> None:
    """Not even where the id of that one is not known, so that any end might be its end."""
    client, metadata = beside()
    client.says(inputs.RealtimeModelCreateResponse())
    (create,) = client.sent()
    if known:
        client.begins("r1")
    else:
        client.refuses("conversation_already_has_active_response", create["event_id"])
    client.says(asked())
    client.sent()
    client.ends("oob", conversation_id=None, metadata=metadata)
    assert client.sent() == []
    client.ends("r1")
    assert [frame["type"] for frame in client.sent()] == ["response.create"]


def test_what_it_says_is_told_at_its_end_and_is_no_item_of_the_history() -> None:
    client, _ = beside()
    of_response = {"response_id": "oob", "output_index": 0}
    message = support.items()["assistant"]
    call = support.items()["function_call"]
    for kind in ("response.output_item.added", "response.output_item.done"):
        for item in (message, call):
            assert client.hears(kind, item=item, **of_response) == []
    part = {"item_id": "item_1", "content_index": 0, "delta": "x", **of_response}
    assert client.hears("response.output_audio_transcript.delta", **part) == []
    assert client.hears("response.output_text.delta", **part) == []
    output = [message, call, support.items()["function_call_output"]]
    (ended,) = client.ends("oob", output=output)
    assert [item.type for item in ended.output] == ["message", "function_call"]
    assert isinstance(ended.output[0], AssistantMessageItem)
    _call, ended = client.ends("in band", output=output)
    assert ended.output == ()


def test_its_audio_is_heard_but_never_truncated_at_the_server() -> None:
    """The conversation has no such item."""
    client, _ = beside()
    client.speaks(item_id="o1", response_id="oob")
    client.speaks(item_id="o2", response_id="oob")
    client.ends("oob")
    client.now += 0.5
    events = client.is_interrupted()
    assert [(event.item_id, event.heard_ms) for event in events[1:]] == [("o1", 500), ("o2", 0)]
    assert client.sent() == []


def test_the_users_speech_leaves_a_silent_response_alone() -> None:
    """Whoever asks the model something in text does not talk over the user."""
    client, _ = beside()
    client.begins("r1")
    client.is_interrupted()
    assert client.sent() == []
    assert client.speaks() == []
    assert client.speaks(item_id="o1", response_id="oob")


def interrupt(client: Client) -> None:
    """The application stops the model."""
    client.says(inputs.RealtimeModelSendInterrupt())


def barge_in(client: Client) -> None:
    """The user breaks in."""
    client.is_interrupted()


@pytest.mark.parametrize("stop", [interrupt, barge_in])
@pytest.mark.parametrize("spoken", [True, False])
def test_out_of_band_audio_is_interrupted_too(stop: Callable[[Client], None], spoken: bool) -> None:
    """It is cancelled, and nothing that still comes of it is played, whichever item it is of."""
    client, _ = beside(output_modalities=["audio"])
    if spoken:
        client.speaks(item_id="o1", response_id="oob")
    stop(client)
    assert client.sent_briefly() == ["response.cancel oob"]
    for item_id in ("o1", "o2"):
        assert client.speaks(item_id=item_id, response_id="oob") == []
        assert client.finishes(item_id, "oob") == []
    stop(client)
    assert client.sent_briefly() == []
    client.ends("oob", status="cancelled")
    assert client.sent_briefly() == []
    client.begins("oob", metadata={"trio_realtime_request": "x"}, conversation_id=None)
    assert client.speaks(item_id="o3", response_id="oob")


def test_out_of_band_audio_is_known_by_its_sound_where_the_server_does_not_announce_it() -> None:
    """Not every server says what a response will be made of."""
    client, _ = beside()
    client.speaks(item_id="o1", response_id="oob")
    client.is_interrupted()
    assert client.speaks(item_id="o1", response_id="oob") == []


# Ends that come twice, late or never


USAGE = {"total_tokens": 12, "input_tokens": 7, "output_tokens": 5}


def test_a_response_ends_once_and_its_tokens_are_counted_once() -> None:
    """However often the server says so; the raw event tells of each time."""
    client = make()
    client.begins()
    usage, ended = client.ends(usage=USAGE)
    assert isinstance(usage, model.RealtimeModelUsageEvent)
    assert isinstance(ended, model.RealtimeModelTurnEndedEvent)
    assert client.ends(usage=USAGE) == []
    client.begins()  # of a server that uses ids again
    assert len(client.ends(usage=USAGE)) == 2


def test_tokens_that_come_with_the_second_end_only_are_counted() -> None:
    """The first may have had none."""
    client = make()
    client.begins()
    assert len(client.ends()) == 1
    (usage,) = client.ends(usage=USAGE)
    assert usage.usage.total_tokens == 12
    assert client.ends(usage=USAGE) == []


def test_tokens_may_stand_beside_the_response() -> None:
    """In the event itself, where the response's own are missing or empty."""
    cases: tuple[dict[str, Any], ...] = ({}, {"usage": None}, {"usage": {}})
    for own in cases:
        client = make()
        response = {"id": "r1", "conversation_id": "conv", "status": "completed", **own}
        usage, ended = client.hears("response.done", response=response, usage=USAGE)
        assert usage.usage == ended.usage
        assert (ended.usage.requests, ended.usage.total_tokens) == (1, 12)


def test_only_so_many_ends_are_remembered() -> None:
    """A long session costs no memory."""
    client = make()
    for number in range(500):
        client.begins(f"r{number}")
        client.ends(f"r{number}")
    assert len(client.protocol._outgoing.endings._usage_known) <= 64


def test_a_response_that_falls_silent_has_failed() -> None:
    """The application hears of its end, and what waits is sent; its late end is none."""
    client = make()
    client.begins()
    client.speaks()
    client.says(asked())
    client.sent()
    assert client.protocol.deadline == client.now + SILENCES * CREATE_TIMEOUT
    client.now += SILENCES * CREATE_TIMEOUT
    (ended,) = client.time_passes()
    assert (ended.response_id, ended.status, ended.error.type) == ("r1", "failed", "timeout")
    assert client.sent_briefly() == ["response.cancel r1", "response.create"]
    assert client.speaks() == []
    (usage,) = client.ends(usage=USAGE)
    assert isinstance(usage, model.RealtimeModelUsageEvent)


@pytest.mark.parametrize(
    "kind",
    [
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.function_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.mcp_call.in_progress",
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_every_event_of_a_response_shows_that_it_lives(kind: str, named: bool) -> None:
    """Also of a server that does not say which response it is about."""
    client = make()
    client.begins("resp_1")
    client.now += SILENCES * CREATE_TIMEOUT - 1
    event = support.samples()[kind]
    if not named:
        event.pop("response_id", None)
    client.hears_frame(json.dumps(event))
    client.now += 2
    assert client.time_passes() == []
    assert client.protocol.deadline == client.now - 2 + SILENCES * CREATE_TIMEOUT


def test_an_event_of_another_response_shows_nothing() -> None:
    """A server that goes on with something else has forgotten this one."""
    client = make()
    client.begins("r1")
    client.now += SILENCES * CREATE_TIMEOUT - 1
    client.speaks(response_id="r2")
    client.now += 1
    assert len(client.time_passes()) == 1


def test_an_error_without_an_event_id_is_told_with_the_request_it_refuses() -> None:
    """So that whoever waits for the response hears of it, and the next request is sent."""
    client = make()
    client.says(asked())
    client.says(inputs.RealtimeModelCreateResponse(event_id="mine"))
    (create,) = (each for each in client.sent() if each["type"] == "response.create")
    (events,) = client.refuses("invalid_value", None)
    assert events.event_id == create["event_id"]
    assert [each["event_id"] for each in client.sent()] == ["mine"]
    (events,) = client.refuses("input_audio_buffer_commit_empty", None)
    assert events.event_id is None
    assert client.sent() == []


def test_an_error_without_an_event_id_may_refuse_an_out_of_band_response() -> None:
    """When nothing else is asked for."""
    client = make()
    client.says(inputs.RealtimeModelCreateResponse(event_id="mine", out_of_band=True))
    assert client.refuses("invalid_value", None)[0].event_id == "mine"
    assert client.refuses("invalid_value", None)[0].event_id is None


def asks_out_of_band(client: Client, event_id: str = "mine") -> None:
    """Ask for an out-of-band response, and forget what is sent for it."""
    client.says(inputs.RealtimeModelCreateResponse(event_id=event_id, out_of_band=True))
    client.sent()


def test_an_out_of_band_request_that_nothing_answers_is_reported_as_lost() -> None:
    """Once, after the same time as any other; each request has its own."""
    client = make()
    asks_out_of_band(client, "first")
    client.now += 10.0
    asks_out_of_band(client, "second")
    assert client.protocol.deadline == client.now + 20.0
    assert client.time_passes() == []
    client.now += 20.0
    (lost,) = client.time_passes()
    assert (lost.event_id, str(lost.error)) == (
        "first",
        "the server did not answer response.create within 30.0 s",
    )
    assert client.protocol.deadline == client.now + 10.0
    client.refuses("invalid_value", "second")
    assert client.protocol.deadline is None


@given(st.floats(0, 1e6), st.floats(0.001, 1e3))
def test_what_is_due_at_the_deadline_is_done_there(now: float, timeout: float) -> None:
    """Whatever the rounding; or else the clock would be looked at again and again."""
    client = make(turns=ResponseTurns(timeout=timeout))
    client.now = now
    asks_out_of_band(client)
    client.begins("r2", metadata={REQUEST_KEY: "mine"})
    asks_out_of_band(client, "second")
    for _ in range(2):
        assert client.protocol.deadline is not None
        client.now = client.protocol.deadline
        assert len(client.time_passes()) == 1
    assert client.protocol.deadline is None


def test_a_raw_out_of_band_request_has_the_same_limit() -> None:
    """Also one that carries no key."""
    client = make()
    message = {"type": "response.create", "event_id": "raw", "response": {"conversation": "none"}}
    client.says(inputs.RealtimeModelSendRawMessage(message=message))
    client.now += 30.0
    (lost,) = client.time_passes()
    assert lost.event_id == "raw"


def test_an_out_of_band_response_that_falls_silent_has_failed() -> None:
    """After twice the limit, which each of its events begins anew; nobody waits for it then."""
    client = make()
    asks_out_of_band(client)
    events = client.begins("r2", metadata={REQUEST_KEY: "mine"}, output_modalities=["audio"])
    assert events[0].out_of_band
    client.now += 50.0
    client.speaks(response_id="r2")
    assert client.protocol.deadline == client.now + 60.0
    client.now += 59.0
    assert client.time_passes() == []
    client.now += 1.0
    (ended,) = client.time_passes()
    assert isinstance(ended, model.RealtimeModelTurnEndedEvent)
    assert (ended.response_id, ended.status, ended.out_of_band) == ("r2", "failed", True)
    assert "nothing of this response for 60 s" in str(ended.error)
    deadline: float | None = client.protocol.deadline
    assert deadline is None
    assert client.sent_briefly() == ["response.cancel r2"]
    assert client.speaks(response_id="r2") == []


def test_an_out_of_band_response_that_begins_late_is_known_all_the_same() -> None:
    """By its key, although its request was reported as lost."""
    client = make()
    asks_out_of_band(client)
    client.now += 30.0
    assert len(client.time_passes()) == 1
    assert client.begins("r2", metadata={REQUEST_KEY: "mine"})[0].out_of_band


def test_the_earlier_deadline_counts() -> None:
    """That of the conversation's response, or that of the one out of band."""
    client = make()
    asks_out_of_band(client)
    out_of_band = client.now + 30.0
    client.now += 1.0
    client.says(inputs.RealtimeModelCreateResponse())
    assert client.protocol.deadline == out_of_band
    client.begins("r2", metadata={REQUEST_KEY: "mine"})
    assert client.protocol.deadline == client.now + 30.0


def test_without_a_time_limit_nothing_is_lost() -> None:
    """``response_timeout=None`` is for out-of-band responses too."""
    client = make(turns=ResponseTurns(timeout=None))
    asks_out_of_band(client)
    client.begins("r2", metadata={REQUEST_KEY: "mine"})
    asks_out_of_band(client, "second")
    assert client.protocol.deadline is None
    client.now += 10_000.0
    assert client.time_passes() == []


# Anything at all

KINDS = sorted(support.samples())
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(["r1", "r2", "item_1", "item_2", "turn_1", "own_1", ""])


@st.composite
def frames_like_the_servers(draw: st.DrawFn) -> str:
    """An event with some of its fields changed, for the worse or to make it one of a few things."""
    event = support.samples()[draw(st.sampled_from(KINDS))]
    for _ in range(draw(st.integers(0, 2))):
        place: Any = event
        while True:
            key = draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or not place[key] or draw(st.booleans()):
                break
            place = place[key]
        if draw(st.booleans()):
            place[key] = draw(NAMES | JUNK)
        else:
            del place[key]
    return json.dumps(event)


INPUTS = st.sampled_from(
    [
        asked(),
        inputs.RealtimeModelCreateResponse(),
        inputs.RealtimeModelCreateResponse(out_of_band=True),
        inputs.RealtimeModelSendInterrupt(),
        inputs.RealtimeModelSendInterrupt(response_id="resp_1"),
        inputs.RealtimeModelSendRawMessage(
            message={"type": "response.create", "response": {"conversation": "none"}}
        ),
        inputs.RealtimeModelSendRawMessage(message={"type": "response.cancel"}),
    ]
)


@given(st.lists(frames_like_the_servers() | INPUTS, max_size=12))
@settings(max_examples=50, deadline=None)
def test_nothing_a_server_sends_raises(story: list[Any]) -> None:
    client = make()
    for each in story:
        client.now += 0.1
        if isinstance(each, str):
            client.hears_frame(each)
        else:
            client.says(each)
        assert all(isinstance(frame["type"], str) for frame in client.sent())


@given(st.text(max_size=20) | st.binary(max_size=20))
@settings(max_examples=40, deadline=None)
def test_nothing_that_is_no_event_raises(frame: str | bytes) -> None:
    assert [type(event) for event in make().hears_frame(frame)] == [model.RealtimeModelErrorEvent]
