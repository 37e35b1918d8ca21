"""Items in order: the walk that the module's docstring specifies, and what keeping it up costs."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trio_realtime.items import InputText, RealtimeItem, SystemMessageItem
from trio_realtime.sessions.history import ordered_items
from trio_realtime.sessions.history.ordered_items import LEAF_SIZE, HistoryView, OrderedItems


def item(item_id: str, previous: str | None = None, text: str = "") -> RealtimeItem:
    return SystemMessageItem(
        item_id=item_id, previous_item_id=previous, content=(InputText(text=text),)
    )


def ids(items: Sequence[RealtimeItem]) -> list[str]:
    return [each.item_id for each in items]


def chain(length: int) -> OrderedItems:
    items = OrderedItems()
    for number in range(length):
        items.set(item(f"i{number}", f"i{number - 1}" if number else None))
    return items


# The order


def test_items_stand_behind_the_one_they_follow() -> None:
    items = OrderedItems()
    items.set(item("a"))
    items.set(item("b", "a"))
    items.set(item("c", "b"))
    items.set(item("between", "a"))
    assert ids(items.snapshot()) == ["a", "between", "b", "c"]


def test_items_that_follow_nothing_stand_in_the_order_of_arrival() -> None:
    items = OrderedItems()
    for name in "cab":
        items.set(item(name))
    assert ids(items.snapshot()) == ["c", "a", "b"]


def test_an_item_may_come_before_the_one_it_follows() -> None:
    items = OrderedItems()
    items.set(item("first"))
    items.set(item("late", "missing"))
    items.set(item("last"))
    assert ids(items.snapshot()) == ["first", "late", "last"]
    items.set(item("missing", "last"))
    assert ids(items.snapshot()) == ["first", "last", "missing", "late"]


def test_an_item_moves_with_what_stands_behind_it() -> None:
    items = chain(3)
    items.set(item("x"))
    items.set(item("y", "x"))
    items.set(item("x", "i0"))
    assert ids(items.snapshot()) == ["i0", "x", "y", "i1", "i2"]


def test_an_item_moved_behind_one_that_is_not_known_is_a_root_again() -> None:
    items = chain(3)
    items.set(item("i2", "unheard of"))
    items.set(item("end"))
    assert ids(items.snapshot()) == ["i0", "i1", "i2", "end"]
    items.set(item("unheard of", "i0"))
    assert ids(items.snapshot()) == ["i0", "unheard of", "i2", "i1", "end"]


def test_what_is_said_again_or_left_out_moves_nothing() -> None:
    items = chain(3)
    items.set(item("i1", None, "without"))
    items.set(item("i1", "i0", "again"))
    assert ids(items.snapshot()) == ["i0", "i1", "i2"]


@pytest.mark.parametrize("previous", ["i0", "i1", "i2"])
def test_an_item_that_is_to_follow_itself_stays_where_it_is(previous: str) -> None:
    items = chain(3)
    items.set(item("i0", previous))
    assert ids(items.snapshot()) == ["i0", "i1", "i2"]


def test_two_new_items_that_are_to_follow_each_other_both_have_a_place() -> None:
    items = OrderedItems()
    items.set(item("a", "b"))
    items.set(item("b", "a"))
    assert ids(items.snapshot()) == ["b", "a"]


def test_a_place_shows_nothing_until_there_is_an_item() -> None:
    items = chain(1)
    items.place("hidden", "i0")
    items.set(item("shown", "hidden"))
    assert ids(items.snapshot()) == ["i0", "shown"]
    assert "hidden" in items
    assert items.get("hidden") is None
    items.set(item("hidden", None, "now"))
    assert ids(items.snapshot()) == ["i0", "hidden", "shown"]


def test_a_hidden_item_keeps_its_place_for_those_behind_it() -> None:
    items = chain(3)
    assert items.hide("i1")
    assert not items.hide("i1")
    assert not items.hide("unknown")
    assert ids(items.snapshot()) == ["i0", "i2"]
    items.set(item("new", "i1"))
    assert ids(items.snapshot()) == ["i0", "new", "i2"]


def test_the_order_across_leaves_is_the_same() -> None:
    """Inserting in the middle of a full leaf splits it."""
    items = chain(3 * LEAF_SIZE)
    expected = ids(items.snapshot())
    for number in range(2 * LEAF_SIZE):
        items.set(item(f"n{number}", "i70"))
        expected.insert(71, f"n{number}")
    assert ids(items.snapshot()) == expected


# Snapshots


def test_a_snapshot_never_changes() -> None:
    items = chain(2 * LEAF_SIZE)
    before = items.snapshot()
    copy = list(before)
    items.set(item("i3", None, "changed"))
    items.set(item("new", "i3"))
    items.hide("i5")
    assert list(before) == copy
    assert items.snapshot() is not before


def test_without_a_change_the_snapshot_is_the_same_object() -> None:
    items = chain(3)
    assert items.snapshot() is items.snapshot()
    items.place("i1", "i0")
    assert items.snapshot() is items.snapshot()


def test_a_snapshot_shares_the_leaves_that_did_not_change() -> None:
    items = chain(10 * LEAF_SIZE)
    before = items.snapshot()._leaves
    items.set(item("i0", None, "changed"))
    after = items.snapshot()._leaves
    assert [a is b for a, b in zip(before, after, strict=True)] == [False] + [True] * 9


@given(st.integers(0, 200), st.integers(-210, 210), st.slices(200))
@settings(max_examples=40, deadline=None)
def test_a_view_is_a_sequence_like_any_other(length: int, index: int, part: slice) -> None:
    view, items = chain(length).snapshot(), list(chain(length).snapshot())
    assert len(view) == length
    assert view[part] == tuple(items[part])
    assert list(reversed(view)) == items[::-1]
    if -length <= index < length:
        assert view[index] == items[index]
        assert view[index] in view
        assert view.index(items[index]) == index % length
    else:
        with pytest.raises(IndexError, match="out of range"):
            view[index]


def test_a_view_equals_lists_tuples_and_views_of_the_same_items() -> None:
    view = chain(3).snapshot()
    assert view == list(view) == chain(3).snapshot()
    assert view == tuple(view)
    assert view != list(view)[:2]
    assert view != [*list(view)[:2], item("other")]
    assert view != {"i0"}
    assert HistoryView() == []
    assert repr(view) == "<HistoryView of 3 items>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(view)


# The specification, and a naive model of it


class Naive:
    """The docstring, word for word, at any cost."""

    def __init__(self) -> None:
        self.parents: dict[str, str | None] = {}
        self.placed: list[str] = []
        self.shown: set[str] = set()

    def place(self, item_id: str, parent: str | None) -> None:
        known = item_id in self.parents
        if parent is not None and item_id in self.ancestors(parent):
            parent = None
        if known and (parent is None or self.parents[item_id] == parent):
            return
        self.parents[item_id] = parent
        self.placed = [each for each in self.placed if each != item_id] + [item_id]

    def ancestors(self, item_id: str) -> set[str]:
        found = {item_id}
        while (above := self.parents.get(item_id)) is not None:
            found.add(above)
            item_id = above
        return found

    def walk(self, item_id: str) -> list[str]:
        order = [item_id]
        for child in reversed(self.placed):
            if self.parents[child] == item_id:
                order += self.walk(child)
        return order

    def visible(self) -> list[str]:
        roots = [i for i, p in self.parents.items() if p is None or p not in self.parents]
        return [i for root in roots for i in self.walk(root) if i in self.shown]


NAMES = st.sampled_from([f"n{number}" for number in range(12)])


class Comparison(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.items, self.naive = OrderedItems(), Naive()
        self.snapshots: list[tuple[HistoryView, list[str]]] = []

    @rule(item_id=NAMES, previous=st.none() | NAMES)
    def show(self, item_id: str, previous: str | None) -> None:
        self.items.set(item(item_id, previous))
        self.naive.place(item_id, previous)
        self.naive.shown.add(item_id)

    @rule(item_id=NAMES, previous=st.none() | NAMES)
    def place(self, item_id: str, previous: str | None) -> None:
        self.items.place(item_id, previous)
        self.naive.place(item_id, previous)

    @rule(item_id=NAMES)
    def hide(self, item_id: str) -> None:
        assert self.items.hide(item_id) == (item_id in self.naive.shown)
        self.naive.shown.discard(item_id)

    @rule()
    def remember(self) -> None:
        self.snapshots.append((self.items.snapshot(), self.naive.visible()))

    @invariant()
    def same(self) -> None:
        assert ids(self.items.snapshot()) == self.naive.visible()

    def teardown(self) -> None:
        for view, order in self.snapshots:
            assert ids(view) == order


@pytest.mark.parametrize("leaf_size", [2, 5, LEAF_SIZE])
def test_the_order_is_that_of_the_specification(
    leaf_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small leaves let few items make many leaves."""
    monkeypatch.setattr(ordered_items, "LEAF_SIZE", leaf_size)
    run_machine(Comparison, examples=15, steps=30)


