"""Reads the notes of an annotation: descriptions, constraints and declared defaults.

``Annotated[int, "How many.", Gt(0)]`` is an int with two notes. Plain strings are read, and the
notes that pydantic, annotated_types and msgspec define. pydantic and annotated_types are not
imported: their objects are recognised by the package that defines their class. A note of these
libraries that cannot be kept raises `UserError`, so that no rule which its author wrote down is
dropped in silence. Notes of other libraries are ignored, as PEP 593 asks.

Called by `tool_signature`, `class_fields` and `tool_schema` when a tool is declared, and by
`argument_values`. Pure.
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, NewType, Union, cast, get_args, get_origin

import attrs
import msgspec

from trio_realtime.errors import UserError

from .constraints import CONSTRAINT_NAMES, Constraint, constraint
from .tool_output import jsonable


class _Undefined:
    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = _Undefined()
"""Stands for a default that does not exist, or that is made anew for each call and so cannot be
shown."""

_FAMILIES: Final = frozenset({"annotated_types", "msgspec", "pydantic", "pydantic_core"})
"""The packages whose notes are kept or refused."""

# Settings that make no rule for the arguments. "strict" and "no infinities" hold anyway, since
# nothing is coerced and JSON has no infinities. The others are about reading a schema, writing
# values out, or the order in which the members of a union are tried.
_NO_RULES: Final = frozenset(
    {"strict", "allow_inf_nan", "fail_fast", "union_mode", "unit", "documentation"}
)
# What may be added to a schema freely, since it only explains.
_EXPLAINING: Final = frozenset(
    {"description", "examples", "title", "$comment", "deprecated", "readOnly", "writeOnly"}
)


@attrs.frozen(kw_only=True)
class Notes:
    """What the notes of one annotation say."""

    description: str = ""
    constraints: tuple[Constraint, ...] = ()
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    """Further keywords for the schema, such as examples, by which no value is refused."""


@attrs.frozen
class DeclaredDefault:
    """A default that is written inside ``Field(...)``."""

    make: Callable[[], Any]
    shown: Any
    """The default for the schema, or `UNDEFINED` if each call gets one of its own."""


def unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type, and all the notes around it."""
    notes: tuple[Any, ...] = ()
    while True:
        if is_annotated(annotation):
            annotation, *found = get_args(annotation)
            notes += tuple(found)
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # ``type Name = ...`` of Python 3.12
            annotation = annotation.__value__
        else:
            return annotation, notes


def is_annotated(annotation: Any) -> bool:
    """Whether it is ``Annotated[...]``."""
    return get_origin(annotation) is Annotated


def is_union(annotation: Any) -> bool:
    """Whether it is a union, written either way."""
    origin: Any = get_origin(annotation)
    return origin in (Union, types.UnionType)


def hashable(annotation: Any) -> Any:
    """Return the annotation without the notes that cannot be hashed, so that it can be the key of a
    dictionary. Constraints are kept."""
    try:
        hash(annotation)
    except TypeError:
        bare, notes = unwrap(annotation)
        args = tuple(hashable(argument) for argument in get_args(bare))
        if args:
            origin: Any = Union if is_union(bare) else get_origin(bare)
            bare = origin[args]
        for note in read_notes(notes, "").constraints:
            bare = Annotated[bare, note]
        return bare
    return annotation


def read_notes(notes: Iterable[Any], where: str) -> Notes:
    """Read the notes. Raises `UserError`, starting with ``where``, for a rule that cannot be
    kept."""
    descriptions: list[str] = []
    constraints: list[Constraint] = []
    extra: dict[str, Any] = {}
    for note in _flat(notes):
        if isinstance(note, str):
            descriptions.append(note)
            continue
        description, further = _explanation(note, where)
        descriptions += [description] if description else []
        extra = {**further, **extra}
        constraints += _constraints(note, where)
    description = descriptions[0] if descriptions else ""
    return Notes(description=description, constraints=tuple(constraints), extra=extra)


def _flat(notes: Iterable[Any]) -> Iterator[Any]:
    """The notes, with the members of a group (``Len``, ``StringConstraints``) in its place."""
    for note in notes:
        if is_field_info(note):
            yield note
            yield from _flat(note.metadata)
        elif getattr(note, "__is_annotated_types_grouped_metadata__", False) and not isinstance(
            note, type
        ):
            yield from _flat(note)
        else:
            yield note


# -- explanations --------------------------------------------------------------------------------


