"""Events made from frames whose fields are not what they should be.

`decode` comes here with what its strict decoder refused. A value of a wrong type is taken for what
it obviously means (a code that is a number, a count that is text, content that is one string), or
else the field counts as missing. Only a field that its class requires can cost the event; which
those are, the classes of `server_events` say and nothing else.
"""

import base64
import json
import math
import types
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import UnsetType

from .lenient_json import sound_text
from .objects import (
    WireAudioFormat,
    WireError,
    WireMcpError,
    WirePart,
    WireStatusError,
    WireTurnDetection,
)

T = TypeVar("T", bound=msgspec.Struct)
Reader: TypeAlias = Callable[[object, str], Any]
"""Takes a value and its place in the frame; returns it as its field wants it, or raises
`MisfitError`."""

TEXT_STANDS_FOR: Final[Mapping[type[Any], str]] = types.MappingProxyType(
    {
        WirePart: "text",
        WireError: "message",
        WireStatusError: "message",
        WireMcpError: "message",
        WireAudioFormat: "type",
        WireTurnDetection: "type",
    }
)
"""Objects that some servers abbreviate as a string, and the field that the string is."""

JSON_TEXT: Final = frozenset({"arguments", "output", "message"})
"""Text fields where an object or an array is as good: its JSON is the text."""

PIECES: Final = frozenset({"delta"})
"""Text fields that continue in the next event, so that half a character may stay at their ends."""


class MisfitError(ValueError):
    """A value that cannot be used. The message says where it is and repeats nothing of it."""


def salvage(cls: type[T], data: Mapping[str, Any]) -> T:
    """Make an event or object of ``cls`` from what can be understood of ``data``.

    Raises `MisfitError` if a required field is missing or cannot be understood.
    """
    return cast("T", _read_struct(cls, data, "$"))


def error_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The ``error`` object of an error event in whatever form it is there: an object, a string, or
    fields that stand in the event itself."""
    given: object = data.get("error")
    beside = {name: data[name] for name in ("message", "code", "param") if name in data}
    found: dict[str, Any]
    if isinstance(given, dict):
        found = cast("dict[str, Any]", given)
    elif isinstance(given, list) and given:
        found = {"message": given}
    else:
        found = {} if given is None else {"message": given}
    for words in (found.get("message"), found.get("detail"), *map(data.get, ("message", "detail"))):
        if words:
            return {**beside, **found, "message": words}
    return {**beside, **found, "message": ""}


def _read_struct(cls: type[Any], value: object, place: str) -> Any:
    if isinstance(value, str) and cls in TEXT_STANDS_FOR:
        value = {TEXT_STANDS_FOR[cls]: value}
    if not isinstance(value, dict):
        raise MisfitError(f"Expected an object - at `{place}`")
    given = cast("dict[str, object]", value)
    fields: dict[str, Any] = {}
    for name, required, read in _fields(cast("Hashable", cls)):
        if name not in given:
            if required:
                raise MisfitError(f"Object missing required field `{name}`{_at(place)}")
            continue
        try:
            fields[name] = read(given[name], f"{place}.{name}")
        except MisfitError:
            if required:
                raise
    return cls(**fields)


def _at(place: str) -> str:
    return "" if place == "$" else f" - at `{place}`"


@cache
def _fields(cls: Any) -> tuple[tuple[str, bool, Reader], ...]:
    return tuple(
        (field.name, field.required, _reader(field.type, field.name))
        for field in msgspec.structs.fields(cls)
    )


def _reader(kind: Any, name: str) -> Reader:
    """How a field of this name and annotation is read."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _reader(inner[0], name)
    if origin in {Union, types.UnionType}:
        rest = [each for each in inner if each not in {types.NoneType, UnsetType}]
        read = _reader(rest[0], name)
        return _or_none(read) if types.NoneType in inner else read
    if origin is tuple:
        return _many(_reader(inner[0], name))
    if kind is str:
        return _text_reader(name)
    return _READERS.get(kind) or (lambda value, place: _read_struct(kind, value, place))


def _or_none(read: Reader) -> Reader:
    return lambda value, place: None if value is None else read(value, place)


def _many(read: Reader) -> Reader:
    """A sequence; members that cannot be understood are left out, and one alone is a sequence."""

    def read_all(value: object, place: str) -> tuple[Any, ...]:
        found: list[Any] = []
        members = cast("list[object]", value) if isinstance(value, list) else [value]
        for index, member in enumerate(members):
            try:
                found.append(read(member, f"{place}[{index}]"))
            except MisfitError:
                if not isinstance(value, list):
                    raise
        return tuple(found)

    return read_all


def _pairs(value: object, place: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MisfitError(f"Expected an object - at `{place}`")
    pairs = cast("dict[str, object]", value)
    return {
        sound_text(name): sound_text(text) for name, text in pairs.items() if isinstance(text, str)
    }


def _text_reader(name: str) -> Reader:
    if name in PIECES:
        return lambda value, place: value if isinstance(value, str) else _text(value, place)
    if name in JSON_TEXT:
        return lambda value, place: (
            json.dumps(value) if isinstance(value, dict | list) else _text(value, place)
        )
    return _text


def _text(value: object, place: str) -> str:
    if isinstance(value, str):
        return sound_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise MisfitError(f"Expected a string - at `{place}`")


def _number(value: object, place: str) -> float:
    """Any number, also one in quotes."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise MisfitError(f"Expected a number - at `{place}`")
    return number


def _integer(value: object, place: str) -> int:
    """Whole numbers; of others the whole part, which is near enough for counts and positions."""
    number = int(_number(value, place))
    if isinstance(value, int):
        number = int(value)  # which may have more digits than a float keeps
    if not -(2**63) <= number < 2**63:
        raise MisfitError(f"Expected a 64-bit integer - at `{place}`")
    return number


def _boolean(value: object, place: str) -> bool:
    if isinstance(value, bool):
        return value
    raise MisfitError(f"Expected a boolean - at `{place}`")


def _audio(value: object, place: str) -> bytes:
    """Base64 of either alphabet, with or without padding and line breaks."""
    if isinstance(value, str) and value.isascii():
        compact = "".join(value.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
        try:
            return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
        except ValueError:
            pass
    raise MisfitError(f"Invalid base64 encoded string - at `{place}`")


_READERS: Final[dict[Any, Reader]] = {
    Any: lambda value, _place: value,
    dict[str, str]: _pairs,
    int: _integer,
    float: _number,
    bool: _boolean,
    bytes: _audio,
}
