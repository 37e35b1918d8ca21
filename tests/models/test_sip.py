"""Phone calls: the session a call is accepted with, and attaching to it."""

import asyncio
import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import REACH, until

from trio_realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeRunner,
    RealtimeSessionModelSettings,
    RunContext,
    SettingsError,
    UserError,
    function_tool,
    input_guardrail,
    realtime_handoff,
)
from trio_realtime.calls.sip_model import OpenAIRealtimeSIPModel
from trio_realtime.testing.simulator import RealtimeSimulator

EXAMPLES = Path(__file__).parents[2] / "examples"
build = OpenAIRealtimeSIPModel.build_initial_session_payload


@function_tool
def weather(city: str) -> str:
    """Say what the weather is like."""
    return f"rain in {city}"


@function_tool(is_enabled=lambda ctx, agent: ctx.context == "member")
def discount() -> str:
    """Say what a member pays."""
    return "half"


@cache
def accept_params() -> Any:
    pydantic: Any = pytest.importorskip("pydantic")
    types: Any = pytest.importorskip("openai.types.realtime")
    return pydantic.TypeAdapter(types.RealtimeSessionCreateRequest)


def names(payload: dict[str, Any]) -> list[str]:
    return [tool["name"] for tool in payload["tools"]]


# -- attaching -----------------------------------------------------------------------------------
@pytest.mark.parametrize("call_id", [None, ""])
async def test_without_a_call_it_is_refused_before_dialling(call_id: str | None) -> None:
    async def dial(_host: str, _port: int) -> trio.abc.Stream:
        raise AssertionError("nothing is to be dialled")

    model = OpenAIRealtimeSIPModel(stream_factory=dial)
    session = await RealtimeRunner(RealtimeAgent("A"), model=model).run(
        model_config={**REACH, "call_id": call_id}
    )
    with pytest.raises(UserError, match="call_id"):
        async with session:
            pass


async def test_a_session_attaches_and_leaves_alone_what_the_call_fixed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The URL names the call; the update names neither model, voice nor formats."""
    simulator = RealtimeSimulator()
    async with simulator.memory_dialer() as dial:
        model = OpenAIRealtimeSIPModel(stream_factory=dial, transport="trio-websocket")
        runner = RealtimeRunner(RealtimeAgent("A", instructions="Be brief."), model=model)
        async with await runner.run(model_config={**REACH, "call_id": "rtc 1"}) as session:
            await session.send_message("Hello")
            await until(session, "agent_end")
    (attached,) = simulator.connections
    assert attached.handshake.query == {"call_id": "rtc 1"}
    (update,) = attached.received_of("session.update")
    assert update["session"]["instructions"] == "Be brief."
    assert "model" not in update["session"]
    assert "output" not in update["session"]["audio"]
    assert "format" not in update["session"]["audio"]["input"]


async def test_naming_a_model_for_a_call_is_refused() -> None:
    runner = RealtimeRunner(RealtimeAgent("A"), model=OpenAIRealtimeSIPModel())
    settings = {"model_name": "gpt-realtime-2.1"}
    with pytest.raises(SettingsError, match="model_name"):
        await runner.run(model_config={"call_id": "rtc_1", "initial_model_settings": settings})


# -- the payload ---------------------------------------------------------------------------------
async def test_the_payload_is_what_a_session_would_begin_with(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Against the wire: the first update of a session of the same agent and settings."""
    agent = RealtimeAgent(
        "A",
        instructions=lambda ctx, agent: f"{agent.name} serves {ctx.context}.",
        tools=[weather, discount],
        handoffs=[RealtimeAgent("Billing", handoff_description="Bills.")],
    )
    run_config = {"model_settings": {"voice": "cedar", "turn_detection": None}}
    model_config = {**REACH, "initial_model_settings": {"speed": 1.25}}
    payload = await build(agent, context="member", run_config=run_config, model_config=model_config)
    simulator = RealtimeSimulator()
    async with simulator.memory_dialer() as dial:
        from trio_realtime import OpenAIRealtimeWebSocketModel

        runner = RealtimeRunner(
            agent,
            model=OpenAIRealtimeWebSocketModel(stream_factory=dial, transport="trio-websocket"),
            config=run_config,
        )
        async with await runner.run(context="member", model_config=model_config):
            connection = await simulator.wait_connected()
            await connection.wait_received("session.update")
    (update,) = connection.received_of("session.update")
    assert {**payload, "tracing": "auto"} == update["session"]
    assert payload["instructions"] == "A serves member."
    assert names(payload) == ["weather", "discount", "transfer_to_billing"]


async def test_the_payload_is_json_that_the_api_accepts() -> None:
    payload = await build(
        RealtimeAgent("A", instructions="Hi", tools=[weather]),
        overrides={"model_name": "gpt-realtime-2.1", "truncation": "auto"},
    )
    assert json.loads(json.dumps(payload)) == payload
    params = accept_params().validate_python(payload)
    assert not params.model_extra
    assert params.model == "gpt-realtime-2.1"


