"""Items in the order of the conversation, with cheap snapshots.

The server says which item each item follows. It may do so in any order, and it mentions items that
the history does not show (tool outputs, calls that are being written, deleted items). All of them
have a place here, and a place with an item is visible.

The places form a tree: an item's parent is the one it follows, or none. The order is the tree's
depth-first walk. Of two children of one parent the later comes first, since it was put directly
behind the parent. Roots are the items that follow none, or one that is not known (yet); they keep
the order of arrival.

`OrderedItems` keeps that walk up to date. Each place has two marks in it, one where the place is
entered and one where it is left, so that a place and everything below it are one run of marks,
which can be moved as a whole. The marks are kept in leaves of bounded size, so that adding, moving,
changing and snapshotting do not slow down as the conversation grows, whatever the order of the
server's events. `History` is the only caller.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, TypeAlias, cast, overload

import attrs

from ...items import RealtimeItem

LEAF_SIZE = 64
"""Places in a leaf before it is split in two. A change rebuilds one leaf."""

_MARKS_TO_PLACES: Final = 4
"""A leaf may have this many times `LEAF_SIZE` marks, since many places may end where few begin."""


class HistoryView(Sequence[RealtimeItem]):
    """A read-only sequence of items that never changes, shared rather than copied."""

    __slots__ = ("_leaves", "_length")

    def __init__(self, leaves: tuple[tuple[RealtimeItem, ...], ...] = ()) -> None:
        self._leaves = leaves
        self._length: int | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(map(len, self._leaves))
        return self._length

    def __iter__(self) -> Iterator[RealtimeItem]:
        return chain.from_iterable(self._leaves)

    def __reversed__(self) -> Iterator[RealtimeItem]:
        return chain.from_iterable(reversed(leaf) for leaf in reversed(self._leaves))

    @overload
    def __getitem__(self, index: int) -> RealtimeItem: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RealtimeItem, ...]: ...
    def __getitem__(self, index: int | slice) -> RealtimeItem | tuple[RealtimeItem, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        if index < 0:
            index += len(self)
        if index >= 0:
            for leaf in self._leaves:
                if index < len(leaf):
                    return leaf[index]
                index -= len(leaf)
        raise IndexError("history index out of range")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HistoryView | list | tuple):
            return NotImplemented
        items = cast("Sequence[object]", other)
        return len(self) == len(items) and all(a == b for a, b in zip(self, items, strict=True))

    def __hash__(self) -> int:
        raise TypeError("unhashable: a history view equals lists, which have no hash either")

    def __repr__(self) -> str:
        return f"<HistoryView of {len(self)} items>"


@attrs.define(eq=False, repr=False)
class _End:
    """The mark at which a place is left."""

    leaf: "_Leaf"


@attrs.define(eq=False, repr=False)
class _Place:
    """The place of one item, and the mark at which it is entered."""

    item_id: str
    arrival: int
    """Its number among all places, in the order in which they were first mentioned."""
    parent: str | None
    leaf: "_Leaf"
    end: _End
    item: RealtimeItem | None = None
    """What is shown here."""
    followed: bool = False
    """Whether another place has ever been below it."""


_Mark: TypeAlias = _Place | _End


@attrs.define(eq=False, repr=False)
class _Leaf:
    """A run of marks."""

    marks: list[_Mark]
    places: int = 0
    """How many places begin in this leaf."""
    view: tuple[RealtimeItem, ...] | None = ()
    """The visible items of the leaf; ``None`` if they have to be collected again."""


_NOWHERE: Final = _Leaf([])
"""The leaf of marks that have not been put into a leaf yet."""


@attrs.define(eq=False, repr=False)
class OrderedItems:
    """Places in conversation order, some with an item."""

    _places: dict[str, _Place] = attrs.field(factory=dict[str, _Place])
    _roots: list[tuple[int, str]] = attrs.field(factory=list[tuple[int, str]])
    """The roots, by arrival."""
    _orphans: dict[str, dict[str, None]] = attrs.field(factory=dict[str, dict[str, None]])
    """Roots that follow a parent which is not known yet, by its id, in the order of arrival."""
    _leaves: list[_Leaf] = attrs.field(factory=lambda: [_Leaf([])])
    _snapshot: HistoryView | None = attrs.field(factory=HistoryView)

    def get(self, item_id: str) -> RealtimeItem | None:
        """The item with this id, if it is visible."""
        place = self._places.get(item_id)
        return None if place is None else place.item

    def __contains__(self, item_id: str) -> bool:
        """Whether the item has a place, visible or not."""
        return item_id in self._places

    def parent(self, item_id: str) -> str | None:
        """The id of the item that this one follows, if it has a place and follows one."""
        place = self._places.get(item_id)
        return None if place is None else place.parent

    def place(self, item_id: str, parent: str | None) -> None:
        """Put the item behind ``parent``; without a parent, at the end, or leave it where it is.

        The ``previous_item_id`` of a visible item is changed accordingly.
        """
        place = self._places.get(item_id)
        if place is not None and (parent is None or place.parent == parent):
            return
        if parent is not None and self._would_follow_itself(item_id, parent):
            parent = None  # a mistake of the server, which would make the tree a loop
            if place is not None:
                return
        if place is None:
            self._add(item_id, parent)
            for orphan in self._orphans.pop(item_id, ()):
                self._move(self._places[orphan])
        else:
            self._forget_parent(place)
            place.parent = parent
            if place.item is not None:
                place.item = attrs.evolve(place.item, previous_item_id=parent)
            self._move(place)

    def set(self, item: RealtimeItem) -> None:
        """Make this item visible in the place of its id (at the end, if it has none yet).

        If the item says that it follows itself, its ``previous_item_id`` is corrected.
        """
        parent = item.previous_item_id
        place = self._places.get(item.item_id)
        if place is None or (parent is not None and parent != place.parent):
            self.place(item.item_id, parent)
            place = self._places[item.item_id]
            if parent is not None and parent != place.parent:
                item = attrs.evolve(item, previous_item_id=place.parent)
        place.item = item
        place.leaf.view = None
        self._snapshot = None

    def hide(self, item_id: str) -> bool:
        """Make an item invisible. Its place stays, for the items behind it."""
        place = self._places.get(item_id)
        if place is None or place.item is None:
            return False
        place.item = None
        self._touch(place.leaf)
        return True

    def snapshot(self) -> HistoryView:
        """The items that are visible now."""
        if self._snapshot is None:
            views = [self._visible(leaf) for leaf in self._leaves if leaf.view != ()]
            self._snapshot = HistoryView(tuple(views))
        return self._snapshot

    # -- the tree ----------------------------------------------------------------
    def _add(self, item_id: str, parent: str | None) -> None:
        place = _Place(item_id, len(self._places), parent, _NOWHERE, _End(_NOWHERE))
        behind = self._mark_before(place)
        self._places[item_id] = place
        self._insert([place, place.end], behind)

    def _move(self, place: _Place) -> None:
        """Move a place, with everything below it, to where it belongs now."""
        root = (place.arrival, place.item_id)
        index = bisect_left(self._roots, root)
        if self._roots[index : index + 1] == [root]:
            del self._roots[index]
        if place.leaf is place.end.leaf:
            marks = self._cut(place)
            self._insert(marks, self._mark_before(place))
        else:
            leaves = self._cut_leaves(place)
            self._insert_leaves(leaves, self._mark_before(place))

    def _mark_before(self, place: _Place) -> _Mark | None:
        """The mark behind which a place belongs; ``None`` for the beginning.

        If the place is a root, it is noted as one.
        """
        parent = place.parent
        known = None if parent is None else self._places.get(parent)
        if known is not None:
            known.followed = True
            return known
        if parent is not None:
            self._orphans.setdefault(parent, {})[place.item_id] = None
        root = (place.arrival, place.item_id)
        index = bisect_left(self._roots, root)
        self._roots.insert(index, root)
        return self._places[self._roots[index - 1][1]].end if index else None

    def _forget_parent(self, place: _Place) -> None:
        waiting = self._orphans.get(place.parent or "")
        if waiting is not None:
            waiting.pop(place.item_id, None)
            if not waiting:
                del self._orphans[place.parent or ""]

    def _would_follow_itself(self, item_id: str, parent: str) -> bool:
        """Whether ``parent`` is the item itself or is below it."""
        if item_id == parent:
            return True
        other = self._places.get(parent)
        if other is None:
            return False
        place = self._places.get(item_id)
        if place is not None:
            return place.followed and self._is_below(other, place)
        orphans = self._orphans.get(item_id)
        if orphans is None:
            return False
        return any(self._is_below(other, self._places[orphan]) for orphan in orphans)

    def _is_below(self, place: _Place, ancestor: _Place) -> bool:
        """Whether a place is this one or below it."""
        return self._position(ancestor) <= self._position(place) < self._position(ancestor.end)

    def _position(self, mark: _Mark) -> tuple[int, int]:
        return self._leaves.index(mark.leaf), mark.leaf.marks.index(mark)

    # -- the walk ----------------------------------------------------------------
    def _visible(self, leaf: _Leaf) -> tuple[RealtimeItem, ...]:
        if leaf.view is None:
            leaf.view = tuple(
                mark.item for mark in leaf.marks if type(mark) is _Place and mark.item is not None
            )
        return leaf.view

    def _touch(self, leaf: _Leaf) -> None:
        leaf.view = None if leaf.places else ()
        self._snapshot = None

    # -- moving a place whose marks, and so all below it, are in one leaf --------
    def _cut(self, place: _Place) -> list[_Mark]:
        leaf = place.leaf
        start, end = leaf.marks.index(place), leaf.marks.index(place.end) + 1
        marks = leaf.marks[start:end]
        del leaf.marks[start:end]
        leaf.places -= len(marks) // 2  # each with its end
        self._touch(leaf)
        if not leaf.marks and len(self._leaves) > 1:
            self._leaves.remove(leaf)
        return marks

    def _insert(self, marks: list[_Mark], behind: _Mark | None) -> None:
        leaf = self._leaves[0] if behind is None else behind.leaf
        index = 0 if behind is None else leaf.marks.index(behind) + 1
        leaf.marks[index:index] = marks
        for mark in marks:
            mark.leaf = leaf
        leaf.places += len(marks) // 2
        self._touch(leaf)
        if len(leaf.marks) > LEAF_SIZE:
            self._split_if_full(leaf, last=index + len(marks))

    def _split_if_full(self, leaf: _Leaf, last: int | None = None) -> None:
        """Split a leaf that is too large. ``last`` is the index behind the marks just inserted.

        Usually a conversation grows at its end. There the leaf is split before its last place, so
        that leaves stay full; elsewhere it is split in the middle, so that both parts can grow.
        """
        if leaf.places > LEAF_SIZE:
            places = [index for index, mark in enumerate(leaf.marks) if type(mark) is _Place]
            grows = last is not None and places[-1] < last
            cut = places[LEAF_SIZE if grows else len(places) // 2]
        elif len(leaf.marks) > _MARKS_TO_PLACES * LEAF_SIZE:
            cut = len(leaf.marks) // 2
        else:
            return
        tail = self._split(leaf, cut)
        self._split_if_full(leaf)
        self._split_if_full(tail)

    def _split(self, leaf: _Leaf, index: int) -> _Leaf:
        tail = _Leaf(leaf.marks[index:])
        del leaf.marks[index:]
        for mark in tail.marks:
            mark.leaf = tail
        tail.places = sum(type(mark) is _Place for mark in tail.marks)
        leaf.places -= tail.places
        self._touch(leaf)
        self._touch(tail)
        self._leaves.insert(self._leaves.index(leaf) + 1, tail)
        return tail

    # -- moving a place that spans leaves: they are moved as they are --------------
    def _cut_leaves(self, place: _Place) -> list[_Leaf]:
        first = self._boundary(place.leaf, place.leaf.marks.index(place))
        after = self._boundary(place.end.leaf, place.end.leaf.marks.index(place.end) + 1)
        leaves = self._leaves[first:after]
        del self._leaves[first:after]
        self._merge(first - 1)
        return leaves

    def _insert_leaves(self, leaves: list[_Leaf], behind: _Mark | None) -> None:
        at = 0
        if behind is not None:
            at = self._boundary(behind.leaf, behind.leaf.marks.index(behind) + 1)
        self._leaves[at:at] = leaves
        self._snapshot = None
        self._merge(at + len(leaves) - 1)
        self._merge(at - 1)

    def _boundary(self, leaf: _Leaf, index: int) -> int:
        """Split ``leaf`` at this index, and return the number of the leaf that begins there."""
        at = self._leaves.index(leaf)
        if index == 0:
            return at
        if index < len(leaf.marks):
            self._split(leaf, index)
        return at + 1

    def _merge(self, index: int) -> None:
        """Merge the leaf of this number with the next one, if both together are small."""
        if not 0 <= index < len(self._leaves) - 1:
            return
        leaf, other = self._leaves[index : index + 2]
        if len(leaf.marks) + len(other.marks) > LEAF_SIZE:
            return
        leaf.marks += other.marks
        leaf.places += other.places
        for mark in other.marks:
            mark.leaf = leaf
        del self._leaves[index + 1]
        self._touch(leaf)
