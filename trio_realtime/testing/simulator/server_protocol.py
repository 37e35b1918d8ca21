"""The server's side of the GA protocol for one connection, without a socket or a clock.

:mod:`.connection` hands it every frame and performs the effects it leaves in its outlet. This is
the only module that decides what a client event does; shapes are checked in :mod:`.schema`, the
user's audio is handled in :mod:`.listening`, the model's answers in :mod:`.responses`.
"""

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any, ClassVar, Literal, cast

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import Conversation, Item, Part
from trio_realtime.testing.simulator.listening import Listening
from trio_realtime.testing.simulator.outlet import Event, Outlet, Start, Stop, StopWatching
from trio_realtime.testing.simulator.replies import Heard, Turn, Utterance
from trio_realtime.testing.simulator.response_playing import Response, Settings
from trio_realtime.testing.simulator.schema import check_client_event
from trio_realtime.testing.simulator.served_formats import FORMATS
from trio_realtime.testing.simulator.served_session import (
    Session,
    input_format,
    new_session,
    updated,
)
from trio_realtime.testing.simulator.usage import prompt_tokens

_RATE_LIMITS = {"requests": 5_000, "tokens": 400_000}

Refusals = list[tuple[str, ApiError | None]]
"""Client event types to refuse, each once, with the error to refuse it with; without one, the event
is not answered at all."""


