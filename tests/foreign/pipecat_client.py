"""The driver of Pipecat: a pipeline around its OpenAI realtime service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMMessagesAppendFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner
from support_driver import GREETING, LONG, RATE, expect, loud, main, silence, speak

logger.remove()

WEATHER = FunctionSchema(
    name="weather",
    description="Say what the weather is like in a city.",
    properties={"city": {"type": "string"}},
    required=["city"],
)


async def weather(params: Any) -> None:
    """The function that the model may call."""
    await params.result_callback(f"sunny in {params.arguments['city']}")


class Listener(FrameProcessor):
    """Keeps what passes: words, seconds of audio, interruptions and errors."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.seconds = 0.0
        self.kinds: list[str] = []
        self.changed = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note a frame, and pass it on."""
        await super().process_frame(frame, direction)
        self.kinds.append(type(frame).__name__)
        if isinstance(frame, TTSTextFrame):
            self.words += frame.text
        elif isinstance(frame, TTSAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        elif isinstance(frame, ErrorFrame):
            raise RuntimeError(frame.error)
        self.changed.set()
        await self.push_frame(frame, direction)

    async def wait_for(self, what: str) -> None:
        """Wait until these words were said, or a frame of this kind has passed."""
        while what not in self.words.replace("  ", " ") and what not in self.kinds:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def running(url: str) -> AsyncIterator[tuple[PipelineWorker, Listener]]:
    """A pipeline that runs: the worker that takes frames, and what listens behind the service."""
    service = OpenAIRealtimeLLMService(
        api_key="sk-test",
        base_url=url,
        settings=OpenAIRealtimeLLMService.Settings(model="gpt-realtime-2.1"),
    )
    service.register_function("weather", weather)
    context = LLMContext(tools=ToolsSchema(standard_tools=[WEATHER]))
    pair = LLMContextAggregatorPair(context)
    listener = Listener()
    pipeline = Pipeline([pair.user(), service, listener, pair.assistant()])
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    worker = PipelineWorker(pipeline, params=params)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    run = asyncio.create_task(runner.run())
    try:
        yield worker, listener
    finally:
        await worker.cancel()
        await runner.cancel()
        await asyncio.wait([run], timeout=5)


async def type_message(worker: PipelineWorker, words: str) -> None:
    """Add a message of the user to the context, and have it answered."""
    message = {"role": "user", "content": words}
    await worker.queue_frame(LLMMessagesAppendFrame(messages=[message], run_llm=True))


async def push(worker: PipelineWorker, audio: bytes) -> None:
    """Push audio of the user, as a transport does."""
    frame = InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1)
    await worker.queue_frame(frame)


async def connect(url: str) -> str:
    """Run the pipeline until its start has come through the service."""
    async with running(url) as (_worker, listener):
        await listener.wait_for("StartFrame")
        return "the pipeline has started"


async def text(url: str) -> str:
    """Type, and read the answer."""
    async with running(url) as (worker, listener):
        await type_message(worker, GREETING)
        await listener.wait_for(f"You wrote: {GREETING}")
        return listener.words


async def speech(url: str) -> str:
    """Speak; the server's turn detection asks for the answer."""
    async with running(url) as (worker, listener):
        await type_message(worker, GREETING)  # the service begins with a context
        await listener.wait_for(GREETING)
        await speak(lambda piece: push(worker, piece), loud(0.6) + silence(1.0))
        await listener.wait_for("understand speech")
        expect(listener.seconds, "the answer had no audio")
        return listener.words


async def tool(url: str) -> str:
    """Have a registered function called; Pipecat runs it and gives its output."""
    async with running(url) as (worker, listener):
        await type_message(worker, "Please call weather.")
        await listener.wait_for("returned: ")
        return listener.words


async def barge_in(url: str) -> str:
    """Speak into a long answer; the service truncates it and the pipeline is interrupted."""
    async with running(url) as (worker, listener):
        await type_message(worker, LONG)
        await listener.wait_for("TTSAudioRawFrame")
        await speak(lambda piece: push(worker, piece), loud(0.5) + silence(1.0))
        await listener.wait_for("InterruptionFrame")
        await listener.wait_for("understand speech")
        return f"interrupted after {listener.seconds:.1f} s of audio"


if __name__ == "__main__":
    main(
        "pipecat-ai",
        {"connect": connect, "text": text, "speech": speech, "tool": tool, "barge_in": barge_in},
    )
