"""Azure OpenAI: its URL, its two ways to show who asks, and the beta refused."""

import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from support_sessions import until

from trio_realtime import (
    RealtimeAgent,
    RealtimeHandshakeError,
    RealtimeModelConfig,
    RealtimeRunner,
    SettingsError,
    UserError,
)
from trio_realtime.models.inputs import RealtimeModelSendInterrupt
from trio_realtime.models.openai.azure import AzureOpenAIRealtimeModel
from trio_realtime.testing.contract import Peer, RealtimeModelContract, Remote
from trio_realtime.testing.simulator import (
    CallFunction,
    RealtimeSimulator,
    Reply,
    SimulatedConnection,
    Turn,
)

ENDPOINT = "https://my-resource.openai.azure.com"
GA = "https://my-resource.openai.azure.com/openai/v1"


@attrs.define
class Azure:
    """A simulated resource; ``ws://`` since the simulator's memory streams have no TLS."""

    simulator: RealtimeSimulator
    dial: Any
    dialled: list[str] = attrs.field(factory=list)

    async def _dial(self, host: str, port: int) -> trio.abc.Stream:
        self.dialled.append(f"{host}:{port}")
        stream: trio.abc.Stream = await self.dial(host, port)
        return stream

    def model(self, deployment: str = "my deployment", **options: Any) -> AzureOpenAIRealtimeModel:
        return AzureOpenAIRealtimeModel(
            "http://my-resource.openai.azure.com",
            deployment,
            stream_factory=self._dial,
            transport="trio-websocket",
            **options,
        )

    async def converse(self, model: AzureOpenAIRealtimeModel, **model_config: Any) -> Any:
        """One turn; the connection as the server saw it."""
        runner = RealtimeRunner(RealtimeAgent("A"), model=model)
        async with await runner.run(model_config=model_config) as session:
            await session.send_message("Hello")
            await until(session, "agent_end")
        return self.simulator.connections[-1]


@asynccontextmanager
async def azure(**options: Any) -> AsyncGenerator[Azure]:
    simulator = RealtimeSimulator(**options)
    async with simulator.memory_dialer() as dial:
        yield Azure(simulator, dial)


# -- where ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("endpoint", "base_url"),
    [
        (ENDPOINT, GA),
        (ENDPOINT + "/", GA),
        ("my-resource.openai.azure.com", GA),
        (" my-resource.openai.azure.com/ ", GA),
        (GA, GA),
        (GA + "/", GA),
        (GA + "/realtime", GA),
        (ENDPOINT + "/openai", GA),
        ("wss://my-resource.openai.azure.com/openai/v1/realtime", GA.replace("https", "wss")),
        ("https://gateway.example/ai", "https://gateway.example/ai/openai/v1"),
        ("http://localhost:8080", "http://localhost:8080/openai/v1"),
    ],
)
def test_an_endpoint_in_any_form(endpoint: str, base_url: str) -> None:
    assert AzureOpenAIRealtimeModel(endpoint, "d", auth="k").base_url == base_url


async def test_the_ga_url_and_an_api_key(autojump_clock: trio.testing.MockClock) -> None:
    """``/openai/v1/realtime?model=DEPLOYMENT``, ``api-key``, and no ``Authorization``."""
    async with azure(api_key="hush") as stage:
        connection = await stage.converse(stage.model(auth="hush"))
    assert connection.handshake.path == "/openai/v1/realtime"
    assert connection.handshake.query == {"model": "my deployment"}
    assert connection.handshake.headers["api-key"] == "hush"
    assert stage.dialled == ["my-resource.openai.azure.com:80"]
    assert "authorization" not in connection.handshake.headers
    assert "openai-beta" not in connection.handshake.headers


