"""The session's side of the protocol: model inputs in, frames out.

`RealtimeProtocol.send` hands every input to `InputSender.send`. Nothing is sent of an input that
is wrong: each handler makes its frames, which checks them, before it puts the first.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import attrs

from ...._util.type_checks import UNSET
from ....audio.samples import WholeSamples
from ....errors import SettingsError, UserError
from ... import inputs
from ...session_settings import RealtimeSessionModelSettings, nested_form
from ..wire import client_events as frames
from ..wire.from_items import can_be_said_again, content_part, items_to_wire
from ..wire.response_object import response_object
from ..wire.session_update import (
    DEFAULT_MODEL,
    effective_settings,
    session_in_force,
    session_payload,
)
from ..wire.tool_objects import tools_to_wire
from .out_of_band import REQUEST_KEY, OutOfBand
from .outbox import Events, Outgoing
from .session_state import SessionFacts, voice_of


@attrs.define(eq=False, repr=False)
class InputSender:
    """Turns the inputs of one connection into frames."""

    _outgoing: Outgoing
    _facts: SessionFacts
    _out_of_band: OutOfBand
    _call_id: str | None
    _url_model: str | None
    """The model that the URL of the connection names."""
    _default_model: str | None = DEFAULT_MODEL
    """The model to send with settings that name none. After the opening, that of the opening."""
    _user_audio: WholeSamples = attrs.field(factory=WholeSamples, init=False)
    """Holds half a sample of the user's audio until its other half arrives."""

    def open(self, settings: RealtimeSessionModelSettings) -> str:
        """Send the session's settings, the first frame of a connection. Returns its event id."""
        if self._url_model is not None:
            _check_url_model(self._url_model, settings)
            self._default_model = None
        effective = self._effective(settings)
        named = effective.model_name
        self._default_model = None if named is UNSET else named
        self._facts.model = self._url_model or self._default_model
        event_id = self._outgoing.new_event_id()
        self._update(effective, tracing=True, event_id=event_id)
        return event_id

    def send(self, given: inputs.RealtimeModelInput, now: float, out: Events) -> None:
        """Send one input. When it raises `UserError`, nothing was sent and nothing has changed."""
        handle = self._HANDLERS.get(type(given))
        if handle is None:
            raise UserError(f"{type(given).__name__} is no model input")
        handle(self, given, now, out)

    # Items

    def _user_input(
        self, given: inputs.RealtimeModelSendUserInput, now: float, out: Events
    ) -> None:
        content = [content_part(part) for part in given.content]
        message = {"type": "message", "role": given.role, "content": content}
        self._item(message, given.start_response, now, out)

    def _tool_output(
        self, given: inputs.RealtimeModelSendToolOutput, now: float, out: Events
    ) -> None:
        output = {
            "type": "function_call_output",
            "call_id": given.tool_call.call_id,
            "output": given.output,
        }
        self._item(output, given.start_response, now, out)

    def _item(self, item: dict[str, Any], start_response: bool, now: float, out: Events) -> None:
        self._outgoing.put(frames.create_item(item))
        if start_response:
            self._outgoing.act(self._outgoing.turns.request(now=now), out)

    def _insert(self, given: inputs.InsertItem, _now: float, _out: Events) -> None:
        previous = given.previous_item_id
        whole: list[bytes] = []
        for item in items_to_wire(given.item):
            whole.append(frames.create_item(item, previous))
            previous = None if previous is None else item.get("id")
        for frame in whole:
            self._outgoing.put(frame)

    def _restore(self, given: inputs.RestoreHistory, _now: float, _out: Events) -> None:
        whole = [
            frames.create_item(wire_item)
            for item in given.items
            if can_be_said_again(item)
            for wire_item in items_to_wire(item)
        ]
        for frame in whole:
            self._outgoing.put(frame)

    def _delete(self, given: inputs.DeleteItem, now: float, _out: Events) -> None:
        self._outgoing.put(frames.delete_item(given.item_id))
        self._outgoing.audio.playback.discard(given.item_id, now)

    def _truncate(self, given: inputs.TruncateItem, now: float, _out: Events) -> None:
        self._outgoing.put(
            frames.truncate_item(given.item_id, given.content_index, given.audio_end_ms)
        )
        self._outgoing.audio.playback.discard(given.item_id, now)

    def _answer_mcp_approval(
        self, given: inputs.AnswerMcpApproval, _now: float, _out: Events
    ) -> None:
        answer: dict[str, Any] = {
            "id": f"{given.request_id[:24]}_answer",
            "type": "mcp_approval_response",
            "approval_request_id": given.request_id,
            "approve": given.approve,
        }
        if given.reason is not None:
            answer["reason"] = given.reason
        self._outgoing.put(frames.create_item(answer))

    # Audio

    def _append_audio(
        self, given: inputs.RealtimeModelSendAudio, _now: float, _out: Events
    ) -> None:
        audio = self._user_audio.feed(given.audio, self._facts.input_width)
        if audio:
            self._outgoing.put(frames.append_audio(audio))
        if given.commit:
            self._commit()

    def _commit(self) -> None:
        self._user_audio.clear()  # half a sample at the end of a turn cannot be played
        self._outgoing.put(frames.commit_audio())

    def _commit_audio(
        self, _given: inputs.RealtimeModelCommitAudio, _now: float, _out: Events
    ) -> None:
        self._commit()

    def _clear_audio(
        self, _given: inputs.RealtimeModelClearAudio, _now: float, _out: Events
    ) -> None:
        self._user_audio.clear()
        self._outgoing.put(frames.clear_audio())

    # Responses

    def _create_response(
        self, given: inputs.RealtimeModelCreateResponse, now: float, out: Events
    ) -> None:
        params = None if given.options is None else response_object(given.options)
        if given.out_of_band:
            frames.create_response(params)
            event_id = given.event_id or self._outgoing.new_event_id()
            asked = self._out_of_band.request(params, event_id, now=now)
            self._outgoing.put(frames.create_response(asked, event_id))
        elif given.automatic:
            self._outgoing.act(self._outgoing.turns.request(now=now), out)
        else:
            self._request(params, given.event_id, now, out)

    def _request(
        self, params: Mapping[str, Any] | None, event_id: str | None, now: float, out: Events
    ) -> None:
        # Wrong parameters are refused now, and what the caller changes in them later is not sent.
        frozen = json.loads(frames.create_response(params)).get("response")
        turns = self._outgoing.turns
        commands = turns.request(now=now, automatic=False, params=frozen, event_id=event_id)
        self._outgoing.act(commands, out)

    def _interrupt(self, given: inputs.RealtimeModelSendInterrupt, now: float, out: Events) -> None:
        """Stop responses. The cancel is always sent, since the server cancels by itself only when
        the user speaks."""
        response_id = given.response_id
        out_of_band = response_id in self._out_of_band
        self._outgoing.interrupt(now, out, response_id=response_id, cancel=not out_of_band)
        if self._call_id is not None:
            # The server plays the audio of a call, and its buffer holds more than was heard.
            self._outgoing.put_own("output_audio_buffer.clear")
        if response_id is None:
            self._outgoing.silence(self._out_of_band.take_audible(self._outgoing.audio))
        elif out_of_band:
            self._outgoing.silence([response_id])

    # Session

    def _update_session(
        self, given: inputs.RealtimeModelSendSessionUpdate, _now: float, _out: Events
    ) -> None:
        settings = nested_form(given.session_settings)
        if settings.model_name is not UNSET:
            self._facts.check_model(settings.model_name)
        effective = self._effective(settings)
        if self._outgoing.audio.any_yet:
            voice = settings.audio.output.voice
            if voice is UNSET:
                effective = _without_voice(effective)  # to name the default would be to change it
            else:
                self._facts.check_voice(voice)
        self._update(effective, tracing=False)

    def _effective(self, settings: RealtimeSessionModelSettings) -> RealtimeSessionModelSettings:
        return effective_settings(
            settings, call_id=self._call_id, default_model=self._default_model
        )

    def _update(
        self,
        effective: RealtimeSessionModelSettings,
        *,
        tracing: bool,
        event_id: str | None = None,
    ) -> None:
        session = session_in_force(effective, tools=_tools(effective), tracing=tracing)
        self._outgoing.put(frames.update_session(session, event_id))
        self._facts.asked(effective)

    # Raw

    def _raw(self, given: inputs.RealtimeModelSendRawMessage, now: float, out: Events) -> None:
        event = _mapping(given.message)
        frame = frames.raw(event)
        handle = self._RAW_HANDLERS.get(event["type"])
        if handle is None or handle(self, event, now, out):
            self._outgoing.put(frame)

    # Each of these returns whether the frame is still to be sent, as it is.

    def _raw_create(self, event: Mapping[str, Any], now: float, out: Events) -> bool:
        params: Mapping[str, Any] = event.get("response") or {}
        event_id = event.get("event_id")
        if params.get("conversation") != "none":
            self._request(event.get("response"), event_id, now, out)
            return False
        metadata: object = params.get("metadata")
        if isinstance(metadata, Mapping) and REQUEST_KEY in metadata:
            return True
        # The id is how we learn that there will be no such response.
        event_id = event_id or self._outgoing.new_event_id()
        self._out_of_band.raw_request(event_id, now=now)
        self._outgoing.put(frames.raw({**event, "event_id": event_id}))
        return False

    def _raw_cancel(self, event: Mapping[str, Any], now: float, out: Events) -> bool:
        response_id = event.get("response_id")
        if response_id in self._out_of_band:
            return True
        turns = self._outgoing.turns
        commands = turns.cancel(now=now, response_id=response_id, event_id=event.get("event_id"))
        self._outgoing.act(commands, out)
        return False

    def _raw_cut(self, event: Mapping[str, Any], now: float, _out: Events) -> bool:
        """The caller truncates or deletes an item, so the library must not truncate it."""
        self._outgoing.audio.playback.discard(event["item_id"], now)
        return True

    def _raw_update(self, event: Mapping[str, Any], _now: float, _out: Events) -> bool:
        session: Mapping[str, Any] = event["session"]
        if self._outgoing.audio.any_yet:
            self._facts.check_voice(voice_of(session))
        self._facts.asked_raw(session)
        return True

    _RAW_HANDLERS: ClassVar[
        dict[str, Callable[["InputSender", Mapping[str, Any], float, Events], bool]]
    ] = {
        "response.create": _raw_create,
        "response.cancel": _raw_cancel,
        "conversation.item.truncate": _raw_cut,
        "conversation.item.delete": _raw_cut,
        "session.update": _raw_update,
    }

    _HANDLERS: ClassVar[dict[type[Any], Callable[["InputSender", Any, float, Events], None]]] = {
        inputs.RealtimeModelSendUserInput: _user_input,
        inputs.RealtimeModelSendAudio: _append_audio,
        inputs.RealtimeModelCommitAudio: _commit_audio,
        inputs.RealtimeModelClearAudio: _clear_audio,
        inputs.RealtimeModelCreateResponse: _create_response,
        inputs.RealtimeModelSendToolOutput: _tool_output,
        inputs.RealtimeModelSendInterrupt: _interrupt,
        inputs.RealtimeModelSendSessionUpdate: _update_session,
        inputs.InsertItem: _insert,
        inputs.RestoreHistory: _restore,
        inputs.DeleteItem: _delete,
        inputs.TruncateItem: _truncate,
        inputs.AnswerMcpApproval: _answer_mcp_approval,
        inputs.RealtimeModelSendRawMessage: _raw,
    }


