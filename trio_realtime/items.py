"""Conversation items: what the history is made of.

Items are immutable values. The history replaces an item when it changes, so an item taken from an
event or a snapshot never changes afterwards. Field names are those of the OpenAI Agents SDK.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]


@attrs.frozen(kw_only=True)
class InputText:
    """Text the user typed, or the text of a system message."""

    text: str = ""
    type: Literal["input_text"] = "input_text"


@attrs.frozen(kw_only=True)
class InputAudio:
    """Audio the user spoke. The audio itself is not kept."""

    transcript: str | None = None
    """What was said, once transcribed; ``None`` before that, without transcription, or when it
    failed."""
    type: Literal["input_audio"] = "input_audio"


@attrs.frozen(kw_only=True)
class InputImage:
    """An image the user sent."""

    image_url: str | None = None
    """A data URL or a remote URL. Servers echo images without it; the known one is kept."""
    detail: str | None = None
    type: Literal["input_image"] = "input_image"


@attrs.frozen(kw_only=True)
class AssistantText:
    """Text the model wrote."""

    text: str = ""
    type: Literal["text"] = "text"


@attrs.frozen(kw_only=True)
class AssistantAudio:
    """Audio the model spoke. The audio itself is not kept."""

    transcript: str | None = None
    heard_ms: int | None = None
    """After an interruption: how much of it the user heard, in ms; ``None`` when all of it was
    sent to the application and never cut."""
    type: Literal["audio"] = "audio"


UserContent: TypeAlias = InputText | InputAudio | InputImage
AssistantContent: TypeAlias = AssistantText | AssistantAudio


@attrs.frozen(kw_only=True)
class SystemMessageItem:
    """A system message."""

    item_id: str
    previous_item_id: str | None = None
    content: tuple[InputText, ...] = ()
    type: Literal["message"] = "message"
    role: Literal["system"] = "system"


@attrs.frozen(kw_only=True)
class UserMessageItem:
    """What the user typed, said or showed."""

    item_id: str
    previous_item_id: str | None = None
    content: tuple[UserContent, ...] = ()
    status: ItemStatus | None = None
    type: Literal["message"] = "message"
    role: Literal["user"] = "user"


@attrs.frozen(kw_only=True)
class AssistantMessageItem:
    """What the model said or wrote.

    ``status`` is ``None`` when the response is over and the server never said how the item ended,
    as happens to an answer that was interrupted.
    """

    item_id: str
    previous_item_id: str | None = None
    content: tuple[AssistantContent, ...] = ()
    status: ItemStatus | None = None
    phase: str | None = None
    """``"commentary"`` or ``"final_answer"`` from models that say which of the two it is."""
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"


@attrs.frozen(kw_only=True)
class RealtimeToolCallItem:
    """A call of a function tool, together with its output."""

    item_id: str
    previous_item_id: str | None = None
    call_id: str | None = None
    name: str
    arguments: str
    """The arguments as JSON text, as the model wrote them."""
    status: ItemStatus = "in_progress"
    """Of the execution: completed once there is an output; incomplete when the model never
    finished writing the call, which is then not executed."""
    output: str | None = None
    type: Literal["function_call"] = "function_call"


RealtimeMessageItem: TypeAlias = SystemMessageItem | UserMessageItem | AssistantMessageItem
RealtimeItem: TypeAlias = RealtimeMessageItem | RealtimeToolCallItem

RealtimeHistory: TypeAlias = Sequence[RealtimeItem]
"""A read-only sequence of items in the order of the conversation."""
