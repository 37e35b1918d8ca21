"""Clients that the service lets in only to tell them off: wrong keys, models and headers. Pure.

The service answers their handshake with 101. Then it sends one ``error`` event, and closes with a
code of its own, whose reason repeats the error's type and code.
"""

import hmac
import re
from typing import TYPE_CHECKING, Final, Literal

import attrs

from .api_errors import ApiError

if TYPE_CHECKING:
    from .served_connection import Handshake

_KNOWN_MODELS: Final = re.compile(
    r"gpt-.*realtime.*|gpt-audio.*|.*transcribe.*|whisper.*|gpt-live.*"
)
"""Names that could be a model's; the service knows its own, and this simulator takes them all."""


@attrs.frozen
class TurnedAway:
    """Why a client is sent away, and the code to close its connection with."""

    error: ApiError
    close_code: int

    @property
    def reason(self) -> str:
        """The reason in the close frame."""
        return ".".join(part for part in (self.error.type, self.error.code) if part)


def turned_away(handshake: "Handshake", api_key: str | None) -> TurnedAway | None:
    """Why the service would send this client away, if it would. (Azure refuses by HTTP status.)

    ``api_key`` is the key that it must show; ``None``: any, or none. A model need not be named,
    although the service wants one: clients under test seldom care which.
    """
    if handshake.is_azure:
        return None
    match key_problem(handshake, api_key):
        case "missing":
            return _away(3000, "You didn't provide an API key.", "")
        case "wrong":
            return _away(3000, "Incorrect API key provided.", "invalid_api_key")
        case _:
            pass
    if "realtime=v1" in handshake.headers.get("openai-beta", "").replace(" ", ""):
        message = (
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        )
        return _away(4000, message, "beta_api_shape_disabled")
    model = handshake.query.get("model")
    if model is not None and _KNOWN_MODELS.fullmatch(model) is None:
        return _away(4000, f"Model {model!r} is not supported in realtime mode.", "invalid_model")
    return None


def key_problem(handshake: "Handshake", api_key: str | None) -> Literal["missing", "wrong"] | None:
    """What is wrong with the key that the client shows; ``None``: nothing is, or none is asked."""
    shown = handshake.api_key
    if api_key is None:
        return None
    if shown is None:
        return "missing"
    return None if hmac.compare_digest(shown.encode(), api_key.encode()) else "wrong"


def _away(close_code: int, message: str, code: str) -> TurnedAway:
    return TurnedAway(ApiError(message, code=code), close_code)
