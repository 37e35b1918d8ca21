"""MCP servers for tests: one of the mcp package in memory, and one that follows a script."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import attrs
import trio
from mcp.client._memory import InMemoryTransport
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import (
    METHOD_NOT_FOUND,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from trio_realtime import RealtimeAgent, RunContext, ToolContext
from trio_realtime._util.nurseries import open_quiet_nursery
from trio_realtime.agents.mcp import MCPServer
from trio_realtime.agents.tools import FunctionTool
from trio_realtime.sessions.mcp.session_servers import MCPTools


@attrs.define(eq=False, kw_only=True)
class InMemory(MCPServer):
    """A server of the mcp package, in this process."""

    peer: Any

    def open_streams(self) -> AbstractAsyncContextManager[Any]:
        return InMemoryTransport(self.peer)


def tool(name: str, **more: Any) -> dict[str, Any]:
    """A tool as a server lists it."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def text(content: str, **more: Any) -> dict[str, Any]:
    """A result of a tool."""
    return {"content": [{"type": "text", "text": content}], **more}


MODERN = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {"listChanged": True}},
    "ttlMs": 0,
    "cacheScope": "private",
}
"""How a server since 2026-07-28 introduces itself."""


@attrs.define(eq=False, kw_only=True)
class Scripted(MCPServer):
    """A server that answers as the test says, and can fail in every way."""

    name: str = "Desk"
    tools: list[dict[str, Any]] = attrs.field(factory=lambda: [tool("look_up")])
    answers: dict[str, Callable[[Mapping[str, Any]], Any]] = attrs.field(factory=dict)
    """By method: from the parameters to a result, an `MCPError` to raise, an awaitable of one."""
    refusal: Exception | None = None
    """Raised instead of opening."""
    leaving: Callable[[], Any] | None = None
    """Awaited on closing."""
    opened: int = 0
    closed: int = 0
    heard: list[str] = attrs.field(factory=list)
    """The methods of what the client sent, in order."""
    calls: list[Mapping[str, Any]] = attrs.field(factory=list)
    _say: Any = None

    @asynccontextmanager
    async def open_streams(self) -> AsyncGenerator[Any]:
        if self.refusal is not None:
            raise self.refusal
        self.opened += 1
        self._say, hearing = anyio.create_memory_object_stream[Any](100)
        saying, heard = anyio.create_memory_object_stream[Any](100)
        try:
            async with trio.open_nursery() as nursery, heard, self._say, hearing, saying:
                nursery.start_soon(self._serve, heard, self._say, nursery)
                yield hearing, saying
                nursery.cancel_scope.cancel()
        finally:
            self.closed += 1
            if self.leaving is not None:
                await self.leaving()

    def drop(self) -> None:
        """End the connection, as a process that exits does."""
        self._say.close()

    async def notify(self, method: str, **params: Any) -> None:
        message = JSONRPCNotification(jsonrpc="2.0", method=method, params=params)
        await self._say.send(SessionMessage(message))

    async def change(self, *tools: dict[str, Any]) -> None:
        """List these tools from now on, and say so."""
        self.tools = [*tools]
        await self.notify("notifications/tools/list_changed")

    async def _serve(self, heard: Any, say: Any, nursery: trio.Nursery) -> None:
        async for item in heard:
            self.heard.append(item.message.method)
            if isinstance(item.message, JSONRPCRequest):
                nursery.start_soon(self._answer, say, item.message)

    async def _answer(self, say: Any, request: JSONRPCRequest) -> None:
        message: JSONRPCResponse | JSONRPCError
        try:
            result = await self._result(request)
            message = JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)
        except MCPError as exc:
            error = ErrorData(code=exc.code, message=exc.message)
            message = JSONRPCError(jsonrpc="2.0", id=request.id, error=error)
        await say.send(SessionMessage(message))

    async def _result(self, request: JSONRPCRequest) -> Any:
        params = request.params or {}
        if request.method == "tools/call":
            self.calls.append(params)
        if request.method in self.answers:
            result = self.answers[request.method]({**params, "id": request.id})
            if hasattr(result, "__await__"):
                result = await result
            if isinstance(result, Exception):
                raise result
            return result
        if request.method == "initialize":
            return {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "scripted", "version": "1"},
            }
        if request.method == "tools/list":
            modern = "server/discover" in self.answers
            return {
                "tools": self.tools,
                **(
                    {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
                    if modern
                    else {}
                ),
            }
        if request.method == "tools/call":
            return text(f"{params['name']} {params.get('arguments')}")
        raise MCPError(METHOD_NOT_FOUND, "Method not found")


@attrs.define(eq=False)
class Desk:
    """The servers of a session that has begun, and what a session would do with them."""

    mcp: MCPTools
    nursery: trio.Nursery
    errors: list[Exception]
    context: RunContext[Any] = attrs.field(factory=lambda: RunContext(None))

    async def open(self, *servers: MCPServer, **options: Any) -> dict[str, FunctionTool[Any]]:
        """The tools of an agent with these servers, by name."""
        return await self.tools(RealtimeAgent("Assistant", mcp_servers=[*servers], **options))

    async def tools(self, agent: RealtimeAgent[Any]) -> dict[str, FunctionTool[Any]]:
        await self.mcp.start(agent.mcp_servers)
        return {made.name: made for made in await self.mcp.tools(agent, self.context)}


@asynccontextmanager
async def open_desk() -> AsyncGenerator[Desk]:
    errors: list[Exception] = []
    async with open_quiet_nursery() as nursery:
        yield Desk(MCPTools(nursery, errors.append), nursery, errors)


def call_context(tool: FunctionTool[Any], arguments: str = "{}") -> ToolContext[Any]:
    return ToolContext(None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=arguments)


async def call(tool: FunctionTool[Any], arguments: str = "{}") -> Any:
    """What a call gives, or raises."""
    return await tool.invoke(call_context(tool, arguments), arguments)


async def answer_to_model(tool: FunctionTool[Any], arguments: str = "{}") -> str:
    """What the model is told of a call that fails."""
    ctx = call_context(tool, arguments)
    try:
        output = await tool.invoke(ctx, arguments)
    except Exception as exc:
        return await tool.failure_output(ctx, exc)
    raise AssertionError(f"the call did not fail; it gave {output!r}")
