"""The server events of the OpenAI Realtime GA protocol, typed: one class per event type.

`decode` makes them, `receiving` reads them. Shapes follow ``openai.types.realtime``, with one
difference: **a field is required here only if nothing can be done about the event without it**.
This module is the one place that says so. A field with a default may be missing, null or of a
wrong type; then it has its default, and the event is as good as any other. Unknown fields are
ignored. The names that events had in the beta of the API are in `beta_events`.

Hot path: fields stand in the order the service sends them, which is the order msgspec expects
them in; audio is decoded from base64 straight into ``bytes``; a frozen class without cycles is not
tracked by the garbage collector (``gc=False``).
"""

from types import MappingProxyType

import msgspec

from .objects import (
    Int64,
    WireConversation,
    WireError,
    WireItem,
    WirePart,
    WireRateLimit,
    WireResponse,
    WireSession,
    WireStatusError,
    WireTranscriptionUsage,
    WireUsage,
)


class ServerEvent(msgspec.Struct, tag_field="type", frozen=True, gc=False, kw_only=True):
    """Base of every server event. The class says the type; `type` spells it."""

    event_id: str = ""

    @property
    def type(self) -> str:
        """The wire's name of the event, such as ``"response.done"``."""
        return str(self.__struct_config__.tag)


class _OfItem(ServerEvent, frozen=True):
    """About one item."""

    item_id: str


class _AboutItem(ServerEvent, frozen=True, kw_only=True):
    """About an item whose id is not needed."""

    item_id: str = ""


class _OfPlace(ServerEvent, frozen=True, kw_only=True):
    """About one item and its place in the conversation."""

    item: WireItem
    previous_item_id: str | None = None
    """The item it follows; ``None`` when it follows none, or the server did not say."""


class OfResponse(ServerEvent, frozen=True, kw_only=True):
    """About one response; without an id, about the one that is active."""

    response_id: str = ""


class _OfPart(OfResponse, frozen=True, kw_only=True):
    """About one content part of an output item of a response."""

    item_id: str
    output_index: Int64 = 0
    content_index: Int64 = 0


class _AboutOutput(OfResponse, frozen=True, kw_only=True):
    """About an output item of a response whose id is not needed."""

    item_id: str = ""
    output_index: Int64 = 0


class _AboutPart(_AboutOutput, frozen=True, kw_only=True):
    """About a content part of such an item."""

    content_index: Int64 = 0


class _OfCall(_AboutOutput, frozen=True, kw_only=True):
    """About one function call of a response: the item, or else the call, says which."""

    call_id: str = ""


# Session and errors


class Error(ServerEvent, tag="error", frozen=True):
    """Something went wrong; most errors leave the session usable."""

    error: WireError


class SessionCreated(ServerEvent, tag="session.created", frozen=True):
    """The first event of a connection, with the default configuration."""

    session: WireSession = WireSession()


class SessionUpdated(ServerEvent, tag="session.updated", frozen=True):
    """A ``session.update`` took effect; carries the whole configuration."""

    session: WireSession = WireSession()


class RateLimitsUpdated(ServerEvent, tag="rate_limits.updated", frozen=True):
    """Sent about each response; by the service itself after its end."""

    rate_limits: tuple[WireRateLimit, ...] = ()


# Conversation


class ConversationCreated(ServerEvent, tag="conversation.created", frozen=True):
    """The session has a conversation."""

    conversation: WireConversation = WireConversation()


class ConversationItemCreated(_OfPlace, tag="conversation.item.created", frozen=True):
    """An item was created; newer servers say ``added`` and ``done``."""


class ConversationItemAdded(_OfPlace, tag="conversation.item.added", frozen=True):
    """An item has a place in the conversation; its content may still grow."""


class ConversationItemDone(_OfPlace, tag="conversation.item.done", frozen=True):
    """An item is final."""


class ConversationItemRetrieved(ServerEvent, tag="conversation.item.retrieved", frozen=True):
    """Answers ``conversation.item.retrieve``."""

    item: WireItem


class ConversationItemTruncated(_OfItem, tag="conversation.item.truncated", frozen=True):
    """The item's audio now ends at ``audio_end_ms``, and its transcript is gone."""

    content_index: Int64 = 0
    audio_end_ms: Int64 | None = None


class ConversationItemDeleted(_OfItem, tag="conversation.item.deleted", frozen=True):
    """Answers ``conversation.item.delete``."""


