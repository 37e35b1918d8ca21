"""The server events of the OpenAI Realtime GA protocol, typed: one class per event type.

`decode` makes them, `protocol` reads them. Shapes follow ``openai.types.realtime``, as do the
required fields, except what a client can do without (`event_id`; see also `wire_values`). Unknown
fields are ignored. The beta names of events (``response.audio.delta``) are not known here.

Hot path: fields stand in the order the service sends them, which is the order msgspec expects
them in; audio is decoded from base64 straight into ``bytes``; a frozen class without cycles is not
tracked by the garbage collector (``gc=False``).
"""

from types import MappingProxyType

import msgspec

from .objects import (
    WireConversation,
    WireError,
    WireItem,
    WirePart,
    WireRateLimit,
    WireResponse,
    WireSession,
    WireStatusError,
    WireTranscriptionUsage,
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


class _OfPlace(ServerEvent, frozen=True):
    """About one item and its place in the conversation."""

    item: WireItem
    previous_item_id: str | None = None
    """The item it follows; ``None`` when it follows none, or the server did not say."""


class _OfResponse(ServerEvent, frozen=True):
    """About one response."""

    response_id: str


class _OfOutput(_OfResponse, frozen=True):
    """About one output item of a response."""

    item_id: str
    output_index: int


class _OfPart(_OfOutput, frozen=True):
    """About one content part of an output item of a response."""

    content_index: int


class _OfCall(_OfResponse, frozen=True):
    """About one function call of a response."""

    item_id: str
    output_index: int
    call_id: str


# Session and errors


class Error(ServerEvent, tag="error", frozen=True):
    """Something went wrong; most errors leave the session usable."""

    error: WireError


class SessionCreated(ServerEvent, tag="session.created", frozen=True):
    """The first event of a connection, with the default configuration."""

    session: WireSession


class SessionUpdated(ServerEvent, tag="session.updated", frozen=True):
    """A ``session.update`` took effect; carries the whole configuration."""

    session: WireSession


class RateLimitsUpdated(ServerEvent, tag="rate_limits.updated", frozen=True):
    """Sent at the beginning of a response."""

    rate_limits: tuple[WireRateLimit, ...]


# Conversation


class ConversationCreated(ServerEvent, tag="conversation.created", frozen=True):
    """The session has a conversation."""

    conversation: WireConversation


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

    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(_OfItem, tag="conversation.item.deleted", frozen=True):
    """Answers ``conversation.item.delete``."""


class InputAudioTranscriptionDelta(
    _OfItem, tag="conversation.item.input_audio_transcription.delta", frozen=True
):
    """A piece of what the user said."""

    content_index: int | None = None
    delta: str | None = None


class InputAudioTranscriptionSegment(
    _OfItem, tag="conversation.item.input_audio_transcription.segment", frozen=True
):
    """A segment of what was said and by whom; ``start`` and ``end`` in seconds."""

    content_index: int
    text: str
    id: str
    speaker: str
    start: float
    end: float


class InputAudioTranscriptionCompleted(
    _OfItem, tag="conversation.item.input_audio_transcription.completed", frozen=True
):
    """All that the user said in this item. Often comes after the answer began."""

    content_index: int
    transcript: str
    usage: WireTranscriptionUsage | None = None


class InputAudioTranscriptionFailed(
    _OfItem, tag="conversation.item.input_audio_transcription.failed", frozen=True
):
    """The item could not be transcribed; the model still heard it."""

    content_index: int
    error: WireStatusError


# Input audio buffer


class InputAudioBufferCommitted(_OfItem, tag="input_audio_buffer.committed", frozen=True):
    """The buffer became (or is to become) this user item."""

    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerEvent, tag="input_audio_buffer.cleared", frozen=True):
    """Answers ``input_audio_buffer.clear``."""


class InputAudioBufferSpeechStarted(_OfItem, tag="input_audio_buffer.speech_started", frozen=True):
    """The user began to speak, at this ms of all audio sent in the session."""

    audio_start_ms: int


class InputAudioBufferSpeechStopped(_OfItem, tag="input_audio_buffer.speech_stopped", frozen=True):
    """The user stopped, at this ms of all audio sent in the session."""

    audio_end_ms: int