async def test_overrides_win() -> None:
    """Over the run's settings, the session's and the agent's."""
    payload = await build(
        RealtimeAgent("A", instructions="the agent's", tools=[weather]),
        context="guest",
        run_config=RealtimeRunConfig(model_settings={"voice": "ash", "speed": 1.0}),
        model_config={"initial_model_settings": {"voice": "cedar", "instructions": "initial"}},
        overrides=RealtimeSessionModelSettings(
            voice="marin", instructions="override", tools=[discount]
        ),
    )
    assert payload["audio"]["output"]["voice"] == "marin"
    assert payload["audio"]["output"]["speed"] == 1.0
    assert payload["instructions"] == "override"
    assert names(payload) == []  # the override's tool is not for guests


async def test_overridden_handoffs() -> None:
    billing, sales = RealtimeAgent("Billing"), RealtimeAgent("Sales")
    payload = await build(
        RealtimeAgent("A", handoffs=[billing]), overrides={"handoffs": [realtime_handoff(sales)]}
    )
    assert names(payload) == ["transfer_to_sales"]


async def test_strict_input_guardrails_begin_with_the_call() -> None:
    """Between accepting and attaching the model must not answer on its own either."""

    @input_guardrail
    def polite(context: RunContext[Any], agent: object, text: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    strict = {"guardrails_settings": {"input_guardrail_mode": "strict"}}
    for agent, run_config in (
        (RealtimeAgent("A", input_guardrails=[polite]), strict),
        (RealtimeAgent("A"), {**strict, "input_guardrails": [polite]}),
    ):
        payload = await build(agent, run_config=run_config)
        assert payload["audio"]["input"]["turn_detection"]["create_response"] is False
    payload = await build(RealtimeAgent("A"), run_config=strict)
    assert "create_response" not in payload["audio"]["input"]["turn_detection"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"agent": "A"}, "agent: expected"),
        ({"run_config": {"modell_settings": {}}}, "did you mean 'model_settings'"),
        ({"overrides": {"voic": "ash"}}, "voic"),
        ({"overrides": {"tools": [7]}}, "tool"),
    ],
)
async def test_a_wrong_payload_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        await build(**{"agent": RealtimeAgent("A"), **arguments})


async def test_the_payload_is_the_sdks() -> None:
    """Against the OpenAI Agents SDK, with an agent and settings that both have."""
    sdk: Any = pytest.importorskip("agents.realtime")
    settings: Any = {"model_name": "gpt-realtime-2.1", "voice": "cedar", "tool_choice": "auto"}
    theirs = await trio.to_thread.run_sync(
        asyncio.run,
        sdk.OpenAIRealtimeSIPModel.build_initial_session_payload(
            sdk.RealtimeAgent(name="A", instructions="Be brief."),
            run_config={"model_settings": {"speed": 1.25}},
            overrides=settings,
        ),
    )
    ours = await build(
        RealtimeAgent("A", instructions="Be brief."),
        run_config={"model_settings": {"speed": 1.25}},
        overrides=settings,
    )
    expected = theirs.model_dump(exclude_unset=True, mode="json")
    assert ours == expected


# -- from the webhook to hanging up --------------------------------------------------------------
async def test_the_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over loopback HTTP and WebSockets, against its stand-ins; the webhook comes twice."""
    pytest.importorskip("httpx")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for variable in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with trio.fail_after(30):
        await importlib.import_module("sip_call").main()
    assert capsys.readouterr().out.splitlines() == [
        "accepted rtc_standin1",
        "the model calls opening_hours",
        "the model calls hang_up",
        "assistant: ['Wheels and Co, good morning!']",
        'assistant: ["We are open Monday to Saturday, 9 to 18 o\'clock. Goodbye!"]',
        "rtc_standin1 is over",
    ]


async def test_the_example_refuses_forged_webhooks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With another secret than the one that signed, no call is answered."""
    pytest.importorskip("httpx")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = importlib.import_module("sip_call")
    stand_in = importlib.import_module("sip_stand_in")
    body = b'{"type": "realtime.call.incoming", "data": {"call_id": "rtc_1"}}'
    async with trio.open_nursery() as nursery:
        verifier = example.WebhookVerifier("whsec_b3RoZXI=", clock=lambda: 1000.0)
        reception = example.Reception(nursery, None, verifier)
        headers = stand_in.sign_webhook(
            body, secret=stand_in.SECRET, webhook_id="wh_1", timestamp=1000
        )
        status = reception.take(example.Request("/", list(headers.items()), body))
        assert status == 400
        assert not nursery.child_tasks
    assert "signature does not match" in capsys.readouterr().out
