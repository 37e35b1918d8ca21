"""The transport over trio-websocket, tuned: the default.

`opening` imports it only when it is chosen. The library runs a reader task and a queue; what it
does not do by itself is done here, through its private attributes where there is no other way:

- its reader task may fail (a refused handshake, a ping during the close handshake), which would
  cancel the nursery it runs in: `Reader` runs it and keeps the failure for whoever asks;
- when the reader ends without a word, ``connect_websocket_url``, ``ping`` and ``aclose`` go on
  waiting: `Reader` cancels them;
- it leaves the stream open after a close by the server or a drop, and when opening fails:
  ``_stream`` is closed here; that is also where TLS is shaken hands with, to know why it failed;
- it dials by itself: its TCP stream is replaced by a `PatientStream` before the first read;
- a message above the limit discards those queued before it, and some after it are still handled:
  a clone of ``_recv_channel`` keeps the ones, ``_handle_message_event`` is made to stop the others;
- it lets other tasks run after each message it has read, and writes each it sends by itself, which
  costs more than the message: ``_handle_message_event`` and ``send`` here do without;
- text that is not UTF-8, and broken frames, are not answered with a close frame: ``_send`` does it.

One limit is the library's own: its reader answers pings itself, so while a server blocks without
reading, so does the reader, until the keepalive gives up.
"""

# pyright: reportPrivateUsage=false
# The module docstring says which private attributes, and what for; the contract tests hold them.

import ssl
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, Final, TypedDict, cast

import attrs
import trio
import trio_websocket
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.utilities import ProtocolError

from trio_realtime.errors import RealtimeConnectionError

from .dialing import broken_while_connecting, connecting, default_ssl_context, dial, refused
from .endings import CLOSED_HERE, TORN, Ending, check_close, lost, too_big
from .scope import transport_scope
from .target import Target
from .tasks import Helpers
from .tcp_stream import PatientStream
from .text_transport import READ_SIZE, StreamFactory, TextTransport, TransportSettings

QUEUE_SIZE: Final = 256
"""Messages the library reads ahead; its default of 1 makes every message a rendezvous."""


