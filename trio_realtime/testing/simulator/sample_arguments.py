"""Arguments that fit a function's schema, for calls that nobody has written. Pure.

The values mean nothing; they only have the types that the schema asks for, so that a function of
the client's can be run with them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_DEEPEST: Final = 8
"""Levels of a schema that are followed; one that refers to itself has no end."""

_SCALARS: Final[Mapping[str, Any]] = {
    "string": "example",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}


def sample_arguments(parameters: object) -> dict[str, Any]:
    """An object with every property that these ``parameters`` of a function require."""
    schema = _mapping(parameters)
    sample = _sample(schema, _mapping(schema.get("$defs")), _DEEPEST)
    return cast("dict[str, Any]", sample) if isinstance(sample, dict) else {}


def _sample(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    if depth == 0:
        return None
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if listed := _sequence(schema.get("enum")):
        return listed[0]
    if isinstance(reference := schema.get("$ref"), str):
        named = _mapping(definitions.get(reference.rpartition("/")[2]))
        return _sample(named, definitions, depth - 1)
    for union in ("anyOf", "oneOf", "allOf"):
        if members := _sequence(schema.get(union)):
            return _sample(_mapping(members[0]), definitions, depth - 1)
    return _of_type(schema, definitions, depth)


def _of_type(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    types = _sequence(schema.get("type")) or [schema.get("type", "object")]
    if types[0] == "array":
        count = schema.get("minItems", 0)
        item = _mapping(schema.get("items"))
        return [_sample(item, definitions, depth - 1) for _ in range(count)]
    if types[0] != "object":
        low = schema.get("minimum")
        return _SCALARS.get(types[0]) if low is None else low
    properties = _mapping(schema.get("properties"))
    return {
        name: _sample(_mapping(properties.get(name)), definitions, depth - 1)
        for name in _sequence(schema.get("required"))
    }


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()
