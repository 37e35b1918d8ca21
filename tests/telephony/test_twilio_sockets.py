"""Calls over the WebSocket libraries there are, and the stand-in by itself."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import hypercorn.config
import hypercorn.trio
import pytest
import trio
from support_twilio import speech
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import wrap_client_stream, wrap_server_stream

from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, UserError
from trio_realtime.telephony.sockets import as_twilio_socket
from trio_realtime.telephony.stand_in import StandInCall, memory_sockets, stand_in_call
from trio_realtime.telephony.twilio import TwilioCall, bridge_twilio
from trio_realtime.testing.leaks import assert_nothing_survives
from trio_realtime.testing.simulator import RealtimeSimulator, Say

CONFIG = {
    "url": "ws://simulator/v1/realtime",
    "api_key": "sk-test",
    "initial_model_settings": {"turn_detection": {"type": "server_vad"}},
}


@asynccontextmanager
async def a_runner() -> AsyncGenerator[RealtimeRunner[Any]]:
    """Of sessions with a simulator that answers with 200 ms of audio."""
    simulator = RealtimeSimulator(lambda turn: Say("Yes.", audio_ms=200))
    async with simulator.memory_dialer() as dial:
        model = OpenAIRealtimeWebSocketModel(stream_factory=dial)
        yield RealtimeRunner(RealtimeAgent("a"), model=model)


def streams() -> tuple[Any, Any]:
    """Both ends of a connection; trio-websocket's annotations know sockets only."""
    return memory_stream_pair()


@pytest.mark.parametrize("who", ["caller", "session"])
async def test_a_call_over_trio_websocket(autojump_clock: MockClock, who: str) -> None:
    """From the handshake to the close, whichever side hangs up."""
    results: list[TwilioCall[Any] | None] = []

    async def on_start(call: TwilioCall[Any]) -> None:
        if who == "session":
            await call.session.aclose()

    async with assert_nothing_survives(), a_runner() as runner, trio.open_nursery() as nursery:
        client_end, server_end = streams()

        async def serve() -> None:
            async with trio.open_nursery() as websocket_nursery:
                request = await wrap_server_stream(websocket_nursery, server_end)
                websocket = await request.accept()
                results.append(
                    await bridge_twilio(websocket, runner, model_config=CONFIG, on_start=on_start)
                )

        nursery.start_soon(serve)
        async with trio.open_nursery() as client_nursery:
            client = await wrap_client_stream(client_nursery, client_end, "test", "/media")
            async with stand_in_call(client) as caller:
                if who == "caller":
                    await caller.say(speech(300))
                    await caller.wait_heard(200)
                else:
                    await caller.ended.wait()
    [call] = results
    assert call is not None
    assert call.ended_by == who


async def test_trio_websocket_s_errors_are_trio_s(autojump_clock: MockClock) -> None:
    """Both ways of hearing that the other side is gone."""
    client_end, server_end = streams()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            request = await wrap_server_stream(nursery, server_end)
            await (await request.accept()).aclose()

        nursery.start_soon(serve)
        client = await wrap_client_stream(nursery, client_end, "test", "/media")
        socket = as_twilio_socket(client)
        with pytest.raises(trio.EndOfChannel):
            await socket.receive()
        with pytest.raises(trio.BrokenResourceError):
            await socket.send("anyone there?")
        await socket.aclose()


@asynccontextmanager
async def calling(port: int, resource: str) -> AsyncGenerator[StandInCall]:
    """A call to a server on loopback, over a connection that is closed at the end for certain."""
    async with (
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
        trio.open_nursery() as nursery,
    ):
        client = await wrap_client_stream(nursery, stream, "127.0.0.1", resource)
        async with stand_in_call(client) as caller:
            yield caller


