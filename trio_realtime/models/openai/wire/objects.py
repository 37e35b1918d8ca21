"""The objects inside server events: items, responses, usage, the session's echo, errors.

Shapes follow ``openai.types.realtime``. Only what a client reads is declared; msgspec skips the
rest of a frame without building it, the base64 audio inside items above all. Enumerations stay
plain strings, so that a new value of one does not cost the event. ``None`` means that the server
said null or did not mention the field.

No field is required, but for the message of an error: whoever reads an object decides what it can
do without. The fields have the names of the current API; those of other servers are declared beside
them where they differ.

All are frozen and hold no cycles, so the garbage collector does not track them (``gc=False``).
`server_events` builds its events from them, and whoever reads those imports them from here.
"""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A count, a position or a time. A number that no computer counts with is none: nothing overflows
when one is multiplied or written elsewhere."""


class WireValue(msgspec.Struct, frozen=True, gc=False):
    """Base: immutable, compared by value."""


class WirePart(WireValue, frozen=True):
    """One content part of a message, without its audio."""

    type: str | None = None
    """``input_text``, ``input_audio``, ``input_image``, ``output_text``, ``output_audio``; in
    ``response.content_part.*``, and from servers with the names of the beta, also ``text`` and
    ``audio``."""
    text: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: str | None = None


class WireMcpTool(WireValue, frozen=True):
    """A tool that a hosted MCP server offers."""

    name: str | None = None
    description: str | None = None
    input_schema: Any = None
    annotations: Any = None


class WireMcpError(WireValue, frozen=True):
    """Why a hosted MCP call failed; ``code`` is there for protocol and HTTP errors."""

    type: str | None = None
    message: str | None = None
    code: Int64 | None = None


class WireItem(WireValue, frozen=True):
    """A conversation item of any type; the fields of the other types are ``None``."""

    type: str | None = None
    id: str | None = None
    status: str | None = None
    role: str | None = None
    content: tuple[WirePart, ...] | None = None
    phase: str | None = None
    """Of a model's message: ``commentary`` or ``final_answer``."""
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None
    error: WireMcpError | None = None
    tools: tuple[WireMcpTool, ...] | None = None


class WireCachedTokens(WireValue, frozen=True):
    """Cached input tokens by modality."""

    text_tokens: Int64 | None = None
    audio_tokens: Int64 | None = None
    image_tokens: Int64 | None = None


class WireInputTokens(WireValue, frozen=True):
    """Input tokens by modality; the cached ones are part of them."""

    text_tokens: Int64 | None = None
    audio_tokens: Int64 | None = None
    image_tokens: Int64 | None = None
    cached_tokens: Int64 | None = None
    cached_tokens_details: WireCachedTokens | None = None


class WireOutputTokens(WireValue, frozen=True):
    """Output tokens by modality; those spent on reasoning are part of them."""

    text_tokens: Int64 | None = None
    audio_tokens: Int64 | None = None
    reasoning_tokens: Int64 | None = None


class WireUsage(WireValue, frozen=True):
    """The tokens of one response, also under the names of OpenAI's other APIs."""

    total_tokens: Int64 | None = None
    input_tokens: Int64 | None = None
    output_tokens: Int64 | None = None
    input_token_details: WireInputTokens | None = None
    output_token_details: WireOutputTokens | None = None
    input_tokens_details: WireInputTokens | None = None
    output_tokens_details: WireOutputTokens | None = None
    prompt_tokens: Int64 | None = None
    completion_tokens: Int64 | None = None


class WireTranscriptionTokens(WireValue, frozen=True):
    """Input tokens of a transcription by modality."""

    text_tokens: Int64 | None = None
    audio_tokens: Int64 | None = None


class WireTranscriptionUsage(WireValue, frozen=True):
    """What a transcription took: tokens (``type="tokens"``) or ``seconds`` (``"duration"``)."""

    type: str | None = None
    total_tokens: Int64 | None = None
    input_tokens: Int64 | None = None
    output_tokens: Int64 | None = None
    input_token_details: WireTranscriptionTokens | None = None
    seconds: float | None = None


class WireStatusError(WireValue, frozen=True):
    """Why a response or a transcription failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class WireStatusDetails(WireValue, frozen=True):
    """How a response ended.

    ``reason`` is ``turn_detected`` or ``client_cancelled`` when cancelled, ``max_output_tokens``
    or ``content_filter`` when incomplete; ``error`` is there when it failed.
    """

    type: str | None = None
    reason: str | None = None
    error: WireStatusError | None = None


class WireResponse(WireValue, frozen=True):
    """A response: ``in_progress`` when created; usage and output are complete when it is done."""

    id: str | None = None
    status: str | None = None
    status_details: WireStatusDetails | None = None
    output: tuple[WireItem, ...] | None = None
    conversation_id: str | None = None
    """``None`` for an out-of-band response."""
    output_modalities: tuple[str, ...] | None = None
    usage: WireUsage | None = None
    metadata: dict[str, str] | None = None


class WireError(WireValue, frozen=True, kw_only=True):
    """The ``error`` object of an ``error`` event.

    Its message is required, alone among all fields here, so that an object without one is not
    taken for whole: `salvage` then looks for the words elsewhere in the event.
    """

    type: str | None = None
    message: str
    code: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The client event it is about."""


class WireRateLimit(WireValue, frozen=True):
    """One rate limit: ``name`` is ``requests`` or ``tokens``."""

    name: str | None = None
    limit: Int64 | None = None
    remaining: Int64 | None = None
    reset_seconds: float | None = None


class WireConversation(WireValue, frozen=True):
    """The conversation of a session."""

    id: str | None = None


class WireAudioFormat(WireValue, frozen=True):
    """``audio/pcm`` (PCM16 mono little-endian), ``audio/pcmu`` or ``audio/pcma``; rate in Hz."""

    type: str | None = None
    rate: Int64 | None = None


class WireTurnDetection(WireValue, frozen=True):
    """Turn detection as the server runs it; some say that it is off by a null ``type``."""

    type: str | UnsetType | None = UNSET
    create_response: bool | None = None
    interrupt_response: bool | None = None


class WireAudioInput(WireValue, frozen=True):
    """Input audio. ``turn_detection`` is ``None`` when off, `UNSET` when not mentioned."""

    format: WireAudioFormat | None = None
    turn_detection: WireTurnDetection | UnsetType | None = UNSET


class WireAudioOutput(WireValue, frozen=True):
    """Output audio."""

    format: WireAudioFormat | None = None


class WireSessionAudio(WireValue, frozen=True):
    """Audio both ways; a transcription session has no output."""

    input: WireAudioInput | None = None
    output: WireAudioOutput | None = None


class WireSession(WireValue, frozen=True):
    """The server's echo of the session's configuration."""

    type: str | None = None
    """``realtime`` or ``transcription``."""
    id: str | None = None
    model: str | None = None
    expires_at: Int64 | None = None
    """When the server will end the session, in Unix seconds."""
    audio: WireSessionAudio | None = None
    turn_detection: WireTurnDetection | UnsetType | None = UNSET
    """Where the beta, and servers that follow it, say it; so are the two formats."""
    input_audio_format: str | None = None
    output_audio_format: str | None = None
    input_audio_sampling_rate: Int64 | None = None
    """In Hz; Azure Voice Live's."""
