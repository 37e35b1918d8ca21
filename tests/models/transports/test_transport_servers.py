"""The transports against real servers on the loopback: three libraries, with and without TLS."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache, partial
from typing import Any

import hypercorn.config
import hypercorn.trio
import pytest
import trio
import trio_websocket
import trustme
import websockets.asyncio.server
from support_transports import Peer, Scripted, as_bytes, each_kind

from trio_realtime.errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
)
from trio_realtime.models.transports import (
    TextTransport,
    TransportKind,
    TransportSettings,
    open_transport,
)

Serve = Callable[[ssl.SSLContext | None], AbstractAsyncContextManager[int]]

pytestmark = each_kind


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback is reached directly, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


# -- servers: each echoes text, and closes with the code that "close CODE" asks for ------


@asynccontextmanager
async def trio_websocket_server(tls: ssl.SSLContext | None) -> AsyncGenerator[int]:
    async def echo(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                message = await connection.get_message()
                assert isinstance(message, str)
                if message.startswith("close"):
                    await connection.aclose(int(message.split()[1]), "asked for")
                await connection.send_message(message)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: trio_websocket.serve_websocket(
                echo, "127.0.0.1", 0, tls, max_message_size=2**24, task_status=task_status
            )
        )
        yield server.port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def websockets_server(tls: ssl.SSLContext | None) -> AsyncGenerator[int]:
    """The library's own asyncio server, in a thread."""

    async def echo(connection: websockets.asyncio.server.ServerConnection) -> None:
        async for message in connection:
            assert isinstance(message, str)
            if message.startswith("close"):
                await connection.close(int(message.split()[1]), "asked for")
            await connection.send(message)

    port: list[int] = []
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with websockets.asyncio.server.serve(
            echo, "127.0.0.1", 0, ssl=tls, max_size=2**24
        ) as server:
            port.append(next(iter(server.sockets)).getsockname()[1])
            started.set()
            await asyncio.to_thread(stop.wait)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, lambda: asyncio.run(serve()))
        await trio.to_thread.run_sync(started.wait)
        try:
            yield port[0]
        finally:
            stop.set()


@asynccontextmanager
async def hypercorn_server(tls: ssl.SSLContext | None) -> AsyncGenerator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            message = event["text"]
            if message.startswith("close"):
                code = int(message.split()[1])
                await send({"type": "websocket.close", "code": code, "reason": "asked for"})
            else:
                await send({"type": "websocket.send", "text": message})

    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:0"]
    config.loglevel = "ERROR"
    config.graceful_timeout = 0.1
    assert tls is None
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(
            lambda task_status: hypercorn.trio.serve(app, config, task_status=task_status)
        )
        yield int(binds[0].rpartition(":")[2])
        nursery.cancel_scope.cancel()


AUTHORITY = trustme.CA()


@lru_cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@lru_cache
def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


@asynccontextmanager
async def connected(serve: Serve, tls: bool, kind: TransportKind) -> AsyncGenerator[TextTransport]:
    async with serve(server_context() if tls else None) as port:
        manager = open_transport(
            f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/realtime?model=m",
            headers={"Authorization": "Bearer secret", "X-Other": ""},
            ssl_context=client_context() if tls else None,
            kind=kind,
        )
        async with manager as transport:
            yield transport


with_each_server = pytest.mark.parametrize(
    ("serve", "tls"),
    [
        (trio_websocket_server, False),
        (trio_websocket_server, True),
        (websockets_server, False),
        (websockets_server, True),
        (hypercorn_server, False),
    ],
)


@with_each_server
async def test_messages_of_all_sizes_come_back(
    serve: Serve, tls: bool, kind: TransportKind
) -> None:
    """A megabyte both ways too: both directions block on the other, and neither may for ever."""
    messages: list[str | bytes] = ["{}", "ü" * 1000, "x" * 2**20, b"last"]
    async with connected(serve, tls, kind) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(transport.send, messages)
        got: list[bytes] = []
        while len(got) < len(messages):
            got += as_bytes(list(await transport.receive()))
        assert got == as_bytes(messages)


@with_each_server
async def test_pings_are_ponged(serve: Serve, tls: bool, kind: TransportKind) -> None:
    async with connected(serve, tls, kind) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        await transport.ping()
        await transport.ping()
        nursery.cancel_scope.cancel()


@with_each_server
async def test_the_server_closes(serve: Serve, tls: bool, kind: TransportKind) -> None:
    async with connected(serve, tls, kind) as transport:
        await transport.send(["close 1000"])
        assert list(await transport.receive()) == []
    async with connected(serve, tls, kind) as transport:
        await transport.send(["close 4321"])
        with pytest.raises(RealtimeConnectionClosed) as caught:
            await transport.receive()
        assert (caught.value.code, caught.value.reason) == (4321, "asked for")


