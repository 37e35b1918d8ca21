"""Handoffs and hooks in a session."""

from typing import Any

import attrs
import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    FunctionTool,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentHooks,
    RealtimeAgentStartEvent,
    RealtimeError,
    RealtimeHandoffEvent,
    RealtimeRunHooks,
    RealtimeToolEnd,
    RunContext,
    UserError,
    function_tool,
    realtime_handoff,
)
from trio_realtime.testing.simulator import CallFunction, Reply, Turn

Clock = trio.testing.MockClock


@function_tool
async def refund(order: str) -> str:
    """Refund an order."""
    await trio.sleep(20)
    return f"refunded {order}"


def to_billing(turn: Turn) -> Reply:
    return CallFunction("transfer_to_billing", call_id="h") if turn.number == 0 else "Done."


def outputs(stage: Stage) -> dict[str, str]:
    return {
        event["item"]["call_id"]: event["item"]["output"]
        for event in stage.server.received_of("conversation.item.create")
        if event["item"]["type"] == "function_call_output"
    }


async def test_a_handoff(autojump_clock: Clock) -> None:
    """The settings change before the call is answered; the turn ends as the agent that spoke."""
    billing = RealtimeAgent("Billing", instructions="You do billing.", tools=[refund])
    triage = RealtimeAgent("Triage", handoffs=[billing])
    async with open_stage(responder=to_billing) as stage, await stage.session(triage) as session:
        await session.send_message("I want my money")
        events = await until(session, "agent_end", 2)
        sent = [e["type"] for e in stage.server.received][1:]
        assert sent == [
            "conversation.item.create",
            "response.create",
            "session.update",
            "conversation.item.create",
            "response.create",
        ]
        assert outputs(stage) == {"h": '{"assistant": "Billing"}'}
        update = stage.server.received_of("session.update")[1]["session"]
        assert update["instructions"] == "You do billing."
        assert [tool["name"] for tool in update["tools"]] == ["refund"]
        (handoff,) = [e for e in events if isinstance(e, RealtimeHandoffEvent)]
        assert (handoff.from_agent, handoff.to_agent) == (triage, billing)
        spoke = [
            (e.type, e.agent.name)
            for e in events
            if isinstance(e, RealtimeAgentStartEvent | RealtimeAgentEndEvent)
        ]
        assert spoke == [
            ("agent_start", "Triage"),
            ("agent_end", "Triage"),
            ("agent_start", "Billing"),
            ("agent_end", "Billing"),
        ]
        assert session.current_agent is billing


async def test_calls_in_flight_keep_their_agent(autojump_clock: Clock) -> None:
    """A tool of the old agent finishes as the old agent's, after the handoff."""
    triage = RealtimeAgent("Triage", tools=[refund], handoffs=[RealtimeAgent("Billing")])

    def respond(turn: Turn) -> Reply:
        if turn.number:
            return "Done."
        return [
            CallFunction("refund", {"order": "42"}, call_id="r"),
            CallFunction("transfer_to_billing", call_id="h"),
        ]

    async with open_stage(responder=respond) as stage, await stage.session(triage) as session:
        await session.send_message("Go")
        events = await until(session, "agent_end", 2)
        order = [k for k in kinds(events) if k in {"handoff", "tool_end"}]
        assert order == ["handoff", "tool_end"]
        (end,) = [e for e in events if isinstance(e, RealtimeToolEnd)]
        assert end.agent is triage
        assert outputs(stage)["r"] == "refunded 42"
        assert len(stage.server.received_of("response.create")) == 2


@attrs.frozen
class Reason:
    reason: str


async def test_typed_input(autojump_clock: Clock) -> None:
    """`on_handoff` gets the context and an object of the input type."""
    seen: list[object] = []

    async def noted(ctx: RunContext[Any], reason: Reason) -> None:
        seen.extend([ctx.context, reason])

    handoff = realtime_handoff(RealtimeAgent("Billing"), on_handoff=noted, input_type=Reason)

    def respond(turn: Turn) -> Reply:
        call = CallFunction("transfer_to_billing", {"reason": "money"}, call_id="h")
        return "Done." if turn.number else call

    async with open_stage(responder=respond) as stage:
        agent = RealtimeAgent("Triage", handoffs=[handoff])
        async with await stage.session(agent, context="mine") as session:
            await session.send_message("Go")
            await until(session, "handoff")
            assert seen == ["mine", Reason("money")]


@pytest.mark.parametrize("fault", ["input", "callback"])
async def test_a_handoff_that_fails(fault: str, autojump_clock: Clock) -> None:
    """It is answered with an error, the agent stays, and the application hears of it."""

    def broken(_ctx: RunContext[Any], _reason: Reason) -> None:
        raise RuntimeError("out of order")

    billing = RealtimeAgent("Billing")
    handoff = realtime_handoff(billing, on_handoff=broken, input_type=Reason)
    arguments = {"reason": 5} if fault == "input" else {"reason": "x"}

    def respond(turn: Turn) -> Reply:
        call = CallFunction("transfer_to_billing", arguments, call_id="h")
        return "Done." if turn.number else call

    agent = RealtimeAgent("Triage", handoffs=[handoff])
    async with open_stage(responder=respond) as stage, await stage.session(agent) as session:
        await session.send_message("Go")
        events = await until(session, "agent_end", 2)
        assert [e for e in events if isinstance(e, RealtimeError)]
        assert ("reason" in outputs(stage)["h"]) == (fault == "input")
        assert session.current_agent is agent
        assert len(stage.server.received_of("session.update")) == 1


