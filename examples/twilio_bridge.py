"""Answer the telephone: a WebSocket server for Twilio Media Streams, and a caller to try it with.

Usage: python twilio_bridge.py --url wss://your.host/calls     serve Twilio, on --port
       python twilio_bridge.py [--demo]                        a caller in this process, simulated

To serve, OPENAI_API_KEY and TWILIO_AUTH_TOKEN must be set. Behind a proxy that speaks TLS, let the
number's voice webhook answer with this TwiML, whose URL is the one given here:

    <Response><Connect><Stream url="wss://your.host/calls" /></Connect></Response>

Twilio signs each connection with the auth token; what is not signed is refused, since whoever
could connect could call at your expense.
"""

import argparse
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import trio
from trio_websocket import WebSocketRequest, open_websocket_url, serve_websocket

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSessionEvent, TrioRealtimeError
from trio_realtime.audio import ulaw_encode
from trio_realtime.telephony.stand_in import stand_in_call
from trio_realtime.telephony.twilio import (
    TwilioCall,
    bridge_twilio,
    is_from_twilio,
    sign_as_twilio,
)
from trio_realtime.testing import RealtimeSimulator

AGENT = RealtimeAgent("Receptionist", instructions="You answer the telephone. Be brief.")
CONFIG = {"events": "all", "model_settings": {"turn_detection": {"type": "server_vad"}}}


async def greet(call: TwilioCall[Any]) -> None:
    print(f"{call.start.custom_parameters.get('caller', 'somebody')} calls")
    await call.session.create_response(instructions="Greet the caller.")


def show(_call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
    if event.type == "audio_interrupted":
        print(f"interrupted after {event.heard_ms} ms")
    elif event.type == "dtmf_received":
        print(f"the caller pressed {event.key}")
    elif event.type == "user_transcript_completed":
        print(f"the caller said: {event.transcript}")


async def answer(
    request: WebSocketRequest,
    *,
    runner: RealtimeRunner[Any],
    auth_token: str,
    url: str,
    model_config: Mapping[str, Any],
) -> None:
    """One call; what goes wrong in it is no concern of the others."""
    signature = dict(request.headers).get(b"x-twilio-signature")
    if not is_from_twilio(auth_token, url, signature):
        await request.reject(403)
        return
    websocket = await request.accept()
    try:
        call = await bridge_twilio(
            websocket, runner, model_config=model_config, on_start=greet, on_event=show
        )
    except TrioRealtimeError as error:
        print(f"the call failed: {error}")
    else:
        if call is not None:
            print(f"the {call.ended_by} hung up after hearing {call.heard_ms / 1000:.1f} s")


async def serve(
    host: str,
    port: int,
    auth_token: str,
    url: str,
    model_config: Mapping[str, Any],
    *,
    calls: trio.Nursery | None = None,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; with ``calls``, calls go on in that nursery.

    ``url`` is the public URL as Twilio was given it, which it signs.
    """
    runner = RealtimeRunner(AGENT, config=CONFIG)
    handler = partial(
        answer, runner=runner, auth_token=auth_token, url=url, model_config=model_config
    )
    await serve_websocket(handler, host, port, None, handler_nursery=calls, task_status=task_status)


def speech(ms: int) -> bytes:
    """Nothing a person would call speech, but loud enough to interrupt."""
    return ulaw_encode((b"\x00\x10" * 8 + b"\x00\xf0" * 8) * (ms // 2))


async def demonstrate() -> None:
    """A caller who interrupts the greeting, presses a key and hangs up."""
    simulator = RealtimeSimulator(hears=["Hello?"])
    async with (
        simulator.serve() as url,
        trio.open_nursery() as calls,
        trio.open_nursery() as nursery,
    ):
        config = {"url": url, "api_key": "not needed"}
        public = "wss://phone.example/calls"
        start = partial(serve, "127.0.0.1", 0, "demo", public, config, calls=calls)
        server = await nursery.start(start)
        signed = [(b"x-twilio-signature", sign_as_twilio("demo", public).encode())]
        phone = f"ws://127.0.0.1:{server.port}/calls"
        async with (
            open_websocket_url(phone, extra_headers=signed) as websocket,
            stand_in_call(websocket, custom_parameters={"caller": "Ada"}) as caller,
        ):
            await caller.wait_heard(400)
            await caller.say(speech(300))
            caller.press("1")
            await caller.wait_heard(len(caller.heard) / 8 + 300)
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--demo", action="store_true", help="call yourself, with the simulator")
    parser.add_argument("--url", help="the public URL that Twilio connects to")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    auth_token = os.environ.get("TWILIO_AUTH_TOKEN", "")
    if options.demo or not os.environ.get("OPENAI_API_KEY"):
        trio.run(demonstrate)
    elif not (auth_token and options.url):
        parser.error("set TWILIO_AUTH_TOKEN and give --url: without them anyone could call")
    else:
        trio.run(serve, options.host, options.port, auth_token, options.url, dict[str, Any]())


if __name__ == "__main__":
    main()
