"""A conversation as JSON lines: one object per session event, with the event's ``type``.

Fields are those of the event classes, with these exceptions: ``info`` is left out; agents and
tools are their names; audio is ``{"bytes": n, "ms": m}``; the history is ``{"items": n}``;
exceptions are ``{"type": ..., "message": ...}``. The raw model event is left out unless asked for,
and then holds the server's event as it came.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

import attrs

from ..agents.agent import RealtimeAgent
from ..agents.tools import FunctionTool
from ..context import Usage
from ..events import (
    RealtimeAudio,
    RealtimeHistoryUpdated,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
)
from ..models.events import RealtimeModelRawServerEvent
from .recordings import BYTES_PER_MS, Answer
from .show import Show


@attrs.define(eq=False)
class JsonLines(Show):
    """Prints events as JSON lines. Notices go to stderr, and the rest is left out."""

    _out: TextIO = attrs.field(factory=lambda: sys.stdout)

    def event(self, event: RealtimeSessionEvent) -> None:
        described = describe_event(event)
        if described is not None:
            # Flushed line by line, so that a reader of a pipe gets each event as it happens.
            print(json.dumps(described, ensure_ascii=False), file=self._out, flush=True)

    def notice(self, text: str) -> None:
        print(text, file=sys.stderr)

    def problem(self, text: str) -> None:
        """Print nothing, since the event about it was printed."""

    def sent(self, pcm: bytes, *, of_seconds: float | None = None) -> None:
        """Print nothing, since events say what the server heard."""

    def sent_all(self, name: str) -> None:
        """Nothing."""

    def prompt(self) -> None:
        """Nothing."""

    def entered(self) -> None:
        """Nothing."""

    def end_of_input(self) -> None:
        """Nothing."""

    def finish(self, usage: Usage, answer: Answer, saved: Path | None) -> None:
        """Print nothing, since each ``response_done`` has its usage."""


def describe_event(event: RealtimeSessionEvent) -> dict[str, Any] | None:
    """The event in JSON's types; None for a model event that is not a server event."""
    if isinstance(event, RealtimeRawModelEvent):
        if not isinstance(event.data, RealtimeModelRawServerEvent):
            return None
        return {"type": event.type, "data": event.data.data}
    if isinstance(event, RealtimeAudio):
        size = len(event.audio.data)
        return {
            "type": event.type,
            "item_id": event.item_id,
            "content_index": event.content_index,
            "response_id": event.audio.response_id,
            "audio": {"bytes": size, "ms": size / BYTES_PER_MS},
        }
    if isinstance(event, RealtimeHistoryUpdated):
        return {"type": event.type, "history": {"items": len(event.history)}}
    return {"type": event.type, **_fields(event)}


def _fields(value: object) -> dict[str, Any]:
    fields = attrs.fields_dict(cast("Any", type(value)))
    return {name: _plain(getattr(value, name)) for name in fields if name != "info"}


def _plain(value: object) -> Any:
    """Any value of an event, in JSON's types."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, RealtimeAgent | FunctionTool):
        return cast("Any", value).name
    if isinstance(value, Exception):
        return {"type": type(value).__name__, "message": str(value)}
    if attrs.has(type(value)):
        return _fields(value)
    return _collection(value)


def _collection(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Any", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(each) for each in cast("Any", value)]
    return repr(value)
