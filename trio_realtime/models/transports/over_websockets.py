"""The transport over the ``websockets`` library's sans-I/O protocol: the ``[fast]`` extra.

`opening` imports it only when it is chosen. There is no reader task: `receive` reads the stream
itself, so a message costs no hand-off between tasks.

Who writes. Data frames are written by `send`. Control frames (pongs, pings, the close frame) are
appended to a buffer: a `send` in progress writes them after its own data; otherwise a short-lived
child task does. The reader itself never writes, so a server that blocks on us reading is always
read, even while our own write is blocked on the server.
"""

import logging
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

import attrs
import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.protocol import Protocol, Side, State
from websockets.uri import parse_uri

from trio_realtime.errors import RealtimeConnectionError

from .dialing import connecting, dial, refused
from .endings import CLOSED_HERE, TORN, Ending, check_close, lost, too_big
from .scope import transport_scope
from .target import Target
from .tasks import Helpers
from .text_transport import READ_SIZE, StreamFactory, TextTransport, TransportSettings
from .websocket_frames import FrameReader, encode_text

LOGGER: Final = logging.getLogger("trio_realtime.websockets")
"""What the library logs to. Off unless switched on by name: its lines hold API keys and speech."""
LOGGER.setLevel(LOGGER.level or logging.CRITICAL + 1)

MAX_HEAD: Final = 128 * 1024
"""Bytes of response headers taken before the handshake counts as failed."""

MAX_REPLIES: Final = 4096
"""Bytes of unsent pongs kept; beyond, only the latest pings are answered (RFC 6455, 5.5.3)."""


def open_websockets(
    target: Target,
    *,
    settings: TransportSettings,
    ssl_context: ssl.SSLContext | None,
    stream_factory: StreamFactory | None,
) -> AbstractAsyncContextManager[TextTransport]:
    """Open the transport as a context manager; see `opening.open_transport`."""

    async def connect(helpers: Helpers) -> TextTransport:
        opening = ClientProtocol(parse_uri(target.url), logger=LOGGER)
        with connecting(target, settings.handshake_timeout):
            stream = await dial(target, ssl_context=ssl_context, stream_factory=stream_factory)
            try:
                early = await _upgrade(stream, opening, target)
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
        # A protocol without the handshake's requests and headers, of which there may be thousands.
        protocol = Protocol(
            Side.CLIENT, state=State.OPEN, max_size=settings.max_message_size, logger=LOGGER
        )
        frames = FrameReader(protocol, settings.max_message_size)
        transport = WebsocketsTransport(helpers, stream, protocol, settings, frames)
        transport.take_early(early)
        return transport

    return transport_scope(connect)


async def _upgrade(stream: trio.abc.Stream, protocol: ClientProtocol, target: Target) -> bytes:
    """Do the opening handshake; return what arrived after it in the same read.

    Only the response itself goes into the protocol, so that its parser stands at a frame boundary.
    """
    request = protocol.connect()
    for name, value in target.headers:
        request.headers[name] = value
    protocol.send_request(request)
    await stream.send_all(b"".join(protocol.data_to_send()))
    head = bytearray()
    while (end := head.find(b"\r\n\r\n")) < 0:
        data = await stream.receive_some(READ_SIZE)
        if not data or len(head) > MAX_HEAD:
            raise RealtimeConnectionError(
                f"{target.address} did not answer the WebSocket handshake with an HTTP response"
            )
        head += data
    rest = bytes(head[end + 4 :])
    protocol.receive_data(bytes(head[: end + 4]))
    if protocol.state is State.OPEN:
        protocol.events_received()
        return rest
    response = await _refusal(stream, protocol, rest)
    if response is None or not isinstance(protocol.handshake_exc, InvalidStatus):
        raise RealtimeConnectionError(
            f"{target.address} did not answer the WebSocket handshake as RFC 6455 asks"
        ) from protocol.handshake_exc
    raise refused(
        target, response.status_code, response.headers.raw_items(), bytes(response.body or b"")
    )


