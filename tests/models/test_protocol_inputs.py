"""The protocol core from the session's side: what each input sends, and what is refused."""

import base64
from types import MappingProxyType
from typing import Any

import pytest
from support_protocol import SECOND, Client, asked, make, session_with

from trio_realtime import RealtimeAgent, function_tool, realtime_handoff
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import SettingsError, UserError
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.openai.protocol.out_of_band import MAX_METADATA
from trio_realtime.models.openai.protocol.sending import session_object


def raw(kind: str, **fields: Any) -> inputs.RealtimeModelSendRawMessage:
    return inputs.RealtimeModelSendRawMessage(message={"type": kind, **fields})


def frame(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def sent_for(given: inputs.RealtimeModelInput, client: Client | None = None) -> list[Any]:
    """The frames of one input, without the ids that tell requests apart."""
    client = client or make()
    assert client.says(given) == []
    return [{k: v for k, v in each.items() if k != "event_id"} for each in client.sent()]


CREATE = frame("response.create")


# Opening


def test_the_first_frame_says_how_the_session_shall_be() -> None:
    client = Client()
    client.protocol.open(RealtimeSessionModelSettings(instructions="Be brief.", voice="marin"))
    assert client.protocol.pending_bytes > 100
    (update,) = client.sent()
    assert update["type"] == "session.update"
    assert update["session"]["instructions"] == "Be brief."
    assert update["session"]["audio"]["output"]["voice"] == "marin"
    assert update["session"]["tracing"] == "auto"


def test_settings_that_cannot_work_are_refused_and_nothing_is_sent() -> None:
    client = Client(type(make().protocol)(call_id="rtc_1"))
    with pytest.raises(SettingsError, match="call"):
        client.protocol.open(RealtimeSessionModelSettings(model_name="gpt-realtime-2.1"))
    assert client.sent() == []


def test_tools_and_handoffs_are_told_in_one_list() -> None:
    @function_tool
    def weather() -> str:
        """The weather."""
        return "rain"

    handoff = realtime_handoff(RealtimeAgent("Support"))
    settings = RealtimeSessionModelSettings(tools=[weather], handoffs=[handoff])
    names = [tool["name"] for tool in session_object(settings)["tools"]]
    assert names == ["weather", "transfer_to_support"]
    assert session_object(RealtimeSessionModelSettings())["tools"] == []


# What the user says


def test_a_message_is_an_item_and_a_wish_for_an_answer() -> None:
    content = (
        InputText(text="look"),
        InputImage(image_url="data:x", detail="low"),
        InputImage(image_url="data:y"),
    )
    item = {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:x", "detail": "low"},
            {"type": "input_image", "image_url": "data:y"},
        ],
    }
    create = frame("conversation.item.create", item=item)
    assert sent_for(inputs.RealtimeModelSendUserInput(content=content)) == [create, CREATE]
    quiet = inputs.RealtimeModelSendUserInput(content=content, role="system", start_response=False)
    assert sent_for(quiet) == [frame("conversation.item.create", item={**item, "role": "system"})]


def test_the_output_of_a_tool_is_an_item_too() -> None:
    call = model.RealtimeModelToolCallEvent(name="weather", call_id="call_1", arguments="{}")
    item = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    create = frame("conversation.item.create", item=item)
    output = inputs.RealtimeModelSendToolOutput(tool_call=call, output="rain")
    assert sent_for(output) == [create, CREATE]
    output = inputs.RealtimeModelSendToolOutput(tool_call=call, output="rain", start_response=False)
    assert sent_for(output) == [create]


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (inputs.RealtimeModelSendAudio(audio=b"\0\0"), ["append"]),
        (inputs.RealtimeModelSendAudio(audio=b"\0\0", commit=True), ["append", "commit"]),
        (inputs.RealtimeModelCommitAudio(), ["commit"]),
        (inputs.RealtimeModelClearAudio(), ["clear"]),
    ],
)
def test_audio_asks_for_no_response(given: Any, kinds: list[str]) -> None:
    assert [each["type"] for each in sent_for(given)] == [
        f"input_audio_buffer.{kind}" for kind in kinds
    ]


