"""Lines on an output stream. On a terminal the last rows may be redrawn, and texts are wrapped.

Between calls the cursor is at the end of the last redrawn row. It is moved with three ANSI
sequences that every terminal of today knows. A stream that is no terminal gets plain lines only.
"""

import os
import shutil
import unicodedata
from collections.abc import Sequence
from typing import TextIO

import attrs

LABEL_WIDTH = 7
_WIDEST = 100
_ERASE_BELOW = "\x1b[J"


@attrs.define(eq=False)
class Terminal:
    """Writes finished lines once, and redraws what is not finished below them."""

    _out: TextIO
    _color: bool = attrs.field(default=True, alias="color")
    is_live: bool = attrs.field(init=False)
    """Whether lines can be redrawn."""
    _rows: int = attrs.field(default=0, init=False)
    _prompting: str | None = attrs.field(default=None, init=False)
    """The label of the prompt at which the cursor waits for a line."""

    def __attrs_post_init__(self) -> None:
        # Consoles of Windows understand the sequences only if a program has enabled that.
        knows_ansi = os.name == "posix" and os.environ.get("TERM") != "dumb"
        self.is_live = knows_ansi and self._out.isatty()
        self._color = self._color and self.is_live and not os.environ.get("NO_COLOR")

    @property
    def encoding(self) -> str | None:
        return self._out.encoding

    def write(self, lines: Sequence[tuple[str, str]]) -> None:
        """Print lines, each a label and a text, that will not change. A prompt moves below them."""
        if not lines:
            return
        prompting = self._prompting
        rows = [row for label, text in lines for row in self._laid_out(label, text)]
        self._put(self._erase() + "\n".join(rows) + "\n")
        if prompting is not None:
            self.prompt(prompting)

    def redraw(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show these lines below the finished ones, in place of those shown before."""
        if not self.is_live or not (lines or self._rows):
            return
        height = shutil.get_terminal_size().lines
        rows = [row for label, text in lines for row in self._laid_out(label, text)]
        rows = rows[-max(height - 1, 1) :]
        text = self._erase() + "\n".join(rows)
        self._rows = len(rows)
        self._put(text)

    def prompt(self, label: str) -> None:
        """Ask for a line."""
        if self._out.isatty():
            self._put(self._erase() + self._label(label))
            self._prompting = label

    def entered(self) -> None:
        """Note that the user has ended the line, and that the cursor is on the next row."""
        self._prompting = None

    def end(self) -> None:
        """Erase what is not finished, and leave the cursor where the next line begins."""
        self._put(self._erase())

    def _erase(self) -> str:
        """The text that erases the unfinished rows and moves the cursor to their beginning."""
        if self._prompting is not None:
            self._prompting = None
            return "\n"
        rows, self._rows = self._rows, 0
        if not rows:
            return ""
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}{_ERASE_BELOW}"

    def _laid_out(self, label: str, text: str) -> list[str]:
        if not self.is_live:
            return [f"{label:<{LABEL_WIDTH}}{text}".rstrip()]
        width = min(shutil.get_terminal_size().columns, _WIDEST) - LABEL_WIDTH - 1
        first, *others = wrap(text, max(width, 8))
        return [self._label(label) + first, *(" " * LABEL_WIDTH + row for row in others)]

    def _label(self, label: str) -> str:
        padded = f"{label:<{LABEL_WIDTH}}"
        return f"\x1b[{_COLORS.get(label, '2')}m{padded}\x1b[0m" if self._color else padded

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


_COLORS = {"you": "1;36", "agent": "1;32", "error": "1;31"}


def wrap(text: str, width: int) -> list[str]:
    """Break text at blanks into rows of at most ``width`` columns; longer words are cut.

    Returns one row at least.
    """
    rows = [""]
    for word in text.split():
        joined = f"{rows[-1]} {word}" if rows[-1] else word
        if columns(joined) <= width:
            rows[-1] = joined
            continue
        if rows[-1]:
            rows.append("")
        for character in word:
            if rows[-1] and columns(rows[-1] + character) > width:
                rows.append("")
            rows[-1] += character
    return rows


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
