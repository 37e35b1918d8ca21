"""Connecting, row by row: what is the same as in the OpenAI Agents SDK, and what is ours.

Each test is one row of the page "Coming from the OpenAI Agents SDK".
"""

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import Stage, open_stage, settle

from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeRunner,
    SettingsError,
    UserError,
    function_tool,
)

Clock = trio.testing.MockClock


async def connected(
    stage: Stage, agent: RealtimeAgent[Any] | None = None, config: Any = None, **model_config: Any
) -> Mapping[str, Any]:
    """The session object the server was sent on connecting."""
    async with await stage.session(agent, config, **model_config):
        await settle()
        (update,) = stage.server.received_of("session.update")
        session: Mapping[str, Any] = update["session"]
        return session


async def test_defaults(autojump_clock: Clock) -> None:
    """Voice, turn detection, formats, transcription, model and tracing are the SDK's."""
    async with open_stage() as stage:
        session = await connected(stage)
        assert session["model"] == "gpt-realtime-2.1"
        assert session["tracing"] == "auto"
        assert session["audio"] == {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash"},
        }


async def test_nested_settings_win_over_flat_aliases(autojump_clock: Clock) -> None:
    """And turn-detection keys may be written in camelCase."""
    settings = {
        "voice": "flat",
        "turn_detection": {"type": "server_vad", "silenceDurationMs": 300},
        "audio": {"output": {"voice": "marin"}},
    }
    async with open_stage() as stage:
        session = await connected(stage, initial_model_settings=settings)
        assert session["audio"]["output"]["voice"] == "marin"
        assert session["audio"]["input"]["turn_detection"] == {
            "type": "server_vad",
            "silence_duration_ms": 300,
        }


async def test_none_is_sent_as_null(autojump_clock: Clock) -> None:
    """Turn detection and noise reduction are switched off by null, not by silence."""
    settings = {"turn_detection": None, "input_audio_noise_reduction": None}
    async with open_stage() as stage:
        session = await connected(stage, initial_model_settings=settings)
        assert session["audio"]["input"]["turn_detection"] is None
        assert session["audio"]["input"]["noise_reduction"] is None


async def test_headers_replace_authorization(autojump_clock: Clock) -> None:
    """Headers of the caller's own suppress the key."""
    async with open_stage() as stage:
        async with await stage.session(headers={"api-key": "azure"}):
            headers = {k.lower(): v for k, v in stage.server.handshake.headers.items()}
            assert headers["api-key"] == "azure"
            assert "authorization" not in headers
        async with await stage.session():
            assert stage.server.handshake.api_key == "sk-test"