# Responses


def test_a_response_asked_for_by_hand_has_its_own_parameters_and_id() -> None:
    client = make()
    given = inputs.RealtimeModelCreateResponse(
        options=inputs.ResponseOptions(instructions="Say hi."), event_id="mine"
    )
    client.says(given)
    assert client.sent() == [
        frame("response.create", event_id="mine", response={"instructions": "Say hi."})
    ]
    assert sent_for(inputs.RealtimeModelCreateResponse()) == [CREATE]


def test_an_automatic_one_shares_with_others() -> None:
    client = make()
    client.begins()
    for _ in range(3):
        client.says(inputs.RealtimeModelCreateResponse(automatic=True))
    client.ends()
    assert client.sent_briefly() == ["response.create"]
    client.begins("r2")
    client.ends("r2")
    assert client.sent() == []


def test_what_the_caller_changes_later_is_not_sent() -> None:
    client = make()
    client.begins()
    metadata: dict[str, Any] = {"topic": "one"}
    options = inputs.ResponseOptions(metadata=metadata)
    client.says(inputs.RealtimeModelCreateResponse(options=options))
    metadata["topic"] = float("nan")
    client.ends()
    (create,) = client.sent()
    assert create["response"] == {"metadata": {"topic": "one"}}


@pytest.mark.parametrize("options", [None, inputs.ResponseOptions()])
def test_a_response_beside_the_conversation_is_asked_for_at_once(
    options: inputs.ResponseOptions | None,
) -> None:
    client = make()
    client.begins()
    client.says(
        inputs.RealtimeModelCreateResponse(options=options, out_of_band=True, event_id="mine")
    )
    (create,) = client.sent()
    assert create["event_id"] == "mine"
    assert create["response"]["conversation"] == "none"
    assert list(create["response"]["metadata"].values()) == ["mine"]


def test_one_whose_metadata_has_no_room_is_known_by_its_lack_of_a_conversation() -> None:
    client = make()
    metadata = {str(number): "" for number in range(MAX_METADATA)}
    options = inputs.ResponseOptions(metadata=metadata)
    client.says(inputs.RealtimeModelCreateResponse(options=options, out_of_band=True))
    (create,) = client.sent()
    assert create["response"]["metadata"] == metadata
    assert client.begins("r1")[0].out_of_band is False
    assert client.begins("oob", conversation_id=None)[0].out_of_band is True
    assert client.begins("r2", conversation_id=None)[0].out_of_band is False


# Interrupting


def speaking() -> Client:
    client = make()
    client.begins()
    client.speaks(3 * SECOND)
    client.now += 0.5
    return client


def test_an_interruption_stops_what_is_heard_and_cancels_the_response() -> None:
    client = speaking()
    (event,) = client.says(inputs.RealtimeModelSendInterrupt())
    assert event == model.RealtimeModelAudioInterruptedEvent(
        item_id="a1", content_index=0, heard_ms=500, response_id="r1"
    )
    assert client.sent_briefly() == [
        "conversation.item.truncate a1 500",
        "response.cancel r1",
    ]
    assert client.speaks() == []
    assert client.says(inputs.RealtimeModelSendInterrupt()) == []
    assert client.sent() == []


def test_an_interruption_of_one_response_leaves_later_ones_alone() -> None:
    client = speaking()
    client.ends()
    client.begins("r2")
    client.speaks(item_id="a2", response_id="r2", taken=False)
    (event,) = client.says(inputs.RealtimeModelSendInterrupt(response_id="r1"))
    assert event.item_id == "a1"
    assert client.sent_briefly() == ["conversation.item.truncate a1 500"]
    assert client.speaks(item_id="a2", response_id="r2", taken=False)
    (event,) = client.says(inputs.RealtimeModelSendInterrupt(response_id="r2"))
    assert event.item_id == "a2"
    assert client.sent_briefly() == ["response.cancel r2", "conversation.item.delete a2"]


def test_an_interruption_while_nothing_is_said_does_nothing() -> None:
    client = make()
    assert client.says(inputs.RealtimeModelSendInterrupt()) == []
    assert client.says(inputs.RealtimeModelSendInterrupt(response_id="r9")) == []
    assert client.sent() == []


