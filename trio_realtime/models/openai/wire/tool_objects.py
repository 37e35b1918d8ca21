"""Tools and handoffs as the session object, and the object of a response, have them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ....agents.handoffs import Handoff
from ....agents.hosted_mcp import HostedMCPTool
from ....agents.tools import FunctionTool
from ....errors import UserError


def tools_to_wire(tools: Sequence[object], path: str = "tools") -> list[dict[str, Any]]:
    """Each tool, or handoff, in wire form.

    Raises:
        UserError: one is neither; it is named by ``path`` and its place.
    """
    return [tool_to_wire(tool, f"{path}[{index}]") for index, tool in enumerate(tools)]


def tool_to_wire(tool: object, path: str = "tool") -> dict[str, Any]:
    """A tool in wire form; a handoff is a function to the model. Raises as `tools_to_wire`."""
    if isinstance(tool, FunctionTool):
        return _function(tool.name, tool.description, tool.params_json_schema)
    if isinstance(tool, Handoff):
        return _function(tool.tool_name, tool.tool_description, tool.input_json_schema)
    if isinstance(tool, HostedMCPTool):
        return _hosted_mcp(tool)
    raise UserError(
        f"{path} must be a function tool, a HostedMCPTool or a handoff, not {type(tool).__name__}"
    )


def tool_choice_to_wire(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """A tool choice in wire form; a word that the API does not have is a function's name."""
    if not isinstance(choice, str):
        return dict(choice)
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _function(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
    }


def _hosted_mcp(tool: HostedMCPTool) -> dict[str, Any]:
    """The wire's object of a hosted MCP server. Fields that were not given are left out."""
    given = attrs.asdict(tool, recurse=False, filter=lambda _, value: value is not None)
    if isinstance(tool.allowed_tools, Sequence):
        given["allowed_tools"] = [*tool.allowed_tools]
    return {"type": "mcp", **given}
