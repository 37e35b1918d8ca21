"""Frames of a WebSocket client over the sans-I/O protocol of the ``websockets`` library. Pure.

`websockets_transport` feeds it what it reads and writes what it encodes. Whole text messages in one
frame, which is all a Realtime server sends in practice, are cut out here, and frames of text are
built here, for about a quarter of what the library's general path costs; every other frame, and
every frame that breaks a rule, goes through the library's parser, which therefore always stands
at a frame boundary. Frame layout: RFC 6455, section 5.2.
"""

import os
from collections.abc import Sequence
from typing import Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a build of websockets without its C extension
    from websockets.utils import apply_mask

_WHOLE_TEXT: Final = 0x81
"""First byte of a text frame with FIN set and no reserved bit."""

_PING_PONG: Final = (Opcode.PING, Opcode.PONG)


def encode_text(messages: Sequence[str | bytes]) -> bytes:
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


class FrameReader:
    """Cuts received bytes into messages; the protocol must be open and at a frame boundary.

    After a `feed`, ``eventful`` says that something other than whole text messages arrived: control
    frames may be waiting in ``control``, bytes in ``protocol.data_to_send()``, and ``over`` may
    have become true, by a close frame or by a fault of the server. Nothing is read after that.
    """

    def __init__(self, protocol: Protocol, max_message_size: int) -> None:
        self.protocol = protocol
        self.control: list[Frame] = []
        self.eventful: bool = False
        self.over: bool = False
        self._max_size = max_message_size
        self._partial = bytearray()  # the start of a frame that has not arrived in full
        self._needed = 0  # how long it must become to be worth another look
        self._fragments: bytearray | None = None
        self._fragments_are_text: bool = False

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """Take bytes of any length; return the payloads of the messages they complete.

        Text is checked to be UTF-8. On a fault of the server the messages before it are returned
        and the rest is dropped.
        """
        self.eventful = False
        messages: list[bytes] = []
        if type(data) is not bytes:
            data = bytes(data)
        position = 0
        while self._partial and not self.over:
            missing = self._needed - len(self._partial)
            self._partial += data[position : position + missing]
            position += missing
            if len(self._partial) < self._needed:
                return messages
            begun = bytes(self._partial)
            self._partial.clear()
            self._cut(begun, 0, messages)  # a frame; or its header, which tells how much is missing
        if not self.over:
            self._cut(data, position, messages)
        return messages

    def _cut(self, data: bytes, position: int, messages: list[bytes]) -> None:
        """Take the whole frames from ``position`` on, and keep one that has not arrived in full."""
        end = len(data)
        goes_on = True
        while goes_on and position < end:
            start = position + 2
            if start > end:
                self._keep(data, position, start)
                return
            length = data[position + 1]
            if length > 125:
                if length > 127:  # masked, which only a client's frames are
                    self._parse(data[position:start], messages)
                    return
                start = position + (4 if length == 126 else 10)
                if start > end:
                    self._keep(data, position, start)
                    return
                length = int.from_bytes(data[position + 2 : start], "big")
            if length > self._max_size:  # refused by its header, before it takes memory
                self._parse(data[position:start], messages)
                return
            stop = start + length
            if stop > end:
                self._keep(data, position, stop)
                return
            if data[position] == _WHOLE_TEXT and self._fragments is None:
                goes_on = self._text(data[start:stop], messages)
            else:
                goes_on = self._parse(data[position:stop], messages)
            position = stop

    def _keep(self, data: bytes, position: int, stop: int) -> None:
        self._partial += memoryview(data)[position:]
        self._needed = stop - position

    def _text(self, payload: bytes, messages: list[bytes]) -> bool:
        """Append a message unless it is not UTF-8; whether there is more to read."""
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                # A valid message of its own bytes, hence no matter for the library's parser.
                self.protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
                self.eventful = self.over = True
                return False
        messages.append(payload)
        return True

    def _parse(self, data: bytes, messages: list[bytes]) -> bool:
        """Let the library judge a frame, or the header of one that it will refuse; as `_text`."""
        protocol = self.protocol
        self.eventful = True
        protocol.receive_data(data)
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)  # requests and responses come before the first frame
            if frame.opcode is Opcode.CLOSE or frame.opcode in _PING_PONG:
                self.control.append(frame)
                continue
            if self._fragments is None:
                self._fragments = bytearray()
                self._fragments_are_text = frame.opcode is Opcode.TEXT
            self._fragments += frame.data
            if frame.fin:
                payload = bytes(self._fragments)
                self._fragments = None
                if self._fragments_are_text:
                    self._text(payload, messages)
                else:
                    messages.append(payload)
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self.over = True
        return not self.over
