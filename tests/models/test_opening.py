"""The opening: connecting waits for the server to take the settings, and raises what it refuses."""

import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from support_protocol import Client
from support_transports import Peer, Scripted, close_frame, each_kind, text

from trio_realtime.config import RealtimeModelConfig, RealtimeSessionModelSettings
from trio_realtime.errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    SettingsError,
)
from trio_realtime.models.events import RealtimeModelErrorEvent, RealtimeModelEvent
from trio_realtime.models.inputs import RealtimeModelClearAudio, RealtimeModelSendSessionUpdate
from trio_realtime.models.interface import RealtimeConnection
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol
from trio_realtime.models.transports import TransportKind
from trio_realtime.models.websocket_connection import OPENING_TIMEOUT

Clock = trio.testing.MockClock
Answer = Callable[[Peer, dict[str, Any]], Awaitable[None]]
"""What a server does when it has read the opening ``session.update``."""

KEY = "sk-123456"
CREATED = text('{"type":"session.created","session":{}}')
UPDATED = text('{"type":"session.updated","session":{}}')
VOICE = {
    "type": "invalid_request_error",
    "code": "invalid_value",
    "message": "Invalid value: 'bass'.",
    "param": "session.audio.output.voice",
}


def error_frame(**error: Any) -> bytes:
    return text(json.dumps({"type": "error", "event_id": "event_1", "error": error}))


@asynccontextmanager
async def connected(
    answer: Answer, kind: TransportKind = "websockets", **config: Any
) -> AsyncGenerator[RealtimeConnection]:
    """A connection to a server that greets, and answers the opening in this way."""

    async def script(peer: Peer) -> None:
        await peer.accept(then=CREATED)
        await answer(peer, json.loads((await peer.read()).payload))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        dial = Scripted(nursery, script).dial
        model = OpenAIRealtimeWebSocketModel(stream_factory=dial, transport=kind)
        reach: dict[str, Any] = {"api_key": KEY, "url": "ws://server.test/", **config}
        given = RealtimeModelConfig(**reach)
        try:
            async with model.connect(given) as connection:
                yield connection
        finally:
            nursery.cancel_scope.cancel()


async def refusal_of(answer: Answer, kind: TransportKind = "websockets") -> RealtimeHandshakeError:
    """What connecting raises."""
    with pytest.RaisesGroup(RealtimeHandshakeError) as raised:
        async with connected(answer, kind):
            pytest.fail("the block was entered")
    refusal = raised.value.exceptions[0]
    assert isinstance(refusal, RealtimeHandshakeError)
    return refusal


async def first_error(connection: RealtimeConnection) -> RealtimeModelEvent:
    """The first error event that the connection yields."""
    async for event in connection:
        if isinstance(event, RealtimeModelErrorEvent):
            return event
    pytest.fail("the connection ended")


# -- what the server refuses


@each_kind
@pytest.mark.parametrize("with_event_id", [True, False])
async def test_a_refused_setting_is_a_failure_to_open(
    kind: TransportKind, with_event_id: bool, autojump_clock: Clock
) -> None:
    """The server took nothing of the update, and would answer without instructions and tools."""

    async def refuse(peer: Peer, update: dict[str, Any]) -> None:
        event_id = update["event_id"] if with_event_id else None
        await peer.send(error_frame(**VOICE, event_id=event_id))

    refusal = await refusal_of(refuse, kind)
    assert (refusal.status, refusal.code) == (101, "invalid_value")
    assert refusal.param == "session.audio.output.voice"
    assert "session.audio.output.voice: Invalid value: 'bass'." in str(refusal)


@each_kind
async def test_a_wrong_key_is_a_failure_to_open(kind: TransportKind, autojump_clock: Clock) -> None:
    """An error, and a close with 3000 right after it. The server's words may quote the key."""

    async def refuse(peer: Peer, _update: dict[str, Any]) -> None:
        error = error_frame(
            type="invalid_request_error",
            code="invalid_api_key",
            message=f"Incorrect API key provided: {KEY}.",
        )
        await peer.send(error + close_frame(3000, "invalid_request_error.invalid_api_key"))

    refusal = await refusal_of(refuse, kind)
    assert (refusal.status, refusal.code) == (101, "invalid_api_key")
    assert "API key" in str(refusal)
    assert KEY not in str(refusal)


@each_kind
async def test_an_unknown_model_is_a_failure_to_open(
    kind: TransportKind, autojump_clock: Clock
) -> None:
    """Here by the close frame alone, whose reason ends in the code of the error."""

    async def refuse(peer: Peer, _update: dict[str, Any]) -> None:
        await peer.send(close_frame(4000, "invalid_request_error.invalid_model"))

    refusal = await refusal_of(refuse, kind)
    assert (refusal.code, refusal.close_code) == ("invalid_model", 4000)
    assert isinstance(refusal.__cause__, RealtimeConnectionClosed)


