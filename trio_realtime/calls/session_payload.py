"""The settings that a call is accepted with: those that a session of the agent would send.

Between the moment when a call is accepted and the moment when a session attaches to it, the model
talks to the caller already, so it needs its instructions and tools with the acceptance. The payload
for `Call.accept`, `relay_offer` and `create_client_secret` is made here, above the sessions, since
the agent's functions are asked for it as a session asks them.
"""

from collections.abc import Mapping
from typing import Any

from .._util.settings_base import structure
from .._util.type_checks import check
from ..agents.agent import RealtimeAgent
from ..context import RunContext
from ..models.model_config import RealtimeModelConfig
from ..models.openai.protocol.receiving import session_object
from ..models.session_settings import RealtimeSessionModelSettings, merge_settings
from ..sessions.core.bound_agent import bind_agent
from ..sessions.run_config import RealtimeRunConfig


async def initial_session_payload(
    agent: RealtimeAgent[Any],
    *,
    context: object = None,
    model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
    run_config: RealtimeRunConfig | Mapping[str, Any] | None = None,
    overrides: RealtimeSessionModelSettings | Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the agent's session object in JSON's types: instructions, tools, handoffs, settings.

    ``context`` and both configs are what the session that attaches will be given. ``overrides``
    win over all of them; the model's name goes there, since a session that attaches to a call may
    not name one. Left out are the trace settings and the tools of MCP servers: the session says
    those when it attaches.

    Asks the agent's functions, such as the one for instructions. Cancelling it cancels the function
    that is being asked; nothing was sent.

    Raises:
        UserError: the agent or a setting is wrong.
    """
    check(RealtimeAgent, agent, "agent")
    run = structure(RealtimeRunConfig, {} if run_config is None else run_config)
    reach = structure(RealtimeModelConfig, {} if model_config is None else model_config)
    initial = merge_settings(reach.initial_model_settings, overrides)
    bound = await bind_agent(agent, RunContext(context), run=run, initial=initial)
    return session_object(bound.settings, tracing=False)
