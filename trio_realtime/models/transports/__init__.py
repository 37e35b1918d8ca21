"""WebSocket client transports behind one interface: text frames in, text frames out, close.

``text_transport`` is the interface and its settings, ``opening`` the door. ``target``, ``endings``,
``frame_codec`` and its two subclasses ``wsproto_codec`` and ``websockets_codec`` decide without
waiting. ``dialing``, ``proxies`` and ``opening_handshake`` connect; ``stream_transport`` drives the
connected stream, with ``scope`` and ``tasks`` for its life. ``over_trio_websocket``, the default,
and ``over_websockets`` are what differs between the two libraries.
"""

from .opening import open_transport as open_transport
from .proxies import http_proxy as http_proxy
from .text_transport import StreamFactory as StreamFactory
from .text_transport import TextTransport as TextTransport
from .text_transport import TransportKind as TransportKind
from .text_transport import TransportSettings as TransportSettings
