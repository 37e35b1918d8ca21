"""An agent that is ready to talk: its instructions are resolved, its tools and handoffs chosen.

An agent is bound when the session opens, at each handoff, and by `update_agent`. A tool call refers
to the binding under which the model made it, so a handoff in the meantime does not affect it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs

from ..._util.type_checks import UNSET
from ...agents.agent import RealtimeAgent, Tool, check_names
from ...agents.handoffs import Handoff, realtime_handoff
from ...agents.hosted_mcp import HostedMCPTool
from ...agents.tools import FunctionTool
from ...context import RunContext
from ...errors import UserError
from ...models.audio_settings import DEFAULT_TURN_DETECTION
from ...models.session_settings import RealtimeSessionModelSettings, merge_settings, nested_form
from ..run_config import RealtimeRunConfig
from .approvals_seen import check_approvals_are_seen


@attrs.frozen(kw_only=True)
class BoundAgent:
    """An agent with the settings that the model is given for it."""

    agent: RealtimeAgent[Any]
    settings: RealtimeSessionModelSettings
    """All settings of the session, with the agent's instructions, tools and handoffs."""
    tools: Mapping[str, FunctionTool[Any]]
    handoffs: Mapping[str, Handoff[Any]]


async def bind_agent(
    agent: RealtimeAgent[Any],
    context: RunContext[Any],
    *,
    run: RealtimeRunConfig | None = None,
    base: RealtimeSessionModelSettings | None = None,
    initial: RealtimeSessionModelSettings | None = None,
    more_tools: Sequence[FunctionTool[Any]] = (),
) -> BoundAgent:
    """Resolve what depends on the context (instructions, enabled tools) and merge the settings.

    Settings are merged from the weakest to the strongest: ``base`` (the run's model settings if
    ``None``), the agent's own, ``initial`` (for the first agent only). ``more_tools`` are the tools
    of the agent's MCP servers.

    Raises:
        UserError: two tools or handoffs have one name, a setting holds what is no tool, nobody
            would be told of an approval, or the settings cannot do what the guardrails promise.
    """
    run = RealtimeRunConfig() if run is None else run
    given = initial if initial is not None else RealtimeSessionModelSettings()
    tools = [*await _tools(agent, context, given), *more_tools]
    handoffs = await _handoffs(agent, context, given)
    check_names(f"agent {agent.name!r}", tools, handoffs)
    check_approvals_are_seen(tools, run)
    own = RealtimeSessionModelSettings(
        instructions=_or_unset(await agent.get_system_prompt(context)),
        prompt=_or_unset(await agent.get_prompt(context)),
    )
    settings = merge_settings(run.model_settings if base is None else base, own, given)
    if run.tracing_disabled:
        settings = attrs.evolve(settings, tracing=None)
    if run.guardrails_settings.input_guardrail_mode == "strict" and (
        agent.input_guardrails or run.input_guardrails
    ):
        settings = without_automatic_responses(settings)
    return BoundAgent(
        agent=agent,
        settings=attrs.evolve(settings, tools=tools, handoffs=handoffs),
        tools={tool.name: tool for tool in tools if isinstance(tool, FunctionTool)},
        handoffs={handoff.tool_name: handoff for handoff in handoffs},
    )


def without_automatic_responses(
    settings: RealtimeSessionModelSettings,
) -> RealtimeSessionModelSettings:
    """The settings, changed so that the server detects turns but does not begin responses.

    Raises:
        UserError: nothing is transcribed, so there is nothing to check.
    """
    audio = nested_form(settings).audio.input
    if audio.transcription is None:
        raise UserError("strict input guardrails need a transcription, which the settings turn off")
    detection = DEFAULT_TURN_DETECTION if audio.turn_detection is UNSET else audio.turn_detection
    if detection is None:
        return settings
    asked = RealtimeSessionModelSettings(
        turn_detection=attrs.evolve(detection, create_response=False)
    )
    return merge_settings(settings, asked)


async def _tools(
    agent: RealtimeAgent[Any], context: RunContext[Any], given: RealtimeSessionModelSettings
) -> list[Tool[Any]]:
    """The enabled tools of the agent, or of the settings if they have tools of their own."""
    if given.tools is UNSET:
        return await agent.enabled_tools(context)
    tools = [_checked(tool) for tool in given.tools]
    return [
        tool
        for tool in tools
        if isinstance(tool, HostedMCPTool) or await tool.enabled(context, agent)
    ]


def _checked(tool: Any) -> Tool[Any]:
    given: object = tool
    if not isinstance(given, FunctionTool | HostedMCPTool):
        raise UserError(f"tools: a tool must be made by function_tool, not {given!r}")
    return cast("Tool[Any]", tool)


async def _handoffs(
    agent: RealtimeAgent[Any], context: RunContext[Any], given: RealtimeSessionModelSettings
) -> list[Handoff[Any]]:
    if given.handoffs is UNSET:
        return await agent.enabled_handoffs(context)
    made = [_as_handoff(entry) for entry in given.handoffs]
    return [handoff for handoff in made if await handoff.enabled(context, agent)]


def _as_handoff(entry: Any) -> Handoff[Any]:
    given: object = entry
    return cast("Handoff[Any]", entry) if isinstance(given, Handoff) else realtime_handoff(entry)


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
