"""`RealtimeAgent`: instructions, tools, handoffs and checks under one name.

An agent is a declaration and holds no state of any session, so one agent can serve any number of
sessions at once. Sessions ask it for what is valid now (`RealtimeAgent.get_system_prompt`,
`enabled_tools`, `enabled_handoffs`), since instructions and options may be functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, cast

import attrs

from trio_realtime.context import RunContext, TContext
from trio_realtime.errors import UserError

from .._util.maybe_async import MaybeAwaitable, resolve
from .declaration_checks import check_list, check_option, check_type, check_unique, kind
from .guardrails import InputGuardrail, OutputGuardrail
from .handoffs import Handoff, realtime_handoff
from .hooks import RealtimeAgentHooks
from .hosted_mcp import HostedMCPTool
from .mcp import MCPServer
from .tools import FunctionTool

Prompt: TypeAlias = Mapping[str, Any]
"""A prompt kept on the platform: ``{"id": ..., "version": ..., "variables": {...}}``."""

Tool: TypeAlias = FunctionTool[TContext] | HostedMCPTool


@attrs.define(eq=False, kw_only=True)
class RealtimeAgent(Generic[TContext]):
    """What a model is told and may do: instructions, tools, handoffs and checks, under a name.

    ``TContext`` is the type of the application's own context object, which instructions, tools,
    hooks and guardrails get from the session; those of one agent all take the same type.

    The lists are copied, so an agent never shares one with the caller or a clone. They may be
    changed until a session starts with the agent, for instance to let two agents hand over to each
    other. Raises `UserError` for a value of the wrong type and for two functions of one name.
    """

    name: str = attrs.field(kw_only=False)
    instructions: (
        str
        | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[str | None]]
        | None
    ) = attrs.field(default=None, repr=False)
    """The system prompt, or a function, sync or async, that is asked with (context, agent)."""
    prompt: (
        str
        | Prompt
        | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[str | Prompt]]
        | None
    ) = attrs.field(default=None, repr=False)
    """A prompt kept on the platform: its id, a mapping, or a function as for ``instructions``."""
    tools: list[Tool[TContext]] = attrs.field(factory=list["Tool[TContext]"], repr=False)
    handoffs: list[RealtimeAgent[TContext] | Handoff[TContext]] = attrs.field(
        factory=list["RealtimeAgent[TContext] | Handoff[TContext]"], repr=False
    )
    """Agents to which this one may pass the conversation."""
    handoff_description: str | None = attrs.field(default=None, repr=False)
    """What other agents are told about this one, to know when to hand over to it."""
    output_guardrails: list[OutputGuardrail[TContext]] = attrs.field(
        factory=list[OutputGuardrail[TContext]], repr=False
    )
    input_guardrails: list[InputGuardrail[TContext]] = attrs.field(
        factory=list[InputGuardrail[TContext]], repr=False
    )
    hooks: RealtimeAgentHooks[TContext] | None = attrs.field(default=None, repr=False)
    mcp_servers: list[MCPServer] = attrs.field(factory=list[Any], repr=False)
    """MCP servers that this process talks to; their tools are added to ``tools``."""
    mcp_config: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)

    def __attrs_post_init__(self) -> None:
        check_type("the name of an agent", self.name, (str,), "a str")
        if not self.name:
            raise UserError("the name of an agent must not be empty")
        what = f"agent {self.name!r}"
        texts: tuple[tuple[str, tuple[type, ...], str], ...] = (
            ("instructions", (str,), "a str, a function or None"),
            ("prompt", (str, Mapping), "an id, a mapping, a function or None"),
        )
        for name, types, expected in texts:
            value = getattr(self, name)
            if value is not None and not isinstance(value, types) and not callable(value):
                raise UserError(f"{what}: {name} must be {expected}, got {kind(value)}")
        description = self.handoff_description
        check_type(f"{what}: handoff_description", description, (str, type(None)), "a str or None")
        check_type(
            f"{what}: hooks",
            self.hooks,
            (RealtimeAgentHooks, type(None)),
            "a RealtimeAgentHooks, not a class of them",
        )
        check_type(f"{what}: mcp_config", self.mcp_config, (Mapping,), "a mapping")
        self._check_lists(what)

    def _check_lists(self, what: str) -> None:
        lists: tuple[tuple[str, tuple[type, ...], str], ...] = (
            ("tools", (FunctionTool, HostedMCPTool), "a tool; was @function_tool forgotten?"),
            ("handoffs", (RealtimeAgent, Handoff), "a RealtimeAgent or a Handoff"),
            ("output_guardrails", (OutputGuardrail,), "an OutputGuardrail"),
            ("input_guardrails", (InputGuardrail,), "an InputGuardrail"),
            ("mcp_servers", (MCPServer,), "an MCPServer"),
        )
        for name, types, expected in lists:
            setattr(self, name, check_list(f"{what}: {name}", getattr(self, name), types, expected))
        check_names(what, self.tools, self._all_handoffs())

    def _all_handoffs(self) -> list[Handoff[TContext]]:
        return [
            entry if isinstance(entry, Handoff) else realtime_handoff(entry)
            for entry in self.handoffs
        ]

    def clone(self, **changes: Any) -> RealtimeAgent[TContext]:
        """Return a new agent with some fields changed. The lists are copied; what is in them is
        shared."""
        fields = {field.name for field in attrs.fields(RealtimeAgent)}
        for name in changes:
            check_option("RealtimeAgent", name, fields)
        return attrs.evolve(self, **changes)

    async def get_system_prompt(self, run_context: RunContext[TContext]) -> str | None:
        """Return the current instructions, asking the function if they are one.

        Raises what the function raises, and `UserError` if it returns something other than a str or
        None.
        """
        instructions = cast("object", await resolve(self.instructions, run_context, self))
        if instructions is None or isinstance(instructions, str):
            return instructions
        raise UserError(
            f"agent {self.name!r}: instructions must return a str, got {kind(instructions)}"
        )

    async def get_prompt(self, run_context: RunContext[TContext]) -> dict[str, Any] | None:
        """Return the current prompt, in the form that ``session.update`` has for it.

        Raises what a function raises, and `UserError` if it returns something that is no prompt.
        """
        prompt: Any = await resolve(self.prompt, run_context, self)
        if prompt is None:
            return None
        if isinstance(prompt, str):
            return {"id": prompt}
        if isinstance(prompt, Mapping):
            given = cast("Prompt", prompt)
            if isinstance(given.get("id"), str):
                return dict(given)
        raise UserError(f"agent {self.name!r}: a prompt must be an id, or a mapping with an id")

    async def enabled_tools(self, run_context: RunContext[TContext]) -> list[Tool[TContext]]:
        """Return the tools that the model is offered now, in order. Functions given as
        ``is_enabled`` are asked."""
        return [
            tool
            for tool in self.tools
            if isinstance(tool, HostedMCPTool) or await tool.enabled(run_context, self)
        ]

    async def enabled_handoffs(self, run_context: RunContext[TContext]) -> list[Handoff[TContext]]:
        """Return the handoffs that the model is offered now, in order. An agent in the list becomes
        a handoff to it."""
        return [
            handoff for handoff in self._all_handoffs() if await handoff.enabled(run_context, self)
        ]


def check_names(
    what: str,
    tools: list[Tool[TContext]],
    handoffs: list[Handoff[TContext]],
) -> None:
    """Refuse functions that the model could not tell apart, with a `UserError`.

    Agents check themselves when they are made; sessions check again, since lists may have grown
    and MCP servers add tools.
    """
    functions = [tool.name for tool in tools if isinstance(tool, FunctionTool)]
    check_unique(f"{what}: tools and handoffs", functions + [h.tool_name for h in handoffs])
    labels = [tool.server_label for tool in tools if isinstance(tool, HostedMCPTool)]
    check_unique(f"{what}: hosted MCP servers", labels)
