"""Tool calls in a session: every call answered once, whatever happens to it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    FunctionTool,
    HostedMCPTool,
    ModelBehaviorError,
    RealtimeAgent,
    RealtimeError,
    RealtimeMcpApprovalRequired,
    RealtimeOutputLost,
    RealtimeSession,
    RealtimeToolApprovalRequired,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RealtimeToolProgress,
    ToolContext,
    ToolErrorFormatterArgs,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailData,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailData,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
    function_tool,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.testing.simulator import CallFunction, Reply, Turn

Clock = trio.testing.MockClock


def calling(*calls: CallFunction) -> Callable[[Turn], Reply]:
    """A model that makes these calls in its first response, and says "Done." after outputs."""

    def respond(turn: Turn) -> Reply:
        return list(calls) if turn.number == 0 else "Done."

    return respond


async def outputs(stage: Stage) -> dict[str, list[str]]:
    """Call id to the outputs the server was sent for it, all that is under way included."""
    await settle()
    sent: dict[str, list[str]] = {}
    for event in stage.server.received_of("conversation.item.create"):
        if event["item"]["type"] == "function_call_output":
            sent.setdefault(event["item"]["call_id"], []).append(event["item"]["output"])
    return sent


def creates(stage: Stage) -> int:
    return len(stage.server.received_of("response.create"))


def agent_with(*tools: FunctionTool[Any]) -> RealtimeAgent[Any]:
    return RealtimeAgent("A", tools=list(tools))


@function_tool
async def slow(seconds: float) -> str:
    """Take some time."""
    await trio.sleep(seconds)
    return f"slept {seconds:g}"


async def test_parallel_calls_cause_one_response_after_the_last_output(
    autojump_clock: Clock,
) -> None:
    """Three calls that end at different times, long after their response: one create."""
    calls = [CallFunction("slow", {"seconds": s}, call_id=f"c{s}") for s in (30, 10, 20)]
    async with (
        open_stage(responder=calling(*calls)) as stage,
        await stage.session(agent_with(slow)) as session,
    ):
        await session.send_message("Go")
        events = await until(session, "agent_end", 2)
        ends = [event.call_id for event in events if isinstance(event, RealtimeToolEnd)]
        assert ends == ["c10", "c20", "c30"]
        assert (await outputs(stage)) == {
            "c10": ["slept 10"],
            "c20": ["slept 20"],
            "c30": ["slept 30"],
        }
        assert creates(stage) == 2
        received = [e["type"] for e in stage.server.received]
        assert received[-1] == "response.create"


async def test_order_is_kept_without_async_tool_calls(autojump_clock: Clock) -> None:
    """One after the other, in the order of the calls; receiving goes on meanwhile."""
    calls = [CallFunction("slow", {"seconds": s}, call_id=f"c{s}") for s in (30, 10)]
    async with (
        open_stage(responder=calling(*calls)) as stage,
        await stage.session(agent_with(slow), {"async_tool_calls": False}) as session,
    ):
        await session.send_message("Go")
        events = await until(session, "agent_end", 2)
        assert [e.call_id for e in events if isinstance(e, RealtimeToolEnd)] == ["c30", "c10"]
        order = [k for k in kinds(events) if k in {"agent_end", "tool_end"}]
        assert order[0] == "agent_end"


async def test_a_tool_without_respond_asks_for_nothing(autojump_clock: Clock) -> None:
    """Its output is sent and no response follows."""

    @function_tool(respond=False)
    async def note() -> str:
        """Note it."""
        return "noted"

    async with open_stage(responder=calling(CallFunction("note", call_id="c"))) as stage:
        async with await stage.session(agent_with(note)) as session:
            await session.send_message("Go")
            await until(session, "tool_end")
            await trio.sleep(10)
            assert ((await outputs(stage)), creates(stage)) == ({"c": ["noted"]}, 1)


async def test_an_unknown_tool_is_answered_and_the_model_goes_on(autojump_clock: Clock) -> None:
    """The model is told, the application too, and a response follows."""
    async with open_stage(responder=calling(CallFunction("nope", call_id="c"))) as stage:
        async with await stage.session(agent_with(slow)) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            assert (await outputs(stage)) == {"c": ["Tool nope not found"]}
            (error,) = [event for event in events if isinstance(event, RealtimeError)]
            assert isinstance(error.error, ModelBehaviorError)


async def test_bad_arguments_are_answered_with_their_path(autojump_clock: Clock) -> None:
    """No coercion: the model is told where it went wrong."""
    call = CallFunction("slow", {"seconds": "3"}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(slow)) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            (text,) = (await outputs(stage))["c"]
            assert "seconds" in text
            assert "number" in text


async def test_failure_is_output_by_default(autojump_clock: Clock) -> None:
    """A fixed text without details."""

    @function_tool
    async def bad() -> str:
        """Fail."""
        raise ValueError("the secret is 42")

    async with open_stage(responder=calling(CallFunction("bad", call_id="c"))) as stage:
        async with await stage.session(agent_with(bad)) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            (text,) = (await outputs(stage))["c"]
            assert text == "An error occurred while running the tool. Please try again."


async def test_failure_that_is_to_be_raised_ends_the_session(autojump_clock: Clock) -> None:
    """The same exception comes out of the iteration; the call was answered before the end."""
    error = ValueError("out of cheese")

    @function_tool(failure_error_function=None)
    async def bad() -> str:
        """Fail."""
        raise error

    async with open_stage(responder=calling(CallFunction("bad", call_id="c"))) as stage:
        async with await stage.session(agent_with(bad)) as session:
            await session.send_message("Go")
            with pytest.raises(ValueError, match="cheese") as caught:
                await until(session, "agent_end", 2)
            assert caught.value is error
        assert (await outputs(stage)) == {"c": ["The tool failed, and the session with it."]}


async def test_a_base_exception_in_a_tool_ends_everything(autojump_clock: Clock) -> None:
    """It leaves the block as it is, in no group, and the call was answered."""

    class Stop(BaseException):
        pass

    @function_tool
    async def stop() -> str:
        """Stop."""
        raise Stop

    async with open_stage(responder=calling(CallFunction("stop", call_id="c"))) as stage:
        with pytest.raises(Stop):
            async with await stage.session(agent_with(stop)) as session:
                await session.send_message("Go")
                await trio.sleep_forever()
        assert (await outputs(stage)) == {"c": ["The tool was cancelled."]}


@pytest.mark.parametrize("raises", [False, True])
async def test_timeouts(raises: bool, autojump_clock: Clock) -> None:
    """Text for the model, or a failure of the session that names the tool."""
    behavior: Any = "raise_exception" if raises else "error_as_result"

    @function_tool(timeout=5, timeout_behavior=behavior)
    async def forever() -> str:
        """Never end."""
        await trio.sleep_forever()
        raise AssertionError

    async with open_stage(responder=calling(CallFunction("forever", call_id="c"))) as stage:
        async with await stage.session(agent_with(forever)) as session:
            await session.send_message("Go")
            if raises:
                with pytest.raises(ToolTimeoutError, match="'forever'"):
                    await until(session, "agent_end", 2)
            else:
                await until(session, "agent_end", 2)
                assert (await outputs(stage)) == {
                    "c": ["Tool 'forever' timed out after 5 seconds."]
                }
    assert len((await outputs(stage))["c"]) == 1


async def test_a_tool_that_never_ends_is_answered_when_the_session_closes(
    autojump_clock: Clock,
) -> None:
    """Cancelled, answered once, and nothing of it survives."""
    calls = [CallFunction("slow", {"seconds": 1e9}, call_id=c) for c in ("c1", "c2")]
    async with open_stage(responder=calling(*calls)) as stage:
        before = trio.lowlevel.current_statistics().tasks_living
        async with await stage.session(agent_with(slow)) as session:
            await session.send_message("Go")
            await until(session, "tool_start", 2)
        await trio.sleep(1)
        assert trio.lowlevel.current_statistics().tasks_living == before
        cancelled = ["The tool was cancelled."]
        assert (await outputs(stage)) == {"c1": cancelled, "c2": cancelled}


async def test_a_tool_may_open_a_nursery_of_its_own(autojump_clock: Clock) -> None:
    """Its tasks end with it, also when the session closes in the middle."""
    ended: list[int] = []

    async def child(number: int) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(number)

    @function_tool
    async def crowd() -> str:
        """Start tasks."""
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(child, number)
        raise AssertionError

    async with open_stage(responder=calling(CallFunction("crowd", call_id="c"))) as stage:
        async with await stage.session(agent_with(crowd)) as session:
            await session.send_message("Go")
            await until(session, "tool_start")
            await settle()
        assert sorted(ended) == [0, 1, 2]
        assert (await outputs(stage)) == {"c": ["The tool was cancelled."]}


async def test_a_duplicate_call_runs_once(autojump_clock: Clock) -> None:
    """The same call announced twice is one call."""
    ran: list[str] = []

    @function_tool
    async def once(word: str) -> str:
        """Run once."""
        ran.append(word)
        return word

    call = CallFunction("once", {"word": "a"}, call_id="c")
    async with open_stage(responder=calling(call, call)) as stage:
        async with await stage.session(agent_with(once)) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            assert (ran, (await outputs(stage))) == (["a"], {"c": ["a"]})


async def test_an_id_used_for_another_call_is_the_models_mistake(autojump_clock: Clock) -> None:
    """It is reported; the first call keeps its one output."""
    calls = [
        CallFunction("slow", {"seconds": 1}, call_id="c"),
        CallFunction("slow", {"seconds": 2}, call_id="c"),
    ]
    async with open_stage(responder=calling(*calls)) as stage:
        async with await stage.session(agent_with(slow)) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            assert (await outputs(stage)) == {"c": ["slept 1"]}
            (error,) = [event for event in events if isinstance(event, RealtimeError)]
            assert isinstance(error.error, ModelBehaviorError)
            assert "already used" in str(error.error)


async def test_a_running_tool_may_finish_after_a_clean_close(autojump_clock: Clock) -> None:
    """Within the close timeout; that its output is lost is an event."""
    call = CallFunction("slow", {"seconds": 3}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(slow), {"events": "all"}) as session:
            await session.send_message("Go")
            await until(session, "tool_start")
            await stage.server.close(1000)
            events = [event async for event in session]
            lost = [event for event in events if isinstance(event, RealtimeOutputLost)]
            assert [(e.call_id, e.tool_name) for e in lost] == [("c", "slow")]
            (end,) = [event for event in events if isinstance(event, RealtimeToolEnd)]
            assert end.output == "slept 3"


async def test_a_running_tool_is_given_up_after_the_close_timeout(autojump_clock: Clock) -> None:
    """A tool that takes too long does not keep a session that the server ended."""
    call = CallFunction("slow", {"seconds": 1e6}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(slow), {"close_timeout": 2.0}) as session:
            await session.send_message("Go")
            await until(session, "tool_start")
            closed_at = trio.current_time()
            await stage.server.close(1000)
            assert "tool_end" not in kinds([event async for event in session])
            await session.wait_closed()
            assert trio.current_time() - closed_at < 10


async def test_limits_on_how_many_run_at_once(autojump_clock: Clock) -> None:
    """Of the session, and of one tool."""
    running: list[int] = [0]
    most: list[int] = [0]

    def make(**options: Any) -> FunctionTool[Any]:
        @function_tool(**options)
        async def work() -> str:
            """Work."""
            running[0] += 1
            most[0] = max(most[0], running[0])
            await trio.sleep(1)
            running[0] -= 1
            return "ok"

        return work

    calls = [CallFunction("work", call_id=f"c{n}") for n in range(5)]
    for tool, config, expected in [
        (make(), {}, 5),
        (make(max_concurrency=2), {}, 2),
        (make(), {"tool_execution": {"max_concurrent_calls": 3}}, 3),
    ]:
        most[0] = 0
        async with open_stage(responder=calling(*calls)) as stage:
            async with await stage.session(agent_with(tool), config) as session:
                await session.send_message("Go")
                await until(session, "agent_end", 2)
                assert (most[0], len(await outputs(stage))) == (expected, 5)


async def test_tool_context_and_progress(autojump_clock: Clock) -> None:
    """The tool knows its call, its agent and the application's context, and can report."""
    seen: list[object] = []

    @function_tool
    async def report(ctx: ToolContext[dict[str, int]]) -> str:
        """Report."""
        seen.extend([ctx.context, ctx.tool_call_id, ctx.tool_name, ctx.agent, ctx.usage.requests])
        await ctx.progress("half way")
        return "done"

    mine = {"a": 1}
    agent = agent_with(report)
    async with open_stage(responder=calling(CallFunction("report", call_id="c"))) as stage:
        async with await stage.session(agent, {"events": "all"}, context=mine) as session:
            await session.send_message("Go")
            events = await until(session, "tool_end")
            assert seen[0] is mine
            assert session.context is mine
            assert seen[1:4] == ["c", "report", agent]
            assert [e.text for e in events if isinstance(e, RealtimeToolProgress)] == ["half way"]


