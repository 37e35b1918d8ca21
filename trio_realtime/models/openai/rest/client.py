"""The REST side of the Realtime API: one HTTP client on Trio, and its errors.

`call` and `webrtc` make the requests, and this module sends them: it knows the key, the base URL
and the time limit, and it alone imports httpx and turns its exceptions into the library's. Nothing
is ever retried: to accept, transfer or relay a call twice is not the same as once, and only the
application knows whether that is right.
"""

import json
import re
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
import trio

from ...._util.type_checks import Between, check
from ....errors import RealtimeConnectionError, RealtimeRequestError, UserError
from ...model_config import ApiKey, RealtimeModelConfig
from ...transports.target import parse_target
from ..model import USER_AGENT, get_api_key

if TYPE_CHECKING:
    from typing import Self

    import httpx

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
KEPT_BODY: Final = 4096
"""Bytes of a refusal's body that its error keeps; no more is read."""

LONGEST_ANSWER: Final = 1024 * 1024
"""Bytes of an answer that are read. Answers are a few kilobytes: session descriptions and JSON."""

CLOSE_SECONDS: Final = 1.0
"""Seconds that closing the connection may take, also when cancelled."""

_SCHEMES: Final = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}
_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")
"""What an error code looks like. OpenAI's messages are not shown: some repeat part of the key."""


@attrs.frozen(kw_only=True, repr=False)
class RestAnswer:
    """What the server answered, with a status of the 200s."""

    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes


def websocket_url(base_url: str) -> str:
    """Where the WebSockets of a REST base URL are: ``wss://.../realtime``.

    Raises:
        UserError: it is no http(s) URL.
    """
    scheme, separator, rest = base_url.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise UserError("the base URL must begin with https:// (or http://, for a server at hand)")
    return f"{_SCHEMES[scheme.lower()]}://{rest}/realtime"


def _to_base_url(value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"base_url must be a string, not {type(value).__name__}")
    if "?" in value or "#" in value:
        raise UserError("the base URL must have neither query nor fragment")
    return value.rstrip("/")


def _check_timeout(_instance: object, _attribute: Any, value: Any) -> None:
    check(Annotated[float, Between(0)], value, "timeout")