def test_what_comes_of_an_item_after_the_interruption_alone_is_forgotten_at_the_end() -> None:
    """Nobody heard any of it, and the server may not delete it while it is being written."""
    client = speaking()
    client.says(inputs.RealtimeModelSendInterrupt())
    client.sent()
    for _ in range(2):
        assert client.speaks(item_id="a1") == []
        assert client.speaks(item_id="a2") == []
    assert client.sent() == []
    client.ends(status="cancelled")
    assert client.sent_briefly() == ["conversation.item.delete a2"]
    assert client.speaks(item_id="a2", response_id="r2") == []


def test_a_response_beside_the_conversation_can_be_interrupted_by_its_id() -> None:
    client = speaking()
    client.says(inputs.RealtimeModelCreateResponse(out_of_band=True))
    (create,) = [each for each in client.sent() if each["type"] == "response.create"]
    client.begins("oob", metadata=create["response"]["metadata"], conversation_id=None)
    client.speaks(item_id="o1", response_id="oob")
    (event,) = client.says(inputs.RealtimeModelSendInterrupt(response_id="oob"))
    assert (event.item_id, event.response_id) == ("o1", "oob")
    assert client.sent_briefly() == ["response.cancel oob"]
    assert client.speaks(item_id="o2", response_id="oob") == []
    assert client.speaks()
    client.ends("oob")
    assert client.sent() == []


def test_in_a_call_the_server_stops_playing_too() -> None:
    client = make(call_id="rtc_1")
    client.begins()
    client.says(inputs.RealtimeModelSendInterrupt())
    assert "output_audio_buffer.clear" in client.sent_briefly()


# The session


def update(**settings: Any) -> inputs.RealtimeModelSendSessionUpdate:
    return inputs.RealtimeModelSendSessionUpdate(
        session_settings=RealtimeSessionModelSettings(**settings)
    )


def test_a_later_update_names_the_model_of_the_first() -> None:
    client = Client()
    client.protocol.open(RealtimeSessionModelSettings(model_name="gpt-realtime"))
    client.says(update(instructions="Be brief."))
    client.says(update(model_name="gpt-realtime"))
    assert [event["session"]["model"] for event in client.sent()] == ["gpt-realtime"] * 3


def test_the_model_of_a_session_cannot_change() -> None:
    client = Client()
    client.protocol.open(RealtimeSessionModelSettings(model_name="gpt-realtime"))
    client.sent()
    with pytest.raises(SettingsError, match="it is 'gpt-realtime'") as caught:
        client.says(update(model_name="gpt-realtime-mini"))
    assert caught.value.path == "model_name"
    assert client.sent() == []


def test_an_update_is_sent_without_the_trace_that_was_fixed_at_the_beginning() -> None:
    (sent,) = sent_for(update(instructions="Be brief."))
    assert sent["type"] == "session.update"
    assert "tracing" not in sent["session"]


def test_an_update_counts_from_when_it_is_sent() -> None:
    client = make()
    client.says(update(turn_detection=None, output_audio_format="g711_alaw"))
    client.sent()
    client.begins()
    client.speaks(bytes(8000))
    client.now += 0.25
    assert client.is_interrupted()[1].heard_ms == 250
    assert "response.cancel r1" in client.sent_briefly()


@pytest.mark.parametrize("voice", ["cedar", {"id": "voice_2"}])
def test_the_voice_cannot_change_once_the_model_has_spoken(voice: Any) -> None:
    client = make(RealtimeSessionModelSettings(voice="marin"))
    client.speaks()
    changes: list[inputs.RealtimeModelInput] = [
        update(voice=voice),
        update(audio={"output": {"voice": voice}}),
        raw("session.update", session=session_with(None, voice=voice)),
    ]
    for change in changes:
        with pytest.raises(UserError, match=r"cannot change to .* once the model has spoken") as e:
            client.says(change)
        assert "'marin' for the rest of the session" in str(e.value)
    assert client.sent() == []


