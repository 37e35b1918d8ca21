"""Tool calls when something around them fails: hooks, formatters, handoffs, the connection."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime import (
    ModelBehaviorError,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeError,
    RealtimeOutputLost,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeSession,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    ToolErrorFormatterArgs,
    UserError,
    function_tool,
    realtime_handoff,
)
from trio_realtime.models import inputs
from trio_realtime.testing import FakeRealtimeModel, call, tool_call, tool_calls

Clock = trio.testing.MockClock


async def opened(
    fake: FakeRealtimeModel, agent: RealtimeAgent[Any], **config: Any
) -> RealtimeSession[Any]:
    runner = RealtimeRunner(agent, model=fake, config={"events": "all", **config})
    return await runner.run(model_config={"api_key": "any"})


def outputs(fake: FakeRealtimeModel) -> dict[str, str]:
    return {
        sent.tool_call.call_id: sent.output
        for sent in fake.connection.sent
        if isinstance(sent, inputs.RealtimeModelSendToolOutput)
    }


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


async def read_to_the_end(session: RealtimeSession[Any]) -> None:
    async for _event in session:
        pass


@function_tool
async def look() -> str:
    """Look."""
    return "42"


@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay."""
    return "paid"


class MineError(Exception):
    pass


# -- hooks --------------------------------------------------------------------------------------


class FailingRunHooks(RealtimeRunHooks[Any]):
    def __init__(self, error: BaseException, *names: str) -> None:
        async def fail(*_arguments: object) -> None:
            raise error

        for name in names:
            setattr(self, name, fail)


@pytest.mark.parametrize("name", ["on_tool_start", "on_tool_end"])
async def test_a_hook_of_a_tool_that_raises_ends_the_session(name: str) -> None:
    """With that exception; the call has an output all the same."""
    error = MineError("the audit log is full")
    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=[look])
    async with await opened(fake, agent, hooks=FailingRunHooks(error, name)) as session:
        fake.emit(*tool_call("r", "i", "look", call_id="c"))
        with pytest.raises(MineError) as caught:
            await read_to_the_end(session)
    assert caught.value is error
    assert list(outputs(fake)) == ["c"]


async def test_a_hook_of_an_agent_that_raises_before_a_tool_ends_the_session() -> None:
    """The tool then does not run."""
    ran: list[str] = []

    class Hooks(RealtimeAgentHooks[Any]):
        async def on_tool_start(self, *_arguments: object) -> None:
            raise MineError

    @function_tool
    async def act() -> None:
        """Act."""
        ran.append("act")

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=[act], hooks=Hooks())
    with pytest.raises(MineError):
        async with await opened(fake, agent) as session:
            fake.emit(*tool_call("r", "i", "act", call_id="c"))
            await read_to_the_end(session)
    assert ran == []


async def test_a_group_that_a_hook_raises_is_that_group() -> None:
    """It is the application's own, and is not taken apart or wrapped."""
    error = ExceptionGroup("mine", [MineError("a"), MineError("b")])
    fake = FakeRealtimeModel()
    hooks = FailingRunHooks(error, "on_tool_start")
    with pytest.raises(ExceptionGroup) as caught:
        async with await opened(fake, RealtimeAgent("A", tools=[look]), hooks=hooks) as session:
            fake.emit(*tool_call("r", "i", "look", call_id="c"))
            await read_to_the_end(session)
    assert caught.value is error


# -- rejections ---------------------------------------------------------------------------------


async def rejected_again(
    formatter: Callable[[ToolErrorFormatterArgs], Awaitable[str]],
    first: Callable[[RealtimeSession[Any]], Awaitable[None]],
) -> dict[str, str]:
    """Reject a call in a way that fails, then with a message; the outputs that are sent."""
    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=[pay])
    async with await opened(fake, agent, tool_error_formatter=formatter) as session:
        fake.emit(*tool_call("r", "i", "pay", call_id="c"))
        await settle()
        await first(session)
        await settle()
        assert outputs(fake) == {}
        assert session.statistics().approvals_waiting == 1
        await session.reject_tool_call("c", rejection_message="never")
        await settle()
        return outputs(fake)


async def test_a_rejection_that_is_cancelled_can_be_made_again(autojump_clock: Clock) -> None:
    """Nothing was decided by it, whether it was to count always or once."""

    async def slow(_args: ToolErrorFormatterArgs) -> str:
        await trio.sleep_forever()
        raise AssertionError

    async def cancelled(session: RealtimeSession[Any]) -> None:
        with trio.move_on_after(1):
            await session.reject_tool_call("c", always=True)

    assert await rejected_again(slow, cancelled) == {"c": "never"}


async def test_a_formatter_that_raises_decides_nothing() -> None:
    """What it raises comes out of the rejection, and the session goes on."""

    async def broken(_args: ToolErrorFormatterArgs) -> str:
        raise MineError

    async def failing(session: RealtimeSession[Any]) -> None:
        with pytest.raises(MineError):
            await session.reject_tool_call("c")

    assert await rejected_again(broken, failing) == {"c": "never"}


