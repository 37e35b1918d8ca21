"""Checks one value against a type annotation, strictly, and says plainly what is wrong.

`settings_base` calls `check` for every field of every settings object, and the converters of the
settings classes call `check_keys` for the small mappings that have no class of their own. Pure; no
rule about a particular setting belongs here.

A value has its type or is refused: ``"3"`` is not an int, ``True`` is not an int, an int does for a
float, NaN and infinity are not numbers. No message holds a value that could be a user's text or a
secret: for a wrong type it names the type, and for a wrong choice the choice if it is short.
"""

import enum
import math
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeGuard,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import attrs

from ..errors import SettingsError
from .did_you_mean import closest, hint

T = TypeVar("T")

_MAX_QUOTED = 40
"""Characters. A longer string is no misspelt choice, and may be a secret put in the wrong place."""

_DEEPEST: Final = 64
"""Levels of lists and mappings in free JSON; far more than anybody writes by hand."""

_LEAST_INT: Final = -(2**63)
_GREATEST_INT: Final = 2**64 - 1
"""The ints that the encoder of the wire takes."""


class Unset(enum.Enum):
    """The type of `UNSET`, an enum of one member so that type checkers narrow ``is UNSET``."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""A setting that was not given and is not sent. ``None`` is another thing: it is sent as null."""


@attrs.frozen
class Between:
    """Bounds of a number, both included, written as ``Annotated[float, Between(0, 1)]``."""

    low: float
    high: float | None = None

    def describe(self) -> str:
        if self.high is None:
            return f" of at least {self.low:g}"
        return f" from {self.low:g} to {self.high:g}"

    def admits(self, value: float) -> bool:
        return value >= self.low and (self.high is None or value <= self.high)


Seconds: TypeAlias = Annotated[float, Between(0)]
"""A length of time in seconds, not negative."""
PositiveSeconds: TypeAlias = Annotated[float, Between(0.001)]
"""A length of time in seconds, of a millisecond at least."""


class Json:
    """Marks ``Annotated[Any, Json]``: only what JSON can say, down to the leaves."""


def problem(path: str, text: str) -> SettingsError:
    """The error that says ``text`` of the setting at ``path``, both in the message."""
    return SettingsError(f"{path}: {text}" if path else text, path=path)


def join(outer: str, inner: str) -> str:
    """One path of two; either may be empty, and an index needs no dot."""
    dot = "." if outer and inner and not inner.startswith("[") else ""
    return f"{outer}{dot}{inner}"


