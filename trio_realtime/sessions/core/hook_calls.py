"""Hooks, called: those of the run and of the agent concerned, in the order things happened.

A hook runs where the thing happens, except that agents start and end in the receive task, which
must not wait: those two are handed to a task of their own.
"""

from typing import Any, TypeAlias

import attrs
import trio

from ...agents.agent import RealtimeAgent
from ...agents.hooks import RealtimeRunHooks
from ...agents.tools import FunctionTool
from ...context import RunContext, ToolContext
from .on_demand import OnDemand, StartTask

Agent: TypeAlias = RealtimeAgent[Any]
Tool: TypeAlias = FunctionTool[Any]


@attrs.frozen
class _TurnStarted:
    agent: Agent


@attrs.frozen
class _TurnEnded:
    agent: Agent
    output: str


_Turn: TypeAlias = _TurnStarted | _TurnEnded


@attrs.define(eq=False, repr=False)
class HookCalls:
    """The hooks of one session."""

    _context: RunContext[Any]
    _run: RealtimeRunHooks[Any] | None
    _start_task: StartTask
    _turns: OnDemand[_Turn] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._turns = OnDemand(self._start_task, self._serve)

    # -- for the receive task: no waiting --------------------------------------------
    def agent_started(self, agent: Agent) -> None:
        """A response began."""
        if self._run is not None or agent.hooks is not None:
            self._turns.put(_TurnStarted(agent))

    def agent_ended(self, agent: Agent, output: str) -> None:
        """A response ended, and said this."""
        if self._run is not None or agent.hooks is not None:
            self._turns.put(_TurnEnded(agent, output))

    # -- the task --------------------------------------------------------------------
    async def _serve(self, turns: trio.MemoryReceiveChannel[_Turn]) -> None:
        """Call the hooks of turns as they come; raises what a hook raises."""
        async for turn in turns:
            agent = turn.agent
            if isinstance(turn, _TurnStarted):
                if self._run is not None:
                    await self._run.on_agent_start(self._context, agent)
                if agent.hooks is not None:
                    await agent.hooks.on_start(self._context, agent)
            else:
                if self._run is not None:
                    await self._run.on_agent_end(self._context, agent, turn.output)
                if agent.hooks is not None:
                    await agent.hooks.on_end(self._context, agent, turn.output)

    # -- for the tool task -----------------------------------------------------------
    async def tool_started(self, ctx: ToolContext[Any], agent: Agent, tool: Tool) -> None:
        """A tool is about to run."""
        if self._run is not None:
            await self._run.on_tool_start(ctx, agent, tool)
        if agent.hooks is not None:
            await agent.hooks.on_tool_start(ctx, agent, tool)

    async def tool_ended(
        self, ctx: ToolContext[Any], agent: Agent, tool: Tool, result: str
    ) -> None:
        """A tool call has its output."""
        if self._run is not None:
            await self._run.on_tool_end(ctx, agent, tool, result)
        if agent.hooks is not None:
            await agent.hooks.on_tool_end(ctx, agent, tool, result)

    async def handed_off(self, source: Agent, target: Agent) -> None:
        """One agent handed the conversation to another."""
        if self._run is not None:
            await self._run.on_handoff(self._context, source, target)
        if target.hooks is not None:
            await target.hooks.on_handoff(self._context, target, source)
