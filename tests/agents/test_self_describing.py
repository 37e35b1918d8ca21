"""`trio_realtime.agents.self_describing`: pydantic models and data classes as parameters."""

import datetime as dt
import json
from typing import Annotated, Any

import pytest

from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.agents.tools import function_tool
from trio_realtime.errors import UserError

pydantic = pytest.importorskip("pydantic")
BaseModel: Any = pydantic.BaseModel
Field: Any = pydantic.Field


class Person(BaseModel):  # type: ignore[misc]
    age: int = Field(gt=0, alias="years")


class Strict(BaseModel):  # type: ignore[misc]
    model_config = pydantic.ConfigDict(strict=True)
    day: dt.date
    tags: set[str]


@pydantic.dataclasses.dataclass
class Guest:
    age: int = Field(gt=0)


class Unwritable(BaseModel):  # type: ignore[misc]
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    it: type[Any] | object = Field(default_factory=object)
    function: Any = Field(json_schema_extra=lambda schema: schema.update(1))


def take(annotation: Any, value: object) -> Any:
    def tool(it: Any) -> None: ...

    tool.__annotations__["it"] = annotation
    return function_tool(tool, strict_mode=False).bind(json.dumps({"it": value})).kwargs["it"]


def problems(annotation: Any, value: object) -> list[tuple[str, str]]:
    with pytest.raises(ToolArgumentsError) as caught:
        take(annotation, value)
    return list(caught.value.problems)


def test_a_model_keeps_its_aliases_and_constraints() -> None:
    """A model is described and checked by pydantic, by the names that the model is told."""
    assert take(Person, {"years": 3}).age == 3
    assert problems(Person, {"years": 0}) == [
        ("arguments.it.years", "Input should be greater than 0")
    ]
    assert problems(list[Person], [{"years": 0}])[0][1] == "years: Input should be greater than 0"


def test_a_pydantic_data_class_keeps_its_constraints() -> None:
    """It looks like a data class, but its defaults are declarations that pydantic reads."""

    def tool(guest: Guest) -> None: ...

    schema = function_tool(tool).params_json_schema["properties"]["guest"]
    assert schema["properties"] == {"age": {"type": "integer", "exclusiveMinimum": 0}}
    assert schema["required"] == ["age"]
    assert take(Guest, {"age": 3}).age == 3
    assert problems(Guest, {"age": 0}) == [("arguments.it.age", "Input should be greater than 0")]


def test_a_strict_model_reads_what_json_can_say() -> None:
    """JSON has no dates and no sets, so a strict model must be told that it reads JSON."""
    strict = take(Strict, {"day": "2026-11-26", "tags": ["a"]})
    assert strict.day == dt.date(2026, 11, 26)
    assert strict.tags == {"a"}


def test_a_constraint_around_a_model_is_refused() -> None:
    """A model has no length."""
    with pytest.raises(UserError, match="min_length cannot be said of Person"):
        take(Annotated[Person, Field(min_length=1)], {})


def test_a_model_without_a_schema_is_refused() -> None:
    """Whatever pydantic finds wrong with a model is told of the parameter that it is for."""
    with pytest.raises(UserError, match=r"parameters\.it: Unwritable cannot become a JSON schema"):
        take(Unwritable, {})
