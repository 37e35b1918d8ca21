"""MCP servers that this process talks to: where they are, and how their tools are offered.

An agent lists them as ``mcp_servers``. A server here is a declaration and holds no connection, so
one object serves any number of agents and sessions. Each session opens it once for itself, and
closes it when the session ends. Opening, listing and calling are in `sessions`. The protocol is
spoken by the official ``mcp`` package, which is imported when a server is opened (extra:
``trio-realtime[mcp]``).
"""

import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias, cast

import attrs

from trio_realtime._util.settings_base import Settings, at_their_fields, structure
from trio_realtime._util.type_checks import UNSET, Seconds, Unset
from trio_realtime.context import RunContext
from trio_realtime.errors import TrioRealtimeError, UserError

from .declaration_checks import check_function, check_list, check_type
from .mcp_policy import ApprovalPolicy, RequireApproval, ToolFilter, check_filter, read_approval
from .tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
from .tools import ToolErrorFunction, default_tool_error

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MCPStreams: TypeAlias = "TransportStreams"
"""The two streams of a server, to read from and to write to; each carries ``SessionMessage``."""


class MCPToolError(TrioRealtimeError):
    """A call of a tool of an MCP server failed.

    The message names the server and the tool and nothing else. ``text`` is what the model is told
    of the failure by default; if it is None, that is the text of `default_tool_error`. The text may
    be the server's own, so it goes to the model and not into logs.
    """

    def __init__(
        self, message: str, *, server_name: str, tool_name: str, text: str | None = None
    ) -> None:
        super().__init__(message)
        self.server_name = server_name
        self.tool_name = tool_name
        self.text = text


def default_mcp_tool_error(ctx: RunContext[Any], exc: Exception) -> str:
    """Return what the model is told of a failure by default.

    A server reports the failure of its tool, or of the arguments, in words that are meant for the
    model, so these are passed on. Other failures are told without their details.
    """
    if isinstance(exc, MCPToolError) and exc.text is not None:
        return exc.text
    return default_tool_error(ctx, exc)


@attrs.define(eq=False, kw_only=True)
class MCPServer(ABC):
    """An MCP server whose tools an agent offers to the model.

    `MCPServerStdio` and `MCPServerStreamableHttp` are the usual ones. A subclass of your own only
    has to define `open_streams`. Raises `UserError` for an option that cannot work.
    """

    name: str
    """Names the server in error messages, and in the names of its tools where the agent's
    ``mcp_config`` has ``include_server_in_tool_names``."""
    cache_tools_list: bool = True
    """Ask for the tools once, and again when the server says that they changed. If False, ask also
    each time that an agent with the server takes over."""
    client_session_timeout_seconds: float | None = 30.0
    """Seconds that the server may take to answer a request, such as the call of a tool; None is no
    limit. A call that takes longer is cancelled and fails."""
    connect_timeout: float = 30.0
    """Seconds that opening the server may take: starting or reaching it, initializing the MCP
    session and listing the tools."""
    tool_filter: ToolFilter = attrs.field(default=None, repr=False)
    require_approval: RequireApproval | None = attrs.field(default=None, repr=False)
    """Which calls a person has to approve, by the tools' names on the server; none by default."""
    failure_error_function: ToolErrorFunction[Any] | Unset | None = attrs.field(
        default=UNSET, repr=False
    )
    """As for `function_tool`. If it is not given, the ``mcp_config`` of the agent decides, and if
    that has none, it is `default_mcp_tool_error`."""
    use_structured_content: bool = False
    """Whether the model gets the structured content of a result, as JSON, instead of its text."""
    tool_name_prefix: str = ""
    """Put before the names of the tools, so that tools of two servers can have the same name."""
    required: bool = True
    """Whether opening a session, or a handoff, fails when the server cannot be opened. If not, the
    application gets an ``error`` event, and the agent has to do without its tools."""
    tool_input_guardrails: Sequence[ToolInputGuardrail[Any]] = ()
    """For calls of every tool of the server."""
    tool_output_guardrails: Sequence[ToolOutputGuardrail[Any]] = ()
    """For what every tool of the server returns."""
    approval_policy: ApprovalPolicy = attrs.field(init=False, repr=False)
    """``require_approval`` as `mcp_policy.approval_for` takes it."""

    def __attrs_post_init__(self) -> None:
        check_type("the name of an MCP server", self.name, (str,), "a str")
        if not self.name:
            raise UserError("the name of an MCP server must not be empty")
        what = f"MCP server {self.name!r}"
        for name in ("cache_tools_list", "use_structured_content", "required"):
            check_type(f"{what}: {name}", getattr(self, name), (bool,), "a bool")
        check_type(f"{what}: tool_name_prefix", self.tool_name_prefix, (str,), "a str")
        if self.client_session_timeout_seconds is not None:
            self._check_seconds(what, "client_session_timeout_seconds")
        self._check_seconds(what, "connect_timeout")
        check_filter(what, self.tool_filter)
        self.approval_policy = read_approval(what, self.require_approval)
        if self.failure_error_function not in (UNSET, None):
            check_function(f"{what}: failure_error_function", self.failure_error_function)
        self.tool_input_guardrails = check_list(
            f"{what}: tool_input_guardrails",
            self.tool_input_guardrails,
            (ToolInputGuardrail,),
            "a ToolInputGuardrail",
        )
        self.tool_output_guardrails = check_list(
            f"{what}: tool_output_guardrails",
            self.tool_output_guardrails,
            (ToolOutputGuardrail,),
            "a ToolOutputGuardrail",
        )

    def _check_seconds(self, what: str, option: str) -> None:
        seconds = getattr(self, option)
        check_type(f"{what}: {option}", seconds, (int, float), "a number of seconds")
        if not 0 < seconds < math.inf:
            raise UserError(f"{what}: {option} must be more than 0 s, and finite")

    @abstractmethod
    def open_streams(self) -> "AbstractAsyncContextManager[MCPStreams]":
        """Return a context manager that connects to the server and yields its two streams.

        It is entered and left in one task. Leaving it, also when cancelled, ends everything that
        entering it began. Called each time that a session opens the server; the ``mcp`` package has
        been imported by then. For tests, the package has a transport in memory.
        """


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class MCPServerStdioParams(Settings):
    """How to start a server that talks over its standard input and output."""

    command: str
    """The program, looked up in ``PATH``."""
    args: Sequence[str] = attrs.field(default=(), repr=False)
    env: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    """Environment variables, in addition to the few that every server gets (``HOME``, ``PATH`` and
    the like)."""
    cwd: str | Path | None = None
    encoding: str = "utf-8"
    encoding_error_handler: Literal["strict", "ignore", "replace"] = "strict"


