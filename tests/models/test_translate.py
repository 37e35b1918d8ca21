"""Wire objects and events in the library's own words."""

import json
from collections import deque
from typing import Any

import pytest
import support_wire as support
from support_protocol import make

from trio_realtime.context import InputTokensDetails, OutputTokensDetails, Usage
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
from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol
from trio_realtime.models.openai.wire import to_items as translate
from trio_realtime.models.openai.wire.beta_events import BETA_EVENTS
from trio_realtime.models.openai.wire.decode import decode
from trio_realtime.models.openai.wire.objects import (
    WireError,
    WireInputTokens,
    WireItem,
    WireOutputTokens,
    WirePart,
    WireStatusError,
    WireUsage,
)
from trio_realtime.models.openai.wire.to_model_events import TRANSLATIONS


def wire_item(kind: str, **changes: Any) -> WireItem:
    event = support.sample("conversation.item.retrieved", item=support.items()[kind] | changes)
    decoded: Any = decode(json.dumps(event))
    assert isinstance(decoded.item, WireItem)
    return decoded.item


def translated(kind: str, **changes: Any) -> list[Any]:
    """What a client that keeps no state of the event makes of it, the raw event aside."""
    out: deque[Any] = deque()
    RealtimeProtocol().receive(json.dumps(support.sample(kind, **changes)), 0.0, out)
    raw, *events = out
    assert isinstance(raw, model.RealtimeModelRawServerEvent)
    assert raw.data["type"] == kind
    return events


# Items


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "system",
            SystemMessageItem(
                item_id="item_1",
                previous_item_id="item_0",
                content=(InputText(text="Be brief."),),
            ),
        ),
        (
            "user",
            UserMessageItem(
                item_id="item_1",
                previous_item_id="item_0",
                status="completed",
                content=(
                    InputText(text="Look:"),
                    InputImage(image_url="data:image/png;base64,AA==", detail="low"),
                    InputAudio(transcript="hé"),
                ),
            ),
        ),
        (
            "assistant",
            AssistantMessageItem(
                item_id="item_1",
                previous_item_id="item_0",
                status="in_progress",
                content=(AssistantText(text="Hello"), AssistantAudio(transcript="Hi")),
            ),
        ),
        (
            "function_call",
            RealtimeToolCallItem(
                item_id="item_1",
                previous_item_id="item_0",
                call_id="call_1",
                name="weather",
                arguments='{"city":"Ghent"}',
            ),
        ),
    ],
)
def test_an_item_as_history_shows_it(kind: str, expected: RealtimeItem) -> None:
    assert translate.item(wire_item(kind), "item_0") == expected


@pytest.mark.parametrize(
    "kind",
    [
        "function_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
    ],
)
def test_other_items_are_not_shown(kind: str) -> None:
    assert translate.item(wire_item(kind)) is None


def test_an_item_without_an_id_or_of_an_unknown_role_or_type_is_not_shown() -> None:
    assert translate.item(WireItem(type="message", role="user")) is None
    assert translate.item(WireItem(type="message", role="narrator", id="i")) is None
    assert translate.item(WireItem(type="hologram", id="i")) is None


def test_the_parts_of_a_part_stream_and_missing_values() -> None:
    parts = tuple(map(WirePart, ["text", "audio", "output_text", "output_audio", "new", None]))
    item = translate.item(WireItem(type="message", role="assistant", id="i", content=parts))
    assert isinstance(item, AssistantMessageItem)
    text, audio = AssistantText(), AssistantAudio()
    assert item.content == (text, audio, text, audio)
    assert item.status is None
    parts = tuple(map(WirePart, ["input_text", "input_audio", "input_image", "new", None]))
    item = translate.item(WireItem(type="message", role="user", id="i", content=parts, status="?"))
    assert item == UserMessageItem(item_id="i", content=(InputText(), InputAudio(), InputImage()))
    item = translate.item(WireItem(type="message", role="system", id="i", content=parts))
    assert item == SystemMessageItem(item_id="i", content=(InputText(),))
    call = translate.item(
        WireItem(type="function_call", id="i", name="", arguments="", status="completed")
    )
    assert call == RealtimeToolCallItem(item_id="i", name="", arguments="")


# Responses and errors


