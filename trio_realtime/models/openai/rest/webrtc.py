"""Calls from a browser: its media goes to OpenAI over WebRTC, its control through this application.

The browser sends its SDP offer to the application, which relays it (`relay_offer`), sends the
answer back, and attaches a session beside it (the *sideband*), the same way as to a phone call:
with `OpenAIRealtimeSIPModel` and the call's id. Instructions, tools and the key never reach the
browser. Where the browser is to speak to OpenAI itself, `create_client_secret` makes it a key that
soon expires.

Sources: "Webhooks and server-side controls" and "WebRTC" of the API's guides,
``openai.resources.realtime``.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import attrs

from ...._util.type_checks import Between, check
from ....errors import RealtimeProtocolError, UserError
from .call import Call, SessionOrSettings, session_body
from .client import OpenAIRestClient, RestAnswer, to_json

SECRET_SECONDS: Final = 600
"""Seconds until a client secret expires by default, as in the API."""


@attrs.frozen(kw_only=True)
class RelayedCall:
    """A browser's call, set up."""

    answer_sdp: str = attrs.field(repr=False)
    """For the browser: ``setRemoteDescription({type: "answer", sdp: answer_sdp})``."""
    call: Call
    """To attach to, and to hang up."""


@attrs.frozen(kw_only=True)
class ClientSecret:
    """A key for one client, good for beginning sessions until it expires."""

    value: str = attrs.field(repr=False)
    expires_at: int
    """Unix time in seconds."""
    session: Mapping[str, Any] = attrs.field(repr=False)
    """The session as the server will begin it."""


async def relay_offer(
    client: OpenAIRestClient, offer_sdp: str, *, session: SessionOrSettings
) -> RelayedCall:
    """Begin a call with a browser's SDP offer, and get the answer for it.

    ``session`` is what the call begins with: settings, or the payload that
    `OpenAIRealtimeSIPModel.build_initial_session_payload` makes of an agent.

    Raises:
        UserError: the offer is no SDP, or the session is wrong; nothing was sent.
        RealtimeRequestError: the server refused.
        RealtimeConnectionError: there was no answer, or not in time.
        RealtimeProtocolError: the answer lacks the SDP or the call's id.
    """
    check(str, offer_sdp, "offer_sdp")
    if not offer_sdp.startswith("v=0"):
        raise UserError("the offer must be an SDP text, which begins with v=0")
    parts = {
        "sdp": ("application/sdp", offer_sdp.encode()),
        "session": ("application/json", to_json(session_body(session))),
    }
    answer = await client.post("/realtime/calls", doing="relaying the offer", parts=parts)
    return RelayedCall(answer_sdp=_answer_sdp(answer), call=Call(client, _call_id(answer)))


def _answer_sdp(answer: RestAnswer) -> str:
    try:
        sdp = answer.body.decode()
    except UnicodeDecodeError as exc:
        raise RealtimeProtocolError("the answer to the offer is not text") from exc
    if not sdp.startswith("v=0"):
        raise RealtimeProtocolError("the answer to the offer is not SDP")
    return sdp


def _call_id(answer: RestAnswer) -> str:
    """The last segment of the path in ``Location``: ``/v1/realtime/calls/rtc_123``."""
    path = urlsplit(answer.headers.get("location", "")).path
    before, _, call_id = path.rpartition("/")
    if not before.endswith("/calls") or not call_id:
        raise RealtimeProtocolError("the answer to the offer does not name the call")
    return unquote(call_id)


async def create_client_secret(
    client: OpenAIRestClient, *, session: SessionOrSettings, expires_after: int = SECRET_SECONDS
) -> ClientSecret:
    """A key for a browser or a phone app to begin this session with, for so many seconds.

    A session goes on when its secret has expired. ``expires_after`` is from 10 to 7,200.

    Raises:
        UserError: the session or the time is wrong; nothing was sent.
        RealtimeRequestError: the server refused.
        RealtimeConnectionError: there was no answer, or not in time.
        RealtimeProtocolError: the answer holds no secret.
    """
    check(Annotated[int, Between(10, 7200)], expires_after, "expires_after")
    body = {
        "expires_after": {"anchor": "created_at", "seconds": expires_after},
        "session": session_body(session, ("realtime", "transcription")),
    }
    doing = "creating a client secret"
    answer = await client.post("/realtime/client_secrets", doing=doing, json=body)
    try:
        made: Any = json.loads(answer.body)
        check(str, made["value"], "value")
        check(int, made["expires_at"], "expires_at")
        check(Mapping[str, Any], made["session"], "session")
    except (ValueError, TypeError, KeyError, UserError) as exc:
        raise RealtimeProtocolError(
            f"the answer holds no client secret ({type(exc).__name__})"
        ) from None
    return ClientSecret(value=made["value"], expires_at=made["expires_at"], session=made["session"])
