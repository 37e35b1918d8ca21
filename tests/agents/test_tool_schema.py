"""`trio_realtime.agents.tool_schema`: the JSON Schema of every type a parameter may have."""

import enum
import uuid
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from collections.abc import (
    Set as AbstractSet,
)
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, Required, TypedDict

import attrs
import pytest

from trio_realtime.agents.tool_schema import SchemaWriter, strict_schema
from trio_realtime.errors import UserError

JsonSchema = dict[str, Any]


@dataclass
class Address:
    street: Annotated[str, "With the number."]
    zip_code: str | None = None
    tags: list[str] = field(default_factory=list)
    checked: bool = field(default=False, init=False)


@attrs.define
class Room:
    """A room.

    Attributes:
        beds: How many.
        unknown: Nothing has this name.
    """

    beds: int = attrs.field(default=2, alias="number_of_beds")
    seen: bool = attrs.field(default=False, init=False)
    names: list[str] = attrs.field(factory=list)
    price: Any = 1 + 2j


@attrs.define
class Node:
    label: str
    next: "Node | None" = None


class Stay(TypedDict):
    nights: NotRequired[Annotated[int, "How many."]]
    city: Required[str]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Odd(enum.Enum):
    PAIR = (1, 2)


UserId = NewType("UserId", int)


class Model:
    """Like a pydantic model."""

    @classmethod
    def model_json_schema(cls) -> JsonSchema:
        return {
            "title": "Model",
            "type": "object",
            "properties": {
                "title": {"type": "string", "title": "Title"},
                "inner": {"$ref": "#/$defs/Inner"},
            },
            "required": ["title", "inner"],
            "$defs": {"Inner": {"title": "Inner", "type": "integer"}},
        }


class Rival(Model):
    @classmethod
    def model_json_schema(cls) -> JsonSchema:
        return {**super().model_json_schema(), "$defs": {"Inner": {"type": "string"}}}


class Alias:
    """Like what ``type Name = int`` makes from Python 3.12 on."""

    __value__ = int


def write(annotation: Any, *, strict: bool = False) -> JsonSchema:
    writer = SchemaWriter(strict=strict)
    return writer.root(writer.write(annotation, "it"))


STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, STRING),
        (bool, {"type": "boolean"}),
        (int, INTEGER),
        (float, {"type": "number"}),
        (None, NULL),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (date, {"type": "string", "format": "date"}),
        (time, {"type": "string", "format": "time"}),
        (timedelta, {"type": "string", "format": "duration"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (Decimal, {"type": "string", "format": "decimal"}),
        (Path, {"type": "string", "format": "path"}),
        (UserId, INTEGER),
        (Alias(), INTEGER),
        (
            Annotated[int, object(), "How many.", "More."],
            {"type": "integer", "description": "How many."},
        ),
        (Annotated[UserId, "Who."], {"type": "integer", "description": "Who."}),
        (Annotated[int, object()], INTEGER),
        (Colour, {"enum": ["red", "blue"], "type": "string"}),
        (Mixed, {"enum": [1, "two"]}),
        (Literal["room", "suite"], {"enum": ["room", "suite"], "type": "string"}),
        (Literal[1, True], {"enum": [1, True]}),
        (str | None, {"anyOf": [STRING, NULL]}),
        (Optional[int], {"anyOf": [INTEGER, NULL]}),  # noqa: UP045 - the old spelling is another type
        (
            Annotated[str | None, "x"] | int,
            {"anyOf": [{"description": "x", "anyOf": [STRING, NULL]}, INTEGER]},
        ),
        (Annotated[str | None, object()] | str | int, {"anyOf": [STRING, NULL, INTEGER]}),
        (UserId | int, INTEGER),
        (date | str, {"anyOf": [{"type": "string", "format": "date"}, STRING]}),
        (list[int], {"type": "array", "items": INTEGER}),
        (Sequence[int], {"type": "array", "items": INTEGER}),
        (MutableSequence[int], {"type": "array", "items": INTEGER}),
        (set[int], {"type": "array", "items": INTEGER, "uniqueItems": True}),
        (frozenset[int], {"type": "array", "items": INTEGER, "uniqueItems": True}),
        (AbstractSet[int], {"type": "array", "items": INTEGER, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": INTEGER}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2},
        ),
        (Any, {}),
        (object, {}),
        (list, {"type": "array", "items": {}}),
        (tuple, {"type": "array", "items": {}}),
        (dict, {"type": "object", "additionalProperties": {}}),
        (dict[str, int], {"type": "object", "additionalProperties": INTEGER}),
        (Mapping[Annotated[str, "k"], int], {"type": "object", "additionalProperties": INTEGER}),
        (MutableMapping[str, int], {"type": "object", "additionalProperties": INTEGER}),
        (
            Address,
            {
                "type": "object",
                "properties": {
                    "street": {"type": "string", "description": "With the number."},
                    "zip_code": {"anyOf": [STRING, NULL], "default": None},
                    "tags": {"type": "array", "items": STRING},
                },
                "required": ["street"],
            },
        ),
        (
            Room,
            {
                "type": "object",
                "description": "A room.",
                "properties": {
                    "beds": {"type": "integer", "default": 2, "description": "How many."},
                    "names": {"type": "array", "items": STRING},
                    "price": {},
                },
            },
        ),
        (
            Stay,
            {
                "type": "object",
                "properties": {
                    "nights": {"type": "integer", "description": "How many."},
                    "city": STRING,
                },
                "required": ["city"],
            },
        ),
    ],
    ids=str,
)
def test_types_become_schemas(annotation: Any, schema: JsonSchema) -> None:
    assert write(annotation) == schema


def test_a_class_in_two_places_is_written_out_in_each() -> None:
    schema = write(tuple[Address, Address])
    assert schema["prefixItems"][0] == schema["prefixItems"][1] == write(Address)


NODE = {
    "type": "object",
    "properties": {
        "label": STRING,
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL], "default": None},
    },
    "required": ["label"],
}


