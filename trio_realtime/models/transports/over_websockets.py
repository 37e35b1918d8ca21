"""The transport over the ``websockets`` library: the ``[fast]`` extra.

`opening` imports it only when it is chosen. The library's sans-I/O protocols shake hands and judge
frames; the stream is driven by `StreamTransport`.
"""

import ssl
from contextlib import AbstractAsyncContextManager

import trio
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from .dialing import connecting, dial
from .opening_handshake import no_websocket, read_answer
from .scope import transport_scope
from .stream_transport import StreamTransport
from .target import Target
from .tasks import Helpers
from .text_transport import StreamFactory, TextTransport, TransportSettings
from .websockets_codec import LOGGER, WebsocketsCodec


def open_websockets(
    target: Target,
    *,
    settings: TransportSettings,
    ssl_context: ssl.SSLContext | None,
    stream_factory: StreamFactory | None,
) -> AbstractAsyncContextManager[TextTransport]:
    """Open the transport as a context manager; see `opening.open_transport`."""

    async def connect(helpers: Helpers) -> TextTransport:
        with connecting(target, settings.handshake_timeout):
            stream = await dial(target, ssl_context=ssl_context, stream_factory=stream_factory)
            try:
                early = await _upgrade(stream, target)
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
        codec = WebsocketsCodec(settings.max_message_size)
        transport = StreamTransport(helpers, stream, codec, settings)
        transport.take_early(early)
        return transport

    return transport_scope(connect)


async def _upgrade(stream: trio.abc.Stream, target: Target) -> bytes:
    """Do the opening handshake; return what arrived after it in the same read."""
    protocol = ClientProtocol(parse_uri(target.url), logger=LOGGER)
    request = protocol.connect()
    for name, value in target.headers:
        request.headers[name] = value
    protocol.send_request(request)
    await stream.send_all(b"".join(protocol.data_to_send()))
    head, rest = await read_answer(stream, target)
    protocol.receive_data(head)
    if protocol.state is not State.OPEN:
        raise no_websocket(target) from protocol.handshake_exc
    return rest
