"""A provider made of a protocol and a recipe: whole sessions over the WebSocket connection.

The provider is the one of ``docs/howto/own-model``, in ``docs/programs/own_model.py``.
"""

import base64
import json
import runpy
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from support_transports import Peer, Scripted, each_kind, text

from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeModel,
    RealtimeRunner,
    RealtimeSession,
    UserError,
    function_tool,
)
from trio_realtime.models.transports import TransportKind

PROGRAM = Path(__file__).parents[2] / "docs" / "programs" / "own_model.py"
PROVIDER = runpy.run_path(str(PROGRAM))
SECOND = bytes(48_000)
"""Of PCM16 at 24 kHz."""

Clock = trio.testing.MockClock


class Service:
    """The other end of the parrot's protocol."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    async def says(self, **message: Any) -> None:
        await self.peer.send(text(json.dumps(message)))

    async def hears(self, name: str) -> Any:
        """What the next message says, which has to be this one."""
        message = json.loads((await self.peer.read()).payload)
        assert list(message) == [name]
        return message[name]

    async def answers(self, answer: str, words: str, sound: bytes = b"") -> None:
        await self.says(answer=answer)
        await self.says(words=words)
        if sound:
            await self.says(sound=base64.b64encode(sound).decode())
        await self.says(end="completed")


@asynccontextmanager
async def session_with(
    serve: Callable[[Service], Awaitable[None]],
    agent: RealtimeAgent[None],
    kind: TransportKind = "websockets",
) -> AsyncGenerator[RealtimeSession[None]]:
    """A session whose service greets, and then does this."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        assert peer.header("X-Parrot-Key") == "cracker"
        await serve(Service(peer))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        dial = Scripted(nursery, script).dial
        model: RealtimeModel = PROVIDER["ParrotModel"](stream_factory=dial, kind=kind)
        runner = RealtimeRunner(agent, model=model)
        config = {"api_key": "cracker", "url": "ws://parrot.test/"}
        async with await runner.run(model_config=config) as session:
            yield session
        nursery.cancel_scope.cancel()


async def until(session: RealtimeSession[None], *types: str) -> list[str]:
    """The types of the events up to the last of these, which have to come in this order."""
    seen: list[str] = []
    wanted = list(types)
    async for event in session:
        seen.append(event.type)
        if event.type == wanted[0]:
            wanted.pop(0)
        if not wanted:
            return seen
    pytest.fail(f"{wanted} did not come after {seen}")


@each_kind
async def test_a_whole_session_with_tools_and_an_interruption(
    kind: TransportKind, autojump_clock: Clock
) -> None:
    """Opening, a tool call and its output, speech that the user interrupts, and the end."""
    stopped = trio.Event()

    @function_tool
    async def weight(animal: str) -> str:
        """How heavy an animal is."""
        return f"a {animal} weighs 400 g"

    async def serve(service: Service) -> None:
        begin = await service.hears("begin")
        assert begin["instructions"] == "Repeat."
        assert [tool["name"] for tool in begin["tools"]] == ["weight"]
        assert begin["tools"][0]["takes"]["required"] == ["animal"]
        await service.says(ready=True)
        assert await service.hears("user") == "How heavy are you?"
        await service.says(answer="a1")
        call = {"id": "c1", "name": "weight", "arguments": {"animal": "parrot"}}
        await service.says(call=call)
        await service.says(end="completed")
        assert await service.hears("result") == {"call": "c1", "output": "a parrot weighs 400 g"}
        await service.answers("a2", "I weigh 400 g, and ...", 3 * SECOND)
        assert await service.hears("audio")
        await service.says(listening=True)
        assert await service.hears("stop") == "a2"
        stopped.set()

    agent = RealtimeAgent[None]("Polly", instructions="Repeat.", tools=[weight])
    async with session_with(serve, agent, kind) as session:
        await session.send_message("How heavy are you?")
        await until(session, "tool_start", "tool_end", "audio")
        await trio.sleep(1.5)  # the user listens
        await session.send_audio(bytes(480))
        await until(session, "audio_interrupted")
        (said,) = [item for item in session.history if isinstance(item, AssistantMessageItem)]
        assert said.content == (
            AssistantAudio(transcript="I weigh 400 g, and ...", heard_ms=1_500),
        )
        await session.interrupt()
        await stopped.wait()


async def test_what_a_model_does_not_have_is_refused(autojump_clock: Clock) -> None:
    """By what it says it can do, or in the protocol's own words; without harm to the session."""

    async def serve(service: Service) -> None:
        await service.hears("begin")
        await service.says(ready=True)
        assert await service.hears("user") == "Hello"
        await service.answers("a1", "Hello")

    async with session_with(serve, RealtimeAgent[None]("Polly")) as session:
        with pytest.raises(UserError, match="the parrot always listens"):
            await session.commit_audio()
        with pytest.raises(UserError, match="the parrot has no RealtimeModelSendRawMessage"):
            await session.send_raw({"type": "seed"})
        await session.send_message("Hello")
        await until(session, "agent_end")


async def test_frames_that_make_no_sense_are_error_events(autojump_clock: Clock) -> None:
    """The session goes on."""

    async def serve(service: Service) -> None:
        await service.hears("begin")
        await service.says(ready=True)
        await service.says(whistle=1)
        await service.answers("a1", "Hello")

    async with session_with(serve, RealtimeAgent[None]("Polly")) as session:
        await until(session, "error", "agent_end")
