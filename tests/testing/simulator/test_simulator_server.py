"""The simulator as a whole: serving, handshakes, failures, endings."""

import contextlib
import json
import math
import ssl
from typing import Any

import pytest
import trio
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from support_simulator import Client, connected, open_client, silence, speech
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    open_websocket_url,
)

from trio_realtime.testing.simulator import RealtimeSimulator, Reply, Turn, Utterance
from trio_realtime.testing.simulator.server import HANDSHAKE_SECONDS, MAX_MESSAGE_BYTES
from trio_realtime.testing.simulator.server_protocol import LONGEST_APPEND


class ScenarioError(Exception):
    """What a scenario may raise."""


def failing(_turn: Turn) -> Reply:
    raise ScenarioError("responder")


def failing_hears(_utterance: Utterance) -> str:
    raise ScenarioError("hears")


async def turn(client: Client) -> Any:
    await client.send("response.create")
    return (await client.until("response.done"))[-1]["response"]


async def test_serving_over_tcp() -> None:
    """On a free port of the loopback interface; several clients at once."""
    simulator = RealtimeSimulator(speed=math.inf)
    async with simulator.serve() as url:
        assert url.startswith("ws://127.0.0.1:")
        assert url.endswith("/v1/realtime")
        async with (
            open_websocket_url(f"{url}?model=gpt-realtime-mini") as one,
            open_websocket_url(url) as two,
        ):
            assert (await turn(Client(one)))["status"] == "completed"
            assert (await turn(Client(two)))["status"] == "completed"
        first = await simulator.wait_connected()
        second = await simulator.wait_connected(2)
        assert (first.session["model"], second.session["model"]) == (
            "gpt-realtime-mini",
            "gpt-realtime-2.1",
        )
        assert first.session["id"] != second.session["id"]


async def test_serving_over_tls() -> None:
    """With a certificate of the caller's, at a ``wss`` URL."""
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with RealtimeSimulator(speed=math.inf).serve(ssl_context=served) as url:
        assert url.startswith("wss://127.0.0.1:")
        async with open_websocket_url(url, ssl_context=trusting) as websocket:
            assert (await turn(Client(websocket)))["status"] == "completed"


async def test_serving_over_ipv6() -> None:
    """Addresses of it stand in brackets."""
    async with RealtimeSimulator().serve("::1") as url, open_websocket_url(url) as websocket:
        assert url.startswith("ws://[::1]:")
        await Client(websocket).until("session.created")


async def test_the_handshake_is_on_record() -> None:
    """Path, query and headers."""
    simulator = RealtimeSimulator()
    await handshake(simulator, {"X-Secret": "Value"}, path="/openai/v1/realtime?model=m&x=a%20b")
    (connection,) = simulator.connections
    assert connection.handshake.path == "/openai/v1/realtime"
    assert connection.handshake.query == {"model": "m", "x": "a b"}
    assert connection.handshake.headers["x-secret"] == "Value"
    assert "Value" not in repr(connection.handshake)


async def handshake(
    simulator: RealtimeSimulator,
    headers: dict[str, str] | None = None,
    path: str = "/v1/realtime",
    subprotocols: tuple[str, ...] = (),
) -> str | None:
    """Connect and leave; the chosen subprotocol, or :exc:`ConnectionRejected`."""
    async with simulator.memory_dialer() as dial, trio.open_nursery() as nursery:
        client = await open_client(
            nursery,
            await dial("simulator", 443),
            path,
            extra_headers=[(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            subprotocols=subprotocols,
        )
        await client.until("session.created")
        nursery.cancel_scope.cancel()
    return client.websocket.subprotocol


async def rejected(simulator: RealtimeSimulator, **settings: Any) -> ConnectionRejected:
    with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as caught:
        await handshake(simulator, **settings)
    (rejection,) = caught.value.exceptions
    assert isinstance(rejection, ConnectionRejected)
    return rejection


@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"Authorization": "Bearer sk-right"}},
        {"headers": {"authorization": "bearer sk-right"}},
        {"headers": {"api-key": "sk-right"}},
        {"subprotocols": ("realtime", "openai-insecure-api-key.sk-right")},
    ],
)
async def test_the_right_api_key(settings: dict[str, Any]) -> None:
    """As OpenAI, Azure and browsers send it."""
    chosen = await handshake(RealtimeSimulator(api_key="sk-right"), **settings)
    assert chosen == ("realtime" if "subprotocols" in settings else None)


