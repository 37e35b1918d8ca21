"""`trio_realtime.agents.class_fields`: attrs classes, data classes and TypedDicts seen alike."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Annotated, Any, TypedDict

import attrs
import pytest

from trio_realtime.agents.annotation_notes import UNDEFINED
from trio_realtime.agents.class_fields import ClassField, class_fields
from trio_realtime.errors import UserError


@attrs.define
class OfAttrs:
    required: int
    given: str = "x"
    made: list[int] = attrs.field(factory=list)
    hidden: int = attrs.field(default=0, init=False)


@dataclass
class OfDataclasses:
    required: int
    given: str = "x"
    made: list[int] = field(default_factory=list)
    hidden: int = field(default=0, init=False)


@pytest.mark.parametrize("cls", [OfAttrs, OfDataclasses])
def test_classes_have_the_fields_that_init_takes(cls: type) -> None:
    assert class_fields(cls, "it") == [
        ClassField(name="required", annotation=int, required=True, default=UNDEFINED),
        ClassField(name="given", annotation=str, required=False, default="x"),
        ClassField(name="made", annotation=list[int], required=False, default=UNDEFINED),
    ]


def test_a_typed_dict_has_keys() -> None:
    class Base(TypedDict):
        a: int

    class Derived(Base, total=False):
        b: str

    assert class_fields(Derived, "it") == [
        ClassField(name="a", annotation=int, required=True),
        ClassField(name="b", annotation=str, required=False),
    ]


def test_fields_without_annotation_take_anything() -> None:
    made = attrs.make_class("made", {"a": attrs.field(), "b": attrs.field(type=int)})
    fields = class_fields(made, "it")
    assert fields is not None
    assert [f.annotation for f in fields] == [Any, int]


@pytest.mark.parametrize("annotation", [int, list[int], "text", OfDataclasses(1), str.upper])
def test_other_things_have_no_fields(annotation: Any) -> None:
    assert class_fields(annotation, "it") is None


def test_undefined_has_a_name() -> None:
    assert repr(UNDEFINED) == "UNDEFINED"


POSTPONED = """
from __future__ import annotations

from dataclasses import dataclass
from typing import *

import attrs

class Place(TypedDict):
    lat: float
    note: NotRequired[str]
    tag: Annotated[NotRequired[str], "A word."]

class Open(Place, total=False):
    name: Required[str]
    size: int

@dataclass
class OfDataclasses:
    size: Annotated[int, "How many."]

@attrs.define
class OfAttrs:
    size: Annotated[int, "How many."]
"""


@pytest.fixture
def postponed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module whose annotations are text until somebody asks for them."""
    module = ModuleType("postponed")
    monkeypatch.setitem(sys.modules, "postponed", module)
    exec(compile(POSTPONED, "postponed", "exec"), module.__dict__)
    return module


def test_postponed_annotations_say_what_is_required(postponed: ModuleType) -> None:
    """``from __future__ import annotations`` hides NotRequired and Required from Python itself."""
    place = class_fields(postponed.Place, "it") or []
    assert {f.name: f.required for f in place} == {"lat": True, "note": False, "tag": False}
    assert [f.annotation for f in place] == [float, str, Annotated[str, "A word."]]
    opened = class_fields(postponed.Open, "it") or []
    assert {f.name: f.required for f in opened} == {
        "lat": True,
        "note": False,
        "tag": False,
        "name": True,
        "size": False,
    }


@pytest.mark.parametrize("name", ["OfDataclasses", "OfAttrs"])
def test_postponed_annotations_keep_their_notes(postponed: ModuleType, name: str) -> None:
    """A note is worth the same, however its annotation is written."""
    [field] = class_fields(getattr(postponed, name), "it") or []
    assert field.annotation == Annotated[int, "How many."]


def test_attributes_resolved_without_their_notes_keep_them(postponed: ModuleType) -> None:
    """attrs remembers the first time that somebody asked for the types, notes or not."""
    attrs.resolve_types(postponed.OfAttrs)
    [field] = class_fields(postponed.OfAttrs, "it") or []
    assert field.annotation == Annotated[int, "How many."]


def test_a_typed_dict_of_typing_extensions_has_keys() -> None:
    """Libraries that support older Pythons take it from there, and pydantic asks for it."""
    extensions = pytest.importorskip("typing_extensions")

    class Place(extensions.TypedDict):  # type: ignore[misc, name-defined]
        lat: extensions.ReadOnly[float]  # type: ignore[name-defined]
        note: extensions.NotRequired[extensions.ReadOnly[str]]  # type: ignore[name-defined]

    assert class_fields(Place, "it") == [
        ClassField(name="lat", annotation=float, required=True),
        ClassField(name="note", annotation=str, required=False),
    ]


def test_extra_items_of_a_typed_dict_are_refused() -> None:
    """A type for keys without names has no place in the schema of a class."""
    extensions = pytest.importorskip("typing_extensions")

    class Open(extensions.TypedDict, extra_items=int):  # type: ignore[misc, name-defined, call-arg]
        lat: float

    class Closed(extensions.TypedDict, closed=True):  # type: ignore[misc, name-defined, call-arg]
        lat: float

    with pytest.raises(UserError, match="it: the extra_items of Open cannot be said"):
        class_fields(Open, "it")
    assert [field.name for field in class_fields(Closed, "it") or []] == ["lat"]