def _explanation(note: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    """The description in a note, and further keywords for the schema."""
    if isinstance(note, msgspec.Meta):
        examples, extra = note.examples, note.extra_json_schema
    elif is_field_info(note):
        examples, extra = note.examples, note.json_schema_extra
    else:  # ``Doc("...")`` of PEP 727
        text = getattr(note, "documentation", "")
        return text if isinstance(text, str) else "", {}
    if extra is not None and not isinstance(extra, Mapping):
        raise UserError(f"{where}: json_schema_extra must be a mapping of what the schema says")
    further: dict[str, Any] = {**cast("Mapping[str, Any]", extra or {})}
    if examples:
        further["examples"] = [*examples]
    for key in further:
        if key not in _EXPLAINING and not str(key).startswith("x-"):
            raise UserError(f"{where}: {key!r} cannot be added to its schema: it would not hold")
    further.pop("title", None)
    try:
        return note.description or "", cast("Mapping[str, Any]", jsonable(further))
    except TypeError as exc:
        raise UserError(f"{where}: its examples cannot be written as JSON: {exc}") from exc


# -- constraints ---------------------------------------------------------------------------------


def _constraints(note: Any, where: str) -> list[Constraint]:
    """The constraints of a note. Raises `UserError` for one that cannot be kept."""
    if is_field_info(note):
        _refuse_renaming(note, where)
        return []
    if isinstance(note, Constraint):
        return [note]
    if _family(note) is None:
        return []
    found: list[Constraint] = []
    for name, bound in _settings(note, where).items():
        if name in CONSTRAINT_NAMES:
            found.append(constraint(name, bound, where))
        elif name not in _NO_RULES and bound is not False:
            raise _not_kept(note, name, where)
    return found


def _settings(note: Any, where: str) -> dict[str, Any]:
    """Return the settings of a note by name. Raises `UserError` if they cannot be read."""
    if isinstance(note, msgspec.Meta):
        names: Iterable[str] = (*CONSTRAINT_NAMES, "tz")
    elif isinstance(note, type):
        raise _not_kept(note, "", where)
    elif dataclasses.is_dataclass(note):
        names = [field.name for field in dataclasses.fields(note)]
    else:
        names = getattr(note, "__dict__", {})
    given = {name: value for name in names if (value := getattr(note, name)) is not None}
    if not given and not isinstance(note, msgspec.Meta):
        raise _not_kept(note, "", where)
    return given


def _refuse_renaming(info: Any, where: str) -> None:
    """Refuse a ``Field`` that gives the argument another name than Python has for it."""
    for name in ("alias", "validation_alias"):
        if getattr(info, name, None) is not None:
            raise UserError(
                f"{where}: {name} of Field gives the argument another name; "
                "name the parameter so, or leave it out"
            )


def _not_kept(note: Any, setting: str, where: str) -> UserError:
    """The error for a rule that a schema has no keyword for."""
    cls: type = note if isinstance(note, type) else type(note)
    # pydantic keeps the settings of Field that have no class of their own in one private class.
    what = setting if cls.__name__.startswith("_") else cls.__name__
    return UserError(
        f"{where}: {what} cannot be said in a schema, so the model could not keep to it; "
        "leave it out, and check the value in the function"
    )


def _family(note: Any) -> str | None:
    """The package of `_FAMILIES` that a note, or a class given as one, comes from."""
    cls: type = note if isinstance(note, type) else type(note)
    packages = {base.__module__.partition(".")[0] for base in cls.__mro__}
    return next(iter(packages & _FAMILIES), None)


# -- declarations of fields ----------------------------------------------------------------------


def is_field_info(value: object) -> bool:
    """Whether it is what pydantic's ``Field(...)`` returns, or a relative of that."""
    return any(
        base.__name__ == "FieldInfo" and base.__module__ == "pydantic.fields"
        for base in type(value).__mro__
    )


def declared_default(annotation: Any, where: str) -> DeclaredDefault | None:
    """The default that a ``Field(...)`` around a type declares; None if there is none.

    Raises `UserError` for a default that is computed from other fields.
    """
    for note in unwrap(annotation)[1]:
        if not is_field_info(note) or note.is_required():
            continue
        if note.default_factory is None:
            return DeclaredDefault(functools.partial(note.get_default), note.default)
        if note.default_factory_takes_validated_data:
            raise UserError(f"{where}: a default that depends on other arguments is not possible")
        make = functools.partial(note.get_default, call_default_factory=True)
        return DeclaredDefault(make, UNDEFINED)
    return None


def refuse_field_object(default: object, where: str) -> None:
    """Refuse a default that declares a field of a class and is no value.

    Such objects, from ``field(...)`` of dataclasses, attrs or msgspec or pydantic's ``Field(...)``,
    only mean something in the body of the right kind of class.
    """
    cls = type(default)
    package = cls.__module__.partition(".")[0]
    if cls.__name__.lstrip("_") in _FIELD_OBJECTS.get(package, ()) or is_field_info(default):
        raise UserError(
            f"{where}: its default is a {cls.__name__} of {package}, not a value; "
            "give the value itself, and constraints as Annotated[..., Field(...)]"
        )


_FIELD_OBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "attr": ("CountingAttr",),
    "dataclasses": ("Field",),
    "msgspec": ("Field",),
}
