"""Session events: what the application sees when it iterates over a session.

The first fifteen are those of the OpenAI Agents SDK, under its names and ``type`` strings; they,
`RealtimeOutputLost` and `RealtimeMcpApprovalRequired` are what a session delivers by default. The
others tell what the SDK does not: ask for them with ``RealtimeRunConfig(events="all")``, or name
the ones wanted.
"""

from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from ._util.hidden_words import hidden
from .agents.agent import RealtimeAgent
from .agents.guardrails import InputGuardrailResult, OutputGuardrailResult
from .agents.tools import FunctionTool
from .context import RunContext, Usage
from .items import RealtimeHistory, RealtimeItem
from .models.events import (
    RealtimeModelAudioEvent,
    RealtimeModelEvent,
    RealtimeModelRateLimit,
    RealtimeServerError,
    ResponseStatus,
)

# Freezing doubles the price of making an object, so what is made for each frame is not frozen. It
# is a value all the same: nothing in the library changes one.


@attrs.frozen(kw_only=True)
class RealtimeEventInfo:
    """What all events of a session have in common."""

    context: RunContext[Any]
    """The run context: the application's own context object, and usage."""


@attrs.frozen(kw_only=True)
class RealtimeAgentStartEvent:
    """A response began. ``agent`` gives it."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["agent_start"]] = "agent_start"


@attrs.frozen(kw_only=True)
class RealtimeAgentEndEvent:
    """A response ended. ``agent`` gave it, even if it has handed the conversation over since."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["agent_end"]] = "agent_end"


@attrs.frozen(kw_only=True)
class RealtimeHandoffEvent:
    """One agent handed the conversation to another."""

    from_agent: RealtimeAgent[Any]
    to_agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["handoff"]] = "handoff"


@attrs.frozen(kw_only=True)
class RealtimeToolStart:
    """A tool starts to run."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool[Any]
    arguments: str = attrs.field(repr=hidden)
    """JSON text, as the model wrote it."""
    call_id: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_start"]] = "tool_start"


@attrs.frozen(kw_only=True)
class RealtimeToolEnd:
    """A tool call has its output."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool[Any]
    arguments: str = attrs.field(repr=hidden)
    output: Any = attrs.field(repr=hidden)
    """What the tool returned; where it did not return, the text the model was given instead."""
    call_id: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_end"]] = "tool_end"