async def test_output_of_any_data_reaches_history_and_model(autojump_clock: Clock) -> None:
    """The application sees the value, the model JSON, and the history both call and output."""

    @function_tool
    async def lookup(name: str) -> dict[str, object]:
        """Look it up."""
        return {"name": name, "score": math.nan}

    call = CallFunction("lookup", {"name": "Ann"}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(lookup)) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            assert (await outputs(stage)) == {"c": ['{"name": "Ann", "score": null}']}
            (end,) = [event for event in events if isinstance(event, RealtimeToolEnd)]
            assert end.output["name"] == "Ann"
            (item,) = [i for i in session.history if isinstance(i, RealtimeToolCallItem)]
            assert (item.status, item.output) == ("completed", '{"name": "Ann", "score": null}')


# -- interruption ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["interrupt", "speech"])
async def test_on_interrupt_cancel(how: str, autojump_clock: Clock) -> None:
    """The tool that wants it is cancelled and answered; the other goes on."""

    @function_tool(on_interrupt="cancel")
    async def fragile() -> str:
        """Be cancelled."""
        await trio.sleep_forever()
        raise AssertionError

    calls = [
        CallFunction("fragile", call_id="c1"),
        CallFunction("slow", {"seconds": 5}, call_id="c2"),
    ]
    async with open_stage(responder=calling(*calls)) as stage:
        async with await stage.session(agent_with(fragile, slow)) as session:
            await session.send_message("Go")
            await until(session, "tool_start", 2)
            if how == "interrupt":
                await session.interrupt()
            else:
                await stage.server.send(
                    {
                        "type": "input_audio_buffer.speech_started",
                        "event_id": "e",
                        "item_id": "u",
                        "audio_start_ms": 0,
                    }
                )
            await until(session, "tool_end", 2)
            assert (await outputs(stage))["c1"] == [
                "The user interrupted before the tool had finished; it was cancelled."
            ]
            assert (await outputs(stage))["c2"] == ["slept 5"]


