"""Checks of what agents, tools and servers are declared with. Each raises `UserError` that says
what would be right."""

import re
from collections.abc import Iterable
from typing import Any

from trio_realtime.errors import UserError

from .._util.did_you_mean import hint

# What the Realtime API accepts as the name of a function.
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def kind(value: object) -> str:
    """The type of ``value`` for a message; never the value, which may be a secret."""
    return "None" if value is None else type(value).__name__


def check_tool_name(name: object, option: str) -> str:
    """Return ``name`` if the Realtime API accepts it. ``option`` is the setting to change it."""
    if not isinstance(name, str):
        raise UserError(f"the name of a tool must be a str, got {kind(name)}")
    if not _TOOL_NAME.fullmatch(name):
        raise UserError(
            f"tool name {name[:80]!r} must be 1 to 64 ASCII letters, digits, '_' or '-'; "
            f"give another with {option}"
        )
    return name


def check_type(what: str, value: object, types: tuple[type, ...], expected: str) -> None:
    """Refuse a value that is not of one of ``types``. A bool does not count as a number."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise UserError(f"{what} must be {expected}, got {kind(value)}")


def check_function(what: str, value: object) -> None:
    if not callable(value):
        raise UserError(f"{what} must be callable, got {kind(value)}")


def check_flag(what: str, value: object) -> None:
    if not isinstance(value, bool) and not callable(value):
        raise UserError(f"{what} must be a bool or a function, got {kind(value)}")


def check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        listed = " or ".join(repr(choice) for choice in choices)
        raise UserError(f"{what} must be {listed}")


def check_list(what: str, value: object, types: tuple[type, ...], expected: str) -> list[Any]:
    """A new list of the entries of ``value``, each of one of ``types``."""
    if not isinstance(value, (list, tuple)):
        raise UserError(f"{what} must be a list, got {kind(value)}")
    entries: list[Any] = [*value]
    for index, entry in enumerate(entries):
        check_type(f"{what}[{index}]", entry, types, expected)
    return entries


def check_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{what}: two are named {name!r}; the model could not tell them apart")
        seen.add(name)


def function_name(function: object) -> str:
    """The name of a function; of a callable object, that of its class."""
    return getattr(function, "__name__", None) or type(function).__name__


def check_option(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse the name of an option that does not exist, with the nearest that does."""
    options = [*known]
    if name in options:
        return
    raise UserError(f"{what} has no option {name!r}{hint(name, options)}")