async def told_off(
    simulator: RealtimeSimulator, **settings: Any
) -> tuple[dict[str, Any], int, str | None]:
    """Connect; the error of the only event, and the code and the reason of the close frame."""
    async with simulator.memory_dialer() as dial, trio.open_nursery() as nursery:
        path = settings.pop("path", "/v1/realtime")
        subprotocols = settings.pop("subprotocols", ())
        headers = settings.pop("headers", {})
        client = await open_client(
            nursery,
            await dial("simulator", 443),
            path,
            extra_headers=[(k.encode(), v.encode()) for k, v in headers.items()],
            subprotocols=subprotocols,
        )
        (event,) = await client.until("error")
        with pytest.raises(ConnectionClosed) as closed:
            await client.websocket.get_message()
        nursery.cancel_scope.cancel()
    assert simulator.connections == []
    assert closed.value.reason is not None
    return event["error"], closed.value.reason.code, closed.value.reason.reason


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({}, None),
        ({"headers": {"Authorization": "Basic sk-right"}}, None),
        ({"subprotocols": ("realtime",)}, None),
        ({"headers": {"Authorization": "Bearer sk-wrong"}}, "invalid_api_key"),
        ({"headers": {"api-key": "sk-wrong"}}, "invalid_api_key"),
    ],
)
async def test_the_wrong_api_key(settings: dict[str, Any], code: str | None) -> None:
    """The service lets it in, tells it off and closes; the key is not repeated."""
    simulator = RealtimeSimulator(api_key="sk-right")
    error, close_code, reason = await told_off(simulator, **settings)
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert close_code == 3000
    assert reason == "invalid_request_error" + (f".{code}" if code else "")
    assert "sk-" not in error["message"]
    assert "sk-right" not in repr(simulator)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"path": "/v1/realtime?model=no-such-model"}, "invalid_model"),
        ({"headers": {"OpenAI-Beta": "realtime=v1"}}, "beta_api_shape_disabled"),
        ({"headers": {"openai-beta": "x=1, realtime = v1"}}, "beta_api_shape_disabled"),
    ],
)
async def test_what_else_the_service_tells_off(settings: dict[str, Any], code: str) -> None:
    """A model that it does not have, and the header of the API's beta."""
    error, close_code, reason = await told_off(RealtimeSimulator(), **settings)
    assert (error["code"], close_code) == (code, 4000)
    assert reason == f"invalid_request_error.{code}"


@pytest.mark.parametrize("headers", [{}, {"api-key": "sk-wrong"}])
async def test_azure_refuses_a_key_by_an_http_status(headers: dict[str, str]) -> None:
    """401, with a JSON body that does not repeat the key; deployments may have any name."""
    simulator = RealtimeSimulator(api_key="sk-right")
    path = "/openai/v1/realtime?model=our-deployment"
    rejection = await rejected(simulator, headers=headers, path=path)
    assert rejection.status_code == 401
    assert rejection.body is not None
    assert json.loads(rejection.body)["error"]["code"] == "401"
    assert b"sk-" not in rejection.body
    assert simulator.connections == []
    await handshake(simulator, {"api-key": "sk-right"}, path)


