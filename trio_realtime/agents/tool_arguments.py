"""The arguments of a tool call: JSON text from the model -> values of the annotated types.

In two steps. First the JSON is checked against the schema that the model was given, strictly, and
every problem is found (`schema_misfits`). Then cattrs builds attrs classes, data classes, enums,
dates and collections, and their own converters and validators run. Either way a problem is a line
that names its path, fit to be sent back to the model.

Tools and handoffs make an `ArgumentReader` when they are declared and use it once per call. cattrs
is imported when the first reader is made: not with the library, and not in the middle of a
conversation. Nothing here waits.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, get_args
from uuid import UUID

import msgspec

from trio_realtime.errors import ModelBehaviorError

from .schema_misfits import Problem, misfits
from .tool_schema import JsonSchema, SchemaWriter, is_union

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

# Types that JSON writes as text; msgspec reads each (RFC 3339, ISO 8601 durations, base64).
_WRITTEN_AS_TEXT: Final = (datetime, date, time, timedelta, Decimal, UUID, bytes)


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
    """NaN and the infinities: `json` takes them, JSON does not know them."""
    raise ValueError(constant)


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


class ArgumentReader(Generic[T]):
    """Reads the arguments of one tool.

    ``schema`` is the loose form, where only what has no default is required: a model that leaves
    out a default means the default. ``closed`` refuses names that no object in it lists; the
    outermost object never takes any other, since a function has no parameter for it.
    """

    def __init__(
        self, schema: JsonSchema, build: Callable[[dict[str, Any]], T], *, closed: bool
    ) -> None:
        self._schema: JsonSchema = {**schema, "additionalProperties": False}
        self._build = build
        self._closed = closed

    @classmethod
    def of_parameters(
        cls, types: Mapping[str, Any], schema: JsonSchema, *, closed: bool
    ) -> "ArgumentReader[dict[str, Any]]":
        """A reader that returns the given arguments by name, each as its type wants it."""
        for annotation in types.values():
            _converter().get_structure_hook(annotation)

        def build(values: dict[str, Any]) -> dict[str, Any]:
            problems: list[Problem] = []
            result: dict[str, Any] = {}
            for name, value in values.items():
                try:
                    result[name] = _structure(value, types[name], f"arguments.{name}")
                except ToolArgumentsError as error:
                    problems += error.problems
            if problems:
                raise ToolArgumentsError(problems)
            return result

        return ArgumentReader(schema, build, closed=closed)

    @classmethod
    def of_type(
        cls, annotation: type[T], schema: JsonSchema, *, closed: bool
    ) -> "ArgumentReader[T]":
        """A reader that makes one object of all the arguments."""
        _converter().get_structure_hook(annotation)

        def build(values: dict[str, Any]) -> T:
            return cast("T", _structure(values, annotation, "arguments"))

        return ArgumentReader(schema, build, closed=closed)

    def read(self, arguments: str) -> T:
        """The values for the JSON text of a call. Raises `ToolArgumentsError`."""
        values = parse_arguments(arguments)
        defs = self._schema.get("$defs", {})
        try:
            problems = misfits(values, self._schema, "arguments", defs=defs, closed=self._closed)
            if problems:
                raise ToolArgumentsError(problems)
            return self._build(values)
        except RecursionError:
            raise ToolArgumentsError([("arguments", "nested too deeply")]) from None


def _structure(value: Any, annotation: Any, path: str) -> Any:
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(value, annotation)
    except (BaseValidationError, ValueError, TypeError, OverflowError) as exc:
        raise ToolArgumentsError(_problems(exc, path)) from None


def _problems(exc: Exception, path: str) -> list[Problem]:
    """What cattrs, msgspec, a model or a validator found, as problems."""
    from cattrs import transform_error

    if callable(errors := getattr(cast("Any", exc), "errors", None)):  # of a pydantic model
        found = cast("list[dict[str, Any]]", errors())
        return [(".".join([path, *map(str, error["loc"])]), error["msg"]) for error in found]
    lines = transform_error(cast("Any", exc), path, format_exception=_reason)
    return [(where, text) for text, _, where in (line.rpartition(" @ ") for line in lines)]


def _reason(exc: BaseException, annotation: type | None) -> str:
    """The first argument of a validator's error is its sentence; others may be objects."""
    del annotation
    text = exc.args[0] if exc.args and isinstance(exc.args[0], str) else "not accepted"
    return text.removesuffix(".")


@functools.cache
def _converter() -> "Converter":
    """cattrs for values whose shape is known to be right, so its leniency finds no occasion."""
    import cattrs

    converter = cattrs.Converter()
    converter.register_structure_hook_func(
        lambda t: t in (Any, object, NoneType), lambda value, _: value
    )
    converter.register_structure_hook_func(
        lambda t: t in (Sequence, MutableSequence), lambda value, _: value
    )
    for written_as_text in _WRITTEN_AS_TEXT:
        converter.register_structure_hook(written_as_text, msgspec.convert)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    converter.register_structure_hook_func(
        lambda t: callable(getattr(t, "model_validate", None)),
        lambda value, t: t.model_validate(value),
    )
    converter.register_structure_hook_factory(is_union, _union_hook)
    return converter


def _union_hook(union: Any) -> Callable[[Any, Any], Any]:
    """Builds the first member of a union whose schema fits the value and which takes it."""
    members = [member for member in get_args(union) if member is not NoneType]
    schemas: list[JsonSchema] = []
    for member in members:
        writer = SchemaWriter(strict=False)
        schemas.append(writer.root(writer.write(member, str(union))))

    def structure(value: Any, _: Any) -> Any:
        if value is None and len(members) < len(get_args(union)):
            return None
        if len(members) == 1:
            return _converter().structure(value, members[0])
        reason = "fits none of the forms it may have"
        for closed in (True, False):
            for member, schema in zip(members, schemas, strict=True):
                defs = schema.get("$defs", {})
                if misfits(value, schema, "", defs=defs, closed=closed):
                    continue
                try:
                    return _structure(value, member, "")
                except ToolArgumentsError as error:
                    reason = error.problems[0][1]
        raise ValueError(reason)

    return structure
