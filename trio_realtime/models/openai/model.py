"""`OpenAIRealtimeWebSocketModel`: where and how to reach the OpenAI Realtime API."""

import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast
from urllib.parse import parse_qsl, urlencode

import attrs

from ..._util.maybe_async import call
from ..._util.secrets import check_key
from ..._util.type_checks import UNSET
from ..._version import __version__
from ...errors import UserError
from ..capabilities import ModelCapabilities
from ..interface import RealtimeConnection, RealtimeModel
from ..model_config import RealtimeModelConfig
from ..session_settings import RealtimeSessionModelSettings
from ..transports import StreamFactory, TransportKind, TransportSettings
from ..websocket_connection import connect_protocol
from .protocol.receiving import RealtimeProtocol
from .protocol.response_slot import ResponseTurns
from .wire.session_update import DEFAULT_MODEL

DEFAULT_URL: Final = "wss://api.openai.com/v1/realtime"
API_KEY_VARIABLE: Final = "OPENAI_API_KEY"
CAPABILITIES: Final = ModelCapabilities(
    model="the OpenAI Realtime API",
    turn_detection=frozenset({"server_vad", "semantic_vad"}),
    session_limit=3600,
)
"""What the API can do; a session of it lasts an hour at most."""
USER_AGENT: Final = f"trio-realtime/{__version__}"


@attrs.frozen(kw_only=True)
class OpenAIRealtimeWebSocketModel(RealtimeModel):
    """The OpenAI Realtime API (GA) over WebSocket: the default model of `RealtimeRunner`.

    A recipe without state: one serves any number of sessions. What a session needs (key, URL,
    headers, settings) comes with its `RealtimeModelConfig`.
    """

    transport: TransportKind = "auto"
    """Which WebSocket library: ``"trio-websocket"``, ``"websockets"`` (the ``[fast]`` extra), or
    ``"auto"``, which takes the fast one where it is installed."""
    ssl_context: ssl.SSLContext | None = None
    """For ``wss`` URLs; ``None`` is the standard library's default context."""
    stream_factory: StreamFactory | None = None
    """Dials instead of TCP: ``await stream_factory(host, port)`` returns a byte stream. For tests
    over memory streams, tunnels and proxies of your own."""

    @property
    def capabilities(self) -> ModelCapabilities:
        """Of the API as it is documented. What else a server at a URL of yours lacks, it says."""
        return CAPABILITIES

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[RealtimeConnection]:
        """See `RealtimeModel.connect`.

        The session's settings are the first thing sent, and entering waits until the server has
        acknowledged them, two seconds at most. A model that the URL in the config names
        (``?model=...``) need not be named in the settings, and is then left out of what is sent.

        Raises:
            RealtimeHandshakeError: the server refused the key, the model or a setting.
        """
        settings = config.initial_model_settings or RealtimeSessionModelSettings()
        async with connect_protocol(
            self._protocol(config),
            settings,
            url=self._url(config, settings),
            headers=await _headers(config),
            transport_settings=cast("TransportSettings", config.transport or TransportSettings()),
            ssl_context=self.ssl_context,
            stream_factory=self.stream_factory,
            kind=self.transport,
        ) as connection:
            yield connection

    def _protocol(self, config: RealtimeModelConfig) -> RealtimeProtocol:
        return RealtimeProtocol(
            config.call_id,
            config.own_playback(),
            ResponseTurns(timeout=config.response_timeout),
            None if config.url is None else model_in_url(config.url),
        )

    def _url(self, config: RealtimeModelConfig, settings: RealtimeSessionModelSettings) -> str:
        """The URL to connect to. One of the caller's own is used as it is, but for the ``call_id``,
        which is added."""
        if config.call_id is not None:
            base = config.url or DEFAULT_URL
            return base if "call_id=" in base else _with_query(base, call_id=config.call_id)
        if config.url is not None:
            return config.url
        name = settings.model_name
        return _with_query(DEFAULT_URL, model=DEFAULT_MODEL if name is UNSET else name)


def _with_query(url: str, **parameters: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def model_in_url(url: str) -> str | None:
    """The model that a URL names in its query, if it names one."""
    query = url.partition("#")[0].partition("?")[2]
    return dict(parse_qsl(query)).get("model")


async def _headers(config: RealtimeModelConfig) -> Mapping[str, str]:
    """The headers to send: the caller's own, or else one made of the key."""
    if config.headers is None:
        own = {"Authorization": f"Bearer {await get_api_key(config)}"}
    else:
        own = dict(config.headers)
    if not any(name.lower() == "user-agent" for name in own):
        own["User-Agent"] = USER_AGENT
    return own


async def get_api_key(config: RealtimeModelConfig) -> str:
    """The key of this config, asked for if it is a function, or else of the environment.

    Raises:
        UserError: there is none, or it has a character that no key has, such as a line feed.
    """
    key: object = config.api_key
    source = "api_key"
    if callable(config.api_key):
        key = await _asked(config.api_key)
        source = "what the function given as api_key returned"
    if not key:
        key = os.environ.get(API_KEY_VARIABLE)
        source = f"the environment variable {API_KEY_VARIABLE}"
    if not key:
        raise UserError(
            f"no API key: set the environment variable {API_KEY_VARIABLE}, or give api_key (or "
            "headers of your own) in the model config"
        )
    if not isinstance(key, str):
        raise UserError(f"api_key must be (or return) a string, not {type(key).__name__}")
    return check_key(key, source)


async def _asked(function: Callable[[], str | Awaitable[str]]) -> object:
    """Ask the function for the key.

    If it returns none, that is an error, and the environment variable is not used in its place.
    """
    key = await call(function)
    if not key:
        raise UserError("the function given as api_key returned none")
    return key
