"""A small language for the shapes of client events, with the API's wording of what is wrong.

:mod:`.schema` writes the protocol in it. A check is a function of a value and the path to it,
such as ``session.tools[0].name``; it returns nothing and raises :class:`ApiError` with that path
as ``param``. Nothing here knows any particular event.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from trio_realtime.testing.simulator.api_errors import ApiError

Check = Callable[[Any, str], None]


def anything(_value: Any, _path: str) -> None:
    """Any JSON value."""


def text(*, longest: int | None = None, pattern: str | None = None) -> Check:
    """A string of at most ``longest`` characters that matches all of ``pattern``."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string", value)
        if longest is not None and len(value) > longest:
            raise ApiError(
                f"Invalid '{path}': string too long. Expected a string with maximum length"
                f" {longest}, but got a string with length {len(value)} instead.",
                code="string_above_max_length",
                param=path,
            )
        if pattern is not None and not re.fullmatch(pattern, value):
            raise ApiError(
                f"Invalid '{path}': string does not match pattern. Expected a string that matches"
                f" the pattern '^{pattern}$'.",
                code="invalid_value",
                param=path,
            )

    return check


def boolean(value: Any, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong_type(path, "a boolean", value)


def integer(*, minimum: int | None = None, maximum: int | None = None) -> Check:
    """A whole number between the bounds, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(path, "an integer", value)
        _check_bounds(value, path, "integer", minimum, maximum)

    return check


def number(*, minimum: float, maximum: float) -> Check:
    """A finite number between the bounds, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise _wrong_type(path, "a decimal", value)
        _check_bounds(value, path, "decimal", minimum, maximum)

    return check


def one_of(*supported: str) -> Check:
    """One of these strings."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise _wrong_type(path, f"one of {_listed(supported)}", value)
        if value not in supported:
            raise unsupported(value, path, supported)

    return check


def array(element: Check, *, most: int | None = None) -> Check:
    """A list of at most ``most`` elements of one shape."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise _wrong_type(path, "an array", value)
        if most is not None and len(value) > most:  # pyright: ignore[reportUnknownArgumentType]
            raise ApiError(
                f"Invalid '{path}': array too long. Expected an array with maximum length {most}.",
                code="array_above_max_length",
                param=path,
            )
        for index, entry in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            element(entry, f"{path}[{index}]")

    return check


def table(values: Check, *, most: int | None = None, longest_key: int | None = None) -> Check:
    """An object with any keys, and values of one shape."""

    def check(value: Any, path: str) -> None:
        entries = as_object(value, path)
        if most is not None and len(entries) > most:
            raise ApiError(
                f"Invalid '{path}': too many properties. Expected at most {most}.",
                code="object_above_max_properties",
                param=path,
            )
        for key, entry in entries.items():
            text(longest=longest_key)(key, f"{path}.{key}")
            values(entry, f"{path}.{key}")

    return check


def record(
    fields: Mapping[str, Check], *, required: tuple[str, ...] = (), nulls: bool = False
) -> Check:
    """An object with these fields and no others.

    With ``nulls``, fields that are not required may be null, which is as good as absent.
    """
    if nulls:
        fields = {
            name: each if name in required else nullable(each) for name, each in fields.items()
        }

    def check(value: Any, path: str) -> None:
        entries = as_object(value, path)
        for name in entries:
            if name not in fields:
                at = join(path, name)
                raise ApiError(f"Unknown parameter: '{at}'.", code="unknown_parameter", param=at)
        for name in required:
            if name not in entries:
                raise missing(join(path, name))
        for name, entry in entries.items():
            fields[name](entry, join(path, name))

    return check


def tagged(
    variants: Mapping[str, Check], *, key: str = "type", shown: tuple[str, ...] | None = None
) -> Check:
    """An object whose ``key`` says which of the shapes it has.

    ``shown`` are the words that the error about any other names; by default all that there are.
    """
    supported = tuple(variants)

    def check(value: Any, path: str) -> None:
        entries = as_object(value, path)
        if key not in entries:
            raise missing(join(path, key))
        kind = entries[key]
        if not isinstance(kind, str) or kind not in variants:
            one_of(*(shown or supported))(kind, join(path, key))
        variants[kind](value, path)

    return check


def nullable(check: Check) -> Check:
    """Null, or the given shape."""

    def check_unless_null(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return check_unless_null


def either(kind: type, check: Check, otherwise: Check) -> Check:
    """One shape for values of this Python type, another for all others."""

    def check_either(value: Any, path: str) -> None:
        (check if isinstance(value, kind) else otherwise)(value, path)

    return check_either


def as_object(value: Any, path: str) -> dict[str, Any]:
    """The value if it is a JSON object; otherwise the API's error."""
    if not isinstance(value, dict):
        raise _wrong_type(path, "an object", value)
    return value  # pyright: ignore[reportUnknownVariableType] - keys of JSON objects are strings


def join(path: str, name: str) -> str:
    """The path of a field."""
    return f"{path}.{name}" if path else name


def missing(path: str) -> ApiError:
    """The error for an absent field."""
    return ApiError(
        f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path
    )


def unsupported(value: str, path: str, supported: tuple[str, ...]) -> ApiError:
    """The error for a word that is not on the list."""
    return ApiError(
        f"Invalid value: '{value}'. Supported values are: {_listed(supported)}.",
        code="invalid_value",
        param=path,
    )


def _check_bounds(
    value: float, path: str, kind: str, minimum: float | None, maximum: float | None
) -> None:
    if minimum is not None and value < minimum:
        side, sign, bound = ("below", "min"), ">=", minimum
    elif maximum is not None and value > maximum:
        side, sign, bound = ("above", "max"), "<=", maximum
    else:
        return
    raise ApiError(
        f"Invalid '{path}': {kind} {side[0]} {side[1]}imum value."
        f" Expected a value {sign} {bound}, but got {value} instead.",
        code=f"{kind}_{side[0]}_{side[1]}_value",
        param=path,
    )


def _wrong_type(path: str, expected: str, value: Any) -> ApiError:
    return ApiError(
        f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead.",
        code="invalid_type",
        param=path or None,
    )


def _kind(value: Any) -> str:
    kinds = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (float, "a decimal"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
