"""A service: one runner, many sessions at once, each in a nursery, each with its own deadline.

One caller's failure must not end the others: each session has a task that deals with its own.
"""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, TrioRealtimeError
from trio_realtime.testing import RealtimeSimulator

CALLERS = 50


async def serve_caller(
    runner: RealtimeRunner[str], url: str, caller: str, answered: list[str]
) -> None:
    try:
        with trio.fail_after(30):
            session = await runner.run(
                context=caller, model_config={"url": url, "api_key": "not needed"}
            )
            async with session:
                await session.send_message(f"Hello, I am {caller}.")
                async for event in session:
                    if event.type == "agent_end":
                        answered.append(session.context)
                        break
    except (TrioRealtimeError, trio.TooSlowError) as error:
        print(f"{caller}: {error!r}")


async def main() -> None:
    runner = RealtimeRunner(RealtimeAgent[str]("Greeter", instructions="Greet the caller."))
    answered: list[str] = []
    async with RealtimeSimulator(speed=1_000).serve() as url, trio.open_nursery() as nursery:
        for number in range(CALLERS):
            nursery.start_soon(serve_caller, runner, url, f"caller {number}", answered)
    print(f"{len(answered)} of {CALLERS} callers had an answer")


if __name__ == "__main__":
    trio.run(main)
