"""Out-of-band responses: how they are recognised when they begin.

They are asked for with ``conversation="none"`` and leave no trace in the conversation. The server
says of a response neither who asked for it nor that it is out of band. The library's own requests
therefore carry a key in their metadata, which the server repeats; raw ones are sent as they are and
recognised by their missing conversation. `receiving` and `sending` call this. Pure.

The two time limits of `response_slot` hold here too: a request that nothing answers is lost, and a
response of which nothing more is heard has failed.
"""

import math
from collections.abc import Mapping
from itertools import chain, takewhile
from typing import Any, Final, cast

import attrs

from ..wire.objects import WireResponse
from .response_audio import SpokenAudio
from .response_slot import CREATE_TIMEOUT, SILENCES

REQUEST_KEY: Final = "trio_realtime_request"
"""Metadata key by which an out-of-band response that the library asked for is recognised."""

MAX_METADATA: Final = 16
"""The most pairs that the metadata of a response may have, by the API's reference."""


@attrs.define(eq=False)
class OutOfBand:
    """The out-of-band responses of one connection."""

    timeout: float | None = CREATE_TIMEOUT
    """Seconds after which an unanswered request counts as lost; ``None`` for never."""
    active: dict[str, float] = attrs.field(factory=dict[str, float], init=False)
    """Ids of the responses that have begun and not ended, each with the time of its last event. The
    one that has been silent for longest is first."""
    _audible: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    """Ids of those that have produced audio, or were announced with audio, since `take_audible` was
    last called."""
    _keyed: dict[str, float] = attrs.field(factory=dict[str, float], init=False)
    """Event ids of unanswered ``response.create`` frames that carry the key, each with the time at
    which it was sent, in order."""
    _unkeyed: dict[str, float] = attrs.field(factory=dict[str, float], init=False)
    """The same for frames without the key."""
    is_idle: bool = attrs.field(default=True, init=False)
    """Whether there is no request and no response. Kept, since it is asked for at every frame."""

    def __contains__(self, response_id: object) -> bool:
        """Return True if this response is out of band and has not ended."""
        return response_id in self.active

    def request(
        self, params: Mapping[str, Any] | None, event_id: str, *, now: float
    ) -> dict[str, Any]:
        """Note a request, and return its ``response`` object: the caller's, with the key added."""
        asked: dict[str, Any] = {**(params or {}), "conversation": "none"}
        metadata: object = asked.get("metadata") or {}
        pairs = cast("Mapping[str, object]", metadata) if isinstance(metadata, Mapping) else None
        if pairs is not None and len(pairs) < MAX_METADATA:
            asked["metadata"] = {**pairs, REQUEST_KEY: event_id}
            self._keyed[event_id] = now
            self.is_idle = False
        else:
            self.raw_request(event_id, now=now)
        return asked

    def raw_request(self, event_id: str, *, now: float) -> None:
        """Note a request whose frame does not carry the key."""
        self._unkeyed[event_id] = now
        self.is_idle = False

    def refused(self, event_id: str | None) -> None:
        """Note an error about this client event. If it was a request, it will not be answered."""
        self._unkeyed.pop(event_id or "", None)
        self._keyed.pop(event_id or "", None)
        self._note_idle()

    def _note_idle(self) -> None:
        self.is_idle = not (self._keyed or self._unkeyed or self.active)

    @property
    def requested(self) -> str | None:
        """The event id of the unanswered request that was sent first; ``None`` if there is none."""
        return next(chain(self._keyed, self._unkeyed), None)

    def spoke(self, response_id: str) -> bool:
        """Note audio of a response. Returns True if the response is out of band."""
        if response_id not in self.active:
            return False
        self._audible[response_id] = None
        return True

    def take_audible(self, audio: SpokenAudio) -> list[str]:
        """Return the ids of the active responses with audio that are not silenced yet.

        The caller silences them, so each id is returned once.
        """
        taken, self._audible = self._audible, {}
        return [each for each in taken if not audio.is_silenced(each)]

    # -- time ------------------------------------------------------------------------
    @property
    def deadline(self) -> float | None:
        """When to call `expire`; ``None`` when nothing is waited for."""
        if self.timeout is None or self.is_idle:
            return None
        asked = [next(iter(each.values())) for each in (self._keyed, self._unkeyed) if each]
        heard = [next(iter(self.active.values()))] if self.active else []
        return min(
            *(sent + self.timeout for sent in asked),
            *(last + SILENCES * self.timeout for last in heard),
            math.inf,
        )

    def expire(self, *, now: float) -> tuple[list[str], list[str]]:
        """Remove what has timed out. Returns the event ids of lost requests, and the ids of
        responses that have been silent for too long."""
        if self.timeout is None:
            return [], []
        lost: list[str] = []
        for requests in (self._keyed, self._unkeyed):
            lost += _due(requests, self.timeout, now)
        silent = _due(self.active, SILENCES * self.timeout, now)
        for response_id in silent:
            self._audible.pop(response_id, None)
        self._note_idle()
        return lost, silent

    def heard(self, response_id: str, *, now: float) -> None:
        """Note an event of this response; does nothing if the response is not out of band."""
        if self.active.pop(response_id, None) is not None:
            self.active[response_id] = now

    # -- from the server -------------------------------------------------------------
    def began(self, response: WireResponse, *, now: float) -> bool:
        """Note that a response begins. Returns True if it is out of band."""
        if response.metadata is not None and REQUEST_KEY in response.metadata:
            self._keyed.pop(response.metadata[REQUEST_KEY], None)
        elif self._unkeyed and response.conversation_id is None:
            del self._unkeyed[next(iter(self._unkeyed))]
        else:
            return False
        self.active[response.id or ""] = now
        self.is_idle = False
        if "audio" in (response.output_modalities or ()):
            self._audible[response.id or ""] = None
        return True

    def ended(self, response_id: str | None) -> bool:
        """Note that a response ends. Returns True if it was out of band."""
        if self.active.pop(response_id or "", None) is None:
            return False
        self._audible.pop(response_id or "", None)
        self._note_idle()
        return True


def _due(waiting: dict[str, float], limit: float, now: float) -> list[str]:
    """Remove and return the ids that have waited for ``limit`` seconds, the earliest first.

    The sum is the same as in `OutOfBand.deadline`. With a difference instead, a rounding error
    could leave nothing to do at the deadline, again and again.
    """
    taken = list(takewhile(lambda each: waiting[each] + limit <= now, waiting))
    for each in taken:
        del waiting[each]
    return taken


def public_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return the metadata without the library's key; ``None`` if the caller gave none."""
    if metadata is None or REQUEST_KEY not in metadata:
        return metadata
    return {name: value for name, value in metadata.items() if name != REQUEST_KEY} or None
