"""Which speech of the user still waits for its transcript. Pure.

In strict mode an answer waits for the check, the check for the transcript, and some servers never
send one, nor that there will be none. Only speech from the input buffer is transcribed; the server
gives it a place in the conversation before it announces the item.
"""

import attrs

from ...items import InputAudio, RealtimeItem, UserMessageItem


@attrs.define(eq=False, repr=False)
class AwaitedTranscripts:
    """The speech of one session, by item ids."""

    _placed: set[str] = attrs.field(factory=set[str])
    """Items that have a place and were not announced."""
    _waiting: set[str] = attrs.field(factory=set[str])
    _over: set[str] = attrs.field(factory=set[str])
    """Items whose transcript has arrived, or was given up."""

    def placed(self, item_id: str) -> None:
        """Note that an item has a place in the conversation."""
        self._placed.add(item_id)

    def announced(self, item: RealtimeItem) -> bool:
        """Note that the conversation has this item. Returns whether to wait for its transcript."""
        item_id = item.item_id
        from_buffer = item_id in self._placed
        self._placed.discard(item_id)
        if not from_buffer or item_id in self._over or not _lacks_transcript(item):
            return False
        self._waiting.add(item_id)
        return True

    def arrived(self, item_id: str) -> bool:
        """Note a transcript, or that there is none. Returns False if it was given up before."""
        is_late = item_id in self._over and item_id not in self._waiting
        self._waiting.discard(item_id)
        self._over.add(item_id)
        return not is_late

    def give_up(self, item_id: str) -> bool:
        """Wait no longer for a transcript. Returns False if it has arrived meanwhile."""
        if item_id not in self._waiting:
            return False
        self._waiting.discard(item_id)
        self._over.add(item_id)
        return True


def _lacks_transcript(item: RealtimeItem) -> bool:
    return isinstance(item, UserMessageItem) and any(
        isinstance(part, InputAudio) and part.transcript is None for part in item.content
    )
