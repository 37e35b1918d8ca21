"""Hooks: methods to override, which a session calls as agents and tools start and end.

`RealtimeRunHooks` sees a whole session, `RealtimeAgentHooks` one agent. Each method does nothing by
itself; override what you need. The hooks of tools and handoffs are awaited before the session goes
on with that tool or handoff, so they should be quick; those of agents run in a task of their own,
one after the other. An exception that a hook raises ends the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from trio_realtime.context import RunContext, TContext, ToolContext

if TYPE_CHECKING:
    from .agent import RealtimeAgent
    from .tools import FunctionTool


class RealtimeRunHooks(Generic[TContext]):
    """Callbacks for everything in one session."""

    async def on_agent_start(
        self, context: RunContext[TContext], agent: RealtimeAgent[TContext]
    ) -> None:
        """A response began; ``agent`` gives it."""

    async def on_agent_end(
        self, context: RunContext[TContext], agent: RealtimeAgent[TContext], output: Any
    ) -> None:
        """A response ended; ``agent`` gave it, and ``output`` is what it said or wrote."""

    async def on_handoff(
        self,
        context: RunContext[TContext],
        from_agent: RealtimeAgent[TContext],
        to_agent: RealtimeAgent[TContext],
    ) -> None:
        """One agent has handed the conversation to another."""

    async def on_tool_start(
        self,
        context: ToolContext[TContext],
        agent: RealtimeAgent[TContext],
        tool: FunctionTool[TContext],
    ) -> None:
        """A tool is about to run."""

    async def on_tool_end(
        self,
        context: ToolContext[TContext],
        agent: RealtimeAgent[TContext],
        tool: FunctionTool[TContext],
        result: object,
    ) -> None:
        """A tool has run; ``result`` is its output."""


class RealtimeAgentHooks(Generic[TContext]):
    """Callbacks for one agent: set as its ``hooks``."""

    async def on_start(self, context: RunContext[TContext], agent: RealtimeAgent[TContext]) -> None:
        """A response of this agent began."""

    async def on_end(
        self, context: RunContext[TContext], agent: RealtimeAgent[TContext], output: Any
    ) -> None:
        """A response of this agent ended; ``output`` is what it said or wrote."""

    async def on_handoff(
        self,
        context: RunContext[TContext],
        agent: RealtimeAgent[TContext],
        source: RealtimeAgent[TContext],
    ) -> None:
        """The agent has been handed the conversation by ``source``."""

    async def on_tool_start(
        self,
        context: ToolContext[TContext],
        agent: RealtimeAgent[TContext],
        tool: FunctionTool[TContext],
    ) -> None:
        """A tool of the agent is about to run."""

    async def on_tool_end(
        self,
        context: ToolContext[TContext],
        agent: RealtimeAgent[TContext],
        tool: FunctionTool[TContext],
        result: object,
    ) -> None:
        """A tool of the agent has run; ``result`` is its output."""
