"""The MCP servers of a session, and their tools as function tools.

A session with MCP servers has one `MCPTools`, which it asks for tools whenever it binds an agent.
Each server has a host task (`MCPHost.run`) in a nursery of the session, so a server that two agents
have is opened once, and all of them are closed with the session.
"""

import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from ..._util.type_checks import UNSET
from ...agents.agent import RealtimeAgent, Tool, check_names
from ...agents.declaration_checks import check_option
from ...agents.mcp import MCPServer, MCPToolError, default_mcp_tool_error
from ...agents.mcp_policy import ToolFilterContext, approval_for, passes
from ...agents.tool_arguments import parse_arguments
from ...agents.tools import FunctionTool
from ...context import RunContext, ToolContext
from ...errors import UserError
from ..core.bound_agent import BoundAgent
from ..core.on_demand import OnDemand, StartTask
from .host import MCPHost
from .result_text import failure_text, result_output

if TYPE_CHECKING:
    from mcp.types import Tool as ServerTool

_MCP_CONFIG: Final = (
    "convert_schemas_to_strict",
    "failure_error_function",
    "include_server_in_tool_names",
)
"""The keys that ``mcp_config`` of an agent may have."""

_LONGEST_NAME: Final = 64
"""Characters that the Realtime API takes as the name of a function."""


@attrs.frozen(eq=False)
class MCPCall:
    """The function of a `FunctionTool` that stands for a server's tool: calls it."""

    host: MCPHost
    tool_name: str
    """The name by which the server knows the tool."""

    async def __call__(self, ctx: ToolContext[Any], arguments: str) -> Any:
        """Call the tool and return its result.

        Raises:
            ToolArgumentsError: the arguments are no JSON object.
            MCPToolError: the tool failed, or the server gave no answer.
        """
        del ctx
        server = self.host.server
        result = await self.host.call(self.tool_name, parse_arguments(arguments))
        if result.is_error:
            raise MCPToolError(
                f"tool {self.tool_name!r} of MCP server {server.name!r} failed",
                server_name=server.name,
                tool_name=self.tool_name,
                text=failure_text(result),
            )
        return result_output(result, prefer_structured=server.use_structured_content)


