"""`trio_realtime.agents.tool_arguments`: JSON text -> values of the annotated types."""

import enum
import json
import sys
import uuid
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict

import attrs
import pytest

from trio_realtime.agents.class_fields import ClassField
from trio_realtime.agents.tool_arguments import ArgumentReader, ToolArgumentsError, parse_arguments
from trio_realtime.agents.tool_schema import SchemaWriter
from trio_realtime.errors import ModelBehaviorError

UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Address:
    street: str
    zip_code: str | None = None
    tags: list[str] = field(default_factory=list)


def positive(number: int) -> int:
    return abs(number)


@attrs.define
class Room:
    beds: int = attrs.field(validator=attrs.validators.ge(1), alias="number_of_beds")
    until: date | None = None
    rooms: "list[Room]" = attrs.field(factory=list)
    floor: int = attrs.field(default=0, converter=positive)


@attrs.define
class Cat:
    kind: Literal["cat"]
    lives: int


@attrs.define
class Dog:
    kind: Literal["dog"]
    lives: int


class Stay(TypedDict):
    since: date
    nights: NotRequired[int]


class ModelError(ValueError):
    def errors(self) -> list[dict[str, Any]]:
        return [{"loc": ("inner", 0), "msg": "Input should be positive", "input": "hunter2"}]


class Model:
    """Like a pydantic model."""

    def __init__(self, number: int) -> None:
        self.number = number

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"number": {"type": "integer"}}}

    @classmethod
    def model_validate_json(cls, text: str) -> "Model":
        value = json.loads(text)
        if value["number"] < 0:
            raise ModelError("hunter2")
        return cls(**value)


def reader(
    closed: bool = True, optional: Mapping[str, Any] | None = None, **types: Any
) -> ArgumentReader[dict[str, Any]]:
    optional = optional or {}
    fields = [
        *(ClassField(name=name, annotation=t, required=True) for name, t in types.items()),
        *(ClassField(name=name, annotation=t, required=False) for name, t in optional.items()),
    ]
    writer = SchemaWriter(strict=False)
    schema = writer.root(writer.write_object(fields, ""))
    return ArgumentReader.of_parameters({**types, **optional}, schema, closed=closed)


def read(value: Any, annotation: Any) -> Any:
    return reader(it=annotation).read(json.dumps({"it": value}))["it"]


def problems(call: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(ToolArgumentsError) as caught:
        call()
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ("x", str, "x"),
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        (None, type(None), None),
        (None, str | None, None),
        ("x", str | None, "x"),
        (3, int | str, 3),
        ("3", int | str, "3"),
        (3, UserId, 3),
        (3, Annotated[int, "How many."], 3),
        ("x", Literal["x", 1], "x"),
        ("red", Colour, Colour.RED),
        ("aGk=", bytes, b"hi"),
        ("2030-01-02", date, date(2030, 1, 2)),
        ("2030-01-02T03:04:05Z", datetime, datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("03:04:05", time, time(3, 4, 5)),
        ("PT90S", timedelta, timedelta(seconds=90)),
        ("1.10", Decimal, Decimal("1.10")),
        (str(uuid.UUID(int=7)), uuid.UUID, uuid.UUID(int=7)),
        ("a/b", Path, Path("a/b")),
        ("2030-01-02", date | str, date(2030, 1, 2)),
        ("tomorrow", date | str, "tomorrow"),
        ([1, 2], list[int], [1, 2]),
        ([1, 2], Sequence[int], (1, 2)),
        ([1, 2], MutableSequence[int], [1, 2]),
        ([1, 1], set[int], {1}),
        ([1, 1], frozenset[int], frozenset({1})),
        ([1, 1], AbstractSet[int], frozenset({1})),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, "x"], tuple[int, str], (1, "x")),
        ([1, "x"], Sequence, [1, "x"]),
        ([1, "x"], list, [1, "x"]),
        ({"a": 1}, dict[str, int], {"a": 1}),
        ({"a": 1}, Mapping[str, int], {"a": 1}),
        ({"a": [None]}, Any, {"a": [None]}),
        ({"a": [None]}, object, {"a": [None]}),
        ({"street": "S"}, Address, Address("S", None, [])),
        ({"street": "S", "zip_code": "1", "tags": ["t"]}, Address | None, Address("S", "1", ["t"])),
        (
            {"beds": 1, "until": "2030-01-02", "rooms": [{"beds": 2}], "floor": -3},
            Room,
            Room(1, date(2030, 1, 2), [Room(2)], 3),
        ),
        ({"since": "2030-01-02"}, Stay, {"since": date(2030, 1, 2)}),
        ({"kind": "dog", "lives": 1}, Cat | Dog, Dog("dog", 1)),
        ([{"kind": "cat", "lives": 9}, None], list[Cat | Dog | None], [Cat("cat", 9), None]),
    ],
    ids=str,
)
def test_values_have_the_annotated_type(value: Any, annotation: Any, expected: Any) -> None:
    result = read(value, annotation)
    assert result == expected
    assert type(result) is type(expected)