async def test_the_service_pings_its_clients(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """Every 20.3 s, with four bytes; a client that answers stays."""
    answered: list[tuple[float, bytes]] = []
    ping = WebSocketConnection.ping

    async def ping_and_note(self: WebSocketConnection, payload: bytes) -> None:
        await ping(self, payload)
        answered.append((round(trio.current_time() - began, 1), payload))

    monkeypatch.setattr(WebSocketConnection, "ping", ping_and_note)
    async with connected(RealtimeSimulator()) as client:
        began = trio.current_time()
        await trio.sleep(65)
        assert [at for at, _payload in answered] == [20.3, 40.6, 60.9]
        assert [len(payload) for _at, payload in answered] == [4, 4, 4]
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")


async def test_connections_that_are_over_are_forgotten(
    autojump_clock: MockClock,
) -> None:
    """But for the latest; those that are open are never among them."""
    simulator = RealtimeSimulator(keep_connections=2)
    async with simulator.memory_dialer() as dial, trio.open_nursery() as nursery:
        stays = await open_client(nursery, await dial("simulator", 443), "/v1/realtime")
        await stays.until("session.created")
        first = await simulator.wait_connected(1)
        for _ in range(5):
            async with trio.open_nursery() as visit:
                client = await open_client(visit, await dial("simulator", 443), "/v1/realtime")
                await client.until("session.created")
                await client.websocket.aclose()
                visit.cancel_scope.cancel()
            await wait_all_tasks_blocked()
        assert len(simulator.connections) == 3
        assert simulator.connections[0] is first
        assert await simulator.wait_connected(6) is simulator.connections[-1]
        with pytest.raises(LookupError, match="connection 2 is over and was forgotten"):
            await simulator.wait_connected(2)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("path", ["/v1/chat", "/", "//[realtime", "http://[::1/v1"])
async def test_an_unknown_path(path: str) -> None:
    """404, also for what is no path at all."""
    rejection = await rejected(RealtimeSimulator(), path=path)
    assert rejection.status_code == 404


async def test_planned_handshakes(autojump_clock: MockClock) -> None:
    """Refused or delayed, in the order planned, then as usual."""
    simulator = RealtimeSimulator()
    simulator.plan_handshake(status=503, body=b"Later.", headers={"retry-after": "3"}, delay=2.0)
    simulator.plan_handshake(delay=4.0)
    before = trio.current_time()
    rejection = await rejected(simulator)
    assert (rejection.status_code, rejection.body) == (503, b"Later.")
    assert (b"retry-after", b"3") in rejection.headers
    assert trio.current_time() - before == pytest.approx(2.0)
    await handshake(simulator)
    assert trio.current_time() - before == pytest.approx(6.0)
    await handshake(simulator)
    assert trio.current_time() - before == pytest.approx(6.0)


async def test_a_handshake_that_never_ends(autojump_clock: MockClock) -> None:
    """An infinite delay is the client's to give up on."""
    simulator = RealtimeSimulator()
    simulator.plan_handshake(delay=math.inf)
    with trio.move_on_after(1_000) as scope:
        await handshake(simulator)
    assert scope.cancelled_caught


@pytest.mark.parametrize("status", [None, 503])
async def test_a_client_that_leaves_during_the_handshake(
    autojump_clock: MockClock, status: int | None
) -> None:
    """The answer finds nobody."""
    simulator = RealtimeSimulator()
    simulator.plan_handshake(delay=5.0, status=status)
    async with simulator.memory_dialer() as dial:
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                stream = await dial("simulator", 443)
                await open_client(nursery, stream)
        await stream.aclose()
        await trio.sleep(10)
    assert simulator.connections == []


async def test_a_client_that_says_nothing(autojump_clock: MockClock) -> None:
    """It is cut off after a while."""
    async with RealtimeSimulator().memory_dialer() as dial:
        stream = await dial("simulator", 443)
        before = trio.current_time()
        assert await stream.receive_some() == b""
        assert trio.current_time() - before == pytest.approx(HANDSHAKE_SECONDS)


HANDSHAKE = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: simulator\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@settings(max_examples=150)
@given(st.booleans(), st.binary(max_size=200), st.booleans())
def test_garbage_harms_nobody(shake_hands: bool, garbage: bytes, leave: bool) -> None:
    """Whatever bytes come, the server goes on serving others."""

    async def main() -> None:
        simulator = RealtimeSimulator()
        async with simulator.memory_dialer() as dial:
            stream = await dial("simulator", 443)
            await stream.send_all((HANDSHAKE if shake_hands else b"") + garbage)
            await wait_all_tasks_blocked()
            if leave:
                await stream.aclose()
                await wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                other = await open_client(nursery, await dial("simulator", 443))
                await other.until("session.created")
                nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_messages_of_15_mib() -> None:
    """The longest append the service takes."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        await client.append(b"\0" * LONGEST_APPEND)
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        (item,) = simulator.connections[0].conversation.items
        assert item.parts is not None
        assert item.parts[0].audio_ms >= 40_000


async def test_appends_of_more_than_15_mib() -> None:
    """They are refused, and the session goes on."""
    async with connected(RealtimeSimulator()) as client:
        await client.append(b"\0" * (LONGEST_APPEND + 1))
        error = (await client.until("error"))[-1]["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "audio")
        assert (await turn(client))["status"] == "completed"


async def test_longer_messages() -> None:
    """They close the connection with 1009."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        with contextlib.suppress(ConnectionClosed):
            await client.websocket.send_message("x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await client.until("error")
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1009


async def test_refusing_an_event() -> None:
    """Instead of honouring it, once."""
    simulator = RealtimeSimulator()
    simulator.refuse_next("response.create", code="rate_limit_exceeded", message="Not now.")
    async with connected(simulator) as client:
        await client.send("response.create", event_id="e1")
        error = (await client.until("error"))[-1]["error"]
        assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "e1")
        assert (await turn(client))["status"] == "completed"


async def test_responders_that_raise() -> None:
    """The response fails, the block goes on, and ends with the exception."""
    responses: list[Any] = []

    async def block() -> None:
        async with connected(RealtimeSimulator(failing, hears=failing_hears)) as client:
            responses.append(await turn(client))
            await client.append(speech(300) + silence(500))
            responses.append((await client.until("response.done"))[-1]["response"])

    with pytest.raises(ScenarioError, match="responder") as caught:
        await block()
    assert [response["status"] for response in responses] == ["failed", "failed"]
    assert responses[0]["status_details"]["error"]["code"] == "server_error"
    assert caught.value.__notes__ == [
        "Besides, in the simulator: ScenarioError('hears')",
        "Besides, in the simulator: ScenarioError('responder')",
    ]


async def test_the_blocks_own_exception_goes_first() -> None:
    """Unchanged, with the responder's as a note."""
    original = KeyError("mine")

    async def block() -> None:
        async with RealtimeSimulator(failing).serve() as url:
            async with open_websocket_url(url) as websocket:
                await turn(Client(websocket))
            raise original

    with pytest.raises(KeyError) as caught:
        await block()
    assert caught.value is original
    assert original.__notes__ == ["Besides, in the simulator: ScenarioError('responder')"]


async def test_exception_groups_of_the_block_stay_as_they_are() -> None:
    """The very same object."""
    group = ExceptionGroup("mine", [KeyError("a")])
    with pytest.raises(ExceptionGroup) as caught:
        async with RealtimeSimulator().memory_dialer():
            raise group
    assert caught.value is group


async def test_a_port_that_is_taken() -> None:
    """The usual exception, not a group of one."""
    async with RealtimeSimulator().serve() as url:
        port = int(url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            async with RealtimeSimulator().serve(port=port):
                pytest.fail("it was not taken")  # pragma: no cover


async def test_the_end_of_the_block_cuts_every_connection() -> None:
    """Nothing is left of it."""
    async with trio.open_nursery() as nursery:
        simulator = RealtimeSimulator()
        async with simulator.serve() as url:
            host, port = url.removeprefix("ws://").split("/")[0].split(":")
            stream = await trio.open_tcp_stream(host, int(port))
            await open_client(nursery, stream)
            connection = await simulator.wait_connected()
        assert connection.closed.is_set()
        await stream.aclose()
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream(host, int(port))


async def test_serving_can_be_cancelled(autojump_clock: MockClock) -> None:
    """At any time, by anybody."""
    with trio.move_on_after(5) as scope:
        async with RealtimeSimulator().serve():
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_serving_a_stream_of_ones_own() -> None:
    """It ends with the connection, and raises what the responder raised."""
    client_end, server_end = memory_stream_pair()
    simulator = RealtimeSimulator(failing)
    response: Any = None

    async def converse() -> None:
        nonlocal response
        async with trio.open_nursery() as nursery:
            client = await open_client(nursery, client_end)
            response = await turn(client)
            await client.websocket.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(converse)
        with pytest.raises(ScenarioError):
            await simulator.serve_stream(server_end)
    assert response["status"] == "failed"
    client_end, server_end = memory_stream_pair()
    await client_end.aclose()
    with trio.move_on_after(0.01):
        await simulator.serve_stream(server_end)


async def test_waiting_for_a_connection() -> None:
    """It returns as soon as there is one."""
    simulator = RealtimeSimulator()
    found: list[Any] = []

    async def wait() -> None:
        found.append(await simulator.wait_connected())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        async with connected(simulator):
            await wait_all_tasks_blocked()
            assert found == simulator.connections


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_speed_must_be_positive(speed: float) -> None:
    """Slower than anything makes no sense."""
    with pytest.raises(ValueError, match="speed"):
        RealtimeSimulator(speed=speed)