@attrs.define(eq=False, repr=False)
class MCPTools:
    """All MCP servers of one session."""

    _nursery: trio.Nursery
    """Where the host tasks run. It has to outlive the tool calls."""
    _tell_error: Callable[[Exception], None]
    """Called with problems that do not end the session: a server that is not required could not be
    opened, or a listing failed."""
    _hosts: dict[MCPServer, MCPHost] = attrs.field(factory=dict[MCPServer, MCPHost], init=False)
    _opening: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _renewals: OnDemand[None] | None = attrs.field(default=None, init=False)
    _changed: bool = attrs.field(default=False, init=False)
    """Whether tools have changed since they were last renewed."""

    async def start(self, servers: Iterable[MCPServer]) -> None:
        """Open those of the servers that are not open yet, all at once.

        Raises, for a server that is required:
            UserError: the ``mcp`` package is not installed.
            RealtimeConnectionError: it could not be opened; opening the others was given up.

        Cancelled, it gives up the servers that are not open yet.
        """
        failures: list[Exception] = []
        async with self._opening:
            missing = [server for server in dict.fromkeys(servers) if server not in self._hosts]
            async with trio.open_nursery() as nursery:
                for server in missing:
                    nursery.start_soon(self._open, server, failures, nursery.cancel_scope)
        if failures:
            raise failures[0]

    async def _open(
        self, server: MCPServer, failures: list[Exception], all_opening: trio.CancelScope
    ) -> None:
        host = MCPHost(server, self._note_change, self._tell_error)
        try:
            await self._nursery.start(host.run)
        except Exception as exc:  # noqa: BLE001 - raised by `start`, out of its nursery
            if server.required:
                failures.append(exc)
                all_opening.cancel()
            else:
                self._tell_error(exc)
        else:
            self._hosts[server] = host

    async def tools(
        self, agent: RealtimeAgent[Any], context: RunContext[Any]
    ) -> list[FunctionTool[Any]]:
        """The tools of the agent's servers that pass its filters, in the order of the servers.

        Servers that are not open have none.

        Raises:
            UserError: two servers have a tool of one name, or ``mcp_config`` holds what it cannot.
        """
        for key in agent.mcp_config:
            check_option(f"agent {agent.name!r}: mcp_config", key, _MCP_CONFIG)
        made: list[FunctionTool[Any]] = []
        owners: dict[str, MCPServer] = {}
        for server in dict.fromkeys(agent.mcp_servers):
            host = self._hosts.get(server)
            if host is None:
                continue
            asker = ToolFilterContext(run_context=context, agent=agent, server_name=server.name)
            for tool in await host.tools():
                if await passes(server.tool_filter, asker, tool):
                    function = _function_tool(host, tool, agent)
                    _check_owner(agent, owners, function.name, server)
                    made.append(function)
        check_names(f"agent {agent.name!r}", [*made], [])
        return made

    async def renewed(self, bound: BoundAgent, context: RunContext[Any]) -> BoundAgent:
        """A copy of the binding that has the current tools of its servers.

        Raises:
            UserError: as `tools`, or a new tool has the name of one of the agent's own.
        """
        assert bound.settings.tools is not UNSET  # a binding always says which tools there are
        kept: list[Tool[Any]] = [
            tool
            for tool in bound.settings.tools
            if not isinstance(getattr(tool, "on_invoke_tool", None), MCPCall)
        ]
        tools: list[Tool[Any]] = [*kept, *await self.tools(bound.agent, context)]
        check_names(f"agent {bound.agent.name!r}", tools, [*bound.handoffs.values()])
        return attrs.evolve(
            bound,
            settings=attrs.evolve(bound.settings, tools=tools),
            tools={tool.name: tool for tool in tools if isinstance(tool, FunctionTool)},
        )

    def watch(self, start_task: StartTask, on_change: Callable[[], Awaitable[None]]) -> None:
        """Call ``on_change`` whenever tools have changed, and at once if they have already.

        Several changes may cause one call. What ``on_change`` raises goes to ``tell_error``.
        """

        async def renew(changes: trio.MemoryReceiveChannel[None]) -> None:
            async for _ in changes:
                self._changed = False
                try:
                    await on_change()
                except Exception as exc:  # noqa: BLE001 - the session keeps the tools it has
                    self._tell_error(exc)

        self._renewals = OnDemand(start_task, renew)
        if self._changed:
            self._renewals.put(None)

    def _note_change(self) -> None:
        noted, self._changed = self._changed, True
        if self._renewals is not None and not noted:
            self._renewals.put(None)


def _check_owner(
    agent: RealtimeAgent[Any], owners: dict[str, MCPServer], name: str, server: MCPServer
) -> None:
    other = owners.setdefault(name, server)
    if other is server:
        return
    raise UserError(
        f"agent {agent.name!r}: the MCP servers {other.name!r} and {server.name!r} both have "
        f"a tool {name!r}; give one of them a tool_name_prefix, or filter the tool out"
    )


def _function_tool(
    host: MCPHost, tool: "ServerTool", agent: RealtimeAgent[Any]
) -> FunctionTool[Any]:
    server, config = host.server, agent.mcp_config
    on_failure = server.failure_error_function
    if on_failure is UNSET:
        on_failure = config.get("failure_error_function", default_mcp_tool_error)
    # A server's schema may lack what the Realtime API requires.
    schema: dict[str, Any] = {"properties": {}, **tool.input_schema, "type": "object"}

    def make(*, strict: bool) -> FunctionTool[Any]:
        return FunctionTool(
            name=_public_name(server, tool.name, config),
            description=inspect.cleandoc(tool.description or tool.title or ""),
            params_json_schema=schema,
            on_invoke_tool=MCPCall(host, tool.name),
            strict_json_schema=strict,
            failure_error_function=on_failure,
            needs_approval=approval_for(server.approval_policy, agent, tool),
            tool_input_guardrails=server.tool_input_guardrails,
            tool_output_guardrails=server.tool_output_guardrails,
        )

    if config.get("convert_schemas_to_strict"):
        try:
            return make(strict=True)
        except UserError:  # a schema that allows what a strict one cannot
            pass
    return make(strict=False)


def _public_name(server: MCPServer, tool_name: str, config: Mapping[str, Any]) -> str:
    """The name of the tool for the model, made of characters that the Realtime API takes.

    A name that is too long is cut and gets a digest at its end, so that cut names stay different.
    """
    name = server.tool_name_prefix + tool_name
    if config.get("include_server_in_tool_names"):
        name = f"{server.name}__{name}"
    safe = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    if len(safe) <= _LONGEST_NAME:
        return safe
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{safe[: _LONGEST_NAME - 9]}_{digest}"
