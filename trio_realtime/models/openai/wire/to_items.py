"""Wire objects turned into the library's own: items, usage, errors. Pure functions of their input.

`receiving` calls these for what it hands on. What is missing on the wire stays missing here;
nothing is guessed except where a comment says so.
"""

from collections.abc import Callable
from typing import Final

from ....context import InputTokensDetails, OutputTokensDetails, Usage
from ....items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserContent,
    UserMessageItem,
)
from ...events import RealtimeServerError, ResponseStatus
from .objects import (
    WireCachedTokens,
    WireError,
    WireInputTokens,
    WireItem,
    WireOutputTokens,
    WirePart,
    WireStatusError,
    WireUsage,
)

_ITEM_STATUSES: Final[dict[str | None, ItemStatus]] = {
    "in_progress": "in_progress",
    "completed": "completed",
    "incomplete": "incomplete",
}
_RESPONSE_STATUSES: Final[dict[str | None, ResponseStatus]] = {
    "completed": "completed",
    "cancelled": "cancelled",
    "failed": "failed",
    "incomplete": "incomplete",
}

_NO_USAGE: Final = WireUsage()
_NO_INPUT: Final = WireInputTokens()
_NO_CACHED: Final = WireCachedTokens()
_NO_OUTPUT: Final = WireOutputTokens()


def item(wire: WireItem, previous_item_id: str | None = None) -> RealtimeItem | None:
    """The item as history shows it; ``None`` for items it does not show, or that have no id."""
    if not wire.id:
        return None
    if wire.type == "message":
        make = _MESSAGES.get(wire.role or _likely_role(wire))
        return make(wire, wire.id, previous_item_id) if make is not None else None
    if wire.type == "function_call":
        return RealtimeToolCallItem(
            item_id=wire.id,
            previous_item_id=previous_item_id,
            call_id=wire.call_id,
            name=wire.name or "",
            arguments=wire.arguments or "",
            status="incomplete" if wire.status == "incomplete" else "in_progress",
        )
    return None


def usage(wire: WireUsage) -> Usage:
    """The tokens of one response, which counts as one request. A missing total is the sum."""
    read = wire.input_token_details or wire.input_tokens_details or _NO_INPUT
    written = wire.output_token_details or wire.output_tokens_details or _NO_OUTPUT
    cached = read.cached_tokens_details or _NO_CACHED
    input_tokens = wire.input_tokens or wire.prompt_tokens or 0
    output_tokens = wire.output_tokens or wire.completion_tokens or 0
    return Usage(
        requests=1,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=wire.total_tokens or input_tokens + output_tokens,
        input_tokens_details=InputTokensDetails(
            cached_tokens=read.cached_tokens or 0,
            text_tokens=read.text_tokens or 0,
            audio_tokens=read.audio_tokens or 0,
            image_tokens=read.image_tokens or 0,
            cached_text_tokens=cached.text_tokens or 0,
            cached_audio_tokens=cached.audio_tokens or 0,
            cached_image_tokens=cached.image_tokens or 0,
        ),
        output_tokens_details=OutputTokensDetails(
            text_tokens=written.text_tokens or 0,
            audio_tokens=written.audio_tokens or 0,
            reasoning_tokens=written.reasoning_tokens or 0,
        ),
    )


def usage_told(response: WireUsage | None, beside: WireUsage | None) -> Usage | None:
    """The usage of a response that ended, which a server says in the response or beside it."""
    for wire in (response, beside):
        if wire is not None and wire != _NO_USAGE:
            return usage(wire)
    return None


def response_status(status: str | None) -> ResponseStatus:
    """A finished response's status; one that is not known counts as completed."""
    return _RESPONSE_STATUSES.get(status, "completed")


def error(wire: WireError) -> RealtimeServerError:
    """The body of an ``error`` event."""
    return RealtimeServerError(
        message=wire.message or wire.code or "the server gave no reason",
        type=wire.type or "",
        code=wire.code,
        param=wire.param,
        event_id=wire.event_id,
    )


def status_error(wire: WireStatusError) -> RealtimeServerError:
    """Why a response or a transcription failed."""
    return RealtimeServerError(
        message=wire.message or "", type=wire.type or "", code=wire.code, param=wire.param
    )


def _likely_role(wire: WireItem) -> str:
    """Whose message it is when the server does not say: its parts are input of somebody or output
    of the model. A message without any is the model's, who adds them one by one."""
    kinds = {part.type or "" for part in wire.content or ()}
    return "user" if any(kind.startswith("input_") for kind in kinds) else "assistant"


def _user_part(part: WirePart) -> UserContent | None:
    match part.type:
        case "input_text" | "text":
            return InputText(text=part.text or "")
        case "input_audio" | "audio":
            return InputAudio(transcript=part.transcript)
        case "input_image":
            return InputImage(image_url=part.image_url, detail=part.detail)
        case None if part.text is not None:
            return InputText(text=part.text)
        case _:
            return None


def _assistant_part(part: WirePart) -> AssistantContent | None:
    match part.type:
        case "output_text" | "text":
            return AssistantText(text=part.text or "")
        case "output_audio" | "audio":
            return AssistantAudio(transcript=part.transcript)
        case None if part.text is not None:
            return AssistantText(text=part.text)
        case _:
            return None


def _user(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return UserMessageItem(
        item_id=item_id,
        previous_item_id=previous,
        status=_ITEM_STATUSES.get(wire.status),
        content=tuple(c for part in wire.content or () if (c := _user_part(part)) is not None),
    )


def _assistant(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return AssistantMessageItem(
        item_id=item_id,
        phase=wire.phase,
        previous_item_id=previous,
        status=_ITEM_STATUSES.get(wire.status),
        content=tuple(c for part in wire.content or () if (c := _assistant_part(part)) is not None),
    )


def _system(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return SystemMessageItem(
        item_id=item_id,
        previous_item_id=previous,
        content=tuple(
            part for each in wire.content or () if isinstance(part := _user_part(each), InputText)
        ),
    )


_MESSAGES: Final[dict[str | None, Callable[[WireItem, str, str | None], RealtimeItem]]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
}