def test_before_that_it_can_and_the_last_word_counts() -> None:
    client = make()
    client.says(update(voice="marin"))
    client.says(raw("session.update", session=session_with(None, voice="cedar")))
    client.speaks()
    assert len(client.sent()) == 2
    client.says(raw("session.update", session=session_with(None, voice="cedar")))
    client.says(update(voice="cedar"))
    assert len(client.sent()) == 2
    with pytest.raises(UserError, match="'cedar' for the rest"):
        client.says(update(voice="marin"))


def test_an_update_that_says_nothing_of_the_voice_leaves_it() -> None:
    """The default voice must not overrule the one the model has spoken with."""
    client = make(RealtimeSessionModelSettings(voice="marin"))
    client.speaks()
    (sent,) = sent_for(update(instructions="Go on."), client)
    assert "voice" not in sent["session"]["audio"]["output"]
    (sent,) = sent_for(raw("session.update", session={"type": "realtime", "audio": 5}), client)
    assert sent["session"]["audio"] == 5


def test_the_voice_of_a_call_is_not_known_so_the_server_judges() -> None:
    client = make(call_id="rtc_1")
    client.speaks()
    client.says(update(instructions="Go on."))
    client.says(update(voice="cedar"))
    assert len(client.sent()) == 2


# Raw events


def test_a_raw_event_is_sent_as_it_is() -> None:
    event = frame("conversation.item.create", item={"x": None}, event_id="mine", extra=[1])
    client = make()
    client.says(inputs.RealtimeModelSendRawMessage(message=MappingProxyType(event)))
    client.says(raw("hologram.create", anything="goes"))
    assert client.sent() == [event, frame("hologram.create", anything="goes")]


@pytest.mark.parametrize(
    "message",
    [
        "response.create",
        {},
        {"type": 5},
        {"type": "response.create", "response": "x"},
        {"type": "conversation.item.delete"},
        {"type": "hologram", "x": float("nan")},
    ],
)
def test_a_raw_event_that_cannot_be_sent_is_refused(message: Any) -> None:
    client = make()
    with pytest.raises(UserError):
        client.says(inputs.RealtimeModelSendRawMessage(message=message))
    assert client.sent() == []


def test_a_raw_request_for_a_response_waits_for_its_turn_under_its_own_id() -> None:
    client = make()
    client.begins()
    client.says(raw("response.create", event_id="one", response={"instructions": "1"}))
    client.says(raw("response.create", event_id="two"))
    assert client.sent() == []
    client.ends()
    assert client.sent() == [
        frame("response.create", event_id="one", response={"instructions": "1"})
    ]
    client.begins("r2")
    client.ends("r2")
    assert client.sent() == [frame("response.create", event_id="two")]


def test_a_raw_cancel_is_of_the_active_response() -> None:
    client = speaking()
    client.says(raw("response.cancel", event_id="mine"))
    assert client.sent() == [frame("response.cancel", event_id="mine", response_id="r1")]
    assert client.speaks() == []
    (event,) = client.refuses("response_cancel_not_active", "mine")
    assert event.event_id == "mine"


def test_a_raw_cancel_of_a_response_that_is_over_is_not_sent() -> None:
    client = speaking()
    client.says(raw("response.cancel", response_id="r0"))
    assert client.sent() == []


OUT_OF_BAND = {"conversation": "none"}


def test_a_raw_response_beside_the_conversation_is_asked_for_at_once() -> None:
    client = make()
    client.begins()
    client.says(raw("response.create", response=OUT_OF_BAND, event_id="mine"))
    client.says(raw("response.create", response={**OUT_OF_BAND, "metadata": {"a": "b"}}))
    first, second = client.sent()
    assert first == frame("response.create", response=OUT_OF_BAND, event_id="mine")
    assert second["response"]["metadata"] == {"a": "b"}
    assert second["event_id"]
    for response_id in ("oob1", "oob2"):
        (begun,) = client.begins(response_id, conversation_id=None)
        assert begun.out_of_band
    assert not client.begins("r2", conversation_id=None)[0].out_of_band
    client.says(raw("response.cancel", response_id="oob1"))
    assert client.sent() == [frame("response.cancel", response_id="oob1")]