async def test_a_call_that_is_approved_while_its_rejection_is_written(
    autojump_clock: Clock,
) -> None:
    """The first decision counts; the rejection is an error."""

    async def slow(_args: ToolErrorFormatterArgs) -> str:
        await trio.sleep(5)
        return "no"

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=[pay])
    async with await opened(fake, agent, tool_error_formatter=slow) as session:
        fake.emit(*tool_call("r", "i", "pay", call_id="c"))
        await settle()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def reject() -> None:
                with pytest.raises(UserError, match="no tool call 'c' waits"):
                    await session.reject_tool_call("c")

            await trio.sleep(1)
            await session.approve_tool_call("c")
        assert outputs(fake) == {"c": "paid"}


async def test_a_formatter_that_raises_for_a_standing_rejection_ends_the_session() -> None:
    """Nobody calls then whom the exception could be raised to; the call has an output."""
    names: list[str] = []

    def once(args: ToolErrorFormatterArgs) -> str:
        names.append(args.tool_name)
        if len(names) > 1:
            raise MineError
        return "no"

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=[pay])
    with pytest.raises(MineError):
        async with await opened(fake, agent, tool_error_formatter=once) as session:
            fake.emit(*tool_call("r1", "i1", "pay", call_id="c1"))
            await settle()
            await session.reject_tool_call("c1", always=True)
            fake.emit(*tool_call("r2", "i2", "pay", call_id="c2"))
            await read_to_the_end(session)
    assert outputs(fake) == {"c1": "no", "c2": "The tool failed, and the session with it."}


# -- handoffs -----------------------------------------------------------------------------------


def specialist(name: str) -> RealtimeAgent[Any]:
    @function_tool(name_override=f"{name.lower()}_tool")
    async def work() -> str:
        """Work."""
        return name

    return RealtimeAgent(name, tools=[work])


def told_tools(fake: FakeRealtimeModel) -> list[list[str]]:
    """The names of the tools in each change of the settings, in order."""
    return [
        [tool.name for tool in sent.session_settings.tools]  # type: ignore[union-attr]
        for sent in fake.connection.sent
        if isinstance(sent, inputs.RealtimeModelSendSessionUpdate)
    ]


@pytest.mark.parametrize("in_order", [True, False])
async def test_of_two_handoffs_in_one_response_the_first_counts(
    in_order: bool, autojump_clock: Clock
) -> None:
    """The second is answered that it was not made; session and model are with the same agent."""

    class Hooks(RealtimeRunHooks[Any]):
        async def on_handoff(self, _context: Any, _source: Any, target: Any) -> None:
            await trio.sleep(5 if target.name == "B" else 1)

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", handoffs=[specialist("B"), specialist("C")])
    config = {"hooks": Hooks(), "async_tool_calls": not in_order}
    async with await opened(fake, agent, **config) as session:
        fake.emit(
            tool_calls(
                "r",
                [
                    call("i1", "transfer_to_b", call_id="c1"),
                    call("i2", "transfer_to_c", call_id="c2"),
                ],
            )
        )
        await trio.sleep(20)
        assert session.current_agent.name == "B"
        assert told_tools(fake) == [["b_tool"]]
        assert outputs(fake) == {
            "c1": '{"assistant": "B"}',
            "c2": "The conversation was handed to B already; this handoff was not made.",
        }


async def test_the_second_handoff_is_made_when_the_first_fails(autojump_clock: Clock) -> None:
    """The application hears of the failure."""

    async def broken(_context: Any) -> None:
        await trio.sleep(5)
        raise MineError

    fake = FakeRealtimeModel()
    first = realtime_handoff(specialist("B"), on_handoff=broken)
    agent = RealtimeAgent("A", handoffs=[first, specialist("C")])
    async with await opened(fake, agent) as session:
        fake.emit(
            tool_calls(
                "r",
                [
                    call("i1", "transfer_to_b", call_id="c1"),
                    call("i2", "transfer_to_c", call_id="c2"),
                ],
            )
        )
        await trio.sleep(20)
        assert session.current_agent.name == "C"
        assert told_tools(fake) == [["c_tool"]]
        assert "error occurred" in outputs(fake)["c1"]
        assert outputs(fake)["c2"] == '{"assistant": "C"}'
        await session.aclose()
        errors = [event.error async for event in session if isinstance(event, RealtimeError)]
        assert [type(error) for error in errors] == [MineError]


async def test_a_handoff_that_comes_after_the_applications_own_is_not_made(
    autojump_clock: Clock,
) -> None:
    """While its callback waits, the application lets another agent go on; that one stays."""
    began = trio.Event()

    async def slow(_context: Any) -> None:
        began.set()
        await trio.sleep(5)

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", handoffs=[realtime_handoff(specialist("B"), on_handoff=slow)])
    async with await opened(fake, agent) as session:
        fake.emit(*tool_call("r", "i", "transfer_to_b", call_id="c"))
        await began.wait()
        await session.update_agent(specialist("C"))
        await trio.sleep(20)
        assert session.current_agent.name == "C"
        assert told_tools(fake) == [["c_tool"]]
        assert "handed to C already" in outputs(fake)["c"]


