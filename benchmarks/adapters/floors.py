"""Floors: the least a client can do over each WebSocket library and still have the audio.

No history, no turns, no tools, no bounds, no errors: decode each frame once, hand on the audio, see
the end of the response. What a library costs above its floor is the price of what it does.
"""

import binascii
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, Union

import msgspec
import trio

from .. import wire
from . import Adapter, Client, OnAudio, loops

MESSAGE = (
    b'{"type":"conversation.item.create","item":{"type":"message","role":"user","content":'
    b'[{"type":"input_text","text":"hello"}]}}'
)
CREATE = b'{"type":"response.create"}'
MAX_MESSAGE = 16 * 1024 * 1024


class AudioDelta(msgspec.Struct, tag="response.output_audio.delta"):
    """The decoder turns base64 into bytes as it goes."""

    delta: bytes


class TranscriptDelta(msgspec.Struct, tag="response.output_audio_transcript.delta"):
    """A word."""

    delta: str


class ResponseDone(msgspec.Struct, tag="response.done"):
    """The end of a response."""


_SPOKEN_FOR = {AudioDelta, TranscriptDelta, ResponseDone}
_tags = {str(each["type"]) for each in wire.one_of_each()}
_tags -= {str(known.__struct_config__.tag) for known in _SPOKEN_FOR}
_others = [msgspec.defstruct("Other", [], tag=tag) for tag in sorted(_tags)]
_any_event: Any = Union[(*_SPOKEN_FOR, *_others)]
_decode = msgspec.json.Decoder(_any_event).decode

Frame: TypeAlias = bytes | bytearray | memoryview | str


class FloorClient(ABC):
    """A client without a library."""

    @abstractmethod
    async def send(self, text: bytes) -> None:
        """Send one text frame."""

    @abstractmethod
    async def receive(self) -> Iterable[Frame]:
        """The text frames that have arrived; at least one."""

    async def send_message(self, text: str) -> None:  # noqa: ARG002 - always the same one
        """See `Client.send_message`."""
        await self.send(MESSAGE)
        await self.send(CREATE)

    async def send_audio(self, pcm: bytes) -> None:
        """See `Client.send_audio`."""
        audio = binascii.b2a_base64(pcm, newline=False)
        await self.send(b'{"type":"input_audio_buffer.append","audio":"%b"}' % audio)

    async def consume(self, on_audio: OnAudio, responses: int) -> None:
        """See `Client.consume`."""
        while responses:
            for frame in await self.receive():
                event = _decode(frame)
                if type(event) is AudioDelta:
                    on_audio(event.delta)
                elif type(event) is ResponseDone:
                    responses -= 1


def trio_websocket() -> Adapter:
    """trio-websocket as it is fastest: reads as large as they come, a deep queue."""
    from trio_websocket import WebSocketConnection, open_websocket_url

    tls = ssl.create_default_context()

    class TrioWebSocketClient(FloorClient):
        def __init__(self, socket: WebSocketConnection) -> None:
            self._socket = socket

        async def send(self, text: bytes) -> None:
            await self._socket.send_message(text.decode())  # bytes would be a binary frame

        async def receive(self) -> Iterable[Frame]:
            return (await self._socket.get_message(),)

    @asynccontextmanager
    async def connect(url: str, *, tools: bool = False) -> AsyncIterator[Client]:
        assert not tools
        async with open_websocket_url(
            url,
            ssl_context=tls if url.startswith("wss:") else None,
            receive_buffer_size=None,
            message_queue_size=64,
            max_message_size=MAX_MESSAGE,
        ) as socket:
            yield TrioWebSocketClient(socket)

    return Adapter(connect=connect, loop=loops.on_trio())


def websockets() -> Adapter:
    """The protocol of websockets, which does no I/O, on a stream of Trio; no task of its own."""
    from websockets.client import ClientProtocol
    from websockets.frames import Frame as WebSocketFrame
    from websockets.frames import Opcode
    from websockets.uri import parse_uri

    tls = ssl.create_default_context()

    class WebsocketsClient(FloorClient):
        def __init__(self, stream: trio.abc.Stream, protocol: ClientProtocol) -> None:
            self._stream = stream
            self._protocol = protocol
            self._early: deque[bytes] = deque()

        async def send(self, text: bytes) -> None:
            self._protocol.send_text(text)
            await self._flush()

        async def _flush(self) -> None:
            for data in self._protocol.data_to_send():
                await self._stream.send_all(data)

        async def receive(self) -> Iterable[Frame]:
            while True:
                if self._early:
                    return (self._early.popleft(),)
                self._protocol.receive_data(await self._stream.receive_some())
                await self._flush()  # pongs
                return [
                    event.data
                    for event in self._protocol.events_received()
                    if isinstance(event, WebSocketFrame) and event.opcode is Opcode.TEXT
                ]

        async def shake_hands(self) -> None:
            self._protocol.send_request(self._protocol.connect())
            await self._flush()
            answered = False
            while not answered:
                self._protocol.receive_data(await self._stream.receive_some())
                for event in self._protocol.events_received():
                    answered = True
                    if isinstance(event, WebSocketFrame):
                        self._early.append(bytes(event.data))
            if self._protocol.handshake_exc is not None:
                raise self._protocol.handshake_exc

    @asynccontextmanager
    async def connect(url: str, *, tools: bool = False) -> AsyncIterator[Client]:
        assert not tools
        where = parse_uri(url)
        protocol = ClientProtocol(where, max_size=MAX_MESSAGE)
        tcp = await trio.open_tcp_stream(where.host, where.port)
        secure = trio.SSLStream(tcp, tls, server_hostname=where.host, https_compatible=True)
        async with secure if where.secure else tcp as stream:
            client = WebsocketsClient(stream, protocol)
            await client.shake_hands()
            yield client

    return Adapter(connect=connect, loop=loops.on_trio())
