"""What only the transport over trio-websocket does: how it opens, and with which options."""

from typing import Any

import pytest
import trio
import trio_websocket
from support_transports import Peer, Scripted

from trio_realtime.models.transports import open_transport


class CalledError(Exception):
    """Raised in place of connecting."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of every call of the library's function that connects to a URL."""
    found: list[dict[str, Any]] = []

    async def connect(nursery: object, url: str, ssl_context: object, **options: object) -> None:
        found.append({"url": url, "ssl_context": ssl_context, **options})
        raise CalledError

    monkeypatch.setattr(trio_websocket, "connect_websocket_url", connect)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return found


async def test_it_opens_through_the_librarys_public_function(calls: list[dict[str, Any]]) -> None:
    """Looked up when called, so that programs can wrap it."""
    url = "ws://api.test/v1/realtime?model=m"
    with pytest.raises(CalledError):
        async with open_transport(
            url,
            headers={"A": "b"},
            kind="trio-websocket",
        ):
            raise AssertionError("never opened")
    assert calls == [
        {
            "url": url,
            "ssl_context": None,
            "extra_headers": [(b"A", b"b")],
        }
    ]


async def test_a_secure_url_gets_a_context_that_is_made_once(calls: list[dict[str, Any]]) -> None:
    for _ in range(2):
        with pytest.raises(CalledError):
            async with open_transport("wss://api.test/", headers={}, kind="trio-websocket"):
                raise AssertionError("never opened")
    first, second = (call["ssl_context"] for call in calls)
    assert first is second
    assert first.check_hostname


async def test_a_stream_factory_takes_the_place_of_that_function(
    calls: list[dict[str, Any]],
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.finish()

    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, script)
        async with open_transport(
            "ws://api.test:81/",
            headers={},
            stream_factory=server.dial,
            kind="trio-websocket",
        ):
            assert server.dialled == [("api.test", 81)]
    assert calls == []
