"""Binding agents in one session: the first one, and those that take over later.

To bind an agent is to resolve its instructions and choose its tools; see `BoundAgent`.
"""

from collections.abc import Callable
from typing import Any

import attrs

from .._util.type_checks import UNSET
from ..agents.agent import RealtimeAgent
from ..agents.tools import FunctionTool
from ..context import RunContext
from ..errors import RealtimeConnectionError, RealtimeSessionClosed
from ..models.model_config import RealtimeModelConfig
from ..models.session_settings import RealtimeSessionModelSettings, merge_settings
from .core.bound_agent import BoundAgent, bind_agent
from .core.session_core import SessionCore
from .mcp.session_servers import MCPTools
from .run_config import RealtimeRunConfig


@attrs.define(eq=False, repr=False)
class Binder:
    """Binds agents with what one session was configured with."""

    _context: RunContext[Any]
    _config: RealtimeRunConfig
    _model_config: RealtimeModelConfig
    _make_mcp: Callable[[], MCPTools]
    _mcp: MCPTools | None = attrs.field(default=None, init=False)
    """Made for the first agent that has MCP servers; most sessions have none."""
    _core: SessionCore | None = attrs.field(default=None, init=False)

    def watch(self, core: SessionCore) -> None:
        """Tell the model from now on when MCP servers of the current agent change their tools."""
        self._core = core
        if self._mcp is not None:
            self._mcp.watch(core.start_task, self._renew)

    async def bind_first(self, agent: RealtimeAgent[Any]) -> BoundAgent:
        """Bind the agent that the session begins with. Raises as `bind_agent`."""
        return await self._bind(agent, initial=self._model_config.initial_model_settings)

    async def bind_later(self, agent: RealtimeAgent[Any]) -> BoundAgent:
        """Bind an agent that takes over.

        Instructions, prompt, tools and handoffs in ``initial_model_settings`` are for the first
        agent only, and are left out.
        """
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

    async def _renew(self) -> None:
        """Tell the model which tools the current agent has now."""
        assert self._core is not None
        assert self._mcp is not None
        core, bound = self._core, self._core.bound
        renewed = await self._mcp.renewed(bound, self._context)
        try:
            # An agent that takes over in the meantime is bound with the current tools anyway.
            await core.switch(renewed, only_if=lambda now: now is bound)
        except (RealtimeConnectionError, RealtimeSessionClosed) as exc:
            if not core.link.caused(exc):
                raise

    async def _mcp_tools(self, agent: RealtimeAgent[Any]) -> list[FunctionTool[Any]]:
        """Open the MCP servers of an agent, where they are not open, and return their tools."""
        if self._mcp is None:
            if not agent.mcp_servers and not agent.mcp_config:
                return []
            self._mcp = self._make_mcp()
            if self._core is not None:
                self._mcp.watch(self._core.start_task, self._renew)
        await self._mcp.start(agent.mcp_servers)
        return await self._mcp.tools(agent, self._context)

    async def _bind(
        self,
        agent: RealtimeAgent[Any],
        *,
        base: RealtimeSessionModelSettings | None = None,
        initial: RealtimeSessionModelSettings | None = None,
    ) -> BoundAgent:
        more_tools = await self._mcp_tools(agent)
        return await bind_agent(
            agent,
            self._context,
            run=self._config,
            base=base,
            initial=initial,
            more_tools=more_tools,
        )
