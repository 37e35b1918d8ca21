"""What to connect to: the URL and headers a caller gave, checked at the door. Pure.

Error messages name the fault and never repeat a URL or a header's value, since both may hold keys.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs

from trio_realtime._util.secrets import shown_header_name, stray_character
from trio_realtime.errors import UserError

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header name (RFC 9110, section 5.6.2)."""

_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")
"""A header value: visible ASCII, blanks only inside (RFC 9110, section 5.5)."""

_HANDSHAKE: Final = frozenset(
    {"host", "connection", "upgrade", "content-length", "transfer-encoding"}
)
"""Headers the handshake writes itself, as it does every ``Sec-WebSocket-*``."""


@attrs.frozen(kw_only=True)
class Target:
    """Where a WebSocket lives, and the request that opens it."""

    url: str
    secure: bool
    host: str
    """Without the brackets of an IPv6 address."""
    port: int
    resource: str
    """Path and query."""
    headers: tuple[tuple[str, str], ...]

    @property
    def address(self) -> str:
        """``host:port`` for messages and CONNECT."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """The Host header: the port is left out where it is the scheme's own."""
        default = 443 if self.secure else 80
        return bracketed(self.host) if self.port == default else self.address


def bracketed(host: str) -> str:
    """The host as URLs and headers write it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def parse_target(url: str, headers: Mapping[str, str]) -> Target:
    """Check a WebSocket URL and extra headers. Raises UserError."""
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        raise UserError("the URL must be ASCII without blanks; percent-encode everything else")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # not kept as the cause, since it quotes the URL
        raise UserError("the URL has an impossible host or port") from None
    if parts.scheme not in {"ws", "wss"}:
        found = f", not {parts.scheme}://" if parts.scheme in {"http", "https"} else ""
        raise UserError(f"the URL must begin with wss:// or ws://{found}")
    if not parts.hostname or port == 0:
        raise UserError("the URL must name a host, and a port other than 0")
    if "@" in parts.netloc:
        raise UserError("the URL must not hold credentials; pass them as headers")
    if parts.fragment:
        raise UserError("the URL must not have a fragment")
    secure = parts.scheme == "wss"
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        url=url,
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        resource=(parts.path or "/") + query,
        headers=tuple(_checked_headers(headers)),
    )


def _checked_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    for number, (name, value) in enumerate(headers.items(), 1):
        shown = shown_header_name(name)
        which = f"header {number} of {len(headers)}" if shown == "..." else f"the header {shown}"
        if not _TOKEN.fullmatch(name):
            stray = stray_character(name, r"!#$%&'*+.^_`|~0-9A-Za-z-") or "no characters"
            raise UserError(f"the name of {which} has {stray}, which the name of no header has")
        if name.lower() in _HANDSHAKE or name.lower().startswith("sec-websocket-"):
            raise UserError(f"the header {name!r} is written by the WebSocket handshake")
        if not _VALUE.fullmatch(value):
            stray = stray_character(value, r"\x20-\x7e\t") or "a blank at its beginning or end"
            raise UserError(
                f"the value of {which} has {stray}; it must be one line of ASCII without blanks "
                "around it"
            )
    return list(headers.items())
