"""Writes that wait for nothing, over real sockets: what the operating system takes leaves at once.

The tests of `StreamTransport` over memory streams say what happens where a stream cannot do that.
"""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from support_transports import CLOSE, PING, PONG, TEXT, Peer, Received, each_kind, frame, text

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import RealtimeConnectionClosed
from trio_realtime.models.events import RealtimeModelEvent
from trio_realtime.models.inputs import RealtimeModelSendAudio, RealtimeModelSendRawMessage
from trio_realtime.models.interface import RealtimeConnection
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.models.transports import TextTransport, TransportKind, open_transport
from trio_realtime.models.transports.tcp_stream import PatientStream

Script = Callable[[Peer], Awaitable[None]]

MUCH = 4_000_000
"""Bytes that no socket takes without being read."""

TAKEN = text('{"type":"session.updated","session":{}}')
RESPONSE = text('{"type":"response.created","response":{"id":"resp","object":"realtime.response"}}')
AUDIO = text(
    '{"type":"response.output_audio.delta","response_id":"resp","item_id":"item",'
    '"content_index":0,"delta":"' + "AAAA" * 1600 + '"}'
)
SPEECH = text('{"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":0}')


def patient_pair() -> tuple[PatientStream, trio.SocketStream]:
    """A connection as the library makes its own, and the server's end."""
    one, other = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair()
    )
    return PatientStream(one), other


