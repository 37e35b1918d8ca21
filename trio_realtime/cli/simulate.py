"""``trio-realtime simulate``: the simulator on a port, for other clients to talk to."""

from contextlib import AsyncExitStack

from ..testing.simulator import RealtimeSimulator
from .arguments import Options
from .failures import CommandError
from .servers import SIMULATOR_PACE


async def simulate(options: Options) -> None:
    """Serve until cancelled. Prints the URL, and a line for each session.

    Raises:
        CommandError: the port is taken, or the host is not this machine's.
    """
    simulator = RealtimeSimulator(
        speed=options.pace or SIMULATOR_PACE, api_key=options.key, keep_received=False
    )
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(simulator.serve(options.host, options.port))
        except OSError as error:
            place = f"{options.host}:{options.port}"
            raise CommandError(f"cannot listen at {place}: {error.strerror or error}") from error
        print(f"The simulator listens at {url} until Ctrl-C.", flush=True)
        print(f"Try it with: trio-realtime talk --url {url}", flush=True)
        count = 0
        while True:
            count += 1
            await simulator.wait_connected(count)
            print(f"session {count} began", flush=True)
