"""The fields of attrs classes, data classes and TypedDicts, in one form.

`tool_schema` describes them to the model. Pure.
"""

import dataclasses
import sys
import typing
from typing import Any, cast, get_args, get_origin, get_type_hints, is_typeddict

import attrs

from trio_realtime.errors import UserError

from .annotation_notes import UNDEFINED, declared_default, refuse_field_object


@attrs.frozen(kw_only=True)
class ClassField:
    """One field: what ``__init__`` takes, or a key of a TypedDict."""

    name: str
    annotation: Any
    required: bool
    default: Any = UNDEFINED
    description: str = ""
    argument: str = ""
    """The name of the constructor's parameter, where that is not ``name``."""


def class_fields(cls: Any, where: str) -> list[ClassField] | None:
    """The fields of a class, in order, or None if it is not a class of fields.

    Fields that ``__init__`` does not take are left out. Raises `UserError`, starting with
    ``where``, for a class that cannot be described: its annotations cannot be resolved, or its
    defaults are objects of another kind of class.
    """
    if not isinstance(cls, type):
        return None
    is_dataclass = dataclasses.is_dataclass(cls)
    cls = cast("type[Any]", cls)
    if attrs.has(cls):
        fields = _attrs_fields(cls, _hints(cls, where))
    elif is_dataclass:
        fields = _dataclass_fields(cls, _hints(cls, where), where)
    elif is_typed_dict(cls):
        fields = _typed_dict_fields(cls, _hints(cls, where), where)
    else:
        return None
    for field in fields:
        place = f"{where}.{field.name}" if where else field.name
        refuse_field_object(field.default, place)
        if declared_default(field.annotation, place) is not None:
            raise UserError(
                f"{place}: {cls.__name__} does not know a default in Field; give it with '='"
            )
    return fields


def is_typed_dict(cls: Any) -> bool:
    """Whether it is a TypedDict, of typing or of typing_extensions."""
    if is_typeddict(cls):
        return True
    extensions = _extensions()
    return extensions is not None and bool(extensions.is_typeddict(cls))


def _hints(cls: type, where: str) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError, RecursionError) as exc:
        raise UserError(f"{where}: the fields of {cls.__name__} cannot be read: {exc}") from exc


# -- keys of a TypedDict -------------------------------------------------------------------------


def _typed_dict_fields(cls: Any, hints: dict[str, Any], where: str) -> list[ClassField]:
    extra = getattr(cls, "__extra_items__", None)
    if extra is not None and extra is not getattr(_extensions(), "NoExtraItems", None):
        raise UserError(f"{where}: the extra_items of {cls.__name__} cannot be said in a schema")
    return [
        ClassField(
            name=name,
            annotation=annotation,
            required=name in cls.__required_keys__ if marked is None else marked,
        )
        for name, hint in hints.items()
        for annotation, marked in [_without_qualifiers(hint)]
    ]


def _extensions() -> Any:
    """The typing_extensions module, if the application or another library has imported it."""
    return sys.modules.get("typing_extensions")


def _qualifiers(name: str) -> list[Any]:
    """A type qualifier as typing and as typing_extensions have it."""
    found = [getattr(module, name, None) for module in (typing, _extensions())]
    return [qualifier for qualifier in found if qualifier is not None]


def _without_qualifiers(hint: Any) -> tuple[Any, bool | None]:
    """Return the type of a key, and whether a qualifier makes it required; None if it has no
    qualifier.

    ``__required_keys__`` is wrong where annotations are postponed: it was made before anybody could
    tell ``"NotRequired[int]"`` from another annotation.
    """
    required: bool | None = None
    notes: tuple[Any, ...] = ()
    while True:
        origin: Any = get_origin(hint)
        args: tuple[Any, ...] = get_args(hint)
        if origin in _qualifiers("Required"):
            required = True
        elif origin in _qualifiers("NotRequired"):
            required = False
        elif origin is typing.Annotated:
            notes = (*args[1:], *notes)
        elif origin not in _qualifiers("ReadOnly"):
            break
        hint = args[0]
    for note in notes:
        hint = typing.Annotated[hint, note]
    return hint, required


# -- fields of attrs classes and data classes ----------------------------------------------------


def _attrs_fields(cls: type[attrs.AttrsInstance], hints: dict[str, Any]) -> list[ClassField]:
    return [
        ClassField(
            name=field.name,
            annotation=hints.get(field.name, field.type or Any),
            required=field.default is attrs.NOTHING,
            default=_shown(field.default),
            argument="" if field.alias in (None, field.name) else field.alias,
        )
        for field in attrs.fields(cls)
        if field.init
    ]


def _shown(default: object) -> object:
    made_anew = default is attrs.NOTHING or isinstance(default, attrs.Factory)  # type: ignore[arg-type]
    return UNDEFINED if made_anew else default


def _dataclass_fields(cls: type, hints: dict[str, Any], where: str) -> list[ClassField]:
    if any(isinstance(hint, dataclasses.InitVar) for hint in hints.values()):
        raise UserError(f"{where}: {cls.__name__} has an InitVar, which has no place in a schema")
    return [
        ClassField(
            name=field.name,
            annotation=hints[field.name],
            required=(field.default, field.default_factory) == (dataclasses.MISSING,) * 2,
            default=UNDEFINED if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]