async def test_a_connection_lost_while_opening_is_no_refusal(autojump_clock: Clock) -> None:
    async def drop(peer: Peer, _update: dict[str, Any]) -> None:
        await peer.stream.aclose()

    with pytest.RaisesGroup(RealtimeConnectionError) as raised:
        async with connected(drop):
            pytest.fail("the block was entered")
    assert not isinstance(raised.value.exceptions[0], RealtimeHandshakeError)


async def test_a_refusal_that_comes_late_ends_the_connection(autojump_clock: Clock) -> None:
    """Opening waits in a bound, so the same error is raised where the connection is read."""

    async def refuse_late(peer: Peer, update: dict[str, Any]) -> None:
        await trio.sleep(2 * OPENING_TIMEOUT)
        await peer.send(error_frame(**VOICE, event_id=update["event_id"]))

    async with connected(refuse_late) as connection:
        with pytest.raises(RealtimeHandshakeError, match="bass"):
            await connection.deliver(lambda _event: None)


# -- what it takes


async def test_connecting_returns_when_the_settings_are_acknowledged(
    autojump_clock: Clock,
) -> None:
    async def take_a_second(peer: Peer, _update: dict[str, Any]) -> None:
        await trio.sleep(1)
        await peer.send(UPDATED)

    began = trio.current_time()
    async with connected(take_a_second):
        assert trio.current_time() - began == pytest.approx(1.0)


async def test_a_server_that_acknowledges_nothing_works(autojump_clock: Clock) -> None:
    """After a short wait it is taken to have agreed; what it sent meanwhile is not lost."""

    async def go_on(_peer: Peer, _update: dict[str, Any]) -> None:
        return

    began = trio.current_time()
    async with connected(go_on) as connection:
        assert trio.current_time() - began == pytest.approx(OPENING_TIMEOUT)
        event = await anext(aiter(connection))
    assert event.type == "raw_server_event"


async def test_an_error_after_the_acknowledgement_is_an_event(autojump_clock: Clock) -> None:
    async def complain(peer: Peer, _update: dict[str, Any]) -> None:
        await peer.send(UPDATED + error_frame(type="server_error", message="Oh."))

    async with connected(complain) as connection:
        await first_error(connection)


def test_an_error_without_id_is_no_refusal_once_something_else_was_sent() -> None:
    """It may be about that; one with the id of the opening still is."""
    client = Client()
    client.protocol.open(RealtimeSessionModelSettings())
    (update,) = client.sent()
    client.says(RealtimeModelClearAudio())
    assert [event.type for event in client.hears("error", error=VOICE)] == ["error"]
    assert client.protocol.opening == "waiting"
    client.hears("error", error={**VOICE, "event_id": update["event_id"]})
    assert isinstance(client.protocol.opening, RealtimeHandshakeError)


def test_a_response_shows_that_the_server_goes_on() -> None:
    client = Client()
    client.protocol.open(RealtimeSessionModelSettings())
    client.begins()
    assert client.protocol.opening == "open"


# -- the model in the URL


def opened(url_model: str | None, **settings: Any) -> dict[str, Any]:
    """The session object that a connection opens with."""
    protocol = RealtimeProtocol(url_model=url_model)
    protocol.open(RealtimeSessionModelSettings(**settings))
    session: dict[str, Any] = json.loads(protocol.data_to_send()[0])["session"]
    return session


def test_a_model_in_the_url_is_not_contradicted() -> None:
    """Left out of the settings, it is left out of what is sent, where the default would be."""
    assert "model" not in opened("house")
    assert opened("house", model_name="house")["model"] == "house"
    with pytest.raises(SettingsError, match="the URL names the model 'house'") as refused:
        opened("house", model_name="other")
    assert refused.value.path == "model_name"


def test_a_later_update_names_no_other_model_than_the_url() -> None:
    protocol = RealtimeProtocol(url_model="house")
    protocol.open(RealtimeSessionModelSettings())
    protocol.data_to_send()
    later = RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings())
    protocol.send(later, 0.0, deque())
    assert "model" not in json.loads(protocol.data_to_send()[0])["session"]
    other = RealtimeSessionModelSettings(model_name="other")
    with pytest.raises(SettingsError, match="it is 'house'"):
        protocol.send(RealtimeModelSendSessionUpdate(session_settings=other), 0.0, deque())


async def test_the_model_is_taken_from_the_url(autojump_clock: Clock) -> None:
    sent: list[dict[str, Any]] = []

    async def take(peer: Peer, update: dict[str, Any]) -> None:
        sent.append(update)
        await peer.send(UPDATED)

    async with connected(take, url="ws://server.test/?model=house&x=1"):
        pass
    assert "model" not in sent[0]["session"]
