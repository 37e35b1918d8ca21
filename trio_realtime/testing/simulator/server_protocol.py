"""The server's side of the GA protocol for one connection, without a socket or a clock.

:mod:`.served_connection` hands it every frame and performs the effects it leaves in its outlet.
This is the only module that decides what a client event does; shapes are checked in
:mod:`.schema`, the user's audio is handled in :mod:`.listening`, the model's answers in
:mod:`.responding`.
"""

import json
import math
from collections.abc import Callable
from typing import ClassVar, cast

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import Conversation
from trio_realtime.testing.simulator.listening import Listening
from trio_realtime.testing.simulator.mcp_servers import McpServers
from trio_realtime.testing.simulator.outlet import Event, Outlet
from trio_realtime.testing.simulator.output_buffer import OutputBuffer
from trio_realtime.testing.simulator.replies import Heard, Utterance
from trio_realtime.testing.simulator.responding import Cause, Responding
from trio_realtime.testing.simulator.response_playing import Response
from trio_realtime.testing.simulator.schema import check_client_event
from trio_realtime.testing.simulator.served_items import ItemMaker, decoded_audio
from trio_realtime.testing.simulator.served_session import (
    Session,
    input_format,
    new_session,
    new_transcription_session,
    updated,
)

Refusals = list[tuple[str, ApiError | None]]
"""Client event types to refuse, each once, with the error to refuse it with; without one, the event
is not answered at all."""

LONGEST_APPEND = 15 * 2**20
"""Bytes of audio that one ``input_audio_buffer.append`` may hold."""


