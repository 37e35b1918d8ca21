"""The driver of the OpenAI Agents SDK: ``RealtimeRunner`` and ``RealtimeSession``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from support_driver import GREETING, LONG, expect, loud, main, silence, speak


@function_tool
def weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"sunny in {city}"


@asynccontextmanager
async def session_at(url: str, **settings: Any) -> AsyncIterator[Any]:
    """An open session of an agent, with these model settings."""
    tools: list[Any] = [weather] if settings else []
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=tools)
    config: Any = {
        "api_key": "sk-test",
        "url": f"{url}?model=gpt-realtime-2.1",
        "initial_model_settings": {"model_name": "gpt-realtime-2.1", **settings},
    }
    async with await RealtimeRunner(agent).run(model_config=config) as session:
        yield session


async def until(session: Any, *kinds: str) -> list[Any]:
    """The events up to the first of one of these types."""
    seen: list[Any] = []
    async for event in session:
        seen.append(event)
        if event.type == "error":
            raise RuntimeError(str(event.error))
        if event.type in kinds:
            return seen
    raise RuntimeError(f"the session ended before {kinds}")


def transcript(events: list[Any]) -> str:
    """What was said in these events, by the model events inside them."""
    told = (event.data for event in events if event.type == "raw_model_event")
    return "".join(each.delta for each in told if each.type == "transcript_delta")


async def connect(url: str) -> str:
    """Open a session; it brings the history."""
    async with session_at(url) as session:
        seen = await until(session, "history_updated", "raw_model_event")
        return seen[-1].type


async def text(url: str) -> str:
    """Type, and read the answer."""
    async with session_at(url) as session:
        await session.send_message(GREETING)
        said = transcript(await until(session, "agent_end"))
        expect(f"You wrote: {GREETING}" in said, f"the answer was {said!r}")
        return said


async def speech(url: str) -> str:
    """Speak; the server's turn detection asks for the answer."""
    async with session_at(url, turn_detection={"type": "server_vad"}) as session:
        await speak(session.send_audio, loud(0.6) + silence(1.0))
        seen = await until(session, "agent_end")
        said = transcript(seen)
        expect("understand speech" in said, f"the answer was {said!r}")
        expect(any(event.type == "audio" for event in seen), "the answer had no audio")
        return said


async def tool(url: str) -> str:
    """Have the agent's tool called; the SDK runs it and gives its output."""
    async with session_at(url, tool_choice="required") as session:
        await session.send_message("How is the weather?")
        seen = await until(session, "tool_end")
        seen += await until(session, "agent_end")
        if "returned" not in transcript(seen):
            seen += await until(session, "agent_end")
        said = transcript(seen)
        expect("returned: sunny in" in said, f"the answer was {said!r}")
        return said


async def barge_in(url: str) -> str:
    """Speak into a long answer; the SDK tells that the audio is interrupted."""
    async with session_at(url, turn_detection={"type": "server_vad"}) as session:
        await session.send_message(LONG)
        await until(session, "audio")
        await speak(session.send_audio, loud(0.5))
        *_, interrupted = await until(session, "audio_interrupted")
        return f"the audio of {interrupted.item_id} was interrupted"


if __name__ == "__main__":
    main(
        "openai-agents",
        {"connect": connect, "text": text, "speech": speech, "tool": tool, "barge_in": barge_in},
    )
