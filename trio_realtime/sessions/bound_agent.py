"""An agent made ready to talk: its instructions resolved, its tools and handoffs chosen.

The runner's first agent, each handoff and `update_agent` bind an agent anew; a tool call keeps the
binding it was made under, so a handoff meanwhile takes nothing away from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..agents.agent import RealtimeAgent, Tool, check_names
from ..agents.handoffs import Handoff, realtime_handoff
from ..agents.hosted_mcp import HostedMCPTool
from ..agents.tools import FunctionTool
from ..config import UNSET, RealtimeSessionModelSettings, merge_settings
from ..context import RunContext
from ..errors import UserError


@attrs.frozen(kw_only=True)
class BoundAgent:
    """An agent as the model is told of it."""

    agent: RealtimeAgent[Any]
    settings: RealtimeSessionModelSettings
    """Everything the model is told, instructions, tools and handoffs included."""
    tools: Mapping[str, FunctionTool[Any]]
    handoffs: Mapping[str, Handoff[Any]]


async def bind_agent(
    agent: RealtimeAgent[Any],
    context: RunContext[Any],
    *,
    base: RealtimeSessionModelSettings,
    initial: RealtimeSessionModelSettings | None = None,
    more_tools: Sequence[FunctionTool[Any]] = (),
) -> BoundAgent:
    """Ask the agent for what depends on the context, and put its settings together.

    From the weakest: ``base`` (of the run), the agent, ``initial`` (of the first agent only).
    ``more_tools`` are those its MCP servers offer.

    Raises:
        UserError: two tools or handoffs have one name, or a setting holds what is no tool.
    """
    given = initial if initial is not None else RealtimeSessionModelSettings()
    tools = [*await _tools(agent, context, given), *more_tools]
    handoffs = await _handoffs(agent, context, given)
    check_names(f"agent {agent.name!r}", tools, handoffs)
    own = RealtimeSessionModelSettings(
        instructions=_or_unset(await agent.get_system_prompt(context)),
        prompt=_or_unset(await agent.get_prompt(context)),
    )
    return BoundAgent(
        agent=agent,
        settings=attrs.evolve(merge_settings(base, own, given), tools=tools, handoffs=handoffs),
        tools={tool.name: tool for tool in tools if isinstance(tool, FunctionTool)},
        handoffs={handoff.tool_name: handoff for handoff in handoffs},
    )


async def _tools(
    agent: RealtimeAgent[Any], context: RunContext[Any], given: RealtimeSessionModelSettings
) -> list[Tool[Any]]:
    """The agent's tools that are enabled; or those of the settings, which stand in their place."""
    if given.tools is UNSET:
        return await agent.enabled_tools(context)
    tools: list[Tool[Any]] = []
    for tool in given.tools:
        if not isinstance(tool, FunctionTool | HostedMCPTool):
            raise UserError(f"tools: a tool must be made by function_tool, not {tool!r}")
        if isinstance(tool, HostedMCPTool) or await tool.enabled(context, agent):
            tools.append(tool)
    return tools


async def _handoffs(
    agent: RealtimeAgent[Any], context: RunContext[Any], given: RealtimeSessionModelSettings
) -> list[Handoff[Any]]:
    if given.handoffs is UNSET:
        return await agent.enabled_handoffs(context)
    made = [h if isinstance(h, Handoff) else realtime_handoff(h) for h in given.handoffs]
    return [handoff for handoff in made if await handoff.enabled(context, agent)]


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
