"""`RealtimeModelConfig`: how one session reaches its model.

A mapping with the same keys does wherever it is expected. Anything wrong is a `SettingsError` that
names the path, raised when the object is made.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

from .._util.secrets import shown_headers, shown_url
from .._util.settings_base import Settings, at_their_fields, structure
from .._util.type_checks import UNSET, Seconds, problem
from .playback.ledger import PlaybackLedger
from .playback.tracker import RealtimePlaybackTracker
from .session_settings import RealtimeSessionModelSettings

ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key, or a function, plain or async, that is asked for one at each connection."""


def _show_url(url: str) -> str:
    return repr(shown_url(url))


def _to_initial_settings(
    value: RealtimeSessionModelSettings | Mapping[str, Any] | None,
) -> RealtimeSessionModelSettings | None:
    return None if value is None else structure(RealtimeSessionModelSettings, value)


def _to_transport(value: object) -> object:
    if value is None:
        return value
    from .transports.text_transport import TransportSettings  # heavy, and seldom given

    return structure(TransportSettings, value)


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeModelConfig(Settings):
    """How one session reaches the model. Its repr shows no key and no header's value."""

    api_key: ApiKey | None = attrs.field(default=None, repr=False)
    """None: the environment variable ``OPENAI_API_KEY``."""
    url: str | None = attrs.field(default=None, repr=_show_url)
    """None: the provider's own."""
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=shown_headers)
    """Sent as given; the library then adds no ``Authorization``."""
    initial_model_settings: RealtimeSessionModelSettings | None = attrs.field(
        default=None, converter=_to_initial_settings
    )
    """Over the run config's ``model_settings``."""
    playback_tracker: RealtimePlaybackTracker | None = None
    """Says what the user has heard. None: audio counts as played in real time, from when it is
    taken."""
    playback: PlaybackLedger | None = attrs.field(default=None, repr=False)
    """The account of what the user hears. A session lends its own to its connections, so leave it
    out; None: a connection keeps one for itself, with the ``playback_tracker``."""
    call_id: str | None = None
    """Attach to this call instead of beginning a conversation."""
    transport: object | None = attrs.field(default=None, converter=_to_transport)
    """Limits and time-outs of the WebSocket: the transport's settings, or a mapping of them."""
    response_timeout: Seconds | None = 30.0
    """Seconds until a request for a response that the server does not answer counts as lost. A
    response that has begun, and of which nothing more is heard for twice as long, counts as failed.
    None switches both limits off."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        settings = self.initial_model_settings
        if self.call_id and settings is not None and settings.model_name is not UNSET:
            text = "not together with call_id: the call has its model already"
            raise problem("initial_model_settings.model_name", text)

    def own_playback(self) -> PlaybackLedger:
        """The account that was lent, or a new one."""
        return self.playback or PlaybackLedger(tracker=self.playback_tracker)
