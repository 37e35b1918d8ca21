"""The check that the application is told of every approval it may have to give. Pure.

A call that waits for an approval of which nobody is told would wait for ever, and the conversation
with it.
"""

from collections.abc import Iterable

from ...agents.agent import Tool
from ...agents.hosted_mcp import HostedMCPTool
from ...errors import SettingsError
from ..run_config import RealtimeRunConfig


def check_approvals_are_seen(tools: Iterable[Tool[object]], run: RealtimeRunConfig) -> None:
    """Raise `SettingsError` if a tool may need an approval of which no event would tell.

    For function tools a time limit (``approval_timeout``) will do instead of the event. Hosted MCP
    tools have none, since the server runs them.
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
