"""The messages of Twilio Media Streams, as text and as values. Pure.

Used by ``twilio`` and, from the other side, by ``stand_in``. The formats are those of Twilio's page
"Media Streams - WebSocket Messages": JSON text, told apart by ``event``; audio is µ-law at 8 kHz,
mono, in base64 without a header. Numbers such as ``media.timestamp`` are strings there.
``sequenceNumber`` and ``media.chunk`` are not used, since a WebSocket keeps the order. Fields that
are not used are not read, so a wrong value in one does not cost the message.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

_DIGITS: Final = re.compile(r"[0-9]{1,15}")
"""A time in ms; 15 digits are 30,000 years, and what is longer is no time."""

_KEYS: Final = frozenset("0123456789*#ABCD")
"""The keys of ITU-T Q.23, of which telephones have the first twelve."""


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of what is inside the messages."""


class MediaBody(_Body, frozen=True):
    """Audio. That of the caller has the track ``inbound``."""

    payload: bytes
    track: str | None = "inbound"
    timestamp: str | int | None = None
    """Where the audio begins, in ms since the stream began. Twilio writes it as text."""

    @property
    def timestamp_ms(self) -> int | None:
        """The timestamp as a number; None if it is missing, or not a time."""
        digits = str(self.timestamp)
        return int(digits) if _DIGITS.fullmatch(digits) else None


class DtmfBody(_Body, frozen=True):
    """A key of the caller's telephone."""

    digit: str

    @property
    def is_key(self) -> bool:
        """Whether this is one of the sixteen keys of a telephone, and not some other text."""
        return self.digit in _KEYS


class MarkBody(_Body, frozen=True):
    """A mark, with the name under which it was sent."""

    name: str


class _Message(msgspec.Struct, tag_field="event", frozen=True, kw_only=True, rename="camel"):
    """Base of the messages."""


class Connected(_Message, frozen=True, tag="connected"):
    """The first message of a connection."""


class Start(_Message, frozen=True, tag="start"):
    """The second message: a call begins. `call_start.read_start` reads what it says."""

    start: Mapping[str, Any]
    stream_sid: Any = None


class Media(_Message, frozen=True, tag="media"):
    """Audio, usually 20 ms of it. What the application sends has no track."""

    media: MediaBody


class Dtmf(_Message, frozen=True, tag="dtmf"):
    """A key was pressed."""

    dtmf: DtmfBody


class Mark(_Message, frozen=True, tag="mark"):
    """To Twilio: a request to return the mark when the audio before it has been played.

    From Twilio: that audio was played, or thrown away by a ``clear``.
    """

    mark: MarkBody


class Clear(_Message, frozen=True, tag="clear"):
    """To Twilio only: throw away what has not been played."""


class Stop(_Message, frozen=True, tag="stop"):
    """The last message: the call has ended, or the stream."""


TwilioMessage: TypeAlias = Connected | Start | Media | Dtmf | Mark | Clear | Stop
"""Every message that either side sends."""

_decode: Callable[[str | bytes], TwilioMessage] = msgspec.json.Decoder(
    Connected | Start | Media | Dtmf | Mark | Clear | Stop
).decode


def decode(text: str | bytes) -> TwilioMessage | None:
    """Read a message. Returns None for an unknown type, and for a known one of the wrong form."""
    try:
        return _decode(text)
    # ValueError: no JSON, not UTF-8, or not of the form; RecursionError: nested thousands deep.
    except (ValueError, RecursionError):
        return None


def encode_media(stream_sid: str, audio: bytes) -> str:
    """Write a message with audio for the caller to hear, µ-law at 8 kHz."""
    return _encode("media", stream_sid, media={"payload": audio})


def encode_mark(stream_sid: str, name: str) -> str:
    """Write a message that puts a mark behind the audio sent so far."""
    return _encode("mark", stream_sid, mark={"name": name})


def encode_clear(stream_sid: str) -> str:
    """Write a message that throws away the audio not played yet. Its marks come back at once."""
    return _encode("clear", stream_sid)


def _encode(event: str, stream_sid: str, **body: Any) -> str:
    return msgspec.json.encode({"event": event, "streamSid": stream_sid, **body}).decode()