@attrs.define(eq=False)
class Reader:
    """Stands in for the nursery that trio-websocket starts its reader task in.

    Keeps the reader's failure instead of letting it cancel the nursery, and cancels what waits for
    the reader in vain.
    """

    _helpers: Helpers
    connection: trio_websocket.WebSocketConnection | None = None
    failure: Exception | None = None
    ended: trio.Event = attrs.field(factory=trio.Event)
    _waits: set[trio.CancelScope] = attrs.field(factory=set[trio.CancelScope])

    def start_soon(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What the library calls, with a bound method of the connection it has just made."""
        self.connection = cast("trio_websocket.WebSocketConnection", cast("Any", task).__self__)
        self._helpers.start_soon(self._run, self.connection, task)

    async def _run(
        self,
        connection: trio_websocket.WebSocketConnection,
        task: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        try:
            stream: trio.abc.Stream = connection._stream
            if isinstance(stream, trio.SocketStream):
                connection._stream = PatientStream(stream)
            elif isinstance(stream, trio.SSLStream):
                secured = cast("trio.SSLStream[trio.abc.Stream]", stream)
                if isinstance(secured.transport_stream, trio.SocketStream):
                    secured.transport_stream = PatientStream(secured.transport_stream)
                await secured.do_handshake()
            _deliver_without_waiting(connection)
            await task()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the reader
            self.failure = error
        finally:
            self.ended.set()
            for scope in self._waits:
                scope.cancel()

    @contextmanager
    def while_running(self) -> Generator[None]:
        """Leave the body as soon as the reader has ended."""
        with trio.CancelScope() as scope:
            if self.ended.is_set():
                scope.cancel()
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.discard(scope)


def _deliver_without_waiting(connection: trio_websocket.WebSocketConnection) -> None:
    """Have the reader queue whole messages while there is room, instead of letting other tasks run
    after each, and leave what follows a message above the limit in the same read."""
    handle = connection._handle_message_event
    limit = connection._max_message_size

    async def handle_message(event: BytesMessage | TextMessage) -> None:
        whole = event.message_finished and not connection._message_parts
        if whole and isinstance(event, TextMessage) and len(event.data) <= limit:
            # What goes wrong here goes wrong there too, and is dealt with there.
            with suppress(trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
                connection._send_channel.send_nowait(event.data)
                return
        await handle(event)
        if not connection._reader_running:
            raise trio_websocket.ConnectionClosed(connection.closed)

    connection._handle_message_event = handle_message  # type: ignore[method-assign]


def open_trio_websocket(
    target: Target,
    *,
    settings: TransportSettings,
    ssl_context: ssl.SSLContext | None,
    stream_factory: StreamFactory | None,
) -> AbstractAsyncContextManager[TextTransport]:
    """Open the transport as a context manager; see `opening.open_transport`."""

    async def connect(helpers: Helpers) -> TextTransport:
        reader = Reader(helpers)
        try:
            with connecting(target, settings.handshake_timeout):
                with reader.while_running():
                    connection = await _connect(
                        reader, target, settings, ssl_context, stream_factory
                    )
                    return TrioWebSocketTransport(helpers, connection, reader, settings)
                raise _why_not_open(target, reader)
        except BaseException:
            if reader.connection is not None:
                await trio.aclose_forcefully(reader.connection._stream)
            raise

    return transport_scope(connect)


class _Options(TypedDict):
    extra_headers: list[tuple[bytes, bytes]]
    message_queue_size: int
    max_message_size: int
    receive_buffer_size: None


async def _connect(
    reader: Reader,
    target: Target,
    settings: TransportSettings,
    ssl_context: ssl.SSLContext | None,
    stream_factory: StreamFactory | None,
) -> trio_websocket.WebSocketConnection:
    nursery = cast("trio.Nursery", reader)
    options: _Options = {
        "extra_headers": [(name.encode(), value.encode()) for name, value in target.headers],
        "message_queue_size": QUEUE_SIZE,
        "max_message_size": settings.max_message_size,
        "receive_buffer_size": None,  # what trio thinks right: 64 KiB, where the default is 4 KiB
    }
    if stream_factory is None and ":" not in target.host:
        context = (ssl_context or default_ssl_context()) if target.secure else None
        return await trio_websocket.connect_websocket_url(
            nursery, target.url, ssl_context=context, **options
        )
    # An IPv6 address comes here too: the library would write it into Host without its brackets.
    stream = await dial(target, ssl_context=ssl_context, stream_factory=stream_factory)
    return await trio_websocket.wrap_client_stream(
        nursery, cast("trio.SocketStream", stream), target.host_header, target.resource, **options
    )


def _why_not_open(target: Target, reader: Reader) -> RealtimeConnectionError:
    """What to raise when the reader ended before the handshake was over."""
    failure, connection = reader.failure, reader.connection
    if isinstance(failure, trio.BrokenResourceError):
        error = broken_while_connecting(target.address, failure)
        error.__cause__ = failure.__cause__ or failure
        return error
    # Kept by the connection alone where a body without a length ended with the stream.
    status = connection._reject_status if connection is not None else 0
    if connection is not None and status:
        headers = [
            (n.decode("latin-1"), v.decode("latin-1")) for n, v in connection._reject_headers
        ]
        return refused(target, status, headers, bytes(connection._reject_body))
    error = RealtimeConnectionError(
        f"{target.address} did not answer the WebSocket handshake as RFC 6455 asks"
    )
    error.__cause__ = failure
    return error


@attrs.define(eq=False)
class TrioWebSocketTransport(TextTransport):
    """See `TextTransport`."""

    helpers: Helpers
    _connection: trio_websocket.WebSocketConnection
    _reader: Reader
    _settings: TransportSettings
    _inbox: "trio.MemoryReceiveChannel[str | bytes]" = attrs.field(init=False)
    _torn: bool = attrs.field(default=False, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._inbox = self._connection._recv_channel.clone()

    # -- reading -----------------------------------------------------------------

    async def receive(self) -> Sequence[str | bytes]:
        """See `TextTransport.receive`. A batch is what the library's queue holds."""
        batch: list[str | bytes] = []
        with suppress(trio_websocket.ConnectionClosed):
            batch.append(await self._connection.get_message())
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            while True:
                batch.append(self._inbox.receive_nowait())
        if batch:
            return batch
        await trio.lowlevel.checkpoint()
        ending = self._ending()
        if ending.clean:
            return ()
        raise ending.error()

    def _ending(self) -> Ending:
        """How the connection ended; only asked for once it has."""
        if self._closing:
            return CLOSED_HERE
        closed = self._connection.closed
        if closed is None or closed.code == 1006:
            return lost(self._reader.failure)
        code = int(closed.code)
        if not self._failed_here():
            return Ending(by="server", code=code, reason=closed.reason or "")
        if code == 1009:
            return too_big(self._settings.max_message_size)
        return Ending(by="fault", code=code)

    def _failed_here(self) -> bool:
        """Whether the library found a fault, rather than a close frame of the server."""
        state = self._connection._wsproto.state
        return state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING)

    # -- writing -----------------------------------------------------------------

    async def send(self, messages: Sequence[str | bytes]) -> None:
        """See `TextTransport.send`. All messages are one write."""
        await trio.lowlevel.checkpoint_if_cancelled()  # nothing is torn by a cancellation here
        texts = [m if isinstance(m, str) else m.decode() for m in messages]
        self._check_open()
        if not texts:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        connection = self._connection
        try:
            frames = b"".join(connection._wsproto.send(TextMessage(data=text)) for text in texts)
            async with connection._stream_lock:
                await connection._stream.send_all(frames)
        except ProtocolError as error:  # closing, which the reader has not told yet
            raise self._ending().error() from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            await connection._abort_web_socket()
            raise self._ending().error() from error
        except BaseException:
            self._torn = True
            raise

    def _check_open(self) -> None:
        if self._torn and not self._closing:
            raise TORN.error()
        if self._closing or self._connection.closed is not None or self._reader.ended.is_set():
            raise self._ending().error()

    # -- pings -------------------------------------------------------------------

    async def ping(self) -> None:
        """See `TextTransport.ping`. Written by a child task, which a cancellation leaves alone."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        ponged = trio.Event()
        self.helpers.start_soon(self._ping, ponged)
        with self._reader.while_running():
            await ponged.wait()
            return
        raise self._ending().error()

    async def _ping(self, ponged: trio.Event) -> None:
        with suppress(trio_websocket.ConnectionClosed, ProtocolError):
            await self._connection.ping()
            ponged.set()

    # -- closing -----------------------------------------------------------------

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See `TextTransport.aclose`."""
        reason = check_close(code, reason)
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._inbox.close()
        self._connection._recv_channel.close()
        try:
            with trio.move_on_after(self._settings.close_timeout):
                try:
                    await self._say_goodbye(code, reason)
                finally:
                    with suppress(trio.BrokenResourceError):
                        await self._connection._stream.aclose()
        finally:
            self._closed.set()

    async def _say_goodbye(self, code: int, reason: str) -> None:
        if self._torn:
            return
        connection = self._connection
        closed, failed = connection.closed, self._failed_here()
        with suppress(trio_websocket.ConnectionClosed, ProtocolError), self._reader.while_running():
            if closed is None:
                await connection.aclose(code, reason)
            elif connection._wsproto.state is ConnectionState.OPEN:
                await connection._send(CloseConnection(code=closed.code, reason=closed.reason))
            await self._reader.ended.wait()
        if closed is not None and failed:  # let the server finish what it was sending, and hear why
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while await connection._stream.receive_some(READ_SIZE):
                    pass
