"""Reprs that say how long a text is, and not what it says.

Reprs end up in logs and tracebacks, where the words of a user, a model or a tool do not belong. So
the fields of items, events and inputs that hold words show their length and nothing else.
"""

from collections.abc import Sized


def hidden(value: object) -> str:
    """The repr of a field that holds words: ``<12 characters>``, or the type of what is there."""
    match value:
        case None:
            return "None"
        case str():
            return f"<{len(value)} characters>"
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case _:
            size = f" of {len(value)}" if isinstance(value, Sized) else ""
            return f"<{type(value).__name__}{size}>"
