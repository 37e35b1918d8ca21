"""HTTP proxies: which one the environment asks for, and a CONNECT tunnel through it.

`opening` uses it for both transports, as a `StreamFactory` in place of plain TCP.
"""

import base64
import os
from typing import Final
from urllib.parse import unquote, urlsplit

import trio

from trio_realtime.errors import RealtimeConnectionError, SettingsError

from .dialing import broken_while_connecting, start_tls
from .no_proxy import is_exempt, is_loopback
from .target import Target, bracketed
from .tcp_stream import open_patient_stream
from .text_transport import READ_SIZE, StreamFactory

MAX_HEAD: Final = 64 * 1024
"""Bytes of a proxy's response taken before it counts as nonsense."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def proxy_from_environment(target: Target) -> StreamFactory | None:
    """The tunnel that HTTPS_PROXY (for wss), HTTP_PROXY (for ws) or ALL_PROXY asks for, if any.

    A server on this machine is reached directly, whatever these say, and so are the hosts of
    NO_PROXY; see `no_proxy.is_exempt`. Lower-case names win. Raises SettingsError for a proxy of
    another kind than HTTP.
    """
    if is_loopback(target.host):
        return None
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies_environment

    proxies = getproxies_environment()
    name = "https" if target.secure else "http"
    if name not in proxies:
        name = "all"
    if name not in proxies or is_exempt(target.host, target.port, proxies.get("no", "")):
        return None
    return http_proxy(proxies[name], setting=f"{name.upper()}_PROXY")


def http_proxy(url: str, *, setting: str = "proxy") -> StreamFactory:
    """A stream factory that tunnels through an HTTP proxy.

    ``url`` is ``http://[user:password@]host[:port]``, or ``https://`` for a proxy reached by TLS. A
    user and password are sent as basic authentication. No error shows them.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise SettingsError(f"{setting} has an impossible host or port", path=setting) from None
    if parts.scheme not in _DEFAULT_PORTS:
        kind = "a SOCKS proxy" if parts.scheme.startswith("socks") else "another kind of proxy"
        raise SettingsError(
            f"{setting} names {kind}; only http:// and https:// proxies can be used. For others "
            "dial with a stream_factory, or add the server's host to NO_PROXY",
            path=setting,
        )
    port = port or _DEFAULT_PORTS[parts.scheme]
    if not parts.hostname:
        raise SettingsError(f"{setting} names no host", path=setting)
    host, secure = parts.hostname, parts.scheme == "https"
    proxy = f"the proxy {bracketed(host)}:{port}"
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        encoded = base64.b64encode(pair.encode()).decode()
        authorization = f"Proxy-Authorization: Basic {encoded}\r\n"

    async def connect(to_host: str, to_port: int) -> trio.abc.Stream:
        address = f"{bracketed(to_host)}:{to_port}"
        request = f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{authorization}\r\n"
        stream: trio.abc.Stream
        try:
            stream = await open_patient_stream(host, port)
            if secure:
                stream = await start_tls(stream, host, None)
        except OSError as error:
            raise RealtimeConnectionError(f"could not connect to {proxy}: {error}") from error
        except trio.BrokenResourceError as error:
            raise broken_while_connecting(proxy, error) from (error.__cause__ or error)
        try:
            await stream.send_all(request.encode())
            await _tunnel_opened(stream, proxy, address)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    return connect


async def _tunnel_opened(stream: trio.abc.Stream, proxy: str, address: str) -> None:
    """Read the proxy's answer to CONNECT. Nothing may follow it: the client speaks first."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some(READ_SIZE)
        if not data or len(head) > MAX_HEAD:
            raise RealtimeConnectionError(f"{proxy} did not answer CONNECT with an HTTP response")
        head += data
    status = bytes(head.split(b"\r\n", 1)[0]).split(b" ", 2)
    if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or not status[1].isdigit():
        raise RealtimeConnectionError(f"{proxy} did not answer CONNECT with an HTTP response")
    if status[1][:1] != b"2":
        raise RealtimeConnectionError(
            f"{proxy} refused to connect to {address}: HTTP status {status[1].decode()}"
        )
    if not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") > 1:
        raise RealtimeConnectionError(f"{proxy} sent data before the tunnel was used")
