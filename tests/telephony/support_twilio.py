"""A call between the stand-in for Twilio and a session with the simulator, all in memory."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from support_sessions import REACH, Stage, open_stage

from trio_realtime import RealtimeAgent
from trio_realtime.audio import ulaw_encode
from trio_realtime.telephony.sockets import TwilioSocket
from trio_realtime.telephony.stand_in import StandInCall, memory_sockets, stand_in_call
from trio_realtime.telephony.twilio import TwilioCall, bridge_twilio
from trio_realtime.testing.simulator import RealtimeSimulator

SERVER_VAD = {"turn_detection": {"type": "server_vad", "interrupt_response": True}}
"""The simulator hears speech by its energy, and its end after 500 ms of silence."""


def speech(ms: int) -> bytes:
    """Something loud enough to be taken for speech: a square wave of 500 Hz, µ-law."""
    period = b"\x00\x10" * 8 + b"\x00\xf0" * 8
    return ulaw_encode(period * (ms // 2))


@attrs.define(eq=False)
class Line:
    """A call that is going on."""

    stage: Stage
    caller: StandInCall
    result: TwilioCall[Any] | None = None
    failure: BaseException | None = None
    over: trio.Event = attrs.field(factory=trio.Event)
    """Set when the bridge has returned."""
    bridging: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def cancel_bridge(self) -> None:
        """Cancel the bridge, as a server does with the handler of a closed connection."""
        self.bridging.cancel()

    @property
    def call(self) -> TwilioCall[Any]:
        """What the bridge returned."""
        assert self.result is not None
        return self.result

    @property
    def heard_ms(self) -> float:
        """What the caller has heard."""
        return len(self.caller.heard) / 8

    def answer(self, number: int = -1) -> bytes:
        """The audio of an answer, as the server has it; nothing before there is one."""
        answers = [
            bytes(part.audio or b"")
            for item in self.stage.server.conversation.items
            for part in item.parts or ()
            if item.fields.get("role") == "assistant"
        ]
        return answers[number] if answers else b""

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
    sockets: tuple[TwilioSocket, TwilioSocket] | None = None,
    parameters: Mapping[str, str] | None = None,
    reach: Mapping[str, Any] = REACH,
    **options: Any,
) -> AsyncGenerator[Line]:
    """A call. When the block has ended, and the caller has hung up, the bridge has 10 s to return;
    what it raised is raised."""
    far, near = sockets or memory_sockets()
    run_config = {"model_settings": SERVER_VAD, **(config or {})}
    async with open_stage(simulator) as stage, trio.open_nursery() as nursery:
        runner = stage.runner(agent, run_config)
        async with stand_in_call(far, custom_parameters=parameters) as caller:
            line = Line(stage, caller)

            async def serve() -> None:
                try:
                    with line.bridging:
                        line.result = await bridge_twilio(
                            near, runner, model_config=reach, **options
                        )
                except Exception as failure:
                    line.failure = failure
                line.over.set()

            nursery.start_soon(serve)
            yield line
        with trio.fail_after(10):
            await line.over.wait()
        nursery.cancel_scope.cancel()
    if line.failure is not None:
        raise line.failure


@attrs.define(eq=False)
class _Delayed:
    _to_peer: "trio.MemorySendChannel[tuple[float, str]]"
    _from_peer: "trio.MemoryReceiveChannel[tuple[float, str]]"
    _delay: float
    """Seconds that every message is under way."""

    async def receive(self) -> str:
        arrives, message = await self._from_peer.receive()
        await trio.sleep_until(arrives)
        return message

    async def send(self, message: str) -> None:
        await self._to_peer.send((trio.current_time() + self._delay, message))

    async def aclose(self) -> None:
        self._to_peer.close()
        self._from_peer.close()
        await trio.lowlevel.checkpoint()


def distant_sockets(delay: float) -> tuple[TwilioSocket, TwilioSocket]:
    """Two ends of a WebSocket over a network that takes its time."""
    near_send, far_receive = trio.open_memory_channel[tuple[float, str]](1000)
    far_send, near_receive = trio.open_memory_channel[tuple[float, str]](1000)
    return _Delayed(near_send, near_receive, delay), _Delayed(far_send, far_receive, delay)
