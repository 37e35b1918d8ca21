"""`AzureOpenAIRealtimeModel`: the Realtime API of an Azure OpenAI resource.

Azure's GA endpoint speaks OpenAI's GA protocol at ``/openai/v1/realtime``, with the deployment as
the model. Its beta (``/openai/realtime?api-version=...``) speaks another protocol, with other event
names and another session object; it is refused at the door rather than failing event by event.

Sources: "Realtime API via WebSockets" and "Migration from Preview to GA" of Azure's documentation.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from ..._util.maybe_async import call
from ..._util.secrets import check_key
from ..._util.type_checks import UNSET
from ...errors import SettingsError, UserError
from ..interface import RealtimeConnection
from ..model_config import RealtimeModelConfig
from ..session_settings import RealtimeSessionModelSettings
from .model import OpenAIRealtimeWebSocketModel, model_in_url
from .rest.client import OpenAIRestClient, websocket_url

KEY_VARIABLE: Final = "AZURE_OPENAI_API_KEY"
GA_PATH: Final = "/openai/v1"

AzureAuth: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key of the resource; or a function, plain or async, that is asked for a Microsoft Entra token
at each connection."""

_BETA: Final = (
    "the beta (preview) protocol of Azure's Realtime API has other events than the GA protocol, "
    "which is the one spoken here. Give the resource's endpoint alone, such as "
    "https://my-resource.openai.azure.com, and the deployment; the library connects to "
    "/openai/v1/realtime?model=DEPLOYMENT, without an api-version"
)


def _to_base_url(endpoint: object) -> str:
    """The base URL ``https://HOST/openai/v1``, made of an endpoint, a host, or that URL itself."""
    if not isinstance(endpoint, str) or not endpoint.strip():
        raise UserError("endpoint must be the resource's URL, or its host")
    given = endpoint.strip()
    url = given if "://" in given else f"https://{given}"
    _refuse_beta(url, None)
    if "?" in url or "#" in url:
        raise UserError("endpoint must have neither query nor fragment")
    base = url.rstrip("/").removesuffix("/realtime").removesuffix(GA_PATH).removesuffix("/openai")
    websocket_url(base)
    return base.rstrip("/") + GA_PATH


def _refuse_beta(url: str | None, headers: Mapping[str, str] | None) -> None:
    """Raise `UserError` for what only the beta has."""
    parts = urlsplit(url or "")
    names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if "api-version" in names:
        raise UserError(f"the URL has an api-version: {_BETA}")
    path = parts.path.rstrip("/")
    if path.endswith("/openai/realtime") or "/openai/deployments" in path or "deployment" in names:
        raise UserError(f"the URL is of the beta: {_BETA}")
    if any(name.lower() == "openai-beta" for name in headers or ()):
        raise UserError(f"the headers have OpenAI-Beta: {_BETA}")


def _check_deployment(_instance: object, _attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise UserError("deployment must be the name of a deployment of a realtime model")


def _check_auth(_instance: object, _attribute: Any, value: Any) -> None:
    if value is not None and not isinstance(value, str) and not callable(value):
        raise UserError(
            f"auth must be a key or a function that returns a token, not {type(value).__name__}"
        )


@attrs.frozen
class AzureOpenAIRealtimeModel(OpenAIRealtimeWebSocketModel):
    """A deployment of a realtime model in Azure OpenAI. A recipe without state, as its base is.

    A ``call_id`` in the model config attaches to a call; a ``url`` there stands in place of the
    endpoint's, an ``api_key`` in place of ``auth`` (text is a key, a function gives a token), and
    ``headers`` in place of both.
    """

    base_url: str = attrs.field(converter=_to_base_url, alias="endpoint")
    """Made of ``endpoint``: ``https://my-resource.openai.azure.com``, or its host alone. This is
    the base URL of the resource's GA API."""
    deployment: str = attrs.field(validator=_check_deployment)
    """Sent as the model."""
    auth: AzureAuth | None = attrs.field(default=None, validator=_check_auth, repr=False)
    """None: the key in the environment variable ``AZURE_OPENAI_API_KEY``."""

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[RealtimeConnection]:
        """See `RealtimeModel.connect`. A token is asked for at each connection.

        Raises:
            UserError: there is no key, the URL or a header is of the beta, two ways to show who
                we are were given, or the settings name another model; nothing was sent.
        """
        _refuse_beta(config.url, config.headers)
        _refuse_two_auths(config.headers)
        settings = config.initial_model_settings
        if not config.call_id and not (config.url and model_in_url(config.url)):
            settings = self._named(settings)
        reached = attrs.evolve(
            config,
            url=config.url or self._realtime_url(config),
            initial_model_settings=settings,
            **self._access(config),
        )
        async with OpenAIRealtimeWebSocketModel.connect(self, reached) as connection:
            yield connection

    def rest_client(self, **options: Any) -> OpenAIRestClient:
        """A client for the resource's REST API: calls, offers, client secrets.

        ``options`` are those of `OpenAIRestClient`.
        """
        access = self._access(RealtimeModelConfig())
        return OpenAIRestClient(base_url=self.base_url, **access, **options)

    def _realtime_url(self, config: RealtimeModelConfig) -> str:
        url = websocket_url(self.base_url)
        # A call has its model already; the base class adds its id.
        return url if config.call_id else f"{url}?{urlencode({'model': self.deployment})}"

    def _access(self, config: RealtimeModelConfig) -> dict[str, Any]:
        """A key goes into ``api-key``, a token into ``Authorization``, and never both."""
        if config.headers is not None:
            return {"headers": config.headers}
        auth = config.api_key or self.auth or os.environ.get(KEY_VARIABLE)
        if not auth:
            raise UserError(
                f"no Azure key: set the environment variable {KEY_VARIABLE}, or give auth a key or "
                "a function that returns a token"
            )
        if isinstance(auth, str):
            given = config.api_key or self.auth
            source = "the Azure key" if given else f"the environment variable {KEY_VARIABLE}"
            return {"headers": {"api-key": check_key(auth, source)}, "api_key": None}
        return {"headers": None, "api_key": _token_of(auth)}

    def _named(self, settings: RealtimeSessionModelSettings | None) -> RealtimeSessionModelSettings:
        """The settings with the deployment for a model."""
        settings = settings or RealtimeSessionModelSettings()
        if settings.model_name not in (UNSET, self.deployment):
            raise SettingsError(
                "model_name: with Azure the deployment is the model; leave it out",
                path="model_name",
            )
        return attrs.evolve(settings, model_name=self.deployment)


def _token_of(ask: Callable[[], str | Awaitable[str]]) -> Callable[[], Awaitable[str]]:
    """Ask for a token, and refuse an empty one: without it the base class would send Azure the key
    in ``OPENAI_API_KEY``."""

    async def token() -> str:
        given = await call(ask)
        if not given:
            raise UserError("auth returned no token")
        return given

    return token


def _refuse_two_auths(headers: Mapping[str, str] | None) -> None:
    names = {name.lower() for name in headers or ()}
    if {"api-key", "authorization"} <= names:
        raise UserError("the headers have both api-key and Authorization; Azure wants one of them")
