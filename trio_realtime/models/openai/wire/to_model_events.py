"""Server events that mean the same whatever went before: one function each, wire in, model out.

`receiving` looks up here what it keeps no state for. Adding a server event that applications
should hear of means adding its function to `TRANSLATIONS`.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ... import events as model
from . import server_events as wire
from . import to_items as translate
from .beta_events import with_beta_names
from .objects import WireItem

Events: TypeAlias = tuple[model.RealtimeModelEvent, ...]


# Conversation


def item_added(event: wire.ConversationItemAdded | wire.ConversationItemCreated) -> Events:
    """An item has its place. A call is shown once its arguments are complete, not before."""
    if event.item.type == "function_call" and event.item.status == "in_progress":
        return _placed(event.item, event.previous_item_id)
    return _announced(event.item, event.previous_item_id, announced=True)


def item_done(event: wire.ConversationItemDone) -> Events:
    """An item is final."""
    return _announced(event.item, event.previous_item_id, announced=False)


def item_retrieved(event: wire.ConversationItemRetrieved) -> Events:
    """The server's version of an item, whose place in the conversation is known already."""
    item = translate.item(event.item)
    return () if item is None else (model.RealtimeModelItemUpdatedEvent(item=item),)


def _announced(item: WireItem, previous_item_id: str | None, *, announced: bool) -> Events:
    shown = translate.item(item, previous_item_id)
    if shown is not None:
        return (model.RealtimeModelItemUpdatedEvent(item=shown, announced=announced),)
    if item.type == "function_call_output" and item.id:
        return (
            model.RealtimeModelToolOutputEvent(
                item_id=item.id,
                call_id=item.call_id or "",
                output=item.output or "",
                previous_item_id=previous_item_id,
            ),
        )
    return _placed(item, previous_item_id)


def _placed(item: WireItem, previous_item_id: str | None) -> Events:
    if not item.id:
        return ()
    return (model.RealtimeModelItemPlacedEvent(item_id=item.id, previous_item_id=previous_item_id),)


# Responses


def output_item_added(event: wire.ResponseOutputItemAdded) -> Events:
    """The model begins an item. A call only has a place until its arguments are complete."""
    return _mentioned(event) if event.item.type == "message" else ()


def output_item_done(event: wire.ResponseOutputItemDone) -> Events:
    """An item of the model is final. Requests for approval are acted on now."""
    return _mentioned(event) + _approval_wanted(event.item)


def _approval_wanted(item: WireItem) -> Events:
    # Without its id a request could not be answered, and an unfinished one is no request yet.
    if item.type != "mcp_approval_request" or not item.id or item.status == "incomplete":
        return ()
    return (
        model.RealtimeModelMcpApprovalRequestEvent(
            item_id=item.id,
            server_label=item.server_label or "",
            name=item.name or "",
            arguments=item.arguments or "",
        ),
    )


def _mentioned(event: wire.ResponseOutputItemAdded | wire.ResponseOutputItemDone) -> Events:
    item = translate.item(event.item)
    if item is None:
        return ()
    return (model.RealtimeModelItemUpdatedEvent(item=item, response_id=event.response_id),)


# What the user says


def committed(event: wire.InputAudioBufferCommitted) -> Events:
    """What the user said has a place; the item itself is announced next."""
    return (
        model.RealtimeModelItemPlacedEvent(
            item_id=event.item_id, previous_item_id=event.previous_item_id
        ),
    )


def speech_stopped(event: wire.InputAudioBufferSpeechStopped) -> Events:
    """The user stopped."""
    return (
        model.RealtimeModelSpeechStoppedEvent(
            item_id=event.item_id, audio_end_ms=event.audio_end_ms
        ),
    )


def idle_timeout(event: wire.InputAudioBufferTimeoutTriggered) -> Events:
    """The user said nothing for too long."""
    return (
        model.RealtimeModelInputAudioTimeoutTriggeredEvent(
            item_id=event.item_id,
            audio_start_ms=event.audio_start_ms,
            audio_end_ms=event.audio_end_ms,
        ),
    )


def user_delta(event: wire.InputAudioTranscriptionDelta) -> Events:
    """A piece of what the user said. Empty ones carry log probabilities only."""
    if not event.delta:
        return ()
    return (
        model.RealtimeModelInputAudioTranscriptionDeltaEvent(
            item_id=event.item_id, delta=event.delta, content_index=event.content_index
        ),
    )


def user_transcript(event: wire.InputAudioTranscriptionCompleted) -> Events:
    """What the user said."""
    return (
        model.RealtimeModelInputAudioTranscriptionCompletedEvent(
            item_id=event.item_id,
            transcript=event.transcript,
            content_index=event.content_index,
        ),
    )


def user_transcript_failed(event: wire.InputAudioTranscriptionFailed) -> Events:
    """What the user said could not be transcribed."""
    return (
        model.RealtimeModelInputAudioTranscriptionFailedEvent(
            item_id=event.item_id,
            error=translate.status_error(event.error),
            content_index=event.content_index,
        ),
    )


def dtmf(event: wire.InputAudioBufferDtmfEventReceived) -> Events:
    """A caller pressed a key."""
    return (model.RealtimeModelDtmfEvent(key=event.event),)


# The service


def rate_limits(event: wire.RateLimitsUpdated) -> Events:
    """What remains of the rate limits."""
    return (
        model.RealtimeModelRateLimitsEvent(
            rate_limits=tuple(
                model.RealtimeModelRateLimit(
                    name=limit.name,
                    limit=limit.limit,
                    remaining=limit.remaining,
                    reset_seconds=limit.reset_seconds,
                )
                for limit in event.rate_limits
            )
        ),
    )


_TRANSLATIONS: Final[dict[type[Any], Callable[[Any], Events]]] = {
    wire.ConversationItemAdded: item_added,
    wire.ConversationItemCreated: item_added,
    wire.ConversationItemDone: item_done,
    wire.ConversationItemRetrieved: item_retrieved,
    wire.InputAudioBufferCommitted: committed,
    wire.InputAudioBufferSpeechStopped: speech_stopped,
    wire.InputAudioBufferTimeoutTriggered: idle_timeout,
    wire.InputAudioTranscriptionDelta: user_delta,
    wire.InputAudioTranscriptionCompleted: user_transcript,
    wire.InputAudioTranscriptionFailed: user_transcript_failed,
    wire.InputAudioBufferDtmfEventReceived: dtmf,
    wire.RateLimitsUpdated: rate_limits,
}

TRANSLATIONS: Final[MappingProxyType[type[Any], Callable[[Any], Events]]] = MappingProxyType(
    with_beta_names(_TRANSLATIONS)
)

PIECES: Final[MappingProxyType[type[Any], Callable[..., model.RealtimeModelEvent]]] = (
    MappingProxyType(
        with_beta_names(
            {
                wire.ResponseOutputAudioTranscriptDelta: model.RealtimeModelTranscriptDeltaEvent,
                wire.ResponseOutputTextDelta: model.RealtimeModelOutputTextDeltaEvent,
            }
        )
    )
)
"""By the event of a piece of text, spoken or written, what makes the model event of it."""
