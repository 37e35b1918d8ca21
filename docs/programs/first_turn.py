"""Tutorial, step 1: one turn of text."""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner
from trio_realtime.testing import RealtimeSimulator


async def main() -> None:
    agent = RealtimeAgent("Baker", instructions="You answer a bakery's telephone. Be brief.")
    runner = RealtimeRunner(agent)
    async with RealtimeSimulator(speed=100).serve() as url:
        config = {"url": url, "api_key": "not needed"}
        async with await runner.run(model_config=config) as session:
            await session.send_message("Hello, is that the bakery?")
            async for event in session:
                if event.type == "agent_end":
                    break
            for item in session.history:
                if item.type == "message":
                    print(f"{item.role}: {item.text}")


trio.run(main)
