"""The driver of Pydantic AI: an ``Agent``, its ``realtime`` model and the session they open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.openai import OpenAIRealtimeModel
from support_driver import GREETING, LONG, expect, loud, main, silence, speak

agent = Agent(instructions="Be brief.")


@agent.tool_plain
def weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"sunny in {city}"


@asynccontextmanager
async def session_at(url: str) -> AsyncIterator[Any]:
    """An open session of the agent."""
    base_url = url.replace("ws://", "http://").removesuffix("/realtime")
    provider = OpenAIProvider(base_url=base_url, api_key="sk-test")
    model = OpenAIRealtimeModel("gpt-realtime-2.1", provider=provider)
    async with agent.realtime(model).session() as session:
        yield session


async def until(events: Any, *kinds: str) -> list[Any]:
    """The events of a session, or of an iteration begun before, up to the first of these kinds."""
    seen: list[Any] = []
    async for event in events:
        seen.append(event)
        if event.event_kind == "realtime_session_error":
            raise RuntimeError(str(event))
        if event.event_kind in kinds:
            return seen
    raise RuntimeError(f"the session ended before {kinds}")


def answers(session: Any) -> str:
    """What the model has said, as the session's messages have it."""
    responses = [message for message in session.all_messages() if message.kind == "response"]
    said = [getattr(part, "transcript", None) for each in responses for part in each.parts]
    return " ".join(words for words in said if words)


async def connect(url: str) -> str:
    """Open a session."""
    async with session_at(url) as session:
        return f"audio comes at {session.audio_output_sample_rate} Hz"


async def text(url: str) -> str:
    """Type, and read the answer."""
    async with session_at(url) as session:
        await session.send(GREETING)
        await until(session, "realtime_turn_complete")
        said = answers(session)
        expect(f"You wrote: {GREETING}" in said, f"the answer was {said!r}")
        return said


async def speech(url: str) -> str:
    """Speak; the server's turn detection asks for the answer."""
    async with session_at(url) as session:
        await speak(session.send_audio, loud(0.6) + silence(1.0))
        seen = await until(session, "realtime_turn_complete")
        said = answers(session)
        expect("understand speech" in said, f"the answer was {said!r}")
        expect(any(event.event_kind == "part_delta" for event in seen), "no part grew")
        return said


async def tool(url: str) -> str:
    """Have the agent's tool called; Pydantic AI runs it and gives its output."""
    async with session_at(url) as session:
        await session.send("Please call weather.")
        await until(session, "realtime_turn_complete")
        said = answers(session)
        expect("returned: sunny in" in said, f"the answer was {said!r}")
        return said


async def barge_in(url: str) -> str:
    """Speak into a long answer; the session tells that the user speaks, and stops the answer."""
    async with session_at(url) as session:
        events = aiter(session)  # a session is iterated once
        await session.send(LONG)
        await until(events, "part_delta")
        await speak(session.send_audio, loud(0.5) + silence(1.0))
        await until(events, "realtime_input_speech_start")
        said = ""
        while "understand speech" not in said:  # the end of the answer that was cut comes first
            await until(events, "realtime_turn_complete")
            said = answers(session)
        expect(LONG not in said, "the first answer was not cut")
        return said


if __name__ == "__main__":
    main(
        "pydantic-ai-slim",
        {"connect": connect, "text": text, "speech": speech, "tool": tool, "barge_in": barge_in},
    )
