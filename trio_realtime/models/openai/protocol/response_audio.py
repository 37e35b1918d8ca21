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
"""How many content parts may have half a sample waiting. Servers write one part at a time."""

_REMEMBERED: Final = 512
"""How many responses are remembered. Far fewer have unheard audio at any time."""


@attrs.define(eq=False, repr=False)
class _Response:
    """A response with audio. Items of an out-of-band response cannot be truncated, because the
    server's conversation does not have them."""

    in_conversation: bool
    items: dict[str, None] = attrs.field(factory=dict[str, None])
    """The ids of its items with audio, in the order of their first audio."""
    unfinished: list[str] = attrs.field(factory=list[str])
    """Those of them that began since the last ``response.done`` of this response."""


@attrs.define(eq=False, repr=False)
class SpokenAudio:
    """The model's audio in one connection."""

    playback: PlaybackLedger
    any_yet: bool = False
    """True once the model has spoken. Its voice can not change any more then."""
    _responses: dict[str, _Response] = attrs.field(factory=dict[str, _Response])
    _response_ids: dict[str, str] = attrs.field(factory=dict[str, str])
    """The response id of each item, by item id."""
    _silenced: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    """Ids of the responses that were interrupted and have not ended, whose late audio is
    dropped. Each has the ids of its items that began after the interruption: nobody heard
    anything of these."""
    _unheard: list[str] = attrs.field(factory=list[str])
    _halves: dict[tuple[str, int], WholeSamples] = attrs.field(
        factory=dict[tuple[str, int], WholeSamples]
    )
    """The content parts, by item id and content index, in which the server has split a sample
    between two deltas."""

    def whole_samples(self, event: ResponseOutputAudioDelta) -> bytes:
        """Return the whole samples of a delta, which may be none.

        Half a sample at its end is kept and put in front of the next delta of the same part.
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
        """Count ``nbytes`` of audio. Returns False if it was interrupted and must not be played."""
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
        """Note the item of late audio, if this is its first audio."""
        playback = self.playback
        known = playback.is_cut(item_id) or playback.position(item_id, content_index, now)
        if not known:
            playback.discard(item_id, now)
            self._silenced[response_id].append(item_id)

    def take_unheard(self) -> list[str]:
        """Remove and return the ids of items that began after their response was interrupted.

        The caller deletes them at the server. An id is returned only after the response has ended,
        because a server may refuse to delete an item that is still being written.
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
        """Note that a content part is complete. Returns False if it was interrupted."""
        self.playback.finished(event.item_id)
        self._halves.pop((event.item_id, event.content_index), None)
        return event.response_id not in self._silenced and not self.playback.is_cut(event.item_id)

    def silence(self, response_id: str | None) -> None:
        """Drop the audio of this response that arrives from now on."""
        if response_id is not None:
            self._silenced.setdefault(response_id, [])

    def is_silenced(self, response_id: str) -> bool:
        """Return True if audio of this response is dropped."""
        return response_id in self._silenced

    def response_ended(self, response_id: str | None) -> None:
        """Note that a response has ended: all its items are complete, announced as such or not."""
        self._unheard += self._silenced.pop(response_id or "", ())
        response = self._responses.get(response_id or "")
        if response is not None:
            for item_id in response.unfinished:
                self.playback.finished(item_id)
            response.unfinished.clear()

    def interrupt(self, now: float, response_id: str | None = None) -> tuple[Cut, ...]:
        """Stop the playback of this response, or of all audio."""
        items = None if response_id is None else self._items_of(response_id)
        return self.playback.interrupt(now, items)

    def remaining_ms(self, response_id: str, now: float) -> float:
        """Return how many ms of audio are left to play until the end of this response."""
        items = self._items_of(response_id)
        return self.playback.remaining_ms_of(items, now) if items else 0.0

    def response_of(self, item_id: str) -> tuple[str | None, bool]:
        """Return the id of the item's response, and whether the item is part of the
        conversation."""
        response_id = self._response_ids.get(item_id)
        if response_id is None:
            return None, True
        return response_id, self._responses[response_id].in_conversation

    def _items_of(self, response_id: str | None) -> Collection[str]:
        response = self._responses.get(response_id or "")
        return () if response is None else response.items
