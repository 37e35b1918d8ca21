"""The fields that make an object of a class: attrs, dataclasses and TypedDicts seen alike.

`tool_schema` describes them to the model. Pure.
"""

import dataclasses
from typing import (
    Any,
    Final,
    NotRequired,
    Required,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs

from trio_realtime.errors import UserError


class _Undefined:
    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = _Undefined()
"""No default, or one that is made anew each time and so cannot be shown."""


@attrs.frozen(kw_only=True)
class ClassField:
    """One field: what ``__init__`` takes, or a key of a TypedDict."""

    name: str
    annotation: Any
    required: bool
    default: Any = UNDEFINED
    description: str = ""


def class_fields(cls: Any, where: str) -> list[ClassField] | None:
    """The fields of a class, in order, or None if it is not a class of fields.

    Fields that ``__init__`` does not take are left out. Raises `UserError`, starting with
    ``where``, if an annotation cannot be resolved.
    """
    if not isinstance(cls, type):
        return None
    is_dataclass = dataclasses.is_dataclass(cls)
    cls = cast("type[Any]", cls)
    if attrs.has(cls):
        return _attrs_fields(cls, _hints(cls, where))
    if is_dataclass:
        return _dataclass_fields(cls, _hints(cls, where), where)
    if is_typeddict(cls):
        required = getattr(cls, "__required_keys__", frozenset[str]())
        return [
            ClassField(name=name, annotation=_without_marker(hint), required=name in required)
            for name, hint in _hints(cls, where).items()
        ]
    return None


def _hints(cls: type, where: str) -> dict[str, Any]:
    try:
        if attrs.has(cls):  # cattrs reads the types there, when it builds an object
            attrs.resolve_types(cls, include_extras=True)
        return get_type_hints(cls, include_extras=True)
    except (NameError, TypeError) as exc:
        raise UserError(f"{where}: the fields of {cls.__name__} cannot be read: {exc}") from exc


def _without_marker(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint


def _attrs_fields(cls: type[attrs.AttrsInstance], hints: dict[str, Any]) -> list[ClassField]:
    return [
        ClassField(
            name=field.name,
            annotation=hints.get(field.name, field.type or Any),
            required=field.default is attrs.NOTHING,
            default=_shown(field.default),
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