# -- approvals ----------------------------------------------------------------------------


def paying(**options: Any) -> FunctionTool[Any]:
    @function_tool(needs_approval=True, **options)
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    return pay


PAY = CallFunction("pay", {"amount": 5}, call_id="c")


async def waiting(session: RealtimeSession[Any], count: int = 1) -> Sequence[str]:
    events = await until(session, "tool_approval_required", count)
    return [e.call_id for e in events if isinstance(e, RealtimeToolApprovalRequired)]


async def test_an_unanswered_approval_blocks_nothing_else(autojump_clock: Clock) -> None:
    """The other call of the response is answered, the model goes on, and messages work."""
    calls = [PAY, CallFunction("slow", {"seconds": 1}, call_id="d")]
    async with open_stage(responder=calling(*calls)) as stage:
        async with await stage.session(agent_with(paying(), slow)) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            assert (await outputs(stage)) == {"d": ["slept 1"]}
            await session.send_message("Still there?")
            await until(session, "agent_end")
            await session.approve_tool_call("c")
            await until(session, "agent_end")
            assert (await outputs(stage))["c"] == ["paid 5"]
            assert creates(stage) == 4


async def test_ordered_calls_do_not_wait_for_an_approval(autojump_clock: Clock) -> None:
    """Also when calls keep their order."""
    calls = [PAY, CallFunction("slow", {"seconds": 1}, call_id="d")]
    async with open_stage(responder=calling(*calls)) as stage:
        config = {"async_tool_calls": False}
        async with await stage.session(agent_with(paying(), slow), config) as session:
            await session.send_message("Go")
            await until(session, "tool_end")
            assert (await outputs(stage)) == {"d": ["slept 1"]}
            await session.approve_tool_call("c")
            await until(session, "tool_end")
            assert (await outputs(stage))["c"] == ["paid 5"]