def test_usage_counts_one_request_and_every_kind_of_token() -> None:
    (usage, done) = translated("response.done")
    assert isinstance(usage, model.RealtimeModelUsageEvent)
    assert usage.usage == done.usage
    assert usage.usage == Usage(
        requests=1,
        input_tokens=20,
        output_tokens=10,
        total_tokens=30,
        input_tokens_details=InputTokensDetails(
            cached_tokens=9,
            text_tokens=11,
            audio_tokens=6,
            image_tokens=3,
            cached_text_tokens=5,
            cached_audio_tokens=4,
            cached_image_tokens=0,
        ),
        output_tokens_details=OutputTokensDetails(text_tokens=7, audio_tokens=3),
    )


@pytest.mark.parametrize(
    "wire",
    [
        WireUsage(),
        WireUsage(input_token_details=WireInputTokens(), output_token_details=WireOutputTokens()),
    ],
)
def test_tokens_that_are_not_told_are_none(wire: WireUsage) -> None:
    assert translate.usage(wire) == Usage(requests=1)


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed", "incomplete"])
def test_the_status_of_a_response(status: str) -> None:
    assert translate.response_status(status) == status


@pytest.mark.parametrize("status", [None, "in_progress", "unheard of"])
def test_a_status_nobody_knows_is_an_end_like_any(status: str | None) -> None:
    assert translate.response_status(status) == "completed"


def test_errors_keep_what_the_server_says() -> None:
    wire = WireError(type="t", message="m", code="c", param="p", event_id="e")
    assert translate.error(wire) == model.RealtimeServerError(
        message="m", type="t", code="c", param="p", event_id="e"
    )
    assert translate.status_error(WireStatusError()) == model.RealtimeServerError(
        message="", type=""
    )
    full = WireStatusError(type="t", message="m", code="c", param="p")
    assert translate.status_error(full) == model.RealtimeServerError(
        message="m", type="t", code="c", param="p"
    )


# Events that mean the same whatever went before


def placed(item_id: str = "item_1", previous: str | None = "item_0") -> Any:
    return model.RealtimeModelItemPlacedEvent(item_id=item_id, previous_item_id=previous)


@pytest.mark.parametrize("kind", ["conversation.item.added", "conversation.item.created"])
@pytest.mark.parametrize("item", ["system", "user", "assistant", "function_call"])
def test_an_item_the_conversation_adds_is_announced_in_its_place(kind: str, item: str) -> None:
    (event,) = translated(kind, item=support.items()[item])
    assert event == model.RealtimeModelItemUpdatedEvent(
        item=translate.item(wire_item(item), "item_0"),  # type: ignore[arg-type]
        announced=True,
    )


def test_a_call_whose_arguments_are_not_complete_has_only_a_place() -> None:
    item = support.items()["function_call"] | {"status": "in_progress", "arguments": ""}
    assert translated("conversation.item.added", item=item) == [placed()]
    assert translated("conversation.item.added", item=item | {"id": None}) == []
    assert translated("response.output_item.added", item=item) == []


def test_a_finished_item_is_updated_in_its_place() -> None:
    (event,) = translated("conversation.item.done", item=support.items()["user"])
    assert not event.announced
    assert event.item.previous_item_id == "item_0"


def test_a_retrieved_item_is_updated_where_it_stands() -> None:
    (event,) = translated("conversation.item.retrieved", item=support.items()["user"])
    assert event.item.previous_item_id is None
    assert translated("conversation.item.retrieved") == []


def test_the_output_of_a_call_is_told_with_its_place() -> None:
    assert translated("conversation.item.done") == [
        model.RealtimeModelToolOutputEvent(
            item_id="item_1", call_id="call_1", output="rain", previous_item_id="item_0"
        )
    ]
    assert translated("conversation.item.done", item=support.items()["mcp_call"]) == [placed()]
    nameless = support.items()["function_call_output"] | {"id": None}
    assert translated("conversation.item.done", item=nameless) == []


def test_the_items_of_a_response_are_told_with_it() -> None:
    for kind in ("response.output_item.added", "response.output_item.done"):
        (event,) = translated(kind, item=support.items()["assistant"])
        assert event.response_id == "resp_1"
        assert event.item == translate.item(wire_item("assistant"))
        assert not event.announced


