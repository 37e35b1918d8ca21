"""Frames of the server, decoded: a typed event, an unknown one, or a malformed frame.

`protocol` calls `decode` once for each frame: the hottest function of the library. It never raises
and keeps no state. Nothing here judges what an event means.

One union decoder finds the type and builds the event in a single pass over the frame; that beats
looking the type up first and decoding by it. Only a frame it refuses is looked at again, slowly.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, Union

import attrs
import msgspec

from trio_realtime.errors import RealtimeProtocolError

from .server_events import SERVER_EVENTS, ServerEvent


@attrs.frozen(kw_only=True)
class UnknownEvent:
    """A JSON object with a ``type`` that `wire` does not know; nothing else of it was checked."""

    type: str


@attrs.frozen(kw_only=True)
class MalformedFrame:
    """A frame that is no event, or a known event with wrong fields.

    ``reason`` names fields and positions, and repeats nothing of what the frame holds. ``type`` is
    the event's type where the frame has one.
    """

    reason: str
    type: str | None = None


Decoded: TypeAlias = ServerEvent | UnknownEvent | MalformedFrame


class _Head(msgspec.Struct):
    """Only the type of a frame, whatever JSON value that is; of two types the last counts."""

    type: Any = None


def _number(literal: str) -> int | float:
    """JSON has one kind of number: ``5.0`` is as good an index as ``5``."""
    number = float(literal)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_known_events: Any = Union[tuple(SERVER_EVENTS.values())]  # noqa: UP007
_decode_event: Callable[[bytes | str], ServerEvent] = msgspec.json.Decoder(_known_events).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_dict = msgspec.json.Decoder(dict[str, Any]).decode
_decode_numbers = msgspec.json.Decoder(dict[str, Any], float_hook=_number).decode


def decode(frame: bytes | str) -> Decoded:
    """Decode one frame: JSON text, or its UTF-8. Never raises.

    A frame means what a JSON parser says it means: fields in any order, of two equal keys the last
    counts. Numbers and text of fields that no class declares are checked for syntax only.
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
    """`raw_dict`, or else the frame's text, with U+FFFD for what is not UTF-8. Never raises."""
    try:
        return raw_dict(frame)
    except RealtimeProtocolError:
        return frame if isinstance(frame, str) else str(frame, "utf-8", "replace")


def _look_again(frame: bytes | str) -> Decoded:
    """Say what a frame is that the union decoder refused.

    It refuses unknown types, and also some sound frames: with a second ``type``, with a wrong
    value that a later one of the same key replaces, or with a whole number written as a float.
    """
    kind: object = None
    try:
        if not isinstance(frame, str):
            str(frame, "utf-8")
        kind = _decode_head(frame).type
        if not isinstance(kind, str):
            return MalformedFrame(reason="Object missing required field `type`, a string")
        if kind not in SERVER_EVENTS:
            return UnknownEvent(type=kind)
        event: ServerEvent = msgspec.convert(_decode_numbers(frame), _known_events)
    except (ValueError, RecursionError) as error:
        return MalformedFrame(reason=_reason(error), type=kind if isinstance(kind, str) else None)
    return event


def _reason(error: Exception) -> str:
    """What was wrong, without the frame's content, which Unicode errors would quote."""
    if isinstance(error, UnicodeDecodeError):
        return f"Text is not UTF-8 (byte {error.start})"
    if isinstance(error, UnicodeEncodeError):
        return f"Text has an unpaired surrogate (character {error.start})"
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    return str(error)
