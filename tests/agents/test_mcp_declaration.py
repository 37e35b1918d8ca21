"""Declaring MCP servers: what is refused at the door, and what the options come to."""

import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.types import Tool

from trio_realtime import RealtimeAgent, RunContext, SettingsError, UserError
from trio_realtime.agents.mcp import (
    MCPServer,
    MCPServerStdio,
    MCPServerStdioParams,
    MCPServerStreamableHttp,
    MCPServerStreamableHttpParams,
    MCPToolError,
    default_mcp_tool_error,
)
from trio_realtime.agents.mcp_policy import (
    ToolFilterContext,
    approval_for,
    create_static_tool_filter,
    passes,
    read_approval,
)
from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.agents.tools import DEFAULT_TOOL_ERROR

AGENT = RealtimeAgent[Any]("Assistant")
CONTEXT = RunContext[Any](None)


class Own(MCPServer):
    """The least that a server of one's own has to be."""

    def open_streams(self) -> AbstractAsyncContextManager[Any]:
        raise NotImplementedError


def tool(name: str) -> Tool:
    return Tool(name=name, input_schema={"type": "object"})


# -- servers ---------------------------------------------------------------------------------------


def test_a_stdio_server() -> None:
    """Named after its program; what may be secret stays out of the repr."""
    params = {"command": "/usr/bin/desk", "args": ["--token=abc"], "env": {"KEY": "abc"}}
    server = MCPServerStdio(params=params)
    assert server.name == "stdio: desk"
    assert server.params == MCPServerStdioParams(
        command="/usr/bin/desk", args=["--token=abc"], env={"KEY": "abc"}
    )
    assert "abc" not in repr(server)
    assert MCPServerStdio(params=server.params, name="Desk").name == "Desk"


def test_a_server_over_http() -> None:
    """Named after its host; what may be secret stays out of name and repr."""
    url = "https://user:abc@desk.example:8443/abc/mcp?key=abc#abc"
    server = MCPServerStreamableHttp(params={"url": url, "headers": {"Authorization": "abc"}})
    assert server.name == "streamable_http: desk.example:8443"
    assert isinstance(server.params, MCPServerStreamableHttpParams)
    assert "abc" not in repr(server)
    assert MCPServerStreamableHttp(params=server.params, name="Desk").name == "Desk"


def test_what_a_server_of_ones_own_needs() -> None:
    assert Own(name="Desk").required is True
    with pytest.raises(TypeError, match="abstract"):
        MCPServer(name="Desk")  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "params.command: is required"),
        ({"comand": "desk"}, "params.comand: unknown setting; did you mean 'command'?"),
        ({"command": "desk", "args": "--all"}, "params.args: expected a sequence, got str"),
        ({"command": "desk", "env": {"N": 1}}, "params.env.N: expected a string, got int"),
        ("desk", "params: expected MCPServerStdioParams or a mapping, got str"),
    ],
)
def test_wrong_params_of_a_stdio_server(params: Any, message: str) -> None:
    with pytest.raises(SettingsError) as info:
        MCPServerStdio(params=params)
    assert str(info.value) == message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "params.url: is required"),
        ({"url": "desk.example/mcp"}, "params.url: expected a URL that begins with https://"),
        ({"url": "https:///mcp"}, "params.url: expected a URL that begins with https://"),
        ({"url": "https://desk.example", "timeout": -1}, "params.timeout: expected a number of at"),
    ],
)
def test_wrong_params_of_a_server_over_http(params: Any, message: str) -> None:
    with pytest.raises(UserError) as info:
        MCPServerStreamableHttp(params=params)
    assert str(info.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 1}, "the name of an MCP server must be a str, got int"),
        ({"name": ""}, "the name of an MCP server must not be empty"),
        ({"cache_tools_list": 1}, "MCP server 'Desk': cache_tools_list must be a bool, got int"),
        ({"use_structured_content": 1}, "use_structured_content must be a bool"),
        ({"required": None}, "required must be a bool, got None"),
        ({"tool_name_prefix": None}, "tool_name_prefix must be a str, got None"),
        ({"connect_timeout": None}, "connect_timeout must be a number of seconds, got None"),
        ({"connect_timeout": float("inf")}, "connect_timeout must be more than 0 s, and finite"),
        ({"client_session_timeout_seconds": 0}, "must be more than 0 s, and finite"),
        ({"failure_error_function": "sorry"}, "failure_error_function must be callable, got str"),
        ({"tool_input_guardrails": [1]}, "tool_input_guardrails[0] must be a ToolInputGuardrail"),
        ({"tool_output_guardrails": [1]}, "tool_output_guardrails[0] must be a ToolOutput"),
        ({"tool_filter": "a"}, "tool_filter must be lists of names or a function, got str"),
        ({"tool_filter": {"allowed": []}}, "tool_filter has no option 'allowed'"),
        (
            {"tool_filter": {"allowed_tool_names": "a"}},
            "tool_filter: allowed_tool_names must be a list of names, got str",
        ),
        (
            {"tool_filter": {"blocked_tool_names": [1]}},
            "tool_filter: blocked_tool_names[0] must be a str, got int",
        ),
        ({"require_approval": "sometimes"}, "require_approval must be 'always' or 'never'"),
        ({"require_approval": {"a": 1}}, "require_approval['a'] must be 'always' or 'never'"),
        (
            {"require_approval": {"always": ["a"], "never": ["a"]}},
            "require_approval: 'a' is both in 'always' and in 'never'",
        ),
        (
            {"require_approval": {"always": {"names": ["a"]}}},
            "require_approval: always has no option 'names'",
        ),
        ({"require_approval": {"always": None}}, "always must be a list of names, got None"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as info:
        Own(**{"name": "Desk", **options})
    assert message in str(info.value)


def test_no_time_limit_for_requests() -> None:
    assert Own(name="Desk", client_session_timeout_seconds=None).connect_timeout == 30


# -- filters ---------------------------------------------------------------------------------------


def test_a_static_filter_of_lists() -> None:
    assert create_static_tool_filter() is None
    assert create_static_tool_filter(["a"]) == {"allowed_tool_names": ["a"]}
    assert create_static_tool_filter(["a"], ["b"]) == {
        "allowed_tool_names": ["a"],
        "blocked_tool_names": ["b"],
    }
    assert create_static_tool_filter([]) == {"allowed_tool_names": []}


async def test_functions_filter_sync_or_async() -> None:
    context = ToolFilterContext(run_context=CONTEXT, agent=AGENT, server_name="Desk")

    async def later(context: ToolFilterContext, offered: Tool) -> bool:
        return offered.name == "a"

    def now(context: ToolFilterContext, offered: Tool) -> bool:
        return offered.name == "a"

    for function in (now, later):
        assert await passes(function, context, tool("a"))
        assert not await passes(function, context, tool("b"))
    assert not await passes({"allowed_tool_names": []}, context, tool("a"))


# -- approvals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        (None, {"a": False, "b": False}),
        ("always", {"a": True, "b": True}),
        ("never", {"a": False, "b": False}),
        (True, {"a": True, "b": True}),
        (False, {"a": False, "b": False}),
        ({"always": ["a"]}, {"a": True, "b": False}),
        ({"always": {"tool_names": ["a"]}}, {"a": True, "b": False}),
        ({"never": ["a"]}, {"a": False, "b": True}),
        ({"always": ["a"], "never": ["b"]}, {"a": True, "b": False, "c": False}),
        ({"never": {}}, {"a": True}),
        ({}, {"a": False}),
        ({"a": "always", "b": "never"}, {"a": True, "b": False, "c": False}),
        ({"always": True, "never": "never"}, {"always": True, "never": False, "a": False}),
    ],
)
def test_what_needs_approval(given: Any, needed: dict[str, bool]) -> None:
    policy = read_approval("MCP server 'Desk'", given)
    assert {name: approval_for(policy, AGENT, tool(name)) for name in needed} == needed