def test_a_raw_one_that_carries_our_key_is_known_by_it() -> None:
    client = make()
    client.says(inputs.RealtimeModelCreateResponse(out_of_band=True))
    (create,) = client.sent()
    client.says(inputs.RealtimeModelSendRawMessage(message=create))
    assert client.sent() == [create]
    metadata = create["response"]["metadata"]
    assert client.begins("oob", metadata=metadata, conversation_id=None)[0].out_of_band
    assert not client.begins("r1", conversation_id=None)[0].out_of_band


@pytest.mark.parametrize("event_id", ["mine", None])
def test_a_raw_one_that_is_refused_is_not_waited_for(event_id: str | None) -> None:
    client = make()
    own = {} if event_id is None else {"event_id": event_id}
    client.says(raw("response.create", response=OUT_OF_BAND, **own))
    (create,) = client.sent()
    (event,) = client.refuses("invalid_value", create["event_id"])
    assert event.event_id == create["event_id"]
    assert not client.begins("r1", conversation_id=None)[0].out_of_band


@pytest.mark.parametrize(
    "cut",
    [
        raw("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=200),
        raw("conversation.item.delete", item_id="a1"),
    ],
)
def test_what_the_caller_cuts_is_not_cut_again(cut: inputs.RealtimeModelSendRawMessage) -> None:
    client = speaking()
    assert sent_for(cut, client) == [cut.message]
    assert client.speaks() == []
    assert len(client.is_interrupted()) == 1
    assert client.sent() == []


# Anything else


def test_what_is_no_input_is_refused() -> None:
    with pytest.raises(UserError, match="str is no model input"):
        make().says("hello")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        inputs.RealtimeModelSendUserInput(content=(InputText(text="\ud800"),)),
        inputs.RealtimeModelSendToolOutput(
            tool_call=model.RealtimeModelToolCallEvent(name="x", call_id="1", arguments=""),
            output="\ud800",
        ),
        inputs.DeleteItem(item_id="\ud800"),
        inputs.InsertItem(
            item=RealtimeToolCallItem(
                item_id="x", call_id="c", name="n", arguments="", output="\ud800"
            )
        ),
        raw("response.create", event_id="\ud800"),
        raw("session.update", session={"x": "\ud800"}),
        raw("conversation.item.delete", item_id="\ud800"),
    ],
)
def test_an_input_that_is_refused_has_changed_nothing(given: Any) -> None:
    client = speaking()
    with pytest.raises(UserError):
        client.says(given)
    assert client.sent() == []
    assert client.speaks()
    client.ends()
    assert client.sent() == []
    client.says(asked())
    assert client.sent_briefly() == ["conversation.item.create", "response.create"]


# Halves of samples


def appended(client: Client, *pieces: bytes) -> list[bytes]:
    """What is sent for pieces of the user's audio, decoded."""
    frames = [each for piece in pieces for each in sent_for(send_audio(piece), client)]
    return [base64.b64decode(each["audio"]) for each in frames]


def send_audio(audio: bytes, *, commit: bool = False) -> inputs.RealtimeModelSendAudio:
    return inputs.RealtimeModelSendAudio(audio=audio, commit=commit)


def test_half_a_sample_of_the_user_waits_for_its_other_half() -> None:
    """Microphones cut where they like; the server takes each event for whole samples."""
    assert appended(make(), b"\1\2\3", b"\4\5", b"\6\7\x08") == [b"\1\2", b"\3\4", b"\5\6\7\x08"]


@pytest.mark.parametrize(
    "end",
    [
        send_audio(b"", commit=True),
        inputs.RealtimeModelCommitAudio(),
        inputs.RealtimeModelClearAudio(),
    ],
    ids=["append and commit", "commit", "clear"],
)
def test_half_a_sample_does_not_outlive_its_turn(end: inputs.RealtimeModelInput) -> None:
    """Otherwise every sample of the next turn would be noise."""
    client = make()
    assert appended(client, b"\1\2\3") == [b"\1\2"]
    assert len(sent_for(end, client)) == 1
    assert appended(client, b"\4\5") == [b"\4\5"]


