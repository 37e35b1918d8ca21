"""How a connection ended, and what each caller of a transport is told about it. Pure.

Both transports record one `Ending` and answer `receive`, `send` and `ping` from it, so that an
application sees the same errors whichever library runs.
"""

from typing import Final, Literal

import attrs

from trio_realtime.errors import RealtimeConnectionClosed, RealtimeSessionClosed, UserError

CLEAN_CODES: Final = frozenset({1000, 1001, 1005})
"""Close codes with which a connection ends without an error: a normal end, a server that goes away
or a session at its limit, and a close frame without a code (RFC 6455, section 7.1.5)."""

SENDABLE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
"""What an endpoint may put into a close frame below 3000 (RFC 6455, section 7.4.1, and IANA)."""

REASON_BYTES: Final = 123
"""A control frame holds 125 bytes, two of them the code (RFC 6455, section 5.5)."""

_FAULTS: Final = {
    1002: "the server broke the WebSocket protocol",
    1006: "the connection to the server was lost without a close frame",
    1007: "the server sent a text message that is not valid UTF-8",
}


@attrs.frozen(kw_only=True)
class Ending:
    """One end of one connection: by a close frame of the server, by `aclose`, or by a fault."""

    by: Literal["server", "us", "fault"]
    code: int = 1000
    reason: str = ""
    message: str = ""
    cause: BaseException | None = None

    @property
    def clean(self) -> bool:
        """Whether `receive` ends without an error."""
        return self.by == "us" or (self.by == "server" and self.code in CLEAN_CODES)

    def error(self) -> RealtimeConnectionClosed | RealtimeSessionClosed:
        """A new exception that tells of this end; `send` and `ping` raise it for clean ones too."""
        error: RealtimeConnectionClosed | RealtimeSessionClosed
        if self.by == "us":
            error = RealtimeSessionClosed(self.message or "the connection was closed on this side")
        else:
            error = RealtimeConnectionClosed(self._text(), code=self.code, reason=self.reason)
        error.__cause__ = self.cause
        return error

    def _text(self) -> str:
        if self.message:
            return self.message
        if self.by == "server":
            said = f": {self.reason}" if self.reason else ""
            return f"the server closed the connection with code {self.code}{said}"
        return _FAULTS.get(self.code, f"the connection failed with code {self.code}")


CLOSED_HERE: Final = Ending(by="us")
TORN: Final = Ending(by="us", message="an earlier send was cut short; the connection is unusable")


def lost(cause: BaseException | None = None) -> Ending:
    """The byte stream ended or broke without a close frame."""
    return Ending(by="fault", code=1006, cause=cause)


def too_big(max_message_size: int) -> Ending:
    """A message was larger than the setting allows."""
    return Ending(
        by="fault",
        code=1009,
        message=f"the server sent a message larger than max_message_size={max_message_size} bytes",
    )


def check_close(code: int, reason: str) -> str:
    """Refuse a code that no close frame may carry; return the reason cut to what fits one."""
    if code not in SENDABLE_CODES and not 3000 <= code <= 4999:
        raise UserError(f"{code!r} is not a close code that may be sent; 1000 ends normally")
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
