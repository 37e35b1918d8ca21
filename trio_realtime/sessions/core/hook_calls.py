"""Calling the hooks of the run and of the agent concerned, in the order in which things happen.

Hooks for tools and handoffs are called by the tool task. Those for the start and the end of an
agent's response have a task of their own, since the receive task, which learns of both, must not
wait.
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
        """Call the hooks for the start of a response, in their own task."""
        if self._run is not None or agent.hooks is not None:
            self._turns.put(_TurnStarted(agent))

    def agent_ended(self, agent: Agent, output: str) -> None:
        """Call the hooks for the end of a response that said ``output``, in their own task."""
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
        """Call the hooks before a tool runs. Raises what a hook raises, as the next two do."""
        if self._run is not None:
            await self._run.on_tool_start(ctx, agent, tool)
        if agent.hooks is not None:
            await agent.hooks.on_tool_start(ctx, agent, tool)

    async def tool_ended(
        self, ctx: ToolContext[Any], agent: Agent, tool: Tool, result: str
    ) -> None:
        """Call the hooks after the output of a tool was sent."""
        if self._run is not None:
            await self._run.on_tool_end(ctx, agent, tool, result)
        if agent.hooks is not None:
            await agent.hooks.on_tool_end(ctx, agent, tool, result)

    async def handed_off(self, source: Agent, target: Agent) -> None:
        """Call the hooks after a handoff: that of the run, and that of the new agent."""
        if self._run is not None:
            await self._run.on_handoff(self._context, source, target)
        if target.hooks is not None:
            await target.hooks.on_handoff(self._context, target, source)
