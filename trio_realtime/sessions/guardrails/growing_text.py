"""When to check what the model says: a pure count of characters.

Checking each delta would call a guardrail for each word. So a text is checked each time it has
grown by the check interval, and once more at its end if anything of it has not been checked; that
includes every short answer.
"""

import attrs


@attrs.define(eq=False, repr=False)
class GrowingText:
    """The text of one item as it arrives."""

    check_interval: int
    """How many characters there are between two checks."""
    _pieces: list[str] = attrs.field(factory=list[str])
    _length: int = 0
    _checked: int = 0
    """Length up to which the text was handed out for checking."""

    def add(self, delta: str) -> bool:
        """Add a piece. Returns whether a check is due."""
        self._pieces.append(delta)
        self._length += len(delta)
        return self.due

    @property
    def due(self) -> bool:
        """Whether the text has reached another multiple of the check interval."""
        return self._length // self.check_interval > self._checked // self.check_interval

    @property
    def unchecked(self) -> bool:
        """Whether there is text that `take` has not handed out."""
        return self._length > self._checked

    @property
    def checked(self) -> int:
        """How many characters `take` has handed out."""
        return self._checked

    def take(self) -> str:
        """Hand out the whole text so far, for a check."""
        text = "".join(self._pieces)
        self._pieces = [text]
        self._checked = self._length
        return text
