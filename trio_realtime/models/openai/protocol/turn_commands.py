"""The vocabulary of `response_slot`: its states, the events that change them, and its commands.

`outbox` carries out the commands. There are only values here; nothing decides.
"""

import enum
from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs


class TurnState(enum.Enum):
    """Where the conversation's one slot for a response is."""

    IDLE = "idle"
    REQUESTED = "requested"
    ACTIVE = "active"
    CANCELLING = "cancelling"


class TurnEvent(enum.Enum):
    """What changes the state: the client's requests and cancels, the server's events, the clock."""

    REQUEST = "request"
    CANCEL = "cancel"
    CREATED = "created"
    DONE = "done"
    REFUSED = "refused"
    BUSY = "busy"
    CANCEL_REFUSED = "cancel_refused"
    EXPIRED = "expired"


@attrs.frozen(kw_only=True)
class CreateRequest:
    """A request for a response. Automatic ones, for a message or a tool's output, have no
    parameters."""

    event_id: str
    automatic: bool
    params: Mapping[str, Any] | None = None


@attrs.frozen(kw_only=True)
class SendCreate:
    """Send ``response.create`` now."""

    request: CreateRequest


@attrs.frozen(kw_only=True)
class SendCancel:
    """Send ``response.cancel`` now."""

    response_id: str | None
    event_id: str


@attrs.frozen(kw_only=True)
class ReportLost:
    """Tell the application that a request was never answered, or was cancelled before it began."""

    request: CreateRequest
    cancelled: bool = False


@attrs.frozen(kw_only=True)
class ReportSilent:
    """Tell the application that this response counts as over, since nothing is heard of it."""

    response_id: str | None


TurnCommand: TypeAlias = SendCreate | SendCancel | ReportLost | ReportSilent
