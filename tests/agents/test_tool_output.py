"""`trio_realtime.agents.tool_output`: what a tool returned, as the text the model gets."""

import enum
import json
import uuid
from collections import UserDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.agents.tool_output import jsonable, tool_output


class Colour(enum.Enum):
    RED = "red"


class Label(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Inner:
    when: date
    colour: Colour


@attrs.define
class Outer:
    name: str
    inner: Inner
    _secret: str = "hunter2"


class Point(NamedTuple):
    x: int
    y: int


class Stay(TypedDict):
    since: date


class Model:
    def model_dump(self, *, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return {"name": "Ann"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        ("ü 😀", "ü 😀"),
        ("half \ud800", "half \ufffd"),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (float("nan"), "null"),
        ([float("inf"), -float("inf")], "[null, null]"),
        ({"name": "Ann", "age": 7, "ü": None}, '{"name": "Ann", "age": 7, "ü": null}'),
        ({"half": "\ud800", "ü": "😀"}, '{"half": "\ufffd", "ü": "😀"}'),
        (Colour.RED, "red"),
        (Label.RED, "red"),
        (Level.LOW, "1"),
        ([Colour.RED, Label.RED], '["red", "red"]'),
        ({Colour.RED: 1}, '{"red": 1}'),
        ({1: "a", date(2030, 1, 2): "b"}, '{"1": "a", "2030-01-02": "b"}'),
        (
            Outer("Ann", Inner(date(2030, 1, 2), Colour.RED)),
            '{"name": "Ann", "inner": {"when": "2030-01-02", "colour": "red"}}',
        ),
        ([Inner(date(2030, 1, 2), Colour.RED)], '[{"when": "2030-01-02", "colour": "red"}]'),
        (Stay(since=date(2030, 1, 2)), '{"since": "2030-01-02"}'),
        (datetime(2030, 1, 2, 3, 4, tzinfo=UTC), '"2030-01-02T03:04:00Z"'),
        (timedelta(days=1), '"P1D"'),
        (Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Path("a") / "b", json.dumps(str(Path("a") / "b"))),
        (PurePosixPath("/a"), '"/a"'),
        (b"hi", '"aGk="'),
        (bytearray(b"hi"), '"aGk="'),
        ({"x"}, '["x"]'),
        ((1, (2, 3)), "[1, [2, 3]]"),
        (Point(1, 2), "[1, 2]"),
        (range(3), "[0, 1, 2]"),
        (deque([1, 2]), "[1, 2]"),
        ({"a": 1}.keys(), '["a"]'),
        (UserDict(a=[Model()]), '{"a": [{"name": "Ann"}]}'),
        (Model(), '{"name": "Ann"}'),
    ],
    ids=str,
)
def test_values_become_text(value: Any, text: str) -> None:
    assert tool_output(value) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "object cannot be written as JSON: values of type object are not data"),
        ([1 + 2j], "list cannot be written as JSON: values of type complex are not data"),
        (iter([1]), "list_iterator cannot be written as JSON"),
        (Outer, "type cannot be written as JSON"),
        ({(1, 2): 3}, "dict cannot be written as JSON: a key of an object cannot be of type tuple"),
        (ValueError("hunter2"), "ValueError cannot be written as JSON"),
    ],
    ids=str,
)
def test_what_is_not_data_is_a_type_error_without_the_value(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        tool_output(value)
    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)


def test_what_refers_to_itself_is_a_type_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="refers to itself, or is nested too deeply"):
        tool_output(loop)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_values_come_through_unchanged(value: Any) -> None:
    assert jsonable(value) == value
    if not isinstance(value, str):
        assert json.loads(tool_output(value)) == value