async def test_rejection_texts(autojump_clock: Clock) -> None:
    """A message of the application, a formatter's, or the default; `tool_end`, no `tool_start`."""

    def formatter(args: ToolErrorFormatterArgs) -> str | None:
        return f"{args.tool_name}: no" if args.tool_name == "pay" else None

    cases: list[tuple[dict[str, Any], str | None, str]] = [
        ({}, None, "Tool execution was not approved."),
        ({}, "Too much.", "Too much."),
        ({"tool_error_formatter": formatter}, None, "pay: no"),
        ({"tool_error_formatter": lambda _args: None}, None, "Tool execution was not approved."),
    ]
    for config, message, expected in cases:
        async with open_stage(responder=calling(PAY)) as stage:
            async with await stage.session(agent_with(paying()), config) as session:
                await session.send_message("Go")
                await waiting(session)
                await session.reject_tool_call("c", rejection_message=message)
                events = await until(session, "tool_end")
                assert (await outputs(stage)) == {"c": [expected]}
                assert "tool_start" not in kinds(events)


async def test_always(autojump_clock: Clock) -> None:
    """Approved or rejected for good: later calls of the tool are not asked about."""

    def respond(turn: Turn) -> Reply:
        return CallFunction("pay", {"amount": turn.number}, call_id=f"c{turn.number}")

    async with open_stage(responder=respond) as stage:
        async with await stage.session(agent_with(paying())) as session:
            await session.send_message("Go")
            await waiting(session)
            await session.approve_tool_call("c0", always=True)
            await until(session, "tool_end", 3)
            assert (await outputs(stage))["c2"] == ["paid 2"]
    async with open_stage(responder=respond) as stage:
        async with await stage.session(agent_with(paying())) as session:
            await session.send_message("Go")
            await waiting(session)
            await session.reject_tool_call("c0", always=True, rejection_message="Never.")
            await until(session, "tool_end", 3)
            assert (await outputs(stage))["c2"] == ["Never."]