async def test_a_hook_of_a_handoff_that_raises_ends_the_session() -> None:
    """With its exception, and the call has an output."""
    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", handoffs=[specialist("B")])
    hooks = FailingRunHooks(MineError(), "on_handoff")
    with pytest.raises(MineError):
        async with await opened(fake, agent, hooks=hooks) as session:
            fake.emit(*tool_call("r", "i", "transfer_to_b", call_id="c"))
            await read_to_the_end(session)
    assert outputs(fake) == {"c": "The tool failed, and the session with it."}


async def test_a_clean_close_during_a_handoff_is_no_failure(autojump_clock: Clock) -> None:
    """The iteration ends as after every clean close; that the output was lost is told."""
    began = trio.Event()

    async def slow(_context: Any) -> None:
        began.set()
        await trio.sleep(1)

    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", handoffs=[realtime_handoff(specialist("B"), on_handoff=slow)])
    async with await opened(fake, agent) as session:
        fake.emit(*tool_call("r", "i", "transfer_to_b", call_id="c"))
        await began.wait()
        fake.connection.close(1001)
        events = [event async for event in session]
        assert [event.call_id for event in events if isinstance(event, RealtimeOutputLost)] == ["c"]


# -- ids ----------------------------------------------------------------------------------------


async def test_an_id_that_comes_again_in_a_later_response_is_another_call() -> None:
    """Some servers number the calls of each response anew: both run, and each has its output."""
    numbers = iter(range(10))

    @function_tool
    async def count() -> int:
        """Count."""
        return next(numbers)

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[count])) as session:
        for number in (1, 2):
            fake.emit(*tool_call(f"r{number}", f"i{number}", "count", call_id="call_0"))
            await settle()
        sent = [
            each.output
            for each in fake.connection.sent
            if isinstance(each, inputs.RealtimeModelSendToolOutput)
        ]
        assert sent == ["0", "1"]
        items = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        assert [(item.item_id, item.output) for item in items] == [("i1", "0"), ("i2", "1")]


async def test_an_id_that_comes_again_while_its_call_runs_is_told(autojump_clock: Clock) -> None:
    """An output under it would be taken for the other's: the second call is an error."""

    @function_tool
    async def slow() -> str:
        """Take some time."""
        await trio.sleep(5)
        return "done"

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[slow])) as session:
        fake.emit(*tool_call("r1", "i1", "slow", call_id="call_0"))
        fake.emit(*tool_call("r2", "i2", "slow", call_id="call_0"))
        await trio.sleep(20)
        assert outputs(fake) == {"call_0": "done"}
        await session.aclose()
        errors = [event.error async for event in session if isinstance(event, RealtimeError)]
        assert [type(error) for error in errors] == [ModelBehaviorError]


# -- lost outputs -------------------------------------------------------------------------------


async def test_a_lost_output_is_not_in_the_history(autojump_clock: Clock) -> None:
    """The model never heard of it; the application is told both what it was and that it is lost."""

    @function_tool
    async def slow() -> str:
        """Take some time."""
        await trio.sleep(1)
        return "late"

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[slow])) as session:
        fake.emit(*tool_call("r", "i", "slow", call_id="c"))
        await settle()
        fake.connection.close(1000)
        events = [event async for event in session]
        assert [event.output for event in events if isinstance(event, RealtimeToolEnd)] == ["late"]
        assert [event.call_id for event in events if isinstance(event, RealtimeOutputLost)] == ["c"]
        (item,) = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        assert item.output is None


async def test_a_lost_output_is_told_without_asking_for_the_event(autojump_clock: Clock) -> None:
    """`output_lost` is among the events that a session delivers by default."""
    runner = RealtimeRunner(RealtimeAgent("A", tools=[look]), model=(fake := FakeRealtimeModel()))
    async with await runner.run(model_config={"api_key": "any"}) as session:
        fake.emit(*tool_call("r", "i", "look", call_id="c"))
        fake.connection.close(1000)
        kinds = [event.type async for event in session]
        assert "output_lost" in kinds


# -- the end of the session ---------------------------------------------------------------------


async def test_what_the_model_is_told_of_a_tool_that_was_cancelled_is_in_the_history() -> None:
    """Also of a call that waits for an approval when the session is closed."""

    @function_tool
    async def slow() -> None:
        """Take for ever."""
        await trio.sleep_forever()

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[slow, pay])) as session:
        fake.emit(*tool_calls("r", [call("i1", "slow"), call("i2", "pay")]))
        await settle()
    cancelled = {"call_i1": "The tool was cancelled.", "call_i2": "The tool was cancelled."}
    assert outputs(fake) == cancelled
    items = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
    assert {item.call_id: item.output for item in items} == cancelled
