"""Reads a function as a tool: its parameters, their schema, its description.

`read_signature` is called once, when a tool is declared, and refuses a function that cannot be a
tool with a `UserError` naming the parameter and the reason. No waiting and no Trio here: the
function is run by `tool_function`.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

import attrs

from trio_realtime.context import RunContext
from trio_realtime.errors import UserError

from .annotation_notes import (
    UNDEFINED,
    declared_default,
    is_field_info,
    is_union,
    refuse_field_object,
    unwrap,
)
from .class_fields import ClassField
from .docstrings import DocstringStyle, Documentation, parse_docstring
from .tool_arguments import ArgumentReader
from .tool_schema import JsonSchema, SchemaWriter, strict_schema

_KINDS_REFUSED: dict[Any, str] = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only, but the model names its arguments",
    inspect.Parameter.VAR_POSITIONAL: "has no names the model could use; take a list instead",
    inspect.Parameter.VAR_KEYWORD: "has no names the model could use; name them, or take a dict",
}


@attrs.frozen(kw_only=True)
class ToolSignature:
    """A function as a tool. ``schema`` is what the model is sent."""

    description: str
    takes_context: bool
    schema: JsonSchema
    reader: ArgumentReader[dict[str, Any]]


def read_signature(
    function: Callable[..., Any],
    name: str,
    *,
    strict: bool = True,
    docstring_style: DocstringStyle = "auto",
    use_docstring_info: bool = True,
) -> ToolSignature:
    """The signature of ``function`` as a tool called ``name``.

    The first parameter is the context if it is annotated with `RunContext` or `ToolContext`. A
    description in the docstring wins over one in ``Annotated``.

    Raises `UserError`.
    """
    where = f"tool {name!r}"
    parameters = [*_signature(function, where).parameters.values()]
    types = {p.name: _annotation(function, p, where) for p in parameters}
    takes_context = bool(parameters) and _is_context(types[parameters[0].name])
    if takes_context:
        context = parameters.pop(0)
        del types[context.name]
        if context.kind is inspect.Parameter.KEYWORD_ONLY:
            raise UserError(f"{where}: the context is passed by position, not by keyword")
    documentation = Documentation()
    if use_docstring_info:
        documentation = parse_docstring(inspect.getdoc(_code(function)), docstring_style)
    try:
        schema, reader = _schema_and_reader(parameters, types, documentation, where, strict)
    except RecursionError:
        raise UserError(f"{where}: a parameter's type is nested too deeply") from None
    return ToolSignature(
        description=documentation.description,
        takes_context=takes_context,
        schema=strict_schema(schema, f"{where}, parameters") if strict else schema,
        reader=reader,
    )


def _schema_and_reader(
    parameters: list[inspect.Parameter],
    types: dict[str, Any],
    documentation: Documentation,
    where: str,
    strict: bool,
) -> tuple[JsonSchema, ArgumentReader[dict[str, Any]]]:
    """The loose schema of the parameters, and what reads arguments by it."""
    fields: list[ClassField] = []
    defaults: dict[str, Callable[[], Any]] = {}
    for parameter in parameters:
        field = _field(parameter, types[parameter.name], documentation, where, strict)
        declared = declared_default(field.annotation, f"{where}, parameter {parameter.name!r}")
        if declared is not None and field.required:
            field = attrs.evolve(field, required=False, default=declared.shown)
            defaults[field.name] = declared.make
        fields.append(field)
    writer = SchemaWriter(strict=strict)
    schema = writer.root(writer.write_object(fields, f"{where}, parameters"))
    reader = ArgumentReader.of_parameters(
        {field.name: field.annotation for field in fields},
        schema,
        closed=strict,
        defaults=defaults,
    )
    return schema, reader


def _signature(function: Callable[..., Any], where: str) -> inspect.Signature:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UserError(f"{where}: a generator function returns no single output")
    try:
        return inspect.signature(function)
    except (ValueError, TypeError) as exc:
        raise UserError(f"{where}: its signature cannot be read: {exc}") from exc


def _code(function: Any) -> Any:
    """Return the plain function behind partials, decorators, methods and callable objects."""
    while isinstance(function, functools.partial):
        function = cast("Any", function).func
    function = inspect.unwrap(function)
    return function if inspect.isroutine(function) else type(function).__call__


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter, where: str) -> Any:
    """Return the type of a parameter, with names in quotes resolved; Any if it has none.

    Annotations are resolved one by one, so that a return annotation which exists for type checkers
    only does no harm.
    """
    if parameter.annotation is inspect.Parameter.empty:
        return Any
    names = getattr(_code(function), "__globals__", {})

    def holder() -> None: ...

    holder.__annotations__ = {"it": parameter.annotation}
    try:
        return get_type_hints(holder, globalns=names, include_extras=True)["it"]
    except Exception as exc:  # text in quotes is evaluated, and may raise anything
        raise UserError(
            f"{where}, parameter {parameter.name!r}: its annotation cannot be read: {exc}"
        ) from exc


def _is_context(annotation: Any) -> bool:
    annotation = unwrap(annotation)[0]
    if is_union(annotation):
        return any(_is_context(member) for member in get_args(annotation))
    kind: Any = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, RunContext)


def _field(
    parameter: inspect.Parameter,
    annotation: Any,
    documentation: Documentation,
    where: str,
    strict: bool,
) -> ClassField:
    where = f"{where}, parameter {parameter.name!r}"
    if reason := _KINDS_REFUSED.get(parameter.kind):
        raise UserError(f"{where} {reason}")
    if _is_context(annotation):
        raise UserError(f"{where}: the context can only be the first parameter")
    empty = inspect.Parameter.empty
    if parameter.annotation is empty and strict:
        raise UserError(f"{where} has no annotation; annotate it, or use strict_mode=False")
    default = parameter.default
    if is_field_info(default):  # ``age: int = Field(gt=0)`` declares as much as an annotation
        annotation, default = Annotated[annotation, default], empty
    refuse_field_object(default, where)
    return ClassField(
        name=parameter.name,
        annotation=annotation,
        required=default is empty,
        default=UNDEFINED if default is empty else default,
        description=documentation.parameters.get(parameter.name, ""),
    )
