"""Conversation items: what the history is made of.

Items are immutable values. The history replaces an item when it changes, so an item taken from an
event or a snapshot never changes afterwards. Field names are those of the OpenAI Agents SDK.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from ._util.hidden_words import hidden

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]


@attrs.frozen(kw_only=True)
class InputText:
    """Text the user typed, or the text of a system message."""

    text: str = attrs.field(default="", repr=hidden)
    type: Literal["input_text"] = "input_text"


@attrs.frozen(kw_only=True)
class InputAudio:
    """Audio the user spoke. The audio itself is not kept."""

    transcript: str | None = attrs.field(default=None, repr=hidden)
    """What was said, once transcribed; ``None`` before that, without transcription, or when it
    failed."""
    type: Literal["input_audio"] = "input_audio"


@attrs.frozen(kw_only=True)
class InputImage:
    """An image the user sent."""

    image_url: str | None = attrs.field(default=None, repr=hidden)
    """A data URL or a remote URL. Servers echo images without it; the known one is kept."""
    detail: str | None = None
    type: Literal["input_image"] = "input_image"


@attrs.frozen(kw_only=True)
class AssistantText:
    """Text the model wrote."""

    text: str = attrs.field(default="", repr=hidden)
    type: Literal["text"] = "text"


@attrs.frozen(kw_only=True)
class AssistantAudio:
    """Audio the model spoke. The audio itself is not kept."""

    transcript: str | None = attrs.field(default=None, repr=hidden)
    heard_ms: int | None = None
    """After an interruption: how much of it the user heard, in ms; ``None`` when all of it was
    sent to the application and never cut."""
    type: Literal["audio"] = "audio"


def _text_of(parts: Sequence[object]) -> str:
    words = (getattr(part, "text", None) or getattr(part, "transcript", None) for part in parts)
    return "\n".join(each for each in words if each)


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

    @property
    def text(self) -> str:
        """The words of the message; the content parts are joined by line breaks."""
        return _text_of(self.content)


@attrs.frozen(kw_only=True)
class UserMessageItem:
    """What the user typed, said or showed."""

    item_id: str
    previous_item_id: str | None = None
    content: tuple[UserContent, ...] = ()
    status: ItemStatus | None = None
    type: Literal["message"] = "message"
    role: Literal["user"] = "user"

    @property
    def text(self) -> str:
        """What was typed, and what was said as far as it is transcribed.

        The content parts are joined by line breaks; images and audio that is not transcribed have
        no words.
        """
        return _text_of(self.content)


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

    @property
    def text(self) -> str:
        """What was written or said; the content parts are joined by line breaks."""
        return _text_of(self.content)


@attrs.frozen(kw_only=True)
class RealtimeToolCallItem:
    """A call of a function tool, together with its output."""

    item_id: str
    previous_item_id: str | None = None
    call_id: str | None = None
    name: str
    arguments: str = attrs.field(repr=hidden)
    """The arguments as JSON text, as the model wrote them."""
    status: ItemStatus = "in_progress"
    """Of the execution: completed once there is an output; incomplete when the model never
    finished writing the call, which is then not executed."""
    output: str | None = attrs.field(default=None, repr=hidden)
    type: Literal["function_call"] = "function_call"


RealtimeMessageItem: TypeAlias = SystemMessageItem | UserMessageItem | AssistantMessageItem
RealtimeItem: TypeAlias = RealtimeMessageItem | RealtimeToolCallItem

RealtimeHistory: TypeAlias = Sequence[RealtimeItem]
"""A read-only sequence of items in the order of the conversation."""