@pytest.mark.parametrize("kind", ["text", "function", "async function", "environment"])
async def test_where_the_key_comes_from(
    kind: str, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text, a function, an async function, or OPENAI_API_KEY."""

    async def later() -> str:
        await trio.sleep(1)
        return "sk-key"

    monkeypatch.setenv("OPENAI_API_KEY", "sk-key" if kind == "environment" else "sk-wrong")
    key = {"text": "sk-key", "function": lambda: "sk-key", "async function": later}.get(kind)
    async with open_stage(api_key="sk-key") as stage, await stage.session(api_key=key):
        assert stage.server.handshake.api_key == "sk-key"


async def test_no_key(autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is dialled, naming the variable."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with open_stage() as stage:
        with pytest.raises(UserError, match="OPENAI_API_KEY"):
            async with await stage.session(api_key=None):
                pytest.fail("opened")
        assert stage.simulator.connections == []


@pytest.mark.parametrize("key", [lambda: 5, lambda: ""])
async def test_a_key_function_that_returns_none(
    key: Any, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it returned is named by type, never by value."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with open_stage() as stage:
        with pytest.raises(UserError):
            async with await stage.session(api_key=key):
                pytest.fail("opened")


async def test_call_id_with_a_model_name(autojump_clock: Clock) -> None:
    """A call has its model already."""
    async with open_stage() as stage:
        with pytest.raises(SettingsError, match="call_id"):
            await stage.session(
                call_id="rtc_1", initial_model_settings={"model_name": "gpt-realtime"}
            )


async def test_a_call_keeps_what_it_was_accepted_with(autojump_clock: Clock) -> None:
    """With a call id neither model, voice nor formats are sent, and the URL names the call."""
    async with open_stage() as stage:
        session = await connected(stage, call_id="rtc_1")
        assert "model" not in session
        assert "output" not in session["audio"]
        assert "format" not in session["audio"]["input"]
        assert stage.server.handshake.query == {"call_id": "rtc_1"}


async def test_duplicate_tool_names(autojump_clock: Clock) -> None:
    """Refused where the agent is made, and again when settings bring them together."""

    @function_tool
    def look() -> str:
        """Look."""
        return ""

    with pytest.raises(UserError, match="look"):
        RealtimeAgent("A", tools=[look, look])
    async with open_stage() as stage:
        with pytest.raises(UserError, match="look"):
            async with await stage.session(initial_model_settings={"tools": [look, look]}):
                pytest.fail("opened")
        assert stage.simulator.connections == []


async def test_which_settings_win(autojump_clock: Clock) -> None:
    """Initial settings beat the run's; the agent's instructions beat the run's and yield to
    initial ones, which hold for the first agent only."""
    run = {"model_settings": {"voice": "alloy", "speed": 1.1, "instructions": "run"}}
    async with open_stage() as stage:
        session = await connected(
            stage,
            RealtimeAgent("A", instructions="agent"),
            run,
            initial_model_settings={"voice": "marin"},
        )
        assert session["audio"]["output"]["voice"] == "marin"
        assert session["audio"]["output"]["speed"] == 1.1
        assert session["instructions"] == "agent"
        async with await stage.session(
            RealtimeAgent("A", instructions="agent"),
            run,
            initial_model_settings={"instructions": "initial", "voice": "marin"},
        ) as live:
            await live.update_agent(RealtimeAgent("B", instructions="second"))
            await settle()
            first, second = (e["session"] for e in stage.server.received_of("session.update"))
            assert first["instructions"] == "initial"
            assert second["instructions"] == "second"
            assert second["audio"]["output"]["voice"] == "marin"


async def test_no_instructions(autojump_clock: Clock) -> None:
    """Left out at first; a later agent without any clears those of the one before."""
    async with open_stage() as stage:
        assert "instructions" not in await connected(stage, RealtimeAgent("A"))
        async with await stage.session(RealtimeAgent("A", instructions="x")) as session:
            await session.update_agent(RealtimeAgent("B"))
            await settle()
            assert stage.server.received_of("session.update")[1]["session"]["instructions"] == ""
            assert session.current_agent.name == "B"


async def test_tracing(autojump_clock: Clock) -> None:
    """In the one update, without nulls for what is not given; disabled means not sent."""
    tracing = {"workflow_name": "desk"}
    async with open_stage() as stage:
        session = await connected(stage, initial_model_settings={"tracing": tracing})
        assert session["tracing"] == tracing
        assert "tracing" not in await connected(stage, config={"tracing_disabled": True})
        assert "tracing" not in await connected(stage, initial_model_settings={"tracing": None})


async def test_an_unknown_audio_format(autojump_clock: Clock) -> None:
    """An error at the door, with the nearest that exists."""
    async with open_stage() as stage:
        with pytest.raises(SettingsError, match=r"g711_ulaw|pcmu"):
            await stage.session(initial_model_settings={"input_audio_format": "g711_mulaw"})


async def test_one_runner_any_number_of_sessions(autojump_clock: Clock) -> None:
    """Two at once, with settings of their own."""
    async with open_stage() as stage:
        runner = stage.runner()
        reach = {"url": "ws://simulator/v1/realtime", "api_key": "x"}
        async with (
            await runner.run(model_config=reach) as one,
            await runner.run(
                model_config={**reach, "initial_model_settings": {"voice": "cedar"}}
            ) as two,
        ):
            await one.send_message("a")
            await two.send_message("b")
            await settle()
            first, second = stage.simulator.connections
            voices = [
                c.received_of("session.update")[0]["session"]["audio"]["output"]["voice"]
                for c in (first, second)
            ]
            assert voices == ["ash", "cedar"]


async def test_a_rejected_connection(autojump_clock: Clock) -> None:
    """A typed error with the status and what the server said; the key is not in it."""
    async with open_stage() as stage:
        stage.simulator.plan_handshake(status=429, body=b'{"error": "slow down"}')
        with pytest.raises(RealtimeHandshakeError) as caught:
            async with await stage.session():
                pytest.fail("opened")
        assert (caught.value.status, caught.value.body) == (429, b'{"error": "slow down"}')
        assert "sk-test" not in str(caught.value)


async def test_a_refused_connection() -> None:
    """Nobody listens: our error, with the cause."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    runner = RealtimeRunner(
        RealtimeAgent("A"), model=OpenAIRealtimeWebSocketModel(transport="trio-websocket")
    )
    with pytest.raises(RealtimeConnectionError) as caught:
        async with await runner.run(
            model_config={"url": f"ws://127.0.0.1:{port}/", "api_key": "x"}
        ):
            pytest.fail("opened")
    assert isinstance(caught.value.__cause__, OSError)


async def test_wrong_arguments_at_the_door() -> None:
    """Each names what was wrong and what would be right."""
    agent = RealtimeAgent("A")
    with pytest.raises(UserError, match="RealtimeAgent"):
        RealtimeRunner("A")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="model_name"):
        RealtimeRunner(agent, model="gpt-realtime")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="tracing_disabled"):
        RealtimeRunner(agent, config={"tracing_disable": True})
    with pytest.raises(SettingsError, match="api_key"):
        await RealtimeRunner(agent).run(model_config={"apikey": "x"})
    with pytest.raises(SettingsError) as caught:
        await RealtimeRunner(agent).run(
            model_config={"initial_model_settings": {"audio": {"output": {"speed": "fast"}}}}
        )
    assert caught.value.path.endswith("audio.output.speed")


async def test_wrong_trackers_and_transports(autojump_clock: Clock) -> None:
    """Objects that are no tracker or no transport settings are refused before dialling."""
    async with open_stage() as stage:
        wrong: list[dict[str, Any]] = [{"playback_tracker": object()}, {"transport": object()}]
        for options in wrong:
            with pytest.raises(UserError):
                async with await stage.session(**options):
                    pytest.fail("opened")
        assert stage.simulator.connections == []


async def test_the_default_url(autojump_clock: Clock) -> None:
    """Without a URL it is OpenAI's, with the model's name in the query."""
    dialled: list[tuple[str, int]] = []

    async def dial(host: str, port: int) -> trio.abc.Stream:
        dialled.append((host, port))
        raise OSError("no network here")

    model = OpenAIRealtimeWebSocketModel(stream_factory=dial, transport="trio-websocket")
    with pytest.raises(RealtimeConnectionError):
        async with await RealtimeRunner(RealtimeAgent("A"), model=model).run(
            model_config={"api_key": "x"}
        ):
            pytest.fail("opened")
    assert dialled == [("api.openai.com", 443)]