def _to_stdio_params(value: MCPServerStdioParams | Mapping[str, Any]) -> MCPServerStdioParams:
    return structure(MCPServerStdioParams, value, "params")


@attrs.define(eq=False, kw_only=True)
class MCPServerStdio(MCPServer):
    """A server that runs as a child process of each session.

    Its standard error is that of this process. When the session ends, its input is closed; if it
    does not exit then, it is killed after some seconds, with its children.
    """

    params: MCPServerStdioParams = attrs.field(converter=_to_stdio_params)
    """`MCPServerStdioParams`, or a mapping of them."""
    name: str = ""
    """By default ``stdio:`` and the command."""

    def __attrs_post_init__(self) -> None:
        if not self.name:
            self.name = f"stdio: {PurePath(self.params.command).name}"
        super().__attrs_post_init__()

    def open_streams(self) -> "AbstractAsyncContextManager[MCPStreams]":
        """Start the process. Raises `OSError` if there is no such program."""
        from mcp.client.stdio import StdioServerParameters, stdio_client

        params = self.params
        return stdio_client(
            StdioServerParameters(
                command=params.command,
                args=[*params.args],
                env=None if params.env is None else {**params.env},
                cwd=params.cwd,
                encoding=params.encoding,
                encoding_error_handler=params.encoding_error_handler,
            ),
            # Not sys.stderr, which may be replaced by an object without a file descriptor.
            errlog=cast("TextIO", sys.__stderr__),
        )


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class MCPServerStreamableHttpParams(Settings):
    """How to reach a server over HTTP."""

    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    """Sent with every request."""
    timeout: Seconds = 30.0
    """Seconds to connect, and to send a request."""
    sse_read_timeout: Seconds = 300.0
    """Seconds of silence in a stream of the server before it counts as lost."""
    terminate_on_close: bool = True
    """Whether to tell the server at the end, so that it can drop the state it keeps."""
    auth: Any = attrs.field(default=None, repr=False)
    """An ``httpx2.Auth``, such as the ``OAuthClientProvider`` of the ``mcp`` package."""


def _to_http_params(
    value: MCPServerStreamableHttpParams | Mapping[str, Any],
) -> MCPServerStreamableHttpParams:
    return structure(MCPServerStreamableHttpParams, value, "params")


@attrs.define(eq=False, kw_only=True)
class MCPServerStreamableHttp(MCPServer):
    """A server that is reached by the streamable HTTP transport."""

    params: MCPServerStreamableHttpParams = attrs.field(converter=_to_http_params)
    """`MCPServerStreamableHttpParams`, or a mapping of them."""
    name: str = ""
    """By default ``streamable_http:`` and the host of the URL; the rest of it may hold a secret."""

    def __attrs_post_init__(self) -> None:
        scheme, _, rest = self.params.url.partition("://")
        host = re.split("[/?#]", rest)[0].rpartition("@")[2]
        if scheme not in ("http", "https") or not host:
            raise UserError("params.url: expected a URL that begins with https:// or http://")
        if not self.name:
            self.name = f"streamable_http: {host}"
        super().__attrs_post_init__()

    @asynccontextmanager
    async def open_streams(self) -> "AsyncGenerator[MCPStreams]":
        """Make an HTTP client for the session's requests to the server."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        params = self.params
        async with (
            httpx2.AsyncClient(
                headers=None if params.headers is None else {**params.headers},
                timeout=httpx2.Timeout(params.timeout, read=params.sse_read_timeout),
                auth=params.auth,
            ) as http,
            streamable_http_client(
                params.url, http_client=http, terminate_on_close=params.terminate_on_close
            ) as streams,
        ):
            yield streams
