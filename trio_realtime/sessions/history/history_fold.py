"""The local history: a fold of model events.

Pure: no clock, no waiting. The receive task feeds it every model event and hands on the change it
reports; everybody else reads `History.snapshot`. What it promises:

* Items stand where the server says (``previous_item_id``), not where they arrived.
* A transcript or an image once known is never lost because a later event leaves it out. Servers
  do: retrieved items come without transcripts, echoed images without their URL.
* A finished tool call keeps its output, however often it is announced again.
* What was deleted stays deleted, whatever comes late, unless the conversation adds it anew.
* No event costs more because the conversation is longer, and pieces of a transcript are only put
  together when somebody looks.
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
"""Content parts an item may have by what events say of them. Servers know of one or two; a wrong
index must not cost memory."""


@attrs.frozen
class Added:
    """An item is in the history that was not."""

    item: RealtimeItem


@attrs.frozen
class Updated:
    """Something in the history changed."""


Change: TypeAlias = Added | Updated | None
"""What an event did to the history, as far as an application wants to hear of it."""

UPDATED = Updated()


@attrs.define(eq=False, repr=False)
class _Pieces:
    """Pieces of one content part not yet in the item."""

    spoken: bool
    deltas: list[str]


@attrs.define(eq=False, repr=False)
class History:
    """The conversation as known here."""

    _items: OrderedItems = attrs.field(factory=OrderedItems)
    _pieces: dict[str, dict[int, _Pieces]] = attrs.field(factory=dict[str, dict[int, _Pieces]])
    """Item id and index of a content part to its pieces."""
    _calls: dict[str, str] = attrs.field(factory=dict[str, str])
    """Tool calls: call id to item id."""
    _open: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    """Response id to its items whose end the server has not told."""
    _unannounced: set[str] = attrs.field(factory=set[str])
    """Items known by their deltas alone."""
    _deleted: set[str] = attrs.field(factory=set[str])

    def snapshot(self) -> HistoryView:
        """The history now, as a sequence that will not change."""
        if self._pieces:
            self._put_pieces_together()
        return self._items.snapshot()

    def get(self, item_id: str) -> RealtimeItem | None:
        """One item, as of now."""
        if self._pieces:
            self._put_pieces_together()
        return self._items.get(item_id)

    def apply(self, event: model.RealtimeModelEvent) -> Change:
        """Take one event. Events that do not concern the history change nothing."""
        step = self._STEPS.get(type(event))
        return step(self, event) if step is not None else None

    # -- deltas: the hot path ----------------------------------------------------
    def transcript_delta(self, event: model.RealtimeModelTranscriptDeltaEvent) -> None:
        """A piece of what the model says."""
        self._piece(event.item_id, event.content_index, event.delta, event.response_id, spoken=True)

    def text_delta(self, event: model.RealtimeModelOutputTextDeltaEvent) -> None:
        """A piece of what the model writes."""
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
                continue  # a server that puts words into a user's mouth is not followed
            content = list(item.content)
            for index, pieces in parts.items():
                _grow(content, index, pieces)
            self._items.set(attrs.evolve(item, content=tuple(content)))

    # -- items -------------------------------------------------------------------
    def item_updated(self, event: model.RealtimeModelItemUpdatedEvent) -> Change:
        """An item is new, announced again, or has changed."""
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
            known = None  # the deltas spoke for it in error
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
        # Servers say where an item stands when they add it, and often only then.
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
        """An item without anything to show has its place."""
        self._items.place(event.item_id, event.previous_item_id)
        return None

    def item_deleted(self, event: model.RealtimeModelItemDeletedEvent) -> Change:
        """An item left the conversation. Reported even when it was never shown, as the SDK does."""
        self._deleted.add(event.item_id)
        self._unannounced.discard(event.item_id)
        self._pieces.pop(event.item_id, None)
        self._items.hide(event.item_id)
        return UPDATED

    def item_truncated(self, event: model.RealtimeModelItemTruncatedEvent) -> Change:
        """The user heard this much of an item and no more. No event: `audio_interrupted` told."""
        self.heard(event.item_id, event.content_index, event.audio_end_ms)
        return None

    def heard(self, item_id: str, content_index: int, heard_ms: int) -> None:
        """Note where the user's hearing of a spoken part ended."""
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
        """A tool call has its output.

        ``item_id`` is the call's own item, which matters where a server uses a call id again;
        without it, the latest call with this id is meant.
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
        """The conversation has a place for the output of a call, which history shows with it."""
        self._items.place(event.item_id, event.previous_item_id)
        return self.tool_output(event.call_id, event.output)

    def transcription_completed(
        self, event: model.RealtimeModelInputAudioTranscriptionCompletedEvent
    ) -> Change:
        """What the user said is known. It may come late, even before the item itself."""
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
        # Before the item: as many parts as there must be.
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
        """A response is over: what it left unfinished is not in progress any more."""
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
    """`attrs.evolve`, which costs far more, only where something is to be different."""
    for name, new in changes.items():
        if getattr(value, name) != new:
            return cast("T", attrs.evolve(cast("Any", value), **changes))
    return value


def _merged_message(known: RealtimeItem, item: RealtimeItem) -> RealtimeItem:
    """``item`` with what only ``known``, an item of the same type, knew."""
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
    """What has ended does not go on because an older state of it is mentioned again."""
    ended = known in {"completed", "incomplete"}
    return known if new is None or (ended and new == "in_progress") else new


def _grow(content: list[AssistantText | AssistantAudio], index: int, pieces: _Pieces) -> None:
    """Add pieces to a part, with as many parts before it as there must be."""
    text = "".join(pieces.deltas)
    while len(content) <= index:
        content.append(AssistantAudio() if pieces.spoken else AssistantText())
    part = content[index]
    if isinstance(part, AssistantText):
        content[index] = attrs.evolve(part, text=part.text + text)
    else:
        content[index] = attrs.evolve(part, transcript=(part.transcript or "") + text)


def _merged_parts(known: tuple[T, ...], new: tuple[T, ...]) -> tuple[T, ...]:
    """Part by part. What has no counterpart is kept where it says something."""
    parts = list(new)
    homeless: list[T] = []
    for index, part in enumerate(known):
        if index == len(new):
            # Announced before its content, an item keeps the parts that deltas brought.
            parts += known[index:]
            break
        if type(part) is type(new[index]):
            parts[index] = _merged_part(part, new[index])
        elif _substance(part):
            homeless.append(part)
    return _housed(parts, homeless) if homeless else tuple(parts)


def _housed(parts: list[T], homeless: list[T]) -> tuple[T, ...]:
    """``parts`` with the homeless: in the first part of the type that says nothing, or behind."""
    homes: dict[type[Any], deque[int]] = {}
    for index, part in enumerate(parts):
        if not _substance(part):
            homes.setdefault(type(part), deque()).append(index)
    said = set(parts)
    for part in homeless:
        places = homes.get(type(part))
        if places:
            index = places.popleft()
            parts[index] = _merged_part(part, parts[index])
            said.add(parts[index])
        elif part not in said:
            parts.append(part)
            said.add(part)
    return tuple(parts)


def _lacks_transcript(part: Any) -> bool:
    return isinstance(part, InputAudio) and not part.transcript


def _substance(part: Any) -> str | None:
    """What a part is about: its text, its transcript, or where its image is."""
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
