"""The check that whatever a session asks an approval for, somebody can see it and answer. Pure.

A call that waits for an approval nobody is told of would wait for ever, and the conversation with
it.
"""

from collections.abc import Iterable

from ...agents.agent import Tool
from ...agents.hosted_mcp import HostedMCPTool
from ...errors import SettingsError
from ..run_config import RealtimeRunConfig


def check_approvals_are_seen(tools: Iterable[Tool[object]], run: RealtimeRunConfig) -> None:
    """Raise `SettingsError` if a tool may ask for an approval that nobody is told of.

    The calls of function tools may have a time limit in place of an event; those of hosted MCP
    tools, which the server runs, may not.
    """
    for tool in tools:
        if isinstance(tool, HostedMCPTool):
            event_type, instead = "mcp_approval_required", 'require_approval="never"'
            may_ask = tool.require_approval != "never"
            what = f"the MCP server {tool.server_label!r} may ask for approvals"
        else:
            event_type, instead = "tool_approval_required", "tool_execution.approval_timeout"
            limited = run.tool_execution.approval_timeout is not None
            may_ask = tool.needs_approval is not False and not limited
            what = f"calls of the tool {tool.name!r} may need an approval"
        if may_ask and event_type not in run.event_types:
            raise SettingsError(
                f"events: {what}, of which nobody is told without {event_type!r} events: add this "
                f"type, or set {instead}",
                path="events",
            )
