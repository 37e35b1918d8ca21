"""Audio held back until what it says has been checked (``guardrail_mode="hold"``). Pure.

A piece of audio arrives when the transcript has some length. It is released when a longer text has
passed a check, because that text includes the words of the piece, if the server's transcript lags
its audio by one piece at most. What is left is released when the last check of the response has
passed.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False, repr=False)
class HeldAudio(Generic[T]):
    """The held audio of one response, in order."""

    _held: deque[tuple[int, T]] = attrs.field(factory=deque[tuple[int, T]])

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(self, piece: T, said: int) -> None:
        """Hold a piece that arrived when the transcript had ``said`` characters."""
        self._held.append((said, piece))

    def release(self, checked: int) -> list[T]:
        """Remove and return what may be heard once ``checked`` characters have passed a check."""
        free: list[T] = []
        while self._held and self._held[0][0] < checked:
            free.append(self._held.popleft()[1])
        return free

    def drop(self, is_stale: Callable[[T], bool]) -> None:
        """Remove the pieces that were interrupted, which nobody will hear."""
        self._held = deque(held for held in self._held if not is_stale(held[1]))

    def release_all(self) -> list[T]:
        """Remove and return everything, in order."""
        free = [piece for _said, piece in self._held]
        self._held.clear()
        return free
