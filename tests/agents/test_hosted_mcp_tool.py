"""`trio_realtime.agents.hosted_mcp`: settings for MCP servers that the model calls itself."""

from typing import Any

import attrs
import pytest

from trio_realtime.agents.hosted_mcp import HostedMCPTool
from trio_realtime.errors import UserError
from trio_realtime.models.openai.wire.tool_objects import tool_to_wire

URL = "https://mcp.example/hunter2"


def test_only_what_was_given_is_sent() -> None:
    assert tool_to_wire(HostedMCPTool(server_label="docs", server_url=URL)) == {
        "type": "mcp",
        "server_label": "docs",
        "server_url": URL,
    }


def test_everything_is_sent() -> None:
    tool = HostedMCPTool(
        server_label="mail",
        connector_id="connector_gmail",
        server_description="Mail.",
        authorization="hunter2",
        headers={"x-key": "hunter2"},
        allowed_tools=("search", "read"),
        require_approval={"never": {"tool_names": ["search"]}},
    )
    assert tool_to_wire(tool) == {
        "type": "mcp",
        "server_label": "mail",
        "connector_id": "connector_gmail",
        "server_description": "Mail.",
        "authorization": "hunter2",
        "headers": {"x-key": "hunter2"},
        "allowed_tools": ["search", "read"],
        "require_approval": {"never": {"tool_names": ["search"]}},
    }


def test_a_filter_instead_of_names() -> None:
    tool = HostedMCPTool(
        server_label="docs",
        tunnel_id="t",
        allowed_tools={"read_only": True},
        require_approval="never",
    )
    assert tool_to_wire(tool)["allowed_tools"] == {"read_only": True}
    assert tool_to_wire(tool)["require_approval"] == "never"


def test_the_wire_form_is_what_the_api_knows() -> None:
    realtime = pytest.importorskip("openai.types.realtime.realtime_tools_config_union")
    known = {field.name for field in attrs.fields(HostedMCPTool)}
    assert known <= {*realtime.Mcp.model_fields}


def test_the_repr_shows_no_secret() -> None:
    tool = HostedMCPTool(
        server_label="docs", server_url=URL, authorization="hunter2", headers={"k": "hunter2"}
    )
    assert "hunter2" not in repr(tool)
    assert "docs" in repr(tool)
    assert "headers=None" in repr(HostedMCPTool(server_label="docs", server_url=URL))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"server_label": 3}, "HostedMCPTool: server_label must be a str, got int"),
        ({}, "HostedMCPTool 'docs' needs one of server_url, connector_id and tunnel_id"),
        ({"server_url": URL, "tunnel_id": "t"}, "and no other of them"),
        ({"server_url": 3}, "HostedMCPTool 'docs': server_url must be a str, got int"),
        ({"server_url": URL, "authorization": b"x"}, "authorization must be a str, got bytes"),
        ({"server_url": URL, "headers": ["x"]}, "headers must be a mapping, got list"),
        ({"server_url": URL, "allowed_tools": "x"}, "allowed_tools must be names or a filter"),
        ({"server_url": URL, "allowed_tools": 3}, "allowed_tools must be names or a filter"),
        ({"server_url": URL, "require_approval": "ask"}, "must be 'always', 'never' or a filter"),
    ],
    ids=str,
)
def test_what_the_api_would_refuse_is_refused_here(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        HostedMCPTool(**{"server_label": "docs", **options})
    assert "hunter2" not in str(caught.value)