def test_a_model_validates_itself() -> None:
    assert read({"number": 3}, Model).number == 3
    assert problems(lambda: read({"number": -3}, Model)) == [
        ("arguments.it.inner.0", "Input should be positive")
    ]


def test_a_real_pydantic_model_is_read() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Made", count=(int, pydantic.Field(ge=3)), day=(date, ...))
    made = read({"count": 3, "day": "2030-01-02"}, model)
    assert (made.count, made.day) == (3, date(2030, 1, 2))
    found = problems(lambda: read({"count": 1, "day": "2030-01-02"}, model))
    assert [path for path, _ in found] == ["arguments.it.count"]
    assert problems(lambda: read({"count": "3", "day": "2030-01-02"}, model)) == [
        ("arguments.it.count", "expected integer, got string")
    ]


@pytest.mark.parametrize(
    ("value", "annotation", "problem"),
    [
        ("3", int, ("arguments.it", "expected integer, got string")),
        (3.0, int, ("arguments.it", "expected integer, got number")),
        (True, int, ("arguments.it", "expected integer, got boolean")),
        (3, str, ("arguments.it", "expected string, got number")),
        ("abc", list[str], ("arguments.it", "expected array, got string")),
        (3, date, ("arguments.it", "expected string, got number")),
        (
            {"street": "S", "zip_code": 3},
            Address,
            ("arguments.it.zip_code", "expected string or null, got number"),
        ),
        (
            {"street": "S", "zipcode": "3"},
            Address,
            ("arguments.it", "there is no 'zipcode'; did you mean 'zip_code'?"),
        ),
        ("soon", date, ("arguments.it", "Invalid RFC3339 encoded date")),
        ("?", bytes, ("arguments.it", "Invalid base64 encoded string")),
        ({"since": "soon"}, Stay, ("arguments.it.since", "Invalid RFC3339 encoded date")),
        (["soon"], list[date], ("arguments.it[0]", "Invalid RFC3339 encoded date")),
        ({"beds": 0}, Room, ("arguments.it", "'beds' must be >= 1: 0")),
        (
            {"beds": 1, "rooms": [{"beds": 1, "until": "soon"}]},
            Room,
            ("arguments.it.rooms[0].until", "Invalid RFC3339 encoded date"),
        ),
        ("soon", date | datetime, ("arguments.it", "Invalid RFC3339 encoded datetime")),
        (
            {"kind": "cow", "lives": 1},
            Cat | Dog,
            ("arguments.it.kind", 'expected one of "cat", got string'),
        ),
        (10**400, float, ("arguments.it", "int too large to convert to float")),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(value: Any, annotation: Any, problem: tuple[str, str]) -> None:
    assert problems(lambda: read(value, annotation)) == [problem]


def test_an_exception_without_a_sentence_is_not_quoted() -> None:
    def refuse(value: int) -> int:
        raise ValueError(value)

    @attrs.define
    class Picky:
        number: int = attrs.field(converter=refuse)

    assert problems(lambda: read({"number": 1234}, Picky)) == [("arguments.it", "not accepted")]


def test_all_problems_are_told_at_once() -> None:
    both = reader(city=str, nights=int, since=date, until=date)
    wrong = '{"city": 3, "night": 2, "since": "x", "until": "y"}'
    assert problems(lambda: both.read(wrong)) == [
        ("arguments.nights", "missing"),
        ("arguments.city", "expected string, got number"),
        ("arguments", "there is no 'night'; did you mean 'nights'?"),
    ]
    dates = '{"city": "x", "nights": 2, "since": "x", "until": "y"}'
    assert [path for path, _ in problems(lambda: both.read(dates))] == [
        "arguments.since",
        "arguments.until",
    ]


def test_what_has_a_default_may_be_left_out() -> None:
    some = reader(city=str, optional={"nights": int})
    assert some.read('{"city": "x"}') == {"city": "x"}
    assert some.read('{"city": "x", "nights": 2}') == {"city": "x", "nights": 2}


def test_an_open_reader_drops_names_that_nothing_has_a_place_for() -> None:
    """A model that invents arguments is served with those that the function has."""
    loose = reader(closed=False, home=Address, either=Cat | Address, stay=Stay)
    call = {
        "home": {"street": "S", "x": 1},
        "either": {"street": "S", "x": 1},
        "stay": {"since": "2026-11-26", "x": 1},
        "homes": 1,
    }
    assert loose.read(json.dumps(call)) == {
        "home": Address("S"),
        "either": Address("S"),
        "stay": {"since": date(2026, 11, 26)},
    }


def test_one_object_of_all_arguments() -> None:
    writer = SchemaWriter(strict=False)
    whole = ArgumentReader[Any].of_type(Room, writer.root(writer.write(Room, "")), closed=True)
    room = whole.read('{"beds": 2, "rooms": [{"beds": 3}]}')
    assert room == Room(2, None, [Room(3)])
    assert problems(lambda: whole.read('{"beds": 0}')) == [("arguments", "'beds' must be >= 1: 0")]


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_no_arguments(text: str) -> None:
    assert parse_arguments(text) == {}


@pytest.mark.parametrize("text", ["{", "[1", '{"a": NaN}', '{"a": -Infinity}', "[" * 100_000])
def test_what_is_not_json(text: str) -> None:
    assert problems(lambda: parse_arguments(text)) == [("arguments", "not valid JSON")]


@pytest.mark.parametrize("text", ["[]", "3", "null", '"{}"'])
def test_what_is_not_an_object(text: str) -> None:
    assert problems(lambda: parse_arguments(text)) == [("arguments", "expected a JSON object")]


def test_nesting_beyond_the_stack_is_a_problem_not_a_crash() -> None:
    levels = sys.getrecursionlimit() // 3
    text = '{"beds": 1, "rooms": [' * levels + '{"beds": 1}' + "]}" * levels
    writer = SchemaWriter(strict=False)
    whole = ArgumentReader[Any].of_type(Room, writer.root(writer.write(Room, "")), closed=True)
    assert problems(lambda: whole.read(text)) == [("arguments", "nested too deeply")]


def test_the_message_has_paths_and_no_values() -> None:
    with pytest.raises(ToolArgumentsError) as caught:
        reader(beds=Room, colour=Colour, pin=int).read(
            '{"beds": {"beds": 0}, "colour": "hunter2", "pin": "1234"}'
        )
    assert isinstance(caught.value, ModelBehaviorError)
    assert str(caught.value) == (
        "a tool was called with arguments that do not fit: arguments.colour, arguments.pin"
    )
    assert caught.value.text_for_model() == (
        'Invalid arguments. arguments.colour: expected one of "red", got string; '
        "arguments.pin: expected integer, got string"
    )
    assert caught.value.__cause__ is None
