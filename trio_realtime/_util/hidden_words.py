"""Showing that there are words without showing them.

What a user, a model or a tool said belongs to them: reprs end in logs and tracebacks, so the fields
of items, events and inputs that hold words show how long they are and nothing else.
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
