"""Push to talk: say what is in a WAV file, and save what the model says to another.

Usage: python speech_turn.py [QUESTION.wav ANSWER.wav]

OpenAI answers if OPENAI_API_KEY is set, else the simulator in this process, which cannot
understand speech and says so.
"""

import os
import sys
from pathlib import Path
from typing import Any

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner
from trio_realtime.audio import MODEL_RATE, chunks, read_wav, resample, write_wav
from trio_realtime.testing import RealtimeSimulator

HERE = Path(__file__).parent
# Without turn detection nobody but us says when the turn is over.
CONFIG = {"model_settings": {"turn_detection": None}}


async def speak(model_config: dict[str, Any], question: Path, answer: Path) -> None:
    wav = read_wav(question)
    pcm = resample(wav.samples, wav.rate, MODEL_RATE)
    runner = RealtimeRunner(RealtimeAgent("Assistant"), config=CONFIG)
    said = bytearray()
    async with await runner.run(model_config=model_config) as session:
        async with session.user_turn() as turn:  # its end asks for the answer
            for chunk in chunks(pcm, 100):
                await turn.send(chunk)
        async for event in session:
            if event.type == "audio":
                said += event.audio.data
            elif event.type == "agent_end":
                break
        print(f"{session.usage.output_tokens} tokens of answer")
    write_wav(answer, bytes(said))
    print(f"{len(said) / 2 / MODEL_RATE:.1f} s of answer in {answer}")


async def main(*files: Path) -> None:
    question, answer = files or (HERE / "question.wav", Path("answer.wav"))
    if os.environ.get("OPENAI_API_KEY"):
        await speak({}, question, answer)
    else:
        async with RealtimeSimulator(speed=100).serve() as url:
            await speak({"url": url, "api_key": "not needed"}, question, answer)


if __name__ == "__main__":
    trio.run(main, *(Path(argument) for argument in sys.argv[1:]))
