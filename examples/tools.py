"""A tool with a time limit, and the model's use of it; the simulator plays a scripted model."""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, RunContext, function_tool
from trio_realtime.testing import CallFunction, RealtimeSimulator, Reply, Turn

Stock = dict[str, int]


@function_tool(timeout=5)
async def in_stock(ctx: RunContext[Stock], product: str) -> str:
    """Say how much of a product is left.

    Args:
        product: its name, in lower case
    """
    await trio.sleep(0.01)  # a real one would ask a database here
    return f"{ctx.context.get(product, 0)} left"


def scripted_model(turn: Turn) -> Reply:
    """Stands in for the model: calls the tool, then says what came of it."""
    if turn.tool_outputs:
        return f"Of tea we have {turn.tool_outputs[-1].output}."
    return CallFunction("in_stock", {"product": "tea"})


async def main() -> None:
    agent = RealtimeAgent[Stock]("Clerk", instructions="You sell hot drinks.", tools=[in_stock])
    runner = RealtimeRunner(agent)
    stock = {"tea": 12, "coffee": 0}
    async with RealtimeSimulator(scripted_model, speed=100).serve() as url:
        session = await runner.run(context=stock, model_config={"url": url, "api_key": "any"})
        async with session:
            await session.send_message("Is there any tea?")
            async for event in session:
                if event.type == "tool_start":
                    print(f"the model calls {event.tool.name} with {event.arguments}")
                elif event.type == "tool_end":
                    print(f"the tool returns {event.output!r}")
                elif event.type == "agent_end" and session.history[-1].type == "message":
                    print("the model says:", session.history[-1].text)
                    break


if __name__ == "__main__":
    trio.run(main)
