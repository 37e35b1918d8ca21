"""The arguments with which the simulator calls functions that nobody has written a scenario for."""

import enum
import json
from typing import Any, Literal

import attrs
import pytest

from trio_realtime import RunContext, ToolContext, function_tool
from trio_realtime.testing.simulator.sample_arguments import sample_arguments


class Colour(enum.Enum):
    """Some colours."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Place:
    """Where something is."""

    name: str
    inside: "Place | None"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {}),
        (None, {}),
        ("nonsense", {}),
        ({"type": "string"}, {}),
        ({"properties": {"a": {"type": "string"}}}, {}),
        (
            {"properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
            {"a": "example", "b": {}},
        ),
        (
            {
                "properties": {
                    "choice": {"enum": ["x", "y"]},
                    "fixed": {"const": 7},
                    "usual": {"type": "integer", "default": 5},
                    "least": {"type": "integer", "minimum": 18},
                    "many": {"type": "array", "items": {"type": "number"}, "minItems": 2},
                    "any": {"type": "array"},
                    "perhaps": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                    "nothing": {"type": ["null", "string"]},
                    "odd": {"type": "of the future"},
                },
                "required": [
                    *(
                        "choice",
                        "fixed",
                        "usual",
                        "least",
                        "many",
                        "any",
                        "perhaps",
                        "nothing",
                        "odd",
                    )
                ],
            },
            {
                "choice": "x",
                "fixed": 7,
                "usual": 5,
                "least": 18,
                "many": [1.5, 1.5],
                "any": [],
                "perhaps": True,
                "nothing": None,
                "odd": None,
            },
        ),
    ],
)
def test_what_is_required_has_a_value_of_its_type(parameters: Any, expected: Any) -> None:
    """What is not required is left out; a schema that says nothing is an empty object."""
    assert sample_arguments(parameters) == expected


async def test_a_tool_runs_with_them() -> None:
    """They pass the tool's own check, references included."""

    @function_tool
    async def look(  # noqa: PLR0917 - a parameter of each kind
        city: str, days: int, colour: Colour, unit: Literal["C", "F"], places: list[Place], on: bool
    ) -> str:
        """Look."""
        return f"{city} {days} {colour.name} {unit} {places} {on}"

    arguments = json.dumps(sample_arguments(look.params_json_schema))
    context = ToolContext(
        context=RunContext(None).context,
        tool_name="look",
        tool_call_id="c",
        tool_arguments=arguments,
    )
    output = await look.on_invoke_tool(context, arguments)
    assert str(output) == "example 1 RED C [] True"


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    """After so many levels there is nothing."""
    schema = {
        "properties": {"a": {"$ref": "#/$defs/Node"}},
        "required": ["a"],
        "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}},
    }
    assert json.dumps(sample_arguments(schema)).count("next") < 8