def test_a_telephone_s_samples_are_one_byte() -> None:
    """G.711 cannot be cut in the middle of a sample."""
    client = make(RealtimeSessionModelSettings(input_audio_format="g711_ulaw"))
    assert appended(client, b"\1\2\3", b"\4") == [b"\1\2\3", b"\4"]


# Items of the conversation

CALL = RealtimeToolCallItem(
    item_id="c1", call_id="call_1", name="look", arguments='{"at":1}', output="seen"
)
WIRE_CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at":1}'}
WIRE_OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}


def message(item_id: str, role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "content": [*content]}


ITEMS: list[tuple[RealtimeItem, list[dict[str, Any]]]] = [
    (
        SystemMessageItem(item_id="s", content=(InputText(text="Be kind."),)),
        [message("s", "system", {"type": "input_text", "text": "Be kind."})],
    ),
    (
        UserMessageItem(
            item_id="u",
            content=(
                InputText(text="See."),
                InputImage(image_url="data:image/png;base64,aaaa", detail="low"),
                InputAudio(transcript="Do you?"),
            ),
        ),
        [
            message(
                "u",
                "user",
                {"type": "input_text", "text": "See."},
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,aaaa",
                    "detail": "low",
                },
                {"type": "input_text", "text": "Do you?"},
            )
        ],
    ),
    (
        AssistantMessageItem(
            item_id="a", content=(AssistantText(text="I do."), AssistantAudio(transcript="Yes."))
        ),
        [
            message(
                "a",
                "assistant",
                {"type": "output_text", "text": "I do."},
                {"type": "output_text", "text": "Yes."},
            )
        ],
    ),
    (CALL, [{"id": "c1", **WIRE_CALL}, WIRE_OUTPUT]),
]

UNSAYABLE: list[tuple[RealtimeItem, str]] = [
    (UserMessageItem(item_id="u", content=(InputAudio(),)), "item 'u' was spoken"),
    (UserMessageItem(item_id="u", content=(InputImage(),)), "item 'u' has an image without"),
    (UserMessageItem(item_id="u"), "item 'u' has no words"),
    (SystemMessageItem(item_id="s"), "item 's' has no words"),
    (AssistantMessageItem(item_id="a", content=(AssistantAudio(),)), "item 'a' has no words"),
    (RealtimeToolCallItem(item_id="c", name="look", arguments="", output=""), "no call_id"),
]


@pytest.mark.parametrize(("item", "wire"), ITEMS, ids=lambda value: type(value).__name__)
def test_an_item_is_inserted_as_the_api_has_it(
    item: RealtimeItem, wire: list[dict[str, Any]]
) -> None:
    """Of speech the transcript is sent; a tool call brings its output."""
    assert sent_for(inputs.InsertItem(item=item)) == [
        frame("conversation.item.create", item=each) for each in wire
    ]


def test_an_item_is_inserted_where_it_is_wanted() -> None:
    """The output of a call follows the call."""
    first, second = sent_for(inputs.InsertItem(item=CALL, previous_item_id="root"))
    assert (first["previous_item_id"], second["previous_item_id"]) == ("root", "c1")


def test_an_id_that_is_too_long_for_the_api_is_left_out() -> None:
    """The server refuses ids of more than 32 characters, and makes one up where none is given."""
    for item_id in ("", "x" * 33):
        item = SystemMessageItem(item_id=item_id, content=(InputText(text="Hi."),))
        (sent,) = sent_for(inputs.InsertItem(item=item))
        assert "id" not in sent["item"]


@pytest.mark.parametrize(("item", "why"), UNSAYABLE, ids=lambda value: type(value).__name__)
def test_an_item_that_cannot_be_sent_is_refused_and_named(item: RealtimeItem, why: str) -> None:
    """Nothing is sent then."""
    client = make()
    with pytest.raises(UserError, match=why):
        client.says(inputs.InsertItem(item=item))
    assert client.sent() == []


