"""MCP servers where they really are: in a process of their own, or behind HTTP on loopback."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import hypercorn.config
import hypercorn.trio
import pytest
import trio
import trio.testing
from mcp.server import MCPServer as PeerServer
from mcp.server.mcpserver import Context
from support_mcp import answer_to_model, call, open_desk

from trio_realtime import RealtimeConnectionError
from trio_realtime.agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from trio_realtime.testing.leaks import assert_nothing_survives

SUPPORT_DESK = Path(__file__).parents[2] / "examples" / "support_desk_mcp.py"

# A server of before 2026 in few lines, since one made with the package takes a second to start.
SMALL = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    method, answer = message["method"], {}
    if method == "initialize":
        answer["result"] = {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "small", "version": "1"},
        }
    elif method == "tools/list":
        names = ["pid", "exit", "hang"]
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
        answer["result"] = {"tools": tools}
    elif method == "tools/call":
        if message["params"]["name"] == "exit":
            os._exit(3)
        if message["params"]["name"] == "hang":
            continue
        said = [os.getpid(), os.environ.get("DESK"), os.getcwd()]
        answer["result"] = {"content": [], "structuredContent": {"said": said}}
    else:
        answer["error"] = {"code": -32601, "message": "Method not found"}
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""


def small(**options: Any) -> MCPServerStdio:
    params = {"command": sys.executable, "args": ["-S", "-E", "-c", SMALL], **options}
    return MCPServerStdio(name="Small", params=params)


def is_there(pid: int) -> bool:
    """Whether there is such a process, be it only as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# -- processes -------------------------------------------------------------------------------------


async def test_the_support_desk_of_the_examples() -> None:
    server = MCPServerStdio(params={"command": sys.executable, "args": [str(SUPPORT_DESK)]})
    async with assert_nothing_survives(), open_desk() as desk:
        tools = await desk.open(server)
        assert [*tools] == ["look_up_order", "search_faq", "open_ticket"]
        order = await call(tools["look_up_order"], '{"number": "a100"}')
        assert "a red kettle" in order
        unknown = await answer_to_model(tools["look_up_order"], '{"number": "B1"}')
        assert "Ask for the number again." in unknown
        answer = await call(tools["search_faq"], '{"question": "How long is the warranty?"}')
        assert answer == "Everything has a warranty of two years."


async def test_a_process_has_what_it_was_given_and_ends_with_the_session(tmp_path: Path) -> None:
    server = small(env={"DESK": "front"}, cwd=tmp_path)
    async with assert_nothing_survives():
        async with open_desk() as desk:
            tools = await desk.open(server)
            pid, variable, folder = (await call(tools["pid"]))["said"]
            assert (variable, folder) == ("front", os.path.realpath(tmp_path))  # noqa: ASYNC240
            assert is_there(pid)
        assert not is_there(pid)


async def test_a_process_that_exits_during_a_call() -> None:
    """The call fails, nothing else does, and the next call starts another process."""
    async with open_desk() as desk:
        tools = await desk.open(small())
        [first, *_] = (await call(tools["pid"]))["said"]
        assert "was lost" in await answer_to_model(tools["exit"])
        [second, *_] = (await call(tools["pid"]))["said"]
        assert first != second
        assert not is_there(first)
    assert not is_there(second)


async def test_a_process_ends_when_everything_is_cancelled_during_a_call() -> None:
    async with assert_nothing_survives():
        with trio.CancelScope() as scope:
            async with open_desk() as desk:
                tools = await desk.open(small())
                [pid, *_] = (await call(tools["pid"]))["said"]
                desk.nursery.start_soon(call, tools["hang"])
                await trio.testing.wait_all_tasks_blocked(0.01)
                scope.cancel()
        assert not is_there(pid)


async def test_a_program_that_is_not_there() -> None:
    server = MCPServerStdio(params={"command": "/no/such/desk"})
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="'stdio: desk' could not be") as info:
            await desk.open(server)
        assert isinstance(info.value.__cause__, FileNotFoundError)


async def test_a_program_that_is_no_server() -> None:
    server = MCPServerStdio(params={"command": sys.executable, "args": ["-S", "-c", ""]})
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="could not be opened"):
            await desk.open(server)


# -- HTTP ------------------------------------------------------------------------------------------


