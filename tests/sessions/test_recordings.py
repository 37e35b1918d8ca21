"""Sessions that were recorded with real servers, played again through a whole session.

A scripted server says what the recorded one said, and at each line of the recorded client waits
until this client has sent a frame of that type. The application sends what the recorded client
sent, but for what the session sends by itself: the settings, tool outputs and what follows them.
"""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from support_recordings import RECORDINGS, SHAPES, Expected, Line, recorded_sessions
from support_transports import CLOSE, TEXT, Peer, Scripted, close_frame, each_kind, text

from trio_realtime import (
    FunctionTool,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSessionEvent,
)
from trio_realtime.models.transports import TransportKind

SESSIONS = dict(recorded_sessions())


@attrs.define(eq=False)
class Replay:
    """The recorded server, and the part of the application."""

    lines: list[Line]
    to_send: trio.MemorySendChannel[dict[str, Any]]
    got: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    news: trio.Event = attrs.field(factory=trio.Event)

    async def serve(self, peer: Peer) -> None:
        """Speak the server's lines."""
        await peer.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.listen, peer)
            awaited: Counter[str] = Counter()
            answered = False
            for who, frame in self.lines:
                if who == "server":
                    await peer.send(text(json.dumps(frame)))
                    continue
                answers = is_output(frame)
                if not (answers or answered or frame["type"] == "session.update"):
                    await self.to_send.send(frame)
                answered = answers
                awaited[frame["type"]] += 1
                if not answers:  # the recorded client may have answered sooner than a session may
                    await self.wait_for(awaited)
            await peer.send(close_frame(1000))

    async def listen(self, peer: Peer) -> None:
        """Take what the client sends, up to its close frame."""
        with suppress(EOFError, trio.BrokenResourceError):
            while (received := await peer.read()).opcode != CLOSE:
                if received.opcode == TEXT:
                    self.got.append(json.loads(received.payload))
                    self.news.set()
                    self.news = trio.Event()
            await peer.stream.aclose()

    async def wait_for(self, awaited: Counter[str]) -> None:
        """Wait until the client has sent that many frames of each type."""
        with trio.fail_after(10):
            while not Counter(frame["type"] for frame in self.got) >= awaited:
                await self.news.wait()


def is_output(frame: dict[str, Any]) -> bool:
    """Whether this is the output of a tool, which the session sends by itself."""
    return bool(frame.get("item", {}).get("type") == "function_call_output")


def tools(expected: Expected, ran: list[tuple[str, str]]) -> list[Any]:
    """A tool for each function that the recorded model called, with the recorded outputs."""
    outputs = iter(expected.outputs.values())

    def tool(name: str) -> FunctionTool:
        async def run(_context: Any, arguments: str) -> str:
            ran.append((name, arguments))
            return next(outputs)

        return FunctionTool(
            name=name,
            description=f"Does {name}.",
            params_json_schema={"type": "object", "properties": {}},
            on_invoke_tool=run,
        )

    return [tool(name) for name in dict.fromkeys(name for name, _ in expected.calls)]


async def replay(lines: list[Line], kind: TransportKind) -> None:
    """Play a session and compare what the application saw with what the recording says."""
    expected = Expected(lines)
    ran: list[tuple[str, str]] = []
    events: list[RealtimeSessionEvent] = []
    agent = RealtimeAgent("A", tools=tools(expected, ran))
    to_send, sending = trio.open_memory_channel[dict[str, Any]](0)
    async with trio.open_nursery() as nursery:
        server = Replay(lines, to_send)
        model = OpenAIRealtimeWebSocketModel(
            stream_factory=Scripted(nursery, server.serve).dial, transport=kind
        )
        runner = RealtimeRunner(agent, model=model, config={"events": "all"})
        session = await runner.run(model_config={"url": "ws://server.test/", "api_key": "k"})
        async with session:

            async def speak() -> None:
                async for frame in sending:
                    await session.send_raw(frame)

            nursery.start_soon(speak)
            with trio.fail_after(120):
                async for event in session:
                    events.append(event)
        nursery.cancel_scope.cancel()

    def of(kind: str) -> list[Any]:
        return [event for event in events if event.type == kind]

    transcripts = [event.error.code for event in of("user_transcript_failed")]
    assert [event.error.code for event in of("error")] == transcripts
    assert b"".join(event.audio.data for event in of("audio")) == expected.audio
    assert "".join(event.delta for event in of("transcript_delta")) == expected.words
    assert [e.transcript for e in of("user_transcript_completed")] == expected.user_words
    assert [event.status for event in of("response_done")] == expected.statuses
    assert ran == expected.calls
    sent = [frame["item"] for frame in server.got if is_output(frame)]
    assert {item["call_id"]: item["output"] for item in sent} == expected.outputs
    assert [item.item_id for item in session.history] == expected.items
    assert {i.item_id: i.previous_item_id for i in session.history} == expected.places
    usage = session.usage
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == expected.usage
    assert [item for item in session.history if getattr(item, "status", "") == "in_progress"] == []


@pytest.mark.skipif(not SESSIONS, reason=f"no recordings in {RECORDINGS}")
@pytest.mark.parametrize("name", SESSIONS or ["none"])
async def test_a_recorded_session_plays_as_it_was_recorded(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Audio, words, calls, order and tokens are those of the recording, and nothing is wrong."""
    await replay(SESSIONS[name], "websockets")


@each_kind
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_session_of_each_dialect_plays_as_it_is_written(
    shape: str, kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """The same for sessions in the shapes of those servers, on every machine."""
    await replay(SHAPES[shape], kind)
