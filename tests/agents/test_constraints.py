"""`trio_realtime.agents.constraints` and `annotation_notes`: what notes around a type demand."""

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, TypedDict

import attrs
import msgspec
import pytest

from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.agents.tools import FunctionTool, function_tool
from trio_realtime.errors import UserError

kinds = pytest.importorskip("annotated_types")
pydantic = pytest.importorskip("pydantic")
Field: Any = pydantic.Field
Meta = msgspec.Meta


def tool_of(annotation: Any, default: Any = ..., *, strict: bool = False) -> FunctionTool[Any]:
    """A tool with one parameter, ``it``, of this annotation."""

    def tool(it: Any = None) -> str:
        return ""

    tool.__annotations__["it"] = annotation
    tool.__defaults__ = None if default is ... else (default,)
    return function_tool(tool, strict_mode=strict)


def schema_of(annotation: Any) -> dict[str, Any]:
    """What the model is told about a parameter of this annotation."""
    schema: dict[str, Any] = tool_of(annotation).params_json_schema["properties"]["it"]
    return schema


def given(tool: FunctionTool[Any], **arguments: Any) -> Any:
    """What the function would get, or the problems that the model is told of."""
    try:
        return dict(tool.bind(json.dumps(arguments)).kwargs)
    except ToolArgumentsError as error:
        return list(error.problems)


Positive = NewType("Positive", Annotated[int, kinds.Gt(0)])


@dataclasses.dataclass
class Guest:
    age: Annotated[int, kinds.Ge(18)]


@attrs.define
class Room:
    beds: Annotated[int, Field(ge=1, le=4)]
    floor: "Annotated[int, Meta(lt=10)]" = 0


class Stay(TypedDict):
    nights: Annotated[int, Meta(ge=1)]


