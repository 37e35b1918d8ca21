"""One MCP server in one session: opened, called, opened again after it died, and closed.

Cancel scopes belong to the task that entered them, and the official client has some, so each
connection is opened and closed in one task, below that of `MCPHost.run` in the session's nursery.
Calls come from tool tasks and only wait for answers there. A call that is cancelled is taken back
with the server, which stays usable.

A connection that is lost fails the calls that are on their way; whether they had an effect, nobody
can know, so none is repeated. The next call asks the host task for one new attempt.
"""

import importlib
import math
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, cast

import attrs
import trio

from ..._util.nurseries import open_quiet_nursery
from ..._version import __version__
from ...agents.mcp import MCPServer, MCPToolError
from ...errors import (
    RealtimeConnectionError,
    RealtimeProtocolError,
    ToolTimeoutError,
    TrioRealtimeError,
    UserError,
)

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import TransportStreams
    from mcp.types import CallToolResult, Tool

_CLOSE_SECONDS: Final = 2.0
"""Seconds for closing a connection. For a server process, the client adds limits of its own."""

_MAX_PAGES: Final = 100
"""Pages that a listing of tools may have. A server that sends more never ends it."""

_LISTEN_AGAIN: Final = 1.0
"""Seconds to wait before asking again for notifications when the server ended their stream."""

_UNREACHABLE = "The server of this tool cannot be reached at the moment."
_LOST = (
    "The connection to the server of this tool was lost. "
    "Whether the call had an effect is not known."
)


@attrs.define(eq=False, repr=False)
class _Connection:
    """One connection, from the attempt to its end."""

    limit: trio.CancelScope
    """The scope around the connection. It limits the time for opening and for closing, and shields
    against cancellations, which would end the client's tasks before it can close in order."""
    is_open: bool = False
    lost: trio.Event = attrs.field(factory=trio.Event)
    """Set when the server sends nothing more, or the connection is to be closed."""
    over: trio.Event = attrs.field(factory=trio.Event)
    failure: Exception | None = None

    def leave(self) -> None:
        """Close the connection, or give up opening it."""
        self.lost.set()
        if not self.is_open:
            self.limit.cancel()