class InputAudioTranscriptionDelta(
    _OfItem, tag="conversation.item.input_audio_transcription.delta", frozen=True
):
    """A piece of what the user said."""

    content_index: Int64 = 0
    delta: str | None = None


class InputAudioTranscriptionSegment(
    _AboutItem, tag="conversation.item.input_audio_transcription.segment", frozen=True
):
    """A segment of what was said and by whom; ``start`` and ``end`` in seconds."""

    content_index: Int64 = 0
    text: str | None = None
    id: str | None = None
    speaker: str | None = None
    start: float | None = None
    end: float | None = None


class InputAudioTranscriptionCompleted(
    _OfItem, tag="conversation.item.input_audio_transcription.completed", frozen=True
):
    """All that the user said in this item. Often comes after the answer began."""

    content_index: Int64 = 0
    transcript: str = ""
    usage: WireTranscriptionUsage | None = None


class InputAudioTranscriptionFailed(
    _OfItem, tag="conversation.item.input_audio_transcription.failed", frozen=True
):
    """The item could not be transcribed; the model still heard it."""

    content_index: Int64 = 0
    error: WireStatusError = WireStatusError()


# Input audio buffer


class InputAudioBufferCommitted(_OfItem, tag="input_audio_buffer.committed", frozen=True):
    """The buffer became (or is to become) this user item."""

    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerEvent, tag="input_audio_buffer.cleared", frozen=True):
    """Answers ``input_audio_buffer.clear``."""


class InputAudioBufferSpeechStarted(
    _AboutItem, tag="input_audio_buffer.speech_started", frozen=True
):
    """The user began to speak, at this ms of all audio sent in the session."""

    audio_start_ms: Int64 | None = None


class InputAudioBufferSpeechStopped(
    _AboutItem, tag="input_audio_buffer.speech_stopped", frozen=True
):
    """The user stopped, at this ms of all audio sent in the session."""

    audio_end_ms: Int64 | None = None


class InputAudioBufferTimeoutTriggered(
    _AboutItem, tag="input_audio_buffer.timeout_triggered", frozen=True
):
    """The idle timeout of the turn detection passed. Offsets in ms of input audio."""

    audio_start_ms: Int64 | None = None
    audio_end_ms: Int64 | None = None


class InputAudioBufferDtmfEventReceived(
    ServerEvent, tag="input_audio_buffer.dtmf_event_received", frozen=True
):
    """A caller pressed a key (SIP). ``received_at`` in Unix seconds."""

    event: str
    received_at: Int64 | None = None


# Output audio buffer: WebRTC and SIP only, where the server plays


class OutputAudioBufferStarted(OfResponse, tag="output_audio_buffer.started", frozen=True):
    """The server began to play this response."""


class OutputAudioBufferStopped(OfResponse, tag="output_audio_buffer.stopped", frozen=True):
    """The server played this response to its end."""


class OutputAudioBufferCleared(OfResponse, tag="output_audio_buffer.cleared", frozen=True):
    """Playback of this response was cut off before its end."""


# Responses


class ResponseCreated(ServerEvent, tag="response.created", frozen=True):
    """A response began."""

    response: WireResponse = WireResponse()


class ResponseDone(ServerEvent, tag="response.done", frozen=True):
    """A response ended, whichever way: see its status."""

    response: WireResponse = WireResponse()
    usage: WireUsage | None = None
    """Where some servers say it, in place of the response's own."""


class ResponseOutputItemAdded(
    OfResponse, tag="response.output_item.added", frozen=True, kw_only=True
):
    """The model began an item."""

    output_index: Int64 = 0
    item: WireItem


class ResponseOutputItemDone(
    OfResponse, tag="response.output_item.done", frozen=True, kw_only=True
):
    """An item of the model is final, also when it was interrupted."""

    output_index: Int64 = 0
    item: WireItem


class ResponseContentPartAdded(_AboutPart, tag="response.content_part.added", frozen=True):
    """The model began a content part of a message."""

    part: WirePart = WirePart()


class ResponseContentPartDone(_AboutPart, tag="response.content_part.done", frozen=True):
    """A content part is final."""

    part: WirePart = WirePart()


class ResponseOutputAudioDelta(_OfPart, tag="response.output_audio.delta", frozen=True):
    """Audio, decoded: in the session's output format, PCM16 mono 24 kHz little-endian unless set
    otherwise. ``None`` or empty when it brings none."""

    delta: bytes | None


class ResponseOutputAudioDone(_OfPart, tag="response.output_audio.done", frozen=True):
    """All audio of the part was sent."""