@with_each_server
async def test_many_at_a_time(serve: Serve, tls: bool, kind: TransportKind) -> None:
    async def converse(number: int, port: int) -> None:
        async with open_transport(
            f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/",
            headers={},
            ssl_context=client_context() if tls else None,
            kind=kind,
        ) as transport:
            await transport.send([str(number)])
            assert as_bytes(list(await transport.receive())) == [str(number).encode()]

    async with serve(server_context() if tls else None) as port, trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(converse, number, port)


# -- failures to open ----------------------------------------------------------------


async def fails_to_open(
    kind: TransportKind,
    port: int,
    *,
    scheme: str = "ws",
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
) -> RealtimeConnectionError:
    with pytest.raises(RealtimeConnectionError) as caught:
        async with open_transport(
            f"{scheme}://{host}:{port}/v1/realtime?key=hidden",
            headers={"Authorization": "Bearer secret"},
            settings=TransportSettings(handshake_timeout=5),
            ssl_context=ssl_context,
            kind=kind,
        ):
            raise AssertionError("never opened")
    assert f"{host}:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    return caught.value


async def test_a_refused_port(kind: TransportKind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = await fails_to_open(kind, port)
    assert isinstance(error.__cause__, OSError)


async def test_a_name_that_does_not_resolve(
    kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Resolver(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def getnameinfo(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("not asked for")

    trio.socket.set_custom_hostname_resolver(Resolver())
    error = await fails_to_open(kind, 80, host="nowhere.invalid")
    assert isinstance(error.__cause__, socket.gaierror)


async def test_a_certificate_that_is_not_trusted(kind: TransportKind) -> None:
    async with trio_websocket_server_that_fails_tls() as port:
        error = await fails_to_open(kind, port, scheme="wss")
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


async def test_a_certificate_for_another_name(kind: TransportKind) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("other.test").configure_cert(context)
    async with trio_websocket_server_that_fails_tls(context) as port:
        error = await fails_to_open(kind, port, scheme="wss", ssl_context=client_context())
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


async def test_a_secure_url_for_a_server_without_tls_says_so(kind: TransportKind) -> None:
    async with trio_websocket_server(None) as port:
        error = await fails_to_open(kind, port, scheme="wss")
    assert "ws:// in place of wss://" in str(error)
    assert isinstance(error.__cause__, ssl.SSLError)


async def test_a_plain_url_for_a_server_with_tls_says_so(kind: TransportKind) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, server_context(), server_side=True)
        with contextlib.suppress(trio.BrokenResourceError):
            await secured.do_handshake()
        await stream.send_all(b"\x15\x03\x01\x00\x02\x02\x46")  # the alert of a TLS server

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert "wss:// in place of ws://" in str(error)


@asynccontextmanager
async def answering(
    respond: Callable[[trio.SocketStream], Any],
) -> AsyncGenerator[int]:
    """A TCP server that lets ``respond`` do what it wants with each connection."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, respond, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def trio_websocket_server_that_fails_tls(
    context: ssl.SSLContext | None = None,
) -> AbstractAsyncContextManager[int]:
    async def respond(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context or server_context(), server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await secured.do_handshake()

    return answering(respond)


async def read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive_some()
    return head


RESPONSES = {
    "with a length": (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\nX-Request-Id: r1\r\n\r\n",
        b'{"a":1}',
    ),
    "chunked": (
        b"HTTP/1.1 401 Unauthorized\r\nX-Request-Id: r1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
    ),
    "until the end": (b"HTTP/1.1 401 No\r\nX-Request-Id: r1\r\n\r\n", b'{"a":1}'),
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES.keys())
async def test_a_refused_handshake_tells_status_headers_and_body(
    kind: TransportKind, response: tuple[bytes, bytes], together: bool
) -> None:
    head, body = response

    async def respond(stream: trio.SocketStream) -> None:
        assert b"Authorization: Bearer secret" in await read_head(stream)
        await stream.send_all(head + body if together else head)
        if not together:
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(body)
        await stream.send_eof()

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert isinstance(error, RealtimeHandshakeError)
    assert (error.status, error.body) == (401, b'{"a":1}')
    assert error.headers["x-request-id"] == "r1"


async def test_a_refusal_without_a_body(kind: TransportKind) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nVia: a\r\nVia: b\r\n\r\n")

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert isinstance(error, RealtimeHandshakeError)
    assert (error.status, error.body, error.headers["via"]) == (403, b"", "a, b")


async def test_of_a_long_body_the_first_kilobytes_are_kept(kind: TransportKind) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        await read_head(stream)
        with contextlib.suppress(trio.BrokenResourceError):  # the client leaves when it has enough
            await stream.send_all(
                b"HTTP/1.1 503 No\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
            )

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert isinstance(error, RealtimeHandshakeError)
    assert error.body == b"x" * 8192


ENDLESS = {
    "without a length": (b"", b"x" * 1000, b"x" * 8192),
    "of a length it never reaches": (b"Content-Length: 9999999999\r\n", b"x" * 1000, b"x" * 8192),
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n", b"x" * 8192),
    "of chunks without sense": (b"Transfer-Encoding: chunked\r\n", b"zz" * 1000, b""),
}


@pytest.mark.parametrize(("framing", "piece", "kept"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_a_refusal_whose_body_has_no_end_keeps_its_status(
    kind: TransportKind, framing: bytes, piece: bytes, kept: bytes
) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        await read_head(stream)
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(b"HTTP/1.1 429 No\r\nRetry-After: 7\r\n" + framing + b"\r\n")
            while True:
                await stream.send_all(piece)

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert isinstance(error, RealtimeHandshakeError)
    assert (error.status, error.headers["retry-after"], error.body) == (429, "7", kept)


@pytest.mark.parametrize("ending", ["silence", "end", "reset"])
async def test_a_refusal_whose_body_is_cut_off_keeps_its_status(
    kind: TransportKind, ending: str, autojump_clock: trio.testing.MockClock
) -> None:
    """What has come of the body is kept; a body that stands still is waited for a moment only."""

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.0 401 No\r\nContent-Length: 100\r\nX-Request-Id: r1\r\n\r\nbegun")
        if ending == "end":
            await peer.stream.aclose()
        elif ending == "reset":
            await trio.testing.wait_all_tasks_blocked()
            await trio.aclose_forcefully(server.streams[0])

    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, script)
        with pytest.raises(RealtimeHandshakeError) as caught:
            async with open_transport(
                "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
            ):
                raise AssertionError("never opened")
        assert server.streams[0].closed
    assert (caught.value.status, caught.value.body) == (401, b"begun")
    assert caught.value.headers["x-request-id"] == "r1"
    assert trio.current_time() <= 2


NOT_AN_ANSWER = {
    "end of stream": b"",
    "not HTTP": b"220 mail.test ESMTP\r\n\r\n",
    "half a head": b"HTTP/1.1 101 Switching Pro",
    "a wrong accept": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
    ),
    "no upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("answer", NOT_AN_ANSWER.values(), ids=NOT_AN_ANSWER.keys())
async def test_an_answer_that_is_no_websocket(kind: TransportKind, answer: bytes) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        await read_head(stream)
        await stream.send_all(answer)
        await stream.send_eof()

    async with answering(respond) as port:
        error = await fails_to_open(kind, port)
    assert not isinstance(error, RealtimeHandshakeError)
    assert "did not answer the WebSocket handshake" in str(error)


async def test_a_connection_reset_during_the_handshake(kind: TransportKind) -> None:
    async def respond(stream: trio.SocketStream) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await stream.aclose()

    async with answering(respond) as port:
        await fails_to_open(kind, port)


async def test_a_drop_is_noticed_by_a_receive_that_waits(kind: TransportKind) -> None:
    async def respond(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.send_message("first")
        stream: trio.SocketStream = connection._stream  # type: ignore[assignment]
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await go_on.wait()
        await stream.aclose()

    go_on = trio.Event()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: trio_websocket.serve_websocket(
                respond, "127.0.0.1", 0, None, task_status=task_status
            )
        )
        async with open_transport(
            f"ws://127.0.0.1:{server.port}/", headers={}, kind=kind
        ) as transport:
            assert as_bytes(list(await transport.receive())) == [b"first"]
            go_on.set()
            with pytest.raises(RealtimeConnectionClosed) as caught:
                await transport.receive()
            assert caught.value.code == 1006
        nursery.cancel_scope.cancel()


async def test_an_ipv6_address_is_written_into_host_in_brackets(kind: TransportKind) -> None:
    hosts: list[bytes] = []

    async def respond(stream: trio.SocketStream) -> None:
        head = await read_head(stream)
        hosts.extend(line for line in head.split(b"\r\n") if line.lower().startswith(b"host:"))
        await stream.send_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, respond, 0, host="::1"))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(RealtimeHandshakeError):
            async with open_transport(f"ws://[::1]:{port}/", headers={}, kind=kind):
                raise AssertionError("never opened")
        nursery.cancel_scope.cancel()
    assert hosts == [b"Host: [::1]:%d" % port]