@attrs.define(eq=False, repr=False)
class MCPHost:
    """The host of one server. `run` is its task; the other methods are for other tasks."""

    server: MCPServer
    _changed: Callable[[], None]
    """Called when the server's tools have changed."""
    _tell_error: Callable[[Exception], None]
    """Called with a problem that does not end the session."""
    _tools: "list[Tool] | None" = attrs.field(default=None, init=False)
    _stale: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the server says that its tools changed."""
    _current: "tuple[Client, trio.Event] | None" = attrs.field(default=None, init=False)
    """The last client that was open, and the event that is set when it is lost."""
    _attempt: trio.Event | None = attrs.field(default=None, init=False)
    """Set when the attempt to connect that a call asked for is over; ``None`` without one."""
    _wanted: trio.Event = attrs.field(factory=trio.Event, init=False)
    _failure: Exception | None = attrs.field(default=None, init=False)
    """Why the last attempt failed, or what ended the last connection."""

    # -- the task --------------------------------------------------------------------
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the server, report `started`, and keep it until cancelled.

        Raises, before it has started:
            UserError: the ``mcp`` package is not installed.
            RealtimeConnectionError: the server could not be opened; names it.
        """
        await self._serve(task_status.started)
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            try:
                await self._serve(self._attempt_over)
            except TrioRealtimeError as exc:
                self._failure = exc
                self._attempt_over()

    async def _serve(self, opened: Callable[[], None]) -> None:
        """Open a connection and return when it is lost. Raises if it could not be opened.

        Cancelled, this closes the connection first, which has a time limit.
        """
        await _import_mcp()
        deadline = trio.current_time() + self.server.connect_timeout
        connection = _Connection(trio.CancelScope(deadline=deadline, shield=True))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._connect, connection, opened)
            try:
                await connection.over.wait()
            finally:
                connection.leave()
        self._failure = connection.failure
        if not connection.is_open:
            name, limit = self.server.name, self.server.connect_timeout
            why = "could not be opened" if self._failure else f"was not open within {limit:g} s"
            raise RealtimeConnectionError(f"MCP server {name!r} {why}") from self._failure

    async def _connect(self, connection: _Connection, opened: Callable[[], None]) -> None:
        """The task that opens and closes the client."""
        try:
            with connection.limit as limit:
                async with self._client(connection.lost) as client:
                    self._learn(await _list_tools(client))
                    limit.deadline = math.inf
                    connection.is_open = True
                    self._current = client, connection.lost
                    opened()
                    try:
                        await self._until_lost(client, connection.lost)
                    finally:
                        connection.lost.set()
                        limit.deadline = trio.current_time() + _CLOSE_SECONDS
        except Exception as exc:  # noqa: BLE001 - the boundary to what the client and servers raise
            connection.failure = _innermost(exc)
        finally:
            connection.over.set()

    @asynccontextmanager
    async def _client(self, lost: trio.Event) -> "AsyncGenerator[Client]":
        from mcp import Client
        from mcp.types import Implementation

        client = Client(
            _watched(self.server.open_streams(), lost),
            client_info=Implementation(name="trio-realtime", version=__version__),
            read_timeout_seconds=self.server.client_session_timeout_seconds,
            message_handler=self._hear,
            cache=None,
        )
        async with client:
            yield client

    async def _until_lost(self, client: "Client", lost: trio.Event) -> None:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(self._refresh, client, lost)
            nursery.start_soon(self._listen, client)
            await lost.wait()

    def _attempt_over(self) -> None:
        assert self._attempt is not None
        self._attempt.set()
        self._attempt = None

    # -- the listing -----------------------------------------------------------------
    async def _hear(self, message: object) -> None:
        """Act on a notification of the server. Called in tasks of the client."""
        from mcp.types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._stale.set()
        await trio.lowlevel.checkpoint()

    async def _refresh(self, client: "Client", lost: trio.Event) -> None:
        """List the tools again each time the server says that they changed."""
        while True:
            await self._stale.wait()
            self._stale = trio.Event()
            await self._list_anew(client, lost)

    async def _list_anew(self, client: "Client", lost: trio.Event) -> None:
        try:
            self._learn(await _list_tools(client))
        except Exception as exc:  # noqa: BLE001 - the old listing is better than no session
            if not lost.is_set():
                error = RealtimeConnectionError(
                    f"MCP server {self.server.name!r}: its tools could not be listed anew"
                )
                error.__cause__ = exc
                self._tell_error(error)

    async def _listen(self, client: "Client") -> None:
        """Keep a stream of notifications open. Servers since protocol 2026-07-28 need it.

        The notifications come to `_hear`, from these servers and from older ones.
        """
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        while True:
            try:
                async with client.listen(tools_list_changed=True) as news:
                    self._stale.set()  # tools may have changed before the stream was open
                    async for _ in news:
                        pass
            except (ListenNotSupportedError, MCPError, TimeoutError):
                return
            except SubscriptionLost:
                pass
            await trio.sleep(_LISTEN_AGAIN)

    def _learn(self, tools: "list[Tool]") -> None:
        known, self._tools = self._tools, tools
        if known is not None and tools != known:
            self._changed()

    # -- for other tasks -------------------------------------------------------------
    async def tools(self) -> "list[Tool]":
        """The server's tools as last listed; listed now if they are not to be cached.

        A server that is lost keeps its tools, since a call of one of them opens it again.
        """
        usable = self._usable()
        if usable is not None and not self.server.cache_tools_list:
            await self._list_anew(*usable)
        return self._tools or []

    async def call(self, tool_name: str, arguments: dict[str, Any]) -> "CallToolResult":
        """Call a tool and return the server's answer, which may be that the tool failed.

        If the server was lost, it is opened again first. If this is cancelled, the server is told
        that the call was; other calls go on.

        Raises:
            MCPToolError: the server could not be reached, or gave no valid answer.
        """
        client, lost = await self._connected(tool_name)
        try:
            return await client.call_tool(tool_name, arguments)
        except Exception as exc:
            # The connection may have ended because the session does; then this is cancelled.
            await trio.lowlevel.checkpoint_if_cancelled()
            raise self._error(tool_name, self._explain(tool_name, lost, exc)) from exc

    async def _connected(self, tool_name: str) -> "tuple[Client, trio.Event]":
        usable = self._usable()
        if usable is None:
            if self._attempt is None:
                self._attempt = trio.Event()
                self._wanted.set()
            await self._attempt.wait()
            usable = self._usable()
        if usable is None:
            await trio.lowlevel.checkpoint_if_cancelled()  # as in `call`
            raise self._error(tool_name, _UNREACHABLE) from self._failure
        return usable

    def _usable(self) -> "tuple[Client, trio.Event] | None":
        current = self._current
        return None if current is None or current[1].is_set() else current

    def _explain(self, tool_name: str, lost: trio.Event, exc: Exception) -> str | None:
        """The text for the model about a call without an answer; ``None`` for a general one."""
        from mcp import MCPError
        from mcp.types import INVALID_PARAMS, INVALID_REQUEST, REQUEST_TIMEOUT

        if not isinstance(exc, MCPError):  # an answer that the protocol does not allow
            return None
        if exc.code == INVALID_REQUEST and exc.message == "Session terminated":
            # The client says so for a 404: the server has forgotten the MCP session, so it has to
            # be opened again.
            lost.set()
        if lost.is_set():
            return _LOST
        if exc.code == REQUEST_TIMEOUT:
            limit = self.server.client_session_timeout_seconds or 0
            return str(ToolTimeoutError(tool_name, limit))
        return exc.message if exc.code == INVALID_PARAMS else None

    def _error(self, tool_name: str, text: str | None) -> MCPToolError:
        name = self.server.name
        return MCPToolError(
            f"tool {tool_name!r} of MCP server {name!r} could not be called",
            server_name=name,
            tool_name=tool_name,
            text=text,
        )


