"""`trio_realtime.agents.class_fields`: attrs classes, data classes and TypedDicts seen alike."""

from dataclasses import dataclass, field
from typing import Any, TypedDict

import attrs
import pytest

from trio_realtime.agents.class_fields import UNDEFINED, ClassField, class_fields


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
