"""Handoffs: making another agent the current one, because the model or the application says so.

When the model calls a handoff, the session's settings are changed before the call is answered, so
that the response after it is given by the new agent. The tool task runs one handoff at a time.
"""

from typing import Any

from ...agents.agent import RealtimeAgent
from ...agents.tools import default_tool_error
from ...errors import UserError
from ...events import RealtimeHandoffEvent
from ...models.events import RealtimeModelToolCallEvent
from ..core.bound_agent import BoundAgent
from ..core.hook_calls import HookCalls
from ..core.session_core import SessionCore


async def run_handoff(
    core: SessionCore, hooks: HookCalls, source: BoundAgent, call: RealtimeModelToolCallEvent
) -> str:
    """Make the agent that the call names the current one; return the output of the call.

    If the arguments do not fit, ``on_handoff`` raises, or the model cannot change its settings so,
    the agent stays: the output tells the model that the handoff failed, and an ``error`` event
    tells the application. If ``source`` is no longer the current agent (another handoff of the same
    response came first), nothing changes and the output says so. Raises what a hook raises, and
    what sending the settings raises.
    """

    def is_at_work(bound: BoundAgent) -> bool:
        return bound.agent is source.agent

    if not is_at_work(core.bound):
        return _too_late(core.bound)
    handoff = source.handoffs[call.name]
    try:
        target = await handoff.invoke(core.context, call.arguments)
        bound = await core.bind(target)
    except Exception as exc:  # noqa: BLE001 - the boundary for the application's handoff code
        core.tell_error(exc)
        return default_tool_error(core.context, exc)
    try:
        switched = await core.switch(bound, only_if=is_at_work)
    except UserError as refused:  # the model cannot change so while a session runs
        core.tell_error(refused)
        return default_tool_error(core.context, refused)
    if not switched:
        return _too_late(core.bound)
    core.events.put(RealtimeHandoffEvent(from_agent=source.agent, to_agent=target, info=core.info))
    await hooks.handed_off(source.agent, target)
    return handoff.transfer_message


async def switch_agent(core: SessionCore, agent: RealtimeAgent[Any]) -> None:
    """Make this agent the current one. Raises as `SessionCore.switch`."""
    await core.switch(await core.bind(agent))


def _too_late(at_work: BoundAgent) -> str:
    return (
        f"The conversation was handed to {at_work.agent.name} already; this handoff was not made."
    )
