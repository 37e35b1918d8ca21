"""JSON Schemas of Python types: what the model is told about the parameters of a tool.

`SchemaWriter` turns annotations into a schema, and `strict_schema` turns a schema into the form in
which every property is required and no other is allowed. Both work on types alone; functions are
read by `tool_signature`. A type that cannot become a schema is a `UserError` naming the
place and the reason, and so is a constraint that cannot (`annotation_notes`, `constraints`).

What the model sends is checked against the schema made here (`tool_arguments`), so the two cannot
disagree. A class used in several places is written out in each; only one that contains itself
goes to ``$defs``. Titles are left out: they cost tokens and repeat the names.

The code is our own because msgspec's schemas, tried first, have no unions of two classes or of two
kinds of string, no format for a naive ``datetime`` and no descriptions inside classes, and they
list fields that ``__init__`` does not take.
"""

import types
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from collections.abc import (
    Set as AbstractSet,
)
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin
from uuid import UUID

from trio_realtime.errors import UserError

from .annotation_notes import UNDEFINED, is_union, read_notes, unwrap
from .class_fields import ClassField, class_fields
from .constraints import Constraint, Measured
from .docstrings import parse_docstring
from .self_describing import describes_itself, own_schema
from .tool_output import jsonable

JsonSchema: TypeAlias = dict[str, Any]

# "format" as in JSON Schema 2020-12, validation, section 7.3; "decimal" and "path" are our own,
# which readers that do not know them ignore.
_LEAVES: Final[dict[Any, JsonSchema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    None: {"type": "null"},
    types.NoneType: {"type": "null"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "string", "format": "duration"},
    UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": "string", "format": "decimal"},
    Path: {"type": "string", "format": "path"},
}
_JSON_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    types.NoneType: "null",
}
_LISTS: Final = (list, Sequence, MutableSequence)
_SETS: Final = (set, frozenset, AbstractSet)
_MAPPINGS: Final = (dict, Mapping, MutableMapping)


