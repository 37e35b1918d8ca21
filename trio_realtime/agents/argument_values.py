"""Builds the Python values of a tool's arguments from JSON values that fit their schema.

`build` makes attrs classes, data classes, TypedDicts, pydantic models, enums, dates and
collections. Their own converters and validators run, and the constraints in annotations are checked
on what was built. The shape of the JSON has been checked before (`schema_misfits`).

cattrs does the work for collections and simple types. Classes are built here, from the same fields
that the schema was written from (`class_fields`), so the two cannot disagree about a name, a type
or what is required. cattrs is imported when the first tool is declared: not with the library, and
not in the middle of a conversation. Nothing here waits.
"""

import functools
from collections.abc import Callable, MutableSequence, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from uuid import UUID

import msgspec

from .annotation_notes import hashable, is_annotated, is_union, read_notes, unwrap
from .class_fields import class_fields, is_typed_dict
from .schema_misfits import Problem, misfits
from .self_describing import describes_itself, own_value
from .tool_schema import JsonSchema, SchemaWriter

if TYPE_CHECKING:
    from cattrs import Converter

# Types that JSON writes as text; msgspec reads each (RFC 3339, ISO 8601 durations, base64).
_WRITTEN_AS_TEXT: Final = (datetime, date, time, timedelta, Decimal, UUID, bytes)

_REFUSALS: Final = (ValueError, TypeError, ArithmeticError)
"""The exceptions, beside cattrs' own, which say that a value was refused."""


class ArgumentValueError(ValueError):
    """A value has the right shape, and a constraint or a validator refuses it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(*(text for _, text in problems))


def prepare(annotation: Any) -> None:
    """Prepare to `build` values of a type, so that the first call is as fast as the others."""
    _converter().get_structure_hook(hashable(annotation))


def build(value: Any, annotation: Any, path: str) -> Any:
    """The Python value of a JSON value. Raises `ArgumentValueError` with places under ``path``."""
    from cattrs.errors import BaseValidationError

    try:
        return _structure(value, annotation)
    except (BaseValidationError, *_REFUSALS) as exc:
        raise ArgumentValueError(_problems(exc, path)) from None


def _structure(value: Any, annotation: Any) -> Any:
    return _converter().structure(value, hashable(annotation))


def _problems(exc: Exception, path: str) -> list[Problem]:
    """What cattrs, msgspec, a model or a validator found, as problems."""
    from cattrs import transform_error

    if (found := _found_by_pydantic(exc)) is not None:
        return [(".".join([path, *map(str, error["loc"])]), error["msg"]) for error in found]
    lines = transform_error(cast("Any", exc), path, format_exception=_reason)
    return [(where, text) for text, _, where in (line.rpartition(" @ ") for line in lines)]


def _found_by_pydantic(exc: BaseException) -> list[dict[str, Any]] | None:
    """The errors of a pydantic model; None for any other exception."""
    errors = getattr(cast("Any", exc), "errors", None)
    return cast("list[dict[str, Any]]", errors()) if callable(errors) else None


def _reason(exc: BaseException, annotation: type | None) -> str:
    """Return the sentence of a validator's error: its first argument, since the others may be
    objects."""
    del annotation
    if (found := _found_by_pydantic(exc)) is not None:
        return ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
    text = exc.args[0] if exc.args and isinstance(exc.args[0], str) else "not accepted"
    return text.removesuffix(".")


@functools.cache
def _converter() -> "Converter":
    """Return the cattrs converter. It would coerce values, but their shape has been checked before,
    so none needs it."""
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
    converter.register_structure_hook_factory(
        lambda t: class_fields(t, "") is not None, _class_hook
    )
    converter.register_structure_hook_func(describes_itself, own_value)
    converter.register_structure_hook_factory(is_union, _union_hook)
    converter.register_structure_hook_factory(is_annotated, _annotated_hook)
    return converter


def _annotated_hook(annotation: Any) -> Callable[[Any, Any], Any]:
    """Builds a value of the bare type, and checks it against the constraints in the annotation."""
    bare, notes = unwrap(annotation)
    constraints = read_notes(notes, str(bare)).constraints

    def structure(value: Any, _: Any) -> Any:
        built = _structure(value, bare)
        if built is not None:  # a constraint on ``int | None`` is about the int
            broken = [each.expected(built) for each in constraints if not each.holds(built)]
            if broken:
                raise ValueError(" and ".join(broken))
        return built

    return structure


def _class_hook(cls: Any) -> Callable[[Any, Any], Any]:
    """Builds an attrs class, data class or TypedDict. Keys that belong to no field are left out."""
    from cattrs.errors import AttributeValidationNote, BaseValidationError, ClassValidationError

    fields = class_fields(cls, cls.__name__) or []
    make: Any = dict if is_typed_dict(cls) else cls

    def structure(value: Any, _: Any) -> Any:
        arguments: dict[str, Any] = {}
        errors: list[Exception] = []
        for field in fields:
            if field.name not in value:
                continue
            try:
                built = _structure(value[field.name], field.annotation)
                arguments[field.argument or field.name] = built
            except (BaseValidationError, *_REFUSALS) as exc:
                exc.add_note(AttributeValidationNote(cls.__name__, field.name, field.annotation))
                errors.append(exc)
        if not errors:
            try:
                return make(**arguments)
            except RecursionError:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever a validator of the application says
                errors.append(exc)
        raise cast("Any", ClassValidationError)(f"While building {cls.__name__}", errors, cls)

    return structure


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
            return _structure(value, members[0])
        reason = "fits none of the forms it may have"
        for closed in (True, False):
            for member, schema in zip(members, schemas, strict=True):
                defs = schema.get("$defs", {})
                if misfits(value, schema, "", defs=defs, closed=closed):
                    continue
                try:
                    return build(value, member, "")
                except ArgumentValueError as error:
                    reason = error.problems[0][1]
        raise ValueError(reason)

    return structure
