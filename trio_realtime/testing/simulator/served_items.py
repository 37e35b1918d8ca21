"""Items that clients create: from what they sent to what the conversation keeps.

Used by :mod:`.server_protocol` for ``conversation.item.create`` and by :mod:`.responding` for the
``input`` of ``response.create``. Shapes have been checked by :mod:`.schema` before.
"""

import base64
import contextlib
from collections.abc import Callable
from typing import Any

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import STATELESS, Conversation, Item, Part
from trio_realtime.testing.simulator.outlet import Ids
from trio_realtime.testing.simulator.served_formats import AudioFormat


@attrs.define(eq=False, kw_only=True)
class ItemMaker:
    """Makes items of a conversation. ``hear`` is told of each piece of audio in a message."""

    _ids: Ids = attrs.field(alias="ids")
    _conversation: Conversation = attrs.field(alias="conversation")
    _hear: Callable[[str, Part], object] = attrs.field(alias="hear")

    def make(self, source: dict[str, Any], path: str, audio_format: AudioFormat) -> Item:
        """Make an item from what a client sent at this path; the server decides its status."""
        item_id = source.get("id") or self._ids.new("item")
        kind = source["type"]
        known = ("id", "object", "type", "status", "content", "phase")
        fields = {
            name: value for name, value in source.items() if name not in known and value is not None
        }
        parts = None
        if kind == "message":
            parts = [
                self._part(item_id, content, f"{path}.content[{index}]", audio_format)
                for index, content in enumerate(source["content"])
            ]
        elif kind == "function_call":
            fields.setdefault("call_id", self._ids.new("call"))
        return Item(
            id=item_id,
            type=kind,
            status=None if kind in STATELESS else "completed",
            fields=fields,
            parts=parts,
            phase=source.get("phase"),
        )

    def check_call(self, call_id: str) -> None:
        """Raise the API's error if the conversation has no function call with this id."""
        calls = (item for item in self._conversation.items if item.type == "function_call")
        if all(item.fields["call_id"] != call_id for item in calls):
            raise ApiError(
                f"Tool call ID '{call_id}' not found in conversation.",
                code="invalid_tool_call_id",
            )

    def check_approval(self, request_id: str) -> None:
        """Raise the API's error if no approval was asked for under this id, or it was answered."""
        asked = {i.id for i in self._conversation.items if i.type == "mcp_approval_request"}
        answered = {
            item.fields["approval_request_id"]
            for item in self._conversation.items
            if item.type == "mcp_approval_response"
        }
        if request_id not in asked - answered:
            raise ApiError(
                f"No approval request '{request_id}' waits for an answer.",
                code="invalid_value",
                param="item.approval_request_id",
            )

    def _part(
        self, item_id: str, source: dict[str, Any], path: str, audio_format: AudioFormat
    ) -> Part:
        if source["type"] != "input_audio":
            return Part(fields={name: value for name, value in source.items() if value is not None})
        transcript = source.get("transcript")
        part = Part(
            fields={"type": "input_audio", "transcript": transcript},
            audio=bytearray(decoded_audio(source["audio"], f"{path}.audio", audio_format)),
            format=audio_format,
            heard=transcript,
        )
        if transcript is None:
            self._hear(item_id, part)
        return part


def decoded_audio(encoded: str, path: str, audio_format: AudioFormat) -> bytes:
    """Base64 as bytes of this format, or the API's error about the field at ``path``."""
    with contextlib.suppress(ValueError):
        return base64.b64decode(encoded, validate=True)
    raise ApiError(
        f"Invalid '{path}'. Expected base64-encoded audio bytes ({audio_format.description})"
        " but got an invalid value.",
        code="invalid_value",
        param=path,
    )
