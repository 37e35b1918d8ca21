"""Tutorial, step 4: how a session ends."""

import trio

from trio_realtime import RealtimeAgent, RealtimeConnectionClosed, RealtimeRunner
from trio_realtime.testing import RealtimeSimulator


async def main() -> None:
    runner = RealtimeRunner(RealtimeAgent("Baker"))
    simulator = RealtimeSimulator(speed=100)
    async with simulator.serve() as url:
        config = {"url": url, "api_key": "not needed"}

        # You leave the block: the session is closed, whatever it was doing.
        async with await runner.run(model_config=config) as session:
            await session.send_message("Never mind.")

        # Time is up: the same, from anywhere outside.
        with trio.move_on_after(0.2):
            async with await runner.run(model_config=config) as session:
                async for _event in session:
                    pass
        print("time was up")

        # The server has had enough: the iteration ends, and that is no error.
        async with await runner.run(model_config=config) as session:
            connection = await simulator.wait_connected(3)
            await connection.close(1001, "the hour is over")
            async for _event in session:
                pass
        print("the server closed")

        # The network breaks: what had arrived is delivered, then the iteration raises.
        try:
            async with await runner.run(model_config=config) as session:
                connection = await simulator.wait_connected(4)
                await connection.drop()
                async for _event in session:
                    pass
        except RealtimeConnectionClosed as error:
            print("lost, with code", error.code)


trio.run(main)
