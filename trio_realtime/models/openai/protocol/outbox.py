"""What one connection has to send, and what is decided with it: turns and interruptions.

Both sides of the protocol write here: `sending`, for what the session asks, and `receiving`, for
what follows from the server's events. Frames leave in the order in which they were put. Pure: the
time comes in as ``now``, in seconds.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, TypeAlias, assert_never

import attrs

from ....errors import RealtimeProtocolError
from ... import events as model
from ...playback.cuts import Cut, Truncation
from ..wire import client_events as frames
from ..wire.objects import WireError
from .response_audio import SpokenAudio
from .response_endings import ResponseEndings
from .response_slot import SILENCES, ResponseTurns
from .turn_commands import ReportLost, ReportSilent, SendCancel, SendCreate, TurnCommand

Events: TypeAlias = deque[model.RealtimeModelEvent]

_REMEMBERED_IDS: Final = 256
"""How many of the library's own frames are remembered, to recognise refusals of them; far more than
can be unanswered at one time."""


@attrs.define(eq=False, repr=False)
class Outgoing:
    """The frames to send, in order."""

    turns: ResponseTurns
    audio: SpokenAudio
    endings: ResponseEndings = attrs.field(factory=ResponseEndings)
    pending_bytes: int = 0
    """How much `take` would give."""
    _frames: list[bytes] = attrs.field(factory=list[bytes])
    _own_ids: dict[str, None] = attrs.field(factory=dict[str, None])
    """Event ids of the last frames that the library sent by itself, in order. The application does
    not hear if one of them is refused."""
    _count: int = 0

    def put(self, frame: bytes) -> None:
        """Send this frame after those that wait."""
        self._frames.append(frame)
        self.pending_bytes += len(frame)

    def put_own(self, kind: str, **fields: Any) -> None:
        """Send an event that the application did not ask for."""
        event_id = self.new_event_id()
        self._own_ids[event_id] = None
        if len(self._own_ids) > _REMEMBERED_IDS:
            del self._own_ids[next(iter(self._own_ids))]
        self.put(frames.raw({"type": kind, "event_id": event_id, **fields}))

    def new_event_id(self) -> str:
        """An id that no other event of this connection has."""
        self._count += 1
        return f"own_{self._count}"

    def take(self) -> list[bytes]:
        """The frames to send now; they count as sent."""
        taken, self._frames = self._frames, []
        self.pending_bytes = 0
        return taken

    def act(self, commands: Iterable[TurnCommand], out: Events) -> None:
        """Carry out commands of the response slot.

        Items that the user will never hear are deleted before the next response is asked for.
        """
        for item_id in self.audio.take_unheard():
            self.put_own("conversation.item.delete", item_id=item_id)
        for command in commands:
            match command:
                case SendCreate(request=request):
                    self.put(frames.create_response(request.params, request.event_id))
                case SendCancel(response_id=response_id, event_id=event_id):
                    self.audio.silence(response_id)
                    self.put(frames.cancel_response(response_id, event_id))
                case ReportLost(request=request, cancelled=cancelled):
                    self.report_lost(request.event_id, out, cancelled=cancelled)
                case ReportSilent(response_id=response_id):
                    self.give_up(response_id, out)
                case _:
                    assert_never(command)

    def report_lost(self, event_id: str | None, out: Events, *, cancelled: bool = False) -> None:
        """Tell that the response that was asked for with this event will never begin."""
        lost = RealtimeProtocolError(
            "a response was cancelled before it began"
            if cancelled
            else f"the server did not answer response.create within {self.turns.timeout} s"
        )
        out.append(model.RealtimeModelErrorEvent(error=lost, event_id=event_id))

    def give_up(self, response_id: str | None, out: Events, *, out_of_band: bool = False) -> None:
        """Tell that this response has failed, since the server says nothing of it any more."""
        self.audio.response_ended(response_id)
        self.audio.silence(response_id)
        self.endings.ended(response_id, usage=False)
        silence = SILENCES * (self.turns.timeout or 0.0)
        error = model.RealtimeServerError(
            type="timeout",
            message=f"the server has said nothing of this response for {silence:g} s",
        )
        out.append(
            model.RealtimeModelTurnEndedEvent(
                response_id=response_id, status="failed", error=error, out_of_band=out_of_band
            )
        )

    def refused(self, error: WireError, event_id: str | None, now: float, out: Events) -> bool:
        """An error about the client event ``event_id`` arrived. Returns true if it is about a frame
        that the library sent by itself, so that nobody has to hear of it.

        An item may be gone before our delete, truncate or retrieve of it arrives, and a response
        over before our cancel: the user asked for none of them, and nothing is wrong.
        """
        if event_id in self._own_ids:
            return error.type == "invalid_request_error"
        ours, commands = self.turns.error(code=error.code, event_id=event_id, now=now)
        self.act(commands, out)
        return ours

    def interrupt(
        self, now: float, out: Events, *, response_id: str | None = None, cancel: bool
    ) -> None:
        """Stop playback, of this response or of all, and with ``cancel`` the response itself.

        Items of which nothing was heard are deleted after the cancel: a server may refuse to delete
        an item that is still being written.
        """
        unheard = [
            cut.item_id
            for cut in self.audio.interrupt(now, response_id)
            if self._cut(cut, out) and not isinstance(cut, Truncation)
        ]
        if cancel:
            self.act(self.turns.cancel(now=now, response_id=response_id), out)
        for item_id in unheard:
            self.put_own("conversation.item.delete", item_id=item_id)

    def silence(self, out_of_band: Iterable[str]) -> None:
        """Cancel these out-of-band responses. What still comes of their audio is not played."""
        for response_id in out_of_band:
            self.audio.silence(response_id)
            self.put_own("response.cancel", response_id=response_id)

    def _cut(self, cut: Cut, out: Events) -> bool:
        """Report a cut, and truncate the item. Returns whether the conversation has the item."""
        response_id, in_conversation = self.audio.response_of(cut.item_id)
        heard_ms = cut.audio_end_ms if isinstance(cut, Truncation) else 0
        out.append(
            model.RealtimeModelAudioInterruptedEvent(
                item_id=cut.item_id,
                content_index=cut.content_index,
                heard_ms=heard_ms,
                response_id=response_id,
            )
        )
        if heard_ms and in_conversation:
            self.put_own(
                "conversation.item.truncate",
                item_id=cut.item_id,
                content_index=cut.content_index,
                audio_end_ms=heard_ms,
            )
        return in_conversation
