"""Checks a value that the model sent against the schema that the model was given.

`misfits` does not coerce: ``"3"``, ``3.0`` and ``true`` are not integers. It understands
the keywords that decide the shape of a value and that `tool_schema` and pydantic write: type,
enum, const, properties, required, additionalProperties, items, prefixItems, anyOf, allOf and
references into ``$defs``. Formats and constraints are checked later, on the Python values.

It finds every problem and not only the first. Each says where it is and what would be right there,
and none repeats a value. Pure; called by `tool_arguments`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from .._util.did_you_mean import MAX_NAME, hint

Problem: TypeAlias = tuple[str, str]
"""Where, as in ``arguments.address.zip_code``, and what would be right."""


def misfits(
    value: Any, schema: Mapping[str, Any], path: str, *, defs: Mapping[str, Any], closed: bool
) -> list[Problem]:
    """What does not fit, empty if all does.

    ``value`` is what ``json.loads`` returned. ``closed``: names that an object's ``properties`` do
    not list are wrong, unless its schema allows them expressly.

    Raises `RecursionError` for a value nested deeper than Python's stack.
    """
    return [*_Check(defs, closed).problems(value, schema, path)]


class _Check:
    def __init__(self, defs: Mapping[str, Any], closed: bool) -> None:
        self.defs = defs
        self.closed = closed

    def problems(self, value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Problem]:
        schema = self._resolve(schema)
        for part in schema.get("allOf", ()):
            yield from self.problems(value, part, path)
        if "anyOf" in schema:
            yield from self._any_of(value, self._forms(schema), path)
        elif not _is_of_type(value, schema) or not _is_chosen(value, schema):
            yield path, f"expected {_expected(schema)}, got {_json_type(value)}"
        elif _json_type(value) == "number" and value in (
            math.inf,
            -math.inf,
        ):  # of JSON such as 1e999
            yield path, "expected a finite number"
        elif _json_type(value) == "object":
            yield from self._object(value, schema, path)
        elif _json_type(value) == "array":
            yield from self._array(value, schema, path)

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self.defs[schema["$ref"].rpartition("/")[2]]
        return schema

    def _forms(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The alternatives of a schema, with those of nested alternatives in their place."""
        schema = self._resolve(schema)
        if "anyOf" not in schema:
            return [schema]
        return [form for choice in schema["anyOf"] for form in self._forms(choice)]

    def _any_of(self, value: Any, choices: list[Mapping[str, Any]], path: str) -> Iterator[Problem]:
        near = [choice for choice in choices if _is_of_type(value, choice)]
        if near:  # report the problems of the choice that was most likely meant
            yield from min(([*self.problems(value, s, path)] for s in near), key=len)
        else:
            names = " or ".join(dict.fromkeys(_expected(choice) for choice in choices))
            yield path, f"expected {names}, got {_json_type(value)}"

    def _object(
        self, value: dict[str, Any], schema: Mapping[str, Any], path: str
    ) -> Iterator[Problem]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path}.{name}", "missing"
        extra = schema.get("additionalProperties", not (self.closed and "properties" in schema))
        for name, entry in value.items():
            if name in properties:
                yield from self.problems(entry, properties[name], f"{path}.{name}")
            elif extra is False:
                yield path, _unknown(name, properties)
            elif isinstance(extra, Mapping):
                inner = cast("Mapping[str, Any]", extra)
                yield from self.problems(entry, inner, f"{path}[{json.dumps(name[:MAX_NAME])}]")

    def _array(self, value: list[Any], schema: Mapping[str, Any], path: str) -> Iterator[Problem]:
        items: Any = schema.get("items", {})
        if "prefixItems" in schema:
            entries = schema["prefixItems"]
            if len(value) != len(entries):
                yield path, f"expected {len(entries)} items, got {len(value)}"
                return
        else:
            entries = [items] * len(value)
        for index, (entry, entry_schema) in enumerate(zip(value, entries, strict=True)):
            yield from self.problems(entry, entry_schema, f"{path}[{index}]")


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"there is no {name[:MAX_NAME]!r}{hint(name, known)}"


def _json_type(value: Any) -> str:
    """The name JSON Schema has for the type of a value; an integer is called a number."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _is_of_type(value: Any, schema: Mapping[str, Any]) -> bool:
    wanted = _types(schema)
    if not wanted:
        return True
    kind = _json_type(value)
    return kind in wanted or ("integer" in wanted and type(value) is int)


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _is_chosen(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value is among those listed, if any are. True does not count as 1."""
    choices = _choices(schema)
    return not choices or any(type(value) is type(c) and value == c for c in choices)


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _expected(schema: Mapping[str, Any]) -> str:
    if choices := _choices(schema):
        return "one of " + ", ".join(json.dumps(choice) for choice in choices)
    return " or ".join(_types(schema))
