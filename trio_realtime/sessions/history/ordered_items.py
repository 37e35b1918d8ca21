"""Items in the order of the conversation, with snapshots that cost next to nothing.

The server says of each item which one it follows, not always in the order we learn of them, and
mentions items that history does not show (tool outputs, calls still being written, deleted ones).
All of them have a place here; only those with an item are seen.

The places form a tree: an item's parent is the one it follows, or none. The order is the tree's
depth-first walk, where of two children of one parent the later comes first (it was put directly
behind the parent) and roots, which are the items that follow none or one not heard of (yet), keep
the order of arrival. `OrderedItems` keeps that walk up to date in leaves of bounded size, so that
adding, changing and snapshotting do not slow down as the conversation grows. `sessions.history` is
the only caller.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import cast, overload

import attrs

from ...items import RealtimeItem

LEAF_SIZE = 64
"""Places in a leaf before it is split in two. A change rebuilds one leaf."""


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
class _Leaf:
    """A run of places. ``view`` is what is visible of it; ``None`` after a change."""

    ids: list[str]
    view: tuple[RealtimeItem, ...] | None = None


@attrs.define(eq=False, repr=False)
class OrderedItems:
    """Places in conversation order, some with an item."""

    _items: dict[str, RealtimeItem] = attrs.field(factory=dict[str, RealtimeItem])
    _parents: dict[str, str | None] = attrs.field(factory=dict[str, str | None])
    _children: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    _leaves: list[_Leaf] = attrs.field(factory=lambda: [_Leaf([])])
    _leaf_of: dict[str, _Leaf] = attrs.field(factory=dict[str, _Leaf])
    _snapshot: HistoryView | None = attrs.field(factory=HistoryView)

    def get(self, item_id: str) -> RealtimeItem | None:
        """The item, if it is visible."""
        return self._items.get(item_id)

    def __contains__(self, item_id: str) -> bool:
        """Whether it has a place, visible or not."""
        return item_id in self._parents

    def place(self, item_id: str, parent: str | None) -> None:
        """Give it the place behind ``parent``; without one, the end (or the place it has)."""
        known = item_id in self._parents
        if known and (parent is None or self._parents[item_id] == parent):
            return
        if parent == item_id or (parent is not None and self._is_below(parent, item_id)):
            parent = None  # a server's mistake must not become our loop
            if known:
                return
        self._detach(item_id)
        self._parents[item_id] = parent
        if parent is not None:
            self._children.setdefault(parent, []).append(item_id)
        behind = parent if parent in self._parents else None
        if self._children.get(item_id) or (known and behind is None):
            self._rebuild()  # rare: what stands behind it moves too, or it becomes a root
            return
        if known:
            assert behind is not None
            if self._is_right_behind(item_id, behind):
                return  # as is usual: responses mention an item before the conversation places it
            self._take_out(item_id)
        self._insert(item_id, behind)

    def set(self, item: RealtimeItem) -> None:
        """Show this item in the place of its id (the end, if it has none yet)."""
        self.place(item.item_id, item.previous_item_id)
        self._items[item.item_id] = item
        self._touch(item.item_id)

    def hide(self, item_id: str) -> bool:
        """Show nothing in its place any more. The place stays, for those behind it."""
        if self._items.pop(item_id, None) is None:
            return False
        self._touch(item_id)
        return True

    def snapshot(self) -> HistoryView:
        """What is visible now."""
        if self._snapshot is None:
            self._snapshot = HistoryView(tuple(self._visible(leaf) for leaf in self._leaves))
        return self._snapshot

    # -- inside ------------------------------------------------------------------
    def _visible(self, leaf: _Leaf) -> tuple[RealtimeItem, ...]:
        if leaf.view is None:
            items = self._items
            leaf.view = tuple(items[item_id] for item_id in leaf.ids if item_id in items)
        return leaf.view

    def _touch(self, item_id: str) -> None:
        self._leaf_of[item_id].view = None
        self._snapshot = None

    def _is_below(self, item_id: str, ancestor: str) -> bool:
        """Whether ``item_id`` stands below ``ancestor``. Only a moved ancestor has anything below,
        so this walks for those alone."""
        if not self._children.get(ancestor):
            return False
        parent: str | None = item_id
        while parent is not None and parent != ancestor:
            parent = self._parents.get(parent)
        return parent is not None

    def _detach(self, item_id: str) -> None:
        parent = self._parents.get(item_id)
        if parent is not None:
            self._children[parent].remove(item_id)

    def _is_right_behind(self, item_id: str, other: str) -> bool:
        """Only as far as the order's end, where conversations grow; false may be wrong."""
        leaf = self._leaf_of[item_id]
        position = leaf.ids.index(item_id)
        if position > 0:
            return leaf.ids[position - 1] == other
        before = self._leaves[-2].ids if len(self._leaves) > 1 else []
        return leaf is self._leaves[-1] and before[-1:] == [other]

    def _take_out(self, item_id: str) -> None:
        """A leaf may become empty; the next item at its place fills it again."""
        leaf = self._leaf_of[item_id]
        leaf.ids.remove(item_id)
        leaf.view = None

    def _insert(self, item_id: str, parent: str | None) -> None:
        leaf = self._leaves[-1] if parent is None else self._leaf_of[parent]
        if parent is None or leaf.ids[-1] == parent:
            leaf.ids.append(item_id)
        else:
            leaf.ids.insert(leaf.ids.index(parent) + 1, item_id)
        self._leaf_of[item_id] = leaf
        self._touch(item_id)
        if len(leaf.ids) > LEAF_SIZE:
            self._split(leaf)

    def _split(self, leaf: _Leaf) -> None:
        at_end = leaf is self._leaves[-1]
        # Conversations grow at the end: leaving the full leaf whole keeps leaves full.
        cut = LEAF_SIZE if at_end else LEAF_SIZE // 2
        tail = _Leaf(leaf.ids[cut:])
        del leaf.ids[cut:]
        self._leaf_of.update(dict.fromkeys(tail.ids, tail))
        position = len(self._leaves) if at_end else self._leaves.index(leaf) + 1
        self._leaves.insert(position, tail)

    def _rebuild(self) -> None:
        """Walk the tree anew, for the few cases in which places move."""
        order: list[str] = []
        stack = [i for i, p in self._parents.items() if p is None or p not in self._parents]
        stack.reverse()
        while stack:
            item_id = stack.pop()
            order.append(item_id)
            # The last child placed comes first, so it must be the last one pushed.
            stack.extend(self._children.get(item_id, ()))
        self._leaves = [
            _Leaf(order[start : start + LEAF_SIZE]) for start in range(0, len(order), LEAF_SIZE)
        ]
        self._leaf_of = {item_id: leaf for leaf in self._leaves for item_id in leaf.ids}
        self._snapshot = None
