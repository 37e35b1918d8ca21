"""Plays OpenAI's part of a phone call for `sip_call.py`: webhook, Calls API, realtime server.

The realtime server is the simulator; its model is scripted, and no sound is involved.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import trio

from trio_realtime.models.openai.rest.webhooks import sign_webhook
from trio_realtime.testing import CallFunction, RealtimeSimulator, Reply, Turn, Wait

SECRET = "whsec_c3RhbmQtaW4gc2VjcmV0"
CALL_ID = "rtc_standin1"


def scripted_model(turn: Turn) -> Reply:
    """Greets, looks something up, and hangs up: a caller who says nothing is all it knows."""
    if turn.number == 0:
        return ["Wheels and Co, good morning!", CallFunction("opening_hours", {})]
    if turn.number == 1:
        return [
            f"We are open {turn.tool_outputs[-1].output}. Goodbye!",
            CallFunction("hang_up", {}),
        ]
    return Wait(60)  # nobody is there to hear more


@attrs.define(eq=False)
class StandIn:
    """What one call at OpenAI looks like from outside."""

    nursery: trio.Nursery
    simulator: RealtimeSimulator
    realtime_url: str
    base_url: str = ""
    accepted: dict[str, Any] | None = None
    """The session that the call was accepted with."""
    call_over: trio.Event = attrs.field(factory=trio.Event)

    @classmethod
    @asynccontextmanager
    async def serving(cls, serve: Callable[..., Any]) -> AsyncGenerator["StandIn"]:
        """Run it as long as the block; ``serve`` serves HTTP."""
        simulator = RealtimeSimulator(scripted_model, speed=100)
        async with simulator.serve() as realtime_url, trio.open_nursery() as nursery:
            openai = cls(nursery, simulator, realtime_url)
            openai.base_url = f"{await nursery.start(serve, openai.calls_api)}/v1"
            yield openai
            nursery.cancel_scope.cancel()

    async def ring(self, url: str) -> None:
        """Tell the webhook's URL that somebody calls; twice, as happens when an answer is lost."""
        event = {
            "object": "event",
            "id": "evt_1",
            "type": "realtime.call.incoming",
            "created_at": int(time.time()),
            "data": {
                "call_id": CALL_ID,
                "sip_headers": [{"name": "From", "value": "sip:+14155550123@sip.example.com"}],
            },
        }
        body = json.dumps(event)
        headers = sign_webhook(body, secret=SECRET, webhook_id="wh_1", timestamp=int(time.time()))
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(2):
                (await client.post(url, content=body, headers=headers)).raise_for_status()

    def calls_api(self, request: Any) -> int:
        """The Calls API, for this one call: what a request does, and is answered with."""
        if request.path == f"/v1/realtime/calls/{CALL_ID}/accept" and self.accepted is None:
            self.accepted = json.loads(request.body)
            return 200
        if request.path == f"/v1/realtime/calls/{CALL_ID}/hangup" and self.accepted is not None:
            self.nursery.start_soon(self.end_call)
            return 200
        return 404

    async def end_call(self) -> None:
        """The line is cut a moment later, and with it the WebSocket of the attached session."""
        attached = await self.simulator.wait_connected()
        await attached.wait_received("response.create", 3)  # what the tool's output leads to
        await attached.close(1000)
        self.call_over.set()
