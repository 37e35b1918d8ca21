"""WebSocket client transports behind one seam: text frames in, text frames out, close.

``seam`` is the interface and its settings, ``opening`` the door. ``target``, ``endings`` and
``frames`` decide without waiting; ``dialing``, ``proxies``, ``helpers`` and ``lifecycle`` are what
the two implementations share. These are ``trio_websocket_transport``, the default, and
``websockets_transport``.
"""

from .opening import open_transport as open_transport
from .proxies import http_proxy as http_proxy
from .text_transport import StreamFactory as StreamFactory
from .text_transport import TextTransport as TextTransport
from .text_transport import TransportKind as TransportKind
from .text_transport import TransportSettings as TransportSettings
