"""A `Call`: what an application can do with a phone (or browser) call, over the Realtime Calls API.

The paths and bodies are those of the API's reference and of ``openai.resources.realtime.calls``;
`OpenAIRestClient` sends them. A call id comes with a webhook (`webhooks`) or from a relayed offer
(`webrtc`).
"""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import attrs

from ...._util.type_checks import Between, check
from ....errors import UserError
from ...model_config import RealtimeModelConfig
from ...session_settings import RealtimeSessionModelSettings
from ..protocol.receiving import session_object
from .client import OpenAIRestClient

SessionOrSettings = RealtimeSessionModelSettings | Mapping[str, Any]
"""Settings, or the wire's own session object, which has a ``type``."""

_TARGET: Final = re.compile(r"(tel|sips?):[\x21-\x7e]+", re.IGNORECASE)
"""What may stand in a SIP Refer-To header; a blank or a line's end could begin another."""


def session_body(
    session: SessionOrSettings, types: Collection[str] = ("realtime",)
) -> dict[str, Any]:
    """The session object of a request.

    Without trace settings: the session says those when it attaches, and they may be said only once.

    Raises:
        UserError: it is neither settings nor a session object of one of ``types``.
    """
    if isinstance(session, RealtimeSessionModelSettings):
        return session_object(session, tracing=False)
    check(Mapping[str, Any], session, "session")
    if session.get("type") not in types:
        raise UserError(
            f"a session given as a mapping must be in wire form, with a type ({', '.join(types)}); "
            "make RealtimeSessionModelSettings of settings"
        )
    return dict(session)


def _check_call_id(_instance: object, _attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise UserError("call_id must be the id of a call, a string that is not empty")


@attrs.frozen
class Call:
    """One call, by its id. Holds no connection; make as many as you like of one call.

    Each method is one request: see `OpenAIRestClient.post` for what it raises and for what
    cancelling it means.
    """

    client: OpenAIRestClient = attrs.field(repr=False)
    call_id: str = attrs.field(validator=_check_call_id)

    async def accept(self, session: SessionOrSettings) -> None:
        """Answer an incoming phone call with this session.

        `OpenAIRealtimeSIPModel.build_initial_session_payload` makes the session of an agent. The
        caller hears silence until a response is asked for.
        """
        await self._post("accept", "accepting the call", session_body(session))

    async def reject(self, status_code: int = 603) -> None:
        """Decline an incoming phone call, with a SIP status: 603 is "decline", 486 is "busy".

        Raises:
            UserError: that is no failure of SIP, from 400 to 699 (RFC 3261, section 21).
        """
        check(Annotated[int, Between(400, 699)], status_code, "status_code")
        await self._post("reject", "rejecting the call", {"status_code": status_code})

    async def refer(self, target_uri: str) -> None:
        """Transfer a phone call to ``tel:+14155550123`` or ``sip:agent@example.com``.

        Raises:
            UserError: that is no such URI.
        """
        check(str, target_uri, "target_uri")
        if not _TARGET.fullmatch(target_uri):
            raise UserError("target_uri must be a tel:, sip: or sips: URI")
        await self._post("refer", "transferring the call", {"target_uri": target_uri})

    async def hang_up(self) -> None:
        """End the call, whether by phone or from a browser. The session's server then closes."""
        await self._post("hangup", "hanging up", None)

    def model_config(self, **settings: Any) -> RealtimeModelConfig:
        """The config by which a session attaches to this call, on the client's server and with its
        key; ``settings`` are more fields of it."""
        return self.client.model_config(call_id=self.call_id, **settings)

    async def _post(self, verb: str, doing: str, body: Mapping[str, Any] | None) -> None:
        path = f"/realtime/calls/{quote(self.call_id, safe='')}/{verb}"
        await self.client.post(path, doing=doing, json=body)
