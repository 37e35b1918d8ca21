"""One WebSocket connection to the simulator: the tasks around a :class:`.server_protocol.Protocol`.

:mod:`.server` runs it. One task reads frames, one writes them in the order they were decided, and
each response in progress is played by a task of its own. What the server says is decided in the
pure modules; here is only when.
"""

import contextlib
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trio_realtime._util.maybe_async import call
from trio_realtime.testing.simulator.outlet import Event, Later, Send, Start, Stop, WatchIdle
from trio_realtime.testing.simulator.replies import Fail, Piece, Responder, pieces

if TYPE_CHECKING:
    from trio_websocket import WebSocketConnection

    from trio_realtime.testing.simulator.conversation import Conversation
    from trio_realtime.testing.simulator.response_playing import Response
    from trio_realtime.testing.simulator.served_session import Session
    from trio_realtime.testing.simulator.server_protocol import Protocol

CLOSE_SECONDS = 5.0
"""How long a closing handshake may take."""

PING_SECONDS = 20.3
"""How often the service pings its clients."""

_KEY_SUBPROTOCOL = "openai-insecure-api-key."


@attrs.frozen(kw_only=True)
class Handshake:
    """What the client asked for.

    ``query`` holds the first value of each name; ``headers`` have lower-case names.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = attrs.field(repr=False)
    subprotocols: Sequence[str] = attrs.field(default=(), repr=False)

    @property
    def is_azure(self) -> bool:
        """Whether the client takes the service for Azure's, whose models are deployments of any
        name, and which refuses keys by an HTTP status."""
        return self.path.startswith("/openai/")

    @property
    def api_key(self) -> str | None:
        """The key shown as a bearer token, as Azure's ``api-key``, or as browsers show it."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token
        for offered in self.subprotocols:
            if offered.startswith(_KEY_SUBPROTOCOL):
                return offered.removeprefix(_KEY_SUBPROTOCOL)
        return self.headers.get("api-key")


