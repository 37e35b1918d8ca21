"""Where a session is in its life, as a table: (phase, step) -> phase. Pure.

::

    NEW ──START──► OPENING ──OPENED──► OPEN ──RENEW──► RENEWING
     │                │                 │ ▲               │  │
     │                │                 │ └───RENEWED─────┘  │
     │                └──────END────────┴────────END─────────┘
     │                                  ▼
     │                               CLOSING
     │                                  │ GONE
     │                                  ▼
     └──────────────END───────────►  CLOSED

A session is used once, so nothing leads back to an earlier phase. An opening or a renewal that
finishes while the session closes changes nothing. Any pair that the table does not list is a bug of
the library, and raises an error that names both.
"""

import enum
from collections.abc import Mapping
from typing import Final


class Phase(enum.Enum):
    """Where a session is."""

    NEW = "new"
    """Made, and not opened yet."""
    OPENING = "opening"
    """The agent is made ready and the model is connected to."""
    OPEN = "open"
    RENEWING = "renewing"
    """Open, while its connection is replaced by another."""
    CLOSING = "closing"
    """It cannot be used; its tasks end, tool calls are answered, and the connection is closed."""
    CLOSED = "closed"
    """All its tasks have ended, and the connection is closed."""


class Step(enum.Enum):
    """What happens to a session."""

    START = "start"
    """The application opens it."""
    OPENED = "opened"
    """It is connected, and the audio that was kept while it connected has been sent."""
    RENEW = "renew"
    """Its connection is to be replaced."""
    RENEWED = "renewed"
    """Its connection has been replaced."""
    END = "end"
    """It is to end: the application closes it, the server did, or it failed."""
    GONE = "gone"
    """The last of its tasks has ended."""


TABLE: Final[Mapping[tuple[Phase, Step], Phase]] = {
    (Phase.NEW, Step.START): Phase.OPENING,
    (Phase.NEW, Step.END): Phase.CLOSED,
    (Phase.OPENING, Step.OPENED): Phase.OPEN,
    (Phase.OPENING, Step.END): Phase.CLOSING,
    (Phase.OPEN, Step.RENEW): Phase.RENEWING,
    (Phase.OPEN, Step.END): Phase.CLOSING,
    (Phase.RENEWING, Step.RENEWED): Phase.OPEN,
    (Phase.RENEWING, Step.END): Phase.CLOSING,
    (Phase.CLOSING, Step.OPENED): Phase.CLOSING,
    (Phase.CLOSING, Step.RENEW): Phase.CLOSING,
    (Phase.CLOSING, Step.RENEWED): Phase.CLOSING,
    (Phase.CLOSING, Step.END): Phase.CLOSING,
    (Phase.CLOSING, Step.GONE): Phase.CLOSED,
    (Phase.CLOSED, Step.END): Phase.CLOSED,
}


class WrongStepError(RuntimeError):
    """A step that cannot happen in this phase."""


def next_phase(phase: Phase, step: Step) -> Phase:
    """The phase after this step.

    Raises:
        WrongStepError: the table does not list the pair.
    """
    try:
        return TABLE[phase, step]
    except KeyError:
        raise WrongStepError(
            f"{step.value!r} cannot happen to a session that is {phase.value}"
        ) from None