async def test_a_token_is_asked_for_at_each_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As a bearer token, and no ``api-key``."""
    tokens = iter(["first", "second"])

    async def token() -> str:
        await trio.sleep(1)
        return next(tokens)

    async with azure() as stage:
        model = stage.model(auth=token)
        for expected in ("first", "second"):
            connection = await stage.converse(model)
            assert connection.handshake.headers["authorization"] == f"Bearer {expected}"
            assert "api-key" not in connection.handshake.headers


async def test_a_token_may_come_without_waiting(autojump_clock: trio.testing.MockClock) -> None:
    async with azure() as stage:
        connection = await stage.converse(stage.model(auth=lambda: "token"))
    assert connection.handshake.headers["authorization"] == "Bearer token"


async def test_a_failing_token_is_the_callers_own_error() -> None:
    class NoTokenError(Exception):
        pass

    async def token() -> str:
        raise NoTokenError

    async with azure() as stage:
        with pytest.raises(NoTokenError):
            async with stage.model(auth=token).connect(RealtimeModelConfig()):
                pass
    assert stage.simulator.connections == []


@pytest.mark.parametrize("nothing", ["", None])
async def test_no_token_is_not_made_up_for(nothing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's key, which the environment may have, is not for Azure to see."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    async with azure() as stage:
        with pytest.raises(UserError, match="auth returned no token"):
            async with stage.model(auth=lambda: nothing).connect(RealtimeModelConfig()):
                pass
    assert stage.simulator.connections == []


async def test_the_key_may_come_from_the_environment_or_the_config(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's own before the model's before the environment's; OpenAI's key never."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "of-the-environment")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    async with azure() as stage:
        connection = await stage.converse(stage.model())
        assert connection.handshake.headers["api-key"] == "of-the-environment"
        connection = await stage.converse(stage.model(auth="of-the-model"))
        assert connection.handshake.headers["api-key"] == "of-the-model"
        connection = await stage.converse(stage.model(auth="of-the-model"), api_key="own")
        assert connection.handshake.headers["api-key"] == "own"
        assert "authorization" not in connection.handshake.headers


async def test_without_a_key_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    async with azure() as stage:
        with pytest.raises(UserError, match="AZURE_OPENAI_API_KEY"):
            async with stage.model().connect(RealtimeModelConfig()):
                pass
    assert stage.simulator.connections == []


async def test_headers_stand_for_themselves(autojump_clock: trio.testing.MockClock) -> None:
    async with azure() as stage:
        connection = await stage.converse(
            stage.model(auth="unused"), headers={"Authorization": "Bearer own", "x-a": "b"}
        )
    assert connection.handshake.headers["authorization"] == "Bearer own"
    assert connection.handshake.headers["x-a"] == "b"
    assert "api-key" not in connection.handshake.headers


async def test_a_wrong_key_is_the_servers_refusal() -> None:
    async with azure(api_key="right") as stage:
        with pytest.raises(RealtimeHandshakeError) as caught:
            async with stage.model(auth="wrong").connect(RealtimeModelConfig()):
                pass
    assert caught.value.status == 401


# -- which model ---------------------------------------------------------------------------------
async def test_every_update_names_the_deployment(autojump_clock: trio.testing.MockClock) -> None:
    """The first, and those of agents that take over, who would name OpenAI's default."""

    def hand_off(turn: Turn) -> Reply:
        return "Hello." if turn.tool_outputs else CallFunction("transfer_to_billing", {})

    agent = RealtimeAgent("A", handoffs=[RealtimeAgent("Billing", instructions="Bill.")])
    async with azure(responder=hand_off) as stage:
        runner = RealtimeRunner(agent, model=stage.model(auth="k"))
        async with await runner.run() as session:
            await session.send_message("Hello")
            await until(session, "handoff")
            await until(session, "agent_end")
    updates = stage.simulator.connections[0].received_of("session.update")
    assert [update["session"]["model"] for update in updates] == ["my deployment"] * 2
    assert updates[1]["session"]["instructions"] == "Bill."


async def test_other_settings_go_along(autojump_clock: trio.testing.MockClock) -> None:
    async with azure() as stage:
        settings = {"model_name": "my deployment", "voice": "cedar"}
        connection = await stage.converse(stage.model(auth="k"), initial_model_settings=settings)
    (update,) = connection.received_of("session.update")
    assert update["session"]["audio"]["output"]["voice"] == "cedar"


async def test_another_model_name_is_refused() -> None:
    model = AzureOpenAIRealtimeModel(ENDPOINT, "mine", auth="k")
    config = RealtimeModelConfig(initial_model_settings={"model_name": "gpt-realtime"})
    with pytest.raises(SettingsError, match="deployment is the model") as caught:
        async with model.connect(config):
            pass
    assert caught.value.path == "model_name"


async def test_attaching_to_a_call(autojump_clock: trio.testing.MockClock) -> None:
    """The call has its model: the deployment is named nowhere."""
    async with azure() as stage:
        connection = await stage.converse(stage.model(auth="k"), call_id="rtc_1")
    assert connection.handshake.path == "/openai/v1/realtime"
    assert connection.handshake.query == {"call_id": "rtc_1"}
    (update,) = connection.received_of("session.update")
    assert "model" not in update["session"]


async def test_a_url_of_the_callers_own(autojump_clock: trio.testing.MockClock) -> None:
    async with azure() as stage:
        connection = await stage.converse(
            stage.model(auth="k"), url="ws://gateway/openai/v1/realtime?model=other"
        )
    assert stage.dialled == ["gateway:80"]
    assert connection.handshake.query == {"model": "other"}


# -- the beta ------------------------------------------------------------------------------------
BETA_URLS = [
    ENDPOINT + "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
    ENDPOINT + "/openai/realtime",
    ENDPOINT + "/openai/v1/realtime?API-Version=preview",
    ENDPOINT + "/openai/v1/realtime?api-version=",
    ENDPOINT + "/openai/deployments/d/",
    ENDPOINT + "/openai/v1/realtime?deployment=d",
]


@pytest.mark.parametrize("url", BETA_URLS)
def test_an_endpoint_of_the_beta_is_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(UserError, match=r"beta.*GA protocol.*/openai/v1/realtime\?model="):
        AzureOpenAIRealtimeModel(url, "d", auth="k")


@pytest.mark.parametrize("url", BETA_URLS)
async def test_a_url_of_the_beta_is_refused(url: str) -> None:
    model = AzureOpenAIRealtimeModel(ENDPOINT, "d", auth="k")
    config = RealtimeModelConfig(url=url.replace("https", "wss"))
    with pytest.raises(UserError, match="GA protocol"):
        async with model.connect(config):
            pass


