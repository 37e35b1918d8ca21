"""The local history of the conversation, made from the events of the model.

Pure. The receive task gives it every model event and tells the application of the change that it
returns; others read `History.snapshot`. Its promises:

* Items are ordered as the server says (``previous_item_id``), not as they arrived.
* A transcript or an image that is known is not lost when a later event omits it. Servers do omit
  them: retrieved items have no transcripts, and echoed images no URL.
* A finished tool call keeps its output, however often the call is announced again.
* A deleted item stays deleted when late events mention it, unless the server adds it again.
* No event costs more in a longer conversation. The pieces of a transcript are joined only when the
  history is read.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import attrs

from ...items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    ItemStatus,
    RealtimeItem,
    RealtimeToolCallItem,
    UserMessageItem,
)
from ...models import events as model
from .ordered_items import HistoryView, OrderedItems

T = TypeVar("T")

MAX_PARTS = 256
"""The most content parts that deltas may give an item. Real items have one or two parts; a wrong
index must not cost memory."""


@attrs.frozen
class Added:
    """A new item is in the history."""

    item: RealtimeItem


@attrs.frozen
class Updated:
    """An item changed or was deleted."""


Change: TypeAlias = Added | Updated | None
"""The change to tell the application of; ``None`` if there is none."""

UPDATED = Updated()


@attrs.define(eq=False, repr=False)
class _Pieces:
    """Pieces of one content part that have not been put into the item yet."""

    spoken: bool
    deltas: list[str]


@attrs.define(eq=False, repr=False)
class History:
    """The history of one session."""

    _items: OrderedItems = attrs.field(factory=OrderedItems)
    _pieces: dict[str, dict[int, _Pieces]] = attrs.field(factory=dict[str, dict[int, _Pieces]])
    """Pieces by item id and index of the content part."""
    _calls: dict[str, str] = attrs.field(factory=dict[str, str])
    """Item ids of tool calls, by call id."""
    _open: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    """Ids of items that are in progress, by the id of their response."""
    _unannounced: set[str] = attrs.field(factory=set[str])
    """Ids of items of which only deltas have come so far."""
    _deleted: set[str] = attrs.field(factory=set[str])
    """Ids of items that were deleted."""

    def snapshot(self) -> HistoryView:
        """The history as it is now. The sequence does not change later."""
        if self._pieces:
            self._put_pieces_together()
        return self._items.snapshot()

    def get(self, item_id: str) -> RealtimeItem | None:
        """One item as it is now; ``None`` if it is not in the history."""
        if self._pieces:
            self._put_pieces_together()
        return self._items.get(item_id)

    def apply(self, event: model.RealtimeModelEvent) -> Change:
        """Apply one event. Events that do not concern the history change nothing."""
        step = self._STEPS.get(type(event))
        return step(self, event) if step is not None else None

    # -- deltas: the hot path ----------------------------------------------------
    def transcript_delta(self, event: model.RealtimeModelTranscriptDeltaEvent) -> None:
        """Add a piece of what the model says."""
        self._piece(event.item_id, event.content_index, event.delta, event.response_id, spoken=True)

    def text_delta(self, event: model.RealtimeModelOutputTextDeltaEvent) -> None:
        """Add a piece of what the model writes."""
        self._piece(
            event.item_id, event.content_index, event.delta, event.response_id, spoken=False
        )

    def _piece(
        self, item_id: str, index: int, delta: str, response_id: str, *, spoken: bool
    ) -> None:
        parts = self._pieces.get(item_id)
        pieces = None if parts is None else parts.get(index)
        if pieces is not None:
            pieces.deltas.append(delta)
            return
        if item_id in self._deleted or not 0 <= index < MAX_PARTS:
            return
        self._pieces.setdefault(item_id, {})[index] = _Pieces(spoken, [delta])
        self._open.setdefault(response_id, set()).add(item_id)
        self._items.place(item_id, None)

    def _put_pieces_together(self) -> None:
        waiting, self._pieces = self._pieces, {}
        for item_id, parts in waiting.items():
            item = self._items.get(item_id)
            if item is None:
                item = AssistantMessageItem(item_id=item_id, status="in_progress")
                self._unannounced.add(item_id)
            if not isinstance(item, AssistantMessageItem):
                continue  # deltas are the model's words, and this item is not the model's
            content = list(item.content)
            for index, pieces in parts.items():
                _grow(content, index, pieces)
            self._items.set(attrs.evolve(item, content=tuple(content)))

    # -- items -------------------------------------------------------------------
    def item_updated(self, event: model.RealtimeModelItemUpdatedEvent) -> Change:
        """Add an item, or update it if it is known."""
        item = event.item
        if item.item_id in self._deleted:
            if not event.announced:
                return None
            self._deleted.discard(item.item_id)
        if event.response_id is not None and getattr(item, "status", None) == "in_progress":
            self._open.setdefault(event.response_id, set()).add(item.item_id)
        known = self.get(item.item_id)
        is_news = known is None or item.item_id in self._unannounced
        if known is not None and type(known) is not type(item):
            if not is_news:
                return None
            known = None  # deltas had made an item of another type of it
        self._unannounced.discard(item.item_id)
        merged = self._merged(known, item)
        self._items.set(merged)
        if is_news:
            return Added(merged)
        return UPDATED if event.announced or merged != known else None

    def _merged(self, known: RealtimeItem | None, item: RealtimeItem) -> RealtimeItem:
        if isinstance(item, RealtimeToolCallItem):
            item = self._merged_call(item, known)
        elif known is not None:
            item = _merged_message(known, item)
        if item.previous_item_id is not None:
            return item
        # Servers often name the previous item only in the event that adds an item.
        return _with(item, previous_item_id=self._items.parent(item.item_id))

    def _merged_call(
        self, item: RealtimeToolCallItem, known: RealtimeItem | None
    ) -> RealtimeToolCallItem:
        if item.call_id is not None:
            self._calls[item.call_id] = item.item_id
        if isinstance(known, RealtimeToolCallItem) and known.output is not None:
            return attrs.evolve(item, status=known.status, output=known.output)
        return item

    def item_placed(self, event: model.RealtimeModelItemPlacedEvent) -> Change:
        """Note the place of an item whose content is not known yet, or is not shown."""
        self._items.place(event.item_id, event.previous_item_id)
        return None

    def item_deleted(self, event: model.RealtimeModelItemDeletedEvent) -> Change:
        """Delete an item. This counts as a change even if it was never shown, as in the SDK."""
        self._deleted.add(event.item_id)
        self._unannounced.discard(event.item_id)
        self._pieces.pop(event.item_id, None)
        self._items.hide(event.item_id)
        return UPDATED

    def item_truncated(self, event: model.RealtimeModelItemTruncatedEvent) -> Change:
        """Note that the server truncated an item. `audio_interrupted` has told the application."""
        self.heard(event.item_id, event.content_index, event.audio_end_ms)
        return None

    def heard(self, item_id: str, content_index: int, heard_ms: int) -> None:
        """Note that only the first ``heard_ms`` milliseconds of a spoken part were heard."""
        item = self.get(item_id)
        if not isinstance(item, AssistantMessageItem) or not 0 <= content_index < len(item.content):
            return
        part = item.content[content_index]
        if isinstance(part, AssistantAudio):
            content = (
                *item.content[:content_index],
                attrs.evolve(part, heard_ms=heard_ms),
                *item.content[content_index + 1 :],
            )
            self._items.set(attrs.evolve(item, content=content))

    def tool_output(self, call_id: str, output: str, *, item_id: str | None = None) -> Change:
        """Add the output of a tool call.

        ``item_id`` is the id of the call's item, for servers that use a call id again. Without it,
        the latest call with this call id is meant.
        """
        item_id = item_id or self._calls.get(call_id)
        item = None if item_id is None else self._items.get(item_id)
        if not isinstance(item, RealtimeToolCallItem):
            return None
        changed = attrs.evolve(item, status="completed", output=output)
        if changed == item:
            return None
        self._items.set(changed)
        return UPDATED

    def tool_output_announced(self, event: model.RealtimeModelToolOutputEvent) -> Change:
        """Note the output item of a call. The history shows the output as part of the call."""
        self._items.place(event.item_id, event.previous_item_id)
        return self.tool_output(event.call_id, event.output)

    def transcription_completed(
        self, event: model.RealtimeModelInputAudioTranscriptionCompletedEvent
    ) -> Change:
        """Add the transcript of the user's speech. It may come late, or before the item itself."""
        known = self._items.get(event.item_id)
        if event.item_id in self._deleted or not isinstance(known, UserMessageItem | None):
            return None
        content = list(known.content) if known is not None else []
        index = event.content_index if 0 <= event.content_index < MAX_PARTS else 0
        if index < len(content) and not isinstance(content[index], InputAudio):
            looked_at = enumerate(content[:MAX_PARTS])
            index = next((i for i, part in looked_at if _lacks_transcript(part)), len(content))
            if index >= MAX_PARTS:
                return None
        # If the transcript comes before the item, parts are missing before this one.
        content += [InputAudio()] * (index + 1 - len(content))
        content[index] = InputAudio(transcript=event.transcript)
        if known is None:
            item = UserMessageItem(
                item_id=event.item_id, content=tuple(content), status="completed"
            )
            self._items.set(item)
            return Added(item)
        self._items.set(attrs.evolve(known, content=tuple(content), status="completed"))
        return UPDATED

    def turn_ended(self, event: model.RealtimeModelTurnEndedEvent) -> Change:
        """Note that a response is over: its unfinished items are no longer in progress."""
        for item_id in self._open.pop(event.response_id or "", ()):
            item = self.get(item_id)
            if isinstance(item, AssistantMessageItem) and item.status == "in_progress":
                self._items.set(attrs.evolve(item, status=None))
        return None

    _STEPS: ClassVar[dict[type[Any], Callable[["History", Any], Change]]] = {
        model.RealtimeModelTranscriptDeltaEvent: transcript_delta,
        model.RealtimeModelOutputTextDeltaEvent: text_delta,
        model.RealtimeModelItemUpdatedEvent: item_updated,
        model.RealtimeModelItemPlacedEvent: item_placed,
        model.RealtimeModelItemDeletedEvent: item_deleted,
        model.RealtimeModelItemTruncatedEvent: item_truncated,
        model.RealtimeModelToolOutputEvent: tool_output_announced,
        model.RealtimeModelInputAudioTranscriptionCompletedEvent: transcription_completed,
        model.RealtimeModelTurnEndedEvent: turn_ended,
    }