class SchemaWriter:
    """Writes the schemas of one tool; ``defs`` collects the classes that contain themselves.

    With ``strict`` it refuses what a strict schema cannot say: mappings with free keys and values
    of any type. In either case it writes the loose form, in which only what has no default is
    required.
    """

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.defs: dict[str, JsonSchema] = {}
        self._open: list[type] = []
        self._recursive: dict[type, str] = {}

    def write(self, annotation: Any, where: str) -> JsonSchema:
        """The schema of a type. ``where`` names the place in a `UserError`."""
        return self._write(annotation, where, ())

    def write_object(self, fields: Iterable[ClassField], where: str) -> JsonSchema:
        """The schema of an object with these fields."""
        properties: dict[str, JsonSchema] = {}
        required: list[str] = []
        for field in fields:
            schema = self.write(field.annotation, f"{where}.{field.name}" if where else field.name)
            if field.description:
                schema = {**schema, "description": field.description}
            if field.required:
                required.append(field.name)
            elif field.default is not UNDEFINED:
                schema = {**schema, **_default(field.default)}
            properties[field.name] = schema
        result: JsonSchema = {"type": "object", "properties": properties}
        return {**result, "required": required} if required else result

    def root(self, schema: JsonSchema) -> JsonSchema:
        """``schema`` as a document: with its definitions, and no reference at the top."""
        if ref := schema.get("$ref"):
            schema = self.defs[ref.rpartition("/")[2]]
        return {**schema, "$defs": self.defs} if self.defs else schema

    def _write(self, annotation: Any, where: str, of_union: tuple[Constraint, ...]) -> JsonSchema:
        """The schema of a type; ``of_union`` are constraints on a union of which it is a member."""
        annotation, found = unwrap(annotation)
        notes = read_notes(found, where)
        constraints = (*notes.constraints, *of_union)
        if is_union(annotation):
            schema = self._write_union(get_args(annotation), where, constraints)
        else:
            schema = _constrained(
                self._write_bare(annotation, where), annotation, constraints, where
            )
        schema = {**notes.extra, **schema}
        return {"description": notes.description, **schema} if notes.description else schema

    def _write_bare(self, annotation: Any, where: str) -> JsonSchema:
        if annotation is Any or annotation is object:
            self._refuse_if_strict(where, "a value of any type")
            return {}
        if _is_leaf(annotation):
            return {**_LEAVES[annotation]}
        if _is_enum(annotation):
            return _one_of([member.value for member in annotation], where)
        if describes_itself(annotation):
            return self._write_self_describing(annotation, where)
        fields = class_fields(annotation, where)
        if fields is not None:
            return self._write_class(annotation, fields, where)
        return self._write_generic(annotation, where)

    def _write_generic(self, annotation: Any, where: str) -> JsonSchema:
        origin, args = get_origin(annotation) or annotation, get_args(annotation)
        if origin is Literal:
            return _one_of([*args], where)
        if origin in _LISTS or origin in _SETS:
            items = self.write(args[0] if args else Any, f"{where}[]")
            unique = {"uniqueItems": True} if origin in _SETS else {}
            return {"type": "array", "items": items, **unique}
        if origin is tuple:
            return self._write_tuple(args, where)
        if origin in _MAPPINGS:
            return self._write_mapping(args, where)
        raise UserError(f"{where}: {_name(annotation)} cannot become a JSON schema")

    def _write_union(
        self, members: tuple[Any, ...], where: str, constraints: tuple[Constraint, ...]
    ) -> JsonSchema:
        """The choice among ``members``; ``constraints`` hold for each of them except None."""
        choices: list[JsonSchema] = []
        for member in members:
            schema = self._write(member, where, () if member is types.NoneType else constraints)
            nested = schema["anyOf"] if [*schema] == ["anyOf"] else [schema]
            choices += [choice for choice in nested if choice not in choices]
        return {"anyOf": choices} if len(choices) > 1 else choices[0]

    def _write_tuple(self, args: tuple[Any, ...], where: str) -> JsonSchema:
        if not args or args[-1] is Ellipsis:
            items = self.write(args[0] if args else Any, f"{where}[]")
            return {"type": "array", "items": items}
        entries = [self.write(arg, f"{where}[{index}]") for index, arg in enumerate(args)]
        size = len(entries)
        return {"type": "array", "prefixItems": entries, "minItems": size, "maxItems": size}

    def _write_mapping(self, args: tuple[Any, ...], where: str) -> JsonSchema:
        self._refuse_if_strict(where, "a mapping with free keys")
        key, value = args or (str, Any)
        key, notes = unwrap(key)
        if key is not str:
            raise UserError(f"{where}: the keys of a JSON object are str, not {_name(key)}")
        schema = {"type": "object", "additionalProperties": self.write(value, f"{where}[]")}
        if not (constraints := read_notes(notes, f"{where}, keys").constraints):
            return schema
        return {**schema, "propertyNames": _constrained({}, str, constraints, f"{where}, keys")}

    def _write_class(self, cls: type, fields: list[ClassField], where: str) -> JsonSchema:
        if cls in self._open:
            self._recursive.setdefault(cls, self._new_name(cls))
        if cls in self._recursive:
            return {"$ref": f"#/$defs/{self._recursive[cls]}"}
        self._open.append(cls)
        schema = self.write_object(fields, where)
        self._open.pop()
        documentation = parse_docstring(_own_docstring(cls))
        for name, description in documentation.parameters.items():
            schema["properties"].get(name, {}).setdefault("description", description)
        if documentation.description:
            schema = {"description": documentation.description, **schema}
        if cls not in self._recursive:
            return schema
        self.defs[self._recursive[cls]] = schema
        return {"$ref": f"#/$defs/{self._recursive[cls]}"}

    def _write_self_describing(self, cls: Any, where: str) -> JsonSchema:
        """Take the schema that a pydantic model writes of itself, and add its definitions to
        ours."""
        schema = _without_titles(own_schema(cls, where))
        for name, definition in schema.pop("$defs", {}).items():
            if self.defs.setdefault(name, definition) != definition:
                raise UserError(f"{where}: two different classes are named {name!r}")
        return schema

    def _new_name(self, cls: type) -> str:
        taken = {*self.defs, *self._recursive.values()}
        name, number = cls.__name__, 1
        while name in taken:
            number += 1
            name = f"{cls.__name__}_{number}"
        return name

    def _refuse_if_strict(self, where: str, what: str) -> None:
        if self.strict:
            raise UserError(
                f"{where}: {what} is not possible in a strict schema; "
                "say which type it is, or use strict_mode=False"
            )