@attrs.define(eq=False)
class Protocol:
    """One session. ``model`` is the URL's, if it named one; ``call_id`` likewise."""

    outlet: Outlet
    hear: Callable[[Utterance], Heard]
    model: str | None = None
    call_id: str | None = None
    expires_at: int = 0
    refusals: Refusals = attrs.field(factory=Refusals)
    session: Session = attrs.field(init=False)
    conversation: Conversation = attrs.field(init=False)
    active: dict[str, Response] = attrs.field(init=False, factory=dict[str, Response])
    """Responses in progress by id."""
    _listening: Listening = attrs.field(init=False)
    _spoken: bool = attrs.field(init=False, default=False)
    _responses: int = attrs.field(init=False, default=0)
    _last_response_id: str | None = attrs.field(init=False, default=None)
    _prompted: set[str] = attrs.field(init=False, factory=set[str])

    def __attrs_post_init__(self) -> None:
        ids = self.outlet.ids
        self.session = new_session(ids.new("sess"), model=self.model, expires_at=self.expires_at)
        self.conversation = Conversation(ids.new("conv"))
        self._listening = Listening(
            conversation=self.conversation,
            outlet=self.outlet,
            hear=self.hear,
            on_speech_started=self._speech_started,
            on_turn_ended=self._turn_ended,
        )
        self._listening.configure(self.session)

    @property
    def default_response(self) -> Response | None:
        """The response in progress that writes to the conversation."""
        return next((each for each in self.active.values() if each.conversation), None)

    def begin(self) -> None:
        """The client has connected."""
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
            spoken=self._spoken,
            model_is_fixed=self.model is not None,
        )
        self._listening.configure(self.session)
        self.outlet.send("session.updated", session=self.session)

    # -- audio ---------------------------------------------------------------------------------

    def _append(self, event: Event) -> None:
        self._listening.append(decoded_audio(event["audio"], "audio", self.session))

    def _commit(self, _event: Event) -> None:
        self._listening.commit()

    def _clear(self, _event: Event) -> None:
        self._listening.clear()

    def _clear_output(self, _event: Event) -> None:
        if self.call_id is None or self._last_response_id is None:
            raise ApiError(
                "Output audio can only be cleared where the server plays it: over WebRTC or SIP.",
                code="invalid_event",
                param="type",
            )
        self.outlet.send("output_audio_buffer.cleared", response_id=self._last_response_id)

    def _speech_started(self) -> None:
        detection = self.session["audio"]["input"]["turn_detection"]
        response = self.default_response
        if detection["interrupt_response"] and response is not None:
            self._interrupt(response, "turn_detected")

    def _turn_ended(self, cause: str) -> None:
        if not self.session["audio"]["input"]["turn_detection"]["create_response"]:
            return
        try:
            self._respond({}, cast("Literal['speech', 'idle']", cause))
        except ApiError as error:
            self.outlet.send("error", error=error.render(None))

    # -- items ---------------------------------------------------------------------------------

    def _create_item(self, event: Event) -> None:
        after = event.get("previous_item_id")
        self.conversation.check_insertion(event["item"].get("id"), after)
        if event["item"]["type"] == "function_call_output":
            self._check_call(event["item"]["call_id"])
        item = self._item(event["item"], "item")
        previous_id = self.conversation.insert(item, after)
        for name in ("conversation.item.added", "conversation.item.done"):
            self.outlet.send(name, previous_item_id=previous_id, item=item.render())

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

    def _item(self, source: dict[str, Any], path: str) -> Item:
        """An item from what a client sent; the server decides its status."""
        item_id = source.get("id") or self.outlet.ids.new("item")
        known = ("id", "object", "type", "status", "content")
        fields = {name: value for name, value in source.items() if name not in known}
        parts = None
        if source["type"] == "message":
            parts = [
                self._part(item_id, content, f"{path}.content[{index}]")
                for index, content in enumerate(source["content"])
            ]
        elif source["type"] == "function_call":
            fields.setdefault("call_id", self.outlet.ids.new("call"))
        return Item(id=item_id, type=source["type"], status="completed", fields=fields, parts=parts)

    def _part(self, item_id: str, source: dict[str, Any], path: str) -> Part:
        if source["type"] != "input_audio":
            return Part(fields=dict(source))
        audio = decoded_audio(source["audio"], f"{path}.audio", self.session)
        transcript = source.get("transcript")
        part = Part(
            fields={"type": "input_audio", "transcript": transcript},
            audio=bytearray(audio),
            format=input_format(self.session),
            heard=transcript,
        )
        if transcript is None:
            self._listening.hear(item_id, part)
        return part

    def _check_call(self, call_id: str) -> None:
        calls = (item for item in self.conversation.items if item.type == "function_call")
        if all(item.fields["call_id"] != call_id for item in calls):
            raise ApiError(
                f"Tool call ID '{call_id}' not found in conversation.",
                code="invalid_tool_call_id",
            )

    # -- responses -----------------------------------------------------------------------------

    def _create_response(self, event: Event) -> None:
        self._respond(event.get("response") or {}, "client")

    def _cancel_response(self, event: Event) -> None:
        wanted = event.get("response_id")
        response = self.default_response if wanted is None else self.active.get(wanted)
        if response is None:
            raise ApiError(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        self._interrupt(response, "client_cancelled")

    def _respond(self, params: dict[str, Any], cause: Literal["client", "speech", "idle"]) -> None:
        """Begin a response with these parameters of ``response.create``."""
        out_of_band = params.get("conversation") == "none"
        active = self.default_response
        if active is not None and not out_of_band:
            raise ApiError(
                f"Conversation already has an active response in progress: {active.id}."
                " Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        context = self._context(params)
        self.outlet.add(StopWatching())
        turn = self._turn(params, cause, context, out_of_band=out_of_band)
        prompt, cached = prompt_tokens(turn.instructions, turn.tools, context, self._prompted)
        response = Response(
            id=turn.response_id,
            turn=turn,
            settings=self._settings(params),
            conversation=None if out_of_band else self.conversation,
            prompt=prompt,
            cached=cached,
            on_done=self._response_done,
            outlet=self.outlet,
        )
        self._prompted.update(item.id for item in context)
        self._responses += 1
        self._last_response_id = response.id
        self.active[response.id] = response
        response.begin()
        self._send_rate_limits(response)
        self.outlet.add(Start(response))

    def _context(self, params: dict[str, Any]) -> list[Item]:
        if "input" not in params:
            return self.conversation.items
        context: list[Item] = []
        for index, source in enumerate(params["input"]):
            path = f"response.input[{index}]"
            if source["type"] != "item_reference":
                context.append(self._item(source, path))
                continue
            item = self.conversation.find(source["id"])
            if item is None:
                raise ApiError(
                    f"Item with id '{source['id']}' not found.",
                    code="invalid_value",
                    param=f"{path}.id",
                )
            context.append(item)
        return context

    def _turn(
        self,
        params: dict[str, Any],
        cause: Literal["client", "speech", "idle"],
        context: list[Item],
        *,
        out_of_band: bool,
    ) -> Turn:
        merged = {**self.session, **params}
        return Turn(
            number=self._responses,
            response_id=self.outlet.ids.new("resp"),
            cause=cause,
            items=tuple(item.describe() for item in context),
            instructions=merged["instructions"],
            tools=merged["tools"],
            tool_choice=merged["tool_choice"],
            output_modalities=merged["output_modalities"],
            metadata=params.get("metadata"),
            out_of_band=out_of_band,
        )

    def _settings(self, params: dict[str, Any]) -> Settings:
        output = {**self.session["audio"]["output"], **params.get("audio", {}).get("output", {})}
        voice: Any = output["voice"]
        merged = {**self.session, **params}
        return Settings(
            output_modalities=merged["output_modalities"],
            audio_format=FORMATS[output["format"]["type"]],
            voice=voice if isinstance(voice, str) else voice["id"],
            speed=output["speed"],
            max_output_tokens=merged["max_output_tokens"],
            metadata=params.get("metadata"),
        )

    def _interrupt(self, response: Response, reason: str) -> None:
        response.finish("cancelled", reason=reason)
        self.outlet.add(Stop(response))

    def _response_done(self, response: Response) -> None:
        del self.active[response.id]
        self._spoken = self._spoken or response.audio_ms > 0
        if response.conversation is not None:
            self._listening.watch_idle(response.audio_ms)

    def _send_rate_limits(self, response: Response) -> None:
        used = {"requests": 1, "tokens": response.prompt.total}
        limits = [
            {"name": name, "limit": limit, "remaining": limit - used[name], "reset_seconds": 0.1}
            for name, limit in _RATE_LIMITS.items()
        ]
        self.outlet.send("rate_limits.updated", rate_limits=limits)

    _HANDLERS: ClassVar[dict[str, Callable[["Protocol", Event], None]]] = {
        "session.update": _update_session,
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
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise ApiError("The message is not a JSON object.", code="invalid_json")
    return cast("Event", event)


def decoded_audio(encoded: str, path: str, session: Session) -> bytes:
    """Base64 in the session's input format, or the API's error."""
    with contextlib.suppress(ValueError):
        return base64.b64decode(encoded, validate=True)
    names = {"audio/pcm": "mono PCM16 at 24kHz", "audio/pcmu": "G.711 u-law at 8kHz"}
    expected = names.get(input_format(session).name, "G.711 A-law at 8kHz")
    raise ApiError(
        f"Invalid '{path}'. Expected base64-encoded audio bytes ({expected})"
        " but got an invalid value.",
        code="invalid_value",
        param=path,
    )
