"""A browser's call: its offer relayed, a session attached beside it, and keys for browsers."""

import json
from typing import Any

import pytest
import trio.testing
from support_calls import RestServer, as_openai_says, said
from support_sessions import until

from trio_realtime import (
    RealtimeAgent,
    RealtimeProtocolError,
    RealtimeRequestError,
    RealtimeRunner,
    RealtimeSessionModelSettings,
    UserError,
)
from trio_realtime.calls.sip_model import OpenAIRealtimeSIPModel
from trio_realtime.models.openai.rest.webrtc import create_client_secret, relay_offer
from trio_realtime.testing.simulator import RealtimeSimulator

OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=Ü\r\n"
ANSWER = "v=0\r\no=- 3 4 IN IP4 127.0.0.1\r\ns=-\r\n"
SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sei kurz, bitte."}
CREATED = {"Location": "/v1/realtime/calls/rtc_u1_9c65", "Content-Type": "application/sdp"}


def openai_server(**changes: Any) -> RestServer:
    given = {"status": 201, "headers": CREATED, "content": ANSWER.encode(), **changes}
    return RestServer(**given)


# -- offers --------------------------------------------------------------------------------------
async def test_the_relayed_offer_is_the_openai_packages() -> None:
    """The same form, part by part."""
    server = openai_server()
    async with server.client() as client:
        relayed = await relay_offer(client, OFFER, session=SESSION)
    assert relayed.answer_sdp == ANSWER
    assert relayed.call.call_id == "rtc_u1_9c65"
    assert said(server.request) == as_openai_says(
        lambda openai: openai.realtime.calls.create(sdp=OFFER, session=SESSION)
    )


async def test_an_offer_with_settings() -> None:
    server = openai_server()
    settings = RealtimeSessionModelSettings(voice="cedar", instructions="Hi")
    async with server.client() as client:
        await relay_offer(client, OFFER, session=settings)
    kind, session = said(server.request)[2]["session"]
    assert kind == "application/json"
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["instructions"] == "Hi"


@pytest.mark.parametrize(
    "location",
    [
        "https://api.openai.com/v1/realtime/calls/rtc_u1_9c65",
        "/v1/realtime/calls/rtc_u1_9c65?x=1#y",
        "/openai/v1/realtime/calls/rtc%5Fu1_9c65",
    ],
)
async def test_the_location_names_the_call(location: str) -> None:
    async with openai_server(headers={"location": location}).client() as client:
        relayed = await relay_offer(client, OFFER, session=SESSION)
    assert relayed.call.call_id == "rtc_u1_9c65"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"headers": {}}, "does not name the call"),
        ({"headers": {"location": "/v1/realtime/calls/"}}, "does not name the call"),
        ({"headers": {"location": "/v1/elsewhere/rtc_1"}}, "does not name the call"),
        ({"content": b"<html>"}, "is not SDP"),
        ({"content": b""}, "is not SDP"),
        ({"content": b"v=0\xff"}, "is not text"),
    ],
)
async def test_an_answer_without_what_it_must_have(changes: dict[str, Any], complaint: str) -> None:
    async with openai_server(**changes).client() as client:
        with pytest.raises(RealtimeProtocolError, match=complaint):
            await relay_offer(client, OFFER, session=SESSION)


@pytest.mark.parametrize(
    ("offer", "session", "complaint"),
    [
        ("", SESSION, "v=0"),
        ('{"sdp": "v=0"}', SESSION, "v=0"),
        (b"v=0", SESSION, "offer_sdp"),
        (OFFER, {"instructions": "Hi"}, "wire form"),
        (OFFER, {"type": "transcription"}, "wire form"),
        (OFFER, {"type": "realtime", "x": object()}, "JSON"),
    ],
)
async def test_a_wrong_offer_is_not_relayed(offer: Any, session: Any, complaint: str) -> None:
    """A browser's offer is anybody's text."""
    server = openai_server()
    async with server.client() as client:
        with pytest.raises(UserError, match=complaint):
            await relay_offer(client, offer, session=session)
    assert server.requests == []


async def test_a_refused_offer() -> None:
    async with openai_server(status=400, content=b'{"error": {"code": "bad"}}').client() as client:
        with pytest.raises(RealtimeRequestError, match=r"relaying the offer .* 400 \(bad\)"):
            await relay_offer(client, OFFER, session=SESSION)


# -- the sideband --------------------------------------------------------------------------------
async def test_a_session_attaches_to_the_relayed_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """From the offer to a conversation: by the id in ``Location``, with the client's key."""
    agent = RealtimeAgent("Guide", instructions="Be brief.")
    payload = await OpenAIRealtimeSIPModel.build_initial_session_payload(agent)
    simulator = RealtimeSimulator(api_key="sk-test-secret")
    async with simulator.memory_dialer() as dial, openai_server().client() as client:
        relayed = await relay_offer(client, OFFER, session=payload)
        runner = RealtimeRunner(
            agent, model=OpenAIRealtimeSIPModel(stream_factory=dial, transport="trio-websocket")
        )
        config = relayed.call.model_config(url="ws://simulator/v1/realtime")
        async with await runner.run(model_config=config) as session:
            await session.send_message("Hello")
            await until(session, "agent_end")
    (attached,) = simulator.connections
    assert attached.handshake.query == {"call_id": "rtc_u1_9c65"}
    (update,) = attached.received_of("session.update")
    assert update["session"]["instructions"] == "Be brief."
    assert "model" not in update["session"]


# -- client secrets ------------------------------------------------------------------------------
SECRET = {"value": "ek_1234", "expires_at": 1_750_287_678, "session": SESSION}


async def test_a_client_secret() -> None:
    server = RestServer(content=json.dumps(SECRET).encode())
    async with server.client() as client:
        secret = await create_client_secret(client, session=SESSION, expires_after=60)
    assert (secret.value, secret.expires_at, secret.session) == (
        "ek_1234",
        1_750_287_678,
        SESSION,
    )
    assert "ek_" not in repr(secret)
    assert said(server.request) == as_openai_says(
        lambda openai: openai.realtime.client_secrets.create(
            session=SESSION, expires_after={"anchor": "created_at", "seconds": 60}
        )
    )


async def test_a_client_secret_for_transcribing() -> None:
    server = RestServer(content=json.dumps(SECRET).encode())
    async with server.client() as client:
        await create_client_secret(client, session={"type": "transcription"})
    assert said(server.request)[2] == {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {"type": "transcription"},
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"expires_after": 9}, "from 10 to 7200"),
        ({"expires_after": 7201}, "from 10 to 7200"),
        ({"expires_after": "60"}, "expires_after"),
        ({"session": {"type": "translation"}}, "realtime, transcription"),
    ],
)
async def test_a_wrong_wish_for_a_secret(options: dict[str, Any], complaint: str) -> None:
    server = RestServer()
    async with server.client() as client:
        with pytest.raises(UserError, match=complaint):
            await create_client_secret(client, **{"session": SESSION, **options})
    assert server.requests == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        json.dumps({**SECRET, "value": 7}).encode(),
        json.dumps({**SECRET, "expires_at": "soon"}).encode(),
        json.dumps({**SECRET, "session": None}).encode(),
    ],
)
async def test_an_answer_without_a_secret(content: bytes) -> None:
    async with RestServer(content=content).client() as client:
        with pytest.raises(RealtimeProtocolError, match="no client secret") as caught:
            await create_client_secret(client, session=SESSION)
    assert "ek_" not in repr(caught.value)
