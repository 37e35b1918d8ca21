"""The API's refusals, as exceptions inside the simulator and as ``error`` events outside it.

Raised by the pure modules beside this one, caught in :mod:`.server_protocol`, which answers the
client with them. Codes and wordings follow what the service has been observed to send; where nobody
has reported one, the code follows the pattern of its neighbours.
"""

from typing import Any


class ApiError(Exception):
    """A client event the API refuses. ``param`` is the path to the offending field, if one is.

    An empty ``code`` is null on the wire.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        param: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.type = type

    def render(self, event_id: str | None) -> dict[str, Any]:
        """The ``error`` object; ``event_id`` is the refused client event's own, or None."""
        return {
            "type": self.type,
            "code": self.code or None,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }
