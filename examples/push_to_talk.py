"""Push to talk: while a button is held the user speaks; pressing it interrupts the model.

Usage: python push_to_talk.py [SPEECH.wav]

The WAV file is what a microphone would hear while the button is held. It is held twice: for a
question, and, while the model is still answering, to interrupt it and ask again. OpenAI answers if
OPENAI_API_KEY is set, else the simulator in this process, which cannot understand speech and says
so.
"""

import os
import sys
from pathlib import Path
from typing import Any

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from trio_realtime.audio import MODEL_RATE, chunks, read_wav, resample
from trio_realtime.testing import RealtimeSimulator

QUESTION = Path(__file__).parent / "question.wav"
# Without turn detection the button alone says when a turn begins and ends.
CONFIG = {"model_settings": {"turn_detection": None}, "events": "all"}


async def hold_button(session: RealtimeSession[Any], speech: bytes) -> None:
    """One turn of the user, at the speed of speech: to release the button is to leave the block."""
    print("the button is pressed")
    async with session.user_turn() as turn:
        for piece in chunks(speech, 100):
            await turn.send(piece)
            await trio.sleep(len(piece) / 2 / MODEL_RATE)
    print(f"the button is released after {len(speech) / 2 / MODEL_RATE:.1f} s")


async def listen(session: RealtimeSession[Any], spoken: trio.Event) -> None:
    """What a user would hear. Sets ``spoken`` when the model begins to speak."""
    async for event in session:
        if event.type == "audio":
            spoken.set()  # a program with a loudspeaker plays event.audio.data here
        elif event.type == "audio_interrupted":
            print(f"the model is interrupted: {event.heard_ms / 1000:.1f} s of it were heard")
        elif event.type == "response_done":
            print(f"the answer is {event.status}")


async def converse(model_config: dict[str, Any], speech: bytes) -> None:
    runner = RealtimeRunner(RealtimeAgent("Assistant"), config=CONFIG)
    spoken = trio.Event()
    async with (
        await runner.run(model_config=model_config) as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(listen, session, spoken)
        await hold_button(session, speech)
        await spoken.wait()
        await trio.sleep(1)
        await hold_button(session, speech)
        await session.end(after=await session.respond("Say goodbye, in one word."))
    print("the goodbye was heard")


async def main(*files: Path) -> None:
    (wav_file,) = files or (QUESTION,)
    wav = read_wav(wav_file)
    speech = resample(wav.samples, wav.rate, MODEL_RATE)
    if os.environ.get("OPENAI_API_KEY"):
        await converse({}, speech)
    else:
        async with RealtimeSimulator().serve() as url:
            await converse({"url": url, "api_key": "not needed"}, speech)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]) if len(sys.argv) > 1 else QUESTION)
