"""The live connection to the OpenAI Realtime API: the only module that touches a socket.

All decisions are made in `protocol`, which is pure. Here are the two tasks around it: whoever
iterates reads frames and feeds them to the protocol; the writer sends what the protocol has to
send, all that has gathered in one write. Frames that the protocol sends of its own accord (a
cancel, a truncation, the next ``response.create``) therefore never wait for a reader, and a read
never waits for a write.
"""

import math
from collections import deque
from collections.abc import AsyncIterator

import attrs
import trio

from ...errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeSessionClosed,
)
from ..events import RealtimeModelEvent
from ..inputs import RealtimeModelInput
from ..interface import RealtimeConnection
from .protocol import RealtimeProtocol
from .transports import TextTransport, TransportSettings

HIGH_WATER = 64 * 1024
"""Bytes waiting to be written before `send` makes its caller wait: ten 100 ms chunks of PCM16, so
enough for writes to be worth their price and little enough to hear of congestion at once."""


@attrs.define(eq=False, repr=False)
class OpenAIRealtimeConnection(RealtimeConnection):
    """See `RealtimeConnection`; made by `OpenAIRealtimeWebSocketModel.connect`."""

    _transport: TextTransport
    _protocol: RealtimeProtocol
    _settings: TransportSettings
    _ready: deque[RealtimeModelEvent] = attrs.field(factory=deque[RealtimeModelEvent], init=False)
    _writer: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _room: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _writer_scope: trio.CancelScope = attrs.field(
        factory=lambda: trio.CancelScope(shield=True), init=False
    )
    _written: trio.Event = attrs.field(factory=trio.Event, init=False)
    _idle: bool = attrs.field(default=False, init=False)
    """Whether the writer waits and has not been woken."""
    _armed: float | None = attrs.field(default=None, init=False)
    """The time limit that the waiting writer keeps."""
    _closing: bool = attrs.field(default=False, init=False)
    _failure: RealtimeConnectionError | None = attrs.field(default=None, init=False)

    # -- for the session ---------------------------------------------------------
    async def send(self, input: RealtimeModelInput) -> None:
        """See `RealtimeConnection.send`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        protocol = self._protocol
        while protocol.pending_bytes > HIGH_WATER and not self._closing:
            await self._room.park()
        if self._closing:
            raise RealtimeSessionClosed("the connection is closed") from self._failure
        news = len(self._ready)
        protocol.send(input, trio.current_time(), self._ready)
        self._wake_writer()
        if len(self._ready) > news:
            self._wake_reader()

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        """See `RealtimeConnection.audio_delivered`."""
        self._protocol.delivered(item_id, content_index, nbytes, trio.current_time())

    def audio_remaining_ms(self, response_id: str) -> float:
        """See `RealtimeConnection.audio_remaining_ms`."""
        return self._protocol.remaining_ms(response_id, trio.current_time())

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self

    async def __anext__(self) -> RealtimeModelEvent:
        ready = self._ready
        while not ready:
            await self._receive()
        return ready.popleft()

    async def _receive(self) -> None:
        """Read what has arrived; a whole batch is decided on before any of it is handed out, so
        that an interruption does not queue behind the audio it interrupts."""
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
            raise StopAsyncIteration
        protocol = self._protocol
        now = trio.current_time()
        for frame in frames:
            protocol.receive(frame, now, self._ready)
        self._wake_writer()

    # -- the writer --------------------------------------------------------------
    async def write(self) -> None:
        """Send what the protocol has to send, until `flush` says that was all.

        Shielded, since a frame cut in the middle would end the connection for good and with it
        the orderly goodbye; `flush` and `abandon` bound how long it may take.
        """
        with self._writer_scope:
            try:
                while await self._wait_for_work():
                    await self._transport.send(self._protocol.data_to_send())
                    if self._room:
                        self._room.unpark_all()
            except RealtimeConnectionError as exc:
                # A clean close may be noticed here first; the reader then ends without an error.
                if not (isinstance(exc, RealtimeConnectionClosed) and exc.code in {1000, 1001}):
                    await self._break(exc)
            except RealtimeSessionClosed:
                pass  # closed under the writer, because the connection broke: the reader says so
            finally:
                self._written.set()

    async def _wait_for_work(self) -> bool:
        """True when there is something to write; false when there never will be again."""
        protocol = self._protocol
        while not protocol.pending_bytes:
            if self._closing:
                return False
            self._armed = deadline = protocol.deadline
            self._idle = True
            with trio.CancelScope(deadline=math.inf if deadline is None else deadline) as scope:
                await self._writer.park()
            self._idle = False
            if scope.cancelled_caught:
                protocol.expire(trio.current_time(), self._ready)
                self._wake_reader()
        return True

    def _wake_writer(self) -> None:
        """If it waits, and there is something to write or another time limit to keep."""
        protocol = self._protocol
        if self._idle and (protocol.pending_bytes or protocol.deadline != self._armed):
            self._idle = False
            self._writer.unpark()

    def _wake_reader(self) -> None:
        """There are events that no frame will bring."""
        if self.reader_scope is not None:
            self.reader_scope.cancel()

    # -- keeping alive -----------------------------------------------------------
    async def keep_alive(self) -> None:
        """Ping the server now and then; no pong in time means that the connection is broken."""
        settings = self._settings
        if settings.ping_interval is None:
            return
        try:
            while True:
                await trio.sleep(settings.ping_interval)
                with trio.move_on_after(settings.ping_timeout or float("inf")) as scope:
                    await self._transport.ping()
                if scope.cancelled_caught:
                    await self._break(
                        RealtimeConnectionError(
                            f"the server did not answer a ping within {settings.ping_timeout:g} s"
                        )
                    )
                    return
        except (RealtimeConnectionError, RealtimeSessionClosed):
            return  # the reader sees it too, and reports it

    # -- ends --------------------------------------------------------------------
    async def _break(self, failure: RealtimeConnectionError) -> None:
        """Note why, and close the transport so that the reader wakes and says it."""
        self._end(failure)
        await self._transport.aclose(1011)

    def _end(self, failure: RealtimeConnectionError | None) -> None:
        self._failure = self._failure or failure
        self._closing = True
        self._room.unpark_all()
        self._idle = False
        self._writer.unpark_all()

    async def flush(self) -> None:
        """Take no more inputs and write those taken; at most the close timeout, even cancelled."""
        self._end(None)
        with trio.move_on_after(self._settings.close_timeout, shield=True):
            await self._written.wait()
        self._writer_scope.cancel()
