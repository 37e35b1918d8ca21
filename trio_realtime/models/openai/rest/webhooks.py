"""Webhooks: is this request OpenAI's, is it new, and is it a call?

OpenAI tells of an incoming phone call by a POST to a URL of the application's, signed by the
Standard Webhooks scheme (https://www.standardwebhooks.com): ``webhook-signature`` holds
``v1,BASE64(HMAC-SHA256(secret, id.timestamp.body))``, several of them while secrets are being
changed. The application's web server hands body and headers to a `WebhookVerifier`; nothing here
waits or does I/O.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import attrs

from ...._util.type_checks import check
from ....errors import (
    RealtimeProtocolError,
    UserError,
    WebhookReplayError,
    WebhookVerificationError,
)

SECRET_VARIABLE: Final = "OPENAI_WEBHOOK_SECRET"
TOLERANCE: Final = 300.0
"""Seconds that a webhook's time may be off; the scheme's own recommendation."""

INCOMING_CALL: Final = "realtime.call.incoming"

_PREFIX: Final = "whsec_"
_VERSION: Final = b"v1,"
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_NEEDED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""A request's headers, as a mapping or as pairs (h11, ASGI); names in any case."""


def verify_webhook(
    body: bytes | str,
    headers: Headers,
    *,
    secret: str | Sequence[str] | None = None,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> str:
    """Check the signature and the time of one webhook; its id is returned.

    ``body`` is the request's, byte for byte. ``secret`` is the endpoint's (``whsec_...``), or
    several, while one replaces another; None is the environment variable
    ``OPENAI_WEBHOOK_SECRET``. ``now`` is Unix time in seconds, None that of the clock. Signatures
    are compared in constant time. A request sent twice within ``tolerance`` passes twice:
    `WebhookVerifier` remembers.

    Raises:
        WebhookVerificationError: it is not genuine, or its time is off by more than ``tolerance``.
        UserError: there is no secret, or it is not one.
    """
    return _verify(
        body, headers, _secret_keys(secret), tolerance, time.time() if now is None else now
    )[0]


def _verify(
    body: bytes | str, headers: Headers, keys: Sequence[bytes], tolerance: float, now: float
) -> tuple[str, int]:
    """The webhook's id and time."""
    webhook_id, stamp, signatures = _needed(headers)
    if not _TIMESTAMP.fullmatch(stamp):
        raise WebhookVerificationError("the webhook's timestamp is not a number of seconds")
    age = now - int(stamp)
    if abs(age) > tolerance:
        raise WebhookVerificationError(
            f"the webhook is {'from the future' if age < 0 else 'too old'}: its time is off by "
            f"more than {tolerance:g} s"
        )
    offered = [
        part.removeprefix(_VERSION)
        for part in _to_bytes(signatures).split()
        if part.startswith(_VERSION)
    ]
    # Every pair is compared, so that the time tells nothing of which one matched.
    matches = [
        hmac.compare_digest(expected, each)
        for expected in (_signature(key, webhook_id, stamp, _to_bytes(body)) for key in keys)
        for each in offered
    ]
    if not any(matches):
        raise WebhookVerificationError("the webhook's signature does not match")
    return webhook_id, int(stamp)


def _signature(key: bytes, webhook_id: str, stamp: str, body: bytes) -> bytes:
    signed = b".".join((_to_bytes(webhook_id), stamp.encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())


def _to_bytes(text: str | bytes) -> bytes:
    """Text as the bytes that it was, or would be, on the wire."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _needed(headers: Headers) -> tuple[str, str, str]:
    """The three headers of the scheme. One given twice is refused: which one was signed?"""
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = _to_bytes(raw_name).decode("latin-1").lower()
        if name not in _NEEDED:
            continue
        if name in found:
            raise WebhookVerificationError(f"the request has two headers {name}")
        found[name] = _to_bytes(raw_value).decode("utf-8", "surrogateescape")
    for name in _NEEDED:
        if not found.get(name):
            raise WebhookVerificationError(f"the request has no header {name}")
    return found[_NEEDED[0]], found[_NEEDED[1]], found[_NEEDED[2]]


def _secret_keys(secret: str | Sequence[str] | None) -> tuple[bytes, ...]:
    """The keys of secrets: base64 after ``whsec_``; any other secret is the key itself."""
    given = os.environ.get(SECRET_VARIABLE) if secret is None else secret
    secrets = [given] if isinstance(given, str) else list(given or ())
    if not secrets or not all(secrets):
        raise UserError(
            f"no webhook secret: set the environment variable {SECRET_VARIABLE}, or give secret"
        )
    return tuple(_key(each) for each in secrets)


def _key(secret: str) -> bytes:
    check(str, secret, "secret")
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise UserError(f"a webhook secret that begins with {_PREFIX} must go on in base64")
    return key


def sign_webhook(
    body: bytes | str, *, secret: str, webhook_id: str, timestamp: int
) -> dict[str, str]:
    """The headers that OpenAI would send with this body: for tests and stand-ins.

    ``timestamp`` is Unix time in seconds.
    """
    signature = _signature(_secret_keys(secret)[0], webhook_id, str(timestamp), _to_bytes(body))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": (_VERSION + signature).decode(),
    }


@attrs.frozen(kw_only=True)
class IncomingCall:
    """A phone call that waits to be accepted or rejected."""

    call_id: str
    sip_headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    """Names and values of the SIP INVITE, in its order. The caller's side wrote them: they prove
    nothing, and hold phone numbers."""
    media_security: str | None = None
    """``"rtp"`` or ``"srtp"``; None when it is not known."""
    event_id: str = ""
    created_at: int = 0
    """Unix time in seconds."""

    def header(self, name: str) -> str | None:
        """The first SIP header of this name, in any case (RFC 3261, section 7.3.1): ``"From"``."""
        wanted = name.lower()
        return next((value for each, value in self.sip_headers if each.lower() == wanted), None)


def parse_incoming_call(body: bytes | str) -> IncomingCall | None:
    """The call that the body of a webhook tells of; None when it is a webhook of another type.

    It believes what it is given: check the signature first, or use `WebhookVerifier.incoming_call`.

    Raises:
        RealtimeProtocolError: it is not JSON, or tells of a call without what makes one.
    """
    try:
        event: Any = json.loads(body)
        if event["type"] != INCOMING_CALL:
            return None
        data = event["data"]
        if not data["call_id"]:
            raise ValueError
        security = data.get("sip_media_security")
        return IncomingCall(
            call_id=_text(data["call_id"]),
            sip_headers=tuple(
                (_text(each["name"]), _text(each["value"]))
                for each in data.get("sip_headers") or ()
            ),
            media_security=None if security is None else _text(security),
            event_id=_text(event.get("id", "")),
            created_at=int(event.get("created_at", 0)),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        # The cause's message may hold a phone number; its type says enough.
        raise RealtimeProtocolError(f"the webhook is malformed ({type(exc).__name__})") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


@attrs.define(eq=False)
class WebhookVerifier:
    """Verifies the webhooks of one endpoint, and takes each only once.

    Remembers the ids of genuine webhooks as long as they would pass again, so its memory is bounded
    by what OpenAI sends in twice ``tolerance``. Several processes behind one URL remember apart.
    """

    _keys: tuple[bytes, ...] = attrs.field(
        default=None, converter=_secret_keys, alias="secret", repr=False
    )
    """See `verify_webhook`."""
    tolerance: float = attrs.field(
        default=TOLERANCE, kw_only=True, validator=attrs.validators.gt(0)
    )
    """Seconds."""
    clock: Callable[[], float] = attrs.field(default=time.time, kw_only=True, repr=False)
    """Unix time in seconds."""
    _seen: dict[str, float] = attrs.field(factory=dict[str, float], init=False, repr=False)
    """Webhook id -> when it could not pass again."""

    def verify(self, body: bytes | str, headers: Headers) -> str:
        """Check one webhook and remember it; its id is returned.

        Raises:
            WebhookReplayError: it is genuine, and was here before.
            WebhookVerificationError: it is not genuine, or its time is off.
        """
        now = self.clock()
        webhook_id, timestamp = _verify(body, headers, self._keys, self.tolerance, now)
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        before = self._seen.get(webhook_id, 0.0)
        # A repeated delivery has a later time, and could itself be replayed until then.
        self._seen[webhook_id] = max(before, timestamp + self.tolerance)
        if before:
            raise WebhookReplayError("the webhook was here before")
        return webhook_id

    def forget(self, webhook_id: str) -> None:
        """Take this webhook again: for one that could not be handled, so that OpenAI's next
        attempt at it can be."""
        self._seen.pop(webhook_id, None)

    def incoming_call(self, body: bytes | str, headers: Headers) -> IncomingCall | None:
        """`verify`, then `parse_incoming_call`."""
        self.verify(body, headers)
        return parse_incoming_call(body)
