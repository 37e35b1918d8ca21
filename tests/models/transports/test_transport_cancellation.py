"""Cancelled at any checkpoint, a transport leaves no task and closes its stream.

`walk` runs a use of a transport again and again, cancelled at its first, second, ... checkpoint,
until a run gets to its end.
"""

import sys
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
import trio.testing
from support_transports import (
    CLOSE,
    PING,
    PONG,
    Peer,
    RecordedStream,
    Scripted,
    StreamPair,
    each_kind,
    frame,
    receive_all,
    text,
)

from trio_realtime.errors import RealtimeConnectionError, RealtimeSessionClosed
from trio_realtime.models.transports import (
    TextTransport,
    TransportKind,
    TransportSettings,
    open_transport,
)

pytestmark = each_kind

Use = Callable[[TextTransport], Awaitable[None]]


@attrs.define(eq=False)
class CancelAt(trio.abc.Instrument):
    """Cancels a scope when its task is about to run for the nth time."""

    _task: trio.lowlevel.Task
    _scope: trio.CancelScope
    _at: int
    steps: int = 0

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self.steps += 1
            if self.steps == self._at:
                self._scope.cancel()


async def serve(peer: Peer) -> None:
    """Answer everything: the handshake, pings by pongs, messages by messages, and the close."""
    try:
        await peer.accept(then=text("early"))
        while (received := await peer.read()).opcode != CLOSE:
            pong = frame(PONG, received.payload)
            await peer.send(pong if received.opcode == PING else text("echo"))
        await peer.send(frame(CLOSE, received.payload))
    except (EOFError, trio.BrokenResourceError, ValueError):
        pass  # the client was cancelled
    finally:
        await peer.stream.aclose()


async def run_cancelled_at(step: int, use: Use, kind: TransportKind, pair: StreamPair) -> bool:
    """One run; whether it got to its end. Its streams are closed and its tasks are gone."""
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, serve, pair)
        before = trio.lowlevel.current_statistics().tasks_living
        finished = False
        with trio.CancelScope() as scope:
            instrument = CancelAt(trio.lowlevel.current_task(), scope, step)
            trio.lowlevel.add_instrument(instrument)
            try:
                async with open_transport(
                    "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
                ) as transport:
                    await use(transport)
            finally:
                trio.lowlevel.remove_instrument(instrument)
            finished = instrument.steps < step
        assert all(stream.closed for stream in server.streams)
        with trio.fail_after(1):  # the server's task ends once it sees the closed stream
            while trio.lowlevel.current_statistics().tasks_living > before:
                await trio.lowlevel.checkpoint()
        return finished


async def walk(use: Use, kind: TransportKind, pair: StreamPair) -> int:
    """How many checkpoints there were to be cancelled at."""
    step = 1
    while not await run_cancelled_at(step, use, kind, pair):
        step += 1
    return step - 1


async def only_open(transport: TextTransport) -> None:
    pass


async def receive(transport: TextTransport) -> None:
    assert list(await transport.receive()) in (["early"], [b"early"])


async def send_and_receive(transport: TextTransport) -> None:
    """Sends while another task receives, as the server answers before it reads on."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_all, transport)
        await transport.send(["one", b"two"])
        nursery.cancel_scope.cancel()


async def ping(transport: TextTransport) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_all, transport)
        await transport.ping()
        nursery.cancel_scope.cancel()


async def close_while_receiving(transport: TextTransport) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_all, transport)
        await transport.aclose(4000, "done")


@pytest.mark.parametrize("use", [only_open, receive, send_and_receive, ping, close_while_receiving])
@pytest.mark.parametrize(
    "pair", [trio.testing.memory_stream_pair, trio.testing.lockstep_stream_pair]
)
async def test_cancelled_at_every_checkpoint(
    use: Use, pair: StreamPair, kind: TransportKind
) -> None:
    checkpoints = await walk(use, kind, pair)
    assert checkpoints >= 4  # dialling, two ways of the handshake, and the close at least


@attrs.define(eq=False)
class Idle:
    """A server that accepts the stream and says nothing."""

    streams: list[RecordedStream] = attrs.field(factory=list[RecordedStream])

    async def dial(self, host: str, port: int) -> trio.abc.Stream:
        client, _server = trio.testing.memory_stream_pair()
        self.streams.append(RecordedStream(client))
        return self.streams[-1]


async def test_a_server_that_never_answers_the_handshake(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    server = Idle()
    settings = TransportSettings(handshake_timeout=4)
    with pytest.raises(RealtimeConnectionError, match=r"server\.test:80 .* handshake_timeout=4 s"):
        async with open_transport(
            "ws://server.test/",
            headers={"Authorization": "Bearer secret"},
            settings=settings,
            stream_factory=server.dial,
            kind=kind,
        ):
            raise AssertionError("never opened")
    assert trio.current_time() == pytest.approx(4)
    assert server.streams[0].closed


async def open_and_raise(
    kind: TransportKind, error: BaseException, scope: trio.CancelScope | None = None
) -> BaseException | None:
    """What leaves the block when its body raises; optionally with a cancellation under way."""
    caught: BaseException | None = None
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, serve)
        with scope or trio.CancelScope():
            try:
                async with open_transport(
                    "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
                ):
                    if scope is not None:
                        scope.cancel()
                    raise error
            except BaseException as leaving:
                caught = leaving
        assert server.streams[0].closed
    return caught


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        ValueError("mine"),
        ExceptionGroup("mine", [ValueError("a"), TypeError("b")]),
        KeyboardInterrupt(),
        trio.ClosedResourceError("mine"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_exception_of_the_body_leaves_as_the_same_object(
    kind: TransportKind, error: BaseException, cancelled: bool
) -> None:
    """Also while a cancellation is under way; with its own context, cause and notes."""
    error.__context__ = None
    scope = trio.CancelScope() if cancelled else None
    assert await open_and_raise(kind, error, scope) is error
    assert error.__context__ is None
    assert error.__cause__ is None
    assert sys.exc_info() == (None, None, None)


async def test_cancelling_the_body_is_absorbed_by_the_scope_that_was_cancelled(
    kind: TransportKind,
) -> None:
    """No Cancelled of the transport's own nursery escapes, and none of the caller's is lost."""
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, serve)
        with trio.CancelScope() as outer:
            with trio.CancelScope() as inner:
                async with open_transport(
                    "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
                ) as transport:
                    inner.cancel()
                    while True:
                        await transport.receive()
            assert inner.cancelled_caught
            await trio.lowlevel.checkpoint()
        assert not outer.cancelled_caught
        with pytest.raises(RealtimeSessionClosed):
            await transport.send(["late"])


async def test_a_cancelled_body_says_goodbye_all_the_same(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """To a server that answers at once, and to one that does not for as long as is allowed."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        closes.append((await peer.read()).code)
        assert await peer.at_eof()

    closes: list[int] = []
    async with trio.open_nursery() as nursery:
        for serve_it, seconds in ((serve, 0), (script, 2)):
            server = Scripted(nursery, serve_it)
            start = trio.current_time()
            with trio.CancelScope() as scope:
                async with open_transport(
                    "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
                ):
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
            assert scope.cancelled_caught
            assert trio.current_time() - start == pytest.approx(seconds)
            assert server.streams[0].closed
    assert closes == [1000]


async def test_closing_when_already_cancelled_only_closes_the_stream(kind: TransportKind) -> None:
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, serve)
        async with open_transport(
            "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
        ) as transport:
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.aclose()
            assert scope.cancelled_caught
            assert server.streams[0].closed
            assert list(await transport.receive()) == []
