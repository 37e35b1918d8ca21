"""Frames through ``wsproto``, the sans-I/O library below trio-websocket. Pure; see `FrameCodec`."""

from collections.abc import Sequence
from typing import Final

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from .endings import Ending
from .frame_codec import FrameCodec, encode_text


class WsprotoCodec(FrameCodec):
    """See `FrameCodec`."""

    def __init__(self, max_message_size: int) -> None:
        super().__init__(max_message_size)
        self._connection = Connection(ConnectionType.CLIENT)
        self._replies = bytearray()
        self._fragments = bytearray()

    def _parse(self, frame: bytes, messages: list[bytes]) -> None:
        connection = self._connection
        connection.receive_data(frame)
        for event in connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                self._fragment(event, messages)
            elif isinstance(event, Ping):
                if connection.state is ConnectionState.OPEN:  # no pong follows our close frame
                    self._replies += connection.send(event.response())
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self._closed(event)

    def _fragment(self, event: TextMessage | BytesMessage, messages: list[bytes]) -> None:
        self._in_message = not event.message_finished
        self._fragments += event.data.encode() if isinstance(event, TextMessage) else event.data
        if len(self._fragments) > self._max_size:
            self.fail_too_big()
        elif event.message_finished:
            messages.append(bytes(self._fragments))
            self._fragments.clear()

    def _closed(self, event: CloseConnection) -> None:
        """A close frame of the server, or a rule that it broke, which is told the same way."""
        state = self._connection.state
        code, reason = int(event.code), event.reason or ""
        if state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self.fail(code, reason)
            return
        ending = Ending(by="server", code=code, reason=reason)
        self._end(ending, close_answered=state is ConnectionState.CLOSED)
        if state is ConnectionState.REMOTE_CLOSING:
            self._replies += self._connection.send(event.response())

    def _encode_fault(self, code: int, reason: str) -> None:
        if self._connection.state is ConnectionState.OPEN:
            self._replies += self._connection.send(CloseConnection(code=code, reason=reason))

    def take_replies(self) -> bytes:
        """See `FrameCodec.take_replies`."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def encode_text(self, messages: Sequence[str | bytes]) -> bytes:
        """See `FrameCodec.encode_text`."""
        return encode_text(messages, apply_mask)

    def encode_ping(self, payload: bytes) -> bytes:
        """See `FrameCodec.encode_ping`."""
        return self._connection.send(Ping(payload=payload))

    def encode_close(self, code: int, reason: str) -> bytes:
        """See `FrameCodec.encode_close`."""
        return self._connection.send(CloseConnection(code=code, reason=reason))


_EXCLUSIVE_OR: Final = [bytes(one ^ other for one in range(256)) for other in range(256)]
"""For each byte of a mask, the table that `bytes.translate` combines a payload's bytes with."""


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Combine a payload with a mask of four bytes, repeated."""
    masked = bytearray(payload)
    for offset, byte in enumerate(mask):
        masked[offset::4] = masked[offset::4].translate(_EXCLUSIVE_OR[byte])
    return bytes(masked)