@pytest.mark.parametrize("name", ["OpenAI-Beta", "openai-beta"])
async def test_a_header_of_the_beta_is_refused(name: str) -> None:
    model = AzureOpenAIRealtimeModel(ENDPOINT, "d", auth="k")
    config = RealtimeModelConfig(headers={"api-key": "k", name: "realtime=v1"})
    with pytest.raises(UserError, match=r"OpenAI-Beta.*GA protocol"):
        async with model.connect(config):
            pass


async def test_two_ways_to_show_who_asks_are_refused() -> None:
    model = AzureOpenAIRealtimeModel(ENDPOINT, "d")
    config = RealtimeModelConfig(headers={"Api-Key": "k", "authorization": "Bearer t"})
    with pytest.raises(UserError, match="both api-key and Authorization"):
        async with model.connect(config):
            pass


# -- the door ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("", "d"), "endpoint"),
        ((None, "d"), "endpoint"),
        (("ftp://host", "d"), "https://"),
        ((ENDPOINT + "?x=1", "d"), "query"),
        ((ENDPOINT, ""), "deployment"),
        ((ENDPOINT, None), "deployment"),
        ((ENDPOINT, "d", 7), "auth must be a key or a function"),
    ],
)
def test_a_model_that_cannot_work_is_refused(arguments: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        AzureOpenAIRealtimeModel(*arguments)


def test_the_key_is_not_shown() -> None:
    model = AzureOpenAIRealtimeModel(ENDPOINT, "d", auth="hush")
    assert "hush" not in repr(model)
    assert model == AzureOpenAIRealtimeModel(endpoint=ENDPOINT, deployment="d", auth="hush")


# -- its REST API --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [("k", "api-key", "k"), (lambda: "token", "authorization", "Bearer token")],
)
async def test_the_rest_client_shows_the_same(auth: Any, name: str, value: str) -> None:
    """And so does a session that attaches to a call of its."""
    from support_calls import RestServer, httpx

    from trio_realtime.models.openai.rest.call import Call

    server = RestServer()
    model = AzureOpenAIRealtimeModel(ENDPOINT, "d", auth=auth)
    transport = httpx.MockTransport(server.handle)
    async with (
        httpx.AsyncClient(transport=transport) as http_client,
        model.rest_client(http_client=http_client, timeout=5.0) as client,
    ):
        call = Call(client, "rtc_1")
        await call.hang_up()
        config = call.model_config()
    assert str(server.request.url) == f"{GA}/realtime/calls/rtc_1/hangup"
    assert server.request.headers[name] == value
    assert len({"api-key", "authorization"} & set(server.request.headers)) == 1
    assert config.url == "wss://my-resource.openai.azure.com/openai/v1/realtime"
    assert (config.headers == {"api-key": "k"}) is (name == "api-key")


# -- as any other model --------------------------------------------------------------------------
@attrs.frozen
class SimulatedRemote(Remote):
    """The server's end of a connection."""

    connection: SimulatedConnection

    async def send_audio(self, chunks: Sequence[bytes]) -> None:
        for chunk in chunks:
            await self.connection.send(
                {
                    "type": "response.output_audio.delta",
                    "response_id": "resp",
                    "item_id": "item",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": base64.b64encode(chunk).decode(),
                }
            )

    async def wait_texts(self, count: int) -> Sequence[str]:
        await self.connection.wait_received("conversation.item.create", count)
        events = self.connection.received_of("conversation.item.create")
        return [event["item"]["content"][0]["text"] for event in events]

    async def close(self) -> None:
        await self.connection.close()

    async def drop(self) -> None:
        await self.connection.drop()


class TestAzureModel(RealtimeModelContract):
    """What every model promises."""

    @asynccontextmanager
    async def peer(self) -> AsyncGenerator[Peer]:
        async with azure() as stage:

            async def accept() -> Remote:
                await trio.testing.wait_all_tasks_blocked()
                return SimulatedRemote(stage.simulator.connections[-1])

            yield Peer(model=stage.model(auth="k"), config=RealtimeModelConfig(), accept=accept)


async def test_what_is_played_is_accounted(autojump_clock: trio.testing.MockClock) -> None:
    """So that an interruption cuts the item where it was heard, as with OpenAI's own endpoint."""
    async with azure() as stage, stage.model(auth="k").connect(RealtimeModelConfig()) as connection:
        server = SimulatedRemote(await stage.simulator.wait_connected())
        await server.send_audio([bytes(48_000)])
        async for event in connection:
            if event.type == "audio":
                connection.audio_delivered(event.item_id, event.content_index, len(event.data))
                break
        assert connection.audio_remaining_ms("resp") == 1000.0
        await trio.sleep(0.25)
        await connection.send(RealtimeModelSendInterrupt())
        await server.connection.wait_received("conversation.item.truncate")
        (cut,) = server.connection.received_of("conversation.item.truncate")
        assert cut["audio_end_ms"] == 250
