"""The hosted MCP servers of a session: their tools, as far as a client is shown them. Pure.

No server is asked: its tools are those that the session's ``allowed_tools`` name. What a call of
one does, the responder says (`CallMcpTool`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs

from .conversation import Conversation, Item
from .outlet import Outlet


@attrs.define(eq=False)
class McpServers:
    """Those of one connection. ``list_tools`` is told of each new list of the session's tools."""

    _outlet: Outlet
    _conversation: Conversation
    _listed: set[str] = attrs.field(factory=set[str], init=False)

    def list_tools(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """Show the tools of the servers that are new, a little later, each in an item."""
        for tool in tools:
            if tool["type"] == "mcp" and tool["server_label"] not in self._listed:
                self._listed.add(tool["server_label"])
                self._list(tool)

    def _list(self, tool: Mapping[str, Any]) -> None:
        allowed: object = tool.get("allowed_tools")
        if isinstance(allowed, Mapping):
            allowed = cast("Mapping[str, object]", allowed).get("tool_names")
        names = cast("list[str]", allowed or [])
        shown = [_tool(name) for name in names]
        item = Item(
            id=self._outlet.ids.new("mcpl"),
            type="mcp_list_tools",
            status=None,
            fields={"server_label": tool["server_label"], "tools": []},
        )
        previous_id = self._conversation.insert(item)
        self._outlet.send(
            "conversation.item.added", previous_item_id=previous_id, item=item.render()
        )
        self._outlet.send("mcp_list_tools.in_progress", item_id=item.id)
        item.fields["tools"] = shown
        self._outlet.send(
            "conversation.item.done", previous_item_id=previous_id, item=item.render()
        )
        self._outlet.send("mcp_list_tools.completed", item_id=item.id)


def _tool(name: str) -> dict[str, Any]:
    """A tool as the list of a server's tools shows it."""
    return {"name": name, "description": "", "input_schema": {}}
