"""The simulator: a loopback server of the OpenAI Realtime GA protocol.

This is what callers make and run; :mod:`.served_connection` serves each client. Over TCP for
programs, over memory streams for tests: with pytest-trio's ``autojump_clock`` an hour of
conversation then takes as long as its computing.
"""

import json
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import attrs
import trio

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.outlet import Ids, Outlet
from trio_realtime.testing.simulator.replies import (
    Heard,
    Hears,
    Responder,
    Utterance,
    default_responder,
    hearing,
)
from trio_realtime.testing.simulator.served_connection import Handshake, SimulatedConnection
from trio_realtime.testing.simulator.server_protocol import LONGEST_APPEND, Protocol, Refusals
from trio_realtime.testing.simulator.turned_away import key_problem, turned_away

if TYPE_CHECKING:
    from trio_websocket import WebSocketRequest

Dial = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Opens a stream to a host and port, as :func:`trio.open_tcp_stream` does."""

MAX_MESSAGE_BYTES = LONGEST_APPEND * 4 // 3 + 2**20
"""An append of 15 MiB in base64 and what is around it; longer messages close the connection with
1009."""

HANDSHAKE_SECONDS = 30.0
"""How long a client may take to say what it wants."""

_SUBPROTOCOL = "realtime"


@attrs.frozen(kw_only=True)
class _HandshakePlan:
    delay: float = 0.0
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class _Patient:
    """Starts the library's reader task, amended in two ways.

    It fails when a ping crosses its own close frame, since no pong may follow one; on a real
    network that is rare, but under a virtual clock, where client and server both count full
    seconds, it is not. And nobody hears of its end during the handshake, when a client leaves.
    """

    _nursery: trio.Nursery
    _handshake: trio.CancelScope

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        from wsproto.utilities import LocalProtocolError

        connection = cast("Any", reader).__self__
        answer_ping = connection._handle_ping_event

        async def answer_ping_unless_closing(event: object) -> None:
            with suppress(LocalProtocolError):
                await answer_ping(event)

        async def read() -> None:
            await reader()
            self._handshake.cancel()

        connection._handle_ping_event = answer_ping_unless_closing
        self._nursery.start_soon(read)


@attrs.define(eq=False)
class RealtimeSimulator:
    """A server to converse with. It may be served in several places at once.

    :param responder: what the model answers, a function of a
        :class:`~trio_realtime.testing.simulator.Turn`, plain or async. What it raises fails the
        response, and is raised when the ``serve`` block ends.
    :param hears: what the user says, utterance by utterance: the simulator never understands
        audio. Without it, transcripts read "(simulated: 1.4 s of speech)".
    :param speed: how much faster than real time answers stream; ``math.inf`` means as fast as the
        client reads.
    :param api_key: the key clients must show; by default any or none will do.
    :param session_limit: seconds after which a session is closed with code 1001.
    :param keep_received: whether connections keep the client's events. Turn it off for
        conversations of hours.
    :param keep_connections: how many of the connections that are over are kept, the latest; by
        default all. Set it for servers that run for days.
    """

    responder: Responder = default_responder
    hears: Hears = attrs.field(default=(), kw_only=True)
    speed: float = attrs.field(default=10.0, validator=attrs.validators.gt(0.0), kw_only=True)
    api_key: str | None = attrs.field(default=None, repr=False, kw_only=True)
    session_limit: float = attrs.field(default=3_600.0, kw_only=True)
    keep_received: bool = attrs.field(default=True, kw_only=True)
    keep_connections: int | None = attrs.field(default=None, kw_only=True)
    connections: list[SimulatedConnection] = attrs.field(
        init=False, factory=list[SimulatedConnection]
    )
    """Every connection there was, in order, but for those that were forgotten."""
    _forgotten: int = attrs.field(init=False, default=0)
    _ids: Ids = attrs.field(init=False, factory=Ids)
    _plans: deque[_HandshakePlan] = attrs.field(init=False, factory=deque[_HandshakePlan])
    _refusals: Refusals = attrs.field(init=False, factory=Refusals)
    _connected: trio.lowlevel.ParkingLot = attrs.field(init=False, factory=trio.lowlevel.ParkingLot)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, ssl_context: ssl.SSLContext | None = None
    ) -> AsyncGenerator[str]:
        """Listen on a TCP port, by default a free one; the value is the WebSocket URL.

        With ``ssl_context``, a server's with its certificate, over TLS at a ``wss`` URL.

        At the end of the block every connection is cut and every task has ended. Then, if a
        responder or a ``hears`` function raised, so does the block; if the block itself raised,
        their exceptions become notes on that one.
        """
        async with self._serving() as (nursery, failures):
            listeners = await trio.open_tcp_listeners(port, host=host)

            async def handle(stream: trio.SocketStream) -> None:
                if ssl_context is None:
                    await self._handle(stream, failures)
                    return
                over_tls = trio.SSLStream(
                    stream, ssl_context, server_side=True, https_compatible=True
                )
                await self._handle(over_tls, failures)

            await nursery.start(trio.serve_listeners, handle, listeners)
            bound_port = listeners[0].socket.getsockname()[1]
            shown_host = f"[{host}]" if ":" in host else host
            scheme = "ws" if ssl_context is None else "wss"
            yield f"{scheme}://{shown_host}:{bound_port}/v1/realtime"

    @asynccontextmanager
    async def memory_dialer(self) -> AsyncGenerator[Dial]:
        """Serve without a network: the value is ``await dial(host, port)``, giving a stream.

        Each call makes a new connection in memory, whatever host and port it is given. The end of
        the block is as in :meth:`serve`.
        """
        from trio.testing import memory_stream_pair

        async with self._serving() as (nursery, failures):

            async def dial(_host: str, _port: int) -> trio.abc.Stream:
                await trio.lowlevel.checkpoint()
                client_end, server_end = memory_stream_pair()
                nursery.start_soon(self._handle, server_end, failures)
                return client_end

            yield dial

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection over a stream of the caller's, until it ends; closes the stream.

        Raises what a responder or ``hears`` function raised meanwhile.
        """
        failures: list[Exception] = []
        await self._handle(stream, failures)
        _raise_first(failures)

    async def wait_connected(self, count: int = 1) -> SimulatedConnection:
        """Wait until that many sessions were begun in all; returns the last of these.

        Raises `LookupError` if that one is over and was forgotten (see ``keep_connections``).
        """
        await trio.lowlevel.checkpoint()
        while self._forgotten + len(self.connections) < count:
            await self._connected.park()
        if count <= self._forgotten:
            raise LookupError(f"connection {count} is over and was forgotten")
        return self.connections[count - 1 - self._forgotten]

    def plan_handshake(
        self,
        *,
        delay: float = 0.0,
        status: int | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Delay the next handshake that is not planned yet, or answer it with an HTTP status.

        ``delay`` is in seconds; ``math.inf`` never answers. Call it again for the one after.
        """
        plan = _HandshakePlan(delay=delay, status=status, body=body, headers=headers or {})
        self._plans.append(plan)

    def refuse_next(
        self, event_type: str, *, code: str, message: str, param: str | None = None
    ) -> None:
        """Answer the next client event of a type with this error instead of honouring it."""
        self._refusals.append((event_type, ApiError(message, code=code, param=param)))

    def ignore_next(self, event_type: str) -> None:
        """Take the next client event of a type and do nothing about it."""
        self._refusals.append((event_type, None))

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[tuple[trio.Nursery, list[Exception]]]:
        """A nursery for connections that leaves the block's own exception as it is."""
        failures: list[Exception] = []
        failure: BaseException | None = None
        async with trio.open_nursery() as nursery:
            try:
                yield nursery, failures
            except trio.Cancelled:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again, outside the nursery
                failure = error
            nursery.cancel_scope.cancel()
        if failure is None:
            _raise_first(failures)
            return
        for each in failures:
            failure.add_note(f"Besides, in the simulator: {each!r}")
        raise failure

    async def _handle(self, stream: trio.abc.Stream, failures: list[Exception]) -> None:
        """Serve one stream. Whatever a client does ends its own connection only."""
        from trio_websocket import wrap_server_stream

        try:
            async with trio.open_nursery() as nursery:
                request = None
                with trio.move_on_after(HANDSHAKE_SECONDS) as handshake:
                    request = await wrap_server_stream(
                        cast("trio.Nursery", _Patient(nursery, handshake)),
                        stream,
                        message_queue_size=64,
                        max_message_size=MAX_MESSAGE_BYTES,
                        receive_buffer_size=None,
                    )
                if request is not None:
                    await self._answer(request, stream, failures)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _answer(
        self, request: "WebSocketRequest", stream: trio.abc.Stream, failures: list[Exception]
    ) -> None:
        """Answer the handshake, and converse if it is accepted."""
        from trio_websocket import ConnectionClosed

        plan = self._plans.popleft() if self._plans else _HandshakePlan()
        await trio.sleep(plan.delay)
        handshake = _handshake(request)
        refusal = plan if plan.status is not None else _refusal(handshake, self.api_key)
        try:
            if refusal is not None and refusal.status is not None:
                headers = [
                    (name.encode(), value.encode()) for name, value in refusal.headers.items()
                ]
                await request.reject(refusal.status, extra_headers=headers, body=refusal.body)
                return
            offered = request.proposed_subprotocols
            websocket = await request.accept(
                subprotocol=_SUBPROTOCOL if _SUBPROTOCOL in offered else None
            )
            if (away := turned_away(handshake, self.api_key)) is not None:
                error = {"event_id": self._ids.new("event"), "error": away.error.render(None)}
                await websocket.send_message(json.dumps({"type": "error", **error}))
                await websocket.aclose(away.close_code, away.reason)
                return
        except ConnectionClosed:
            return
        connection = SimulatedConnection(
            handshake=handshake,
            websocket=websocket,
            stream=stream,
            protocol=self._protocol(handshake, failures),
            responder=self.responder,
            speed=self.speed,
            session_limit=self.session_limit,
            keep_received=self.keep_received,
            note_failure=failures.append,
        )
        self.connections.append(connection)
        self._connected.unpark_all()
        try:
            await connection.converse()
        finally:
            self._forget_some()

    def _forget_some(self) -> None:
        """Keep only so many of the connections that are over, the latest."""
        if self.keep_connections is None:
            return
        over = [each for each in self.connections if each.closed.is_set()]
        for connection in over[: len(over) - self.keep_connections]:
            self.connections.remove(connection)
            self._forgotten += 1

    def _protocol(self, handshake: Handshake, failures: list[Exception]) -> Protocol:
        hear = hearing(self.hears)

        def hear_or_note(utterance: Utterance) -> Heard:
            try:
                return hear(utterance)
            except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
                failures.append(error)
                return Heard("(simulated: the scenario failed)")

        return Protocol(
            Outlet(self._ids),
            hear_or_note,
            model=handshake.query.get("model"),
            call_id=handshake.query.get("call_id"),
            expires_at=int(time.time() + self.session_limit),
            refusals=self._refusals,
            speed=self.speed,
            transcription=handshake.query.get("intent") == "transcription",
        )


def _refusal(handshake: Handshake, api_key: str | None) -> _HandshakePlan | None:
    """What is wrong with the handshake, where the service says so by an HTTP status."""
    if not handshake.path.endswith("/realtime"):
        return _refused(404, "invalid_url", "Unknown path; sessions are under /v1/realtime.")
    if handshake.is_azure and key_problem(handshake, api_key) is not None:
        return _refused(401, "401", "Access denied due to invalid subscription key.")
    return None


def _refused(status: int, code: str, message: str) -> _HandshakePlan:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return _HandshakePlan(
        status=status,
        body=json.dumps({"error": error}).encode(),
        headers={"content-type": "application/json"},
    )


def _handshake(request: "WebSocketRequest") -> Handshake:
    path, _, query = request.path.partition("?")
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers
    }
    return Handshake(
        path=path,
        query={name: values[0] for name, values in parse_qs(query).items()},
        headers=headers,
        subprotocols=request.proposed_subprotocols,
    )


def _raise_first(failures: list[Exception]) -> None:
    if failures:
        first, *others = failures
        for other in others:
            first.add_note(f"Besides, in the simulator: {other!r}")
        raise first