def test_a_class_that_contains_itself_becomes_a_definition() -> None:
    assert write(list[Node]) == {
        "type": "array",
        "items": {"$ref": "#/$defs/Node"},
        "$defs": {"Node": NODE},
    }
    both = write(tuple[Node, Node])
    assert both["prefixItems"] == [{"$ref": "#/$defs/Node"}] * 2


def test_the_outermost_schema_is_never_a_reference() -> None:
    assert write(Node) == {**NODE, "$defs": {"Node": NODE}}


def test_recursive_classes_of_one_name_get_names_of_their_own() -> None:
    def another() -> type:
        @attrs.define
        class Node:
            label: int
            next: Any = attrs.field(default=None)

        made: Any = Node
        made.__annotations__["next"] = made | None
        return Node

    three: Any = tuple
    schema = write(three[Node, another(), another()])
    assert [*schema["$defs"]] == ["Node", "Node_2", "Node_3"]
    assert schema["prefixItems"][2] == {"$ref": "#/$defs/Node_3"}


def test_a_model_writes_its_own_schema_without_titles() -> None:
    assert write(list[Model]) == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"title": STRING, "inner": {"$ref": "#/$defs/Inner"}},
            "required": ["title", "inner"],
        },
        "$defs": {"Inner": INTEGER},
    }
    assert write(tuple[Model, Model])["$defs"] == {"Inner": INTEGER}


@dataclass
class WithInitVar:
    seed: InitVar[int]


@dataclass
class Unresolvable:
    field: "Missing"  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Callable[[], int], "cannot become a JSON schema"),
        (Iterable[int], "cannot become a JSON schema"),
        (complex, "it: complex cannot become a JSON schema"),
        (list[complex], "it[]: complex cannot"),
        (tuple[int, complex], "it[1]: complex cannot"),
        (dict[int, str], "it: the keys of a JSON object are str, not int"),
        (Odd, "it: a choice must be str, int, bool or None, not tuple"),
        (WithInitVar, "it: WithInitVar has an InitVar"),
        (Unresolvable, "it: the fields of Unresolvable cannot be read: name 'Missing'"),
        (tuple[Model, Rival], "it[1]: two different classes are named 'Inner'"),
    ],
)
def test_what_cannot_be_a_schema_is_refused_with_its_place(annotation: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        write(annotation)
    assert message in str(caught.value)


@pytest.mark.parametrize("annotation", [Any, list, dict, dict[str, int], list[dict[str, int]]])
def test_what_a_strict_schema_cannot_say_is_refused(annotation: Any) -> None:
    with pytest.raises(UserError, match=r"not possible in a strict schema.*strict_mode=False"):
        write(annotation, strict=True)


def test_strict_requires_all_and_allows_no_other() -> None:
    loose: JsonSchema = {
        "type": "object",
        "properties": {
            "address": write(Address),
            "room": {"anyOf": [write(Room), NULL], "default": None},
            "stays": {"type": "array", "items": write(Stay)},
            "empty": {"type": "object"},
            "either": {"type": ["object", "null"], "properties": {"a": INTEGER}},
        },
        "$defs": {"Node": NODE},
    }
    before = repr(loose)
    strict = strict_schema(loose)
    assert repr(loose) == before
    assert strict["required"] == ["address", "room", "stays", "empty", "either"]
    assert strict["additionalProperties"] is False
    address = strict["properties"]["address"]
    assert address["required"] == ["street", "zip_code", "tags"]
    assert address["properties"]["zip_code"] == {"anyOf": [STRING, NULL]}
    room = strict["properties"]["room"]
    assert "default" not in room
    assert room["anyOf"][0]["properties"]["beds"]["default"] == 2
    assert strict["properties"]["stays"]["items"]["required"] == ["nights", "city"]
    assert strict["properties"]["empty"] == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    assert strict["properties"]["either"]["required"] == ["a"]
    assert strict["$defs"]["Node"]["additionalProperties"] is False


@pytest.mark.parametrize("extra", [True, {}, {"type": "string"}])
def test_strict_refuses_properties_without_names(extra: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "object", "additionalProperties": extra}},
    }
    with pytest.raises(UserError, match=r"^parameters.a: properties that are not named"):
        strict_schema(schema)
