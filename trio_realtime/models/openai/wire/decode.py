"""Frames of the server, decoded: a typed event, an unknown one, or a malformed frame.

`receiving` calls `decode` once for each frame: the hottest function of the library. It never
raises and keeps no state. Nothing here judges what an event means.

One union decoder finds the type and builds the event in a single pass over the frame; that beats
looking the type up first and decoding by it. Only a frame it refuses is looked at again, slowly
and with patience: `lenient_json` reads JSON that is almost right, and `salvage` makes an event of
what can be understood.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, Union

import attrs
import msgspec

from trio_realtime.errors import RealtimeProtocolError

from .beta_events import BETA_EVENTS
from .lenient_json import lenient_object, sound_text
from .salvage import error_fields, salvage
from .server_events import SERVER_EVENTS, ServerEvent


@attrs.frozen(kw_only=True)
class UnknownEvent:
    """A JSON object with a ``type`` that is not in the protocol; nothing else of it was checked."""

    type: str


@attrs.frozen(kw_only=True)
class SplitText:
    """An event with a piece of text that begins or ends within a character.

    Its ``delta`` holds half of a surrogate pair there. Whoever has the piece before, or gets the
    one after, can put the character together.
    """

    event: Any


@attrs.frozen(kw_only=True)
class MalformedFrame:
    """A frame that is no event, or a known event without a field that it cannot do without.

    ``reason`` names fields and positions, and repeats nothing of what the frame holds. ``type`` is
    the event's type where the frame has one.
    """

    reason: str
    type: str | None = None


Decoded: TypeAlias = ServerEvent | SplitText | UnknownEvent | MalformedFrame


class _Head(msgspec.Struct):
    """The type of a frame alone, which may be any JSON value. If there are two, the last counts."""

    type: Any = None


_CLASSES = {**SERVER_EVENTS, **BETA_EVENTS}
_known_events: Any = Union[tuple(_CLASSES.values())]  # noqa: UP007
_decode_event: Callable[[bytes | str], ServerEvent] = msgspec.json.Decoder(_known_events).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_dict = msgspec.json.Decoder(dict[str, Any]).decode


def decode(frame: bytes | str) -> Decoded:
    """Decode one frame: JSON text, or its UTF-8. Never raises.

    A frame means what a JSON parser says it means: fields in any order, of two equal keys the last
    counts. Fields that no class declares are not looked at.
    """
    try:
        if not isinstance(frame, str) and not frame.isascii():
            str(frame, "utf-8")  # text of skipped fields is not checked by the decoder
        return _decode_event(frame)
    except (ValueError, RecursionError):
        return _look_again(frame)


def raw_dict(frame: bytes | str) -> dict[str, Any]:
    """Decode one frame into plain JSON values, with nothing left out.

    Raises `RealtimeProtocolError` if the frame is not a JSON object, or holds a number no Python
    number can stand for.
    """
    try:
        return _decode_dict(frame)
    except (ValueError, RecursionError) as error:
        raise RealtimeProtocolError(_reason(error)) from None


def raw_data(frame: bytes | str) -> dict[str, Any] | str:
    """`raw_dict`, or what a lenient reader makes of the frame, or else its text. Never raises.

    Text that is not UTF-8 has U+FFFD in the place of what is not.
    """
    try:
        return raw_dict(frame)
    except RealtimeProtocolError:
        pass
    try:
        return lenient_object(frame)
    except (ValueError, RecursionError):
        return frame if isinstance(frame, str) else str(frame, "utf-8", "replace")


def _look_again(frame: bytes | str) -> Decoded:
    """Say what a frame is that the union decoder refused.

    It refuses unknown types, and known ones with anything unusual: a second ``type``, a value of a
    wrong type, or JSON that is not quite JSON.
    """
    try:
        if not isinstance(frame, str):
            str(frame, "utf-8")
        kind: object = _decode_head(frame).type
    except (ValueError, RecursionError) as error:
        refusal: str | None = _reason(error)
    else:
        refusal = None
        if isinstance(kind, str) and kind not in _CLASSES:
            return UnknownEvent(type=kind)
    try:
        data = lenient_object(frame)
    except (ValueError, RecursionError) as error:
        return MalformedFrame(reason=refusal or _reason(error))
    kind = data.get("type")
    if not isinstance(kind, str):
        return MalformedFrame(reason="Object missing required field `type`, a string")
    cls = _CLASSES.get(kind)
    if cls is None:
        return UnknownEvent(type=sound_text(kind))
    return _salvaged(cls, kind, data)


def _salvaged(cls: type[ServerEvent], kind: str, data: dict[str, Any]) -> Decoded:
    if kind == "error":
        data = {**data, "error": error_fields(data)}
    try:
        event = salvage(cls, data)
    except ValueError as error:
        return MalformedFrame(reason=str(error), type=kind)
    delta: object = getattr(event, "delta", None)
    if isinstance(delta, str) and sound_text(delta) != delta:
        return SplitText(event=event)
    return event


def _reason(error: Exception) -> str:
    """The reason for a refusal, without the frame's content, which Unicode errors quote."""
    if isinstance(error, UnicodeDecodeError):
        return f"Text is not UTF-8 (byte {error.start})"
    if isinstance(error, UnicodeEncodeError):
        return f"Text has an unpaired surrogate (character {error.start})"
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    return str(error)
