"""`WebSocketConnection`: any model's protocol over any WebSocket.

This is the only module that waits on a socket. All decisions are made in a `ModelProtocol`, which
is pure. The task that receives reads frames and hands them to the protocol. What the protocol has
to send leaves at once, from whichever task caused it, as long as the operating system takes it
without waiting. Otherwise, and where much is sent in a short time, a task writes all that has
gathered, in one write, and ends. Frames that the protocol sends without being asked (a cancel, a
truncation, the next request for a response) therefore never wait for a reader, and a read never
waits for a write.

Time limits (a request that nothing answers, the next ping) need no task of their own: they are the
deadline of the scope in which the receiving task waits.
"""

import math
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import attrs
import trio

from .._util.wait_queue import Sleepers
from ..errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeSessionClosed,
)
from .events import RealtimeModelEvent
from .inputs import RealtimeModelInput
from .interface import RealtimeConnection
from .sans_io import ModelProtocol
from .session_settings import RealtimeSessionModelSettings
from .transports import (
    StreamFactory,
    TextTransport,
    TransportKind,
    TransportSettings,
    open_transport,
)
from .transports.endings import CLEAN_CODES

OPENING_TIMEOUT: Final = 2.0
"""Seconds that opening waits for the server to acknowledge the settings. Servers take one round
trip for it; one that acknowledges nothing is taken to have agreed."""

REFUSING_CODES: Final = frozenset({1008, *range(3000, 5000)})
"""Close codes by which a server says that it does not want this client (RFC 6455, section 7.4)."""

HIGH_WATER: Final = 64 * 1024
"""Bytes waiting to be written before `send` makes its caller wait: ten 100 ms chunks of PCM16, so
enough for writes to be worth their price and little enough to hear of congestion at once."""

GATHERING: Final = 0.001
"""Seconds after something was sent, during which further inputs wait for the writing task. One is
worth a system call of its own where they are few, and not in a stream of them."""


