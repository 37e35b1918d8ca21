"""Constraints on arguments, such as "more than 0": their keyword in a schema, and their check.

`annotation_notes` finds constraints in annotations, `tool_schema` writes them into schemas, and
`argument_values` checks the built Python values. A constraint that a schema has no keyword for is
refused when the tool is declared, since the model could not know of it. Pure.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sized
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Final, Literal, TypeAlias

import attrs

from trio_realtime.errors import UserError

from .declaration_checks import kind

Measured: TypeAlias = Literal["number", "string", "array", "object"]
"""What a constraint measures: the size of a number, or the length of a string, array or object."""


@attrs.frozen
class _Rule:
    """One kind of constraint."""

    keywords: Mapping[Measured, str]
    """The keyword of JSON Schema 2020-12, validation, section 6, by what is measured."""
    holds: Callable[[Any, Any], bool]
    """``(value, bound)`` -> whether the value satisfies the constraint."""
    words: str
    """What would be right, in words, with ``{}`` for the bound."""


def _is_multiple(value: Any, step: Any) -> bool:
    """Whether ``value`` is a multiple of ``step``, as both are written in decimal digits."""
    if isinstance(value, Decimal):
        return value % Decimal(str(step)) == 0
    return Fraction(str(value)) % Fraction(str(step)) == 0


def _matches(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None


_LOWEST: Final[dict[Measured, str]] = {
    "string": "minLength",
    "array": "minItems",
    "object": "minProperties",
}
_HIGHEST: Final[dict[Measured, str]] = {
    "string": "maxLength",
    "array": "maxItems",
    "object": "maxProperties",
}
_RULES: Final[dict[str, _Rule]] = {
    "gt": _Rule({"number": "exclusiveMinimum"}, operator.gt, "more than {}"),
    "ge": _Rule({"number": "minimum"}, operator.ge, "at least {}"),
    "lt": _Rule({"number": "exclusiveMaximum"}, operator.lt, "less than {}"),
    "le": _Rule({"number": "maximum"}, operator.le, "at most {}"),
    "multiple_of": _Rule({"number": "multipleOf"}, _is_multiple, "a multiple of {}"),
    "min_length": _Rule(_LOWEST, lambda value, bound: len(value) >= bound, "at least {}"),
    "max_length": _Rule(_HIGHEST, lambda value, bound: len(value) <= bound, "at most {}"),
    "pattern": _Rule({"string": "pattern"}, _matches, "text that matches {}"),
}

CONSTRAINT_NAMES: Final = frozenset(_RULES)
"""The names that pydantic, annotated_types and msgspec agree on."""


@attrs.frozen
class Constraint:
    """One constraint with its bound. Made by `constraint`, which checks the bound."""

    name: str
    bound: Any

    def keyword(self, measured: Measured | None) -> str | None:
        """The keyword for it in a schema; None if there is none for such values."""
        return None if measured is None else _RULES[self.name].keywords.get(measured)

    def holds(self, value: Any) -> bool:
        """Return True if a value that was built for the annotation satisfies the constraint."""
        try:
            return _RULES[self.name].holds(value, self.bound)
        except InvalidOperation:  # a Decimal that is no number, or too large to be divided
            return False

    def expected(self, value: object) -> str:
        """Say in words for the model what would be right in place of ``value``."""
        bound = json.dumps(self.bound)
        unit = ""
        if self.name.endswith("_length") and isinstance(value, Sized):
            unit = " characters" if isinstance(value, str) else " items"
        return f"expected {_RULES[self.name].words.format(bound)}{unit}"


def constraint(name: str, bound: Any, where: str) -> Constraint:
    """Make the constraint of this name, which is one of `CONSTRAINT_NAMES`.

    Raises `UserError`, starting with ``where``, for a bound of the wrong type.
    """
    if name == "pattern":
        return Constraint(name, _pattern(bound, where))
    if name.endswith("_length"):
        length = _number(bound)
        if not isinstance(length, int) or length < 0:
            raise UserError(f"{where}: {name} must be an int of 0 or more, got {kind(bound)}")
        return Constraint(name, length)
    number = _number(bound)
    if number is None:
        raise UserError(f"{where}: {name} must be a finite number, got {kind(bound)}")
    if name == "multiple_of" and number <= 0:
        raise UserError(f"{where}: multiple_of must be more than 0")
    return Constraint(name, number)


def _number(bound: Any) -> int | float | None:
    """A bound as a number that JSON can represent, or None."""
    if isinstance(bound, bool) or not isinstance(bound, Real | Decimal):
        return None
    if isinstance(bound, Integral):
        return int(bound)
    try:
        number = float(bound)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _pattern(bound: Any, where: str) -> str:
    """The text of a regular expression, which has to be one of Python's ``re``, since that checks
    the values."""
    text: Any = getattr(bound, "pattern", bound)
    if not isinstance(text, str):
        raise UserError(f"{where}: pattern must be a regular expression, got {kind(bound)}")
    try:
        plain = re.compile(text)
    except (re.error, RecursionError, OverflowError) as exc:
        raise UserError(f"{where}: pattern is not a regular expression of Python's: {exc}") from exc
    if getattr(bound, "flags", plain.flags) != plain.flags:
        raise UserError(f"{where}: pattern has flags, which a schema cannot say")
    return text
