"""`TwilioSocket`, the WebSocket that a call needs, and adapters for WebSocket libraries.

A call uses its WebSocket through this interface alone, so any library that runs on Trio will do.
None of them is imported here: an adapter is chosen by the methods that an object has.
"""

from typing import Any, Protocol, cast

import attrs
import trio

from ..errors import UserError


class TwilioSocket(Protocol):
    """What a call needs of a WebSocket. One task receives, and one task at a time sends."""

    async def receive(self) -> str | bytes:
        """The next message. Raises `trio.EndOfChannel` when the other side has closed."""
        ...

    async def send(self, message: str) -> None:
        """Send a text message. Raises `trio.BrokenResourceError` when the other side is gone."""
        ...

    async def aclose(self) -> None:
        """Close, by the closing handshake if still possible. The caller sets a time limit."""
        ...


@attrs.define(eq=False)
class _OfTrioWebSocket:
    """A ``trio_websocket.WebSocketConnection``."""

    _websocket: Any

    async def receive(self) -> str | bytes:
        from trio_websocket import ConnectionClosed

        try:
            return cast("str | bytes", await self._websocket.get_message())
        except ConnectionClosed:
            raise trio.EndOfChannel from None

    async def send(self, message: str) -> None:
        from trio_websocket import ConnectionClosed

        try:
            await self._websocket.send_message(message)
        except ConnectionClosed:
            raise trio.BrokenResourceError from None

    async def aclose(self) -> None:
        await self._websocket.aclose()


@attrs.define(eq=False)
class _OfQuartTrio:
    """``quart_trio``'s ``websocket``. When the other side closes, Quart cancels the handler."""

    _websocket: Any

    async def receive(self) -> str | bytes:
        return cast("str | bytes", await self._websocket.receive())

    async def send(self, message: str) -> None:
        await self._websocket.send(message)

    async def aclose(self) -> None:
        await self._websocket.close(1000)


def as_twilio_socket(websocket: object) -> TwilioSocket:
    """A socket over a WebSocket of trio-websocket or Quart-Trio; a `TwilioSocket` is returned as it
    is.

    Raises:
        UserError: it is none of these.
    """
    if _has(websocket, "get_message", "send_message", "aclose"):
        return _OfTrioWebSocket(websocket)
    if _has(websocket, "receive", "send", "accept", "close"):
        return _OfQuartTrio(websocket)
    if _has(websocket, "receive", "send", "aclose"):
        return cast("TwilioSocket", websocket)
    raise UserError(
        f"a {type(websocket).__name__} is no WebSocket this library knows: give one of "
        "trio-websocket or Quart-Trio, or an object with the methods of TwilioSocket"
    )


def _has(websocket: object, *methods: str) -> bool:
    return all(callable(getattr(websocket, method, None)) for method in methods)