class Server:
    """Plays a script on the other end of a socket."""

    def __init__(self, nursery: trio.Nursery, script: Script) -> None:
        self.end: trio.SocketStream
        self._nursery = nursery
        self._script = script

    async def dial(self, host: str, port: int) -> trio.abc.Stream:
        del host, port
        await trio.lowlevel.checkpoint()
        ours, self.end = patient_pair()
        self._nursery.start_soon(self._script, Peer(self.end))
        return ours

    def arrived(self) -> int:
        """How many bytes wait to be read at the server's end, without waiting for any."""
        try:
            plain = socket.fromfd(self.end.socket.fileno(), socket.AF_UNIX, socket.SOCK_STREAM)
            with plain:
                return len(plain.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return 0


@asynccontextmanager
async def transport_to(
    script: Script, kind: TransportKind
) -> AsyncGenerator[tuple[TextTransport, Server]]:
    async with trio.open_nursery() as nursery:
        server = Server(nursery, script)
        async with open_transport(
            "ws://server.test/", headers={}, stream_factory=server.dial, kind=kind
        ) as transport:
            yield transport, server


@asynccontextmanager
async def connection_to(
    script: Script, kind: TransportKind
) -> AsyncGenerator[tuple[RealtimeConnection, Server]]:
    async with trio.open_nursery() as nursery:
        server = Server(nursery, script)
        model = OpenAIRealtimeWebSocketModel(stream_factory=server.dial, transport=kind)
        config = RealtimeModelConfig(api_key="k", url="ws://server.test/")
        async with model.connect(config) as connection:
            yield connection, server


async def accept_and_finish(peer: Peer) -> None:
    await peer.accept()
    await peer.finish()


# The transport


@each_kind
async def test_a_message_has_left_when_the_call_returns(kind: TransportKind) -> None:
    async with transport_to(accept_and_finish, kind) as (transport, server):
        await trio.testing.wait_all_tasks_blocked()
        assert transport.can_send_nowait
        transport.send_nowait(["one", "two"])
        assert server.arrived() == 2 * (6 + len("one"))


@each_kind
async def test_what_the_system_does_not_take_is_sent_in_the_background_and_in_order(
    kind: TransportKind,
) -> None:
    """Meanwhile a send waits, a ping is answered after it, and reading goes on."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await stuck.wait()
        await peer.send(frame(PING, b"p") + text("heard"))
        await heard.wait()
        while not frames or frames[-1].opcode != CLOSE:
            frames.append(await peer.read())
        await peer.send(frame(CLOSE, frames[-1].payload))
        await peer.stream.aclose()

    stuck, heard = trio.Event(), trio.Event()
    async with transport_to(script, kind) as (transport, _), trio.open_nursery() as nursery:
        transport.send_nowait(["x" * MUCH])
        assert not transport.can_send_nowait
        nursery.start_soon(transport.send, ["after it"])
        await trio.testing.wait_all_tasks_blocked()
        stuck.set()
        assert list(await transport.receive()) == [b"heard"]
        heard.set()
    assert [each.opcode for each in frames] == [TEXT, PONG, TEXT, CLOSE]
    assert [len(frames[0].payload), frames[2].payload] == [MUCH, b"after it"]


@each_kind
async def test_a_ping_is_answered_without_another_task(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(PING, b"p") + text("after the ping"))
        await looked.wait()
        await peer.finish()

    looked = trio.Event()
    async with transport_to(script, kind) as (transport, server):
        assert list(await transport.receive()) == [b"after the ping"]
        assert server.arrived() == 6 + len("p")
        looked.set()


@each_kind
async def test_a_connection_that_broke_is_reported_by_the_next_send(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.stream.aclose()

    async with transport_to(script, kind) as (transport, _):
        await trio.testing.wait_all_tasks_blocked()
        transport.send_nowait(["in vain"])
        await trio.testing.wait_all_tasks_blocked()
        assert not transport.can_send_nowait
        with pytest.raises(RealtimeConnectionClosed):
            await transport.send(["in vain too"])


@each_kind
async def test_after_a_large_read_others_have_their_turn_before_the_next(
    kind: TransportKind,
) -> None:
    """A task that the first batch wakes has run when the second is read, though both are there."""
    order: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("x" * 20_000) * 6)
        await peer.finish()

    async def application() -> None:
        await woken.wait()
        order.append("application")

    woken = trio.Event()
    async with transport_to(script, kind) as (transport, _), trio.open_nursery() as nursery:
        nursery.start_soon(application)
        await trio.testing.wait_all_tasks_blocked()
        received = len(await transport.receive())
        order.append("first batch")
        woken.set()
        while received < 6:
            received += len(await transport.receive())
            order.append("batch")
    assert order[:2] == ["first batch", "application"]
    assert "batch" in order


# The connection


@each_kind
async def test_what_is_sent_has_left_when_send_returns(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=TAKEN)
        await peer.read()
        settled.set()
        await looked.wait()
        await peer.finish()

    settled, looked = trio.Event(), trio.Event()
    async with connection_to(script, kind) as (connection, server):
        await settled.wait()
        await trio.sleep(0.01)  # longer than frames are gathered after the opening one
        await connection.send(RealtimeModelSendAudio(audio=bytes(300)))
        assert server.arrived() > 300
        looked.set()


@each_kind
async def test_frames_sent_in_quick_succession_share_writes_and_keep_their_order(
    kind: TransportKind,
) -> None:
    numbers: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.accept(then=TAKEN)
        await peer.read()
        while (received := await peer.read()).opcode == TEXT:
            numbers.append(received.payload.decode().split('"n":')[1].rstrip("}"))
        await peer.send(frame(CLOSE, received.payload))
        await peer.stream.aclose()

    async with connection_to(script, kind) as (connection, _):
        for number in range(200):
            message = {"type": "a.test", "n": number}
            await connection.send(RealtimeModelSendRawMessage(message=message))
    assert numbers == [str(number) for number in range(200)]


@each_kind
async def test_the_truncation_has_left_when_the_application_hears_of_the_interruption(
    kind: TransportKind,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=TAKEN)
        await peer.read()
        await peer.send(RESPONSE + AUDIO)
        await played.wait()
        await peer.send(SPEECH)
        await speech_heard.wait()
        await peer.finish()

    played, speech_heard = trio.Event(), trio.Event()
    left: list[int] = []

    def handle(event: RealtimeModelEvent) -> None:
        if event.type == "audio":
            connection.audio_delivered(event.item_id, event.content_index, len(event.data))
            played.set()
        elif event.type == "speech_started":
            left.append(server.arrived())
            speech_heard.set()

    async with connection_to(script, kind) as (connection, server), trio.open_nursery() as nursery:
        nursery.start_soon(connection.deliver, handle)
        await speech_heard.wait()
        nursery.cancel_scope.cancel()
    assert left[0] > 0
