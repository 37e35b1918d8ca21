"""The model's audio by response: which response an item is of, and which audio is stale.

The playback ledger knows items and nothing of responses; this module knows both. `receiving` and
`outbox` call it. Pure: the time comes in as ``now``, in seconds.
"""

from collections.abc import Collection
from typing import Final

import attrs

from ....audio.samples import WholeSamples
from ...playback.cuts import Cut
from ...playback.ledger import PlaybackLedger
from ..wire.server_events import ResponseOutputAudioDelta, ResponseOutputAudioDone

_HALVES: Final = 64
"""Parts of which half a sample is kept; servers speak one at a time."""

_REMEMBERED: Final = 512
"""Responses whose audio is remembered; far more than can be unheard at one time."""


@attrs.define(eq=False, repr=False)
class _Response:
    """A response with audio. Items of an out-of-band response cannot be truncated, because the
    server's conversation does not have them."""

    in_conversation: bool
    items: dict[str, None] = attrs.field(factory=dict[str, None])
    """The ids of its items with audio, in the order in which they began."""
    unfinished: list[str] = attrs.field(factory=list[str])
    """Those of them that began since the response was last said to have ended."""


@attrs.define(eq=False, repr=False)
class SpokenAudio:
    """The model's audio in one connection."""

    playback: PlaybackLedger
    any_yet: bool = False
    """Whether the model has spoken at all, which fixes its voice."""
    _responses: dict[str, _Response] = attrs.field(factory=dict[str, _Response])
    _response_ids: dict[str, str] = attrs.field(factory=dict[str, str])
    """Item id to response id."""
    _silenced: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    """Responses that were interrupted and have not ended: what comes of their audio is stale. With
    the items of the conversation that began after the interruption, of which nobody heard
    anything."""
    _unheard: list[str] = attrs.field(factory=list[str])
    _halves: dict[tuple[str, int], WholeSamples] = attrs.field(
        factory=dict[tuple[str, int], WholeSamples]
    )
    """By item and part: those of which the server has cut a sample in two."""

    def whole_samples(self, event: ResponseOutputAudioDelta) -> bytes:
        """The audio of the delta that can be played: whole samples, which may be none.

        Half a sample at the end is kept for the next delta of the same part.
        """
        audio, width = event.delta or b"", self.playback.format.sample_width
        if not self._halves and not len(audio) % width:
            return audio
        part = (event.item_id, event.content_index)
        halves = self._halves.get(part)
        if halves is None:
            halves = self._halves[part] = WholeSamples()
            if len(self._halves) > _HALVES:
                del self._halves[next(iter(self._halves))]
        return halves.feed(audio, width)

    def received(
        self, event: ResponseOutputAudioDelta, nbytes: int, now: float, *, out_of_band: bool
    ) -> bool:
        """Count ``nbytes`` of audio. Returns false if it is stale and must not be played."""
        response_id, item_id = event.response_id, event.item_id
        if response_id in self._silenced:
            if not out_of_band:
                self._late(response_id, item_id, event.content_index, now)
            return False
        if not self.playback.received(item_id, event.content_index, nbytes, now, delivered=False):
            return False
        response = self._responses.get(response_id)
        if response is None:
            response = self._begin(response_id, out_of_band=out_of_band)
        if item_id not in response.items:
            response.items[item_id] = None
            response.unfinished.append(item_id)
            self._response_ids[item_id] = response_id
        return True

    def _late(self, response_id: str, item_id: str, content_index: int, now: float) -> None:
        """Note the item of stale audio, if this is the first audio of it."""
        playback = self.playback
        known = playback.is_cut(item_id) or playback.position(item_id, content_index, now)
        if not known:
            playback.discard(item_id, now)
            self._silenced[response_id].append(item_id)

    def take_unheard(self) -> list[str]:
        """The items that responses began after their interruption, to be deleted at the server.

        Given once, and not before the response has ended: a server may refuse to delete an item
        that is still being written.
        """
        taken, self._unheard = self._unheard, []
        return taken

    def _begin(self, response_id: str, *, out_of_band: bool) -> _Response:
        self.any_yet = True
        response = self._responses[response_id] = _Response(in_conversation=not out_of_band)
        if len(self._responses) > _REMEMBERED:
            oldest = next(iter(self._responses))
            for item_id in self._responses.pop(oldest).items:
                if self._response_ids.get(item_id) == oldest:
                    del self._response_ids[item_id]
        return response

    def finished(self, event: ResponseOutputAudioDone) -> bool:
        """All audio of a part has come. Returns false if it was stale."""
        self.playback.finished(event.item_id)
        self._halves.pop((event.item_id, event.content_index), None)
        return event.response_id not in self._silenced and not self.playback.is_cut(event.item_id)

    def silence(self, response_id: str | None) -> None:
        """From now on, the audio that comes of this response is stale."""
        if response_id is not None:
            self._silenced.setdefault(response_id, [])

    def is_silenced(self, response_id: str) -> bool:
        """Whether what comes of this response's audio is stale."""
        return response_id in self._silenced

    def response_ended(self, response_id: str | None) -> None:
        """No more audio comes of this response, whether its items were said to be done or not."""
        self._unheard += self._silenced.pop(response_id or "", ())
        response = self._responses.get(response_id or "")
        if response is not None:
            for item_id in response.unfinished:
                self.playback.finished(item_id)
            response.unfinished.clear()

    def interrupt(self, now: float, response_id: str | None = None) -> tuple[Cut, ...]:
        """Stop the playback of all audio, or of this response's."""
        items = None if response_id is None else self._items_of(response_id)
        return self.playback.interrupt(now, items)

    def remaining_ms(self, response_id: str, now: float) -> float:
        """How long it takes at least until all audio of this response was heard, in ms."""
        items = self._items_of(response_id)
        return self.playback.remaining_ms_of(items, now) if items else 0.0

    def response_of(self, item_id: str) -> tuple[str | None, bool]:
        """The response this item belongs to, and whether the conversation has the item."""
        response_id = self._response_ids.get(item_id)
        if response_id is None:
            return None, True
        return response_id, self._responses[response_id].in_conversation

    def _items_of(self, response_id: str | None) -> Collection[str]:
        response = self._responses.get(response_id or "")
        return () if response is None else response.items
