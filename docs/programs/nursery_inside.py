"""A nursery inside a session: its exceptions come in groups, as those of every nursery do."""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSession, TrioRealtimeError
from trio_realtime.testing import RealtimeSimulator


async def listen(session: RealtimeSession[None]) -> None:
    async for _event in session:
        pass


async def speak(session: RealtimeSession[None]) -> None:
    while True:
        await session.send_audio(bytes(4_800))
        await trio.sleep(0.1)


async def converse(session: RealtimeSession[None]) -> None:
    async with session, trio.open_nursery() as nursery:
        nursery.start_soon(listen, session)
        nursery.start_soon(speak, session)


async def main() -> None:
    runner = RealtimeRunner(RealtimeAgent("Baker"))
    simulator = RealtimeSimulator()
    async with simulator.serve() as url, trio.open_nursery() as nursery:
        session = await runner.run(model_config={"url": url, "api_key": "not needed"})
        nursery.start_soon(break_the_line, simulator)
        try:
            await converse(session)
        except* TrioRealtimeError as group:
            for error in group.exceptions:
                print("the call is over:", type(error).__name__)


async def break_the_line(simulator: RealtimeSimulator) -> None:
    connection = await simulator.wait_connected()
    await connection.drop()


trio.run(main)
