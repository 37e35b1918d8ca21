"""A call between the stand-in for Twilio and a session with the simulator, all in memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from support_sessions import REACH, Stage, stage

from trio_realtime import RealtimeAgent
from trio_realtime.audio import ulaw_encode
from trio_realtime.telephony.sockets import TwilioSocket
from trio_realtime.telephony.stand_in import StandInCall, memory_sockets, stand_in_call
from trio_realtime.telephony.twilio import TwilioCall, bridge_twilio
from trio_realtime.testing.simulator import RealtimeSimulator

SERVER_VAD = {"turn_detection": {"type": "server_vad", "interrupt_response": True}}
"""The simulator hears speech by its energy, 500 ms after it ended."""


def speech(ms: int) -> bytes:
    """Something loud enough to be taken for speech: a square wave of 500 Hz, µ-law."""
    period = b"\x00\x10" * 8 + b"\x00\xf0" * 8
    return ulaw_encode(period * (ms // 2))


@attrs.define(eq=False)
class Line:
    """A call that is going on."""

    stage: Stage
    caller: StandInCall
    nursery: trio.Nursery
    result: TwilioCall[Any] | None = None
    over: trio.Event = attrs.field(factory=trio.Event)

    def truncations(self) -> list[int]:
        """Where the server was told that items were cut, in ms."""
        events = self.stage.server.received_of("conversation.item.truncate")
        return [event["audio_end_ms"] for event in events]


@asynccontextmanager
async def phone_call(
    simulator: RealtimeSimulator,
    *,
    agent: RealtimeAgent[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    near: TwilioSocket | None = None,
    sockets: tuple[TwilioSocket, TwilioSocket] | None = None,
    parameters: Mapping[str, str] | None = None,
    reach: Mapping[str, Any] = REACH,
    **options: Any,
) -> AsyncIterator[Line]:
    """A call; the end of the block waits until the bridge has returned, and raises what it does."""
    far, mine = sockets or memory_sockets()
    run_config = {"model_settings": SERVER_VAD, **(config or {})}
    async with stage(simulator) as st:
        runner = st.runner(agent, run_config)
        async with trio.open_nursery(strict_exception_groups=False) as nursery:
            async with stand_in_call(far, custom_parameters=parameters) as caller:
                line = Line(st, caller, nursery)

                async def serve() -> None:
                    try:
                        line.result = await bridge_twilio(
                            near or mine, runner, model_config=reach, **options
                        )
                    finally:
                        line.over.set()

                nursery.start_soon(serve)
                yield line
