"""Reads the arguments of a tool call: from the model's JSON text to values of the annotated types.

There are two steps. First the JSON is checked against the schema that the model was given, and
every problem is found (`schema_misfits`). Then the values are built, which also runs validators and
checks constraints (`argument_values`). A problem of either step is a path and a text for the model.

Tools and handoffs make an `ArgumentReader` when they are declared and use it once per call. Nothing
here waits.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

from trio_realtime.errors import ModelBehaviorError

from .argument_values import ArgumentValueError, build, prepare
from .schema_misfits import Problem, misfits
from .tool_schema import JsonSchema

T = TypeVar("T")


class ToolArgumentsError(ModelBehaviorError):
    """The model called a tool with arguments that do not fit.

    The message has the paths of what is wrong and no values. ``problems`` pairs each path with what
    would be right there; `text_for_model` is that as one text. It may hold what a validator of the
    application says, so it goes to the model and not into logs.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        paths = ", ".join(dict.fromkeys(path for path, _ in self.problems))
        super().__init__(f"a tool was called with arguments that do not fit: {paths}")

    def text_for_model(self) -> str:
        """What the model is told, so that it can correct its call."""
        return "Invalid arguments. " + "; ".join(f"{path}: {text}" for path, text in self.problems)


def parse_arguments(arguments: str) -> dict[str, Any]:
    """The arguments of a call as JSON values by name; empty text is no arguments.

    Raises `ToolArgumentsError` if the text is not a JSON object.
    """
    if not arguments.strip():
        return {}
    try:
        value = _decode_json(arguments)
    except (ValueError, RecursionError):
        raise ToolArgumentsError([("arguments", "not valid JSON")]) from None
    if not isinstance(value, dict):
        raise ToolArgumentsError([("arguments", "expected a JSON object")])
    return cast("dict[str, Any]", value)


def _refuse_constant(constant: str) -> object:
    """Refuse NaN and the infinities, which Python's `json` reads although JSON does not have
    them."""
    raise ValueError(constant)


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


class ArgumentReader(Generic[T]):
    """Reads the arguments of one tool.

    ``schema`` requires only the arguments without a default, since a model that leaves out an
    argument means its default. With ``closed``, names that the schema does not list are refused;
    otherwise they are dropped, since no function and no class takes them.
    """

    def __init__(
        self, schema: JsonSchema, build: Callable[[dict[str, Any]], T], *, closed: bool
    ) -> None:
        self._schema = schema
        self._build = build
        self._closed = closed

    @classmethod
    def of_parameters(
        cls,
        types: Mapping[str, Any],
        schema: JsonSchema,
        *,
        closed: bool,
        defaults: Mapping[str, Callable[[], Any]] | None = None,
    ) -> "ArgumentReader[dict[str, Any]]":
        """Make a reader that returns the arguments by name, each converted to its type.

        If the model leaves out an argument that is in ``defaults``, the function there makes it.
        Other arguments that are left out stay out, and get the default of the tool's own function.
        """
        for annotation in types.values():
            prepare(annotation)

        def build_each(values: dict[str, Any]) -> dict[str, Any]:
            problems: list[Problem] = []
            result = {name: make() for name, make in (defaults or {}).items() if name not in values}
            for name in (name for name in types if name in values):
                try:
                    result[name] = build(values[name], types[name], f"arguments.{name}")
                except ArgumentValueError as error:
                    problems += error.problems
            if problems:
                raise ArgumentValueError(problems)
            return result

        return ArgumentReader(schema, build_each, closed=closed)

    @classmethod
    def of_type(
        cls, annotation: type[T], schema: JsonSchema, *, closed: bool
    ) -> "ArgumentReader[T]":
        """Make a reader that returns one object, made of all the arguments."""
        prepare(annotation)
        return ArgumentReader(
            schema, lambda values: cast("T", build(values, annotation, "arguments")), closed=closed
        )

    def read(self, arguments: str) -> T:
        """Return the values for the JSON text of a call. Raises `ToolArgumentsError`."""
        values = parse_arguments(arguments)
        defs = self._schema.get("$defs", {})
        try:
            problems = misfits(values, self._schema, "arguments", defs=defs, closed=self._closed)
            if problems:
                raise ToolArgumentsError(problems)
            return self._build(values)
        except ArgumentValueError as error:
            raise ToolArgumentsError(error.problems) from None
        except RecursionError:
            raise ToolArgumentsError([("arguments", "nested too deeply")]) from None