@attrs.define(eq=False, kw_only=True)
class SimulatedConnection:
    """A connection as the server sees it, for tests to look at and to disturb.

    ``received`` lists the client's events in order, as they came. It and the conversation stay
    readable after the connection is over. The methods may be called from any task.
    """

    handshake: Handshake
    _websocket: "WebSocketConnection" = attrs.field(alias="websocket")
    _stream: trio.abc.Stream = attrs.field(alias="stream")
    _protocol: "Protocol" = attrs.field(alias="protocol")
    _responder: Responder = attrs.field(alias="responder")
    _speed: float = attrs.field(alias="speed")
    _session_limit: float = attrs.field(alias="session_limit")
    _keep_received: bool = attrs.field(alias="keep_received")
    _note_failure: Callable[[Exception], None] = attrs.field(alias="note_failure")
    received: list[Event] = attrs.field(init=False, factory=list[Event])
    closed: trio.Event = attrs.field(init=False, factory=trio.Event)
    """Set when the connection is over."""
    _outgoing: deque[str] = attrs.field(init=False, factory=deque[str])
    _wanted: trio.lowlevel.ParkingLot = attrs.field(init=False, factory=trio.lowlevel.ParkingLot)
    _written: trio.lowlevel.ParkingLot = attrs.field(init=False, factory=trio.lowlevel.ParkingLot)
    _arrived: trio.lowlevel.ParkingLot = attrs.field(init=False, factory=trio.lowlevel.ParkingLot)
    _counts: dict[str, int] = attrs.field(init=False, factory=dict[str, int])
    _nursery: trio.Nursery | None = attrs.field(init=False, default=None)
    _playing: dict[str, trio.CancelScope] = attrs.field(
        init=False, factory=dict[str, trio.CancelScope]
    )
    _idle_scope: trio.CancelScope | None = attrs.field(init=False, default=None)
    _close_frame: tuple[int, str] = attrs.field(init=False, default=(1000, ""))

    @property
    def session(self) -> "Session":
        """The session object as it stands."""
        return self._protocol.session

    @property
    def conversation(self) -> "Conversation":
        """The server's side of the conversation."""
        return self._protocol.conversation

    @property
    def close_code(self) -> int | None:
        """The WebSocket close code, 1006 when there was none; None while the connection is open."""
        reason = self._websocket.closed
        return None if reason is None else reason.code

    @property
    def active_responses(self) -> Sequence[str]:
        """The ids of the responses in progress."""
        return tuple(self._protocol.active)

    def received_of(self, event_type: str) -> list[Event]:
        """The client's events of one type."""
        return [event for event in self.received if event.get("type") == event_type]

    async def wait_received(self, event_type: str, count: int = 1) -> None:
        """Wait until that many client events of the type have come in all.

        Raises :exc:`trio.BrokenResourceError` if the connection ends before. Cancelling it loses
        nothing.
        """
        await trio.lowlevel.checkpoint()
        while self._counts.get(event_type, 0) < count:
            if self.closed.is_set():
                raise trio.BrokenResourceError(
                    f"the client sent {self._counts.get(event_type, 0)} of {count} {event_type}"
                )
            await self._arrived.park()

    async def send(self, event: Mapping[str, Any]) -> None:
        """Send any server event; ``event_id`` is added if it is missing.

        Returns when it is written, or the connection is over.
        """
        event_id = event.get("event_id") or self._protocol.outlet.ids.new("event")
        rest = {name: value for name, value in event.items() if name not in ("type", "event_id")}
        await self.send_text(json.dumps({"type": event["type"], "event_id": event_id, **rest}))

    async def send_text(self, text: str) -> None:
        """Send any text frame, well-formed or not; returns as :meth:`send` does."""
        self._post(text)
        await self._wait_written()

    async def drop(self) -> None:
        """Cut the connection without a closing handshake, as a failing network does."""
        await trio.aclose_forcefully(self._stream)
        await self.closed.wait()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket properly, after what was sent before; returns when it is over."""
        await self._leave(code, reason)
        await self.closed.wait()

    async def converse(self) -> None:
        """Serve the session until either side ends it. Called once, by the server."""
        from trio_websocket import ConnectionClosed

        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._write)
                nursery.start_soon(self._limit_session)
                nursery.start_soon(self._ping)
                self._protocol.begin()
                self._perform()
                while True:
                    try:
                        message = await self._websocket.get_message()
                    except ConnectionClosed:
                        break
                    self._take(message)
                nursery.cancel_scope.cancel()
            with trio.move_on_after(CLOSE_SECONDS):
                await self._websocket.aclose(*self._close_frame)
        finally:
            self._nursery = None
            self.closed.set()
            self._arrived.unpark_all()
            self._written.unpark_all()

    def _take(self, message: str | bytes) -> None:
        event = self._protocol.receive(message)
        if event is not None:
            event_type = str(event.get("type"))
            self._counts[event_type] = self._counts.get(event_type, 0) + 1
            if self._keep_received:
                self.received.append(event)
            self._arrived.unpark_all()
        self._perform()

    def _perform(self) -> None:
        """Carry out what the protocol has decided, in that order."""
        nursery = self._nursery
        assert nursery is not None, "effects come from the connection's own tasks"
        for effect in self._protocol.outlet.take():
            match effect:
                case Send(event):
                    self._post(json.dumps(event))
                case Start(response):
                    self._playing[response.id] = trio.CancelScope()
                    nursery.start_soon(self._play, response)
                case Stop(response):
                    self._playing[response.id].cancel()
                case Later():
                    nursery.start_soon(self._do_later, effect)
                case WatchIdle():
                    self._stop_watching()
                    self._idle_scope = trio.CancelScope()
                    nursery.start_soon(self._watch_idle, effect, self._idle_scope)
                case _:
                    self._stop_watching()

    def _stop_watching(self) -> None:
        if self._idle_scope is not None:
            self._idle_scope.cancel()
            self._idle_scope = None

    # -- tasks ---------------------------------------------------------------------------------

    async def _play(self, response: "Response") -> None:
        """Ask for the answer and stream it; cancelled when the response is."""
        with self._playing[response.id]:
            for pause in response.play(await self._ask(response)):
                self._perform()
                # A client that does not read holds up this response, not the whole connection.
                await self._wait_written()
                seconds = pause.seconds
                if not math.isinf(self._speed):
                    seconds += pause.media_ms / 1_000 / self._speed
                await trio.sleep(seconds)
        self._perform()
        del self._playing[response.id]

    async def _ask(self, response: "Response") -> list[Piece]:
        """The responder's answer; its exceptions fail the response and are kept for the end."""
        try:
            return pieces(await call(self._responder, response.turn))
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            self._note_failure(error)
            return [Fail("server_error", "The responder of the simulator raised an exception.")]

    async def _do_later(self, later: Later) -> None:
        await trio.sleep(later.seconds)
        later.then()
        self._perform()

    async def _watch_idle(self, watch: WatchIdle, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(watch.playback_s)
            watch.quiet()
            await trio.sleep(watch.timeout_s)
            # The watch may have been stopped at the very moment the time was up.
            await trio.lowlevel.checkpoint_if_cancelled()
            watch.expired()
        self._perform()

    async def _ping(self) -> None:
        """Ping the client as often as the service does, with four bytes."""
        from trio_websocket import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            for number in itertools.count():
                await trio.sleep(PING_SECONDS)
                with trio.move_on_after(PING_SECONDS):
                    await self._websocket.ping(number.to_bytes(4, "big"))

    async def _limit_session(self) -> None:
        await trio.sleep(self._session_limit)
        minutes = f"{self._session_limit / 60:g}"
        await self._leave(1001, f"Your session hit the maximum duration of {minutes} minutes.")

    async def _leave(self, code: int, reason: str) -> None:
        """End the conversation when all is written: a close frame cannot follow half a frame."""
        with trio.move_on_after(CLOSE_SECONDS):
            await self._wait_written()
        self._close_frame = (code, reason)
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def _post(self, text: str) -> None:
        self._outgoing.append(text)
        self._wanted.unpark()

    async def _write(self) -> None:
        """Send what is posted, first come, first sent. A message leaves the queue when sent."""
        from trio_websocket import ConnectionClosed

        # Once the connection is closed nothing more is written; reading goes on to the end.
        with contextlib.suppress(ConnectionClosed):
            while True:
                while self._outgoing:
                    await self._websocket.send_message(self._outgoing[0])
                    self._outgoing.popleft()
                self._written.unpark_all()
                await self._wanted.park()

    async def _wait_written(self) -> None:
        """Wait until all that was posted is sent, or the connection is over."""
        await trio.lowlevel.checkpoint()
        while self._outgoing and not self.closed.is_set():
            await self._written.park()
