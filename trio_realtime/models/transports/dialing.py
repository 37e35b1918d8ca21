"""From a target to a connected byte stream: TCP or a caller's stream, then TLS.

Both transports use it, and it is where the errors of opening a connection are translated, once.
"""

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

import trio

from trio_realtime.errors import RealtimeConnectionError

from .target import Target
from .tcp_stream import PatientStream, open_patient_stream
from .text_transport import StreamFactory
from .tls_stream import TlsStream

_NO_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING"}
)
"""What OpenSSL calls answers of servers that speak another protocol than TLS."""


@lru_cache(maxsize=1)
def default_ssl_context() -> ssl.SSLContext:
    """The context of connections that name none; shared, as loading the trust store takes ms."""
    return ssl.create_default_context()


async def dial(
    target: Target, *, ssl_context: ssl.SSLContext | None, stream_factory: StreamFactory | None
) -> trio.abc.Stream:
    """Connect, and handshake TLS when the target is secure. Closes what it opened when it fails.

    Raises OSError (TCP), trio.BrokenResourceError (TLS, with the ssl error as its cause) or what
    the stream factory raises; `connecting` translates the first two.
    """
    stream: trio.abc.Stream
    if stream_factory is None:
        stream = await open_patient_stream(target.host, target.port)
    else:
        stream = await stream_factory(target.host, target.port)
    if not target.secure:
        return stream
    return await start_tls(stream, target.host, ssl_context)


async def start_tls(
    stream: trio.abc.Stream, host: str, ssl_context: ssl.SSLContext | None
) -> trio.abc.Stream:
    """Put TLS on top of a stream as its client. Closes the stream when that fails."""
    context = ssl_context or default_ssl_context()
    secured: TlsStream | trio.SSLStream[trio.abc.Stream]
    if isinstance(stream, PatientStream):
        secured = TlsStream(stream, context, host)
    else:
        secured = trio.SSLStream(
            stream,
            context,
            server_hostname=host,
            https_compatible=True,  # peers drop TCP without a close_notify
        )
    try:
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


@contextmanager
def connecting(target: Target, timeout: float) -> Generator[None]:
    """Bound an attempt to connect by ``timeout`` seconds, and turn its failures into one error.

    The messages name host and port only. Raises RealtimeConnectionError with the cause kept.
    """
    try:
        with trio.move_on_after(timeout) as scope:
            yield
    except OSError as error:
        raise RealtimeConnectionError(f"could not connect to {target.address}: {error}") from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise broken_while_connecting(target.address, error) from (error.__cause__ or error)
    if scope.cancelled_caught:
        raise RealtimeConnectionError(
            f"{target.address} was not connected within handshake_timeout={timeout:g} s"
        ) from TimeoutError()


def broken_while_connecting(address: str, error: Exception) -> RealtimeConnectionError:
    """What to raise when the stream broke before the WebSocket was open."""
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLError):
        return RealtimeConnectionError(f"the connection to {address} broke while being opened")
    if isinstance(cause, ssl.SSLEOFError) or cause.reason in _NO_TLS:
        return RealtimeConnectionError(
            f"TLS with {address} failed: the server does not answer in TLS ({cause.reason}); is "
            "the URL to begin with ws:// in place of wss://?"
        )
    return RealtimeConnectionError(f"TLS with {address} failed: {cause}")
