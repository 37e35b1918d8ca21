"""The Realtime API as seen from the client, without a socket: frames to model events, and back.

One choke point each way: `RealtimeProtocol.receive` takes every frame of the server, and
`RealtimeProtocol.send` every input of the session. Both may leave frames to send, which
the connection (or a test, back to back with a server) collects with `data_to_send`. No clock and
no waiting: the time comes in as ``now``, in seconds of any monotonic clock.

Here is what the server's events do; what inputs do is in `sending`. Each part of the state is a
module of its own beside this one, and `outbox` holds the frames to send.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import attrs
import msgspec

from ....context import Usage
from ....errors import RealtimeProtocolError
from ... import events as model
from ... import inputs
from ...playback.ledger import PlaybackLedger
from ...sans_io import ModelProtocol, Opening
from ...session_settings import RealtimeSessionModelSettings
from ..wire import server_events as wire
from ..wire import to_items as translate
from ..wire.beta_events import with_beta_names
from ..wire.decode import MalformedFrame, SplitText, decode, raw_data
from ..wire.objects import WireError, WireResponse
from ..wire.to_model_events import PIECES, TRANSLATIONS, output_item_added, output_item_done
from .acknowledgement import Acknowledgement
from .error_subjects import is_about_something_else
from .function_calls import FunctionCalls
from .out_of_band import OutOfBand, public_metadata
from .outbox import Events, Outgoing
from .response_audio import SpokenAudio
from .response_slot import ResponseTurns
from .sending import InputSender, session_object
from .session_state import SessionFacts
from .text_pieces import TextPieces

R = TypeVar("R", bound=wire.OfResponse)

__all__ = ["RealtimeProtocol", "session_object"]


@attrs.define(eq=False, repr=False)
class RealtimeProtocol(ModelProtocol):
    """The client's side of one connection.

    ``url_model`` is the model that the connection's URL names; it need not be named again then.
    """

    _call_id: str | None = None
    _playback: PlaybackLedger = attrs.field(factory=PlaybackLedger)
    _turns: ResponseTurns = attrs.field(factory=ResponseTurns)
    _url_model: str | None = attrs.field(default=None, alias="url_model")
    _audio: SpokenAudio = attrs.field(init=False)
    _outgoing: Outgoing = attrs.field(init=False)
    _facts: SessionFacts = attrs.field(init=False)
    _out_of_band: OutOfBand = attrs.field(init=False)
    _calls: FunctionCalls = attrs.field(factory=FunctionCalls, init=False)
    _pieces: TextPieces = attrs.field(factory=TextPieces, init=False)
    _acknowledgement: Acknowledgement = attrs.field(factory=Acknowledgement, init=False)
    _sender: InputSender = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._audio = SpokenAudio(self._playback)
        self._outgoing = Outgoing(self._turns, self._audio)
        self._out_of_band = OutOfBand(self._turns.timeout)
        self._facts = SessionFacts(self._playback)
        self._sender = InputSender(
            self._outgoing, self._facts, self._out_of_band, self._call_id, self._url_model
        )

    # -- towards the server --------------------------------------------------------
    def open(self, settings: RealtimeSessionModelSettings) -> None:
        """See `ModelProtocol.open`: a ``session.update``."""
        self._acknowledgement.asked(self._sender.open(settings))

    @property
    def opening(self) -> Opening:
        """See `ModelProtocol.opening`."""
        return self._acknowledgement.state

    def send(self, input: inputs.RealtimeModelInput, now: float, out: Events) -> None:
        """See `ModelProtocol.send`."""
        self._acknowledgement.only_frame = False
        self._sender.send(input, now, out)

    def remaining_ms(self, response_id: str, now: float) -> float:
        """See `ModelProtocol.remaining_ms`. Audio queued before the response counts too."""
        return self._audio.remaining_ms(response_id, now)

    def delivered(self, item_id: str, content_index: int, nbytes: int, now: float) -> None:
        """See `ModelProtocol.delivered`."""
        self._playback.delivered(item_id, content_index, nbytes, now)

    @property
    def pending_bytes(self) -> int:
        """See `ModelProtocol.pending_bytes`."""
        return self._outgoing.pending_bytes

    def data_to_send(self) -> list[bytes]:
        """See `ModelProtocol.data_to_send`."""
        return self._outgoing.take()

    # -- time ----------------------------------------------------------------------
    @property
    def deadline(self) -> float | None:
        """See `ModelProtocol.deadline`: that of a request that nothing has answered."""
        first, out_of_band = self._turns.deadline, self._out_of_band
        if out_of_band.is_idle or (second := out_of_band.deadline) is None:
            return first
        return second if first is None else min(first, second)

    def expire(self, now: float, out: Events) -> None:
        """See `ModelProtocol.expire`."""
        self._outgoing.act(self._turns.expire(now=now), out)
        lost, silent = self._out_of_band.expire(now=now)
        for event_id in lost:
            self._outgoing.report_lost(event_id, out)
        self._outgoing.silence(silent)  # in case it goes on somewhere
        for response_id in silent:
            self._outgoing.give_up(response_id, out, out_of_band=True)

    # -- from the server -----------------------------------------------------------
    def receive(self, frame: str | bytes, now: float, out: Events) -> None:
        """Take one frame: the raw event first, then what it means, is appended to ``out``.

        Never raises, whatever the frame holds; only what a playback tracker of the application's
        own making raises comes out.
        """
        out.append(model.RealtimeModelRawServerEvent(frame, raw_data))
        event = decode(frame)
        if type(event) is SplitText:
            event = self._pieces.join(event)
        handle = self._HANDLERS.get(type(event))
        if handle is not None:
            handle(self, event, now, out)
        elif type(event) in TRANSLATIONS:
            out.extend(TRANSLATIONS[type(event)](event))

    def _malformed(self, event: MalformedFrame, _now: float, out: Events) -> None:
        what = f"a {event.type} event" if event.type else "a frame"
        error = RealtimeProtocolError(f"the server sent {what} that is malformed: {event.reason}")
        out.append(model.RealtimeModelErrorEvent(error=error))
        if event.type == "session.updated":
            self._acknowledgement.taken()

    def _error(self, event: wire.Error, now: float, out: Events) -> None:
        if self._acknowledgement.refused(event.error):
            return  # opening raises it
        error = event.error
        event_id = error.event_id or self._suspect(error)
        self._out_of_band.refused(event_id)
        if not self._outgoing.refused(error, event_id, now, out):
            out.append(
                model.RealtimeModelErrorEvent(error=translate.error(error), event_id=event_id)
            )

    def _suspect(self, error: WireError) -> str | None:
        """Return the event id of the request that an error without one refers to, if it does."""
        if is_about_something_else(error):
            return None
        return self._turns.requested or self._out_of_band.requested

    def _session(
        self, event: wire.SessionCreated | wire.SessionUpdated, _now: float, out: Events
    ) -> None:
        applied = isinstance(event, wire.SessionUpdated)
        for text in self._facts.echoed(event.session, final=applied):
            out.append(model.RealtimeModelErrorEvent(error=RealtimeProtocolError(text)))
        if applied:
            self._acknowledgement.taken()

    # Responses

    def _response_created(self, event: wire.ResponseCreated, now: float, out: Events) -> None:
        self._acknowledgement.taken()
        response = event.response
        self._outgoing.endings.begun(response.id)
        self._calls.response_begun(response.id)
        out_of_band = self._out_of_band.began(response, now=now)
        out.append(
            model.RealtimeModelTurnStartedEvent(
                response_id=response.id,
                out_of_band=out_of_band,
                metadata=public_metadata(response.metadata),
            )
        )
        if not out_of_band:
            self._outgoing.act(self._turns.created(response.id, now=now), out)

    def _response_done(self, event: wire.ResponseDone, now: float, out: Events) -> None:
        response = event.response
        out_of_band = self._out_of_band.ended(response.id)
        self._audio.response_ended(response.id)
        usage = translate.usage_told(response.usage, event.usage)
        first, counts = self._outgoing.endings.ended(response.id, usage=usage is not None)
        if first and not out_of_band:
            out.extend(
                self._calls.ended(response.id or self._turns.active_response_id or "", response)
            )
        if usage is not None and counts:
            out.append(model.RealtimeModelUsageEvent(usage=usage, response_id=response.id))
        if first:
            out.append(_turn_ended(response, usage, out_of_band=out_of_band))
        if not out_of_band:
            self._outgoing.act(self._turns.done(response.id, now=now), out)

    def _audio_delta(self, event: wire.ResponseOutputAudioDelta, now: float, out: Events) -> None:
        event = self._heard(event, now)
        pcm = self._audio.whole_samples(event)
        if not pcm:
            return  # players take an empty chunk for the end
        out_of_band = self._out_of_band.spoke(event.response_id)
        if self._audio.received(event, len(pcm), now, out_of_band=out_of_band):
            out.append(
                model.RealtimeModelAudioEvent(
                    data=pcm,
                    response_id=event.response_id,
                    item_id=event.item_id,
                    content_index=event.content_index,
                )
            )

    def _audio_done(self, event: wire.ResponseOutputAudioDone, now: float, out: Events) -> None:
        event = self._heard(event, now)
        if self._audio.finished(event):
            out.append(
                model.RealtimeModelAudioDoneEvent(
                    item_id=event.item_id,
                    content_index=event.content_index,
                    response_id=event.response_id,
                )
            )

    def _text(
        self,
        event: wire.ResponseOutputAudioTranscriptDelta | wire.ResponseOutputTextDelta,
        now: float,
        out: Events,
    ) -> None:
        event = self._heard(event, now)
        # What an out-of-band response says is no item of the conversation: its end brings it.
        if event.delta and event.response_id not in self._out_of_band.active:
            out.append(
                PIECES[type(event)](
                    item_id=event.item_id,
                    delta=event.delta,
                    response_id=event.response_id,
                    content_index=event.content_index,
                )
            )

    def _output_item_added(
        self, event: wire.ResponseOutputItemAdded, now: float, out: Events
    ) -> None:
        event = self._heard(event, now)
        if event.response_id in self._out_of_band.active:
            return
        if event.item.type == "function_call":
            self._calls.begun(event.response_id, event.item)
        out.extend(output_item_added(event))

    def _output_item_done(
        self, event: wire.ResponseOutputItemDone, now: float, out: Events
    ) -> None:
        event = self._heard(event, now)
        if event.response_id in self._out_of_band.active:
            return  # what it calls could not be answered in the conversation
        out.extend(output_item_done(event))
        if event.item.type == "function_call":
            call = self._calls.finished(event.response_id, event.item)
            if call is not None:
                out.append(call)

    def _call_written(
        self, event: wire.ResponseFunctionCallArgumentsDone, now: float, _out: Events
    ) -> None:
        event = self._heard(event, now)
        if event.response_id not in self._out_of_band.active:
            self._calls.written(event.response_id, event)

    def _sign_of_life(self, event: wire.OfResponse, now: float, _out: Events) -> None:
        self._heard(event, now)

    def _hosted_call(self, _event: wire.ServerEvent, now: float, _out: Events) -> None:
        self._turns.heard_at = now  # the server does not say of which response the call is

    def _heard(self, event: R, now: float) -> R:
        """Note that the response is alive. Returns the event; if the server gave no response id,
        with that of the active response."""
        turns = self._turns
        if event.response_id == turns.active_response_id:
            turns.heard_at = now
        elif not event.response_id:
            turns.heard_at = now
            return msgspec.structs.replace(event, response_id=turns.active_response_id or "")
        else:
            self._out_of_band.heard(event.response_id, now=now)
        return event

    # Conversation

    def _item_deleted(self, event: wire.ConversationItemDeleted, now: float, out: Events) -> None:
        self._playback.discard(event.item_id, now)
        out.append(model.RealtimeModelItemDeletedEvent(item_id=event.item_id))

    def _item_truncated(
        self, event: wire.ConversationItemTruncated, now: float, out: Events
    ) -> None:
        self._playback.discard(event.item_id, now)
        if event.audio_end_ms is not None:
            out.append(
                model.RealtimeModelItemTruncatedEvent(
                    item_id=event.item_id,
                    content_index=event.content_index,
                    audio_end_ms=event.audio_end_ms,
                )
            )
        # The server rewrote the item; what it made of it is worth knowing.
        self._outgoing.put_own("conversation.item.retrieve", item_id=event.item_id)

    def _speech_started(
        self, event: wire.InputAudioBufferSpeechStarted, now: float, out: Events
    ) -> None:
        out.append(
            model.RealtimeModelSpeechStartedEvent(
                item_id=event.item_id, audio_start_ms=event.audio_start_ms
            )
        )
        if self._facts.server_interrupts:
            self._audio.silence(self._turns.active_response_id)
        self._outgoing.interrupt(now, out, cancel=not self._facts.server_interrupts)
        # These the server does not cancel by itself.
        self._outgoing.silence(self._out_of_band.take_audible(self._audio))

    _HANDLERS: ClassVar[
        dict[type[Any], Callable[["RealtimeProtocol", Any, float, Events], None]]
    ] = with_beta_names(
        {
            wire.ResponseOutputAudioDelta: _audio_delta,
            wire.ResponseOutputAudioTranscriptDelta: _text,
            wire.ResponseOutputTextDelta: _text,
            wire.ResponseOutputAudioDone: _audio_done,
            wire.ResponseOutputItemAdded: _output_item_added,
            wire.ResponseOutputItemDone: _output_item_done,
            wire.ResponseFunctionCallArgumentsDone: _call_written,
            **dict.fromkeys(
                (
                    wire.ResponseContentPartAdded,
                    wire.ResponseContentPartDone,
                    wire.ResponseOutputAudioTranscriptDone,
                    wire.ResponseOutputTextDone,
                    wire.ResponseFunctionCallArgumentsDelta,
                    wire.ResponseMcpCallArgumentsDelta,
                    wire.ResponseMcpCallArgumentsDone,
                ),
                _sign_of_life,
            ),
            **dict.fromkeys(
                (
                    wire.ResponseMcpCallInProgress,
                    wire.ResponseMcpCallCompleted,
                    wire.ResponseMcpCallFailed,
                ),
                _hosted_call,
            ),
            wire.ResponseCreated: _response_created,
            wire.ResponseDone: _response_done,
            wire.ConversationItemDeleted: _item_deleted,
            wire.ConversationItemTruncated: _item_truncated,
            wire.InputAudioBufferSpeechStarted: _speech_started,
            wire.SessionCreated: _session,
            wire.SessionUpdated: _session,
            wire.Error: _error,
            MalformedFrame: _malformed,
        }
    )


def _turn_ended(
    response: WireResponse, usage: Usage | None, *, out_of_band: bool
) -> model.RealtimeModelTurnEndedEvent:
    """Return the model event for the end of a response."""
    details = response.status_details
    error = details.error if details is not None else None
    items = (translate.item(i) for i in response.output or ()) if out_of_band else ()
    return model.RealtimeModelTurnEndedEvent(
        response_id=response.id,
        status=translate.response_status(response.status),
        reason=details.reason if details is not None else None,
        error=None if error is None else translate.status_error(error),
        usage=usage,
        out_of_band=out_of_band,
        metadata=public_metadata(response.metadata),
        output=tuple(item for item in items if item is not None),
    )
