"""What settings classes share, and how a plain mapping becomes one of them.

`config` builds its classes on `Settings`; the runner, the models and the transports call
`structure`. The rules are the same for a mapping and for a direct call of a settings class:

- each field is checked as `type_checks` says, without coercion;
- an unknown key, or keyword, is refused, with the nearest right one;
- ``None`` is a value of its own only where the annotation says so; in a setting that may be left
  out it is otherwise the same as leaving it out.

Whatever is wrong is raised as one `SettingsError` with the path to it; further problems of the same
mapping are notes on it.

cattrs reads mappings here and nowhere else in settings. Importing it costs more than all the
settings classes together, so it is imported when the first mapping is really given.
"""

import functools
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import attrs

from ..errors import SettingsError
from .type_checks import UNSET, Between, check, entries, join, members, nearest, problem, shown_name

if TYPE_CHECKING:
    import cattrs
    from cattrs.errors import ClassValidationError

__all__ = ["Between", "Settings", "at_their_fields", "structure"]

T = TypeVar("T")


# -- settings classes ----------------------------------------------------------------------------


@functools.cache
def _fields(cls: Any) -> "tuple[tuple[str, Any, attrs.Attribute[Any]], ...]":
    """The fields of an attrs class, each with its name and its default."""
    return tuple((f.name, f.default, f) for f in attrs.fields(cls))


def _settled(field: "attrs.Attribute[Any]", value: Any) -> Any:
    """A field's value after its check; `UNSET` for a None that means the same as no value."""
    if value is field.default:
        return value
    if value is None and field.default is UNSET and types.NoneType not in members(field.type):
        return UNSET
    check(field.type, value, field.name)
    return value


class _ByName(type):
    """The metaclass of settings classes: wrong keywords raise the same errors as wrong keys."""

    if not TYPE_CHECKING:  # type checkers know the fields, and find the wrong names by themselves

        def __call__(cls, *values: Any, **given: Any) -> Any:
            if values:
                raise problem("", f"the settings of {cls.__name__} are given by name")
            try:
                return super().__call__(**given)
            except TypeError as error:
                wrong = _wrong_names(cls, given)
                if not wrong:
                    raise
                raise _gathered(wrong) from error