@attrs.define(eq=False)
class Protocol:
    """One session. ``model`` is the URL's, if it named one; ``call_id`` likewise.

    A ``transcription`` session writes down what is said, and answers nothing.

    ``speed`` is how much faster than real time answers stream.
    """

    outlet: Outlet
    hear: Callable[[Utterance], Heard]
    model: str | None = None
    call_id: str | None = None
    expires_at: int = 0
    refusals: Refusals = attrs.field(factory=Refusals)
    speed: float = attrs.field(default=math.inf, kw_only=True)
    transcription: bool = attrs.field(default=False, kw_only=True)
    session: Session = attrs.field(init=False)
    conversation: Conversation = attrs.field(init=False)
    _listening: Listening = attrs.field(init=False)
    _items: ItemMaker = attrs.field(init=False)
    _buffer: OutputBuffer | None = attrs.field(init=False)
    _responding: Responding = attrs.field(init=False)
    _mcp: McpServers = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        ids = self.outlet.ids
        session_id = ids.new("sess")
        if self.transcription:
            self.session = new_transcription_session(session_id, expires_at=self.expires_at)
        else:
            self.session = new_session(session_id, model=self.model, expires_at=self.expires_at)
        self.conversation = Conversation(ids.new("conv"))
        self._listening = Listening(
            conversation=self.conversation,
            outlet=self.outlet,
            hear=self.hear,
            on_speech_started=self._speech_started,
            on_turn_ended=self._turn_ended,
        )
        self._listening.configure(self.session)
        self._items = ItemMaker(ids=ids, conversation=self.conversation, hear=self._listening.hear)
        self._mcp = McpServers(self.outlet, self.conversation)
        self._buffer = None if self.call_id is None else OutputBuffer(self.outlet, self.speed)
        self._responding = Responding(
            outlet=self.outlet,
            conversation=self.conversation,
            items=self._items,
            buffer=self._buffer,
            on_done=self._response_done,
        )

    @property
    def active(self) -> dict[str, Response]:
        """Responses in progress by id."""
        return self._responding.active

    @property
    def default_response(self) -> Response | None:
        """The response in progress that writes to the conversation."""
        return self._responding.in_conversation

    def begin(self) -> None:
        """The client has connected. On a call, which has its session already, nothing is said."""
        if self.call_id is None:
            self.outlet.send("session.created", session=self.session)

    def receive(self, message: str | bytes) -> Event | None:
        """Act on a frame; returns the event in it, None if there is none."""
        event_id = None
        event = None
        try:
            event = parsed(message)
            if isinstance(event.get("event_id"), str):
                event_id = event["event_id"]
            check_client_event(event, "")
            if not self._is_ignored(event["type"]):
                self._HANDLERS[event["type"]](self, event)
        except ApiError as error:
            self.outlet.send("error", error=error.render(event_id))
        return event

    def _is_ignored(self, event_type: str) -> bool:
        """Whether to leave this event unanswered. Raises the error it is to be refused with."""
        for refusal in self.refusals:
            if refusal[0] == event_type:
                self.refusals.remove(refusal)
                if refusal[1] is None:
                    return True
                raise refusal[1]
        return False

    # -- session -------------------------------------------------------------------------------

    def _update_session(self, event: Event) -> None:
        self.session = updated(
            self.session,
            event["session"],
            spoken=self._responding.spoken,
            model_is_fixed=self.model is not None,
        )
        self._listening.configure(self.session)
        self.outlet.send("session.updated", session=self.session)
        self._mcp.list_tools(self.session.get("tools", []))

    def _refuse_translation_event(self, event: Event) -> None:
        raise ApiError(
            f"'{event['type']}' is only supported in translation sessions.",
            code="invalid_event",
            param="type",
        )

    # -- audio ---------------------------------------------------------------------------------

    def _append(self, event: Event) -> None:
        audio = decoded_audio(event["audio"], "audio", input_format(self.session))
        if len(audio) > LONGEST_APPEND:
            raise ApiError(
                f"Invalid 'audio': expected at most {LONGEST_APPEND} bytes of audio, but got"
                f" {len(audio)}.",
                code="invalid_value",
                param="audio",
            )
        self._listening.append(audio)

    def _commit(self, _event: Event) -> None:
        self._listening.commit()

    def _clear(self, _event: Event) -> None:
        self._listening.clear()

    def _clear_output(self, _event: Event) -> None:
        if self._buffer is None or self._responding.last_id is None:
            raise ApiError(
                "Output audio can only be cleared where the server plays it: over WebRTC or SIP.",
                code="invalid_event",
                param="type",
            )
        self._buffer.clear(self._responding.last_id)

    def _speech_started(self) -> None:
        if not self.session["audio"]["input"]["turn_detection"]["interrupt_response"]:
            return
        response = self.default_response
        if response is not None:
            self._responding.interrupt(response, "turn_detected")
        if self._buffer is not None:
            self._buffer.clear()

    def _turn_ended(self, cause: str) -> None:
        if self.transcription:
            return
        if not self.session["audio"]["input"]["turn_detection"]["create_response"]:
            return
        try:
            self._responding.begin(self.session, {}, cast("Cause", cause))
        except ApiError as error:
            self.outlet.send("error", error=error.render(None))

    # -- items ---------------------------------------------------------------------------------

    def _create_item(self, event: Event) -> None:
        after = event.get("previous_item_id")
        source = event["item"]
        self.conversation.check_insertion(source.get("id"), after)
        if source["type"] == "function_call_output":
            self._items.check_call(source["call_id"])
        if source["type"] == "mcp_approval_response":
            self._items.check_approval(source["approval_request_id"])
        item = self._items.make(source, "item", input_format(self.session))
        previous_id = self.conversation.insert(item, after)
        for name in ("conversation.item.added", "conversation.item.done"):
            self.outlet.send(name, previous_item_id=previous_id, item=item.render())
        if source["type"] == "mcp_approval_response":
            self._responding.begin(self.session, {}, "client")  # the service goes on by itself

    def _retrieve_item(self, event: Event) -> None:
        item = self.conversation.get(event["item_id"], doing="retrieve")
        self.outlet.send("conversation.item.retrieved", item=item.render(with_audio=True))

    def _truncate_item(self, event: Event) -> None:
        where = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        self.conversation.truncate(**where)
        self.outlet.send("conversation.item.truncated", **where)

    def _delete_item(self, event: Event) -> None:
        self.conversation.delete(event["item_id"])
        self.outlet.send("conversation.item.deleted", item_id=event["item_id"])

    # -- responses -----------------------------------------------------------------------------

    def _create_response(self, event: Event) -> None:
        if self.transcription:
            raise ApiError(
                "Responses cannot be created in a transcription session.",
                code="invalid_event",
                param="type",
            )
        self._responding.begin(self.session, event.get("response") or {}, "client")

    def _cancel_response(self, event: Event) -> None:
        self._responding.cancel(event.get("response_id"))

    def _response_done(self, response: Response) -> None:
        self._listening.watch_idle(response.audio_ms)

    _HANDLERS: ClassVar[dict[str, Callable[["Protocol", Event], None]]] = {
        "session.update": _update_session,
        "session.close": _refuse_translation_event,
        "session.input_audio_buffer.append": _refuse_translation_event,
        "input_audio_buffer.append": _append,
        "input_audio_buffer.commit": _commit,
        "input_audio_buffer.clear": _clear,
        "output_audio_buffer.clear": _clear_output,
        "conversation.item.create": _create_item,
        "conversation.item.retrieve": _retrieve_item,
        "conversation.item.truncate": _truncate_item,
        "conversation.item.delete": _delete_item,
        "response.create": _create_response,
        "response.cancel": _cancel_response,
    }


def parsed(message: str | bytes) -> Event:
    """The JSON object in a frame, or the API's error."""
    if isinstance(message, bytes):
        raise ApiError(
            "Expected a text WebSocket message; binary frames are not supported.",
            code="invalid_event",
        )
    try:
        event = json.loads(message)
    except RecursionError:
        raise _no_json("It is nested too deeply.") from None
    except ValueError as error:
        raise _no_json(f"{error}.") from None
    if not isinstance(event, dict):
        raise _no_json("It is not an object.")
    return cast("Event", event)


def _no_json(reason: str) -> ApiError:
    return ApiError(f"Invalid event: failed to parse JSON value. {reason}", code="invalid_json")
