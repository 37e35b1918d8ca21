"""One turn of text: OpenAI answers if OPENAI_API_KEY is set, else the simulator in this process."""

import os
from typing import Any

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner
from trio_realtime.testing import RealtimeSimulator


async def hello(model_config: dict[str, Any]) -> None:
    runner = RealtimeRunner(
        RealtimeAgent("Greeter", instructions="Greet the user, in one short sentence."),
        config={"model_settings": {"output_modalities": ["text"]}},
    )
    async with await runner.run(model_config=model_config) as session:
        await session.send_message("Hello, I am Ada.")
        async for event in session:
            if event.type == "agent_end":
                break
        for item in session.history:
            if item.type == "message":
                texts = [getattr(part, "text", "") for part in item.content]
                print(f"{item.role}: {' '.join(texts)}")


async def main() -> None:
    if os.environ.get("OPENAI_API_KEY"):
        await hello({})
    else:
        async with RealtimeSimulator().serve() as url:
            await hello({"url": url, "api_key": "not needed"})


if __name__ == "__main__":
    trio.run(main)
