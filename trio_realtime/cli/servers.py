"""Where ``talk`` connects: OpenAI, a compatible server, or the simulator in this process."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from .arguments import Options

KEY_VARIABLE: Final = "OPENAI_API_KEY"

SIMULATOR_PACE: Final = 4.0
"""How many times faster than real time the simulator talks: slow enough to see that it streams."""


@attrs.frozen(kw_only=True)
class Server:
    """A server that can be connected to now."""

    model_config: Mapping[str, Any]
    """The keys of a session's `RealtimeModelConfig`."""
    pace: float
    """How many times faster than real time a recording is sent to it."""
    notice: str | None = None
    """What the user has to know about the server."""


@asynccontextmanager
async def open_server(options: Options) -> AsyncGenerator[Server]:
    """The server that the options ask for. A simulator runs until the block ends."""
    pace = options.pace or 1.0
    has_key = bool(os.environ.get(KEY_VARIABLE))
    if options.url is not None:
        # Without a key, headers of our own (none) keep the library from asking for one.
        access: dict[str, Any] = {} if has_key else {"headers": {}}
        yield Server(model_config={"url": options.url, **access}, pace=pace)
    elif has_key and not options.simulate:
        yield Server(model_config={}, pace=pace)
    else:
        from ..testing.simulator import RealtimeSimulator

        pace = options.pace or SIMULATOR_PACE
        simulator = RealtimeSimulator(speed=pace, keep_received=False)
        async with simulator.serve() as url:
            yield Server(
                model_config={"url": url, "headers": {}}, pace=pace, notice=_notice(options)
            )


def _notice(options: Options) -> str:
    simulator = "the built-in simulator, which does not understand speech"
    if options.simulate:
        return f"Talking to {simulator}."
    return f"No API key ({KEY_VARIABLE} is not set): talking to {simulator}."
