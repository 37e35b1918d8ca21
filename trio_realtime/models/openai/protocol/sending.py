"""The session's side of the protocol: model inputs in, frames out.

`RealtimeProtocol.send` hands every input to `InputSender.send`. Nothing is sent of an input that
is wrong: each handler makes its frames, which checks them, before it puts the first.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import attrs

from ...._util.type_checks import UNSET
from ....errors import UserError
from ....items import InputImage, InputText
from ... import inputs
from ...session_settings import RealtimeSessionModelSettings, nested_form
from ..wire import client_events as frames
from ..wire.session_update import session_payload
from .out_of_band import REQUEST_KEY, OutOfBand
from .outbox import Events, Outgoing
from .session_state import SessionFacts


@attrs.define(eq=False, repr=False)
class InputSender:
    """Turns the inputs of one connection into frames."""

    _outgoing: Outgoing
    _facts: SessionFacts
    _out_of_band: OutOfBand
    _call_id: str | None

    def open(self, settings: RealtimeSessionModelSettings) -> None:
        """The first frame of a connection: how the session shall be."""
        self._update(session_object(settings, call_id=self._call_id))

    def send(self, given: inputs.RealtimeModelInput, now: float, out: Events) -> None:
        """Send one input; raises `UserError`, and then has changed nothing."""
        handle = self._HANDLERS.get(type(given))
        if handle is None:
            raise UserError(f"{type(given).__name__} is no model input")
        handle(self, given, now, out)

    # Items

    def _user_input(
        self, given: inputs.RealtimeModelSendUserInput, now: float, out: Events
    ) -> None:
        content = [_content_part(part) for part in given.content]
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

    # Audio

    def _append_audio(
        self, given: inputs.RealtimeModelSendAudio, _now: float, _out: Events
    ) -> None:
        self._outgoing.put(frames.append_audio(given.audio))
        if given.commit:
            self._outgoing.put(frames.commit_audio())

    def _commit_audio(
        self, _given: inputs.RealtimeModelCommitAudio, _now: float, _out: Events
    ) -> None:
        self._outgoing.put(frames.commit_audio())

    def _clear_audio(
        self, _given: inputs.RealtimeModelClearAudio, _now: float, _out: Events
    ) -> None:
        self._outgoing.put(frames.clear_audio())

    # Responses

    def _create_response(
        self, given: inputs.RealtimeModelCreateResponse, now: float, out: Events
    ) -> None:
        if given.out_of_band:
            frames.create_response(given.params)
            event_id = given.event_id or self._outgoing.new_event_id()
            params = self._out_of_band.request(given.params, event_id)
            self._outgoing.put(frames.create_response(params, event_id))
        elif given.automatic:
            self._outgoing.act(self._outgoing.turns.request(now=now), out)
        else:
            self._request(given.params, given.event_id, now, out)

    def _request(
        self, params: Mapping[str, Any] | None, event_id: str | None, now: float, out: Events
    ) -> None:
        # Wrong parameters are refused now, and what the caller changes in them later is not sent.
        frozen = json.loads(frames.create_response(params)).get("response")
        turns = self._outgoing.turns
        commands = turns.request(now=now, automatic=False, params=frozen, event_id=event_id)
        self._outgoing.act(commands, out)

    def _interrupt(self, given: inputs.RealtimeModelSendInterrupt, now: float, out: Events) -> None:
        """Nobody spoke, so the server will not cancel by itself, whatever its turn detection."""
        response_id = given.response_id
        beside = response_id in self._out_of_band
        self._outgoing.interrupt(now, out, response_id=response_id, cancel=not beside)
        if self._call_id is not None:
            # The audio of a call is played at the server, which has more of it than was heard.
            self._outgoing.put_own("output_audio_buffer.clear")
        if beside:
            self._outgoing.audio.silence(response_id)
            self._outgoing.put_own("response.cancel", response_id=response_id)

    # Session

    def _update_session(
        self, given: inputs.RealtimeModelSendSessionUpdate, _now: float, _out: Events
    ) -> None:
        settings = given.session_settings
        session = session_object(settings, call_id=self._call_id, tracing=False)
        self._facts.name_model(session, named=settings.model_name is not UNSET)
        if self._outgoing.audio.any_yet:
            if nested_form(settings).audio.output.voice is UNSET:
                session["audio"].get("output", {}).pop("voice", None)
            self._facts.check_voice(session)
        self._update(session)

    def _update(self, session: dict[str, Any]) -> None:
        self._outgoing.put(frames.update_session(session))
        self._facts.asked(session)

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
        self._out_of_band.raw_request(event_id)
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
        """The caller cuts an item, so nothing of ours shall."""
        self._outgoing.audio.playback.discard(event["item_id"], now)
        return True

    def _raw_update(self, event: Mapping[str, Any], _now: float, _out: Events) -> bool:
        session: Mapping[str, Any] = event["session"]
        if self._outgoing.audio.any_yet:
            self._facts.check_voice(session)
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
        inputs.RealtimeModelSendRawMessage: _raw,
    }


def session_object(
    settings: RealtimeSessionModelSettings, *, call_id: str | None = None, tracing: bool = True
) -> dict[str, Any]:
    """The session object for these settings, with their tools and handoffs in wire form."""
    given = [part for part in (settings.tools, settings.handoffs) if part is not UNSET]
    tools = [tool.to_wire() for part in given for tool in part]
    return session_payload(settings, call_id=call_id, tools=tools, tracing=tracing)


def _mapping(message: object) -> Mapping[str, Any]:
    if not isinstance(message, Mapping):
        raise UserError(f"a raw event must be a mapping, not {type(message).__name__}")
    return cast("Mapping[str, Any]", message)


def _content_part(part: InputText | InputImage) -> dict[str, Any]:
    if isinstance(part, InputText):
        return {"type": "input_text", "text": part.text}
    image: dict[str, Any] = {"type": "input_image", "image_url": part.image_url}
    if part.detail is not None:
        image["detail"] = part.detail
    return image