def test_a_finished_call_is_shown_and_asked_for() -> None:
    shown, asked = translated("response.output_item.done", item=support.items()["function_call"])
    assert shown.item == translate.item(wire_item("function_call"))
    assert asked == model.RealtimeModelToolCallEvent(
        name="weather",
        call_id="call_1",
        arguments='{"city":"Ghent"}',
        id="item_1",
        response_id="resp_1",
    )


def test_a_hosted_tool_that_wants_approval_is_asked_for() -> None:
    assert translated("response.output_item.done") == [
        model.RealtimeModelMcpApprovalRequestEvent(
            item_id="item_1", server_label="docs", name="search", arguments="{}"
        )
    ]
    assert translated("response.output_item.done", item=support.items()["mcp_call"]) == []


OF_ITEM: dict[str, Any] = {"item_id": "item_1", "content_index": 2}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "response.output_audio_transcript.delta",
            model.RealtimeModelTranscriptDeltaEvent(delta="Hé", response_id="resp_1", **OF_ITEM),
        ),
        (
            "response.output_text.delta",
            model.RealtimeModelOutputTextDeltaEvent(delta="Hel", response_id="resp_1", **OF_ITEM),
        ),
        ("input_audio_buffer.committed", placed()),
        (
            "input_audio_buffer.speech_stopped",
            model.RealtimeModelSpeechStoppedEvent(item_id="item_1", audio_end_ms=2000),
        ),
        (
            "input_audio_buffer.timeout_triggered",
            model.RealtimeModelInputAudioTimeoutTriggeredEvent(
                item_id="item_1", audio_start_ms=13216, audio_end_ms=19232
            ),
        ),
        (
            "conversation.item.input_audio_transcription.delta",
            model.RealtimeModelInputAudioTranscriptionDeltaEvent(delta="Hel", **OF_ITEM),
        ),
        (
            "conversation.item.input_audio_transcription.completed",
            model.RealtimeModelInputAudioTranscriptionCompletedEvent(transcript="Hello", **OF_ITEM),
        ),
        (
            "conversation.item.input_audio_transcription.failed",
            model.RealtimeModelInputAudioTranscriptionFailedEvent(
                error=model.RealtimeServerError(
                    message="The audio could not be transcribed.",
                    type="transcription_error",
                    code="audio_unintelligible",
                    param="audio",
                ),
                **OF_ITEM,
            ),
        ),
        ("input_audio_buffer.dtmf_event_received", model.RealtimeModelDtmfEvent(key="9")),
        (
            "rate_limits.updated",
            model.RealtimeModelRateLimitsEvent(
                rate_limits=(
                    model.RealtimeModelRateLimit(
                        name="requests", limit=1000, remaining=999, reset_seconds=60
                    ),
                    model.RealtimeModelRateLimit(
                        name="tokens", limit=50000, remaining=49950, reset_seconds=0.5
                    ),
                )
            ),
        ),
    ],
)
def test_an_event_in_the_librarys_words(kind: str, expected: Any) -> None:
    assert translated(kind) == [expected]


def test_a_delta_without_text_tells_nothing() -> None:
    """It carries log probabilities only."""
    kind = "conversation.item.input_audio_transcription.delta"
    assert translated(kind, delta=None) == translated(kind, delta="") == []
    (event,) = translated(kind, content_index=None)
    assert event.content_index == 0


SILENT = {
    "conversation.created",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.retrieved",
    "input_audio_buffer.cleared",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.output_audio_transcript.done",
    "response.output_item.added",
    "response.output_text.done",
    "session.created",
    "session.updated",
}
"""Events whose samples tell an application nothing that another event does not."""


@pytest.mark.parametrize("kind", sorted(support.samples()))
def test_every_event_is_told_raw_and_most_in_words_too(kind: str) -> None:
    assert bool(translated(kind)) == (kind not in SILENT)


def test_every_translation_is_of_an_event_of_the_protocol() -> None:
    known = {type(decode(json.dumps(each))) for each in support.samples().values()}
    assert set(TRANSLATIONS) <= known | set(BETA_EVENTS.values())


@pytest.mark.parametrize("kind", ["message", "function_call", "function_call_output", "mcp_call"])
def test_an_item_whose_id_is_empty_is_not_shown(kind: str) -> None:
    """Nothing could be said about it, so it counts as an item without an id."""
    for name in ("added", "done"):
        frame = {"previous_item_id": "u1", "item": {"id": "", "type": kind, "role": "user"}}
        assert make().hears(f"conversation.item.{name}", **frame) == []
