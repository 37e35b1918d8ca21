"""Answer the telephone: a WebSocket server for Twilio Media Streams, and a caller to try it with.

Usage: python twilio_bridge.py --port 8080      serve Twilio; OPENAI_API_KEY must be set
       python twilio_bridge.py [--demo]         a caller in this process, and the simulator

Behind a proxy that speaks TLS, let the number's voice webhook answer with this TwiML:

    <Response><Connect><Stream url="wss://your.host/SECRET" /></Connect></Response>

SECRET is what PHONE_SECRET is set to: whoever knows the URL can call, at your expense.
"""

import argparse
import os
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

import trio
from trio_websocket import WebSocketRequest, open_websocket_url, serve_websocket

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSessionEvent, TrioRealtimeError
from trio_realtime.audio import ulaw_encode
from trio_realtime.telephony.stand_in import stand_in_call
from trio_realtime.telephony.twilio import TwilioCall, bridge_twilio
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
    secret: str,
    model_config: Mapping[str, Any],
) -> None:
    """One call; what goes wrong in it is no concern of the others."""
    if not secrets.compare_digest(request.path.lstrip("/").encode(), secret.encode()):
        await request.reject(404)
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
    secret: str,
    model_config: Mapping[str, Any],
    *,
    calls: trio.Nursery | None = None,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; with ``calls``, calls go on in that nursery."""
    runner = RealtimeRunner(AGENT, config=CONFIG)
    handler = partial(answer, runner=runner, secret=secret, model_config=model_config)
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
        start = partial(serve, "127.0.0.1", 0, "demo", config, calls=calls)
        server = await nursery.start(start)
        phone = f"ws://127.0.0.1:{server.port}/demo"
        async with (
            open_websocket_url(phone) as websocket,
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
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    secret = os.environ.get("PHONE_SECRET", "")
    if options.demo or not os.environ.get("OPENAI_API_KEY"):
        trio.run(demonstrate)
    elif not secret:
        parser.error("set PHONE_SECRET: without it anyone can call")
    else:
        trio.run(serve, options.host, options.port, secret, dict[str, Any]())


if __name__ == "__main__":
    main()
