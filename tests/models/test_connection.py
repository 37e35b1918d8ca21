"""The live connection: what keeps it alive, and what wakes its reader besides frames."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
import trio.testing
from support_transports import PING, PONG, Peer, Scripted, StreamPair, each_kind, frame, text

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import RealtimeConnectionError, RealtimeSessionClosed
from trio_realtime.models.events import RealtimeModelEvent
from trio_realtime.models.inputs import (
    RealtimeModelCommitAudio,
    RealtimeModelCreateResponse,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    ResponseOptions,
)
from trio_realtime.models.interface import RealtimeConnection
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.models.transports import TransportKind, TransportSettings

Script = Callable[[Peer], Awaitable[None]]
SETTINGS = TransportSettings(ping_interval=10.0, ping_timeout=5.0)
TAKEN = text('{"type":"session.updated","session":{}}')
"""The server's acknowledgement of the opening settings."""
AUDIO = text(
    '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":0,'
    '"content_index":0,"delta":"' + "AAAA" * 1600 + '"}'
)


@attrs.define
class Pings:
    """A server that says one thing, and answers pings or not."""

    answered: bool
    greeting: bytes = b""
    times: list[float] = attrs.field(factory=list[float])

    async def serve(self, peer: Peer) -> None:
        await peer.accept(then=TAKEN + self.greeting)
        began = trio.current_time()
        with pytest.raises((EOFError, trio.BrokenResourceError)):
            while True:
                received = await peer.read()
                if received.opcode == PING:
                    self.times.append(trio.current_time() - began)
                    if self.answered:
                        await peer.send(frame(PONG, received.payload))


async def deaf(peer: Peer) -> None:
    """Reads nothing after the handshake."""
    await peer.accept(then=TAKEN)
    await trio.sleep_forever()


@asynccontextmanager
async def connected(
    script: Script,
    kind: TransportKind = "websockets",
    settings: TransportSettings = SETTINGS,
    pair: StreamPair = trio.testing.memory_stream_pair,
) -> AsyncGenerator[RealtimeConnection]:
    """A connection to a script, which may serve it until it is over."""
    async with trio.open_nursery() as nursery:
        model = OpenAIRealtimeWebSocketModel(
            stream_factory=Scripted(nursery, script, pair).dial, transport=kind
        )
        config = RealtimeModelConfig(
            api_key="k", url="ws://server.test/", transport=settings, response_timeout=7.0
        )
        async with model.connect(config) as connection:
            yield connection
        nursery.cancel_scope.cancel()


async def read(
    connection: RealtimeConnection,
    *,
    delivered: bool,
    on_event: Callable[[RealtimeModelEvent], None] = lambda _event: None,
) -> None:
    """Receive to the end, in both ways there are: as sessions do, or by iterating."""
    if delivered:
        await connection.deliver(on_event)
        return
    async for event in connection:
        on_event(event)


each_reader = pytest.mark.parametrize("delivered", [True, False])


