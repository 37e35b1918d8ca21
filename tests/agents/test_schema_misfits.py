"""`trio_realtime.agents.schema_misfits`: what is wrong with a value, and where."""

from typing import Any

import pytest

from trio_realtime.agents.schema_misfits import Problem, misfits

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NULL = {"type": "null"}
ROOM = {"type": "object", "properties": {"beds": INTEGER}, "required": ["beds"]}
PET = {
    "type": "object",
    "properties": {"kind": {"const": "dog"}, "name": STRING},
    "required": ["kind", "name"],
}


def check(value: Any, schema: dict[str, Any], *, closed: bool = True, **defs: Any) -> list[Problem]:
    return misfits(value, schema, "it", defs=defs, closed=closed)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("x", STRING),
        (3, INTEGER),
        (3, {"type": "number"}),
        (3.5, {"type": "number"}),
        (True, {"type": "boolean"}),
        (None, NULL),
        (None, {"type": ["string", "null"]}),
        ([], {"type": "array"}),
        ([1, 2], {"type": "array", "items": INTEGER}),
        ([1, "x"], {"type": "array", "prefixItems": [INTEGER, STRING]}),
        ({}, {"type": "object"}),
        ({"any": 1}, {"type": "object"}),
        ({"any": 1}, {"type": "object", "additionalProperties": INTEGER}),
        ({"any": 1}, {"type": "object", "properties": {}, "additionalProperties": True}),
        ({"beds": 2}, ROOM),
        ({"anything": [1, None]}, {}),
        ("a", {"enum": ["a", "b"]}),
        (1, {"enum": ["a", 1]}),
        ("a", {"const": "a"}),
        ("x", {"anyOf": [INTEGER, STRING]}),
        ("x", {"anyOf": [{"anyOf": [INTEGER, STRING]}, NULL]}),
        ({"beds": 1}, {"allOf": [ROOM]}),
    ],
    ids=str,
)
def test_what_fits_has_no_problems(value: Any, schema: dict[str, Any]) -> None:
    assert check(value, schema) == []


@pytest.mark.parametrize(
    ("value", "schema", "problems"),
    [
        ("3", INTEGER, [("it", "expected integer, got string")]),
        (3.0, INTEGER, [("it", "expected integer, got number")]),
        (float("inf"), {"type": "number"}, [("it", "expected a finite number")]),
        (True, INTEGER, [("it", "expected integer, got boolean")]),
        (True, {"type": "number"}, [("it", "expected number, got boolean")]),
        (1, {"type": "boolean"}, [("it", "expected boolean, got number")]),
        (None, STRING, [("it", "expected string, got null")]),
        ([], {"type": "object"}, [("it", "expected object, got array")]),
        ({}, {"type": "array"}, [("it", "expected array, got object")]),
        (1, {"type": ["string", "null"]}, [("it", "expected string or null, got number")]),
        ("c", {"enum": ["a", 1]}, [("it", 'expected one of "a", 1, got string')]),
        (True, {"enum": [1]}, [("it", "expected one of 1, got boolean")]),
        ("b", {"const": "a"}, [("it", 'expected one of "a", got string')]),
        (
            3,
            {"anyOf": [STRING, NULL, STRING]},
            [("it", "expected string or null, got number")],
        ),
        (
            3,
            {"anyOf": [{"enum": ["a"], "type": "string"}, {"anyOf": [ROOM, NULL]}]},
            [("it", 'expected one of "a" or object or null, got number')],
        ),
        (
            [1, "x"],
            {"type": "array", "items": INTEGER},
            [("it[1]", "expected integer, got string")],
        ),
        (
            [1],
            {"type": "array", "prefixItems": [INTEGER, STRING]},
            [("it", "expected 2 items, got 1")],
        ),
        ({}, ROOM, [("it.beds", "missing")]),
        ({"beds": "2"}, ROOM, [("it.beds", "expected integer, got string")]),
        (
            {"beds": 2, "bedz": 1, "qqqq": 1},
            ROOM,
            [("it", "there is no 'bedz'; did you mean 'beds'?"), ("it", "there is no 'qqqq'")],
        ),
        (
            {'say "x"': "1"},
            {"type": "object", "additionalProperties": INTEGER},
            [('it["say \\"x\\""]', "expected integer, got string")],
        ),
        ({"beds": "2"}, {"allOf": [ROOM]}, [("it.beds", "expected integer, got string")]),
    ],
    ids=str,
)
def test_every_problem_has_its_place_and_what_would_be_right(
    value: Any, schema: dict[str, Any], problems: list[Problem]
) -> None:
    assert check(value, schema) == problems


def test_of_several_forms_the_likeliest_is_spoken_of() -> None:
    either = {"anyOf": [ROOM, PET, NULL]}
    assert check({"kind": "dog", "name": 3}, either) == [("it.name", "expected string, got number")]
    assert check({"beds": "2"}, either) == [("it.beds", "expected integer, got string")]


def test_a_choice_among_choices_is_one_choice() -> None:
    nested = {"anyOf": [{"anyOf": [INTEGER, {"$ref": "#/$defs/Maybe"}]}, STRING]}
    maybe = {"anyOf": [ROOM, NULL]}
    assert check([], nested, Maybe=maybe) == [
        ("it", "expected integer or object or null or string, got array")
    ]
    assert check(None, nested, Maybe=maybe) == []


def test_open_objects_take_other_names() -> None:
    assert check({"beds": 2, "extra": 1}, ROOM, closed=False) == []
    sealed = {**ROOM, "additionalProperties": False}
    assert check({"beds": 2, "extra": 1}, sealed, closed=False) == [("it", "there is no 'extra'")]


def test_references_are_followed() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL]}}}
    value = {"next": {"next": {"next": 3}}}
    assert check(value, {"$ref": "#/$defs/Node"}, Node=node) == [
        ("it.next.next.next", "expected object or null, got number")
    ]


def test_a_long_name_is_quoted_only_as_far_as_a_name_goes() -> None:
    [(_, text)] = check({"beds": 1, "x" * 1000: 1}, ROOM)
    assert text == f"there is no '{'x' * 64}'"
