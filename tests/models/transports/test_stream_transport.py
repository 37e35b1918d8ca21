"""How `StreamTransport` drives a stream: reading never waits for writing, whichever the library."""

import pytest
import trio
import trio.testing
from support_transports import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Peer,
    Received,
    Scripted,
    close_frame,
    each_kind,
    frame,
    receive_all,
    scripted,
    text,
)

from trio_realtime.errors import RealtimeConnectionClosed
from trio_realtime.models.transports import TextTransport, TransportKind, open_transport

pytestmark = each_kind


async def test_messages_of_one_send_leave_in_one_write(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.finish()

    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, script)
        async with open_transport(
            "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
        ) as transport:
            before = server.streams[0].writes
            await transport.send(["one", "two", "three"])
            assert server.streams[0].writes == before + 1


async def test_reading_goes_on_while_a_pong_cannot_be_written(kind: TransportKind) -> None:
    """The server blocks until it is read, and reads nothing itself: neither side may wait."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(PING, b"p"))
        await peer.send(text("one"))
        await peer.send(text("two"))
        frames.append(await peer.read())
        await peer.finish()

    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport:
        assert list(await transport.receive()) == [b"one"]
        assert list(await transport.receive()) == [b"two"]
    assert [(f.opcode, f.payload) for f in frames] == [(PONG, b"p")]


async def test_messages_are_received_while_a_send_and_a_pong_cannot_be_written(
    kind: TransportKind,
) -> None:
    """The line towards the server stands still: what the server says is heard all the same."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await stalled.wait()
        await peer.send(frame(PING, b"p"))
        await peer.send(text("the user speaks"))
        await heard.wait()
        frames.extend([await peer.read(), await peer.read()])
        await peer.finish()

    stalled, heard = trio.Event(), trio.Event()
    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(transport.send, ["x" * 5000])
        await trio.testing.wait_all_tasks_blocked()
        stalled.set()
        assert list(await transport.receive()) == [b"the user speaks"]
        heard.set()
    assert [f.opcode for f in frames] == [TEXT, PONG]


async def test_of_a_flood_of_pings_the_latest_is_answered(kind: TransportKind) -> None:
    """While nothing can be written, answers kept are bounded."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        for number in range(1000):
            await peer.send(frame(PING, b"%0100d" % number))
        await peer.send(text("flooded"))
        while not frames or int(frames[-1].payload) < 999:
            frames.append(await peer.read())
        await peer.finish()

    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport:
        assert list(await transport.receive()) == [b"flooded"]
    assert len(frames) < 100
    assert {f.opcode for f in frames} == {PONG}


async def test_a_send_waits_for_control_frames_that_are_being_written(kind: TransportKind) -> None:
    """And gives up when the connection is closed meanwhile."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(PING, b"p"))
        await go_on.wait()
        while not frames or frames[-1].opcode != CLOSE:
            frames.append(await peer.read())
        await peer.stream.aclose()

    go_on = trio.Event()
    pair = trio.testing.lockstep_stream_pair
    async with (
        scripted(script, kind, pair=pair) as transport,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(receive_all, transport)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(transport.send, ["x"])
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose()
    assert [f.opcode for f in frames] == [PONG, TEXT, CLOSE]


async def test_an_answer_to_a_close_that_cannot_be_written_is_given_up(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """The server has closed and ended its stream, but reads nothing; a send waits in vain too."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(PING, b"p"))
        await go_on.wait()
        await peer.send(close_frame(1000))
        assert isinstance(peer.stream, trio.StapledStream)
        await peer.stream.send_stream.aclose()

    go_on = trio.Event()

    async def send(transport: TextTransport) -> None:
        with pytest.raises(RealtimeConnectionClosed):
            await transport.send(["in vain"])

    pair = trio.testing.lockstep_stream_pair
    async with (
        scripted(script, kind, pair=pair) as transport,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(receive_all, transport)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(send, transport)
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose()
        assert trio.current_time() == pytest.approx(2)


async def test_receive_checkpoints_also_when_messages_wait(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=text("early"))
        await peer.finish()

    async with scripted(script, kind) as transport:
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.receive()
        assert scope.cancelled_caught
        with trio.testing.assert_checkpoints():
            assert list(await transport.receive()) == [b"early"]