INT = {"type": "integer"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("annotation", "schema", "right", "wrong", "problem"),
    [
        (
            Annotated[int, Field(gt=0)],
            {**INT, "exclusiveMinimum": 0},
            1,
            0,
            "expected more than 0",
        ),
        (Annotated[float, kinds.Ge(0.5)], {"minimum": 0.5}, 0.5, 0.4, "expected at least 0.5"),
        (
            Annotated[int, kinds.Interval(gt=1, le=3)],
            {"exclusiveMinimum": 1, "maximum": 3},
            3,
            4,
            "expected at most 3",
        ),
        (Annotated[int, Meta(lt=5)], {"exclusiveMaximum": 5}, 4, 5, "expected less than 5"),
        (
            Annotated[float, Field(multiple_of=0.1)],
            {"multipleOf": 0.1},
            0.3,
            0.35,
            "expected a multiple of 0.1",
        ),
        (
            Annotated[Decimal, Field(gt=0)],
            {"exclusiveMinimum": 0, "format": "decimal"},
            "0.01",
            "0",
            "expected more than 0",
        ),
        (
            Annotated[Decimal, Field(multiple_of=Decimal("0.05"))],
            {"multipleOf": 0.05},
            "0.15",
            "1E+999999999",
            "expected a multiple of 0.05",
        ),
        (
            Annotated[str, Field(min_length=2)],
            {"minLength": 2},
            "ab",
            "a",
            "expected at least 2 characters",
        ),
        (
            Annotated[str, pydantic.StringConstraints(max_length=2)],
            {"maxLength": 2},
            "ab",
            "abc",
            "expected at most 2 characters",
        ),
        (
            Annotated[str, Field(pattern="^[a-z]+$")],
            {"pattern": "^[a-z]+$"},
            "ab",
            "a1",
            'expected text that matches "^[a-z]+$"',
        ),
        (
            Annotated[str, Meta(pattern="b")],
            {"pattern": "b"},
            "abc",
            "ac",
            'expected text that matches "b"',
        ),
        (
            Annotated[list[int], kinds.Len(1, 2)],
            {"minItems": 1, "maxItems": 2},
            [1],
            [],
            "expected at least 1 items",
        ),
        (
            Annotated[tuple[int, ...], kinds.MaxLen(1)],
            {"maxItems": 1},
            [1],
            [1, 2],
            "expected at most 1 items",
        ),
        (
            Annotated[set[int], kinds.MinLen(2)],
            {"minItems": 2, "uniqueItems": True},
            [1, 2],
            [1, 1],
            "expected at least 2 items",
        ),
        (
            Annotated[dict[str, int], Field(max_length=1)],
            {"maxProperties": 1},
            {"a": 1},
            {"a": 1, "b": 2},
            "expected at most 1 items",
        ),
        (
            Annotated[int | None, Field(gt=0)],
            {"anyOf": [{**INT, "exclusiveMinimum": 0}, {"type": "null"}]},
            None,
            0,
            "expected more than 0",
        ),
        (
            Annotated[str | list[str], Field(min_length=1)],
            {
                "anyOf": [
                    {**TEXT, "minLength": 1},
                    {"type": "array", "items": TEXT, "minItems": 1},
                ]
            },
            ["a"],
            [],
            "expected at least 1 items",
        ),
        (Positive, {"exclusiveMinimum": 0}, 1, -1, "expected more than 0"),
        (pydantic.PositiveInt, {"exclusiveMinimum": 0}, 1, -1, "expected more than 0"),
        (pydantic.conint(ge=2), {"minimum": 2}, 2, 1, "expected at least 2"),
        (
            Annotated[int, kinds.Gt(0), kinds.Gt(5)],
            {"exclusiveMinimum": 0, "allOf": [{"exclusiveMinimum": 5}]},
            6,
            3,
            "expected more than 5",
        ),
        (
            Annotated[int, Field(gt=0), {"of": "another library"}],
            {"exclusiveMinimum": 0},
            1,
            0,
            "expected more than 0",
        ),
    ],
    ids=str,
)
def test_a_constraint_is_in_the_schema_and_holds(
    annotation: Any, schema: dict[str, Any], right: object, wrong: object, problem: str
) -> None:
    """What an annotation demands, the model is told, and arguments that break it are refused."""
    tool = tool_of(annotation)
    written = tool.params_json_schema["properties"]["it"]
    assert {key: written.get(key) for key in schema} == schema
    assert "it" in given(tool, it=right)
    assert given(tool, it=wrong) == [("arguments.it", problem)]


@pytest.mark.parametrize(
    ("annotation", "wrong", "path", "problem"),
    [
        (list[Annotated[int, Field(gt=0)]], [1, 0], "arguments.it[1]", "expected more than 0"),
        (
            list[Annotated[int, Field(gt=0), {}]] | None,
            [1, 0],
            "arguments.it[1]",
            "expected more than 0",
        ),
        (
            dict[str, Annotated[str, Field(min_length=1)]],
            {"a": ""},
            "arguments.it['a']",
            "expected at least 1 characters",
        ),
        (
            Mapping[Annotated[str, kinds.MinLen(2)], int],
            {"a": 1},
            "arguments.it['a']",
            "expected at least 2 characters",
        ),
        (Sequence[Guest], [{"age": 3}], "arguments.it[0].age", "expected at least 18"),
        (Room, {"beds": 5}, "arguments.it.beds", "expected at most 4"),
        (Room, {"beds": 1, "floor": 10}, "arguments.it.floor", "expected less than 10"),
        (Stay, {"nights": 0}, "arguments.it.nights", "expected at least 1"),
        (tuple[Annotated[int, kinds.Gt(0)], str], [0, ""], "arguments.it[0]", "more than 0"),
    ],
    ids=str,
)
def test_constraints_hold_inside_collections_and_classes(
    annotation: Any, wrong: object, path: str, problem: str
) -> None:
    """A constraint at any depth is checked, and the problem names the place."""
    [(found, text)] = given(tool_of(annotation), it=wrong)
    assert found.startswith(path)
    assert problem in text


