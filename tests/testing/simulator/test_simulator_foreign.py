"""Clients nobody here wrote complete conversations with the simulator, over TCP.

They run under asyncio in a thread of their own. ``openai``'s client reads events as they are;
``openai-agents``' runner keeps a history, runs tools and answers by itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio
from support_simulator import encoded, silence, speech

from trio_realtime.testing.simulator import CallFunction, RealtimeSimulator, Reply, Turn

openai = pytest.importorskip("openai")

Result = TypeVar("Result")

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def weather_responder(turn: Turn) -> Reply:
    """Calls the tool, and reports what it said."""
    if turn.tool_outputs:
        return f"It is {turn.tool_outputs[-1].output} there."
    if "weather" in turn.user_text:
        return ["Let me look.", CallFunction("get_weather", {"city": "Oslo"})]
    return f"You said: {turn.user_text}"


async def under_asyncio(client: Callable[[str], Awaitable[Result]], url: str) -> Result:
    """Run an asyncio client against the simulator, for at most ten seconds."""

    async def bounded() -> Result:
        async with asyncio.timeout(10):
            return await client(url)

    return await trio.to_thread.run_sync(asyncio.run, bounded())


@contextlib.asynccontextmanager
async def openai_connection(url: str) -> AsyncGenerator[Any]:
    base_url = url.removesuffix("/realtime")
    async with (
        openai.AsyncOpenAI(api_key="sk-test", websocket_base_url=base_url) as client,
        client.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        yield connection


async def until(connection: Any, event_type: str) -> list[Any]:
    """Events up to one of this type."""
    events = [await connection.recv()]
    while events[-1].type != event_type:
        events.append(await connection.recv())
    return events


async def test_openai_text_turn() -> None:
    """The client types, and reads the answer."""

    async def converse(url: str) -> str:
        async with openai_connection(url) as connection:
            await until(connection, "session.created")
            await connection.session.update(
                session={"type": "realtime", "output_modalities": ["text"]}
            )
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Good morning"}],
                }
            )
            await connection.response.create()
            events = await until(connection, "response.done")
            assert events[-1].response.status == "completed"
            return "".join(e.delta for e in events if e.type == "response.output_text.delta")

    simulator = RealtimeSimulator(api_key="sk-test")
    async with simulator.serve() as url:
        assert await under_asyncio(converse, url) == "You wrote: Good morning"
        (connection,) = simulator.connections
        await connection.closed.wait()
    assert connection.session["model"] == "gpt-realtime-2.1"
    assert connection.close_code == 1000


async def test_openai_audio_turn() -> None:
    """The client speaks, is heard, and hears the answer."""

    async def converse(url: str) -> tuple[Any, Any, str, int]:
        async with openai_connection(url) as connection:
            await until(connection, "session.created")
            await connection.session.update(
                session={
                    "type": "realtime",
                    "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
                }
            )
            for audio in (silence(500), speech(1_000), silence(600)):
                await connection.input_audio_buffer.append(audio=encoded(audio))
            events = await until(connection, "response.done")
            by_type = {event.type: event for event in events}
            started = by_type["input_audio_buffer.speech_started"].audio_start_ms
            stopped = by_type["input_audio_buffer.speech_stopped"].audio_end_ms
            heard = by_type["conversation.item.input_audio_transcription.completed"].transcript
            audio_deltas = sum(e.type == "response.output_audio.delta" for e in events)
            return started, stopped, heard, audio_deltas

    async with RealtimeSimulator(hears=["Good evening"]).serve() as url:
        started, stopped, heard, audio_deltas = await under_asyncio(converse, url)
    assert (started, stopped) == (200, 2_000)
    assert heard == "Good evening"
    assert audio_deltas > 10


async def test_openai_tool_call() -> None:
    """The client answers a function call."""

    async def converse(url: str) -> tuple[str, str]:
        async with openai_connection(url) as connection:
            await until(connection, "session.created")
            await connection.session.update(session={"type": "realtime", "tools": [WEATHER]})
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "What is the weather?"}],
                }
            )
            await connection.response.create()
            (done,) = (await until(connection, "response.done"))[-1:]
            call = done.response.output[-1]
            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": call.call_id, "output": "cold"}
            )
            await connection.response.create()
            (done,) = (await until(connection, "response.done"))[-1:]
            return call.arguments, done.response.output[0].content[0].transcript

    async with RealtimeSimulator(responder=weather_responder).serve() as url:
        arguments, answer = await under_asyncio(converse, url)
    assert arguments == '{"city":"Oslo"}'
    assert answer == "It is cold there."


async def test_agents_runner_text_turn_and_tool_call() -> None:
    """The SDK's runner runs the tool by itself, and its history ends up as ours."""
    agents = pytest.importorskip("agents")
    realtime = pytest.importorskip("agents.realtime")

    def get_weather(city: str) -> str:
        """The weather in a city."""
        return f"cold in {city}"

    async def converse(url: str) -> list[str]:
        tool = agents.function_tool(get_weather)
        agent = realtime.RealtimeAgent(name="guide", instructions="Be brief.", tools=[tool])
        session = await realtime.RealtimeRunner(agent).run(
            model_config={"url": url, "api_key": "sk-test"}
        )
        said: list[str] = []
        ends = 0
        async with session:
            await session.send_message("What is the weather?")
            async for event in session:
                assert event.type != "error", event
                ends += event.type == "agent_end"
                if event.type == "tool_end":
                    said.append(event.output)
                if event.type == "raw_model_event" and event.data.type == "transcript_delta":
                    said.append(event.data.delta)
                if ends == 2:
                    break
        return said

    simulator = RealtimeSimulator(responder=weather_responder)
    async with simulator.serve() as url:
        said = await under_asyncio(converse, url)
    (connection,) = simulator.connections
    assert "cold in Oslo" in said
    assert "".join(said).endswith("It is cold in Oslo there.")
    assert connection.session["instructions"] == "Be brief."
    assert [item.type for item in connection.conversation.items] == [
        "message",
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]


async def test_agents_runner_audio_turn() -> None:
    """The SDK's runner sends audio, and gets audio and its own history back."""
    pytest.importorskip("agents")
    realtime = pytest.importorskip("agents.realtime")

    async def converse(url: str) -> tuple[int, list[Any]]:
        agent = realtime.RealtimeAgent(name="guide", instructions="Be brief.")
        session = await realtime.RealtimeRunner(agent).run(
            model_config={
                "url": url,
                "api_key": "sk-test",
                "initial_model_settings": {"turn_detection": {"type": "server_vad"}},
            }
        )
        audio_bytes = 0
        history: list[Any] = []
        async with session:
            for audio in (silence(500), speech(1_000), silence(600)):
                await session.send_audio(audio)
            async for event in session:
                assert event.type != "error", event
                if event.type == "audio":
                    audio_bytes += len(event.audio.data)
                if event.type == "history_updated":
                    history = event.history
                if event.type == "agent_end":
                    break
        return audio_bytes, history

    simulator = RealtimeSimulator(hears=["Good evening"], responder=weather_responder)
    async with simulator.serve() as url:
        audio_bytes, history = await under_asyncio(converse, url)
    (connection,) = simulator.connections
    answer = connection.conversation.items[-1].render()
    assert answer["content"] == [{"type": "output_audio", "transcript": "You said: Good evening"}]
    assert audio_bytes == len("You said: Good evening") * 65 * 48
    assert [item.role for item in history] == ["user", "assistant"]
    assert history[0].content[0].transcript == "Good evening"