def test_a_history_is_restored_in_order_without_what_cannot_be_said_again() -> None:
    """A call without an output would be waited for, and speech without a transcript is gone."""
    open_call = RealtimeToolCallItem(item_id="c2", call_id="call_2", name="look", arguments="{}")
    kept = [item for item, _wire in ITEMS]
    lost = [item for item, _why in UNSAYABLE]
    expected = [wire for _item, all_of_it in ITEMS for wire in all_of_it]
    sent = sent_for(inputs.RestoreHistory(items=(*lost, *kept, open_call)))
    assert sent == [frame("conversation.item.create", item=wire) for wire in expected]


def test_an_item_is_deleted_and_truncated() -> None:
    """What plays of it counts no longer."""
    client = make()
    client.begins()
    client.speaks()
    assert sent_for(inputs.TruncateItem(item_id="a1", audio_end_ms=300), client) == [
        frame("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=300)
    ]
    assert client.protocol.remaining_ms("r1", client.now) == 0.0
    client.speaks(item_id="a2")
    assert sent_for(inputs.DeleteItem(item_id="a2"), client) == [
        frame("conversation.item.delete", item_id="a2")
    ]
    assert client.protocol.remaining_ms("r1", client.now) == 0.0


@pytest.mark.parametrize("reason", [None, "Not today."])
def test_an_approval_of_a_hosted_mcp_tool_is_answered(reason: str | None) -> None:
    """Its id is made of the request's, within the 32 characters that the API allows."""
    answer = inputs.AnswerMcpApproval(request_id="r" * 32, approve=reason is None, reason=reason)
    (sent,) = sent_for(answer)
    assert len(sent["item"].pop("id")) <= 32
    expected = {"approval_request_id": "r" * 32, "approve": reason is None}
    expected |= {} if reason is None else {"reason": reason}
    assert sent["item"] == {"type": "mcp_approval_response", **expected}


# The options of one response


def test_the_options_of_a_response_are_sent_as_the_api_has_them() -> None:
    """What is not given is left out; items and mappings may stand side by side."""

    @function_tool
    async def look() -> str:
        """Look."""
        return ""

    shown = UserMessageItem(item_id="", content=(InputText(text="See."),))
    options = inputs.ResponseOptions(
        tools=[look],
        tool_choice="look",
        input=[shown, {"type": "item_reference", "id": "u1"}, CALL],
        output_modalities=["text"],
        max_output_tokens="inf",
    )
    (sent,) = sent_for(inputs.RealtimeModelCreateResponse(options=options))
    user = message("", "user", {"type": "input_text", "text": "See."})
    del user["id"]
    assert sent["response"].pop("tools")[0]["name"] == "look"
    assert sent["response"] == {
        "tool_choice": {"type": "function", "name": "look"},
        "input": [
            user,
            {"type": "item_reference", "id": "u1"},
            {"id": "c1", **WIRE_CALL},
            WIRE_OUTPUT,
        ],
        "output_modalities": ["text"],
        "max_output_tokens": "inf",
    }


@pytest.mark.parametrize(
    "choice", ["auto", "none", "required", {"type": "mcp", "server_label": "docs", "name": "x"}]
)
def test_a_tool_choice_that_is_the_apis_is_sent_as_it_is(choice: Any) -> None:
    """Any other text is a function's name."""
    options = inputs.ResponseOptions(tool_choice=choice)
    (sent,) = sent_for(inputs.RealtimeModelCreateResponse(options=options))
    assert sent["response"] == {"tool_choice": choice}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"tools": 5}, "tools"),
        ({"tools": [len]}, "tools[0]"),
        ({"input": "text"}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"x": {1, 2}}]}, "input[0].x"),
        ({"input": [{"x": "\ud800"}]}, "input[0].x"),
        ({"metadata": {"a": 5}}, "metadata.a"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"instructions": b""}, "instructions"),
        ({"output_modalities": ["video"]}, "output_modalities[0]"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
def test_wrong_options_of_a_response_are_refused_and_named(
    given: dict[str, Any], path: str
) -> None:
    """At the door, when they are made."""
    with pytest.raises(SettingsError) as caught:
        inputs.ResponseOptions(**given)
    assert caught.value.path == path