async def test_tools_and_handoffs_that_are_not_enabled(autojump_clock: Clock) -> None:
    """They are not offered; a function decides for each session."""

    def only_for_bob(ctx: RunContext[Any], _agent: RealtimeAgent[Any]) -> bool:
        return bool(ctx.context == "bob")

    @function_tool(is_enabled=only_for_bob)
    def look() -> str:
        """Look."""
        return ""

    handoff = realtime_handoff(RealtimeAgent("Billing"), is_enabled=only_for_bob)
    agent = RealtimeAgent("A", tools=[look], handoffs=[handoff])
    async with open_stage() as stage:
        for name, expected in [("bob", ["look", "transfer_to_billing"]), ("eve", [])]:
            async with await stage.session(agent, context=name):
                await settle()
                (update,) = stage.server.received_of("session.update")
                assert [tool["name"] for tool in update["session"]["tools"]] == expected


async def test_instructions_of_functions(autojump_clock: Clock) -> None:
    """Asked with the context and the agent, plain or async."""

    async def later(ctx: RunContext[Any], agent: RealtimeAgent[Any]) -> str:
        await trio.sleep(1)
        return f"{agent.name} for {ctx.context}"

    async with open_stage() as stage:
        async with await stage.session(RealtimeAgent("A", instructions=later), context="Ann"):
            await settle()
            (update,) = stage.server.received_of("session.update")
            assert update["session"]["instructions"] == "A for Ann"


async def test_update_agent(autojump_clock: Clock) -> None:
    """From the application: no event, no call; wrong agents are refused."""
    async with open_stage() as stage, await stage.session() as session:
        await session.update_agent(RealtimeAgent("B", instructions="b", tools=[refund]))
        await session.send_message("Hello")
        events = await until(session, "agent_end")
        starts = [e.agent.name for e in events if isinstance(e, RealtimeAgentStartEvent)]
        assert starts == ["B"]
        with pytest.raises(UserError, match="RealtimeAgent"):
            await session.update_agent("C")  # type: ignore[arg-type]


# -- hooks ---------------------------------------------------------------------------------


class RunHooks(RealtimeRunHooks[Any]):
    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def on_agent_start(self, context: RunContext[Any], agent: RealtimeAgent[Any]) -> None:
        self.log.append(f"run start {agent.name}")

    async def on_agent_end(
        self, context: RunContext[Any], agent: RealtimeAgent[Any], output: Any
    ) -> None:
        self.log.append(f"run end {agent.name}: {output}")

    async def on_handoff(
        self,
        context: RunContext[Any],
        from_agent: RealtimeAgent[Any],
        to_agent: RealtimeAgent[Any],
    ) -> None:
        self.log.append(f"run handoff {from_agent.name} {to_agent.name}")

    async def on_tool_start(
        self, context: Any, agent: RealtimeAgent[Any], tool: FunctionTool[Any]
    ) -> None:
        self.log.append(f"run tool {tool.name}")

    async def on_tool_end(
        self, context: Any, agent: RealtimeAgent[Any], tool: FunctionTool[Any], result: object
    ) -> None:
        self.log.append(f"run tool end {result}")


class AgentHooks(RealtimeAgentHooks[Any]):
    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def on_start(self, context: RunContext[Any], agent: RealtimeAgent[Any]) -> None:
        self.log.append(f"start {agent.name}")

    async def on_end(
        self, context: RunContext[Any], agent: RealtimeAgent[Any], output: Any
    ) -> None:
        self.log.append(f"end {agent.name}: {output}")

    async def on_handoff(
        self, context: RunContext[Any], agent: RealtimeAgent[Any], source: RealtimeAgent[Any]
    ) -> None:
        self.log.append(f"handoff {source.name} to {agent.name}")

    async def on_tool_start(
        self, context: Any, agent: RealtimeAgent[Any], tool: FunctionTool[Any]
    ) -> None:
        self.log.append(f"tool {tool.name}")

    async def on_tool_end(
        self, context: Any, agent: RealtimeAgent[Any], tool: FunctionTool[Any], result: object
    ) -> None:
        self.log.append(f"tool end {result}")


async def test_hooks_are_called(autojump_clock: Clock) -> None:
    """Of the run and of the agent concerned, in the order things happened."""
    log: list[str] = []
    billing = RealtimeAgent("Billing", tools=[refund], hooks=AgentHooks(log))
    triage = RealtimeAgent("Triage", handoffs=[billing])

    replies: list[Reply] = [
        CallFunction("transfer_to_billing", call_id="h"),
        CallFunction("refund", {"order": "42"}, call_id="r"),
        "Done.",
    ]

    def respond(turn: Turn) -> Reply:
        return replies[turn.number]

    async with open_stage(responder=respond) as stage:
        async with await stage.session(triage, {"hooks": RunHooks(log)}) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 3)
            await settle()
    turns = [entry for entry in log if "tool" not in entry and "handoff" not in entry]
    assert turns == [
        "run start Triage",
        "run end Triage: ",
        "run start Billing",
        "start Billing",
        "run end Billing: ",
        "end Billing: ",
        "run start Billing",
        "start Billing",
        "run end Billing: Done.",
        "end Billing: Done.",
    ]
    others = [entry for entry in log if entry not in turns]
    assert others == [
        "run handoff Triage Billing",
        "handoff Triage to Billing",
        "run tool refund",
        "tool refund",
        "run tool end refunded 42",
        "tool end refunded 42",
    ]


async def test_a_hook_that_raises_fails_the_session(autojump_clock: Clock) -> None:
    """Its exception comes out of the iteration, as it is."""

    class Broken(RealtimeRunHooks[Any]):
        async def on_agent_start(self, *_args: object) -> None:
            raise LookupError("broken hook")

    async with open_stage() as stage, await stage.session(config={"hooks": Broken()}) as session:
        await session.send_message("Go")
        with pytest.raises(LookupError, match="broken hook"):
            await until(session, "agent_end", 2)