def strict_schema(schema: Mapping[str, Any], where: str = "parameters") -> JsonSchema:
    """A copy in which objects require all their properties and allow no others.

    A default of null is dropped, since the model then has to say null; other defaults stay as a
    hint. Raises `UserError` where the schema allows properties without naming them.
    """
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    result = _map_subschemas(kept, strict_schema, where)
    kinds = result.get("type")
    if "properties" not in result and kinds != "object":
        return result
    if result.get("additionalProperties", False) is not False:
        raise UserError(
            f"{where}: properties that are not named are not possible in a strict schema; "
            "name them, or use strict_mode=False"
        )
    properties: JsonSchema = result.setdefault("properties", {})
    result["additionalProperties"] = False
    if properties:
        result["required"] = [*properties]
    return result


def _map_subschemas(
    schema: Mapping[str, Any], change: Callable[[Mapping[str, Any], str], Any], where: str
) -> JsonSchema:
    """A copy of ``schema`` with ``change`` applied to every schema directly inside it."""
    result: JsonSchema = {**schema}
    for key in ("properties", "$defs"):
        if key in result:
            inner = result[key].items()
            result[key] = {name: change(sub, f"{where}.{name}") for name, sub in inner}
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        if key in result:
            result[key] = [change(sub, where) for sub in result[key]]
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), Mapping):
            result[key] = change(result[key], where)
    return result


def _without_titles(schema: Mapping[str, Any], where: str = "") -> JsonSchema:
    kept = {key: value for key, value in schema.items() if key != "title"}
    return _map_subschemas(kept, _without_titles, where)


def _constrained(
    schema: JsonSchema, annotation: Any, constraints: tuple[Constraint, ...], where: str
) -> JsonSchema:
    """``schema``, which is that of the bare type ``annotation``, with these constraints."""
    further: list[JsonSchema] = []
    for constraint in constraints:
        keyword = constraint.keyword(_measured(annotation))
        if keyword is None:
            raise UserError(
                f"{where}: {constraint.name} cannot be said of {_name(annotation)} in a schema; "
                "leave it out, and check the value in the function"
            )
        if keyword in schema:
            further.append({keyword: constraint.bound})
        else:
            schema = {**schema, keyword: constraint.bound}
    return {**schema, "allOf": further} if further else schema


def _measured(annotation: Any) -> Measured | None:
    """Return what constraints on values of a bare type measure; None if such values have no
    size."""
    if annotation in (int, float, Decimal):
        return "number"
    if annotation is str:
        return "string"
    origin, args = get_origin(annotation) or annotation, get_args(annotation)
    if origin in _LISTS or origin in _SETS:
        return "array"
    if origin is tuple:
        return "array" if not args or args[-1] is Ellipsis else None
    return "object" if origin in _MAPPINGS else None


def _is_leaf(annotation: Any) -> bool:
    return any(annotation is leaf for leaf in _LEAVES)


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _one_of(values: list[Any], where: str) -> JsonSchema:
    for value in values:
        if type(value) not in _JSON_TYPES:
            raise UserError(
                f"{where}: a choice must be str, int, bool or None, not {type(value).__name__}"
            )
    kinds = {_JSON_TYPES[type(value)] for value in values}
    schema: JsonSchema = {"enum": values}
    return {**schema, "type": kinds.pop()} if len(kinds) == 1 else schema


def _default(value: object) -> JsonSchema:
    """Return the ``default`` keyword for a value; nothing where JSON cannot say it."""
    try:
        return {"default": jsonable(value)}
    except TypeError:
        return {}


def _own_docstring(cls: type) -> str | None:
    """Return the docstring that a person wrote for a class; None for the one that dataclasses
    generate."""
    text = cls.__dict__.get("__doc__")
    return None if text is None or text.startswith(f"{cls.__name__}(") else text


def _name(annotation: Any) -> str:
    """What stands in the annotation, for a message; of an object that is no type, its type."""
    if isinstance(annotation, type):
        return annotation.__name__
    if get_origin(annotation) is not None or type(annotation).__module__ == "typing":
        return str(annotation)
    return f"an object of type {type(annotation).__name__}"