def nearest(name: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest of ``known``, or all."""
    options = [*known]
    close = closest(name, options)
    return f"did you mean {close!r}?" if close else "expected one of " + ", ".join(options)


def shown_name(name: object) -> str:
    """An unknown name as part of a path; for what is not a string, its type."""
    if not isinstance(name, str):
        return f"({type(name).__name__})"
    return name if len(name) <= _MAX_QUOTED else f"{name[:_MAX_QUOTED]}..."


def entries(value: Mapping[Any, Any], path: str) -> Iterator[tuple[Any, Any]]:
    """The items of an application's mapping. What it raises is a `SettingsError` at ``path``."""
    return elements(value.items(), path)


def elements(values: Iterable[T], path: str) -> Iterator[T]:
    """What an application's collection holds. What it raises is a `SettingsError` at ``path``."""
    try:
        yield from values
    except Exception as exc:  # an object of the application's own may raise anything
        raise problem(path, f"cannot be read: it raised {type(exc).__name__}") from exc


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Whether somebody means a list by it: any sequence but text and bytes in their forms."""
    return isinstance(value, Sequence) and not isinstance(
        value, str | bytes | bytearray | memoryview
    )


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _is_kind(annotation: Any, value: object) -> bool:
    """Whether a value is of this member of a union, by its outermost type alone."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_kind(get_args(annotation)[0], value)
    if origin is Literal:
        return any(type(value) is type(it) and value == it for it in get_args(annotation))
    kind: Any = origin or annotation
    if kind is Any:
        return True
    if kind in (int, float):
        numbers = int if kind is int else int | float
        return isinstance(value, numbers) and not isinstance(value, bool)
    if issubclass(kind, Collection) and not issubclass(kind, str | Mapping):
        return isinstance(value, kind) and not isinstance(
            value, str | bytes | bytearray | memoryview | Mapping
        )
    return isinstance(value, kind)


def _describe(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, constraint = get_args(annotation)
        return _describe(inner) + (constraint.describe() if isinstance(constraint, Between) else "")
    if origin is Literal:
        return " or ".join(repr(option) for option in get_args(annotation))
    kind = origin or annotation
    names: dict[Any, str] = {
        str: "a string",
        bool: "True or False",
        int: "an int",
        float: "a number",
        Mapping: "a mapping",
        Callable: "a callable",
    }
    if kind in names:
        return names[kind]
    if hasattr(kind, "key_aliases"):  # a settings class, for which a mapping does
        return f"{kind.__name__} or a mapping"
    return f"a {kind.__name__.lower()}" if issubclass(kind, Collection) else str(kind.__name__)


def _expected(annotation: Any) -> str:
    described = [_describe(m) for m in members(annotation) if m not in (Unset, types.NoneType)]
    if types.NoneType in members(annotation):
        described.append("None")
    return "expected " + " or ".join(described)


def _misfit(annotation: Any, value: object, path: str) -> SettingsError:
    """The error for a value that is of none of the annotation's members."""
    options = [
        option
        for member in members(annotation)
        if get_origin(member) is Literal
        for option in get_args(member)
    ]
    if isinstance(value, str) and options and len(value) <= _MAX_QUOTED:
        text = f"{_expected(annotation)}, got {value!r}"
        return problem(path, text + hint(value, options))
    text = f"{_expected(annotation)}, got {type(value).__name__}"
    if callable(value):  # perhaps the function to make such an object of
        decorators = [getattr(member, "decorator", "") for member in members(annotation)]
        text += "".join(f"; put @{name} over the function" for name in decorators if name)
    return problem(path, text)


def check(annotation: Any, value: object, path: str = "") -> None:
    """Raise `SettingsError` unless ``value`` is what ``annotation`` says, without coercing it.

    Understands what settings are annotated with: plain types, ``Literal``, unions, sequences,
    collections, mappings with string keys, callables, and ``Annotated`` with `Between` or `Json`.
    """
    if annotation is bool and isinstance(value, bool):
        return  # asked for each piece of a user's audio
    for member in members(annotation):
        if _is_kind(member, value):
            _check_inside(member, value, path)
            return
    raise _misfit(annotation, value, path)


def _check_inside(member: Any, value: Any, path: str) -> None:
    origin = get_origin(member)
    if origin is Annotated:
        inner, constraint = get_args(member)
        _check_inside(inner, value, path)
        if constraint is Json:
            _check_json(value, path, _DEEPEST)
        elif not constraint.admits(value):
            raise problem(path, f"expected {_describe(member)}, got {value!r}")
    elif member is float or member is int:
        _check_number(value, path)
    elif member is str:
        _check_text(value, path)
    elif origin is Mapping:
        for key, entry in entries(value, path):
            check(str, key, path)
            check(get_args(member)[1], entry, join(path, shown_name(key)))
    elif isinstance(origin, type) and issubclass(origin, Collection):
        for index, entry in enumerate(elements(value, path)):
            check(get_args(member)[0], entry, f"{path}[{index}]")


def _check_number(value: float, path: str) -> None:
    """Refuse a number that cannot be sent: JSON has no infinities, its readers no larger ints."""
    if isinstance(value, int) and not _LEAST_INT <= value <= _GREATEST_INT:
        raise problem(path, "expected an int of at most 64 bits, got a larger one")
    if not math.isfinite(value):
        raise problem(path, f"expected a finite number, got {value!r}")


def _check_text(value: str, path: str) -> None:
    """Refuse text that cannot be sent: half of a character that takes two UTF-16 units."""
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        raise problem(path, "expected text, got an unpaired surrogate in it") from None


def _check_json(value: Any, path: str, depth: int) -> None:
    if depth == 0:
        raise problem(path, f"nested too deeply; at most {_DEEPEST} levels can be sent")
    if isinstance(value, Mapping):
        for key, entry in entries(cast("Mapping[Any, object]", value), path):
            check(str, key, path)
            _check_json(entry, join(path, shown_name(key)), depth - 1)
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(cast("Sequence[object]", value)):
            _check_json(entry, f"{path}[{index}]", depth - 1)
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int | float):
        _check_number(value, path)
    elif value is not None:
        raise problem(path, f"expected a JSON value, got {type(value).__name__}")


def check_keys(
    value: Mapping[str, Any],
    required: Mapping[str, Any],
    optional: Mapping[str, Any],
    path: str = "",
) -> None:
    """Check a small mapping that has no class of its own; both tables are key -> annotation."""
    known = {**required, **optional}
    for key, _ in entries(value, path):
        if not isinstance(key, str) or key not in known:
            raise problem(join(path, shown_name(key)), f"unknown setting; {nearest(key, known)}")
    for key in required:
        if key not in value:
            raise problem(join(path, key), "is required")
    for key, entry in entries(value, path):
        check(known[key], entry, join(path, key))
