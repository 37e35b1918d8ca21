"""Approvals: what was decided for every call of a tool, and what the model is told."""

from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime import (
    HostedMCPTool,
    RealtimeAgent,
    RealtimeRunner,
    SettingsError,
    UserError,
    function_tool,
)
from trio_realtime.context import RunContext
from trio_realtime.models import inputs
from trio_realtime.sessions.tools.approvals import (
    DEFAULT_REJECTION,
    Decision,
    StandingDecisions,
    ToolErrorFormatterArgs,
    rejection_text,
)
from trio_realtime.testing import FakeRealtimeModel, call, tool_call, tool_calls


def test_a_decision_holds_for_its_tool_and_the_last_one_counts() -> None:
    decisions = StandingDecisions()
    assert decisions.of("weather") is None
    decisions.decide("weather", Decision(approved=True))
    decisions.decide("time", Decision(approved=False, message="never"))
    assert decisions.of("weather") == Decision(approved=True)
    assert decisions.of("time") == Decision(approved=False, message="never")
    decisions.decide("weather", Decision(approved=False))
    assert decisions.of("weather") == Decision(approved=False)


ARGS = ToolErrorFormatterArgs(
    tool_name="weather", call_id="1", run_context=RunContext(context=None)
)


async def test_the_model_is_told_the_message_before_all_else() -> None:
    assert await rejection_text(lambda _: "formatted", "the message", ARGS) == "the message"
    assert await rejection_text(None, "", ARGS) == ""


async def test_a_formatter_may_be_plain_or_async_and_may_leave_the_default() -> None:
    async def formatter(args: ToolErrorFormatterArgs) -> str:
        return f"{args.tool_name} {args.call_id} {args.kind} {args.tool_type}"

    assert await rejection_text(formatter, None, ARGS) == "weather 1 approval_rejected function"
    assert await rejection_text(lambda _: None, None, ARGS) == DEFAULT_REJECTION
    assert await rejection_text(lambda _: 5, None, ARGS) == "5"


async def test_without_either_the_default_is_told() -> None:
    assert await rejection_text(None, None, ARGS) == "Tool execution was not approved."


# -- calls beside one that waits -------------------------------------------------------------------


async def test_the_model_goes_on_when_the_last_of_its_calls_turns_out_to_need_an_approval() -> None:
    """The other call is answered already: its follow-up must not wait for a human."""
    may_say = trio.Event()

    async def asked_slowly(*_: object) -> bool:
        await may_say.wait()
        return True

    @function_tool(needs_approval=asked_slowly)
    async def pay() -> str:
        """Pay."""
        return "paid"

    @function_tool
    async def look() -> str:
        """Look."""
        return "42"

    follow_up = inputs.RealtimeModelCreateResponse(automatic=True)
    fake = FakeRealtimeModel()
    runner = RealtimeRunner(RealtimeAgent[None]("A", tools=[pay, look]), model=fake)
    async with await runner.run() as session:
        fake.emit(*tool_calls("r", [call("i1", "pay"), call("i2", "look")]))
        await trio.testing.wait_all_tasks_blocked()
        (answer,) = fake.connection.sent
        assert isinstance(answer, inputs.RealtimeModelSendToolOutput)
        assert (answer.output, answer.start_response) == ("42", False)
        may_say.set()
        await trio.testing.wait_all_tasks_blocked()
        assert fake.connection.sent == [answer, follow_up]
        await session.approve_tool_call("call_i1")
        await trio.testing.wait_all_tasks_blocked()
        (paid,) = fake.connection.sent[2:]
        assert isinstance(paid, inputs.RealtimeModelSendToolOutput)
        assert (paid.output, paid.start_response) == ("paid", True)


# -- approvals that nobody can see -----------------------------------------------------------------


@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay."""
    return "paid"


@function_tool(needs_approval=lambda *_: False)
async def sometimes() -> str:
    """Pay, perhaps."""
    return "paid"


@function_tool
async def look() -> str:
    """Look."""
    return "seen"


def hosted(require_approval: Any = None) -> HostedMCPTool:
    return HostedMCPTool(
        server_label="docs", server_url="https://x.test", require_approval=require_approval
    )


@pytest.mark.parametrize(
    ("tool", "seen_by"),
    [
        (pay, "tool_approval_required"),
        (sometimes, "tool_approval_required"),
        (hosted(), "mcp_approval_required"),
        (hosted({"always": {"tool_names": ["a"]}}), "mcp_approval_required"),
    ],
    ids=["always", "sometimes", "hosted", "hosted some"],
)
async def test_an_approval_that_nobody_can_see_is_refused_at_opening(
    tool: Any, seen_by: str, fake_model: FakeRealtimeModel
) -> None:
    """It would be waited for without end; with the default events, and with its own, it is seen."""
    agent = RealtimeAgent[None]("A", tools=[tool])
    runner = RealtimeRunner(agent, model=fake_model, config={"events": ["audio"]})
    with pytest.raises(SettingsError, match=f"^events: .*nobody is told without '{seen_by}'"):
        async with await runner.run():
            pass
    assert fake_model.connections == []
    for events in ("sdk", "all", [seen_by]):
        runner = RealtimeRunner(agent, model=fake_model, config={"events": events})
        async with await runner.run():
            pass


async def test_what_needs_no_answer_needs_no_event(fake_model: FakeRealtimeModel) -> None:
    """A time limit answers for people, and these tools ask nobody."""
    for tools, limit in ([[pay], 5.0], [[look], None], [[hosted("never")], None]):
        runner = RealtimeRunner(
            RealtimeAgent[None]("A", tools=tools),  # type: ignore[arg-type]
            model=fake_model,
            config={"events": ["audio"], "tool_execution": {"approval_timeout": limit}},
        )
        async with await runner.run():
            pass


async def test_a_later_agent_is_looked_at_too(fake_model: FakeRealtimeModel) -> None:
    """`update_agent` raises, and the model of a handoff is told that it was not made."""
    cashier = RealtimeAgent[None]("Cashier", tools=[pay])
    agent = RealtimeAgent[None]("A", handoffs=[cashier])
    runner = RealtimeRunner(agent, model=fake_model, config={"events": ["error"]})
    async with await runner.run() as session:
        with pytest.raises(UserError, match="nobody is told"):
            await session.update_agent(cashier)
        fake_model.emit(tool_call("r", "c", "transfer_to_cashier", {}))
        error: Any = await session.receive()
        assert "nobody is told" in str(error.error)
        assert session.current_agent is agent
