"""The result of an MCP server's tool as the output of a tool call. Pure.

The output of a tool call can only be text, so images, audio and files are described in words.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock


def result_output(result: "CallToolResult", *, prefer_structured: bool) -> Any:
    """The output: the text of the content, or the structured content as a JSON value.

    The protocol asks servers to give structured content as text too, which is often shorter. So the
    text is taken if there is any, unless ``prefer_structured``.
    """
    structured = result.structured_content
    text = result_text(result)
    return structured if structured is not None and (prefer_structured or not text) else text


def failure_text(result: "CallToolResult") -> str | None:
    """The server's words on the failure of its tool: the text of the content, or without any, the
    structured content as JSON text. ``None`` if there is neither."""
    text = result_text(result)
    if not text and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return text or None


def result_text(result: "CallToolResult") -> str:
    """The text of the content, one line for each block."""
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
    """How many bytes this base64 text encodes."""
    return len(base64_text) * 3 // 4 - base64_text[-2:].count("=")
