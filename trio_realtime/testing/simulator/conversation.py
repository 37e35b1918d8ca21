"""The server's side of a conversation: items in order, with the audio the API keeps of them.

Used by :mod:`.server_protocol`, :mod:`.listening` and :mod:`.response_playing`. Items are looked up
by id and ordered as ``previous_item_id`` says; nothing here sends anything.
"""

import base64
from typing import Any

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.served_formats import AudioFormat

STATELESS = (
    "function_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
)
"""Types of items that the API shows without a ``status``."""


@attrs.define(eq=False, kw_only=True)
class Part:
    """A piece of a message.

    ``fields`` is what the API shows of it, without audio. ``audio`` is in ``format``; ``heard`` is
    what the scenario says was spoken, which only the responder sees until it is transcribed.
    """

    fields: dict[str, Any]
    audio: bytearray | None = None
    format: AudioFormat | None = None
    heard: str | None = None
    truncated: bool = False

    @property
    def audio_ms(self) -> int:
        """How much audio there is, in whole milliseconds."""
        if self.audio is None or self.format is None:
            return 0
        return len(self.audio) // self.format.bytes_per_ms

    def render(self, *, with_audio: bool = False) -> dict[str, Any]:
        """The content part; audio is left out of all events but ``conversation.item.retrieved``."""
        shown = dict(self.fields)
        if with_audio and self.audio is not None:
            shown["audio"] = base64.b64encode(self.audio).decode()
        return shown


@attrs.define(eq=False, kw_only=True)
class Item:
    """A message, a function call, or the output of one.

    ``fields`` holds what is not content: the role, or the call's own fields. ``status`` and
    ``phase`` are None where the API shows none.
    """

    id: str
    type: str
    status: str | None
    fields: dict[str, Any]
    parts: list[Part] | None = None
    phase: str | None = None

    def render(self, *, with_audio: bool = False) -> dict[str, Any]:
        """The item as the API shows it; a fresh object every time."""
        shown: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.status is not None:
            shown["status"] = self.status
        shown.update(self.fields)
        if self.parts is not None:
            shown["content"] = [part.render(with_audio=with_audio) for part in self.parts]
        if self.phase is not None:
            shown["phase"] = self.phase
        return shown

    def describe(self) -> dict[str, Any]:
        """The item as a responder sees it: what was heard stands as the transcript."""
        shown = self.render()
        for part, content in zip(self.parts or (), shown.get("content", ()), strict=True):
            if part.heard is not None:
                content["transcript"] = part.heard
        return shown


@attrs.define(eq=False)
class Conversation:
    """Items in order."""

    id: str
    _items: dict[str, Item] = attrs.field(init=False, factory=dict[str, Item])
    _order: list[str] = attrs.field(init=False, factory=list[str])

    @property
    def items(self) -> list[Item]:
        """The items, first to last."""
        return [self._items[item_id] for item_id in self._order]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def find(self, item_id: str) -> Item | None:
        """The item, if it is there."""
        return self._items.get(item_id)

    def get(self, item_id: str, *, doing: str) -> Item:
        """The item, or the API's error; ``doing`` is what the client wanted: "delete"."""
        item = self._items.get(item_id)
        if item is None:
            participle = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}
            raise ApiError(
                f"Error {participle[doing]} item: the item with id '{item_id}' does not exist.",
                code=f"item_{doing}_invalid_item_id",
            )
        return item

    def check_insertion(self, item_id: str | None, after: str | None) -> None:
        """Raise the API's error if the item cannot be inserted there.

        The service lets two items share an id; the simulator refuses, since nobody means that.
        """
        if item_id is not None and item_id in self._items:
            raise ApiError(
                f"Error creating item: the item with id '{item_id}' already exists.",
                code="item_create_duplicate_item_id",
            )
        if after and after != "root" and after not in self._items:
            raise ApiError(
                f"Error creating item: the previous item with id '{after}' does not exist.",
                code="item_create_invalid_previous_item_id",
            )

    def insert(self, item: Item, after: str | None = None) -> str | None:
        """Put the item after another; returns the id of the item before it.

        ``after`` empty or None means last, ``"root"`` means first.
        """
        at = len(self._order)
        if after == "root":
            at = 0
        elif after:
            at = self._order.index(after) + 1
        self._items[item.id] = item
        self._order.insert(at, item.id)
        return self._order[at - 1] if at else None

    def previous_id_when_done(self, item_id: str) -> str | None:
        """The id that ``conversation.item.done`` of a model's item names as the one before it.

        The service names none for the second item of a conversation, although its
        ``conversation.item.added`` did. Clients must keep the place that ``added`` gave.
        """
        at = self._order.index(item_id)
        return self._order[at - 1] if at > 1 else None

    def delete(self, item_id: str) -> None:
        """Remove an item."""
        self.get(item_id, doing="delete")
        del self._items[item_id]
        self._order.remove(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant message's audio, and with it its transcript, to what was heard."""
        item = self.get(item_id, doing="truncate")
        parts = item.parts or []
        part = parts[content_index] if content_index < len(parts) else None
        spoken = part is not None and part.fields["type"] == "output_audio"
        # An end of 0 ms would leave no audio, which the service treats as if there were none.
        if part is None or part.audio is None or not spoken or not audio_end_ms:
            raise ApiError(
                "Only model output audio messages can be truncated",
                code="unsupported_content_type",
            )
        if audio_end_ms > part.audio_ms:
            raise ApiError(
                f"Audio content of {part.audio_ms}ms is already shorter than {audio_end_ms}ms",
                code="invalid_value",
            )
        assert part.format is not None
        del part.audio[audio_end_ms * part.format.bytes_per_ms :]
        part.fields.pop("transcript", None)
        part.truncated = True