async def test_functions_decide_on_approval_sync_or_async() -> None:
    asked: list[Any] = []

    def now(context: Any, agent: Any, called: Tool) -> bool:
        asked.append((context, agent, called.name))
        return True

    async def later(context: Any, agent: Any, called: Tool) -> bool:
        return False

    first = approval_for(read_approval("", now), AGENT, tool("a"))
    second = approval_for(read_approval("", later), AGENT, tool("a"))
    assert callable(first)
    assert callable(second)
    assert await first(CONTEXT, {"x": 1}, "call_1") is True
    assert await second(CONTEXT, {"x": 1}, "call_1") is False
    assert asked == [(CONTEXT, AGENT, "a")]


# -- errors ----------------------------------------------------------------------------------------


def test_what_the_model_is_told_of_a_failure() -> None:
    """The text for the model if there is one, and else no details."""
    error = MCPToolError("m", server_name="Desk", tool_name="a", text="no stock")
    silent = MCPToolError("m", server_name="Desk", tool_name="a")
    assert default_mcp_tool_error(CONTEXT, error) == "no stock"
    assert default_mcp_tool_error(CONTEXT, silent) == DEFAULT_TOOL_ERROR
    assert default_mcp_tool_error(CONTEXT, ValueError("secret")) == DEFAULT_TOOL_ERROR
    wrong = ToolArgumentsError([("n", "expected an integer")])
    assert default_mcp_tool_error(CONTEXT, wrong) == "Invalid arguments. n: expected an integer"


# -- the package -----------------------------------------------------------------------------------


def test_declaring_imports_neither_the_package_nor_asyncio() -> None:
    """It is imported when a server is opened."""
    program = (
        "import sys; from trio_realtime.agents.mcp import MCPServerStdio;"
        "import trio_realtime.sessions.mcp.session_servers;"
        "MCPServerStdio(params={'command': 'desk'});"
        "print([name for name in ('mcp', 'httpx2', 'anyio', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


async def test_standard_error_of_a_process_is_the_real_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ``sys.stderr`` that is Python's alone would be of no use to it."""
    monkeypatch.setattr(sys, "stderr", SimpleNamespace())
    server = MCPServerStdio(params={"command": sys.executable, "args": ["-S", "-c", ""]})
    async with server.open_streams() as (hearing, _):
        assert [message async for message in hearing] == []
