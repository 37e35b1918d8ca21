"""A model of one's own: the protocol of an imaginary service, and the recipe to reach it.

The service takes and sends JSON. From us: ``begin``, ``user``, ``audio``, ``result`` and ``stop``.
From it: ``ready``; then, for each answer, ``answer``, some of ``words``, ``sound`` and ``call``,
and ``end``. It hears by itself when the user begins to speak, and says ``listening``.
"""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    InputText,
    ModelCapabilities,
    ModelProtocol,
    RealtimeConnection,
    RealtimeModel,
    RealtimeModelConfig,
    RealtimeSessionModelSettings,
    UserError,
    connect_protocol,
)
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.playback.cuts import Truncation
from trio_realtime.models.playback.ledger import PlaybackLedger
from trio_realtime.models.sans_io import Events, Opening


class ParrotProtocol(ModelProtocol):
    """The client's side of one connection: no socket, no clock, nothing to wait for."""

    def __init__(self, playback: PlaybackLedger) -> None:
        self._frames: list[str] = []
        self._opening: Opening = "waiting"
        self._playback = playback
        self._answer = ""  # the answer being given; its id is also that of its item
        self._said = ""

    # -- towards the service

    def open(self, settings: RealtimeSessionModelSettings) -> None:
        self._begin(settings)

    @property
    def opening(self) -> Opening:
        return self._opening

    def send(self, input: inputs.RealtimeModelInput, now: float, out: Events) -> None:
        match input:
            case inputs.RealtimeModelSendUserInput(content=content):
                self._put(user=" ".join(p.text for p in content if isinstance(p, InputText)))
            case inputs.RealtimeModelSendAudio(audio=audio):
                self._put(audio=base64.b64encode(audio).decode())
            case inputs.RealtimeModelSendToolOutput(tool_call=call, output=output):
                self._put(result={"call": call.call_id, "output": output})
            case inputs.RealtimeModelCreateResponse(automatic=True):
                pass  # the parrot answers users and results unasked
            case inputs.RealtimeModelSendInterrupt():
                self._put(stop=self._answer)
                self._interrupt(now, out)
            case inputs.RealtimeModelSendSessionUpdate(session_settings=settings):
                self._begin(settings)
            case _:
                raise UserError(f"the parrot has no {type(input).__name__}")

    @property
    def pending_bytes(self) -> int:
        return sum(len(frame) for frame in self._frames)

    def data_to_send(self) -> list[str]:
        taken, self._frames = self._frames, []
        return taken

    def _put(self, **message: Any) -> None:
        self._frames.append(json.dumps(message))

    def _begin(self, settings: RealtimeSessionModelSettings) -> None:
        given = settings.given()  # without what nobody has set
        tools = [{"name": t.name, "takes": t.params_json_schema} for t in given.get("tools", ())]
        self._put(begin={"instructions": given.get("instructions", ""), "tools": tools})

    # -- from the service

    def receive(self, frame: str | bytes, now: float, out: Events) -> None:
        out.append(model.RealtimeModelRawServerEvent(frame, json.loads))
        try:
            (name, value), *_ = json.loads(frame).items()
            getattr(self, f"_on_{name}")(value, now, out)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            out.append(model.RealtimeModelErrorEvent(error=problem))

    def _on_ready(self, _value: Any, _now: float, _out: Events) -> None:
        self._opening = "open"

    def _on_answer(self, answer: str, _now: float, out: Events) -> None:
        self._answer, self._said = answer, ""
        out.append(model.RealtimeModelTurnStartedEvent(response_id=answer))

    def _on_words(self, words: str, _now: float, out: Events) -> None:
        self._said += words
        out.append(
            model.RealtimeModelTranscriptDeltaEvent(
                item_id=self._answer, delta=words, response_id=self._answer
            )
        )

    def _on_sound(self, sound: str, now: float, out: Events) -> None:
        pcm = base64.b64decode(sound)
        # False for what comes of an answer after the user has interrupted it.
        if self._playback.received(self._answer, 0, len(pcm), now, delivered=False):
            out.append(
                model.RealtimeModelAudioEvent(
                    data=pcm, response_id=self._answer, item_id=self._answer, content_index=0
                )
            )

    def _on_call(self, call: dict[str, Any], _now: float, out: Events) -> None:
        out.append(
            model.RealtimeModelToolCallEvent(
                id=call["id"],
                call_id=call["id"],
                name=call["name"],
                arguments=json.dumps(call["arguments"]),
                response_id=self._answer,
            )
        )

    def _on_listening(self, _value: Any, now: float, out: Events) -> None:
        out.append(model.RealtimeModelSpeechStartedEvent(item_id="user", audio_start_ms=0))
        self._interrupt(now, out)

    def _on_end(self, status: Any, _now: float, out: Events) -> None:
        self._playback.finished(self._answer)
        if self._said:
            item = AssistantMessageItem(
                item_id=self._answer,
                content=(AssistantAudio(transcript=self._said),),
                status="completed" if status == "completed" else "incomplete",
            )
            out.append(model.RealtimeModelItemUpdatedEvent(item=item, announced=True))
        out.append(model.RealtimeModelTurnEndedEvent(response_id=self._answer, status=status))

    # -- what the user hears

    def delivered(self, item_id: str, content_index: int, nbytes: int, now: float) -> None:
        self._playback.delivered(item_id, content_index, nbytes, now)

    def remaining_ms(self, response_id: str, now: float) -> float:
        return self._playback.remaining_ms(now, response_id)

    def _interrupt(self, now: float, out: Events) -> None:
        for cut in self._playback.interrupt(now):
            heard_ms = cut.audio_end_ms if isinstance(cut, Truncation) else 0
            out.append(
                model.RealtimeModelAudioInterruptedEvent(
                    item_id=cut.item_id,
                    content_index=cut.content_index,
                    heard_ms=heard_ms,
                    response_id=cut.item_id,
                )
            )


class ParrotModel(RealtimeModel):
    """The recipe: where the service is, and how it knows us."""

    def __init__(self, **transport: Any) -> None:
        self._transport = transport

    @property
    def capabilities(self) -> ModelCapabilities:
        return ModelCapabilities(
            model="the parrot",
            out_of_band=False,
            echoed_metadata=False,
            push_to_talk=False,
            images=False,
            conversation_items=False,
            hosted_mcp=False,
        )

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[RealtimeConnection]:
        async with connect_protocol(
            ParrotProtocol(config.own_playback()),
            config.initial_model_settings or RealtimeSessionModelSettings(),
            url=config.url or "wss://parrot.example/talk",
            headers={"X-Parrot-Key": str(config.api_key)},
            **self._transport,
        ) as connection:
            yield connection