@attrs.define(eq=False, kw_only=True)
class OpenAIRestClient:
    """Requests to the Realtime REST API, over one pool of connections::

        async with OpenAIRestClient() as client:
            await Call(client, call_id).accept(payload)

    Usable inside its ``async with`` block, by any number of tasks at once. Open one for the life
    of the application: making it loads the certificates, which takes a tenth of a second.
    """

    api_key: ApiKey | None = attrs.field(default=None, repr=False)
    """A key, or a function, plain or async, that is asked for one at each request. None: the
    environment variable ``OPENAI_API_KEY``."""
    base_url: str = attrs.field(default=DEFAULT_BASE_URL, converter=_to_base_url)
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    """Sent as given; the library then adds no ``Authorization``."""
    timeout: float = attrs.field(default=30.0, validator=_check_timeout)
    """Seconds from sending a request to having read its answer."""
    http_client: "httpx.AsyncClient | None" = attrs.field(default=None, repr=False)
    """An ``httpx.AsyncClient`` of yours, for proxies, certificates or tests. It stays open."""
    _access: RealtimeModelConfig = attrs.field(init=False, repr=False)
    _client: "httpx.AsyncClient | None" = attrs.field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        self._access = RealtimeModelConfig(
            api_key=self.api_key, headers=self.headers, url=websocket_url(self.base_url)
        )
        parse_target(websocket_url(self.base_url), self.headers or {})

    async def __aenter__(self) -> "Self":
        """Get ready to send. Raises `UserError` when httpx is missing. Sends nothing yet."""
        httpx = import_httpx()
        await trio.lowlevel.checkpoint()
        if self._client is not None:
            raise UserError("the client is open already")
        self._client = self.http_client or httpx.AsyncClient()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections, unless the HTTP client is the caller's."""
        client, self._client = self._client, None
        if client is not None and client is not self.http_client:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await client.aclose()

    def model_config(self, **settings: Any) -> RealtimeModelConfig:
        """How a session reaches the same server with the same key; ``settings`` go over it."""
        return attrs.evolve(self._access, **settings)

    async def post(
        self,
        path: str,
        *,
        doing: str,
        json: Mapping[str, Any] | None = None,
        parts: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> RestAnswer:
        """Send one request: JSON, or a form of ``name -> (content type, content)``, or no body.

        ``doing`` names the request in error messages. Redirects are not followed, so the key goes
        nowhere else. When cancelled, the request may have had its effect or not.

        Raises:
            UserError: there is no key, or ``json`` is none; nothing was sent.
            RealtimeRequestError: the server answered with a status other than 2xx.
            RealtimeConnectionError: there was no answer, or not in time, or none that is so short.
        """
        if self._client is None:
            raise UserError(
                "the client is not open; use `async with OpenAIRestClient() as client:`"
            )
        content = None if json is None else to_json(json)
        headers = await self._headers()
        if content is not None:
            headers["Content-Type"] = "application/json"
        files: Any = parts and {name: (None, data, kind) for name, (kind, data) in parts.items()}
        request = self._client.build_request(
            "POST",
            self.base_url + path,
            content=content,
            files=files,
            headers=headers,
            timeout=None,
        )
        return await self._exchange(self._client, doing, request)

    async def _exchange(
        self, client: "httpx.AsyncClient", doing: str, request: "httpx.Request"
    ) -> RestAnswer:
        httpx = import_httpx()
        try:
            with trio.move_on_after(self.timeout):
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    return await _read(doing, response)
                finally:
                    with trio.move_on_after(CLOSE_SECONDS, shield=True):
                        await response.aclose()
        except httpx.HTTPError as exc:
            raise RealtimeConnectionError(f"{doing}: {type(exc).__name__}") from exc
        raise RealtimeConnectionError(f"{doing}: no answer within {self.timeout:g} s")

    async def _headers(self) -> dict[str, str]:
        if self.headers is None:
            headers = {"Authorization": f"Bearer {await get_api_key(self._access)}"}
            parse_target(websocket_url(self.base_url), headers)  # a key may hold a line's end
        else:
            headers = dict(self.headers)
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = USER_AGENT
        headers["Accept-Encoding"] = "identity"  # what is packed may have any size unpacked
        return headers


async def _read(doing: str, response: "httpx.Response") -> RestAnswer:
    """The answer. Of a refusal only the beginning is read, however much follows."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    limit = LONGEST_ANSWER if response.is_success else KEPT_BODY
    body = b""
    # The reading is ended from where it waits, so that the generators it goes through end in order.
    with trio.CancelScope() as reading:
        async for piece in response.aiter_bytes():
            body += piece[: limit + 1 - len(body)]
            if len(body) > limit:
                reading.cancel()
    if not response.is_success:
        raise _refusal(doing, response.status_code, headers, body)
    if len(body) > limit:
        raise RealtimeConnectionError(f"{doing}: the answer is longer than {limit} bytes")
    return RestAnswer(headers=headers, body=body)


def to_json(value: object) -> bytes:
    """A JSON text. Raises `UserError` for what JSON cannot say."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as exc:
        raise UserError(f"the request's body must be JSON's types only: {exc}") from exc


def _refusal(
    doing: str, status: int, headers: Mapping[str, str], body: bytes
) -> RealtimeRequestError:
    code = _error_code(body)
    said = f" ({code})" if code else ""
    return RealtimeRequestError(
        f"{doing} was refused with {status}{said}",
        status=status,
        headers=headers,
        body=body[:KEPT_BODY],
        code=code,
    )


def _error_code(body: bytes) -> str | None:
    """The ``error.code`` of the API's error object, or else its ``type``."""
    try:
        error = json.loads(body)["error"]
        found = error.get("code") or error.get("type")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else None


def import_httpx() -> Any:
    """The httpx module. Raises `UserError` where it is not installed."""
    try:
        import httpx
    except ImportError as exc:
        raise UserError('the REST API needs httpx; install "trio-realtime[sip]"') from exc
    return httpx