async def _import_mcp() -> None:
    """Import ``mcp`` in a thread: it takes a second, in which the program's audio would stop."""
    try:
        if "mcp" not in sys.modules:
            await trio.to_thread.run_sync(importlib.import_module, "mcp")
        from mcp import Client
    except ImportError as exc:
        raise UserError(
            "MCP servers need version 2 or later of the package mcp: install trio-realtime[mcp]"
        ) from exc
    del Client


async def _list_tools(client: "Client") -> "list[Tool]":
    """The tools of all pages of the listing; none if the server has no listing."""
    from mcp import MCPError
    from mcp.types import METHOD_NOT_FOUND

    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        try:
            page = await client.list_tools(cursor=cursor)
        except MCPError as exc:
            if exc.code == METHOD_NOT_FOUND:
                return []
            raise
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            return tools
    raise RealtimeProtocolError(f"the listing of tools has more than {_MAX_PAGES} pages")


@asynccontextmanager
async def _watched(
    streams: "AbstractAsyncContextManager[TransportStreams]", lost: trio.Event
) -> "AsyncGenerator[TransportStreams]":
    async with streams as (hearing, saying):
        yield cast("Any", _Watched(hearing, lost)), saying


@attrs.frozen(eq=False)
class _Watched:
    """The stream from the server, unchanged, but that an event is set when it ends."""

    _hearing: Any
    _lost: trio.Event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hearing, name)

    async def __aenter__(self) -> Self:
        await self._hearing.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> bool | None:
        return cast("bool | None", await self._hearing.__aexit__(*exc_info))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._hearing.__anext__()
        except BaseException:
            self._lost.set()
            raise


def _innermost(exc: Exception) -> Exception:
    """The first exception inside the groups that nurseries wrap around exceptions."""
    if isinstance(exc, ExceptionGroup):
        return _innermost(cast("ExceptionGroup[Exception]", exc).exceptions[0])
    return exc
