"""Model events: what a `RealtimeConnection` yields, whatever model is behind it.

Each frame of a server arrives first as a `RealtimeModelRawServerEvent`, then as what it means.
The `type` strings are those of the OpenAI Agents SDK where it has the event.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs
import msgspec
from msgspec import UNSET

from .._util.hidden_words import hidden
from ..context import Usage
from ..items import RealtimeItem

ResponseStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]


# Freezing doubles the price of making an object, so what is made for each frame is not frozen. It
# is a value all the same: nothing in the library changes one.
#
# The two that are made most often are structs of msgspec: cheaper to make, and no work for the
# garbage collector, which in a process with a thousand sessions would stop them all for long. That
# is right for what holds no more than text and bytes, and so can be part of no cycle.


class RealtimeModelRawServerEvent(msgspec.Struct, eq=False, gc=False):
    """A server event as it came, decoded only when looked at.

    Most applications never read most raw events, so decoding each twice would be waste.
    """

    frame: str | bytes
    """The frame as received: JSON text, or its UTF-8."""
    _load: Callable[[str | bytes], Any]
    _data: Any = UNSET
    type: ClassVar[Literal["raw_server_event"]] = "raw_server_event"

    @property
    def data(self) -> Any:
        """The event as a dict; the frame's text where it is not JSON."""
        if self._data is UNSET:
            self._data = self._load(self.frame)
        return self._data

    def __repr__(self) -> str:
        return f"<RealtimeModelRawServerEvent of {len(self.frame)} characters>"


@attrs.frozen(kw_only=True)
class RealtimeServerError:
    """The `error` object of a server's error event."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The client event that caused it, where the server says so."""


@attrs.frozen(kw_only=True)
class RealtimeModelErrorEvent:
    """The server reported an error, or sent something that could not be understood."""

    error: RealtimeServerError | Exception
    event_id: str | None = None
    """The request that failed, where it is known."""
    type: ClassVar[Literal["error"]] = "error"


@attrs.frozen(kw_only=True)
class RealtimeModelToolCallEvent:
    """The model calls a function tool."""

    name: str
    call_id: str
    arguments: str = attrs.field(repr=hidden)
    """JSON text, as the model wrote it."""
    id: str | None = None
    """The item id of the call."""
    previous_item_id: str | None = None
    response_id: str | None = None
    type: ClassVar[Literal["function_call"]] = "function_call"


class RealtimeModelAudioEvent(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Audio from the model, in the session's output format (PCM16 mono 24 kHz little-endian,
    unless set otherwise)."""

    data: bytes
    response_id: str
    item_id: str
    content_index: int
    type: ClassVar[Literal["audio"]] = "audio"

    def __repr__(self) -> str:
        return (
            f"RealtimeModelAudioEvent(response_id={self.response_id!r}, item_id={self.item_id!r}, "
            f"content_index={self.content_index!r})"
        )


@attrs.frozen(kw_only=True)
class RealtimeModelAudioInterruptedEvent:
    """Playback was interrupted before all of this content part's audio had been played."""

    item_id: str
    content_index: int
    heard_ms: int
    """How much of it was heard, in ms."""
    response_id: str | None = None
    type: ClassVar[Literal["audio_interrupted"]] = "audio_interrupted"


@attrs.frozen(kw_only=True)
class RealtimeModelAudioDoneEvent:
    """All audio of this content part has been sent."""

    item_id: str
    content_index: int
    response_id: str = ""
    type: ClassVar[Literal["audio_done"]] = "audio_done"


@attrs.define(kw_only=True, unsafe_hash=True)
class RealtimeModelTranscriptDeltaEvent:
    """A piece of the transcript of what the model says."""

    item_id: str
    delta: str = attrs.field(repr=hidden)
    response_id: str
    content_index: int = 0
    type: ClassVar[Literal["transcript_delta"]] = "transcript_delta"


@attrs.define(kw_only=True, unsafe_hash=True)
class RealtimeModelOutputTextDeltaEvent:
    """A piece of the text the model writes."""

    item_id: str
    delta: str = attrs.field(repr=hidden)
    response_id: str
    content_index: int = 0
    type: ClassVar[Literal["output_text_delta"]] = "output_text_delta"


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionDeltaEvent:
    """A piece of the transcript of what the user said."""

    item_id: str
    delta: str = attrs.field(repr=hidden)
    content_index: int = 0
    type: ClassVar[Literal["input_audio_transcription_delta"]] = "input_audio_transcription_delta"


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionCompletedEvent:
    """The transcript of what the user said. It often arrives after the answer began."""

    item_id: str
    transcript: str = attrs.field(repr=hidden)
    content_index: int = 0
    type: ClassVar[Literal["input_audio_transcription_completed"]] = (
        "input_audio_transcription_completed"
    )


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionFailedEvent:
    """What the user said could not be transcribed; the model still heard it."""

    item_id: str
    error: RealtimeServerError
    content_index: int = 0
    type: ClassVar[Literal["input_audio_transcription_failed"]] = "input_audio_transcription_failed"


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTimeoutTriggeredEvent:
    """The server's idle timeout passed without the user speaking.

    The offsets are in ms of the input audio, or None if the server did not say them.
    """

    item_id: str
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None
    type: ClassVar[Literal["input_audio_timeout_triggered"]] = "input_audio_timeout_triggered"


@attrs.frozen(kw_only=True)
class RealtimeModelSpeechStartedEvent:
    """The server heard the user begin to speak."""

    item_id: str
    """The item that what the user says will become; empty if the server did not say."""
    audio_start_ms: int | None = None
    """When, in ms of the input audio; None if the server did not say."""
    type: ClassVar[Literal["speech_started"]] = "speech_started"


