"""What may be shown of values that hold secrets: URLs, the names and values of HTTP headers.

Errors, logs and reprs show these through here. Whatever might be a key is not shown.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from ..errors import UserError

_SCHEMES: Final = frozenset({"ws", "wss", "http", "https"})

_HEADER_NAMES: Final = frozenset(
    {
        "accept",
        "api-key",
        "authorization",
        "content-type",
        "cookie",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "openai-safety-identifier",
        "origin",
        "proxy-authorization",
        "referer",
        "traceparent",
        "user-agent",
        "x-api-key",
        "x-client-request-id",
        "x-goog-api-key",
        "x-request-id",
    }
)
"""Names that are shown. Most others may be a key that was written in the place of a name."""

_OWN_NAME: Final = re.compile(r"x(-(?!sk-)[a-z]{1,20}){1,4}", re.IGNORECASE)
"""Names of the kind that applications make up, such as ``X-Tenant``, are shown too."""


def shown_url(url: str) -> str:
    """A URL as far as it can hold no secret: without user, query and fragment.

    A user's password that is not percent-encoded may itself contain the characters that end the
    host or begin the query; where that is possible, the host is not shown either.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        return "..."
    head = re.split(r"[?#]", rest, maxsplit=1)[0]
    if "@" in rest[len(head) :]:
        return f"{scheme}://..."
    return f"{scheme}://{head.rpartition('@')[2]}"


def shown_header_name(name: str) -> str:
    """The name of a header in quotes if it is surely no secret, and ``...`` otherwise."""
    surely = name.lower() in _HEADER_NAMES or _OWN_NAME.fullmatch(name)
    return repr(name) if surely else "..."


def shown_headers(headers: Mapping[str, str]) -> str:
    """Headers without their values."""
    return "{" + ", ".join(f"{shown_header_name(name)}: ..." for name in headers) + "}"


def stray_character(text: str, allowed: str) -> str | None:
    """The first character that a pattern does not allow, in words; ``None`` if there is none.

    Says where it stands only if that is at an end, as in "a line feed (U+000A) at its end".
    """
    found = re.search(f"[^{allowed}]", text)
    if found is None:
        return None
    character = found[0]
    place = ""
    if not text[found.end() :].strip():
        place = " at its end"
    elif found.start() == 0:
        place = " at its beginning"
    return f"{_character_name(character)}{place}"


def _character_name(character: str) -> str:
    code = f"U+{ord(character):04X}"
    known = {"\n": "a line feed", "\r": "a carriage return", "\t": "a tab", " ": "a blank"}
    if character in known:
        return f"{known[character]} ({code})"
    name = unicodedata.name(character, "")
    return f"the character {code}" + (f" ({name.lower()})" if name else "")


def check_key(key: str, source: str) -> str:
    """Return a key that can be sent in a header. Raises UserError that names ``source``."""
    stray = stray_character(key, r"\x20-\x7e")
    if stray is None and key != key.strip():
        stray = "a blank at its beginning or end"
    if stray is not None:
        raise UserError(f"{source} has {stray}, which no API key has: it is one line of ASCII")
    return key
