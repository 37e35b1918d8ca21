"""Making agents ready to talk in one session: the first one, and those that take over later."""

from typing import Any

import attrs

from .._util.type_checks import UNSET
from ..agents.agent import RealtimeAgent
from ..context import RunContext
from ..models.model_config import RealtimeModelConfig
from ..models.session_settings import RealtimeSessionModelSettings, merge_settings
from .core.bound_agent import BoundAgent, bind_agent
from .mcp.session_servers import MCPTools
from .run_config import RealtimeRunConfig


@attrs.frozen(eq=False, repr=False)
class Binder:
    """Binds agents with what one session was configured with."""

    _context: RunContext[Any]
    _config: RealtimeRunConfig
    _model_config: RealtimeModelConfig
    mcp: MCPTools

    async def bind_first(self, agent: RealtimeAgent[Any]) -> BoundAgent:
        """Bind the agent that the session begins with. Raises as `bind_agent`."""
        return await self._bind(agent, initial=self._model_config.initial_model_settings)

    async def bind_later(self, agent: RealtimeAgent[Any]) -> BoundAgent:
        """Bind an agent that takes over: what the first alone was given does not hold for it."""
        initial = self._model_config.initial_model_settings
        base = self._config.model_settings
        if initial is not None:
            lasting = attrs.evolve(
                initial, instructions=UNSET, prompt=UNSET, tools=UNSET, handoffs=UNSET
            )
            base = merge_settings(base, lasting)
        bound = await self._bind(agent, base=base)
        if bound.settings.instructions is UNSET:
            # Left out, the server would keep those of the agent before.
            bound = attrs.evolve(bound, settings=attrs.evolve(bound.settings, instructions=""))
        return bound

    async def renewed(self, bound: BoundAgent) -> BoundAgent:
        """The binding with the tools that its MCP servers offer now; see `MCPTools.renewed`."""
        return await self.mcp.renewed(bound, self._context)

    async def _bind(
        self,
        agent: RealtimeAgent[Any],
        *,
        base: RealtimeSessionModelSettings | None = None,
        initial: RealtimeSessionModelSettings | None = None,
    ) -> BoundAgent:
        await self.mcp.start(agent.mcp_servers)
        return await bind_agent(
            agent,
            self._context,
            run=self._config,
            base=base,
            initial=initial,
            more_tools=await self.mcp.tools(agent, self._context),
        )