def _wrong_names(cls: Any, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a call gets wrong about the names of a class's fields, as (path, text)."""
    names = {field.name: field for field in attrs.fields(cls)}
    unknown = [
        (shown_name(key), f"unknown setting; {nearest(key, names)}")
        for key in given
        if key not in names
    ]
    missing = [
        (name, "is required")
        for name, field in names.items()
        if field.default is attrs.NOTHING and name not in given
    ]
    return unknown + missing


class Settings(metaclass=_ByName):
    """Base of the settings classes: checks every field when made, and shows only what was set.

    Subclasses are ``@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)``.
    """

    __slots__ = ()

    key_aliases: ClassVar[Mapping[str, str]] = {}
    """Other spellings of keys that a mapping may use; the right spelling wins over them."""

    def __attrs_post_init__(self) -> None:
        for name, default, field in _fields(cast("Any", type(self))):
            value = getattr(self, name)
            if value is default:  # most fields, in most objects
                continue
            settled = _settled(field, value)
            if settled is not value:
                object.__setattr__(self, name, settled)

    def given(self) -> dict[str, Any]:
        """The fields that were set, by name; values as they are."""
        return {
            name: value
            for name, _, _ in _fields(cast("Any", type(self)))
            if (value := getattr(self, name)) is not UNSET
        }

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in attrs.fields(cast("Any", type(self))):
            value = getattr(self, field.name)
            default = field.default.factory() if _has_factory(field) else field.default
            if field.repr is False or (type(value) is type(default) and value == default):
                continue
            show = field.repr if callable(field.repr) else repr
            shown.append(f"{field.name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _has_factory(field: "attrs.Attribute[Any]") -> bool:
    return isinstance(field.default, cast("type", attrs.Factory))


def at_their_fields(
    _cls: type, fields: "list[attrs.Attribute[Any]]"
) -> "list[attrs.Attribute[Any]]":
    """Let each field's converter raise its `SettingsError` with the field's name in the path."""
    return [
        field
        if (convert := _converter_of(field)) is None
        else field.evolve(converter=functools.partial(_convert_at, convert, field.name))
        for field in fields
    ]


def _converter_of(field: "attrs.Attribute[Any]") -> Callable[[Any], Any] | None:
    """A field's converter; of the two kinds that attrs has, settings use the plain function."""
    converter: Any = cast("Any", field).converter
    return cast("Callable[[Any], Any] | None", converter)


def _convert_at(convert: Callable[[Any], Any], name: str, value: Any) -> Any:
    try:
        return convert(value)
    except SettingsError as error:
        raise _gathered(_problems(error, name)) from None


# -- mappings ------------------------------------------------------------------------------------


def structure(cls: type[T], value: object, path: str = "") -> T:
    """``value`` itself if it is a ``cls``, or the ``cls`` that a mapping describes.

    ``cls`` is an attrs class, usually a `Settings`. ``path`` is where the value stands among the
    caller's settings, for the messages. Raises `SettingsError`.
    """
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise problem(path, f"expected {cls.__name__} or a mapping, got {type(value).__name__}")
    from cattrs.errors import ClassValidationError

    aliases: Mapping[str, str] = getattr(cls, "key_aliases", {})
    mapping = dict(entries(cast("Mapping[Any, object]", value), path))
    for alias in [alias for alias in aliases if alias in mapping]:
        mapping.setdefault(aliases[alias], mapping.pop(alias))
    try:
        return _converter().structure(mapping, cls)
    except ClassValidationError as group:
        raise _gathered(_group_problems(group, cls, path)) from None


@functools.cache
def _converter() -> "cattrs.Converter":
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    converter = cattrs.Converter(detailed_validation=True)

    def hook_for(cls: Any) -> Callable[[Mapping[str, Any], Any], Any]:
        attrs.resolve_types(cls)
        hooks = {
            field.name: override(struct_hook=functools.partial(_structure_field, field))
            for field in attrs.fields(cls)
        }
        make: Any = make_dict_structure_fn
        hook: Callable[[Mapping[str, Any], Any], Any] = make(
            cls, converter, _cattrs_forbid_extra_keys=True, **hooks
        )
        return hook

    converter.register_structure_hook_factory(attrs.has, hook_for)
    return converter


def _structure_field(field: "attrs.Attribute[Any]", value: Any, _annotation: object) -> Any:
    """Convert and check one field on its own, so that every problem of a mapping is found."""
    convert = _converter_of(field)
    if convert is not None:
        value = convert(value)
    return _settled(field, value)


class _Further(str):
    """A note on a `SettingsError` that can still be moved to another path."""

    __slots__ = ("path", "text")
    path: str
    text: str

    def __new__(cls, path: str, text: str) -> Self:
        note = super().__new__(cls, f"also {problem(path, text)}")
        note.path = path
        note.text = text
        return note


def _gathered(problems: list[tuple[str, str]]) -> SettingsError:
    """One error of (path, text) pairs: the first is raised, the others are notes."""
    error = problem(*problems[0])
    for path, text in problems[1:]:
        error.add_note(_Further(path, text))
    return error


def _problems(error: SettingsError, outer: str) -> list[tuple[str, str]]:
    notes = [note for note in getattr(error, "__notes__", []) if isinstance(note, _Further)]
    first = (error.path, str(error).removeprefix(f"{error.path}: "))
    pairs = [first, *((note.path, note.text) for note in notes)]
    return [(join(outer, path), text) for path, text in pairs]


def _group_problems(group: "ClassValidationError", cls: type, path: str) -> list[tuple[str, str]]:
    """What cattrs found, as (path, text); unknown names first, since they explain missing ones."""
    from cattrs.errors import ForbiddenExtraKeysError

    names = [field.name for field in attrs.fields(cast("Any", cls))]
    unknown: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    of_fields, of_whole = group.group_exceptions()
    for error, note in of_fields:
        if isinstance(error, SettingsError):
            others += _problems(error, path)
        else:  # the KeyError of a field that has no default
            others.append((join(path, note.name), "is required"))
    for error in of_whole:
        if isinstance(error, ForbiddenExtraKeysError):
            unknown += [
                (join(path, shown_name(key)), f"unknown setting; {nearest(key, names)}")
                for key in sorted(error.extra_fields, key=shown_name)
            ]
        elif isinstance(error, SettingsError):
            others += _problems(error, path)
        else:  # a validator of an attrs class that is not of settings
            others.append((path, str(error)))
    return unknown + others