async def test_a_call_over_quart_trio() -> None:
    """In a real server; when the caller hangs up Quart cancels the handler, which is an end too."""
    quart_trio = pytest.importorskip("quart_trio")
    from quart import websocket

    app = quart_trio.QuartTrio("phone")
    ended: list[str] = []
    both = trio.Event()

    async with a_runner() as runner:

        async def media() -> None:
            async def on_start(call: TwilioCall[Any]) -> None:
                if websocket.args.get("hang_up"):
                    await call.session.aclose()

            try:
                await bridge_twilio(websocket, runner, model_config=CONFIG, on_start=on_start)
            finally:
                ended.append(websocket.args.get("hang_up", "caller"))
                if len(ended) == 2:
                    both.set()

        app.websocket("/media")(media)
        config = hypercorn.config.Config()
        config.bind = ["127.0.0.1:0"]
        config.accesslog = config.errorlog = None
        async with trio.open_nursery() as nursery:
            [address] = await nursery.start(hypercorn.trio.serve, app, config)
            port = int(address.rpartition(":")[2])
            with trio.fail_after(20):
                async with calling(port, "/media") as caller:
                    await caller.say(speech(100))
                    await caller.wait_heard(100)
                async with calling(port, "/media?hang_up=session") as caller:
                    await caller.ended.wait()
                await both.wait()
            nursery.cancel_scope.cancel()
    assert ended == ["caller", "session"]


def test_what_is_no_websocket_is_refused() -> None:
    """With the name of what it is; a socket stays what it is."""
    with pytest.raises(UserError, match="a str is no WebSocket"):
        as_twilio_socket("wss://example.com")
    near, _far = memory_sockets()
    assert as_twilio_socket(near) is near


# -- the stand-in --------------------------------------------------------------------------------


async def test_the_stand_in_speaks_twilio_s_formats(autojump_clock: MockClock) -> None:
    """Field by field as on Twilio's page, 20 ms apart, numbered from 1."""
    far, near = memory_sockets(size=1_000)
    received: list[Any] = []
    async with stand_in_call(far, custom_parameters={"who": "Ada"}) as caller:
        await caller.say(b"\x01" * 200)
        caller.press("5")
    try:
        while True:
            received.append(json.loads(await near.receive()))
    except trio.EndOfChannel:
        pass
    sid = caller.stream_sid
    connected, start, first, second, key, stop = received
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": sid,
        "start": {
            "accountSid": caller.account_sid,
            "streamSid": sid,
            "callSid": caller.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"who": "Ada"},
        },
    }
    assert first["media"]["track"] == "inbound"
    assert [(each["media"]["chunk"], each["media"]["timestamp"]) for each in (first, second)] == [
        ("1", "0"),
        ("2", "20"),
    ]
    assert key["dtmf"] == {"track": "inbound_track", "digit": "5"}
    assert stop["stop"] == {"accountSid": caller.account_sid, "callSid": caller.call_sid}
    assert [each["sequenceNumber"] for each in received[1:]] == ["1", "2", "3", "4", "5"]


async def test_the_stand_in_notices_that_nobody_is_there(autojump_clock: MockClock) -> None:
    """What is waited for then never comes."""
    far, near = memory_sockets()
    async with stand_in_call(far) as caller:
        await near.aclose()
        await caller.ended.wait()
        with pytest.raises(trio.EndOfChannel, match="the call is over"):
            await caller.wait_heard(1)


async def test_the_stand_in_gives_up_on_an_application_that_never_reads(
    autojump_clock: MockClock,
) -> None:
    """Hanging up is bounded."""
    far, near = memory_sockets(size=1)
    began = trio.current_time()
    async with stand_in_call(far):
        await trio.sleep(1)
    assert trio.current_time() <= began + 6
    await near.aclose()


async def test_the_stand_in_takes_only_what_an_application_may_send(
    autojump_clock: MockClock,
) -> None:
    """Anything else is a defect to be shown."""
    far, near = memory_sockets()
    await near.send('{"event":"stop"}')
    with pytest.raises(AssertionError, match="an application does not send Stop"):
        async with stand_in_call(far) as caller:
            await caller.ended.wait()
