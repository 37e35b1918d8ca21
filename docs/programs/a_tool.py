"""Tutorial, step 2: a tool."""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.testing import CallFunction, RealtimeSimulator, Reply, Turn


@function_tool
async def loaves_left(kind: str) -> int:
    """Count the loaves of bread that are left.

    Args:
        kind: rye, wheat or spelt
    """
    await trio.sleep(0.1)  # walks to the shelf
    return {"rye": 3, "wheat": 0}.get(kind, 0)


def the_model(turn: Turn) -> Reply:
    """What the simulator is to answer in place of a model."""
    if turn.tool_outputs:
        return f"There are {turn.tool_outputs[0].output} loaves."
    return CallFunction("loaves_left", {"kind": "rye"})


async def main() -> None:
    agent = RealtimeAgent("Baker", tools=[loaves_left])
    runner = RealtimeRunner(agent)
    async with RealtimeSimulator(the_model, speed=100).serve() as url:
        config = {"url": url, "api_key": "not needed"}
        async with await runner.run(model_config=config) as session:
            await session.send_message("Do you have any rye bread?")
            answered = False
            async for event in session:
                if event.type == "tool_start":
                    print("called with", event.arguments)
                elif event.type == "tool_end":
                    print("returned", event.output)
                    answered = True
                elif event.type == "agent_end" and answered:
                    break
            last = session.history[-1]
            if last.type == "message":
                print(f"{last.role}: {last.text}")


trio.run(main)
