"""The door: checks what the caller gave, chooses the library, and opens a transport.

Everything is checked before anything is dialled; WebSocket libraries are imported here, by need.
"""

import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from importlib import metadata

from trio_realtime.errors import UserError

from .proxies import proxy_from_environment
from .target import parse_target
from .text_transport import StreamFactory, TextTransport, TransportKind, TransportSettings

CHOSEN_FROM = 17
"""The release of websockets from which it is chosen unasked."""

WORKS_FROM = 15
"""The oldest release of websockets that the transport works with when asked for."""


def open_transport(
    url: str,
    *,
    headers: Mapping[str, str],
    settings: TransportSettings | None = None,
    ssl_context: ssl.SSLContext | None = None,
    stream_factory: StreamFactory | None = None,
    kind: TransportKind = "auto",
) -> AbstractAsyncContextManager[TextTransport]:
    """Connect to a WebSocket server, as a context manager that yields a `TextTransport`.

    ``stream_factory(host, port)`` dials in place of TCP; TLS is put on top of its stream when the
    URL begins with wss. Without one, the environment's HTTP proxy is used, if it names one.
    Extensions such as compression are never offered: audio does not compress, text is small.

    An exception of the body leaves unchanged. Leaving the body ends every task and closes the
    connection, with 1000 unless ``aclose`` was called with another code; within ``close_timeout``,
    also when cancelled. Cancelled while opening, the stream is dropped at once.

    Raises (at once):
        UserError: the URL, a header or the choice of library is impossible.
        SettingsError: the environment names a proxy that cannot be used.

    Raises (on entering):
        RealtimeConnectionError: lookup, TCP, proxy or TLS failed, the answer was not HTTP, or all
            of it took longer than ``handshake_timeout``. Names host and port, never headers.
        RealtimeHandshakeError: the server answered with another status than 101.
    """
    target = parse_target(url, headers)
    if ssl_context is not None and not target.secure:
        raise UserError("an ssl_context is only for wss:// URLs")
    settings = settings or TransportSettings()
    chosen = choose(kind)
    if stream_factory is None:
        stream_factory = proxy_from_environment(target)
    if chosen == "websockets":
        from .over_websockets import open_websockets as open_it
    else:
        from .over_trio_websocket import open_trio_websocket as open_it
    return open_it(
        target, settings=settings, ssl_context=ssl_context, stream_factory=stream_factory
    )


def choose(kind: TransportKind) -> TransportKind:
    """The library for a kind. Raises UserError when that one is not there, or too old."""
    if kind == "auto":
        return "websockets" if websockets_release() >= CHOSEN_FROM else "trio-websocket"
    if kind == "websockets":
        if websockets_release() < WORKS_FROM:
            raise UserError(
                f"this transport needs websockets {WORKS_FROM} or later; "
                f'install "trio-realtime[fast]"'
            )
        return kind
    if kind == "trio-websocket":
        return kind
    raise UserError(f"there is no transport {kind!r}; choose auto, trio-websocket or websockets")


@lru_cache(maxsize=1)
def websockets_release() -> int:
    """The major release of websockets that is installed; 0 for none."""
    try:
        return int(metadata.version("websockets").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return 0
