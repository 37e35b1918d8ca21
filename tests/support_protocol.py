"""A protocol core to talk to from both sides: the server's events in, decoded frames out."""

import base64
import json
from collections import deque
from typing import Any

import attrs

from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.items import InputText
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol

SECOND = bytes(48_000)
"""Of PCM16."""


@attrs.define(eq=False)
class Client:
    """A protocol, with what it sends decoded and what it tells collected."""

    protocol: RealtimeProtocol = attrs.field(factory=RealtimeProtocol)
    now: float = 100.0

    def hears(self, kind: str, /, **fields: Any) -> list[Any]:
        """What one frame of the server is told as, the raw event aside."""
        return self.hears_frame(json.dumps({"type": kind, "event_id": "event_1", **fields}))

    def hears_frame(self, frame: str | bytes) -> list[Any]:
        out: deque[Any] = deque()
        self.protocol.receive(frame, self.now, out)
        raw, *events = out
        assert isinstance(raw, model.RealtimeModelRawServerEvent)
        assert raw.frame is frame
        return events

    def says(self, given: inputs.RealtimeModelInput) -> list[Any]:
        out: deque[Any] = deque()
        self.protocol.send(given, self.now, out)
        return list(out)

    def time_passes(self) -> list[Any]:
        """What the clock's having come to ``now`` is told as."""
        out: deque[Any] = deque()
        self.protocol.expire(self.now, out)
        return list(out)

    def sent(self) -> list[dict[str, Any]]:
        """What there is to send since the last time."""
        frames = self.protocol.data_to_send()
        assert self.protocol.pending_bytes == 0
        return [json.loads(frame) for frame in frames]

    def sent_briefly(self) -> list[str]:
        """The same, as the last word of each type with what it is about."""
        about = ("item_id", "response_id", "audio_end_ms")
        return [
            " ".join([each["type"], *(str(each[name]) for name in about if name in each)])
            for each in self.sent()
        ]

    # A server's part

    def begins(self, response_id: str = "r1", **fields: Any) -> list[Any]:
        response = {"id": response_id, "conversation_id": "conv", "status": "in_progress"}
        return self.hears("response.created", response=response | fields)

    def ends(self, response_id: str = "r1", **fields: Any) -> list[Any]:
        response = {"id": response_id, "conversation_id": "conv", "status": "completed"}
        return self.hears("response.done", response=response | fields)

    def speaks(
        self,
        pcm: bytes = SECOND,
        item_id: str = "a1",
        response_id: str = "r1",
        index: int = 0,
        *,
        taken: bool = True,
    ) -> list[Any]:
        """Audio, which the application takes at once unless told otherwise."""
        events = self.hears(
            "response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=index,
            delta=base64.b64encode(pcm).decode(),
        )
        if events and taken:
            self.protocol.delivered(item_id, index, len(pcm), self.now)
        return events

    def finishes(self, item_id: str = "a1", response_id: str = "r1") -> list[Any]:
        return self.hears(
            "response.output_audio.done",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
        )

    def is_interrupted(self) -> list[Any]:
        return self.hears("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=1000)

    def refuses(self, code: str, event_id: str | None, kind: str = "invalid_request_error") -> Any:
        error = {"type": kind, "code": code, "message": "No.", "event_id": event_id}
        return self.hears("error", error=error)


def make(settings: RealtimeSessionModelSettings | None = None, **fields: Any) -> Client:
    """A client whose opening settings the server has taken."""
    client = Client(RealtimeProtocol(**fields))
    client.protocol.open(settings or RealtimeSessionModelSettings())
    client.sent()
    client.hears("session.updated", session={})
    return client


def asked() -> inputs.RealtimeModelSendUserInput:
    return inputs.RealtimeModelSendUserInput(content=(InputText(text="hi"),))


def session_with(turn_detection: Any, **output: Any) -> dict[str, Any]:
    return {
        "type": "realtime",
        "audio": {"input": {"turn_detection": turn_detection}, "output": output},
    }
