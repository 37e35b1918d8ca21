"""The name that somebody probably meant, out of those that exist.

Every message about an unknown name takes its hint from here. Names may come from anywhere, so they
may be of any type and any length.
"""

from collections.abc import Iterable

MAX_NAME = 64
"""Characters of an unknown name that are looked at, and at most shown."""


def closest(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that is most like ``name``, or None if none is much like it.

    ``cutoff``, from 0 to 1, says how much it must be like it.
    """
    import difflib  # costs as much as all the settings together, and errors are rare

    if not isinstance(name, str):
        return None
    matches = difflib.get_close_matches(name[:MAX_NAME], [*known], n=1, cutoff=cutoff)
    return matches[0] if matches else None


def hint(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``"; did you mean 'x'?"``, to end a message with; empty if no name is close."""
    close = closest(name, known, cutoff=cutoff)
    return "" if close is None else f"; did you mean {close!r}?"