class ResponseOutputAudioTranscriptDelta(
    _OfPart, tag="response.output_audio_transcript.delta", frozen=True
):
    """A piece of the transcript of the audio."""

    delta: str | None


class ResponseOutputAudioTranscriptDone(
    _AboutPart, tag="response.output_audio_transcript.done", frozen=True
):
    """The whole transcript of the audio."""

    transcript: str = ""


class ResponseOutputTextDelta(_OfPart, tag="response.output_text.delta", frozen=True):
    """A piece of text."""

    delta: str | None


class ResponseOutputTextDone(_AboutPart, tag="response.output_text.done", frozen=True):
    """The whole text."""

    text: str = ""


class ResponseFunctionCallArgumentsDelta(
    _OfCall, tag="response.function_call_arguments.delta", frozen=True
):
    """A piece of a call's arguments, which are JSON text."""

    delta: str = ""


class ResponseFunctionCallArgumentsDone(
    _OfCall, tag="response.function_call_arguments.done", frozen=True
):
    """A call's arguments are complete. Not every server names the function here."""

    arguments: str = ""
    name: str | None = None


# Hosted MCP servers


class McpListToolsInProgress(_AboutItem, tag="mcp_list_tools.in_progress", frozen=True):
    """The service asks an MCP server for its tools."""


class McpListToolsCompleted(_AboutItem, tag="mcp_list_tools.completed", frozen=True):
    """The tools are known; the item holds them."""


class McpListToolsFailed(_AboutItem, tag="mcp_list_tools.failed", frozen=True):
    """The tools could not be listed."""


class ResponseMcpCallArgumentsDelta(
    _AboutOutput, tag="response.mcp_call_arguments.delta", frozen=True
):
    """A piece of an MCP call's arguments, which are JSON text."""

    delta: str = ""


class ResponseMcpCallArgumentsDone(
    _AboutOutput, tag="response.mcp_call_arguments.done", frozen=True
):
    """An MCP call's arguments are complete."""

    arguments: str = ""


class _OfMcpCall(_AboutItem, frozen=True):
    """About one MCP call; the server does not name its response."""

    output_index: Int64 = 0


class ResponseMcpCallInProgress(_OfMcpCall, tag="response.mcp_call.in_progress", frozen=True):
    """An MCP call began."""


class ResponseMcpCallCompleted(_OfMcpCall, tag="response.mcp_call.completed", frozen=True):
    """An MCP call succeeded; the item holds its output."""


class ResponseMcpCallFailed(_OfMcpCall, tag="response.mcp_call.failed", frozen=True):
    """An MCP call failed; the item holds the error."""


SERVER_EVENTS: MappingProxyType[str, type[ServerEvent]] = MappingProxyType(
    {
        str(cls.__struct_config__.tag): cls
        for cls in (
            Error,
            SessionCreated,
            SessionUpdated,
            RateLimitsUpdated,
            ConversationCreated,
            ConversationItemCreated,
            ConversationItemAdded,
            ConversationItemDone,
            ConversationItemRetrieved,
            ConversationItemTruncated,
            ConversationItemDeleted,
            InputAudioTranscriptionDelta,
            InputAudioTranscriptionSegment,
            InputAudioTranscriptionCompleted,
            InputAudioTranscriptionFailed,
            InputAudioBufferCommitted,
            InputAudioBufferCleared,
            InputAudioBufferSpeechStarted,
            InputAudioBufferSpeechStopped,
            InputAudioBufferTimeoutTriggered,
            InputAudioBufferDtmfEventReceived,
            OutputAudioBufferStarted,
            OutputAudioBufferStopped,
            OutputAudioBufferCleared,
            ResponseCreated,
            ResponseDone,
            ResponseOutputItemAdded,
            ResponseOutputItemDone,
            ResponseContentPartAdded,
            ResponseContentPartDone,
            ResponseOutputAudioDelta,
            ResponseOutputAudioDone,
            ResponseOutputAudioTranscriptDelta,
            ResponseOutputAudioTranscriptDone,
            ResponseOutputTextDelta,
            ResponseOutputTextDone,
            ResponseFunctionCallArgumentsDelta,
            ResponseFunctionCallArgumentsDone,
            McpListToolsInProgress,
            McpListToolsCompleted,
            McpListToolsFailed,
            ResponseMcpCallArgumentsDelta,
            ResponseMcpCallArgumentsDone,
            ResponseMcpCallInProgress,
            ResponseMcpCallCompleted,
            ResponseMcpCallFailed,
        )
    }
)
"""Every event type of the protocol with its class."""