@attrs.frozen(kw_only=True)
class RealtimeToolApprovalRequired:
    """A tool call waits for `approve_tool_call` or `reject_tool_call`."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool[Any]
    call_id: str
    arguments: str = attrs.field(repr=hidden)
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_approval_required"]] = "tool_approval_required"


@attrs.define(kw_only=True, unsafe_hash=True)
class RealtimeRawModelEvent:
    """An event of the model layer, as it came."""

    data: RealtimeModelEvent
    info: RealtimeEventInfo
    type: ClassVar[Literal["raw_model_event"]] = "raw_model_event"


@attrs.define(kw_only=True, unsafe_hash=True)
class RealtimeAudio:
    """Audio to play, in order."""

    audio: RealtimeModelAudioEvent
    """Its ``data`` is in the session's output format (PCM16 mono 24 kHz little-endian, unless set
    otherwise)."""
    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio"]] = "audio"


@attrs.frozen(kw_only=True)
class RealtimeAudioEnd:
    """The audio of this content part is complete."""

    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio_end"]] = "audio_end"


@attrs.frozen(kw_only=True)
class RealtimeAudioInterrupted:
    """Stop playing this item and forget what is queued of it: the user will not hear the rest.

    Delivered before anything else that waits, and no more audio of this item follows. Audio of
    other items may be queued behind it and goes on, if they are not interrupted as well.
    """

    item_id: str
    content_index: int
    heard_ms: int
    """How much of this part was heard, in ms."""
    response_id: str | None = None
    """The response that the item belongs to, where it is known."""
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio_interrupted"]] = "audio_interrupted"


@attrs.frozen(kw_only=True)
class RealtimeError:
    """Something went wrong, and the session goes on: the server refused what was sent, a response
    failed, speech was not transcribed, a frame made no sense, the model called an unknown tool."""

    error: RealtimeServerError | Exception
    """What the server reported, or what the library found wrong."""
    info: RealtimeEventInfo
    type: ClassVar[Literal["error"]] = "error"


@attrs.frozen(kw_only=True)
class RealtimeHistoryUpdated:
    """The history changed. ``history`` is all of it, as it was at this event."""

    history: RealtimeHistory
    info: RealtimeEventInfo
    type: ClassVar[Literal["history_updated"]] = "history_updated"


@attrs.frozen(kw_only=True)
class RealtimeHistoryAdded:
    """The history has a new item."""

    item: RealtimeItem
    info: RealtimeEventInfo
    type: ClassVar[Literal["history_added"]] = "history_added"


@attrs.frozen(kw_only=True)
class RealtimeGuardrailTripped:
    """An output guardrail tripped: the answer was cut off, and the model told."""

    guardrail_results: tuple[OutputGuardrailResult, ...]
    message: str = attrs.field(repr=hidden)
    """The text that was checked."""
    info: RealtimeEventInfo
    type: ClassVar[Literal["guardrail_tripped"]] = "guardrail_tripped"


@attrs.frozen(kw_only=True)
class RealtimeInputAudioTimeoutTriggered:
    """The user said nothing for the server's idle timeout."""

    info: RealtimeEventInfo
    type: ClassVar[Literal["input_audio_timeout_triggered"]] = "input_audio_timeout_triggered"


# -- what the SDK drops -------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RealtimeUserSpeechStarted:
    """The user began to speak, ``audio_start_ms`` after the beginning of the input audio."""

    item_id: str
    audio_start_ms: int | None
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_speech_started"]] = "user_speech_started"


@attrs.frozen(kw_only=True)
class RealtimeUserSpeechStopped:
    """The user stopped speaking, ``audio_end_ms`` after the beginning of the input audio."""

    item_id: str
    audio_end_ms: int | None
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_speech_stopped"]] = "user_speech_stopped"


@attrs.frozen(kw_only=True)
class RealtimeUserTranscriptDelta:
    """A piece of the transcript of what the user says."""

    item_id: str
    content_index: int
    delta: str = attrs.field(repr=hidden)
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_transcript_delta"]] = "user_transcript_delta"


@attrs.frozen(kw_only=True)
class RealtimeUserTranscriptCompleted:
    """What the user said."""

    item_id: str
    content_index: int
    transcript: str = attrs.field(repr=hidden)
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_transcript_completed"]] = "user_transcript_completed"


@attrs.frozen(kw_only=True)
class RealtimeUserTranscriptFailed:
    """What the user said could not be transcribed. The model heard it all the same."""

    item_id: str
    content_index: int
    error: RealtimeServerError
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_transcript_failed"]] = "user_transcript_failed"


@attrs.define(kw_only=True, unsafe_hash=True)
class RealtimeTranscriptDelta:
    """A piece of what the model says (``spoken``) or writes."""

    item_id: str
    content_index: int
    delta: str = attrs.field(repr=hidden)
    response_id: str
    spoken: bool
    info: RealtimeEventInfo
    type: ClassVar[Literal["transcript_delta"]] = "transcript_delta"


@attrs.frozen(kw_only=True)
class RealtimeResponseDone:
    """A response ended: with which status, why, and how many tokens it took."""

    response_id: str | None
    status: ResponseStatus
    reason: str | None
    """For cancelled: ``turn_detected`` or ``client_cancelled``; for incomplete:
    ``max_output_tokens`` or ``content_filter``."""
    error: RealtimeServerError | None
    """For failed: why."""
    usage: Usage | None
    info: RealtimeEventInfo
    type: ClassVar[Literal["response_done"]] = "response_done"


