"""The driver of openai-python: ``AsyncOpenAI(...).realtime.connect(...)``, event by event."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from support_driver import GREETING, LONG, expect, loud, main, silence, speak

MODEL = "gpt-realtime-2.1"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Say what the weather is like.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection whose ``session.created`` has come."""
    client = AsyncOpenAI(api_key="sk-test", websocket_base_url=url.removesuffix("/realtime"))
    async with client.realtime.connect(model=MODEL) as connection:
        created = await connection.recv()
        expect(created.type == "session.created", f"the first event was {created.type}")
        yield connection


async def until(connection: Any, *kinds: str) -> list[Any]:
    """The events up to the first of one of these types."""
    seen: list[Any] = []
    async for event in connection:
        seen.append(event)
        if event.type == "error":
            raise RuntimeError(event.error.message)
        if event.type in kinds:
            return seen
    raise RuntimeError(f"the connection ended before {kinds}")


async def say(connection: Any, text: str) -> None:
    """Send a message of the user, and ask for an answer."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    await connection.conversation.item.create(item=item)
    await connection.response.create()


def transcript(events: list[Any]) -> str:
    """What was said in these events."""
    deltas = (e.delta for e in events if e.type == "response.output_audio_transcript.delta")
    return "".join(deltas)


async def send_audio(connection: Any, audio: bytes) -> None:
    """Append audio of the user."""
    await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())


async def connect(url: str) -> str:
    """Connect, and have the settings acknowledged."""
    async with connected(url) as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        *_, updated = await until(connection, "session.updated")
        expect(updated.session.instructions == "Be brief.", "other instructions are in force")
        return f"session {updated.session.id}"


async def text(url: str) -> str:
    """Type, and read the answer."""
    async with connected(url) as connection:
        await say(connection, GREETING)
        said = transcript(await until(connection, "response.done"))
        expect(f"You wrote: {GREETING}" in said, f"the answer was {said!r}")
        return said


async def speech(url: str) -> str:
    """Speak; the server's turn detection asks for the answer."""
    async with connected(url) as connection:
        await speak(lambda piece: send_audio(connection, piece), loud(0.6) + silence(1.0))
        seen = await until(connection, "response.done")
        said = transcript(seen)
        audio = sum(len(e.delta) for e in seen if e.type == "response.output_audio.delta")
        expect("understand speech" in said, f"the answer was {said!r}")
        expect(audio, "the answer had no audio")
        return said


async def tool(url: str) -> str:
    """Have a function called, and give its output."""
    async with connected(url) as connection:
        session = {"type": "realtime", "tools": [WEATHER], "tool_choice": "required"}
        await connection.session.update(session=session)
        await say(connection, "How is the weather?")
        *_, done = await until(connection, "response.done")
        (call,) = done.response.output
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        said = transcript(await until(connection, "response.done"))
        expect("returned: sunny" in said, f"the answer was {said!r}")
        return said


async def barge_in(url: str) -> str:
    """Speak into a long answer, and truncate it as the API asks clients to."""
    async with connected(url) as connection:
        await say(connection, LONG)
        seen = await until(connection, "response.output_audio.delta")
        await speak(lambda piece: send_audio(connection, piece), loud(0.5))
        *_, done = await until(connection, "response.done")
        expect(done.response.status == "cancelled", f"the response was {done.response.status}")
        await connection.conversation.item.truncate(
            item_id=seen[-1].item_id, content_index=0, audio_end_ms=100
        )
        *_, truncated = await until(connection, "conversation.item.truncated")
        return f"cancelled, and truncated at {truncated.audio_end_ms} ms"


if __name__ == "__main__":
    main(
        "openai",
        {"connect": connect, "text": text, "speech": speech, "tool": tool, "barge_in": barge_in},
    )
