"""The transport over trio-websocket: the default.

`opening` imports it only when it is chosen. trio-websocket connects and shakes hands, through its
public functions. Then `StreamTransport` takes the stream over, with a codec over ``wsproto``, which
trio-websocket is made of too. The reader task of the library would hand over each message through a
channel, wait for the writer to answer a ping, and lose the status of a refusal with a long body.

The library writes to and reads from a `HandshakeStream`, which ends where the handshake ends. One
private attribute is needed to put it there (``_stream``), because the function that also dials,
``connect_websocket_url``, takes no stream.
"""

# pyright: reportPrivateUsage=false

import logging
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NoReturn, cast

import attrs
import h11
import trio
import trio_websocket
from wsproto.utilities import ProtocolError

from trio_realtime._util.nurseries import open_quiet_nursery

from .dialing import broken_while_connecting, connecting, default_ssl_context, dial
from .opening_handshake import no_websocket, read_answer
from .scope import transport_scope
from .stream_transport import StreamTransport
from .target import Target
from .tasks import Helpers
from .tcp_stream import PatientStream
from .text_transport import StreamFactory, TextTransport, TransportSettings
from .tls_stream import TlsStream
from .wsproto_codec import WsprotoCodec


class WithoutQueries(logging.Filter):
    """Cuts the query, which may hold a key, off the URLs that trio-websocket logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args
            )
        return True


WITHOUT_QUERIES: Final = WithoutQueries()


def open_trio_websocket(
    target: Target,
    *,
    settings: TransportSettings,
    ssl_context: ssl.SSLContext | None,
    stream_factory: StreamFactory | None,
) -> AbstractAsyncContextManager[TextTransport]:
    """Open the transport as a context manager; see `opening.open_transport`."""
    logging.getLogger("trio-websocket").addFilter(WITHOUT_QUERIES)  # once, however often added

    async def connect(helpers: Helpers) -> TextTransport:
        opening = Opening(target)
        try:
            with connecting(target, settings.handshake_timeout):
                await opening.run(ssl_context, stream_factory)
        except BaseException:
            if opening.stream is not None:
                await trio.aclose_forcefully(opening.stream.inner)
            raise
        assert opening.stream is not None
        codec = WsprotoCodec(settings.max_message_size)
        transport = StreamTransport(helpers, opening.stream.inner, codec, settings)
        transport.take_early(opening.stream.rest)
        return transport

    return transport_scope(connect)


@attrs.define(eq=False)
class HandshakeStream(trio.abc.Stream):
    """What trio-websocket sees of the byte stream: the opening handshake, and nothing after it.

    What goes wrong is raised in words of ours, which the library lets pass; it would keep Trio's
    errors to itself and go on waiting.
    """

    inner: trio.abc.Stream
    _target: Target
    rest: bytes = attrs.field(default=b"", init=False)
    """What arrived after the server's answer, in the same read."""
    _answered: bool = attrs.field(default=False, init=False)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send the request, on a connection that has shaken hands for TLS."""
        try:
            if isinstance(self.inner, TlsStream):
                await self.inner.do_handshake()
            await self.inner.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._broken(error)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the answer, once and whole; then wait until the reader is cancelled."""
        del max_bytes
        if self._answered:
            await trio.sleep_forever()
        try:
            head, self.rest = await read_answer(self.inner, self._target)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._broken(error)
        self._answered = True
        return head

    async def aclose(self) -> None:
        """Called by a reader that takes the answer for wrong."""
        raise no_websocket(self._target)

    def _broken(self, error: Exception) -> NoReturn:
        raise broken_while_connecting(self._target.address, error) from (error.__cause__ or error)


@attrs.define(eq=False)
class Opening:
    """One attempt to connect. The library takes it for the nursery to start its reader task in."""

    _target: Target
    stream: HandshakeStream | None = attrs.field(default=None, init=False)
    """Once there is a connection."""
    _context: ssl.SSLContext | None = attrs.field(default=None, init=False)
    """With which the library is to secure a connection that it dials."""
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)

    async def run(
        self, ssl_context: ssl.SSLContext | None, stream_factory: StreamFactory | None
    ) -> None:
        """Dial and shake hands; the library's reader is over when this returns.

        Raises RealtimeConnectionError, or RealtimeHandshakeError for a refusal; OSError if TCP
        failed, and trio.BrokenResourceError if TLS failed that was not the library's.
        """
        try:
            async with open_quiet_nursery() as self._nursery:
                await self._connect(ssl_context, stream_factory)
        except (ProtocolError, h11.ProtocolError) as error:
            raise no_websocket(self._target) from error

    async def _connect(
        self, ssl_context: ssl.SSLContext | None, stream_factory: StreamFactory | None
    ) -> None:
        target = self._target
        nursery = cast("trio.Nursery", self)
        headers = [(name.encode(), value.encode()) for name, value in target.headers]
        if stream_factory is None and ":" not in target.host:
            self._context = (ssl_context or default_ssl_context()) if target.secure else None
            await trio_websocket.connect_websocket_url(
                nursery, target.url, ssl_context=self._context, extra_headers=headers
            )
            return
        # An IPv6 address comes here too: the library would write it into Host without its brackets.
        stream = await dial(target, ssl_context=ssl_context, stream_factory=stream_factory)
        await trio_websocket.wrap_client_stream(
            nursery,
            cast("trio.SocketStream", stream),
            target.host_header,
            target.resource,
            extra_headers=headers,
        )

    def start_soon(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Called by the library with the reader task, a method of the connection it has made."""
        connection = cast("trio_websocket.WebSocketConnection", cast("Any", task).__self__)
        dialled = as_dialled_here(connection._stream, self._target.host, self._context)
        self.stream = HandshakeStream(dialled, self._target)
        connection._stream = self.stream
        assert self._nursery is not None
        self._nursery.start_soon(task)


def as_dialled_here(
    stream: trio.abc.Stream, host: str, context: ssl.SSLContext | None
) -> trio.abc.Stream:
    """A connection that the library dialled, as `dial` makes one; before it shakes hands for TLS.

    A stream of another kind is not the library's, and comes back as it is.
    """
    if isinstance(stream, trio.SocketStream):
        return PatientStream(stream)
    if context is not None and isinstance(stream, trio.SSLStream):
        secured = cast("trio.SSLStream[trio.SocketStream]", stream)
        return TlsStream(PatientStream(secured.transport_stream), context, host)
    return stream
