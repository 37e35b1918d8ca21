"""Audio held back until what it says has been checked (``guardrail_mode="hold"``). Pure.

Each piece of audio is held until a check has passed on a text that is longer than the transcript
was when the audio came: the words in it are then among those checked, as long as the server's
transcript does not run behind its audio by more than one piece. What is left is released when the
last check of the response has passed.
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
        """Hold a piece that came when the response had ``said`` so many characters."""
        self._held.append((said, piece))

    def release(self, checked: int) -> list[T]:
        """What may go when the first ``checked`` characters have passed."""
        free: list[T] = []
        while self._held and self._held[0][0] < checked:
            free.append(self._held.popleft()[1])
        return free

    def drop(self, is_stale: Callable[[T], bool]) -> None:
        """Forget what nobody is to hear any more."""
        self._held = deque(held for held in self._held if not is_stale(held[1]))

    def release_all(self) -> list[T]:
        """Everything that is left, in order."""
        free = [piece for _said, piece in self._held]
        self._held.clear()
        return free
