"""Responses beside the conversation: how they are recognised when they begin.

The server says of a response neither who asked for it nor that it was asked for with
``conversation="none"``. Requests of ours therefore carry a key in their metadata, which the server
repeats; raw ones are sent as they are and recognised by their missing conversation. `protocol` and
`sending` call this. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from ..wire.objects import WireResponse

REQUEST_KEY: Final = "trio_realtime_request"
"""Metadata key by which a response of ours beside the conversation is recognised."""

MAX_METADATA: Final = 16
"""Pairs that the metadata of one response may have, by the API's reference."""


@attrs.define(eq=False)
class OutOfBand:
    """The responses of one connection that are beside its conversation."""

    active: set[str] = attrs.field(factory=set[str])
    """The ids of those that have begun and are not over."""
    _unkeyed: dict[str, None] = attrs.field(factory=dict[str, None])
    """Event ids of creates that carry no key and have not begun, in order."""

    def __contains__(self, response_id: object) -> bool:
        """Whether this response is beside the conversation, and not over."""
        return response_id in self.active

    def request(self, params: Mapping[str, Any] | None, event_id: str) -> dict[str, Any]:
        """The ``response`` object to ask for one with, from that of the caller."""
        asked: dict[str, Any] = {**(params or {}), "conversation": "none"}
        metadata: object = asked.get("metadata") or {}
        pairs = cast("Mapping[str, object]", metadata) if isinstance(metadata, Mapping) else None
        if pairs is not None and len(pairs) < MAX_METADATA:
            asked["metadata"] = {**pairs, REQUEST_KEY: event_id}
        else:
            self.raw_request(event_id)
        return asked

    def raw_request(self, event_id: str) -> None:
        """One that carries no key is asked for."""
        self._unkeyed[event_id] = None

    def refused(self, event_id: str | None) -> None:
        """An error about this client event: if it asked for a response, there will be none."""
        self._unkeyed.pop(event_id or "", None)

    def began(self, response: WireResponse) -> bool:
        """Whether the response that begins is beside the conversation."""
        if response.metadata is not None and REQUEST_KEY in response.metadata:
            pass
        elif self._unkeyed and response.conversation_id is None:
            del self._unkeyed[next(iter(self._unkeyed))]
        else:
            return False
        self.active.add(response.id or "")
        return True

    def ended(self, response_id: str | None) -> bool:
        """Whether the response that ends was beside the conversation."""
        if (response_id or "") not in self.active:
            return False
        self.active.discard(response_id or "")
        return True


def public_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """The metadata without our key; ``None`` when the caller gave none."""
    if metadata is None or REQUEST_KEY not in metadata:
        return metadata
    return {name: value for name, value in metadata.items() if name != REQUEST_KEY} or None
