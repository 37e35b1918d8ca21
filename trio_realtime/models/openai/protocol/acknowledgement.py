"""Whether the server has taken the session's opening settings. Pure.

The server answers the opening ``session.update`` with ``session.updated``, or with an ``error``,
and then goes on without any of its instructions and tools. `receiving` notes here what arrives.
"""

import attrs

from ....errors import RealtimeHandshakeError
from ...sans_io import Opening
from ..wire.objects import WireError

KEY_CODES = frozenset({"invalid_api_key", "missing_api_key"})
"""Errors whose text may quote the key."""


@attrs.define(eq=False)
class Acknowledgement:
    """The server's answer to the opening of one connection."""

    state: Opening = "open"
    """See `Opening`."""
    only_frame: bool = False
    """Whether nothing but the opening was sent, so that an error can be about nothing else."""
    _event_id: str | None = None

    def asked(self, event_id: str) -> None:
        """The opening settings are sent, with this event id."""
        self.state = "waiting"
        self.only_frame = True
        self._event_id = event_id

    def taken(self) -> None:
        """The server acknowledged the settings, or acts as if it had."""
        if self.state == "waiting":
            self.state = "open"

    def refused(self, error: WireError) -> bool:
        """An error arrived: note it, and return True, if it refuses the opening."""
        if self.state != "waiting":
            return False
        about_us = error.event_id == self._event_id
        if not about_us and not (error.event_id is None and self.only_frame):
            return False
        self.state = refusal(error)
        return True


def refusal(error: WireError) -> RealtimeHandshakeError:
    """Return what opening raises for this error, with the field it is about and the server's words.

    The words are left out if the key was refused, since they may quote it.
    """
    if error.code in KEY_CODES:
        said = f"the server refused the API key ({error.code})"
    else:
        about = f" because of {error.param}" if error.param else ""
        words = error.message or error.code or error.type
        said = f"the server refused the opening settings{about}: {words}"
    return RealtimeHandshakeError(said, status=101, code=error.code, param=error.param)