def _with(value: T, **changes: object) -> T:
    """As `attrs.evolve`, but returns ``value`` itself if nothing changes, which is far cheaper."""
    for name, new in changes.items():
        if getattr(value, name) != new:
            return cast("T", attrs.evolve(cast("Any", value), **changes))
    return value


def _merged_message(known: RealtimeItem, item: RealtimeItem) -> RealtimeItem:
    """``item``, completed by what ``known``, an older state of the same item, has."""
    if isinstance(item, AssistantMessageItem) and isinstance(known, AssistantMessageItem):
        return _with(
            item,
            status=_merged_status(known.status, item.status),
            content=_merged_parts(known.content, item.content),
            phase=item.phase or known.phase,
        )
    if isinstance(item, UserMessageItem) and isinstance(known, UserMessageItem):
        return _with(
            item,
            status=_merged_status(known.status, item.status),
            content=_merged_parts(known.content, item.content),
        )
    return item


def _merged_status(known: ItemStatus | None, new: ItemStatus | None) -> ItemStatus | None:
    """The new status, unless it is an older one: an item that has ended stays so."""
    ended = known in {"completed", "incomplete"}
    return known if new is None or (ended and new == "in_progress") else new


def _grow(content: list[AssistantText | AssistantAudio], index: int, pieces: _Pieces) -> None:
    """Add pieces to the part at this index. Parts that are missing before it are added empty."""
    text = "".join(pieces.deltas)
    while len(content) <= index:
        content.append(AssistantAudio() if pieces.spoken else AssistantText())
    part = content[index]
    if isinstance(part, AssistantText):
        content[index] = attrs.evolve(part, text=part.text + text)
    else:
        content[index] = attrs.evolve(part, transcript=(part.transcript or "") + text)


