"""The driver of LiveKit Agents: the realtime session of ``livekit-plugins-openai``.

It is used as LiveKit's own agent session uses it, with the chat context as the conversation.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai
from openai.types.beta.realtime.session import TurnDetection
from support_driver import GREETING, LONG, RATE, expect, loud, main, silence, speak


@llm.function_tool
async def weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"sunny in {city}"


class Listener:
    """What a session's events say, as queues to wait on."""

    def __init__(self, session: Any) -> None:
        self.generations: asyncio.Queue[Any] = asyncio.Queue()
        self.speech_started = asyncio.Event()
        self.errors: list[str] = []
        session.on("generation_created", self.generations.put_nowait)
        session.on("input_speech_started", lambda _event: self.speech_started.set())
        session.on("error", lambda event: self.errors.append(str(event.error)))


@asynccontextmanager
async def session_at(url: str) -> AsyncIterator[tuple[Any, Listener]]:
    """An open session, and what listens to it."""
    async with aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(
            base_url=url.replace("ws://", "http://").removesuffix("/realtime"),
            api_key="sk-test",
            model="gpt-realtime-2.1",
            turn_detection=TurnDetection(
                type="server_vad", create_response=True, interrupt_response=True
            ),
            http_session=http,
        )
        session = model.session()
        listener = Listener(session)
        try:
            yield session, listener
            expect(not listener.errors, "; ".join(listener.errors))
        finally:
            await session.aclose()
            await model.aclose()


async def push(session: Any, audio: bytes) -> None:
    """Push audio of the user, as from a microphone."""
    samples = len(audio) // 2
    session.push_audio(
        rtc.AudioFrame(data=audio, sample_rate=RATE, num_channels=1, samples_per_channel=samples)
    )


async def type_message(session: Any, words: str) -> Any:
    """Add a message of the user to the conversation, and ask for an answer: the generation."""
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=words)
    await session.update_chat_ctx(context)
    return await session.generate_reply()


async def heard(generation: Any) -> tuple[str, float, list[Any]]:
    """The words of a generation, the seconds of its audio, and the functions it calls."""
    words, seconds = "", 0.0
    async for message in generation.message_stream:
        async for text in message.text_stream:
            words += text
        async for frame in message.audio_stream:
            seconds += frame.duration
    calls = [call async for call in generation.function_stream]
    return words, seconds, calls


async def connect(url: str) -> str:
    """Open a session, and give it instructions, which the server has to take."""
    async with session_at(url) as (session, _listener):
        await session.update_instructions("Be brief.")
        return "instructions taken"


async def text(url: str) -> str:
    """Type, and read the answer."""
    async with session_at(url) as (session, _listener):
        words, _seconds, _calls = await heard(await type_message(session, GREETING))
        expect(f"You wrote: {GREETING}" in words, f"the answer was {words!r}")
        return words


async def speech(url: str) -> str:
    """Speak; the server's turn detection asks for the answer."""
    async with session_at(url) as (session, listener):
        await speak(lambda piece: push(session, piece), loud(0.6) + silence(1.0))
        words, seconds, _calls = await heard(await listener.generations.get())
        expect("understand speech" in words, f"the answer was {words!r}")
        expect(seconds, "the answer had no audio")
        return words


async def tool(url: str) -> str:
    """Have a function called, run it, and put its output into the conversation."""
    async with session_at(url) as (session, _listener):
        await session.update_tools([weather])
        _words, _seconds, calls = await heard(await type_message(session, "Please call weather."))
        (call,) = calls
        output = llm.FunctionCallOutput(
            call_id=call.call_id, name=call.name, output=await weather("Oslo"), is_error=False
        )
        context = session.chat_ctx.copy()
        context.items.append(output)
        await session.update_chat_ctx(context)
        words, _seconds, _calls = await heard(await session.generate_reply())
        expect("returned: sunny in Oslo" in words, f"the answer was {words!r}")
        return words


async def barge_in(url: str) -> str:
    """Speak into a long answer; the session tells, and its generation ends early."""
    async with session_at(url) as (session, listener):
        generation = await type_message(session, LONG)
        speaking = asyncio.create_task(heard(generation))
        await asyncio.sleep(1.0)
        await speak(lambda piece: push(session, piece), loud(0.5))
        await listener.speech_started.wait()
        session.interrupt()
        words, seconds, _calls = await speaking
        expect(seconds < 20, f"the answer went on for {seconds} s")
        return f"cut after {seconds:.1f} s of audio and {len(words)} characters"


if __name__ == "__main__":
    main(
        "livekit-plugins-openai",
        {"connect": connect, "text": text, "speech": speech, "tool": tool, "barge_in": barge_in},
    )
