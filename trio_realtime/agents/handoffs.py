"""Handoffs: how the model passes the conversation from one agent to another.

For the model a handoff is one more function that it can call. An agent in another agent's
``handoffs`` becomes such a function, with the usual name and description; `realtime_handoff`
chooses them, or adds an input and a callback. Sessions run handoffs and switch agents; this module
only declares them.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import attrs

from trio_realtime.context import RunContext, TContext
from trio_realtime.errors import UserError

from .._util.maybe_async import MaybeAwaitable, call, resolve
from .declaration_checks import check_flag, check_function, check_tool_name, check_type
from .tool_arguments import ArgumentReader
from .tool_output import tool_output
from .tool_schema import JsonSchema, SchemaWriter, strict_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from .agent import RealtimeAgent

    # With a default only because it follows TContext, which has one.
    TInput = TypeVar("TInput", default=Any)  # pyright: ignore[reportGeneralTypeIssues]


@attrs.define(eq=False, kw_only=True)
class Handoff(Generic[TContext]):
    """A handoff to ``agent``. Made by `realtime_handoff`, which explains the fields."""

    agent: RealtimeAgent[TContext]
    tool_name: str
    tool_description: str
    input_json_schema: JsonSchema = attrs.field(repr=False)
    is_enabled: (
        bool | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[bool]]
    ) = True
    on_handoff: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    reader: ArgumentReader[Any] | None = attrs.field(default=None, repr=False)

    @property
    def agent_name(self) -> str:
        """The name of the agent that takes over."""
        return self.agent.name

    @property
    def transfer_message(self) -> str:
        """The output that the model gets for the call, as JSON: the name of the agent that took
        over."""
        return tool_output({"assistant": self.agent.name})

    async def enabled(self, ctx: RunContext[TContext], agent: RealtimeAgent[TContext]) -> bool:
        """Return True if the model is offered the handoff now, while ``agent`` speaks."""
        return await resolve(self.is_enabled, ctx, agent)

    async def invoke(
        self, ctx: RunContext[TContext], arguments: str = ""
    ) -> RealtimeAgent[TContext]:
        """Call ``on_handoff`` and return the agent that takes over.

        ``arguments`` is JSON text; a handoff without an input type does not look at it. Raises
        `ToolArgumentsError` before the callback is called, and what the callback raises. A sync
        callback runs in the task of the caller, so it must not block.
        """
        if self.reader is not None and self.on_handoff is not None:
            await call(self.on_handoff, ctx, self.reader.read(arguments))
        elif self.on_handoff is not None:
            await call(self.on_handoff, ctx)
        return self.agent


@overload
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    is_enabled: bool
    | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[bool]] = True,
) -> Handoff[TContext]: ...
@overload
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    on_handoff: Callable[[RunContext[TContext]], object],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    is_enabled: bool
    | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[bool]] = True,
) -> Handoff[TContext]: ...
@overload
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    on_handoff: Callable[[RunContext[TContext], TInput], object],
    input_type: type[TInput],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    is_enabled: bool
    | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[bool]] = True,
) -> Handoff[TContext]: ...
def realtime_handoff(
    agent: RealtimeAgent[Any],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: Callable[..., object] | None = None,
    input_type: type[Any] | None = None,
    is_enabled: bool | Callable[[RunContext[Any], RealtimeAgent[Any]], MaybeAwaitable[bool]] = True,
) -> Handoff[Any]:
    """Make a handoff to ``agent``.

    ``on_handoff`` is called with the context when the handoff happens; it may be async. With
    ``input_type`` (an attrs class, data class, TypedDict or pydantic model) the model has to give
    the fields of that class, and ``on_handoff`` gets an object of it as its second argument.
    ``is_enabled`` is asked with (context, speaking agent) whether to offer the handoff.

    Raises `UserError` for a name that the API would refuse, a callback that cannot be called so,
    and an argument of the wrong type.
    """
    from .agent import RealtimeAgent

    check_type("the agent of a handoff", agent, (RealtimeAgent,), "a RealtimeAgent")
    name = default_tool_name(agent.name) if tool_name_override is None else tool_name_override
    what = f"handoff {check_tool_name(name, 'tool_name_override')!r}"
    description = tool_description_override
    if description is None:
        description = default_tool_description(agent.name, agent.handoff_description)
    check_type(f"{what}: tool_description_override", description, (str,), "a str")
    check_flag(f"{what}: is_enabled", is_enabled)
    _check_callback(what, on_handoff, input_type)
    schema, reader = _input(what, input_type)
    return Handoff(
        agent=agent,
        tool_name=name,
        tool_description=description,
        input_json_schema=schema,
        is_enabled=is_enabled,
        on_handoff=on_handoff,
        reader=reader,
    )


def default_tool_name(agent_name: str) -> str:
    """``transfer_to_`` and the name in lower case, all but ASCII letters and digits as ``_``."""
    return "transfer_to_" + re.sub(r"[^a-zA-Z0-9_]", "_", agent_name).lower()


def default_tool_description(agent_name: str, handoff_description: str | None) -> str:
    """Return the description of a handoff that was given none."""
    known = handoff_description or ""
    return f"Handoff to the {agent_name} agent to handle the request. {known}".rstrip()


def _check_callback(what: str, on_handoff: Any, input_type: object) -> None:
    if on_handoff is None:
        if input_type is not None:
            raise UserError(f"{what}: input_type needs an on_handoff that takes the input")
        return
    check_function(f"{what}: on_handoff", on_handoff)
    arguments = ["context"] if input_type is None else ["context", "input"]
    try:
        inspect.signature(on_handoff).bind(*arguments)
    except (TypeError, ValueError):
        listed = " and ".join(arguments)
        raise UserError(f"{what}: on_handoff is called with {listed}, and cannot be") from None


def _input(
    what: str, input_type: type[Any] | None
) -> tuple[JsonSchema, ArgumentReader[Any] | None]:
    if input_type is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}, None
    writer = SchemaWriter(strict=True)
    schema = writer.root(writer.write(input_type, f"{what}: input_type"))
    if schema.get("type") != "object":
        raise UserError(f"{what}: input_type must be a class with fields")
    return strict_schema(schema, what), ArgumentReader[Any].of_type(input_type, schema, closed=True)