async def test_unknown_approvals_are_errors(autojump_clock: Clock) -> None:
    """Also a second decision on the same call."""
    async with open_stage(responder=calling(PAY)) as stage:
        async with await stage.session(agent_with(paying())) as session:
            with pytest.raises(UserError, match="'nope'.*none"):
                await session.approve_tool_call("nope")
            await session.send_message("Go")
            await waiting(session)
            with pytest.raises(UserError, match="waiting: 'c'"):
                await session.reject_tool_call("d")
            await session.approve_tool_call("c")
            with pytest.raises(UserError):
                await session.reject_tool_call("c")


async def test_approval_timeout(autojump_clock: Clock) -> None:
    """Nobody decides: rejected after the limit; a decision in time stops the clock."""
    config = {"tool_execution": {"approval_timeout": 30.0}}
    async with open_stage(responder=calling(PAY)) as stage:
        async with await stage.session(agent_with(paying()), config) as session:
            await session.send_message("Go")
            await until(session, "tool_end")
            assert (await outputs(stage)) == {"c": ["Nobody approved the call within 30 seconds."]}
    async with open_stage(responder=calling(PAY)) as stage:
        async with await stage.session(agent_with(paying()), config) as session:
            await session.send_message("Go")
            await waiting(session)
            await session.approve_tool_call("c")
            await trio.sleep(60)
            assert (await outputs(stage)) == {"c": ["paid 5"]}