@each_kind
@each_reader
async def test_a_server_that_answers_no_ping_is_lost(
    kind: TransportKind, delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    server = Pings(answered=False)
    async with connected(server.serve, kind) as connection:
        began = trio.current_time()
        with pytest.raises(RealtimeConnectionError, match="did not answer a ping within 5 s"):
            await read(connection, delivered=delivered)
        # Then the close handshake, which it does not answer either, has its time limit.
        assert 15.0 <= trio.current_time() - began <= 15.0 + SETTINGS.close_timeout
    assert server.times == [10.0]


@each_kind
@each_reader
async def test_pings_go_on_as_long_as_they_are_answered(
    kind: TransportKind, delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    server = Pings(answered=True)
    async with connected(server.serve, kind) as connection:
        with trio.move_on_after(45):
            await read(connection, delivered=delivered)
    assert server.times == [10.0, 20.0, 30.0, 40.0]


@each_reader
async def test_no_interval_no_pings(
    delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    server = Pings(answered=True)
    settings = TransportSettings(ping_interval=None)
    async with connected(server.serve, settings=settings) as connection:
        with trio.move_on_after(600):
            await read(connection, delivered=delivered)
    assert server.times == []


@each_reader
async def test_a_pong_may_take_as_long_as_it_likes_where_no_limit_is_set(
    delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    server = Pings(answered=False)
    settings = TransportSettings(ping_interval=10.0, ping_timeout=None)
    async with connected(server.serve, settings=settings) as connection:
        with trio.move_on_after(600):
            await read(connection, delivered=delivered)
    assert server.times == [10.0]


async def test_a_server_that_does_not_read_is_lost_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The ping is due while a write is on its way, and cannot even be sent."""
    pair = trio.testing.lockstep_stream_pair  # a write returns when it has been read
    async with connected(deaf, pair=pair) as connection:
        await connection.send(RealtimeModelSendAudio(audio=bytes(4800)))
        with pytest.raises(RealtimeConnectionError, match="did not answer a ping"):
            await read(connection, delivered=True)


@each_reader
async def test_a_request_that_nothing_answers_wakes_the_reader(
    delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Its time limit is news that no frame brings; it may begin before or while somebody reads."""
    server = Pings(answered=True)
    async with connected(server.serve) as connection, trio.open_nursery() as nursery:
        seen: list[tuple[str, float]] = []

        def note(event: RealtimeModelEvent) -> None:
            if event.type == "error":
                seen.append((event.type, trio.current_time() - began))

        began = trio.current_time()
        await connection.send(RealtimeModelCreateResponse(options=ResponseOptions()))
        nursery.start_soon(partial(read, connection, delivered=delivered, on_event=note))
        await trio.sleep(8)
        await connection.send(RealtimeModelCreateResponse(options=ResponseOptions()))
        await trio.sleep(8)
        nursery.cancel_scope.cancel()
    assert seen == [("error", 7.0), ("error", 15.0)]


@each_reader
async def test_an_interruption_wakes_the_reader(
    delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What was cut is news as well, and is told before anything else arrives."""
    server = Pings(answered=True, greeting=AUDIO)
    async with connected(server.serve) as connection, trio.open_nursery() as nursery:
        seen: list[RealtimeModelEvent] = []
        nursery.start_soon(partial(read, connection, delivered=delivered, on_event=seen.append))
        await trio.testing.wait_all_tasks_blocked()
        await connection.send(RealtimeModelSendInterrupt())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    types = [event.type for event in seen]
    assert types == ["raw_server_event", "raw_server_event", "audio", "audio_interrupted"]


# -- the end


@each_kind
@each_reader
async def test_a_closed_connection_ends_for_whoever_still_reads(
    kind: TransportKind, delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Also when a ping has been due for long: a deadline that is past would let nobody read."""
    server = Pings(answered=True)
    async with connected(server.serve, kind) as connection:
        await trio.sleep(60)  # nobody reads, so nobody is woken
    with trio.fail_after(1):
        await read(connection, delivered=delivered)
    assert server.times == []


@each_kind
async def test_the_first_failure_is_the_one_that_is_named(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """Also to those who send when the connection has been left."""
    server = Pings(answered=False)
    async with connected(server.serve, kind) as connection:
        with pytest.raises(RealtimeConnectionError, match="did not answer a ping") as lost:
            await read(connection, delivered=True)
    with pytest.raises(RealtimeSessionClosed) as refused:
        await connection.send(RealtimeModelCommitAudio())
    assert refused.value.__cause__ is lost.value


@each_kind
async def test_a_write_that_is_stuck_delays_the_end_once(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """By the close timeout: the transport then knows that a frame was cut, and says no goodbye."""
    pair = trio.testing.lockstep_stream_pair
    settings = TransportSettings(ping_interval=None, close_timeout=1.0)
    async with connected(deaf, kind, settings, pair):
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
    assert trio.current_time() - began == 1.0


@each_kind
@each_reader
async def test_when_the_connection_closes_nothing_is_due_any_more(
    kind: TransportKind, delivered: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A request that nobody has answered is not told as lost while the last frames are written."""
    seen: list[RealtimeModelEvent] = []
    settings = TransportSettings(ping_interval=None, close_timeout=2.0)
    pair = trio.testing.lockstep_stream_pair
    async with trio.open_nursery() as nursery:
        async with connected(deaf, kind, settings, pair) as connection:
            nursery.start_soon(partial(read, connection, delivered=delivered, on_event=seen.append))
            await connection.send(RealtimeModelCreateResponse())
            await trio.sleep(6.5)
            leaving = trio.current_time()
        assert trio.current_time() == leaving + 2.0
    assert [event.type for event in seen] == ["raw_server_event"]
