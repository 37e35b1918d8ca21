"""MCP servers that the model's own service calls, without this process.

A `HostedMCPTool` becomes part of the session's settings and is nothing else. Source of the fields:
the ``mcp`` tool of ``RealtimeToolsConfigUnion`` in ``openai.types.realtime``. Servers that this
process calls are declared with `mcp`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import attrs

from trio_realtime.errors import UserError

from .declaration_checks import check_type, kind

RequireApproval: TypeAlias = Literal["always", "never"] | Mapping[str, Any]
"""For all tools, or ``{"always": filter, "never": filter}`` with filters such as
``{"tool_names": [...]}``."""


def _secret(value: object) -> str:
    """The repr of a field that holds a secret: ``None``, or ``...`` for any value."""
    return repr(value) if value is None else "..."


@attrs.define(eq=False, kw_only=True)
class HostedMCPTool:
    """Tools of a remote MCP server, which the model's provider lists and calls.

    Exactly one of ``server_url``, ``connector_id`` and ``tunnel_id`` names the server.
    ``authorization`` is an OAuth access token for the server, and ``headers`` go with each request
    to it. The repr shows neither, nor the URL, which may hold a token.

    Raises `UserError` for what the API would refuse.
    """

    server_label: str
    server_url: str | None = attrs.field(default=None, repr=_secret)
    connector_id: str | None = None
    tunnel_id: str | None = None
    server_description: str | None = None
    authorization: str | None = attrs.field(default=None, repr=_secret)
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=_secret)
    allowed_tools: Sequence[str] | Mapping[str, Any] | None = None
    """Names of tools, or a filter such as ``{"read_only": True}``; by default all."""
    require_approval: RequireApproval | None = None
    """Which calls a person has to approve; the API's default is all of them."""

    def __attrs_post_init__(self) -> None:
        check_type("HostedMCPTool: server_label", self.server_label, (str,), "a str")
        what = f"HostedMCPTool {self.server_label!r}"
        for name in (
            "server_url",
            "connector_id",
            "tunnel_id",
            "server_description",
            "authorization",
        ):
            check_type(f"{what}: {name}", getattr(self, name), (str, type(None)), "a str")
        places = [self.server_url, self.connector_id, self.tunnel_id]
        if sum(place is not None for place in places) != 1:
            raise UserError(
                f"{what} needs one of server_url, connector_id and tunnel_id, and no other of them"
            )
        check_type(f"{what}: headers", self.headers, (Mapping, type(None)), "a mapping")
        allowed = cast("object", self.allowed_tools)
        if isinstance(allowed, str) or not isinstance(allowed, Sequence | Mapping | None):
            raise UserError(f"{what}: allowed_tools must be names or a filter, got {kind(allowed)}")
        approval = cast("object", self.require_approval)
        if not isinstance(approval, Mapping | None) and approval not in ("always", "never"):
            raise UserError(f"{what}: require_approval must be 'always', 'never' or a filter")