async def test_an_approval_pending_at_the_end_is_answered(autojump_clock: Clock) -> None:
    """Closing answers it, once."""
    async with open_stage(responder=calling(PAY)) as stage:
        async with await stage.session(agent_with(paying())) as session:
            await session.send_message("Go")
            await waiting(session)
        assert (await outputs(stage)) == {"c": ["The tool was cancelled."]}


async def test_needs_approval_as_a_function(autojump_clock: Clock) -> None:
    """Asked with the arguments; what it raises is handled as the tool's failure."""

    def expensive(_ctx: object, arguments: dict[str, Any], _call_id: str) -> bool:
        if arguments["amount"] < 0:
            raise ValueError("negative")
        return bool(arguments["amount"] > 10)

    @function_tool(needs_approval=expensive)
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    calls = [CallFunction("pay", {"amount": n}, call_id=f"c{n}") for n in (1, 20, -1)]
    async with open_stage(responder=calling(*calls)) as stage:
        async with await stage.session(agent_with(pay)) as session:
            await session.send_message("Go")
            assert await waiting(session) == ["c20"]
            await until(session, "tool_end")
            assert (await outputs(stage))["c1"] == ["paid 1"]
            assert "error occurred" in (await outputs(stage))["c-1"][0]


# -- guardrails of tools -----------------------------------------------------------------------


