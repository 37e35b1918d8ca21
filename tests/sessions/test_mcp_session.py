"""A session whose agents have MCP servers: opened before it connects, closed after its tools."""

from typing import Any

import pytest
import trio
import trio.testing
from support_mcp import Scripted, tool
from support_sessions import Stage, open_stage, settle, until

from trio_realtime import (
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeError,
    RealtimeRunner,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    function_tool,
)
from trio_realtime.testing import FakeRealtimeModel, tool_call
from trio_realtime.testing.simulator import CallFunction, Reply, Turn


def agent(*servers: Scripted, name: str = "Assistant") -> RealtimeAgent[Any]:
    return RealtimeAgent(name, instructions="Be brief.", mcp_servers=[*servers])


def offered(stage: Stage) -> list[list[str]]:
    """The names of the tools, for each time that the model was told them."""
    updates = stage.server.received_of("session.update")
    return [[offer["name"] for offer in update["session"]["tools"]] for update in updates]


def calls_once(turn: Turn) -> Reply:
    """A model that calls the tool in its first response."""
    return CallFunction("look_up", {"n": 1}, call_id="c1") if turn.number == 0 else "Done."


async def test_a_call_of_a_servers_tool(autojump_clock: trio.testing.MockClock) -> None:
    """Asked for approval, called, answered; the server ends with the session."""
    server = Scripted(require_approval="always")
    async with open_stage(responder=calls_once) as stage:
        async with await stage.session(agent(server)) as session:
            await session.send_message("Hello")
            [*_, asked] = await until(session, "tool_approval_required")
            assert isinstance(asked, RealtimeToolApprovalRequired)
            await session.approve_tool_call(asked.call_id)
            [*_, ended] = await until(session, "tool_end")
            assert isinstance(ended, RealtimeToolEnd)
            assert ended.output == "look_up {'n': 1}"
            assert server.closed == 0
        assert server.closed == 1


async def test_changes_of_tools_reach_the_model(autojump_clock: trio.testing.MockClock) -> None:
    server = Scripted()
    async with open_stage() as stage, await stage.session(agent(server)) as session:
        await settle()
        assert offered(stage) == [["look_up"]]
        await server.change(tool("look_up"), tool("new"))
        await settle()
        assert offered(stage) == [["look_up"], ["look_up", "new"]]
        await session.update_agent(agent(Scripted(name="Other", tools=[tool("other")])))
        await settle()
        assert offered(stage)[2:] == [["other"]]


async def test_tools_that_change_when_the_connection_is_gone_are_no_error() -> None:
    """The server has closed cleanly, and a tool may still finish: there is nobody to be told."""
    server = Scripted()

    @function_tool
    async def slow() -> None:
        """Take for ever."""
        await trio.sleep_forever()

    clerk = RealtimeAgent[None]("Clerk", tools=[slow], mcp_servers=[server])
    fake = FakeRealtimeModel()
    runner = RealtimeRunner(clerk, model=fake)
    async with await runner.run() as session:
        fake.emit(*tool_call("r", "i", "slow"))
        await settle()
        fake.close()
        await settle()
        await server.change(tool("look_up"), tool("new"))
        await settle()
        await session.aclose()
        assert "error" not in [event.type async for event in session]


async def test_a_required_server_that_cannot_be_opened() -> None:
    """The session does not open, and nothing was sent to the model."""
    async with open_stage() as stage:
        session = await stage.session(agent(Scripted(refusal=OSError("gone"))))
        with pytest.raises(RealtimeConnectionError, match="'Desk'"):
            await session.__aenter__()
        assert stage.simulator.connections == []


async def test_an_agent_whose_server_cannot_be_opened_does_not_take_over() -> None:
    async with open_stage() as stage, await stage.session(agent(name="First")) as session:
        with pytest.raises(RealtimeConnectionError, match="'Desk'"):
            await session.update_agent(agent(Scripted(refusal=OSError("gone"))))
        assert session.current_agent.name == "First"


async def test_a_server_that_is_not_required() -> None:
    server = Scripted(refusal=OSError("gone"), required=False)
    async with open_stage() as stage, await stage.session(agent(server)) as session:
        [*_, error] = await until(session, "error")
        assert isinstance(error, RealtimeError)
        assert "'Desk' could not be opened" in str(error.error)
