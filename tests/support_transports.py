"""Scripted WebSocket servers over memory streams, for the tests of the transports.

The frames are built and read by hand here, so that tests can say exactly which bytes arrive when,
also bytes no library would send.
"""

import base64
import hashlib
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import pytest
import trio
import trio.testing

from trio_realtime.models.transports import (
    TextTransport,
    TransportKind,
    TransportSettings,
    open_transport,
)

KINDS: Final[tuple[TransportKind, ...]] = ("trio-websocket", "websockets")
each_kind = pytest.mark.parametrize("kind", KINDS)

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, first_bits: int = 0) -> bytes:
    """One frame as a server sends it: unmasked."""
    first = opcode | (0x80 if fin else 0) | first_bits
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", first, length)
    elif length < 65_536:
        head = struct.pack("!BBH", first, 126, length)
    else:
        head = struct.pack("!BBQ", first, 127, length)
    return head + payload


def text(message: str) -> bytes:
    """A whole text message in one frame."""
    return frame(TEXT, message.encode())


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame with a code."""
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


@attrs.frozen
class Received:
    """A frame as the client sent it, unmasked."""

    opcode: int
    payload: bytes
    masked: bool
    fin: bool

    @property
    def code(self) -> int:
        """The code of a close frame."""
        return int.from_bytes(self.payload[:2], "big")

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.payload[2:].decode()


@attrs.define(eq=False)
class Peer:
    """The server's end of a stream."""

    stream: trio.abc.Stream
    _buffer: bytearray = attrs.field(factory=bytearray)
    request: str = ""
    sent: bytearray = attrs.field(factory=bytearray)
    """Every byte the client sent after its request."""

    async def read_request(self) -> str:
        """Read the client's HTTP request, head only."""
        while b"\r\n\r\n" not in self._buffer:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError
            self._buffer += data
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        self.request = head.decode()
        return self.request

    def header(self, name: str) -> str | None:
        """A header of the request."""
        for line in self.request.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def accept(self, then: bytes = b"") -> None:
        """Answer the handshake, and send more in the same write."""
        await self.read_request()
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        await self.stream.send_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + then
        )

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.stream.send_all(data)

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self.sent += taken
        return taken

    async def read(self) -> Received:
        """Read one frame of the client. Raises EOFError at the end of the stream."""
        first, second = await self._exactly(2)
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(await self._exactly(2 if length == 126 else 8), "big")
        masked = bool(second & 0x80)
        mask = await self._exactly(4) if masked else bytes(4)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(await self._exactly(length)))
        return Received(first & 0x0F, payload, masked, bool(first & 0x80))

    async def read_until_close(self) -> Received:
        """Read frames up to the client's close frame."""
        while True:
            received = await self.read()
            if received.opcode == CLOSE:
                return received

    async def at_eof(self) -> bool:
        """Whether the client has sent all it ever will; waits to know."""
        return not self._buffer and not await self.stream.receive_some()

    async def finish(self) -> Received:
        """Wait for the client's close frame, answer it and end the stream, as good servers do."""
        received = await self.read_until_close()
        await self.send(frame(CLOSE, received.payload))
        await self.stream.aclose()
        return received


@attrs.define(eq=False)
class RecordedStream(trio.abc.Stream):
    """A stream that remembers whether it was closed, and counts its writes."""

    _inner: trio.abc.Stream
    closed: bool = False
    writes: int = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.writes += 1
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self._inner.aclose()


StreamPair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]


@attrs.define(eq=False)
class Scripted:
    """A server of one script: ``dial`` is a stream factory that runs it on the other end."""

    _nursery: trio.Nursery
    _script: Callable[[Peer], Awaitable[None]]
    _pair: StreamPair = trio.testing.memory_stream_pair
    streams: list[RecordedStream] = attrs.field(factory=list[RecordedStream])
    dialled: list[tuple[str, int]] = attrs.field(factory=list[tuple[str, int]])

    async def dial(self, host: str, port: int) -> trio.abc.Stream:
        self.dialled.append((host, port))
        await trio.lowlevel.checkpoint()
        client, server = self._pair()
        self.streams.append(RecordedStream(client))
        self._nursery.start_soon(self._script, Peer(server))
        return self.streams[-1]


@asynccontextmanager
async def scripted(
    script: Callable[[Peer], Awaitable[None]],
    kind: TransportKind,
    *,
    url: str = "ws://server.test/v1/realtime?model=m",
    settings: TransportSettings | None = None,
    pair: StreamPair = trio.testing.memory_stream_pair,
) -> AsyncGenerator[TextTransport]:
    """A transport connected to a script. The script must have finished when the block ends."""
    async with trio.open_nursery() as nursery:
        server = Scripted(nursery, script, pair)
        manager = open_transport(
            url, headers={}, settings=settings, stream_factory=server.dial, kind=kind
        )
        async with manager as transport:
            yield transport
        assert server.streams[0].closed


def as_bytes(messages: "list[str | bytes]") -> list[bytes]:
    """Messages with the text encoded, to compare across transports."""
    return [m.encode() if isinstance(m, str) else m for m in messages]


async def receive_all(transport: TextTransport) -> list[bytes]:
    """Everything up to a clean end."""
    messages: list[str | bytes] = []
    while batch := await transport.receive():
        messages += batch
    return as_bytes(messages)
