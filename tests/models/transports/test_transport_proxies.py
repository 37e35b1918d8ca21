"""HTTP proxies: which one the environment asks for, and the tunnel through a stand-in."""

import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
import trio_websocket
import trustme
from support_transports import as_bytes, each_kind

from trio_realtime.errors import RealtimeConnectionError, SettingsError
from trio_realtime.models.transports import TransportKind, http_proxy, open_transport
from trio_realtime.models.transports import dialing as dialing_module
from trio_realtime.models.transports.proxies import proxy_from_environment
from trio_realtime.models.transports.target import parse_target

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

AUTHORITY = trustme.CA()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own environment must not matter."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def server_context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


@attrs.define(eq=False)
class StandIn:
    """A proxy that tunnels every name to one local port, and keeps the requests it got."""

    port: int
    requests: list[str] = attrs.field(factory=list[str])

    async def serve(self, stream: trio.abc.Stream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some()
        self.requests.append(head.decode())
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as onward:
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\nVia: stand-in\r\n\r\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.copy, stream, onward)
                await self.copy(onward, stream)
                nursery.cancel_scope.cancel()
        await stream.aclose()

    async def copy(self, source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
        try:
            while data := await source.receive_some():
                await sink.send_all(data)
        except trio.BrokenResourceError:
            pass  # one end is gone; the other is told by the close


@asynccontextmanager
async def behind_a_proxy(
    tls: ssl.SSLContext | None, proxy_tls: ssl.SSLContext | None = None
) -> AsyncGenerator[tuple[StandIn, int]]:
    """A WebSocket server that greets, and a proxy that leads to it; the proxy and its port."""

    async def greet(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.send_message("hello")

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: trio_websocket.serve_websocket(
                greet, "127.0.0.1", 0, tls, task_status=task_status
            )
        )
        proxy = StandIn(server.port)
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port: int = listener.socket.getsockname()[1]
        if proxy_tls is None:
            nursery.start_soon(trio.serve_listeners, proxy.serve, [listener])
        else:
            secured = trio.SSLListener(listener, proxy_tls, https_compatible=True)
            nursery.start_soon(trio.serve_listeners, proxy.serve, [secured])
        yield proxy, port
        nursery.cancel_scope.cancel()


# -- the tunnel ----------------------------------------------------------------------


@each_kind
async def test_wss_goes_through_the_proxy_of_the_environment(
    kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy sees the name and its own password; TLS reaches through it."""
    async with behind_a_proxy(server_context("api.test")) as (proxy, port):
        monkeypatch.setenv("HTTPS_PROXY", f"http://us%40er:pa%3Ass@127.0.0.1:{port}")
        async with open_transport(
            "wss://api.test/v1/realtime",
            headers={"Authorization": "Bearer secret"},
            ssl_context=client_context(),
            kind=kind,
        ) as transport:
            assert as_bytes(list(await transport.receive())) == [b"hello"]
    (request,) = proxy.requests
    credentials = base64.b64encode(b"us@er:pa:ss").decode()
    assert request == (
        "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n"
        f"Proxy-Authorization: Basic {credentials}\r\n\r\n"
    )


@each_kind
async def test_ws_goes_through_http_proxy(
    kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_a_proxy(None) as (proxy, port):
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        async with open_transport("ws://api.test/", headers={}, kind=kind) as transport:
            assert as_bytes(list(await transport.receive())) == [b"hello"]
    assert proxy.requests == ["CONNECT api.test:80 HTTP/1.1\r\nHost: api.test:80\r\n\r\n"]


async def test_a_proxy_reached_by_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS within TLS; the proxy's certificate is checked against the default trust store."""
    monkeypatch.setattr(dialing_module, "default_ssl_context", client_context)
    contexts = server_context("api.test"), server_context("localhost")
    async with behind_a_proxy(*contexts) as (proxy, port):
        factory = http_proxy(f"https://localhost:{port}")
        manager = open_transport(
            "wss://api.test/", headers={}, ssl_context=client_context(), stream_factory=factory
        )
        async with manager as transport:
            assert as_bytes(list(await transport.receive())) == [b"hello"]
    assert len(proxy.requests) == 1


async def test_a_stream_factory_takes_the_place_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async def dial(host: str, port: int) -> trio.abc.Stream:
        raise OSError("dialled by hand")

    with pytest.raises(RealtimeConnectionError, match="dialled by hand"):
        async with open_transport("ws://api.test/", headers={}, stream_factory=dial):
            raise AssertionError("never opened")


# -- failures ------------------------------------------------------------------------

ANSWERS = {
    "refused": (
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        r"refused to connect to api\.test:80: HTTP status 407",
    ),
    "end of stream": (b"", "did not answer CONNECT"),
    "half a head": (b"HTTP/1.1 200 O", "did not answer CONNECT"),
    "not HTTP": (b"220 mail.test ESMTP\r\n\r\n", "did not answer CONNECT"),
    "no status": (b"HTTP/1.1\r\n\r\n", "did not answer CONNECT"),
    "status of letters": (b"HTTP/1.1 two hundred\r\n\r\n", "did not answer CONNECT"),
    "a head without end": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "did not answer CONNECT"),
    "speaks first": (b"HTTP/1.1 200 OK\r\n\r\nhello", "sent data before"),
    "speaks first, ending alike": (b"HTTP/1.1 200 OK\r\n\r\nhello\r\n\r\n", "sent data before"),
}


@pytest.mark.parametrize(("answer", "message"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_proxy_that_does_not_open_the_tunnel(answer: bytes, message: str) -> None:
    """The message names proxy and target, and no password; the stream is closed."""
    at_end: list[bytes] = []

    async def respond(stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some()
        await stream.send_all(answer)
        if not answer.startswith(b"HTTP/1.1 200 OK\r\nX"):
            await stream.send_eof()
        try:
            at_end.append(await stream.receive_some())
        except trio.BrokenResourceError:
            at_end.append(b"")  # closed with something unread

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, respond, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        factory = http_proxy(f"http://user:password@127.0.0.1:{port}")
        with pytest.raises(RealtimeConnectionError, match=message) as caught:
            async with open_transport("ws://api.test/", headers={}, stream_factory=factory):
                raise AssertionError("never opened")
        assert f"the proxy 127.0.0.1:{port}" in str(caught.value)
        assert "password" not in str(caught.value)
        while not at_end:
            await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()
    assert at_end == [b""]


async def test_a_proxy_that_refuses_connections() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    factory = http_proxy(f"http://127.0.0.1:{port}")
    with pytest.raises(RealtimeConnectionError, match=f"to the proxy 127.0.0.1:{port}") as caught:
        async with open_transport("ws://api.test/", headers={}, stream_factory=factory):
            raise AssertionError("never opened")
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_proxy_whose_certificate_is_not_trusted() -> None:
    async with behind_a_proxy_that_fails_tls() as port:
        with pytest.raises(
            RealtimeConnectionError, match=f"TLS with the proxy localhost:{port} failed"
        ) as caught:
            async with open_transport(
                "wss://api.test/",
                headers={},
                stream_factory=http_proxy(f"https://localhost:{port}"),
            ):
                raise AssertionError("never opened")
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


@asynccontextmanager
async def behind_a_proxy_that_fails_tls() -> AsyncGenerator[int]:
    async def respond(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, server_context("localhost"), server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await secured.do_handshake()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, respond, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


# -- what the environment says ---------------------------------------------------------


def chosen(url: str) -> bool:
    return proxy_from_environment(parse_target(url, {})) is not None


def test_without_variables_there_is_no_proxy() -> None:
    assert not chosen("wss://api.test/")


@pytest.mark.parametrize(
    ("name", "wss", "ws"),
    [
        ("HTTPS_PROXY", True, False),
        ("https_proxy", True, False),
        ("HTTP_PROXY", False, True),
        ("http_proxy", False, True),
        ("ALL_PROXY", True, True),
        ("all_proxy", True, True),
    ],
)
def test_each_scheme_has_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, wss: bool, ws: bool
) -> None:
    monkeypatch.setenv(name, "http://proxy.test:3128")
    assert (chosen("wss://api.test/"), chosen("ws://api.test/")) == (wss, ws)


@pytest.mark.parametrize(
    ("no_proxy", "url", "expected"),
    [
        ("api.test", "wss://api.test/", False),
        ("API.test.", "wss://Api.Test/", False),
        (".api.test", "wss://api.test/", False),
        (".test", "wss://api.test/", False),
        ("test", "wss://api.test/", False),
        ("api.test:443", "wss://api.test/", False),
        ("api.test:444", "wss://api.test/", True),
        ("other.test, api.test", "wss://api.test/", False),
        ("other.test api.test", "wss://api.test/", False),
        (",,other.test,,api.test,", "wss://api.test/", False),
        ("*", "wss://api.test/", False),
        (" * ", "wss://api.test/", False),
        ("*.test", "wss://api.test/", True),
        ("*,other.test", "wss://api.test/", True),
        ("other.test", "wss://api.test/", True),
        ("pi.test", "wss://api.test/", True),
        ("api.test.com", "wss://api.test/", True),
        (".", "wss://api.test/", True),
        ("", "wss://api.test/", True),
        ("192.168.0.0/16", "wss://192.168.7.9/", False),
        ("192.168.0.0/16", "wss://192.169.7.9/", True),
        ("192.168.7.9/16", "wss://192.168.1.1/", False),
        ("192.168.7.9", "wss://192.168.7.9/", False),
        ("192.168.7.9:443", "wss://192.168.7.9/", False),
        ("168.7.9", "wss://192.168.7.9/", True),
        ("192.168.0.0/99", "wss://192.168.7.9/", True),
        ("192.168.0.0/16", "wss://192.168.api.test/", True),
        ("192.168.0.0/16", "wss://[::ffff:192.168.1.1]/", False),
        ("fd00::1", "wss://[fd00::1]/", False),
        ("[fd00::1]", "wss://[fd00::1]/", False),
        ("[fd00::1]:443", "wss://[fd00::1]/", False),
        ("[fd00::1]:444", "wss://[fd00::1]/", True),
        ("fd00::/8", "wss://[fd12::7]/", False),
        ("fd00::/8", "wss://[fe12::7]/", True),
        ("fd00::/8", "wss://192.168.7.9/", True),
    ],
)
def test_no_proxy_exempts_hosts_as_curl_does(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, expected: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert chosen(url) is expected


LOOPBACK = [
    "ws://127.0.0.1:8000/",
    "wss://127.9.9.9/",
    "ws://localhost:8000/",
    "ws://LOCALHOST./",
    "ws://simulator.localhost/",
    "ws://[::1]:8000/",
    "ws://[::ffff:127.0.0.1]/",
    "ws://0.0.0.0:8000/",
]


@pytest.mark.parametrize("proxy", ["http://proxy.test", "socks5://proxy.test", "nonsense://"])
@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_reached_directly_whatever_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    assert not chosen(url)


@pytest.mark.parametrize(
    "url", ["ws://128.0.0.1/", "ws://localhost.test/", "ws://mylocalhost/", "ws://[::2]/"]
)
def test_what_only_looks_like_this_machine_is_reached_by_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    assert chosen(url)


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h"])
def test_a_socks_proxy_is_refused_with_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:password@proxy.test:1080")
    words = "ALL_PROXY names a SOCKS proxy; .*stream_factory, or add the server's host to NO_PROXY"
    with pytest.raises(SettingsError, match=words) as caught:
        open_transport("wss://api.test/", headers={})
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["socks5://proxy.test:1080", "http://", "http://proxy.test:port", "https://:8080"]
)
def test_an_impossible_proxy_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(SettingsError, match="HTTPS_PROXY") as caught:
        open_transport("wss://api.test/", headers={})
    assert caught.value.path == "HTTPS_PROXY"