@attrs.define(eq=False, repr=False)
class WebSocketConnection(RealtimeConnection):
    """A protocol that is connected; made by `connect_protocol`, in a model's ``connect``."""

    _transport: TextTransport
    _protocol: ModelProtocol
    _settings: TransportSettings
    _ready: deque[RealtimeModelEvent] = attrs.field(factory=deque[RealtimeModelEvent], init=False)
    _reader: trio.CancelScope | None = attrs.field(default=None, init=False)
    """The scope in which a task waits for frames. It is cancelled when there are events that no
    frame brings, and has the time of the next thing to do for its deadline."""
    _room: Sleepers = attrs.field(factory=Sleepers, init=False)
    """Those who cannot go on before something has been written."""
    _writer: trio.CancelScope | None = attrs.field(default=None, init=False)
    """Of the task that writes; ``None`` while there is none."""
    _sent_at: float = attrs.field(default=-math.inf, init=False)
    """When something was last sent."""
    _armed: float | None = attrs.field(default=None, init=False)
    """The time limit of the protocol's that the reader will be woken for."""
    _ping_at: float = attrs.field(init=False)
    _opening: bool = attrs.field(default=True, init=False)
    """Whether the protocol waits for the server to take the opening settings."""
    _closing: bool = attrs.field(default=False, init=False)
    _failure: RealtimeConnectionError | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._set_ping()

    # -- opening -----------------------------------------------------------------
    async def wait_open(self) -> None:
        """Wait until the server has taken the opening settings, `OPENING_TIMEOUT` at most.

        What arrives meanwhile is kept for the session. A refusal that comes later ends the
        connection with the same error.

        Raises:
            RealtimeHandshakeError: the server refused the settings, or this client.
            RealtimeConnectionError: the connection broke.
        """
        self._write_pending(trio.current_time())
        await self._look_at_opening()
        try:
            with trio.move_on_after(OPENING_TIMEOUT):
                while self._opening and await self._receive_or_wake():
                    pass
        except RealtimeConnectionClosed as closed:
            if closed.code in REFUSING_CODES:
                raise refused_by_closing(closed) from closed
            raise
        if self._failure is not None:
            raise self._failure

    async def _look_at_opening(self) -> None:
        opening = self._protocol.opening
        self._opening = opening == "waiting"
        if isinstance(opening, RealtimeConnectionError):
            await self._break(opening)

    # -- for the session ---------------------------------------------------------
    async def send(self, input: RealtimeModelInput) -> None:
        """See `RealtimeConnection.send`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        protocol = self._protocol
        while protocol.pending_bytes > HIGH_WATER and not self._closing:
            await self._room.sleep()
        if self._closing:
            raise RealtimeSessionClosed("the connection is closed") from self._failure
        news = len(self._ready)
        now = trio.current_time()
        protocol.send(input, now, self._ready)
        self._write_pending(now, at_once=now - self._sent_at >= GATHERING)
        if len(self._ready) > news and self._reader is not None:
            self._reader.cancel()  # no frame will bring them

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        """See `RealtimeConnection.audio_delivered`."""
        self._protocol.delivered(item_id, content_index, nbytes, trio.current_time())

    def audio_remaining_ms(self, response_id: str) -> float:
        """See `RealtimeConnection.audio_remaining_ms`."""
        return self._protocol.remaining_ms(response_id, trio.current_time())

    async def deliver(self, handle: Callable[[RealtimeModelEvent], None]) -> None:
        """See `RealtimeConnection.deliver`."""
        ready = self._ready
        goes_on = True
        try:
            while goes_on:
                with trio.CancelScope() as self._reader:  # left to do what is due, and read on
                    self._keep_time()
                    while goes_on:
                        while ready:
                            handle(ready.popleft())
                        goes_on = await self._receive()
        finally:
            self._reader = None

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self

    async def __anext__(self) -> RealtimeModelEvent:
        ready = self._ready
        while not ready:
            if not await self._receive_or_wake():
                raise StopAsyncIteration
        return ready.popleft()

    async def _receive_or_wake(self) -> bool:
        """`_receive`, or do what is due first; False at the clean end of the connection."""
        try:
            with trio.CancelScope() as self._reader:
                self._set_alarm()
                return await self._receive()
        finally:
            self._reader = None
        self._keep_time()
        return True

    async def _receive(self) -> bool:
        """Read what has arrived; False at the clean end of the connection.

        A whole batch is decided on before any of it is handed out, so that an interruption does
        not queue behind the audio it interrupts.
        """
        try:
            frames = await self._transport.receive()
        except RealtimeConnectionError as exc:
            self._end(self._failure or exc)
            raise self._failure or exc from exc.__cause__
        if not frames:
            failure = self._failure
            self._end(failure)
            if failure is not None:
                raise failure
            return False
        protocol = self._protocol
        now = trio.current_time()
        for frame in frames:
            protocol.receive(frame, now, self._ready)
        self._write_pending(now)
        if self._opening:
            await self._look_at_opening()
        return True

    # -- time --------------------------------------------------------------------
    def _keep_time(self) -> None:
        """Do what is due, and be woken for the next."""
        now = trio.current_time()
        deadline = self._protocol.deadline
        if deadline is not None and now >= deadline:
            self._protocol.expire(now, self._ready)
            self._write_pending(now)
        if now >= self._ping_at and not self._closing:
            self._ping_at = math.inf
            self._transport.helpers.start_soon(self._ping)
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Have the reader woken when the next thing is due."""
        scope, deadline = self._reader, self._protocol.deadline
        self._armed = deadline
        at = self._ping_at if deadline is None else min(deadline, self._ping_at)
        if self._closing:
            at = math.inf  # nothing is due any more, and a past deadline would let nobody read
        if scope is not None and scope.deadline != at:
            scope.deadline = at

    def _set_ping(self) -> None:
        interval = self._settings.ping_interval
        self._ping_at = math.inf if interval is None else trio.current_time() + interval

    async def _ping(self) -> None:
        """Ping the server; no pong in time means that the connection is broken."""
        timeout = self._settings.ping_timeout
        with suppress(RealtimeConnectionError, RealtimeSessionClosed):  # the reader reports it
            with trio.move_on_after(math.inf if timeout is None else timeout) as scope:
                await self._transport.ping()
            if scope.cancelled_caught:
                await self._break(
                    RealtimeConnectionError(
                        f"the server did not answer a ping within {timeout:g} s"
                    )
                )
        self._set_ping()
        self._set_alarm()

    # -- writing -----------------------------------------------------------------
    def _write_pending(self, now: float, *, at_once: bool = True) -> None:
        """If there is something to write, write it or see that it is; it may begin a time limit."""
        protocol, transport = self._protocol, self._transport
        if not protocol.pending_bytes:
            return
        if protocol.deadline != self._armed:
            self._set_alarm()
        if self._writer is not None:
            return
        if at_once and transport.can_send_nowait:
            self._sent_at = now
            transport.send_nowait(protocol.data_to_send())
        else:
            self._writer = transport.helpers.start_soon(self._write)

    async def _write(self) -> None:
        """Send all that the protocol has to send.

        Out of reach of the session's cancellation, since a frame cut in the middle would end the
        connection for good, without a closing handshake; `flush` bounds how long it may take.
        """
        protocol = self._protocol
        try:
            while protocol.pending_bytes:
                await self._transport.send(protocol.data_to_send())
                self._sent_at = trio.current_time()
                self._room.wake_all()
        except RealtimeConnectionError as exc:
            # A clean close may be noticed here first; the reader then ends without an error.
            if not (isinstance(exc, RealtimeConnectionClosed) and exc.code in CLEAN_CODES):
                await self._break(exc)
        except RealtimeSessionClosed:
            pass  # closed under the writer, because the connection broke: the reader says so
        finally:
            self._writer = None
            self._room.wake_all()

    # -- ends --------------------------------------------------------------------
    async def _break(self, failure: RealtimeConnectionError) -> None:
        """Note why, and close the transport so that the reader wakes and says it."""
        self._end(failure)
        await self._transport.aclose(1011)

    def _end(self, failure: RealtimeConnectionError | None) -> None:
        self._failure = self._failure or failure
        self._closing = True
        self._set_alarm()
        self._room.wake_all()

    async def flush(self) -> None:
        """Take no more inputs and write those taken; at most the close timeout, even cancelled."""
        self._end(None)
        with trio.move_on_after(self._settings.close_timeout, shield=True):
            await self._writer_is_over()
        if self._writer is not None:
            self._writer.cancel()
            with trio.CancelScope(shield=True):  # until it has let go of the transport
                await self._writer_is_over()

    async def _writer_is_over(self) -> None:
        while self._writer is not None:
            await self._room.sleep()


