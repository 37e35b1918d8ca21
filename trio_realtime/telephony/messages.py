"""The messages of Twilio Media Streams, as text and as values. Pure.

Used by ``twilio`` and, from the other side, by ``stand_in``. The formats are those of Twilio's page
"Media Streams - WebSocket Messages": JSON text, told apart by ``event``; audio is µ-law at 8 kHz,
mono, in base64 without a header. Numbers such as ``media.timestamp`` are strings there; nobody here
needs ``sequenceNumber`` and ``media.chunk``, since a WebSocket keeps the order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is inside a message."""


class MediaFormat(_Body, frozen=True):
    """What the audio is; Twilio has one format only."""

    encoding: str
    sample_rate: int
    channels: int


class StartBody(_Body, frozen=True):
    """Which call this is. Compatible providers leave out some of it."""

    stream_sid: str
    call_sid: str = ""
    account_sid: str = ""
    tracks: Sequence[str] = ()
    media_format: MediaFormat | None = None
    custom_parameters: Mapping[str, str] = {}


class MediaBody(_Body, frozen=True):
    """Audio; of the caller where the track is ``inbound``."""

    payload: bytes
    track: str = "inbound"
    timestamp: str = ""
    """Milliseconds since the stream began, in digits: where the audio begins."""


class DtmfBody(_Body, frozen=True):
    """A key of the caller's telephone."""

    digit: str


class MarkBody(_Body, frozen=True):
    """A mark, by the name it was given when it was sent."""

    name: str


class _Message(msgspec.Struct, tag_field="event", frozen=True, kw_only=True, rename="camel"):
    """Base of the messages."""


class Connected(_Message, frozen=True, tag="connected"):
    """The first message of a connection."""


class Start(_Message, frozen=True, tag="start"):
    """The second: a call."""

    start: StartBody


class Media(_Message, frozen=True, tag="media"):
    """20 ms of audio, usually. The application's have no track."""

    media: MediaBody
    stream_sid: str = ""


class Dtmf(_Message, frozen=True, tag="dtmf"):
    """A key was pressed."""

    dtmf: DtmfBody


class Mark(_Message, frozen=True, tag="mark"):
    """To Twilio: tell me when you are here. From Twilio: everything before it was played, or thrown
    away by a ``clear``."""

    mark: MarkBody
    stream_sid: str = ""


class Clear(_Message, frozen=True, tag="clear"):
    """To Twilio only: throw away what has not been played."""

    stream_sid: str = ""


class Stop(_Message, frozen=True, tag="stop"):
    """The last message: the call has ended, or the stream."""


TwilioMessage: TypeAlias = Connected | Start | Media | Dtmf | Mark | Clear | Stop
"""Every message there is, of either side."""

_decode: Callable[[str | bytes], TwilioMessage] = msgspec.json.Decoder(
    Connected | Start | Media | Dtmf | Mark | Clear | Stop
).decode


def decode(text: str | bytes) -> TwilioMessage | None:
    """Read a message; None for one that is unknown, or known and not of its form."""
    try:
        return _decode(text)
    # ValueError: no JSON, not UTF-8, or not of the form; RecursionError: nested thousands deep.
    except (ValueError, RecursionError):
        return None


def encode_media(stream_sid: str, audio: bytes) -> str:
    """Audio for the caller to hear, µ-law at 8 kHz."""
    return _encode("media", stream_sid, media={"payload": audio})


def encode_mark(stream_sid: str, name: str) -> str:
    """A mark behind the audio sent so far."""
    return _encode("mark", stream_sid, mark={"name": name})


def encode_clear(stream_sid: str) -> str:
    """Throw away the audio that is not played yet; its marks come back at once."""
    return _encode("clear", stream_sid)


def _encode(event: str, stream_sid: str, **body: Any) -> str:
    return msgspec.json.encode({"event": event, "streamSid": stream_sid, **body}).decode()
