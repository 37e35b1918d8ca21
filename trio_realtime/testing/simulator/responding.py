"""The model's side of one connection: which responses there are, and what each begins with.

Used by :mod:`.server_protocol`, for ``response.create``, ``response.cancel`` and the ends of the
user's turns. How a response goes on once it has begun is in :mod:`.response_playing`.
"""

from collections.abc import Callable
from typing import Any, Literal

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import Conversation, Item
from trio_realtime.testing.simulator.model_traits import traits_of
from trio_realtime.testing.simulator.outlet import Outlet, Start, Stop, StopWatching
from trio_realtime.testing.simulator.output_buffer import OutputBuffer
from trio_realtime.testing.simulator.replies import Turn
from trio_realtime.testing.simulator.response_playing import Response, Settings
from trio_realtime.testing.simulator.served_formats import FORMATS
from trio_realtime.testing.simulator.served_items import ItemMaker
from trio_realtime.testing.simulator.served_session import Session, input_format
from trio_realtime.testing.simulator.usage import prompt_tokens

Cause = Literal["client", "speech", "idle"]

_TOKENS_PER_MINUTE = 400_000


@attrs.define(eq=False, kw_only=True)
class Responding:
    """Begins, interrupts and counts the responses of one conversation.

    ``on_done`` is called with every response of the conversation that has ended. ``buffer`` is
    where the audio goes when the client does not play it itself; None sends it to the client.
    """

    _outlet: Outlet = attrs.field(alias="outlet")
    _conversation: Conversation = attrs.field(alias="conversation")
    _items: ItemMaker = attrs.field(alias="items")
    _buffer: OutputBuffer | None = attrs.field(alias="buffer")
    _on_done: Callable[[Response], None] = attrs.field(alias="on_done")
    active: dict[str, Response] = attrs.field(init=False, factory=dict[str, Response])
    """Responses in progress by id."""
    spoken: bool = attrs.field(init=False, default=False)
    """Whether the model has produced audio."""
    last_id: str | None = attrs.field(init=False, default=None)
    """The id of the response begun last."""
    _begun: int = attrs.field(init=False, default=0)
    _prompted: set[str] = attrs.field(init=False, factory=set[str])

    @property
    def in_conversation(self) -> Response | None:
        """The response in progress that writes to the conversation."""
        return next((each for each in self.active.values() if each.conversation), None)

    def begin(self, session: Session, params: dict[str, Any], cause: Cause) -> None:
        """Begin a response with these parameters of ``response.create``."""
        params = _without_nulls(params)
        out_of_band = params.get("conversation") == "none"
        active = self.in_conversation
        if active is not None and not out_of_band:
            raise ApiError(
                f"Conversation already has an active response in progress: {active.id}."
                " Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        context = self._context(session, params)
        self._outlet.add(StopWatching())
        turn = self._turn(session, params, cause, context)
        prompt, cached = prompt_tokens(turn.instructions, turn.tools, context, self._prompted)
        response = Response(
            id=turn.response_id,
            turn=turn,
            settings=_settings(session, params),
            conversation=None if out_of_band else self._conversation,
            prompt=prompt,
            cached=cached,
            on_done=self._done,
            outlet=self._outlet,
            buffer=self._buffer,
        )
        self._prompted.update(item.id for item in context)
        self._begun += 1
        self.last_id = response.id
        self.active[response.id] = response
        response.begin()
        self._outlet.add(Start(response))

    def cancel(self, response_id: str | None) -> None:
        """Cancel a response at the client's wish; None means the conversation's."""
        response = self.in_conversation if response_id is None else self.active.get(response_id)
        if response is None:
            raise ApiError(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        self.interrupt(response, "client_cancelled")

    def interrupt(self, response: Response, reason: str) -> None:
        """End a response as cancelled, for this reason."""
        response.finish("cancelled", reason=reason)
        self._outlet.add(Stop(response))

    def _context(self, session: Session, params: dict[str, Any]) -> list[Item]:
        if "input" not in params:
            return self._conversation.items
        context: list[Item] = []
        for index, source in enumerate(params["input"]):
            path = f"response.input[{index}]"
            if source["type"] != "item_reference":
                context.append(self._items.make(source, path, input_format(session)))
                continue
            item = self._conversation.find(source["id"])
            if item is None:
                raise ApiError(
                    f"Item with id '{source['id']}' not found.",
                    code="invalid_value",
                    param=f"{path}.id",
                )
            context.append(item)
        return context

    def _turn(
        self, session: Session, params: dict[str, Any], cause: Cause, context: list[Item]
    ) -> Turn:
        merged = {**session, **params}
        return Turn(
            number=self._begun,
            response_id=self._outlet.ids.new("resp"),
            cause=cause,
            items=tuple(item.describe() for item in context),
            instructions=merged["instructions"],
            tools=merged["tools"],
            tool_choice=merged["tool_choice"],
            output_modalities=merged["output_modalities"],
            metadata=params.get("metadata"),
            out_of_band=params.get("conversation") == "none",
        )

    def _done(self, response: Response) -> None:
        del self.active[response.id]
        self.spoken = self.spoken or response.audio_ms > 0
        self._send_rate_limits(response)
        if self._buffer is not None:
            self._buffer.filled(response.id, response.audio_ms)
        if response.conversation is not None:
            self._on_done(response)

    def _send_rate_limits(self, response: Response) -> None:
        limit = {
            "name": "tokens",
            "limit": _TOKENS_PER_MINUTE,
            "remaining": _TOKENS_PER_MINUTE - response.tokens_used,
            "reset_seconds": 0.1,
        }
        self._outlet.send("rate_limits.updated", rate_limits=[limit])


def _without_nulls(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that are set: clients send ``null`` for what they leave to the session."""
    given = {name: value for name, value in params.items() if value is not None}
    output: dict[str, Any] = given.get("audio", {}).get("output") or {}
    given["audio"] = {"output": {name: it for name, it in output.items() if it is not None}}
    return given


def _settings(session: Session, params: dict[str, Any]) -> Settings:
    output = {**session["audio"]["output"], **params["audio"]["output"]}
    voice: Any = output["voice"]
    merged = {**session, **params}
    reasoning: dict[str, Any] = merged.get("reasoning") or {}
    return Settings(
        traits=traits_of(session["model"]),
        output_modalities=merged["output_modalities"],
        audio_format=FORMATS[output["format"]["type"]],
        voice=voice if isinstance(voice, str) else voice["id"],
        speed=output["speed"],
        max_output_tokens=merged["max_output_tokens"],
        metadata=params.get("metadata"),
        effort=reasoning.get("effort"),
    )