def shop(headers: list[str]) -> Any:
    server = PeerServer("Shop", log_level="CRITICAL")

    @server.tool()
    async def price(item: str, ctx: Context[Any]) -> str:
        """What an item costs."""
        headers.append(str((ctx.headers or {}).get("x-till")))
        return f"{item}: 4.5"

    @server.tool()
    async def hang() -> None:
        """Never answer."""
        await trio.sleep_forever()

    return server.streamable_http_app()


@asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncGenerator[int]:
    """Serve over HTTP on loopback; yields the port."""
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(hypercorn.trio.serve, app, config)
        yield int(address.rpartition(":")[2])
        nursery.cancel_scope.cancel()


def over_http(port: int) -> MCPServerStreamableHttp:
    return MCPServerStreamableHttp(
        params={"url": f"http://127.0.0.1:{port}/mcp", "headers": {"X-Till": "3"}}
    )


async def test_a_server_over_http() -> None:
    heard: list[str] = []
    async with assert_nothing_survives(), served(shop(heard)) as port:
        async with open_desk() as desk:
            tools = await desk.open(over_http(port))
            assert await call(tools["price"], '{"item": "tea"}') == "tea: 4.5"
            with trio.move_on_after(0.05) as scope:
                await call(tools["hang"])
            assert scope.cancelled_caught
            assert await call(tools["price"], '{"item": "milk"}') == "milk: 4.5"
        assert heard == ["3", "3"]


async def test_a_server_over_http_that_goes_away_and_comes_back() -> None:
    heard: list[str] = []
    async with assert_nothing_survives(), open_desk() as desk:
        async with served(shop(heard)) as port:
            tools = await desk.open(over_http(port))
            assert await call(tools["price"], '{"item": "tea"}') == "tea: 4.5"
        assert "server of this tool" in await answer_to_model(tools["price"], '{"item": "tea"}')
        assert "cannot be reached" in await answer_to_model(tools["price"], '{"item": "tea"}')
        async with served(shop(heard), port):
            assert await call(tools["price"], '{"item": "milk"}') == "milk: 4.5"


@attrs.define
class OldShop:
    """An ASGI application: a server of before 2026, with sessions of its own."""

    sessions: set[str] = attrs.field(factory=set)
    begun: int = 0
    ended: list[str] = attrs.field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        session = dict(scope["headers"]).get(b"mcp-session-id", b"").decode()
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event["more_body"]:
                break
        if scope["method"] == "DELETE":
            self.sessions.discard(session)
            self.ended.append(session)
            status, answer = 200, None
        elif scope["method"] == "GET":
            status, answer = 405, None
        else:
            status, answer, session = self._post(json.loads(body), session)
        headers = [(b"content-type", b"application/json"), (b"mcp-session-id", session.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if answer is None else json.dumps(answer).encode()
        await send({"type": "http.response.body", "body": content})

    def _post(self, message: Any, session: str) -> tuple[int, Any, str]:
        method = message["method"]
        answer = {"jsonrpc": "2.0", "id": message.get("id")}
        if method == "server/discover":
            return 400, {**answer, "error": {"code": -32601, "message": "no"}}, ""
        if method == "initialize":
            self.begun += 1
            session = f"session {self.begun}"
            self.sessions.add(session)
            introduction = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"},
            }
            return 200, {**answer, "result": introduction}, session
        if session not in self.sessions:
            return 404, None, session
        if "id" not in message:
            return 202, None, session
        if method == "tools/list":
            tools = [{"name": "session", "inputSchema": {"type": "object"}}]
            return 200, {**answer, "result": {"tools": tools}}, session
        content = [{"type": "text", "text": session}]
        return 200, {**answer, "result": {"content": content}}, session


async def test_a_server_with_sessions_is_told_that_one_is_over_and_may_forget_one() -> None:
    old = OldShop()
    async with assert_nothing_survives(), served(old) as port:
        async with open_desk() as desk:
            tools = await desk.open(over_http(port))
            assert await call(tools["session"]) == "session 1"
            old.sessions.clear()
            assert "was lost" in await answer_to_model(tools["session"])
            assert await call(tools["session"]) == "session 2"
        assert old.ended == ["session 1", "session 2"]


async def test_nobody_there() -> None:
    with trio.socket.socket() as sock:
        await sock.bind(("127.0.0.1", 0))
        _, port = sock.getsockname()
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match=r"'streamable_http: 127\.0\.0\.1:"):
            await desk.open(over_http(port))
