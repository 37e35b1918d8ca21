"""What a tool of an MCP server answered, as the output of a call. Pure.

The model gets text and nothing else as the output of a tool, so pictures, sounds and files are
described, not passed on.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock


def result_output(result: "CallToolResult", *, prefer_structured: bool) -> Any:
    """The output: structured content as the JSON value it is, or text.

    Servers are asked by the protocol to give structured content as text too, and that text is often
    the shorter one, so it goes first unless ``prefer_structured``.
    """
    structured = result.structured_content
    text = result_text(result)
    return structured if structured is not None and (prefer_structured or not text) else text


def failure_text(result: "CallToolResult") -> str | None:
    """What the server says of the failure of its tool, for the model: the content as text, or else
    the structured content as JSON. ``None`` when it says nothing."""
    text = result_text(result)
    if not text and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return text or None


def result_text(result: "CallToolResult") -> str:
    """The content as text, a block to a line."""
    return "\n".join(_block_text(block) for block in result.content)


def _block_text(block: "ContentBlock") -> str:
    if block.type == "text":
        return block.text
    if block.type == "image" or block.type == "audio":  # noqa: PLR1714 - type checkers follow this
        return f"[{block.type}: {block.mime_type}, {_size(block.data)} bytes]"
    if block.type == "resource_link":
        return block.model_dump_json(
            include={"type", "name", "uri", "title", "description", "mime_type"},
            exclude_none=True,
            by_alias=True,
        )
    resource = block.resource
    blob = getattr(resource, "blob", None)
    if isinstance(blob, str):
        kind = resource.mime_type or "of unknown type"
        return f"[resource {resource.uri}: {kind}, {_size(blob)} bytes]"
    return str(getattr(resource, "text", ""))


def _size(base64_text: str) -> int:
    """The bytes that this base64 stands for."""
    return len(base64_text) * 3 // 4 - base64_text[-2:].count("=")
