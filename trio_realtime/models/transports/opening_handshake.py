"""The server's answer to the opening handshake: read with bounds, and told when it is a refusal.

Both transports read the answer through this module, up to its end and not one byte further, and
give it to their library only if it has status 101. A refusal is read here, because the libraries
lose its status when its body is long, has no end, or is cut off.
"""

from typing import Final

import h11
import trio

from trio_realtime.errors import RealtimeConnectionError, RealtimeHandshakeError

from .target import Target
from .text_transport import READ_SIZE

MAX_HEAD: Final = 128 * 1024
"""Bytes of response headers taken before the handshake counts as failed."""

MAX_BODY: Final = 8192
"""Bytes of a refusing response's body that are read and kept for the error."""

BODY_TIMEOUT: Final = 1.0
"""Seconds that a refusing response's body is waited for; what has come by then is kept."""

_TLS_ALERT: Final = 0x15
"""First byte of what a TLS server answers to anything but TLS (RFC 8446, section 5.1)."""

_END_OF_HEAD: Final = b"\r\n\r\n"


async def read_answer(stream: trio.abc.Stream, target: Target) -> tuple[bytes, bytes]:
    """Read the head of a response with status 101; return it, and what arrived after it.

    Raises:
        RealtimeHandshakeError: the response has another status.
        RealtimeConnectionError: what the server sent is no HTTP response.
        trio.BrokenResourceError: the connection broke.
    """
    received = bytearray()
    while (end := received.find(_END_OF_HEAD)) < 0:
        data = await stream.receive_some(READ_SIZE)
        if not data or len(received) > MAX_HEAD:
            raise no_http(target, bytes(received))
        received += data
        if received[0] == _TLS_ALERT:
            raise no_http(target, bytes(received))
    head, rest = bytes(received[: end + 4]), bytes(received[end + 4 :])
    if head.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 101\r\n")):
        return head, rest
    raise await _refusal(stream, target, bytes(received))


def no_http(target: Target, received: bytes) -> RealtimeConnectionError:
    """What to raise when the server's answer is no HTTP response."""
    text = f"{target.address} did not answer the WebSocket handshake with an HTTP response"
    if received[:1] == bytes((_TLS_ALERT,)):
        text += " but in TLS; is the URL to begin with wss:// in place of ws://?"
    return RealtimeConnectionError(text)


def no_websocket(target: Target) -> RealtimeConnectionError:
    """What to raise when the response has status 101 and is wrong all the same."""
    return RealtimeConnectionError(
        f"{target.address} did not answer the WebSocket handshake as RFC 6455 asks"
    )


async def _refusal(
    stream: trio.abc.Stream, target: Target, received: bytes
) -> RealtimeConnectionError:
    """The error for a response whose head, and maybe more, was received."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    # The reader must know of a request to read its response; this one is not sent.
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", target.host_header)]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(received)
    try:
        response = reader.next_event()
        while isinstance(response, h11.InformationalResponse):
            response = reader.next_event()
    except h11.RemoteProtocolError as error:
        failure = no_http(target, received)
        failure.__cause__ = error
        return failure
    if not isinstance(response, h11.Response):
        return no_http(target, received)
    body = bytearray()
    with trio.move_on_after(BODY_TIMEOUT):
        await _read_body(stream, reader, body)
    return refused(target, response, bytes(body[:MAX_BODY]))


async def _read_body(stream: trio.abc.Stream, reader: h11.Connection, body: bytearray) -> None:
    """Read into ``body`` until its end, the end of the connection, or `MAX_BODY` bytes."""
    try:
        while len(body) < MAX_BODY:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                reader.receive_data(bytes(await stream.receive_some(READ_SIZE)))
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                return
    except (h11.RemoteProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
        return  # cut off, or badly framed: the status and what has come of the body are enough


def refused(target: Target, response: h11.Response, body: bytes) -> RealtimeHandshakeError:
    """What to raise for a response that is not 101. Its body may quote a key: it is not shown."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in response.headers:  # h11 has made the names lower-case
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return RealtimeHandshakeError(
        f"{target.address} refused the WebSocket with HTTP status {response.status_code}",
        status=response.status_code,
        headers=joined,
        body=body,
    )
