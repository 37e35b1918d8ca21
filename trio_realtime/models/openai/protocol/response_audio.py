"""What the model speaks: which response its audio belongs to, and what nobody is to hear any more.

Keeps the playback ledger company, which knows items and nothing of responses. `protocol` and
`outgoing` call this. Pure: the time comes in as ``now``, in seconds.
"""

from typing import Final

import attrs

from ...playback.ledger import Cut, PlaybackLedger
from ..wire.server_events import ResponseOutputAudioDelta, ResponseOutputAudioDone

_REMEMBERED: Final = 512
"""Responses whose audio is remembered; far more than can be unheard at one time."""


@attrs.define(eq=False, repr=False)
class _Response:
    """A response with audio. Items beside the conversation are not the server's to truncate."""

    in_conversation: bool
    items: list[str] = attrs.field(factory=list[str])


@attrs.define(eq=False, repr=False)
class SpokenAudio:
    """The model's audio in one connection."""

    playback: PlaybackLedger
    any_yet: bool = False
    """Whether the model has spoken at all, which fixes its voice."""
    _responses: dict[str, _Response] = attrs.field(factory=dict[str, _Response])
    _silenced: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    """Responses that were interrupted and have not ended: their audio is stale. With the items of
    the conversation that came of them only then, so that nobody heard anything of them."""
    _unheard: list[str] = attrs.field(factory=list[str])

    def received(self, event: ResponseOutputAudioDelta, now: float, *, out_of_band: bool) -> bool:
        """Count audio; false when it is stale, and nobody is to hear it."""
        response_id, item_id = event.response_id, event.item_id
        if response_id in self._silenced:
            if not out_of_band:
                self._late(response_id, item_id, event.content_index, now)
            return False
        nbytes = len(event.delta or b"")
        if not self.playback.received(item_id, event.content_index, nbytes, now, delivered=False):
            return False
        response = self._responses.get(response_id)
        if response is None:
            response = self._begin(response_id, out_of_band=out_of_band)
        if item_id not in response.items:
            response.items.append(item_id)
        return True

    def _late(self, response_id: str, item_id: str, content_index: int, now: float) -> None:
        """Stale audio; it may be the first that is heard of an item."""
        playback = self.playback
        known = playback.is_cut(item_id) or playback.position(item_id, content_index, now)
        if not known:
            playback.discard(item_id, now)
            self._silenced[response_id].append(item_id)

    def take_unheard(self) -> list[str]:
        """The items that interrupted responses still began: the server has to forget them.

        Given once, and not before the response has ended: a server may refuse to delete an item
        that is still being written.
        """
        taken, self._unheard = self._unheard, []
        return taken

    def _begin(self, response_id: str, *, out_of_band: bool) -> _Response:
        self.any_yet = True
        response = self._responses[response_id] = _Response(in_conversation=not out_of_band)
        if len(self._responses) > _REMEMBERED:
            del self._responses[next(iter(self._responses))]
        return response

    def finished(self, event: ResponseOutputAudioDone) -> bool:
        """All audio of a part has come; false when it was stale."""
        self.playback.finished(event.item_id)
        return event.response_id not in self._silenced and not self.playback.is_cut(event.item_id)

    def silence(self, response_id: str | None) -> None:
        """Until this response ends, its audio is stale."""
        if response_id is not None:
            self._silenced.setdefault(response_id, [])

    def response_ended(self, response_id: str | None) -> None:
        """No more audio comes of this response, whether its items were said to be done or not."""
        self._unheard += self._silenced.pop(response_id or "", ())
        for item_id in self._items_of(response_id):
            self.playback.finished(item_id)

    def interrupt(self, now: float, response_id: str | None = None) -> tuple[Cut, ...]:
        """Stop everything that is heard, or what is of this response."""
        items = None if response_id is None else self._items_of(response_id)
        return self.playback.interrupt(now, items)

    def remaining_ms(self, response_id: str, now: float) -> float:
        """How long it takes at least until all audio of this response was heard, in ms."""
        items = self._items_of(response_id)
        return max((self.playback.remaining_ms(now, item_id) for item_id in items), default=0.0)

    def response_of(self, item_id: str) -> tuple[str | None, bool]:
        """The response this item belongs to, and whether the conversation has the item."""
        for response_id, response in self._responses.items():
            if item_id in response.items:
                return response_id, response.in_conversation
        return None, True

    def _items_of(self, response_id: str | None) -> list[str]:
        response = self._responses.get(response_id or "")
        return [] if response is None else response.items