def run_machine(machine: Any, *, examples: int, steps: int) -> None:
    case = machine.TestCase
    case.settings = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    case("runTest").runTest()


# What it costs


class Work:
    """Counts leaves whose visible items are put together anew."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leaves = 0
        see = OrderedItems._visible

        def counted_see(items: OrderedItems, leaf: Any) -> Any:
            self.leaves += leaf.view is None
            return see(items, leaf)

        monkeypatch.setattr(OrderedItems, "_visible", counted_see)


def placed_then_known(items: OrderedItems, last: str, number: int) -> str:
    """User audio: it is committed, then announced."""
    name = f"u{number}"
    items.place(name, last)
    items.snapshot()
    items.set(item(name, last))
    return name


def known_then_placed(items: OrderedItems, last: str, number: int) -> str:
    """An answer: the response mentions it, then the conversation places it."""
    name = f"a{number}"
    items.set(item(name))
    items.snapshot()
    items.set(item(name, last))
    return name


def in_the_middle(items: OrderedItems, last: str, number: int) -> str:
    items.set(item(f"m{number}", "i8"))
    return last


def updated(items: OrderedItems, last: str, number: int) -> str:
    items.set(item("i8", None, str(number)))
    return last


@pytest.mark.parametrize("length", [100, 10_000])
@pytest.mark.parametrize("change", [placed_then_known, known_then_placed, in_the_middle, updated])
def test_a_change_costs_a_leaf_or_two_however_long_the_conversation(
    change: Callable[[OrderedItems, str, int], str],
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = chain(length)
    items.snapshot()
    work = Work(monkeypatch)
    last, changes = f"i{length - 1}", 4 * LEAF_SIZE
    for number in range(changes):
        last = change(items, last, number)
        items.snapshot()
    assert work.leaves <= 2.1 * changes


def test_leaves_of_a_conversation_that_grows_are_full() -> None:
    items, last = chain(1), "i0"
    for number in range(1000):
        last = known_then_placed(items, last, number)
    assert len(items.snapshot()._leaves) <= 1001 // LEAF_SIZE + 2


def test_no_leaf_ever_holds_more_than_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_items, "LEAF_SIZE", 4)
    items = chain(50)
    for number in range(50):
        items.set(item(f"n{number}", f"i{number // 2}"))
        assert max(map(len, items.snapshot()._leaves)) <= 4


def test_what_is_shown_says_which_item_its_place_follows() -> None:
    """Also when the place moves, and when a server says that an item follows itself."""
    items = OrderedItems()
    for item_id in ("a", "b"):
        items.place(item_id, None)
    items.set(item("c", "a"))
    items.place("c", "b")
    items.set(item("d", "d"))
    assert [(i.item_id, i.previous_item_id) for i in items.snapshot()] == [("c", "b"), ("d", None)]
