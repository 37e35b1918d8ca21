"""Audio held back until what it says has been checked (``guardrail_mode="hold"``). Pure.

A piece of audio arrives when the transcript has some length. It is released when a longer text has
passed a check, because that text includes the words of the piece, if the server's transcript lags
its audio by one piece at most. What is left is released when the last check of the response has
passed.
"""

from collections import Counter, deque
from typing import TypeAlias

import attrs

from ...events import RealtimeAudio, RealtimeAudioEnd

HeldEvent: TypeAlias = RealtimeAudio | RealtimeAudioEnd


@attrs.define(eq=False, repr=False)
class HeldAudio:
    """The held audio of one response, in order."""

    _held: deque[tuple[int, HeldEvent]] = attrs.field(factory=deque[tuple[int, HeldEvent]])
    _waiting: Counter[str] = attrs.field(factory=Counter[str])
    """How many pieces of each item are held, without the stale ones."""
    _cut: set[str] = attrs.field(factory=set[str])
    """Items whose pieces in the queue are stale: they are removed when it is their turn."""
    _stale: int = 0
    """How many stale pieces the queue has."""

    def __bool__(self) -> bool:
        return len(self._held) > self._stale

    def hold(self, piece: HeldEvent, said: int) -> None:
        """Hold a piece that arrived when the transcript had ``said`` characters."""
        if piece.item_id in self._cut:
            self._remove_stale()
        self._held.append((said, piece))
        self._waiting[piece.item_id] += 1

    def release(self, checked: int) -> list[HeldEvent]:
        """Remove and return what may be heard once ``checked`` characters have passed a check."""
        free: list[HeldEvent] = []
        while self._held and self._held[0][0] < checked:
            _said, piece = self._held.popleft()
            if piece.item_id in self._cut:
                self._stale -= 1
            else:
                self._waiting[piece.item_id] -= 1
                free.append(piece)
        return free

    def drop(self, item_id: str) -> None:
        """Remove the pieces of an item that was interrupted, which nobody will hear."""
        count = self._waiting.pop(item_id, 0)
        if count:
            self._cut.add(item_id)
            self._stale += count
            if self._stale > len(self._held) // 2:
                self._remove_stale()

    def release_all(self) -> list[HeldEvent]:
        """Remove and return everything, in order."""
        self._remove_stale()
        free = [piece for _said, piece in self._held]
        self._held.clear()
        self._waiting.clear()
        return free

    def _remove_stale(self) -> None:
        self._held = deque(held for held in self._held if held[1].item_id not in self._cut)
        self._cut.clear()
        self._stale = 0