async def _refusal(
    stream: trio.abc.Stream, protocol: ClientProtocol, data: bytes | bytearray
) -> Response | None:
    """The response that refuses the handshake, with its body; None when it is not valid HTTP."""
    if data:
        protocol.receive_data(data)
    while protocol.handshake_exc is None:
        data = await stream.receive_some(READ_SIZE)
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
    return next((e for e in protocol.events_received() if isinstance(e, Response)), None)


@attrs.define(eq=False)
class WebsocketsTransport(TextTransport):
    """See `TextTransport`."""

    helpers: Helpers
    _stream: trio.abc.Stream
    _protocol: Protocol
    _settings: TransportSettings
    _frames: FrameReader
    _ready: list[bytes] = attrs.field(factory=list[bytes], init=False)
    _ending: Ending | None = attrs.field(default=None, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    # Reading is done by `receive`, or by `aclose` while nobody is in `receive`.
    _reading: bool = attrs.field(default=False, init=False)
    _reader_left: trio.Event | None = attrs.field(default=None, init=False)
    _eof: bool = attrs.field(default=False, init=False)
    # Writing is done by whoever set the flag; it also writes what others append meanwhile.
    _writing: bool = attrs.field(default=False, init=False)
    _writer_left: trio.Event | None = attrs.field(default=None, init=False)
    _replies: bytearray = attrs.field(factory=bytearray, init=False)
    _control: bytearray = attrs.field(factory=bytearray, init=False)
    _unwritable: Ending | None = attrs.field(default=None, init=False)
    _pings: dict[bytes, trio.Event] = attrs.field(factory=dict[bytes, trio.Event], init=False)
    _ping_count: int = attrs.field(default=0, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)

    def take_early(self, data: bytes) -> None:
        """Feed what arrived together with the handshake's response."""
        self._ready = self._frames.feed(data)
        if self._frames.eventful:
            self._attend()

    # -- reading -----------------------------------------------------------------

    async def receive(self) -> Sequence[str | bytes]:
        """See `TextTransport.receive`. A batch is what one read of the stream completed."""
        if self._ready:
            await trio.lowlevel.checkpoint()
            batch, self._ready = self._ready, []
            return batch
        while (ending := self._ending) is None:
            if self._closing:
                await self._ended.wait()
                continue
            messages = await self._read()
            if messages and not self._closing:
                return messages
        await trio.lowlevel.checkpoint()
        if ending.clean:
            return ()
        raise ending.error()

    async def _read(self) -> list[bytes]:
        """Read once. Nothing is awaited after the read, so no cancellation can lose it."""
        self._reading = True
        try:
            data = await self._stream.receive_some(READ_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._eof = True
            self._end(lost(error))
            return []
        finally:
            self._reading = False
            if self._reader_left is not None:
                self._reader_left.set()
        if not data:
            self._eof = True
            self._end(lost())
            return []
        messages = self._frames.feed(data)
        if self._frames.eventful:
            self._attend()
        return messages

    def _attend(self) -> None:
        """Act on control frames, and on the end of the connection if the last read held it."""
        frames = self._frames
        for frame in frames.control:
            if frame.opcode is Opcode.PONG:
                self._pong(bytes(frame.data))
        frames.control.clear()
        if len(self._replies) > MAX_REPLIES:
            self._replies.clear()
        self._replies += b"".join(self._protocol.data_to_send())
        if frames.over:
            self._end(self._verdict())
        if self._replies:
            self._start_writing()

    def _verdict(self) -> Ending:
        """How the connection ended, by what the protocol saw."""
        protocol = self._protocol
        if protocol.close_rcvd is not None:
            close = protocol.close_rcvd
            return Ending(by="server", code=int(close.code), reason=close.reason)
        if isinstance(protocol.parser_exc, PayloadTooBig):
            return too_big(self._settings.max_message_size)
        code = 1002 if protocol.close_sent is None else int(protocol.close_sent.code)
        return Ending(by="fault", code=code, cause=protocol.parser_exc)

    def _end(self, ending: Ending) -> None:
        """Record the first end, and wake whoever waits for something that cannot come any more."""
        if self._ending is None:
            self._ending = Ending(by="us") if self._closing else ending
            self._ended.set()
            for waiting in self._pings.values():
                waiting.set()

    # -- writing -----------------------------------------------------------------

    async def send(self, messages: Sequence[str | bytes]) -> None:
        """See `TextTransport.send`. The messages of one call leave in one write."""
        await trio.lowlevel.checkpoint_if_cancelled()  # nothing is torn by a cancellation here
        data = encode_text(messages)
        self._check_open()
        while self._writing:
            await self._writer_leaves()
            self._check_open()
        if not data:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._writing = True
        try:
            await self._write(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise (self._over() or lost()).error() from error

    def _over(self) -> Ending | None:
        """Why nothing can be sent any more, if that is so."""
        return self._ending or (CLOSED_HERE if self._closing else self._unwritable)

    def _check_open(self) -> None:
        ending = self._over()
        if ending is not None:
            raise ending.error()

    async def _writer_leaves(self) -> None:
        if self._writer_left is None:
            self._writer_left = trio.Event()
        await self._writer_left.wait()

    async def _write(self, data: bytes) -> None:
        """Write, then what was appended meanwhile. The caller has set ``_writing``."""
        try:
            await self._stream.send_all(data)
            while self._replies or self._control:
                await self._stream.send_all(self._take_control())
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._unwritable = lost(error)
            raise
        except BaseException:
            self._unwritable = TORN
            raise
        finally:
            self._writing = False
            if self._writer_left is not None:
                self._writer_left.set()
                self._writer_left = None

    def _start_writing(self) -> None:
        """Have the control frames written, without waiting for it."""
        if not self._writing and self._unwritable is None:
            self._writing = True
            self.helpers.start_soon(self._write_control)

    async def _write_control(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the reader reports it
            await self._write(self._take_control())

    def _take_control(self) -> bytes:
        data = bytes(self._replies + self._control)
        self._replies.clear()
        self._control.clear()
        return data

    # -- pings -------------------------------------------------------------------

    async def ping(self) -> None:
        """See `TextTransport.ping`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        self._ping_count += 1
        payload = self._ping_count.to_bytes(8, "big")
        ponged = self._pings[payload] = trio.Event()
        self._protocol.send_ping(payload)
        self._control += b"".join(self._protocol.data_to_send())
        self._start_writing()
        try:
            await ponged.wait()
        finally:
            unanswered = self._pings.pop(payload, None)
        if unanswered is not None:
            self._check_open()

    def _pong(self, payload: bytes) -> None:
        """A pong answers its ping and all before it (RFC 6455, section 5.5.3)."""
        while payload in self._pings:
            earliest = next(iter(self._pings))
            self._pings.pop(earliest).set()

    # -- closing -----------------------------------------------------------------

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See `TextTransport.aclose`."""
        reason = check_close(code, reason)
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._ready.clear()
        try:
            with trio.move_on_after(self._settings.close_timeout):
                try:
                    await self._say_goodbye(code, reason)
                finally:
                    with suppress(trio.BrokenResourceError):
                        await self._stream.aclose()
        finally:
            self._end(CLOSED_HERE)
            self._closed.set()

    async def _say_goodbye(self, code: int, reason: str) -> None:
        """Both close frames, then the server's end of stream unless it has answered ours."""
        protocol = self._protocol
        if self._ending is None and self._unwritable is None:
            protocol.send_close(code, reason)
            self._control += b"".join(protocol.data_to_send())
            self._start_writing()
        while self._unwritable is None and not self._eof:
            if protocol.close_rcvd_then_sent is False:
                return  # the server has answered, so our close frame has arrived
            if self._reading:
                self._reader_left = trio.Event()
                await self._reader_left.wait()
            else:
                await self._read()
        while self._writing:  # our part of a close that the server began
            await self._writer_leaves()
