"""The server's side of a WebSocket (RFC 6455), as much of it as the benchmarks' servers need.

Pure functions on bytes: `server` and `pacer` do the input and output.
"""

import base64
import hashlib
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
TEXT, CLOSE, PING = 1, 8, 9
"""Opcodes; the servers ignore the others."""
BULKY = 4_096
"""Bytes from which a client's frame counts as audio. A server decodes one such frame of each
connection and checks it, and only counts the others, to be cheap."""


class Request(NamedTuple):
    """What a client's opening handshake asks for."""

    path: str
    numbers: dict[str, int]
    """The query's numeric values."""
    answer: bytes
    """The response that accepts it."""


def accepted(head: bytes) -> Request:
    """Read an HTTP request (without the empty line at its end), and accept it."""
    request, *fields = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (field.partition(":") for field in fields)}
    digest = hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()
    url = urlsplit(request.split()[1])
    return Request(
        path=url.path.strip("/"),
        numbers={name: int(text) for name, text in parse_qsl(url.query) if text.isdecimal()},
        answer=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n",
    )


class Frame(NamedTuple):
    """Where a client's frame is in a buffer."""

    opcode: int
    mask_at: int
    """Its mask; the payload begins four bytes later."""
    end: int

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return self.end - self.mask_at - 4


def frame_at(data: bytes | bytearray, start: int) -> Frame | None:
    """The frame that begins at ``start``; ``None`` while a part of it is missing."""
    if len(data) < start + 6:
        return None
    short = data[start + 1] & 0x7F
    extra = 0 if short < 126 else 2 if short == 126 else 8
    mask_at = start + 2 + extra
    size = int.from_bytes(data[start + 2 : mask_at], "big") if extra else short
    end = mask_at + 4 + size
    return Frame(data[start] & 0x0F, mask_at, end) if len(data) >= end else None


def payload_of(data: bytes | bytearray, frame: Frame) -> bytes:
    """The payload as it was before the client masked it."""
    begin = frame.mask_at + 4
    size = frame.end - begin
    key = (data[frame.mask_at : begin] * (size // 4 + 1))[:size]
    masked = int.from_bytes(data[begin : frame.end], "big")
    return (masked ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def control_answer(opcode: int, payload: bytes) -> bytes | None:
    """The frame that answers a ping or a close; ``None`` for other opcodes."""
    answers = {CLOSE: 0x88, PING: 0x8A}
    return bytes([answers[opcode], len(payload)]) + payload if opcode in answers else None
