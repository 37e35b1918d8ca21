"""WebSocket frames of a client, as bytes in and out. Pure.

`StreamTransport` feeds a codec what it reads and writes what it encodes. Whole text messages in one
frame, which is nearly all that a Realtime server sends, are cut out here, and text frames are built
here, for a fraction of what the general path of a WebSocket library costs. Every other frame, and
every frame that breaks a rule, goes to the sans-I/O protocol of a library: `websockets_codec` and
`wsproto_codec` are the two subclasses. The library's parser therefore always stands at a frame
boundary. Frame layout: RFC 6455, section 5.2.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from .endings import Ending, too_big

_WHOLE_TEXT: Final = 0x81
"""First byte of a text frame with FIN set and no reserved bit."""

Mask = Callable[[bytes, bytes], bytes]
"""Combines a payload with a mask of four bytes, repeated (RFC 6455, section 5.3)."""


def encode_text(messages: Sequence[str | bytes], apply_mask: Mask) -> bytes:
    """One masked, unfragmented text frame per message, each with a mask of its own."""
    masks = os.urandom(4 * len(messages))
    pieces: list[bytes] = []
    for index, message in enumerate(messages):
        payload = message.encode() if isinstance(message, str) else message
        length = len(payload)
        if length < 126:
            pieces.append(bytes((_WHOLE_TEXT, 0x80 | length)))
        elif length < 65_536:
            pieces.append(b"\x81\xfe" + length.to_bytes(2, "big"))
        else:
            pieces.append(b"\x81\xff" + length.to_bytes(8, "big"))
        mask = masks[4 * index : 4 * index + 4]
        pieces.append(mask)
        pieces.append(apply_mask(payload, mask))
    return b"".join(pieces)


class FrameCodec(ABC):
    """One connection's frames, from the end of the opening handshake on.

    After a `feed`, ``eventful`` says that something other than whole text messages arrived: there
    may be payloads of pongs in ``pongs``, answers to be written in `take_replies`, and ``ending``
    is set if a close frame arrived or the server broke a rule. Nothing is read after that.
    """

    def __init__(self, max_message_size: int) -> None:
        self.eventful: bool = False
        self.pongs: list[bytes] = []
        """Payloads of received pongs; whoever handles them clears the list."""
        self.ending: Ending | None = None
        self.close_answered: bool = False
        """Whether the server's close frame arrived after ours was encoded."""
        self._max_size = max_message_size
        self._partial = bytearray()  # the start of a frame that has not arrived in full
        self._needed = 0  # how long it must become to be worth another look
        self._in_message: bool = False  # between the first and the last fragment of a message

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """Take bytes of any length; return the messages they complete.

        Text is checked to be UTF-8. On a fault of the server the messages before it are returned
        and the rest is dropped.
        """
        self.eventful = False
        messages: list[bytes] = []
        if type(data) is not bytes:
            data = bytes(data)
        position = 0
        while self._partial and self.ending is None:
            missing = self._needed - len(self._partial)
            self._partial += data[position : position + missing]
            position += missing
            if len(self._partial) < self._needed:
                return messages
            begun = bytes(self._partial)
            self._partial.clear()
            self._cut(begun, 0, messages)  # a frame; or its header, which tells how much is missing
        if self.ending is None:
            self._cut(data, position, messages)
        return messages

    def _cut(self, data: bytes, position: int, messages: list[bytes]) -> None:
        """Take the whole frames from ``position`` on, and keep one that has not arrived in full."""
        end = len(data)
        while position < end and self.ending is None:
            start = position + 2
            if start > end:
                self._keep(data, position, start)
                return
            length = data[position + 1]
            if length > 125:
                if length > 127:
                    self.fail(1002, "a frame of the server was masked")
                    return
                start = position + (4 if length == 126 else 10)
                if start > end:
                    self._keep(data, position, start)
                    return
                length = int.from_bytes(data[position + 2 : start], "big")
            if length > self._max_size:  # refused by its header, before it takes memory
                self.fail_too_big()
                return
            stop = start + length
            if stop > end:
                self._keep(data, position, stop)
                return
            if data[position] == _WHOLE_TEXT and not self._in_message:
                self._text(data[start:stop], messages)
            else:
                self.eventful = True
                self._parse(data[position:stop], messages)
            position = stop

    def _end(self, ending: Ending, *, close_answered: bool = False) -> None:
        """The server ended the connection, by its close frame or by a fault."""
        self.ending = ending
        self.close_answered = close_answered

    def _keep(self, data: bytes, position: int, stop: int) -> None:
        self._partial += memoryview(data)[position:]
        self._needed = stop - position

    def _text(self, payload: bytes, messages: list[bytes]) -> None:
        """Append a text message, unless it is not UTF-8."""
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.fail(1007, "text that is not UTF-8")
                return
        messages.append(payload)

    def fail(self, code: int, reason: str, ending: Ending | None = None) -> None:
        """End the connection because of a fault of the server, and have it told why."""
        self.eventful = True
        self.ending = ending or Ending(by="fault", code=code)
        self._partial.clear()
        self._encode_fault(code, reason)

    def fail_too_big(self) -> None:
        """End the connection because a message is above the limit."""
        self.fail(1009, "the message is too big", too_big(self._max_size))

    @abstractmethod
    def _parse(self, frame: bytes, messages: list[bytes]) -> None:
        """Have the library judge one whole frame.

        Appends the message that it completes, if any; keeps ``_in_message``, ``pongs``, ``ending``
        and ``close_answered``.
        """

    @abstractmethod
    def _encode_fault(self, code: int, reason: str) -> None:
        """Put a close frame among the replies, unless one was encoded before."""

    @abstractmethod
    def take_replies(self) -> bytes:
        """The frames that answer what was fed: pongs, and our part of a close."""

    @abstractmethod
    def encode_text(self, messages: Sequence[str | bytes]) -> bytes:
        """The frames of text messages; ``bytes`` are UTF-8."""

    @abstractmethod
    def encode_ping(self, payload: bytes) -> bytes:
        """A ping frame."""

    @abstractmethod
    def encode_close(self, code: int, reason: str) -> bytes:
        """Our close frame, which begins the closing handshake. Only once, and with no ``ending``"""