@attrs.frozen(kw_only=True)
class RealtimeRateLimitsUpdated:
    """The server's rate limits as of now."""

    rate_limits: tuple[RealtimeModelRateLimit, ...]
    info: RealtimeEventInfo
    type: ClassVar[Literal["rate_limits_updated"]] = "rate_limits_updated"


@attrs.frozen(kw_only=True)
class RealtimeToolProgress:
    """A running tool reports its progress (`ToolContext.progress`)."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool[Any]
    call_id: str
    text: str = attrs.field(repr=hidden)
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_progress"]] = "tool_progress"


@attrs.frozen(kw_only=True)
class RealtimeGuardrailFailed:
    """A guardrail raised an exception, so its text was not checked by it."""

    guardrail_name: str
    error: Exception
    info: RealtimeEventInfo
    type: ClassVar[Literal["guardrail_failed"]] = "guardrail_failed"


@attrs.frozen(kw_only=True)
class RealtimeInputGuardrailTripped:
    """An input guardrail tripped on what the user said or typed."""

    guardrail_results: tuple[InputGuardrailResult, ...]
    message: str = attrs.field(repr=hidden)
    """The user's words that were checked."""
    info: RealtimeEventInfo
    type: ClassVar[Literal["input_guardrail_tripped"]] = "input_guardrail_tripped"


@attrs.frozen(kw_only=True)
class RealtimeOutputLost:
    """The output of a tool could not be sent: the model never heard of it, and the history does
    not have it. The connection was gone, or the session closed before the network took it."""

    call_id: str
    tool_name: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["output_lost"]] = "output_lost"


@attrs.frozen(kw_only=True)
class RealtimeDtmfReceived:
    """A caller pressed a key."""

    key: str = attrs.field(repr=hidden)
    info: RealtimeEventInfo
    type: ClassVar[Literal["dtmf_received"]] = "dtmf_received"


@attrs.frozen(kw_only=True)
class RealtimeMcpApprovalRequired:
    """A tool of a hosted MCP server waits for `RealtimeSession.answer_mcp_approval`."""

    request_id: str
    server_label: str
    name: str
    arguments: str = attrs.field(repr=hidden)
    """JSON text, as the model wrote it."""
    info: RealtimeEventInfo
    type: ClassVar[Literal["mcp_approval_required"]] = "mcp_approval_required"


SdkSessionEvent: TypeAlias = (
    RealtimeAgentStartEvent
    | RealtimeAgentEndEvent
    | RealtimeHandoffEvent
    | RealtimeToolStart
    | RealtimeToolEnd
    | RealtimeToolApprovalRequired
    | RealtimeRawModelEvent
    | RealtimeAudio
    | RealtimeAudioEnd
    | RealtimeAudioInterrupted
    | RealtimeError
    | RealtimeHistoryUpdated
    | RealtimeHistoryAdded
    | RealtimeGuardrailTripped
    | RealtimeInputAudioTimeoutTriggered
)
"""The fifteen events that the OpenAI Agents SDK has too. Code that handles them all, and ends with
``assert_never``, is checked as it was there::

    async for event in session:
        if isinstance(event, SdkSessionEvent):
            handle(event)
"""

RealtimeSessionEvent: TypeAlias = (
    SdkSessionEvent
    | RealtimeUserSpeechStarted
    | RealtimeUserSpeechStopped
    | RealtimeUserTranscriptDelta
    | RealtimeUserTranscriptCompleted
    | RealtimeUserTranscriptFailed
    | RealtimeTranscriptDelta
    | RealtimeResponseDone
    | RealtimeRateLimitsUpdated
    | RealtimeToolProgress
    | RealtimeGuardrailFailed
    | RealtimeInputGuardrailTripped
    | RealtimeOutputLost
    | RealtimeDtmfReceived
    | RealtimeMcpApprovalRequired
)
"""Anything a session delivers."""