def session_object(
    settings: RealtimeSessionModelSettings, *, call_id: str | None = None, tracing: bool = True
) -> dict[str, Any]:
    """Return the session object for these settings, with their tools and handoffs."""
    return session_payload(settings, call_id=call_id, tools=_tools(settings), tracing=tracing)


def _tools(settings: RealtimeSessionModelSettings) -> list[dict[str, Any]]:
    given = [part for part in (settings.tools, settings.handoffs) if part is not UNSET]
    return [tool for part in given for tool in tools_to_wire(part)]


def _without_voice(settings: RealtimeSessionModelSettings) -> RealtimeSessionModelSettings:
    output = attrs.evolve(settings.audio.output, voice=UNSET)
    return attrs.evolve(settings, audio=attrs.evolve(settings.audio, output=output))


def _check_url_model(url_model: str, settings: RealtimeSessionModelSettings) -> None:
    """Raise `SettingsError` where the settings name another model than the URL."""
    if settings.model_name not in (UNSET, url_model):
        raise SettingsError(
            f"the URL names the model {url_model!r}: leave model_name out, or name the same",
            path="model_name",
        )


def _mapping(message: object) -> Mapping[str, Any]:
    if not isinstance(message, Mapping):
        raise UserError(f"a raw event must be a mapping, not {type(message).__name__}")
    return cast("Mapping[str, Any]", message)