def test_every_constraint_that_is_broken_is_told() -> None:
    """One answer names all that is wrong, so that one more call can be right."""

    def tool(a: Annotated[str, Field(min_length=3, pattern="x")], b: Positive) -> None: ...

    assert given(function_tool(tool), a="y", b=0) == [
        ("arguments.a", 'expected at least 3 characters and expected text that matches "x"'),
        ("arguments.b", "expected more than 0"),
    ]


def test_a_union_takes_the_member_whose_constraint_holds() -> None:
    """A constraint on one member of a union says nothing about the others."""
    tool = tool_of(Annotated[str, Field(max_length=2)] | Annotated[str, Field(pattern="text")])
    assert given(tool, it="long text") == {"it": "long text"}


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Annotated[str, Field(gt=0)], "gt cannot be said of str"),
        (Annotated[bool, Field(gt=0)], "gt cannot be said of bool"),
        (Annotated[int, Field(min_length=1)], "min_length cannot be said of int"),
        (Annotated[int | str, Field(gt=0)], "gt cannot be said of str"),
        (Annotated[dt.date, Field(gt=dt.date(2026, 1, 1))], "gt must be a finite"),
        (Annotated[bytes, Field(min_length=1)], "min_length cannot be said of bytes"),
        (Annotated[tuple[int, int], kinds.Len(2)], "min_length cannot be said of tuple"),
        (Annotated[Literal["a"], Field(min_length=1)], "min_length cannot be said of"),
        (Annotated[Any, Field(gt=0)], "gt cannot be said of Any"),
        (Annotated[Room, Field(min_length=1)], "min_length cannot be said of Room"),
        (Annotated[str, kinds.Predicate(str.islower)], "Predicate cannot be said in a schema"),
        (kinds.LowerCase[str], "Predicate cannot be said in a schema"),
        (Annotated[dt.datetime, kinds.Timezone(None)], "Timezone cannot be said"),
        (Annotated[dt.datetime, Meta(tz=True)], "Meta cannot be said"),
        (Annotated[int, pydantic.AfterValidator(abs)], "AfterValidator cannot be said"),
        (Annotated[int, pydantic.BeforeValidator(abs)], "BeforeValidator cannot be said"),
        (Annotated[str, pydantic.StringConstraints(to_lower=True)], "to_lower cannot be said"),
        (Annotated[Decimal, Field(max_digits=3)], "max_digits cannot be said"),
        (Annotated[int, kinds.Gt], "Gt cannot be said"),
        (Annotated[int, Field(alias="years")], "alias of Field gives"),
        (Annotated[int, Field(validation_alias="years")], "alias of Field gives"),
        (Annotated[int, Field(json_schema_extra={"minimum": 3})], "'minimum' cannot be added"),
        (Annotated[int, Meta(extra_json_schema={"minimum": 3})], "'minimum' cannot be added"),
        (Annotated[int, Field(json_schema_extra=print)], "json_schema_extra must be a mapping"),
        (Annotated[int, Field(examples=[object()])], "examples cannot be written as JSON"),
        (Annotated[int, kinds.Gt(float("inf"))], "gt must be a finite number"),
        (Annotated[int, kinds.Gt("0")], "gt must be a finite number, got str"),
        (Annotated[int, kinds.MultipleOf(0)], "multiple_of must be more than 0"),
        (Annotated[str, kinds.MinLen(-1)], "min_length must be an int of 0 or more"),
        (Annotated[str, Field(pattern=r"\p{L}")], "pattern is not a regular expression"),
        (
            Annotated[str, pydantic.StringConstraints(pattern=re.compile("a", re.IGNORECASE))],
            "pattern has flags",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("inside_of", [None, list], ids=["", "in a list"])
def test_what_cannot_be_kept_is_refused_with_its_place(
    annotation: Any, name: str, inside_of: Any
) -> None:
    """A rule that no schema can say is refused at the declaration, never dropped."""
    with pytest.raises(UserError) as caught:
        tool_of(inside_of[annotation] if inside_of else annotation)
    assert str(caught.value).startswith("tool 'tool', parameters.it")
    assert name in str(caught.value)


def test_notes_that_only_explain_are_kept() -> None:
    """Descriptions and examples reach the model; a title would repeat the name."""
    assert schema_of(Annotated[int, Field(description="Years.", examples=[3], title="Age")]) == {
        "type": "integer",
        "description": "Years.",
        "examples": [3],
    }
    assert schema_of(Annotated[int, Meta(description="Years.", title="Age", examples=[3])]) == {
        "type": "integer",
        "description": "Years.",
        "examples": [3],
    }
    extra = Field(json_schema_extra={"x-unit": "s"}, strict=True, discriminator="kind")
    assert schema_of(Annotated[int, extra, kinds.Unit("s"), kinds.doc("Seconds.")]) == {
        "type": "integer",
        "description": "Seconds.",
        "x-unit": "s",
    }


class Foreign:
    """A note of a library that the project knows nothing about."""


def test_notes_of_other_libraries_are_passed_over() -> None:
    """An annotation may speak to several libraries at once."""
    assert schema_of(Annotated[int, Foreign(), Foreign, None, [1]]) == {"type": "integer"}


@pytest.mark.parametrize(
    ("annotation", "default", "value"),
    [
        (int, Field(default=30, ge=18), 30),
        (Annotated[int, Field(default=30, ge=18)], ..., 30),
        (Annotated[int, Field(ge=18)], 30, None),
        (list[int], Field(default_factory=list), []),
    ],
    ids=["default", "annotated", "plain", "factory"],
)
def test_a_default_in_a_field_is_the_argument_that_is_left_out(
    annotation: Any, default: object, value: object
) -> None:
    """The function gets the default itself, and never the object that declares it."""
    tool = tool_of(annotation, default)
    assert "required" not in tool.params_json_schema
    assert given(tool) == ({} if value is None else {"it": value})


def test_a_default_that_is_made_anew_is_not_shared_between_calls() -> None:
    """Two calls of a tool must not grow one list."""
    tool = tool_of(list[int], Field(default_factory=list))
    given(tool)["it"].append(1)
    assert given(tool) == {"it": []}
    kept = tool_of(list[int], Field(default=[]))
    given(kept)["it"].append(1)
    assert given(kept) == {"it": []}


def test_a_field_without_a_default_is_required() -> None:
    """``age: int = Field(gt=0)`` looks like a default and is none."""
    tool = tool_of(int, Field(..., gt=0))
    assert tool.params_json_schema["required"] == ["it"]
    assert given(tool) == [("arguments.it", "missing")]


@dataclasses.dataclass
class WithField:
    age: int = Field(gt=0)


@attrs.define
class WithFieldOfDataclasses:
    age: int = dataclasses.field(default=3)


@attrs.define
class WithDefaultInField:
    age: Annotated[int, Field(default=3)]


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (int, dataclasses.field(default=3), "its default is a Field of dataclasses"),
        (int, attrs.field(default=3), "its default is a _CountingAttr of attr"),
        (int, msgspec.field(default=3), "its default is a Field of msgspec"),
        (int, Field(default_factory=lambda data: data), "depends on other arguments"),
        (WithField, ..., "it.age: its default is a FieldInfo of pydantic"),
        (list[WithFieldOfDataclasses], ..., "it[].age: its default is a Field of dataclasses"),
        (WithDefaultInField, ..., "it.age: WithDefaultInField does not know a default in Field"),
    ],
    ids=str,
)
def test_a_default_that_declares_a_field_elsewhere_is_refused(
    annotation: Any, default: object, message: str
) -> None:
    """No function and no object is ever handed the declaration of a field as a value."""
    with pytest.raises(UserError) as caught:
        tool_of(annotation, default)
    assert message in str(caught.value)
