"""`trio_realtime.agents.handoffs`: how one agent passes the conversation to another."""

from typing import Any, TypedDict

import attrs
import pytest

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.handoffs import realtime_handoff
from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.context import RunContext
from trio_realtime.errors import UserError
from trio_realtime.models.openai.wire.tool_objects import tool_to_wire

BILLING = RealtimeAgent[str]("Billing Agent", handoff_description="Handles invoices.")
CONTEXT = RunContext("state")
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


@attrs.define
class Reason:
    text: str
    urgent: bool = False


@attrs.define
class Chain:
    next: "Chain | None" = None


class Loose(TypedDict):
    anything: Any


def test_an_agent_alone_gives_name_and_description() -> None:
    handoff = realtime_handoff(BILLING)
    assert tool_to_wire(handoff) == {
        "type": "function",
        "name": "transfer_to_billing_agent",
        "description": "Handoff to the Billing Agent agent to handle the request. "
        "Handles invoices.",
        "parameters": NOTHING,
    }
    assert handoff.agent_name == "Billing Agent"
    assert handoff.transfer_message == '{"assistant": "Billing Agent"}'


def test_an_agent_without_description() -> None:
    handoff = realtime_handoff(RealtimeAgent("Büro 2"))
    assert handoff.tool_name == "transfer_to_b_ro_2"
    assert handoff.tool_description == "Handoff to the Büro 2 agent to handle the request."
    assert handoff.transfer_message == '{"assistant": "Büro 2"}'


def test_name_and_description_can_be_given() -> None:
    handoff = realtime_handoff(
        BILLING, tool_name_override="to_sales", tool_description_override="Sell."
    )
    assert (handoff.tool_name, handoff.tool_description) == ("to_sales", "Sell.")


async def test_without_callback_the_arguments_do_not_matter() -> None:
    assert await realtime_handoff(BILLING).invoke(CONTEXT, "not json") is BILLING


async def test_a_callback_gets_the_context() -> None:
    seen: list[Any] = []

    async def later(ctx: RunContext[str]) -> None:
        seen.append(ctx)

    assert await realtime_handoff(BILLING, on_handoff=seen.append).invoke(CONTEXT) is BILLING
    assert await realtime_handoff(BILLING, on_handoff=later).invoke(CONTEXT, "{}") is BILLING
    assert seen == [CONTEXT, CONTEXT]


async def test_a_callback_gets_the_input() -> None:
    seen: list[Any] = []

    def note(ctx: RunContext[str], reason: Reason) -> None:
        seen.append((ctx, reason))

    handoff = realtime_handoff(BILLING, on_handoff=note, input_type=Reason)
    assert handoff.input_json_schema == {
        "type": "object",
        "properties": {"text": {"type": "string"}, "urgent": {"type": "boolean", "default": False}},
        "required": ["text", "urgent"],
        "additionalProperties": False,
    }
    assert await handoff.invoke(CONTEXT, '{"text": "x", "urgent": true}') is BILLING
    assert await handoff.invoke(CONTEXT, '{"text": "y"}') is BILLING
    assert seen == [(CONTEXT, Reason("x", True)), (CONTEXT, Reason("y", False))]
    with pytest.raises(ToolArgumentsError) as caught:
        await handoff.invoke(CONTEXT, '{"text": 3}')
    assert caught.value.problems == (("arguments.text", "expected string, got number"),)
    assert len(seen) == 2


async def test_what_a_callback_raises_is_raised() -> None:
    def fail(ctx: RunContext[str]) -> None:
        raise LookupError("nobody there")

    with pytest.raises(LookupError, match="nobody there"):
        await realtime_handoff(BILLING, on_handoff=fail).invoke(CONTEXT)


async def test_an_input_that_contains_itself() -> None:
    seen: list[Chain] = []

    def note(ctx: RunContext[str], chain: Chain) -> None:
        seen.append(chain)

    handoff = realtime_handoff(BILLING, on_handoff=note, input_type=Chain)
    assert handoff.input_json_schema["type"] == "object"
    await handoff.invoke(CONTEXT, '{"next": {"next": null}}')
    assert seen == [Chain(Chain())]


async def test_enabled_is_asked_with_the_speaking_agent() -> None:
    speaking = RealtimeAgent[str]("a")

    async def enabled(ctx: RunContext[str], agent: RealtimeAgent[str]) -> bool:
        assert ctx is CONTEXT
        return agent is not speaking

    assert await realtime_handoff(BILLING).enabled(CONTEXT, speaking) is True
    assert await realtime_handoff(BILLING, is_enabled=False).enabled(CONTEXT, speaking) is False
    assert await realtime_handoff(BILLING, is_enabled=enabled).enabled(CONTEXT, speaking) is False
    assert await realtime_handoff(BILLING, is_enabled=enabled).enabled(CONTEXT, BILLING) is True


@pytest.mark.parametrize(
    ("agent", "options", "message"),
    [
        ("billing", {}, "the agent of a handoff must be a RealtimeAgent, got str"),
        (RealtimeAgent("x" * 80), {}, "give another with tool_name_override"),
        (BILLING, {"tool_name_override": ""}, "tool name '' must be 1 to 64"),
        (BILLING, {"tool_description_override": 3}, "tool_description_override must be a str"),
        (BILLING, {"is_enabled": "yes"}, "is_enabled must be a bool or a function"),
        (BILLING, {"input_type": Reason}, "input_type needs an on_handoff that takes the input"),
        (BILLING, {"on_handoff": 3}, "on_handoff must be callable, got int"),
        (BILLING, {"on_handoff": lambda: None}, "called with context, and cannot be"),
        (
            BILLING,
            {"on_handoff": lambda ctx: None, "input_type": Reason},
            "handoff 'transfer_to_billing_agent': on_handoff is called with context and input",
        ),
        (
            BILLING,
            {"on_handoff": lambda ctx, given: None, "input_type": int},
            "input_type must be a class with fields",
        ),
        (
            BILLING,
            {"on_handoff": lambda ctx, given: None, "input_type": Loose},
            "input_type.anything: a value of any type is not possible",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_the_door(
    agent: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        realtime_handoff(agent, **options)