@attrs.frozen(kw_only=True)
class RealtimeModelSpeechStoppedEvent:
    """The server heard the user stop."""

    item_id: str
    """The item that what the user says will become; empty if the server did not say."""
    audio_end_ms: int | None = None
    """When, in ms of the input audio; None if the server did not say."""
    type: ClassVar[Literal["speech_stopped"]] = "speech_stopped"


@attrs.frozen(kw_only=True)
class RealtimeModelItemPlacedEvent:
    """An item has a place in the conversation and nothing to show yet (or ever)."""

    item_id: str
    previous_item_id: str | None = None
    type: ClassVar[Literal["item_placed"]] = "item_placed"


@attrs.frozen(kw_only=True)
class RealtimeModelItemUpdatedEvent:
    """An item is new, or has changed."""

    item: RealtimeItem
    announced: bool = False
    """True when the conversation announced the item itself, so that ``item.previous_item_id``
    says where it stands; otherwise a response or a retrieval mentioned it."""
    response_id: str | None = None
    type: ClassVar[Literal["item_updated"]] = "item_updated"


@attrs.frozen(kw_only=True)
class RealtimeModelToolOutputEvent:
    """The conversation holds the output of a tool call."""

    item_id: str
    call_id: str
    output: str = attrs.field(repr=hidden)
    previous_item_id: str | None = None
    type: ClassVar[Literal["tool_output"]] = "tool_output"


@attrs.frozen(kw_only=True)
class RealtimeModelItemDeletedEvent:
    """An item is no longer part of the conversation."""

    item_id: str
    type: ClassVar[Literal["item_deleted"]] = "item_deleted"


@attrs.frozen(kw_only=True)
class RealtimeModelItemTruncatedEvent:
    """The conversation now ends this item's audio where the user's hearing of it ended."""

    item_id: str
    content_index: int
    audio_end_ms: int
    type: ClassVar[Literal["item_truncated"]] = "item_truncated"


@attrs.frozen(kw_only=True)
class RealtimeModelTurnStartedEvent:
    """A response began."""

    response_id: str | None = None
    out_of_band: bool = False
    """True for an out-of-band response (``conversation="none"``)."""
    metadata: Mapping[str, str] | None = attrs.field(default=None, repr=hidden)
    type: ClassVar[Literal["turn_started"]] = "turn_started"


@attrs.frozen(kw_only=True)
class RealtimeModelUsageEvent:
    """The tokens one response took."""

    usage: Usage
    response_id: str | None = None
    type: ClassVar[Literal["usage"]] = "usage"


@attrs.frozen(kw_only=True)
class RealtimeModelTurnEndedEvent:
    """A response ended, and how."""

    response_id: str | None = None
    status: ResponseStatus = "completed"
    reason: str | None = None
    """For cancelled: ``turn_detected`` or ``client_cancelled``; for incomplete:
    ``max_output_tokens`` or ``content_filter``."""
    error: RealtimeServerError | None = None
    """For failed: why."""
    usage: Usage | None = None
    out_of_band: bool = False
    metadata: Mapping[str, str] | None = attrs.field(default=None, repr=hidden)
    output: tuple[RealtimeItem, ...] = ()
    """The items of an out-of-band response, which no history holds."""
    type: ClassVar[Literal["turn_ended"]] = "turn_ended"


@attrs.frozen(kw_only=True)
class RealtimeModelRateLimit:
    """One rate limit: what remains of it, and in how many seconds it is whole again."""

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelRateLimitsEvent:
    """The rate limits as the server sees them."""

    rate_limits: tuple[RealtimeModelRateLimit, ...]
    type: ClassVar[Literal["rate_limits_updated"]] = "rate_limits_updated"


@attrs.frozen(kw_only=True)
class RealtimeModelDtmfEvent:
    """A caller pressed a key (SIP)."""

    key: str = attrs.field(repr=hidden)
    type: ClassVar[Literal["dtmf_received"]] = "dtmf_received"


@attrs.frozen(kw_only=True)
class RealtimeModelMcpApprovalRequestEvent:
    """A hosted MCP tool asks to be approved; answer with ``mcp_approval_response``."""

    item_id: str
    server_label: str
    name: str
    arguments: str = attrs.field(repr=hidden)
    type: ClassVar[Literal["mcp_approval_request"]] = "mcp_approval_request"


RealtimeModelEvent: TypeAlias = (
    RealtimeModelRawServerEvent
    | RealtimeModelErrorEvent
    | RealtimeModelToolCallEvent
    | RealtimeModelAudioEvent
    | RealtimeModelAudioInterruptedEvent
    | RealtimeModelAudioDoneEvent
    | RealtimeModelTranscriptDeltaEvent
    | RealtimeModelOutputTextDeltaEvent
    | RealtimeModelInputAudioTranscriptionDeltaEvent
    | RealtimeModelInputAudioTranscriptionCompletedEvent
    | RealtimeModelInputAudioTranscriptionFailedEvent
    | RealtimeModelInputAudioTimeoutTriggeredEvent
    | RealtimeModelSpeechStartedEvent
    | RealtimeModelSpeechStoppedEvent
    | RealtimeModelItemPlacedEvent
    | RealtimeModelItemUpdatedEvent
    | RealtimeModelToolOutputEvent
    | RealtimeModelItemDeletedEvent
    | RealtimeModelItemTruncatedEvent
    | RealtimeModelTurnStartedEvent
    | RealtimeModelUsageEvent
    | RealtimeModelTurnEndedEvent
    | RealtimeModelRateLimitsEvent
    | RealtimeModelDtmfEvent
    | RealtimeModelMcpApprovalRequestEvent
)
"""Anything a connection yields."""
