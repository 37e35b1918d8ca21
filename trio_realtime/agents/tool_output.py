"""Writes what a tool returned as the text that the model gets.

Text goes as it is; anything else as JSON, written the way ``json.dumps`` writes it but with
characters beyond ASCII as they are. Known are attrs and data classes at any depth (their private
fields, named ``_...``, are left out), pydantic models, enums, mappings, sequences and sets, paths,
and what msgspec writes: dates and times, `decimal.Decimal`, `uuid.UUID`, bytes (base64), structs.
NaN and the infinities, which JSON does not have, become null. Any other object raises `TypeError`:
its Python repr would tell the model nothing.

The class of an object decides and not an annotation, so that a subclass in a field keeps all its
fields. Used by the tool calls of a session, by handoffs and, for defaults, by `tool_schema`. Pure.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from typing import Any

import attrs
import msgspec


def tool_output(value: object) -> str:
    """Return the text to send for what a tool returned; for None it is ``"null"``.

    Lone surrogates, which UTF-8 does not have, become U+FFFD.

    Raises `TypeError` for an object that cannot be written as JSON, and for one that contains
    itself.
    """
    if isinstance(value, Enum):
        value = value.value
    text = value if isinstance(value, str) else json.dumps(jsonable(value), ensure_ascii=False)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def jsonable(value: object) -> Any:
    """Return ``value`` in the types that ``json.loads`` returns. Raises `TypeError` as
    `tool_output`."""
    try:
        return json.loads(json.dumps(_plain(value)), parse_constant=_null)
    except RecursionError:
        raise TypeError("the value refers to itself, or is nested too deeply") from None
    except TypeError as exc:
        raise TypeError(f"{type(value).__name__} cannot be written as JSON: {exc}") from None


def _plain(value: Any) -> Any:
    """Return ``value`` in the types of `json`. Raises `RecursionError` if it contains itself."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, str | int | float):
        return value
    names = _field_names(value)
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names if not name.startswith("_")}
    if issubclass(type(value), Mapping):
        return {_key(key): _plain(entry) for key, entry in value.items()}
    if issubclass(type(value), Sequence | AbstractSet) and not isinstance(value, _BYTES):
        return [_plain(entry) for entry in value]
    return _leaf(value)


_BYTES = (bytes, bytearray, memoryview)


def _field_names(value: Any) -> list[str] | None:
    """The names of an object's fields, in order; None if its class is no attrs or data class."""
    cls: type[Any] = value.__class__
    if attrs.has(cls):
        return [field.name for field in attrs.fields(cls)]
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    return None


def _leaf(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json")
    return msgspec.to_builtins(value, enc_hook=_refuse)


def _key(key: object) -> str | int | float:
    plain = _plain(key)
    if isinstance(plain, str | int | float):
        return plain
    raise TypeError(f"a key of an object cannot be of type {type(key).__name__}")


def _refuse(value: Any) -> Any:
    raise TypeError(f"values of type {type(value).__name__} are not data")


def _null(constant: str) -> None:
    """Replace NaN, Infinity and -Infinity by null."""
    del constant
