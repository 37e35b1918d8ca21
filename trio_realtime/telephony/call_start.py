"""`TwilioStart`: which call begins, read from Twilio's ``start`` message. Pure.

Providers that imitate Twilio leave fields out, write ``null``, or write numbers as text and text as
numbers. Only the stream's id and the audio's format decide whether a call can be conducted, so
everything else is taken as far as it can be understood.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from ..errors import RealtimeProtocolError
from . import messages

_ULAW_NAMES: Final = frozenset({"audio/x-mulaw", "audio/mulaw", "audio/pcmu", "mulaw", "pcmu"})


@attrs.frozen(kw_only=True)
class TwilioStart:
    """Which call it is: what Twilio's ``start`` message says."""

    stream_sid: str
    call_sid: str = ""
    """Empty where the provider names no call."""
    account_sid: str = ""
    custom_parameters: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """The ``<Parameter>`` elements inside ``<Stream>``. Anyone who knows the URL can send any."""


def read_start(message: messages.Start) -> TwilioStart:
    """Read a ``start`` message.

    Raises:
        RealtimeProtocolError: it names no stream, or its audio is not mono µ-law at 8000 Hz.
    """
    body = message.start
    stream_sid = _text(body.get("streamSid")) or _text(message.stream_sid)
    if not stream_sid:
        raise RealtimeProtocolError("the call's start message has no streamSid to send audio to")
    _check_format(body.get("mediaFormat"))
    return TwilioStart(
        stream_sid=stream_sid,
        call_sid=_text(body.get("callSid")),
        account_sid=_text(body.get("accountSid")),
        custom_parameters=_parameters(body.get("customParameters")),
    )


def _check_format(given: object) -> None:
    """Refuse another format than Twilio's. Fields that are missing count as Twilio's."""
    fields: Mapping[str, Any] = (
        cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
    )
    encoding = _text(fields.get("encoding")) or "audio/x-mulaw"
    rate, channels = fields.get("sampleRate"), fields.get("channels")
    is_ulaw = encoding.lower() in _ULAW_NAMES
    if not (is_ulaw and _is_number(rate, 8_000) and _is_number(channels, 1)):
        raise RealtimeProtocolError("the call's audio is not mono audio/x-mulaw at 8000 Hz")


def _is_number(value: object, expected: int) -> bool:
    """Whether a value is the expected number, as a number or as text, or is missing."""
    if value is None or value == "":
        return True
    if isinstance(value, str):
        return value.strip() in {str(expected), f"{expected}.0"}
    return value == expected


def _parameters(given: object) -> dict[str, str]:
    fields: Mapping[str, Any] = (
        cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
    )
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    """Text as it is, a number as its digits; empty for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""
