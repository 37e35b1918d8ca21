"""A session and the simulator at the other end of a memory stream: real frames, no network."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)
from trio_realtime.testing.simulator import RealtimeSimulator, SimulatedConnection

REACH = {"url": "ws://simulator/v1/realtime", "api_key": "sk-test"}


@attrs.define
class Stage:
    """Everything a session test needs."""

    simulator: RealtimeSimulator
    model: OpenAIRealtimeWebSocketModel

    def runner(
        self, agent: RealtimeAgent[Any] | None = None, config: Mapping[str, Any] | None = None
    ) -> RealtimeRunner[Any]:
        return RealtimeRunner(
            agent if agent is not None else RealtimeAgent("Assistant", instructions="Be brief."),
            model=self.model,
            config=config,
        )

    async def session(
        self,
        agent: RealtimeAgent[Any] | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        context: object = None,
        **model_config: Any,
    ) -> RealtimeSession[Any]:
        runner = self.runner(agent, config)
        return await runner.run(context=context, model_config={**REACH, **model_config})

    @property
    def server(self) -> SimulatedConnection:
        """The newest connection."""
        return self.simulator.connections[-1]


@asynccontextmanager
async def open_stage(
    simulator: RealtimeSimulator | None = None, **options: Any
) -> AsyncIterator[Stage]:
    """A simulator (made with these options) and a model that dials it."""
    simulator = simulator or RealtimeSimulator(**options)
    async with simulator.memory_dialer() as dial:
        model = OpenAIRealtimeWebSocketModel(stream_factory=dial, transport="trio-websocket")
        yield Stage(simulator, model)


async def until(
    session: RealtimeSession[Any], kind: str, count: int = 1
) -> list[RealtimeSessionEvent]:
    """Take events up to and including the nth of this type."""
    taken: list[RealtimeSessionEvent] = []
    with trio.move_on_after(300):
        async for event in session:
            taken.append(event)
            if event.type == kind:
                count -= 1
                if not count:
                    return taken
    raise AssertionError(f"no {kind} came; it had {[e.type for e in taken]}")


def kinds(events: list[RealtimeSessionEvent]) -> list[str]:
    return [event.type for event in events if event.type != "raw_model_event"]


async def settle() -> None:
    """Let every task run until all of them wait."""
    await trio.testing.wait_all_tasks_blocked()
