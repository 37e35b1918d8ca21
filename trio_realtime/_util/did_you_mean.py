"""The name that somebody probably meant, out of those that exist.

Every message about an unknown name takes its hint from here. Names may come from anywhere, so they
may be of any type and any length.
"""

from collections.abc import Iterable

MAX_NAME = 64
"""How many characters of an unknown name are compared, and shown in messages, at most."""


def closest(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that is most like ``name``, or None if none is much like it.

    ``cutoff`` is the least similarity that counts, from 0 to 1.
    """
    import difflib  # costs as much as all the settings together, and errors are rare

    if not isinstance(name, str):
        return None
    matches = difflib.get_close_matches(name[:MAX_NAME], [*known], n=1, cutoff=cutoff)
    return matches[0] if matches else None


def hint(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ``"; did you mean 'x'?"``, the end of a message; empty if no name is close."""
    close = closest(name, known, cutoff=cutoff)
    return "" if close is None else f"; did you mean {close!r}?"
