"""Whether a request comes from Twilio: the ``X-Twilio-Signature`` header. Pure.

Twilio signs each webhook, and the handshake of each media stream's WebSocket, with the account's
auth token. The algorithm is that of Twilio's page "Webhooks Security": HMAC-SHA1 over the URL as
Twilio was given it, followed by the form's fields in the order of their names, in base64.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from ..errors import UserError

_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def sign_as_twilio(
    auth_token: str, url: str, form: Mapping[str, str | Sequence[str]] | None = None
) -> str:
    """The signature that Twilio would send, for tests of your own server."""
    signed = url + "".join(_form_text(form or {}))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_from_twilio(
    auth_token: str,
    url: str,
    signature: str | bytes | None,
    form: Mapping[str, str | Sequence[str]] | None = None,
) -> bool:
    """Whether a request was signed with this account's auth token.

    Args:
        auth_token: The account's secret, from Twilio's console.
        url: The whole public URL as Twilio was given it, query included: of a media stream, that
            of ``<Stream url="wss://...">``. Behind a proxy this is not the URL that your server
            sees. With and without the scheme's own port, and with and without a slash at the end
            of the path, count as the same, since Twilio signs all of these forms.
        signature: The header ``X-Twilio-Signature``; None where the request has none.
        form: The fields of a webhook's form, each with its value or values. A WebSocket has none.

    Raises:
        UserError: the auth token is empty, so that anybody could sign.
    """
    if not auth_token:
        raise UserError("auth_token is empty: give the auth token of your Twilio account")
    given = signature.encode() if isinstance(signature, str) else signature
    if not given:
        return False
    # All are compared, so that the duration does not reveal which of them matched.
    matches = [
        hmac.compare_digest(sign_as_twilio(auth_token, each, form).encode(), given)
        for each in sorted(_spellings(url))
    ]
    return any(matches)


def _form_text(form: Mapping[str, str | Sequence[str]]) -> Iterable[str]:
    for name in sorted(form):
        values = form[name]
        for value in [values] if isinstance(values, str) else sorted(set(values)):
            yield name + value


def _spellings(url: str) -> set[str]:
    """The URL with and without its scheme's port, and with and without a slash at its end."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc[: len(parts.netloc) - len(host)]
    default = _DEFAULT_PORTS.get(parts.scheme)
    hosts = {parts.netloc}
    name, colon, port = host.rpartition(":")
    if colon and port == str(default):
        hosts.add(user + name)
    elif default is not None and (not colon or "]" in port):
        hosts.add(f"{user}{host}:{default}")
    paths = {parts.path, parts.path.rstrip("/"), parts.path.rstrip("/") + "/"}
    return {urlunsplit(parts._replace(netloc=host, path=path)) for host in hosts for path in paths}
