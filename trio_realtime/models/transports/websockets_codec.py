"""Frames through the sans-I/O protocol of the ``websockets`` library. Pure; see `FrameCodec`."""

import logging
from collections.abc import Sequence
from typing import Final

from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from .endings import Ending
from .frame_codec import FrameCodec, encode_text

try:
    from websockets.speedups import apply_mask
except ImportError:  # a build of websockets without its C extension
    from websockets.utils import apply_mask

LOGGER: Final = logging.Logger("websockets")  # noqa: LOG001 - not to be found by name
"""What the library logs to. It cannot be switched on, as its lines hold API keys and speech."""
LOGGER.disabled = True


class WebsocketsCodec(FrameCodec):
    """See `FrameCodec`."""

    def __init__(self, max_message_size: int) -> None:
        super().__init__(max_message_size)
        # A protocol without the handshake's requests and headers, of which there may be thousands.
        self._protocol = Protocol(
            Side.CLIENT, state=State.OPEN, max_size=max_message_size, logger=LOGGER
        )
        self._fragments = bytearray()
        self._fragments_are_text: bool = False

    def _parse(self, frame: bytes, messages: list[bytes]) -> None:
        protocol = self._protocol
        closing = protocol.close_sent is not None
        protocol.receive_data(frame)
        for event in protocol.events_received():
            assert isinstance(event, Frame)  # requests and responses come before the first frame
            if event.opcode is Opcode.PONG:
                self.pongs.append(bytes(event.data))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._fragment(event, messages)
        if protocol.close_rcvd is not None:
            close = protocol.close_rcvd
            ending = Ending(by="server", code=int(close.code), reason=close.reason)
            self._end(ending, close_answered=closing)
        elif isinstance(protocol.parser_exc, PayloadTooBig):  # the sum of its fragments
            self.fail_too_big()
        elif protocol.parser_exc is not None:
            told = protocol.close_sent
            code = CloseCode.PROTOCOL_ERROR if told is None else told.code
            self._end(Ending(by="fault", code=int(code), cause=protocol.parser_exc))

    def _fragment(self, frame: Frame, messages: list[bytes]) -> None:
        if not self._in_message:
            self._fragments_are_text = frame.opcode is Opcode.TEXT
        self._fragments += frame.data
        self._in_message = not frame.fin
        if frame.fin:
            payload = bytes(self._fragments)
            self._fragments.clear()
            if self._fragments_are_text:
                self._text(payload, messages)
            else:
                messages.append(payload)

    def _encode_fault(self, code: int, reason: str) -> None:
        if self._protocol.close_sent is None:
            self._protocol.fail(code, reason)

    def take_replies(self) -> bytes:
        """See `FrameCodec.take_replies`."""
        return b"".join(self._protocol.data_to_send())

    def encode_text(self, messages: Sequence[str | bytes]) -> bytes:
        """See `FrameCodec.encode_text`."""
        return encode_text(messages, apply_mask)

    def encode_ping(self, payload: bytes) -> bytes:
        """See `FrameCodec.encode_ping`."""
        self._protocol.send_ping(payload)
        return self.take_replies()

    def encode_close(self, code: int, reason: str) -> bytes:
        """See `FrameCodec.encode_close`."""
        self._protocol.send_close(code, reason)
        return self.take_replies()
