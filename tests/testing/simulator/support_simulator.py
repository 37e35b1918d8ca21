"""What the simulator's tests share: audio to speak, a plain client, a pure peer."""

import base64
import json
import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from trio_realtime.testing.simulator import Hears, RealtimeSimulator
from trio_realtime.testing.simulator.outlet import Effect, Outlet, Send, Start, Stop
from trio_realtime.testing.simulator.replies import hearing, pieces
from trio_realtime.testing.simulator.response_playing import Pause, Response
from trio_realtime.testing.simulator.served_formats import PCM16, AudioFormat
from trio_realtime.testing.simulator.server_protocol import Protocol
from trio_realtime.testing.simulator.voice import speak

Event = dict[str, Any]


def speech(duration_ms: int, audio_format: AudioFormat = PCM16) -> bytes:
    """Sound without a pause in it."""
    chunks = speak("a", audio_format, duration_ms=duration_ms, chunk_ms=duration_ms)
    return b"".join(chunks)


def silence(duration_ms: int, audio_format: AudioFormat = PCM16) -> bytes:
    """The absence of it."""
    return b"".join(speak(" ", audio_format, duration_ms=duration_ms, chunk_ms=duration_ms))


def encoded(audio: bytes) -> str:
    """Base64, as on the wire."""
    return base64.b64encode(audio).decode()


def user_message(text: str, **fields: Any) -> Event:
    """An item a client may create."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **fields}


def types(events: Iterable[Event]) -> list[str]:
    """The types of some events."""
    return [event["type"] for event in events]


def done_of(events: Iterable[Event]) -> Event:
    """The response object of the only ``response.done`` among some events."""
    (done,) = [event for event in events if event["type"] == "response.done"]
    response: Event = done["response"]
    return response


@attrs.define(eq=False)
class Peer:
    """A pure conversation with the protocol: no socket, no clock."""

    hears: Hears = ()
    model: str | None = None
    call_id: str | None = None
    speed: float = math.inf
    transcription: bool = False
    protocol: Protocol = attrs.field(init=False)
    effects: list[Effect] = attrs.field(init=False, factory=list[Effect])
    """What the last call asked of the shell."""

    def __attrs_post_init__(self) -> None:
        self.protocol = Protocol(
            Outlet(),
            hearing(self.hears),
            model=self.model,
            call_id=self.call_id,
            speed=self.speed,
            transcription=self.transcription,
        )
        self.protocol.begin()
        self.taken()

    def taken(self) -> list[Event]:
        """The server events since the last look."""
        self.effects = self.protocol.outlet.take()
        return [effect.event for effect in self.effects if isinstance(effect, Send)]

    def send(self, event_type: str, **fields: Any) -> list[Event]:
        """A client event; returns what it made the server say at once."""
        self.protocol.receive(json.dumps({"type": event_type, **fields}))
        return self.taken()

    def append(self, audio: bytes) -> list[Event]:
        """Audio for the input buffer."""
        return self.send("input_audio_buffer.append", audio=encoded(audio))

    def update(self, **session: Any) -> list[Event]:
        """Session settings."""
        return self.send("session.update", session={"type": "realtime", **session})

    def detect_turns(self, detection: Event | None) -> list[Event]:
        """Turn detection settings."""
        return self.update(audio={"input": {"turn_detection": detection}})

    def started(self) -> Response:
        """The response the last call started."""
        (response,) = [each.response for each in self.effects if isinstance(each, Start)]
        return response

    def stopped(self) -> list[Response]:
        """The responses the last call stopped."""
        return [each.response for each in self.effects if isinstance(each, Stop)]

    def play(self, response: Response, reply: Any) -> tuple[list[Event], list[Pause]]:
        """A response from beginning to end."""
        pauses = list(response.play(pieces(reply)))
        return self.taken(), pauses

    def respond(self, reply: Any, **params: Any) -> list[Event]:
        """Ask for a response and have it play this; returns all events of it."""
        events = self.send("response.create", response=params)
        return events + self.play(self.started(), reply)[0]


def error_of(events: list[Event]) -> Event:
    """The error that was the only answer."""
    (event,) = events
    assert event["type"] == "error", event
    error: Event = event["error"]
    return error


@attrs.define(eq=False)
class Client:
    """A WebSocket client that knows nothing but JSON."""

    websocket: WebSocketConnection
    seen: list[Event] = attrs.field(init=False, factory=list[Event])

    async def send(self, event_type: str, **fields: Any) -> None:
        await self.websocket.send_message(json.dumps({"type": event_type, **fields}))

    async def append(self, audio: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=encoded(audio))

    async def say(self, text: str) -> None:
        """Write a message and ask for an answer."""
        await self.send("conversation.item.create", item=user_message(text))
        await self.send("response.create")

    async def receive(self) -> Event:
        event: Event = json.loads(await self.websocket.get_message())
        self.seen.append(event)
        return event

    async def until(self, event_type: str) -> list[Event]:
        """Everything up to the next event of that type, which is last."""
        events = [await self.receive()]
        while events[-1]["type"] != event_type:
            events.append(await self.receive())
        return events


async def open_client(
    nursery: trio.Nursery, stream: Any, path: str = "/v1/realtime", **settings: Any
) -> Client:
    """A client over any stream."""
    return Client(await wrap_client_stream(nursery, stream, "simulator", path, **settings))


@asynccontextmanager
async def connected(
    simulator: RealtimeSimulator, path: str = "/v1/realtime?model=gpt-realtime-2.1"
) -> AsyncGenerator[Client]:
    """A client over memory streams that has seen ``session.created``."""
    async with simulator.memory_dialer() as dial, trio.open_nursery() as nursery:
        client = await open_client(nursery, await dial("simulator", 443), path)
        await client.until("session.created")
        yield client
        nursery.cancel_scope.cancel()
