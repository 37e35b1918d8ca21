"""Reads JSON that is almost right.

Servers cut text within an emoji (half a surrogate pair, an escape without its digits), write
``NaN``, numbers that no computer holds, line breaks inside strings, bytes that are not UTF-8, or
nest what nobody reads a thousand levels deep. One such character must not cost a frame. `decode`
comes here with frames that a strict parser refused, so nothing here has to be fast, but all of it
takes time in proportion to the frame's length.
"""

import json
import re
from typing import Any, Final, cast

_ESCAPE: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]|(u[0-9a-fA-F]{0,3}|.?))', re.DOTALL)
"""One escape sequence; it has a group if JSON does not have it."""

_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)
"""A string, or where an array or an object begins or ends."""

_DEEPEST: Final = 64
"""Levels that are read. The events of the API have eight."""

_LONGEST_INTEGER: Final = 20
"""Characters of a 64-bit integer with its sign."""

_UNPAIRED: Final = re.compile("[\ud800-\udfff]")


def lenient_object(frame: str | bytes) -> dict[str, Any]:
    """The JSON object that ``frame`` is, or would be without the faults named above.

    Broken characters become U+FFFD, numbers that are none become ``None``, and what is nested too
    deeply too. Halves of surrogate pairs stay as they are, since the other half may come with the
    next frame; `sound_text` replaces them.

    Raises `ValueError` if the frame is not a JSON object even so.
    """
    text = frame if isinstance(frame, str) else str(frame, "utf-8", "replace")
    text = text.removeprefix("\ufeff")
    if "\\" in text:
        text = _ESCAPE.sub(_sound_escape, text)
    try:
        value = _loads(text)
    except RecursionError:
        value = _loads(_without_depths(text))
    if not isinstance(value, dict):
        raise ValueError("the frame is not a JSON object")
    return cast("dict[str, Any]", value)


def sound_text(text: str) -> str:
    """``text`` with U+FFFD in place of each half of a surrogate pair, which no UTF-8 can hold."""
    return text if text.isascii() else _UNPAIRED.sub("\ufffd", text)


def _sound_escape(match: re.Match[str]) -> str:
    wrong: str | None = match[1]
    if wrong is None:
        return match[0]
    return "\ufffd" if wrong[:1] in {"u", ""} else wrong


def _loads(text: str) -> object:
    decoder = json.JSONDecoder(
        strict=False, parse_int=_integer, parse_float=float, parse_constant=_no_number
    )
    return decoder.decode(text)


def _integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= _LONGEST_INTEGER else float(literal)


def _no_number(_literal: str) -> None:
    """``NaN`` and ``Infinity``, which JSON does not have."""


def _without_depths(text: str) -> str:
    """``text`` with ``null`` in place of every array and object below the deepest level."""
    kept: list[str] = []
    depth = begin = 0
    for match in _STRUCTURE.finditer(text):
        character = match[0]
        if character in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept += text[begin : match.start()], "null"
        elif character in "]}":
            depth -= 1
            if depth == _DEEPEST:
                begin = match.end()
    if depth > _DEEPEST:
        raise ValueError("JSON is nested too deeply")
    return "".join(kept) + text[begin:]
