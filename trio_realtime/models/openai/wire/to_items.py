"""Wire objects turned into the library's own: items, usage, errors. Pure functions of their input.

`protocol` calls these for what it hands on. What is missing on the wire stays missing here; nothing
is guessed except where a comment says so.
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
from .objects import WireError, WireItem, WirePart, WireStatusError, WireUsage

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


def item(wire: WireItem, previous_item_id: str | None = None) -> RealtimeItem | None:
    """The item as history shows it; ``None`` for items it does not show."""
    if wire.id is None:
        return None
    if wire.type == "message":
        make = _MESSAGES.get(wire.role)
        return make(wire, wire.id, previous_item_id) if make is not None else None
    if wire.type == "function_call":
        return RealtimeToolCallItem(
            item_id=wire.id,
            previous_item_id=previous_item_id,
            call_id=wire.call_id,
            name=wire.name or "",
            arguments=wire.arguments or "",
        )
    return None


def usage(wire: WireUsage) -> Usage:
    """The tokens of one response, which counts as one request."""
    read = wire.input_token_details
    written = wire.output_token_details
    cached = read.cached_tokens_details if read is not None else None
    return Usage(
        requests=1,
        input_tokens=wire.input_tokens or 0,
        output_tokens=wire.output_tokens or 0,
        total_tokens=wire.total_tokens or 0,
        input_tokens_details=InputTokensDetails(
            cached_tokens=(read.cached_tokens if read is not None else None) or 0,
            text_tokens=(read.text_tokens if read is not None else None) or 0,
            audio_tokens=(read.audio_tokens if read is not None else None) or 0,
            image_tokens=(read.image_tokens if read is not None else None) or 0,
            cached_text_tokens=(cached.text_tokens if cached is not None else None) or 0,
            cached_audio_tokens=(cached.audio_tokens if cached is not None else None) or 0,
            cached_image_tokens=(cached.image_tokens if cached is not None else None) or 0,
        ),
        output_tokens_details=OutputTokensDetails(
            text_tokens=(written.text_tokens if written is not None else None) or 0,
            audio_tokens=(written.audio_tokens if written is not None else None) or 0,
        ),
    )


def response_status(status: str | None) -> ResponseStatus:
    """A finished response's status; one that is not known counts as completed."""
    return _RESPONSE_STATUSES.get(status, "completed")


def error(wire: WireError) -> RealtimeServerError:
    """The body of an ``error`` event."""
    return RealtimeServerError(
        message=wire.message,
        type=wire.type,
        code=wire.code,
        param=wire.param,
        event_id=wire.event_id,
    )


def status_error(wire: WireStatusError) -> RealtimeServerError:
    """Why a response or a transcription failed."""
    return RealtimeServerError(
        message=wire.message or "", type=wire.type or "", code=wire.code, param=wire.param
    )


def _user_part(part: WirePart) -> UserContent | None:
    if part.type == "input_text":
        return InputText(text=part.text or "")
    if part.type == "input_audio":
        return InputAudio(transcript=part.transcript)
    if part.type == "input_image":
        return InputImage(image_url=part.image_url, detail=part.detail)
    return None


def _assistant_part(part: WirePart) -> AssistantContent | None:
    if part.type in {"output_text", "text"}:
        return AssistantText(text=part.text or "")
    if part.type in {"output_audio", "audio"}:
        return AssistantAudio(transcript=part.transcript)
    return None


def _user(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return UserMessageItem(
        item_id=item_id,
        previous_item_id=previous,
        status=_ITEM_STATUSES.get(wire.status),
        content=tuple(c for part in wire.content if (c := _user_part(part)) is not None),
    )


def _assistant(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return AssistantMessageItem(
        item_id=item_id,
        previous_item_id=previous,
        status=_ITEM_STATUSES.get(wire.status),
        content=tuple(c for part in wire.content if (c := _assistant_part(part)) is not None),
    )


def _system(wire: WireItem, item_id: str, previous: str | None) -> RealtimeItem:
    return SystemMessageItem(
        item_id=item_id,
        previous_item_id=previous,
        content=tuple(
            InputText(text=part.text or "") for part in wire.content if part.type == "input_text"
        ),
    )


_MESSAGES: Final[dict[str | None, Callable[[WireItem, str, str | None], RealtimeItem]]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
}
