"""Items of the library turned into the API's, to add them to a conversation. Pure.

The other way is in `to_items`. Audio is not kept in items, so speech goes out as its transcript.
"""

from collections.abc import Mapping
from typing import Any, Final

from ....errors import UserError
from ....items import (
    AssistantMessageItem,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    UserMessageItem,
)

MAX_ID: Final = 32
"""Characters that an item id may have; a longer one is left out, and the server makes another."""


def items_to_wire(item: RealtimeItem) -> list[dict[str, Any]]:
    """Return the API's items for this one. A tool call with an output becomes two.

    Raises:
        UserError: something of it cannot be sent; the item is named.
    """
    if not isinstance(item, RealtimeToolCallItem):
        return [message_to_wire(item)]
    if item.call_id is None:
        raise UserError(f"{_named(item)} has no call_id")
    call = {
        "type": "function_call",
        "call_id": item.call_id,
        "name": item.name,
        "arguments": item.arguments,
    }
    whole = [_with_id(item.item_id, call)]
    if item.output is not None:
        output = {"type": "function_call_output", "call_id": item.call_id, "output": item.output}
        whole.append(output)
    return whole


def can_be_said_again(item: RealtimeItem) -> bool:
    """Whether a conversation can be given this item: it has words, and a call has its output."""
    if isinstance(item, RealtimeToolCallItem):
        return item.call_id is not None and item.output is not None
    if isinstance(item, AssistantMessageItem):
        return any(part.text if part.type == "text" else part.transcript for part in item.content)
    if isinstance(item, UserMessageItem):
        return bool(item.content) and all(_has_words(part) for part in item.content)
    return bool(item.content)


def message_to_wire(item: RealtimeItem) -> dict[str, Any]:
    """A message. Raises as `items_to_wire`."""
    if isinstance(item, RealtimeToolCallItem):
        raise UserError(f"{_named(item)} is a tool call, and no message")
    content: list[dict[str, Any]]
    if isinstance(item, AssistantMessageItem):
        words = [part.text if part.type == "text" else part.transcript for part in item.content]
        content = [{"type": "output_text", "text": text} for text in words if text]
    elif isinstance(item, UserMessageItem):
        content = [_user_part(part, item) for part in item.content]
    else:
        content = [{"type": "input_text", "text": part.text} for part in item.content]
    if not content:
        raise UserError(f"{_named(item)} has no words to be sent")
    return _with_id(item.item_id, {"type": "message", "role": item.role, "content": content})


def content_part(part: InputText | InputImage) -> dict[str, Any]:
    """Text or an image of the user."""
    if isinstance(part, InputText):
        return {"type": "input_text", "text": part.text}
    image: dict[str, Any] = {"type": "input_image", "image_url": part.image_url}
    if part.detail is not None:
        image["detail"] = part.detail
    return image


def input_to_wire(entry: RealtimeItem | Mapping[str, Any]) -> list[dict[str, Any]]:
    """An entry of a response's own input. A mapping is in wire form already."""
    return [dict(entry)] if isinstance(entry, Mapping) else items_to_wire(entry)


def _has_words(part: InputText | InputImage | InputAudio) -> bool:
    if isinstance(part, InputText):
        return True
    return bool(part.transcript if isinstance(part, InputAudio) else part.image_url)


def _user_part(part: InputText | InputImage | InputAudio, item: UserMessageItem) -> dict[str, Any]:
    if isinstance(part, InputAudio):
        if not part.transcript:
            raise UserError(f"{_named(item)} was spoken and has no transcript")
        return {"type": "input_text", "text": part.transcript}
    if isinstance(part, InputImage) and not part.image_url:
        raise UserError(f"{_named(item)} has an image without its URL")
    return content_part(part)


def _with_id(item_id: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, **item} if 0 < len(item_id) <= MAX_ID else item


def _named(item: RealtimeItem) -> str:
    return f"item {item.item_id!r}"