def refused_by_closing(closed: RealtimeConnectionClosed) -> RealtimeHandshakeError:
    """What to raise when the server closed the connection in place of taking the settings.

    The reason of the close frame ends in an error code where servers give one, as in
    ``invalid_request_error.invalid_api_key``.
    """
    return RealtimeHandshakeError(
        f"the server refused the session: {closed}",
        status=101,
        code=closed.reason.rpartition(".")[2] or None,
        close_code=closed.code,
    )


@asynccontextmanager
async def connect_protocol(
    protocol: ModelProtocol,
    settings: RealtimeSessionModelSettings,
    *,
    url: str,
    headers: Mapping[str, str],
    transport_settings: TransportSettings | None = None,
    ssl_context: ssl.SSLContext | None = None,
    stream_factory: StreamFactory | None = None,
    kind: TransportKind = "auto",
) -> AsyncGenerator[WebSocketConnection]:
    """Connect a new protocol to a WebSocket server, for the length of the block.

    What a model's ``connect`` consists of, once it knows the URL and the headers. ``settings`` are
    those the protocol opens with. ``stream_factory(host, port)`` dials in place of TCP, and
    ``kind`` is the WebSocket library, as for `OpenAIRealtimeWebSocketModel`. Entering raises, and
    leaving ends everything, as `RealtimeModel.connect` says.
    """
    limits = transport_settings or TransportSettings()
    protocol.open(settings)
    async with open_transport(
        url,
        headers=headers,
        settings=limits,
        ssl_context=ssl_context,
        stream_factory=stream_factory,
        kind=kind,
    ) as transport:
        connection = WebSocketConnection(transport, protocol, limits)
        try:
            await connection.wait_open()
            yield connection
        finally:
            await connection.flush()