def _merged_parts(known: tuple[T, ...], new: tuple[T, ...]) -> tuple[T, ...]:
    """The new parts, each completed by its known counterpart.

    A known part without a counterpart of its type is kept if it has text, a transcript or a URL.
    """
    parts = list(new)
    unmatched: list[T] = []
    for index, part in enumerate(known):
        if index == len(new):
            # The item was announced before its content; deltas have brought these parts.
            parts += known[index:]
            break
        if type(part) is type(new[index]):
            parts[index] = _merged_part(part, new[index])
        elif _substance(part):
            unmatched.append(part)
    return _with_unmatched(parts, unmatched) if unmatched else tuple(parts)


def _with_unmatched(parts: list[T], unmatched: list[T]) -> tuple[T, ...]:
    """``parts``, with each unmatched part in the first empty part of its type, or at the end."""
    empty: dict[type[Any], deque[int]] = {}
    for index, part in enumerate(parts):
        if not _substance(part):
            empty.setdefault(type(part), deque()).append(index)
    said = set(parts)
    for part in unmatched:
        indexes = empty.get(type(part))
        if indexes:
            index = indexes.popleft()
            parts[index] = _merged_part(part, parts[index])
            said.add(parts[index])
        elif part not in said:
            parts.append(part)
            said.add(part)
    return tuple(parts)


def _lacks_transcript(part: Any) -> bool:
    return isinstance(part, InputAudio) and not part.transcript


def _substance(part: Any) -> str | None:
    """The content of a part: its text, its transcript, or the URL of its image."""
    if isinstance(part, InputAudio | AssistantAudio):
        return part.transcript
    if isinstance(part, InputImage):
        return part.image_url
    return cast("str", part.text)


def _merged_part(known: Any, new: Any) -> Any:
    if isinstance(new, AssistantAudio):
        heard_ms = known.heard_ms if new.heard_ms is None else new.heard_ms
        return _with(new, transcript=new.transcript or known.transcript, heard_ms=heard_ms)
    if isinstance(new, InputAudio):
        return _with(new, transcript=new.transcript or known.transcript)
    if isinstance(new, InputImage):
        return _with(
            new, image_url=new.image_url or known.image_url, detail=new.detail or known.detail
        )
    return _with(new, text=new.text or known.text)