class InputAudioBufferTimeoutTriggered(
    _OfItem, tag="input_audio_buffer.timeout_triggered", frozen=True
):
    """The idle timeout of the turn detection passed. Offsets in ms of input audio."""

    audio_start_ms: int
    audio_end_ms: int


class InputAudioBufferDtmfEventReceived(
    ServerEvent, tag="input_audio_buffer.dtmf_event_received", frozen=True
):
    """A caller pressed a key (SIP). ``received_at`` in Unix seconds."""

    event: str
    received_at: int


# Output audio buffer: WebRTC and SIP only, where the server plays


class OutputAudioBufferStarted(_OfResponse, tag="output_audio_buffer.started", frozen=True):
    """The server began to play this response."""


class OutputAudioBufferStopped(_OfResponse, tag="output_audio_buffer.stopped", frozen=True):
    """The server played this response to its end."""


class OutputAudioBufferCleared(_OfResponse, tag="output_audio_buffer.cleared", frozen=True):
    """What was still to be played of this response never will be."""


# Responses


class ResponseCreated(ServerEvent, tag="response.created", frozen=True):
    """A response began."""

    response: WireResponse


class ResponseDone(ServerEvent, tag="response.done", frozen=True):
    """A response ended, whichever way: see its status."""

    response: WireResponse


class ResponseOutputItemAdded(_OfResponse, tag="response.output_item.added", frozen=True):
    """The model began an item."""

    output_index: int
    item: WireItem


class ResponseOutputItemDone(_OfResponse, tag="response.output_item.done", frozen=True):
    """An item of the model is final, also when it was interrupted."""

    output_index: int
    item: WireItem


class ResponseContentPartAdded(_OfPart, tag="response.content_part.added", frozen=True):
    """The model began a content part of a message."""

    part: WirePart


class ResponseContentPartDone(_OfPart, tag="response.content_part.done", frozen=True):
    """A content part is final."""

    part: WirePart


class ResponseOutputAudioDelta(_OfPart, tag="response.output_audio.delta", frozen=True):
    """Audio, decoded: in the session's output format, PCM16 mono 24 kHz little-endian unless set
    otherwise."""

    delta: bytes


class ResponseOutputAudioDone(_OfPart, tag="response.output_audio.done", frozen=True):
    """All audio of the part was sent."""


class ResponseOutputAudioTranscriptDelta(
    _OfPart, tag="response.output_audio_transcript.delta", frozen=True
):
    """A piece of the transcript of the audio."""

    delta: str


class ResponseOutputAudioTranscriptDone(
    _OfPart, tag="response.output_audio_transcript.done", frozen=True
):
    """The whole transcript of the audio."""

    transcript: str


class ResponseOutputTextDelta(_OfPart, tag="response.output_text.delta", frozen=True):
    """A piece of text."""

    delta: str


class ResponseOutputTextDone(_OfPart, tag="response.output_text.done", frozen=True):
    """The whole text."""

    text: str


class ResponseFunctionCallArgumentsDelta(
    _OfCall, tag="response.function_call_arguments.delta", frozen=True
):
    """A piece of a call's arguments, which are JSON text."""

    delta: str


class ResponseFunctionCallArgumentsDone(
    _OfCall, tag="response.function_call_arguments.done", frozen=True
):
    """A call's arguments are complete. Not every server names the function here."""

    arguments: str
    name: str | None = None


# Hosted MCP servers


class McpListToolsInProgress(_OfItem, tag="mcp_list_tools.in_progress", frozen=True):
    """The service asks an MCP server for its tools."""


class McpListToolsCompleted(_OfItem, tag="mcp_list_tools.completed", frozen=True):
    """The tools are known; the item holds them."""


class McpListToolsFailed(_OfItem, tag="mcp_list_tools.failed", frozen=True):
    """The tools could not be listed."""


class ResponseMcpCallArgumentsDelta(
    _OfOutput, tag="response.mcp_call_arguments.delta", frozen=True
):
    """A piece of an MCP call's arguments, which are JSON text."""

    delta: str


class ResponseMcpCallArgumentsDone(_OfOutput, tag="response.mcp_call_arguments.done", frozen=True):
    """An MCP call's arguments are complete."""

    arguments: str


class _OfMcpCall(_OfItem, frozen=True):
    """About one MCP call; the server does not name its response."""

    output_index: int


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