@tool_input_guardrail(name="small")
async def small_only(data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
    if "99" in data.context.tool_arguments:
        return ToolGuardrailFunctionOutput.raise_exception()
    if "50" in data.context.tool_arguments:
        return ToolGuardrailFunctionOutput.reject_content("Too much.")
    return ToolGuardrailFunctionOutput.allow()


@tool_output_guardrail(name="clean")
def clean_only(data: ToolOutputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
    if data.output == "paid 7":
        return ToolGuardrailFunctionOutput.reject_content("Hidden.")
    if data.output == "paid 8":
        return ToolGuardrailFunctionOutput.raise_exception()
    return ToolGuardrailFunctionOutput.allow()


@pytest.mark.parametrize(("amount", "expected"), [(5, "paid 5"), (50, "Too much."), (7, "Hidden.")])
async def test_tool_guardrails(amount: int, expected: str, autojump_clock: Clock) -> None:
    """They let through, or give the model something else."""

    @function_tool(tool_input_guardrails=[small_only], tool_output_guardrails=[clean_only])
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    call = CallFunction("pay", {"amount": amount}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(pay)) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            assert (await outputs(stage)) == {"c": [expected]}


@pytest.mark.parametrize(
    ("amount", "error"),
    [(99, ToolInputGuardrailTripwireTriggered), (8, ToolOutputGuardrailTripwireTriggered)],
)
async def test_tool_guardrails_that_raise(
    amount: int, error: type[Exception], autojump_clock: Clock
) -> None:
    """They end the session with their error, and the call is answered."""

    @function_tool(tool_input_guardrails=[small_only], tool_output_guardrails=[clean_only])
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    call = CallFunction("pay", {"amount": amount}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        async with await stage.session(agent_with(pay)) as session:
            await session.send_message("Go")
            with pytest.raises(error):
                await until(session, "agent_end", 2)
        assert len((await outputs(stage))["c"]) == 1


async def test_pre_approval_guardrails(autojump_clock: Clock) -> None:
    """They refuse before a human is asked, and run again before the tool does."""
    seen: list[str] = []

    @tool_input_guardrail
    async def count(data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        seen.append(data.context.tool_call_id)
        return await small_only.run(data)

    config = {"tool_execution": {"pre_approval_tool_input_guardrails": True}}
    calls = [CallFunction("pay", {"amount": n}, call_id=f"c{n}") for n in (5, 50)]
    async with open_stage(responder=calling(*calls)) as stage:
        tool = paying(tool_input_guardrails=[count])
        async with await stage.session(agent_with(tool), config) as session:
            await session.send_message("Go")
            assert await waiting(session) == ["c5"]
            await until(session, "tool_end")
            assert (await outputs(stage)) == {"c50": ["Too much."]}
            await session.approve_tool_call("c5")
            await until(session, "tool_end", 1)
            assert sorted(seen) == ["c5", "c5", "c50"]


async def test_pre_approval_guardrail_may_end_the_session(autojump_clock: Clock) -> None:
    """``raise_exception`` counts before the approval as well."""
    config = {"tool_execution": {"pre_approval_tool_input_guardrails": True}}
    call = CallFunction("pay", {"amount": 99}, call_id="c")
    async with open_stage(responder=calling(call)) as stage:
        tool = paying(tool_input_guardrails=[small_only])
        async with await stage.session(agent_with(tool), config) as session:
            await session.send_message("Go")
            with pytest.raises(ToolInputGuardrailTripwireTriggered):
                await until(session, "agent_end", 2)


# -- hosted MCP servers ---------------------------------------------------------------------------


async def test_hosted_mcp_tools_and_their_approvals(autojump_clock: Clock) -> None:
    """They are declared in the session's settings; the model's request is an event, the answer an
    item."""
    tool = HostedMCPTool(
        server_label="docs", server_url="https://example.com/mcp", require_approval="always"
    )
    agent = RealtimeAgent[Any]("A", tools=[tool])
    async with open_stage() as stage, await stage.session(agent, {"events": "all"}) as session:
        await settle()
        (update,) = stage.server.received_of("session.update")
        (declared,) = update["session"]["tools"]
        assert (declared["type"], declared["server_label"]) == ("mcp", "docs")
        await stage.server.send(
            {
                "type": "response.output_item.done",
                "event_id": "e",
                "response_id": "r",
                "output_index": 0,
                "item": {
                    "id": "mcpr_1",
                    "type": "mcp_approval_request",
                    "server_label": "docs",
                    "name": "search",
                    "arguments": "{}",
                },
            }
        )
        event = (await until(session, "mcp_approval_required"))[-1]
        assert isinstance(event, RealtimeMcpApprovalRequired)
        assert (event.request_id, event.server_label, event.name) == ("mcpr_1", "docs", "search")
        await session.answer_mcp_approval("mcpr_1", approve=True)
        await session.answer_mcp_approval("mcpr_1", approve=False, reason="too late")
        await settle()
        items = [e["item"] for e in stage.server.received_of("conversation.item.create")]
        assert [(i["approve"], i.get("reason")) for i in items] == [
            (True, None),
            (False, "too late"),
        ]
        assert {i["approval_request_id"] for i in items} == {"mcpr_1"}


async def test_statistics(autojump_clock: Clock) -> None:
    """A session in numbers, at any time."""
    calls = [PAY, CallFunction("slow", {"seconds": 100}, call_id="d")]
    async with open_stage(responder=calling(*calls)) as stage:
        session = await stage.session(agent_with(paying(), slow))
        assert session.statistics().history_items == 0
        async with session:
            await session.send_message("Go")
            await trio.sleep(20)
            now = session.statistics()
            assert (now.tools_running, now.approvals_waiting) == (1, 1)
            assert now.events_unread > 5
            assert (now.history_items, now.speaking) == (3, False)
