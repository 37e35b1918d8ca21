"""The Realtime API as seen from the client, without a socket: frames in, model events out, and back.

One choke point each way: `RealtimeProtocol.receive` takes every frame of the server, and
`RealtimeProtocol.send` every input of the session. Both may leave frames to send, which `connection`
(or a test, back to back with a server) collects with `data_to_send`. No clock and no waiting: the
time comes in as ``now``, in seconds of any monotonic clock.

It keeps what must be consistent across frames: the turns, the playback ledger, which responses are
beside the conversation, and whether the server interrupts by itself.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

import attrs
from msgspec import UNSET

from ...config import UNSET as UNSET_SETTING
from ...config import RealtimeSessionModelSettings
from ...errors import RealtimeProtocolError, SettingsError
from ...items import AssistantMessageItem, InputImage, InputText
from .. import events as model
from .. import inputs
from . import frames, translate, wire
from .decode import Decoded, MalformedFrame, decode, raw_data
from .playback import PlaybackLedger, Truncation
from .session_update import session_payload
from .translate_events import TRANSLATIONS, asked_of_us
from .turns import ResponseTurns, SendCancel, SendCreate, TurnCommand
from .wire_values import WireResponse, WireSession

Events: TypeAlias = deque[model.RealtimeModelEvent]
Cuts: TypeAlias = list[bytes]

_REMEMBERED_ITEMS: Final = 512
"""Items with audio whose response is remembered; far more than can be unheard at one time."""

OUT_OF_BAND_KEY: Final = "trio_realtime_request"
"""Metadata key by which a response beside the conversation is recognised when it begins."""


@attrs.define(eq=False)
class RealtimeProtocol:
    """The client's side of one connection."""

    _call_id: str | None = None
    _playback: PlaybackLedger = attrs.field(factory=PlaybackLedger)
    _turns: ResponseTurns = attrs.field(factory=ResponseTurns)
    pending_bytes: int = attrs.field(default=0, init=False)
    """How much `data_to_send` holds."""
    _outgoing: list[bytes] = attrs.field(factory=list, init=False)
    _server_interrupts: bool = attrs.field(default=True, init=False)
    _audio_responses: dict[str, str] = attrs.field(factory=dict, init=False)
    """Items with audio to the response they belong to, of the last responses."""
    _silenced: set[str] = attrs.field(factory=set, init=False)
    """Responses that were interrupted and have not ended: their audio is not delivered."""
    _out_of_band: set[str] = attrs.field(factory=set, init=False)
    _out_of_band_raw: int = attrs.field(default=0, init=False)
    """Raw creates beside the conversation that have not begun, and carry no key."""

    # -- towards the server --------------------------------------------------------
    def open(self, settings: RealtimeSessionModelSettings) -> None:
        """Say how the session shall be; the first frame of a connection.

        Raises `UserError` for settings that cannot work.
        """
        self._update(session_object(settings, call_id=self._call_id))

    def send(self, input: inputs.RealtimeModelInput, now: float, out: Events) -> None:
        """Turn one input into frames; what it makes known at once (an interruption does) is
        appended to ``out``. Raises `UserError`, and then has changed nothing."""
        _INPUTS[type(input)](self, input, now, out)

    def data_to_send(self) -> list[bytes]:
        """The frames to send now, in order; they count as sent."""
        outgoing, self._outgoing = self._outgoing, []
        self.pending_bytes = 0
        return outgoing

    # -- time ----------------------------------------------------------------------
    @property
    def deadline(self) -> float | None:
        """When to call `expire`."""
        return self._turns.deadline

    def expire(self, now: float, out: Events) -> None:
        """The clock reached `deadline`."""
        self._act(self._turns.expire(now=now), out)

    # -- from the server -----------------------------------------------------------
    def receive(self, frame: str | bytes, now: float, out: Events) -> None:
        """Take one frame: the raw event first, then what it means, is appended to ``out``.

        Never raises, whatever the frame holds.
        """
        out.append(model.RealtimeModelRawServerEvent(frame, raw_data))
        event: Decoded = decode(frame)
        kind = type(event)
        handle = _HANDLERS.get(kind)
        if handle is not None:
            handle(self, event, now, out)
        elif kind in TRANSLATIONS:
            out.extend(TRANSLATIONS[kind](event))

    def _malformed(self, event: MalformedFrame, _now: float, out: Events) -> None:
        what = f"a {event.type} event" if event.type else "a frame"
        error = RealtimeProtocolError(f"the server sent {what} that is malformed: {event.reason}")
        out.append(model.RealtimeModelErrorEvent(error=error))

    def _error(self, event: wire.Error, now: float, out: Events) -> None:
        ours, commands = self._turns.error(
            code=event.error.code, event_id=event.error.event_id, now=now
        )
        if not ours:
            out.append(model.RealtimeModelErrorEvent(error=translate.error(event.error)))
        self._act(commands, out)

    # Session

    def _session(
        self, event: wire.SessionCreated | wire.SessionUpdated, _now: float, _out: Events
    ) -> None:
        self._note_echo(event.session)

    def _note_echo(self, session: WireSession) -> None:
        """What the server says it does counts for more than what it was asked to."""
        audio = session.audio
        if audio is None:
            return
        if audio.input is not None and audio.input.turn_detection is not UNSET:
            detection = audio.input.turn_detection
            self._server_interrupts = bool(detection and detection.interrupt_response is not False)
        if audio.output is not None and audio.output.format is not None:
            with contextlib.suppress(SettingsError):  # one the API got after this was written
                self._playback.set_format(audio.output.format)

    def _note_settings(self, session: Mapping[str, Any]) -> None:
        audio: Mapping[str, Any] = session.get("audio") or {}
        heard: Mapping[str, Any] = audio.get("input") or {}
        if "turn_detection" in heard:
            detection = heard["turn_detection"]
            self._server_interrupts = bool(
                detection and detection.get("interrupt_response", True) is not False
            )
        spoken: Mapping[str, Any] = audio.get("output") or {}
        if spoken.get("format") is not None:
            self._playback.set_format(spoken["format"])

    # Responses

    def _response_created(self, event: wire.ResponseCreated, now: float, out: Events) -> None:
        response = event.response
        out_of_band = self._is_out_of_band(response)
        if out_of_band:
            self._out_of_band.add(response.id or "")
        out.append(
            model.RealtimeModelTurnStartedEvent(
                response_id=response.id, out_of_band=out_of_band, metadata=response.metadata
            )
        )
        if not out_of_band:
            self._act(self._turns.created(response.id, now=now), out)

    def _is_out_of_band(self, response: WireResponse) -> bool:
        if response.metadata is not None and OUT_OF_BAND_KEY in response.metadata:
            return True
        if self._out_of_band_raw and response.conversation_id is None:
            self._out_of_band_raw -= 1
            return True
        return False

    def _response_done(self, event: wire.ResponseDone, now: float, out: Events) -> None:
        response = event.response
        response_id = response.id or ""
        out_of_band = response_id in self._out_of_band
        self._out_of_band.discard(response_id)
        self._silenced.discard(response_id)
        usage = None if response.usage is None else translate.usage(response.usage)
        if usage is not None:
            out.append(model.RealtimeModelUsageEvent(usage=usage, response_id=response.id))
        details = response.status_details
        error = details.error if details is not None else None
        messages = (translate.item(i) for i in response.output or ()) if out_of_band else ()
        out.append(
            model.RealtimeModelTurnEndedEvent(
                response_id=response.id,
                status=translate.response_status(response.status),
                reason=details.reason if details is not None else None,
                error=None if error is None else translate.status_error(error),
                usage=usage,
                out_of_band=out_of_band,
                metadata=response.metadata,
                output=tuple(m for m in messages if isinstance(m, AssistantMessageItem)),
            )
        )
        if not out_of_band:
            self._act(self._turns.done(response.id, now=now), out)

    def _audio_delta(self, event: wire.ResponseOutputAudioDelta, now: float, out: Events) -> None:
        response_id, item_id = event.response_id, event.item_id
        if response_id in self._silenced or not self._playback.received(
            item_id, event.content_index, len(event.delta), now
        ):
            return  # of an answer that was interrupted: nobody is to hear it any more
        if item_id not in self._audio_responses:
            self._note_audio(item_id, response_id)
        out.append(
            model.RealtimeModelAudioEvent(
                data=event.delta,
                response_id=response_id,
                item_id=item_id,
                content_index=event.content_index,
            )
        )

    def _note_audio(self, item_id: str, response_id: str) -> None:
        self._audio_responses[item_id] = response_id
        if len(self._audio_responses) > _REMEMBERED_ITEMS:
            del self._audio_responses[next(iter(self._audio_responses))]

    def _audio_done(self, event: wire.ResponseOutputAudioDone, _now: float, out: Events) -> None:
        self._playback.finished(event.item_id)
        if not self._playback.is_cut(event.item_id):
            out.append(
                model.RealtimeModelAudioDoneEvent(
                    item_id=event.item_id,
                    content_index=event.content_index,
                    response_id=event.response_id,
                )
            )

    # What a response beside the conversation says is no item of the history

    def _output_item(
        self,
        event: wire.ResponseOutputItemAdded | wire.ResponseOutputItemDone,
        _now: float,
        out: Events,
    ) -> None:
        if event.response_id not in self._out_of_band:
            out.extend(TRANSLATIONS[type(event)](event))
        elif isinstance(event, wire.ResponseOutputItemDone):
            out.extend(asked_of_us(event))

    def _delta(
        self,
        event: wire.ResponseOutputAudioTranscriptDelta | wire.ResponseOutputTextDelta,
        _now: float,
        out: Events,
    ) -> None:
        if event.response_id not in self._out_of_band:
            out.extend(TRANSLATIONS[type(event)](event))

    # Conversation

    def _item_deleted(self, event: wire.ConversationItemDeleted, now: float, out: Events) -> None:
        self._playback.discard(event.item_id, now)
        out.append(model.RealtimeModelItemDeletedEvent(item_id=event.item_id))

    def _item_truncated(
        self, event: wire.ConversationItemTruncated, now: float, out: Events
    ) -> None:
        self._playback.discard(event.item_id, now)
        out.append(
            model.RealtimeModelItemTruncatedEvent(
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        )
        # The server rewrote the item; what it made of it is worth knowing.
        self._put(frames.retrieve_item(event.item_id))

    def _speech_started(
        self, event: wire.InputAudioBufferSpeechStarted, now: float, out: Events
    ) -> None:
        out.append(
            model.RealtimeModelSpeechStartedEvent(
                item_id=event.item_id, audio_start_ms=event.audio_start_ms
            )
        )
        active = self._turns.active_response_id
        if self._server_interrupts and active is not None:
            self._silenced.add(active)
        unheard = self._cut_playback(now, out)
        if not self._server_interrupts:
            self._cancel(now, out, None)
        self._put_all(unheard)

    # -- interrupting ----------------------------------------------------------------
    def _cut_playback(self, now: float, out: Events, items: Collection[str] | None = None) -> Cuts:
        """Stop what is heard, of these items or altogether, and truncate it on the server.

        Returns the frames for what was never heard at all, to be sent after a cancel, if there is
        one: a server may refuse to delete an item that is still being written.
        """
        unheard: Cuts = []
        for cut in self._playback.interrupt(now, items):
            heard_ms = 0
            if isinstance(cut, Truncation):
                heard_ms = cut.audio_end_ms
                self._put(frames.truncate_item(cut.item_id, cut.content_index, heard_ms))
            else:
                unheard.append(frames.delete_item(cut.item_id))
            out.append(
                model.RealtimeModelAudioInterruptedEvent(
                    item_id=cut.item_id,
                    content_index=cut.content_index,
                    heard_ms=heard_ms,
                    response_id=self._audio_responses.get(cut.item_id),
                )
            )
        return unheard

    def _cancel(
        self, now: float, out: Events, response_id: str | None, event_id: str | None = None
    ) -> None:
        active = self._turns.active_response_id
        if active is not None and response_id in {None, active}:
            self._silenced.add(active)
        self._act(self._turns.cancel(now=now, response_id=response_id, event_id=event_id), out)

    # -- inputs ----------------------------------------------------------------------
    def _user_input(
        self, input: inputs.RealtimeModelSendUserInput, now: float, out: Events
    ) -> None:
        content = [_content_part(part) for part in input.content]
        self._put(frames.create_item({"type": "message", "role": input.role, "content": content}))
        if input.start_response:
            self._act(self._turns.request(now=now), out)

    def _append_audio(
        self, input: inputs.RealtimeModelSendAudio, _now: float, _out: Events
    ) -> None:
        self._put(frames.append_audio(input.audio))
        if input.commit:
            self._put(frames.commit_audio())

    def _commit_audio(
        self, _input: inputs.RealtimeModelCommitAudio, _now: float, _out: Events
    ) -> None:
        self._put(frames.commit_audio())

    def _clear_audio(
        self, _input: inputs.RealtimeModelClearAudio, _now: float, _out: Events
    ) -> None:
        self._put(frames.clear_audio())

    def _tool_output(
        self, input: inputs.RealtimeModelSendToolOutput, now: float, out: Events
    ) -> None:
        output = {
            "type": "function_call_output",
            "call_id": input.tool_call.call_id,
            "output": input.output,
        }
        self._put(frames.create_item(output))
        if input.start_response:
            self._act(self._turns.request(now=now), out)

    def _create_response(
        self, input: inputs.RealtimeModelCreateResponse, now: float, out: Events
    ) -> None:
        if input.out_of_band:
            self._put(frames.create_response(input.params))
        elif input.automatic:
            self._act(self._turns.request(now=now), out)
        else:
            self._request(input.params, None, now, out)

    def _request(
        self, params: Mapping[str, Any] | None, event_id: str | None, now: float, out: Events
    ) -> None:
        frames.create_response(params)  # wrong parameters are refused now, not when they are sent
        self._act(
            self._turns.request(now=now, automatic=False, params=params, event_id=event_id), out
        )

    def _interrupt(
        self, input: inputs.RealtimeModelSendInterrupt, now: float, out: Events
    ) -> None:
        """Nobody spoke, so the server will not cancel by itself, whatever its turn detection."""
        items = None
        if input.response_id is not None:
            items = [i for i, r in self._audio_responses.items() if r == input.response_id]
        unheard = self._cut_playback(now, out, items)
        self._cancel(now, out, input.response_id)
        self._put_all(unheard)

    def _update_session(
        self, input: inputs.RealtimeModelSendSessionUpdate, _now: float, _out: Events
    ) -> None:
        self._update(session_object(input.session_settings, call_id=self._call_id, tracing=False))

    def _update(self, session: Mapping[str, Any]) -> None:
        self._put(frames.update_session(session))
        self._note_settings(session)

    def _raw(self, input: inputs.RealtimeModelSendRawMessage, now: float, out: Events) -> None:
        message = input.message
        frame = frames.raw(message)
        kind, event_id = message["type"], message.get("event_id")
        if kind == "response.create":
            params: Mapping[str, Any] | None = message.get("response")
            if params is not None and params.get("conversation") == "none":
                self._out_of_band_raw += OUT_OF_BAND_KEY not in (params.get("metadata") or {})
                self._put(frame)
            else:
                self._request(params, event_id, now, out)
        elif kind == "response.cancel" and message.get("response_id") not in self._out_of_band:
            self._cancel(now, out, message.get("response_id"), event_id)
        else:
            self._put(frame)

    # -- inside ------------------------------------------------------------------------
    def _put(self, frame: bytes) -> None:
        self._outgoing.append(frame)
        self.pending_bytes += len(frame)

    def _put_all(self, ready: list[bytes]) -> None:
        for frame in ready:
            self._put(frame)

    def _act(self, commands: list[TurnCommand], out: Events) -> None:
        for command in commands:
            match command:
                case SendCreate(request=request):
                    self._put(frames.create_response(request.params, request.event_id))
                case SendCancel(response_id=response_id, event_id=event_id):
                    self._put(frames.cancel_response(response_id, event_id))
                case _:
                    lost = RealtimeProtocolError(
                        f"the server did not answer response.create within {self._turns.timeout} s"
                    )
                    out.append(model.RealtimeModelErrorEvent(error=lost))


def session_object(
    settings: RealtimeSessionModelSettings, *, call_id: str | None = None, tracing: bool = True
) -> dict[str, Any]:
    """The session object for these settings, with their tools and handoffs in wire form."""
    given = [part for part in (settings.tools, settings.handoffs) if part is not UNSET_SETTING]
    tools = [tool.to_wire() for part in given for tool in part]
    return session_payload(settings, call_id=call_id, tools=tools, tracing=tracing)


def _content_part(part: InputText | InputImage) -> dict[str, Any]:
    if isinstance(part, InputText):
        return {"type": "input_text", "text": part.text}
    image: dict[str, Any] = {"type": "input_image", "image_url": part.image_url}
    if part.detail is not None:
        image["detail"] = part.detail
    return image


_HANDLERS: Final[
    dict[type[Any], Callable[[RealtimeProtocol, Any, float, Events], None]]
] = {
    wire.ResponseOutputAudioDelta: RealtimeProtocol._audio_delta,
    wire.ResponseOutputAudioTranscriptDelta: RealtimeProtocol._delta,
    wire.ResponseOutputTextDelta: RealtimeProtocol._delta,
    wire.ResponseOutputAudioDone: RealtimeProtocol._audio_done,
    wire.ResponseOutputItemAdded: RealtimeProtocol._output_item,
    wire.ResponseOutputItemDone: RealtimeProtocol._output_item,
    wire.ResponseCreated: RealtimeProtocol._response_created,
    wire.ResponseDone: RealtimeProtocol._response_done,
    wire.ConversationItemDeleted: RealtimeProtocol._item_deleted,
    wire.ConversationItemTruncated: RealtimeProtocol._item_truncated,
    wire.InputAudioBufferSpeechStarted: RealtimeProtocol._speech_started,
    wire.SessionCreated: RealtimeProtocol._session,
    wire.SessionUpdated: RealtimeProtocol._session,
    wire.Error: RealtimeProtocol._error,
    MalformedFrame: RealtimeProtocol._malformed,
}

_INPUTS: Final[dict[type[Any], Callable[[RealtimeProtocol, Any, float, Events], None]]] = {
    inputs.RealtimeModelSendUserInput: RealtimeProtocol._user_input,
    inputs.RealtimeModelSendAudio: RealtimeProtocol._append_audio,
    inputs.RealtimeModelCommitAudio: RealtimeProtocol._commit_audio,
    inputs.RealtimeModelClearAudio: RealtimeProtocol._clear_audio,
    inputs.RealtimeModelCreateResponse: RealtimeProtocol._create_response,
    inputs.RealtimeModelSendToolOutput: RealtimeProtocol._tool_output,
    inputs.RealtimeModelSendInterrupt: RealtimeProtocol._interrupt,
    inputs.RealtimeModelSendSessionUpdate: RealtimeProtocol._update_session,
    inputs.RealtimeModelSendRawMessage: RealtimeProtocol._raw,
}
