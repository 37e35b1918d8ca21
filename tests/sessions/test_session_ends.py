"""How sessions end: whose exception comes out, who learns of a failure, and how long it takes."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from support_sessions import open_stage

from trio_realtime import (
    EventBufferOverflow,
    RealtimeAgent,
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    SettingsError,
    UserError,
    function_tool,
    input_guardrail,
    output_guardrail,
    realtime_handoff,
)
from trio_realtime.models.events import RealtimeModelDtmfEvent
from trio_realtime.models.inputs import RealtimeModelInput, RealtimeModelSendToolOutput
from trio_realtime.models.model_config import RealtimeModelConfig
from trio_realtime.testing import (
    FakeConnection,
    FakeRealtimeModel,
    builders,
    cancel_at_each_checkpoint,
)

Clock = trio.testing.MockClock


class Boom(Exception):
    """The application's own."""


async def fake_session(
    agent: RealtimeAgent[Any] | None = None,
    model: FakeRealtimeModel | None = None,
    **config: Any,
) -> RealtimeSession[Any]:
    """A session with the fake model, not yet open."""
    runner: RealtimeRunner[Any] = RealtimeRunner(
        agent or RealtimeAgent("A"), model=model or FakeRealtimeModel(), config=config
    )
    return await runner.run()


# -- the block's exception ---------------------------------------------------------------


OWN = [
    Boom("plain"),
    KeyboardInterrupt(),
    SystemExit(3),
    ExceptionGroup("the user's own", [Boom("one"), ValueError("two")]),
    ExceptionGroup("of one", [Boom("one")]),
    BaseExceptionGroup("base", [KeyboardInterrupt(), Boom("beside it")]),
]


@pytest.mark.parametrize("own", OWN, ids=repr)
async def test_the_exception_of_a_cancelled_block_comes_out_as_the_same_object(
    own: BaseException,
) -> None:
    """The scope around the block is cancelled already, as when a deadline has passed."""
    with trio.CancelScope() as scope, pytest.raises(type(own)) as caught:
        async with await fake_session():
            scope.cancel()
            raise own
    assert caught.value is own


@attrs.define
class SlowGoodbye(FakeRealtimeModel):
    """A fake model whose goodbye takes a second, also when cancelled."""

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[FakeConnection]:
        async with FakeRealtimeModel.connect(self, config) as connection:
            try:
                yield connection
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)


@pytest.mark.parametrize("own", OWN, ids=repr)
async def test_the_exception_comes_out_when_closing_is_cancelled(
    own: BaseException, autojump_clock: Clock
) -> None:
    """A deadline of the application's passes while the goodbye is said."""
    with trio.move_on_after(0.5) as scope, pytest.raises(type(own)) as caught:
        async with await fake_session(model=SlowGoodbye()):
            raise own
    assert caught.value is own
    assert scope.cancel_called
    assert trio.current_time() == 1


@pytest.mark.parametrize("own", OWN, ids=repr)
async def test_the_exception_comes_out_wherever_a_cancellation_arrives(own: BaseException) -> None:
    """Cancelled at each checkpoint of opening, talking and closing."""

    async def talk() -> None:
        async with await fake_session() as session:
            await session.send_message("Hello")
            await session.receive()
            raise own

    assert await cancel_at_each_checkpoint(talk, raises=own) > 10


@pytest.mark.parametrize("own", OWN, ids=repr)
async def test_the_exception_comes_out_of_a_closing_connection(
    own: BaseException, autojump_clock: Clock
) -> None:
    """The same with a WebSocket, whose goodbye has more steps."""
    async with open_stage(speed=math.inf) as with_server:

        async def talk() -> None:
            async with await with_server.session() as session:
                await session.send_message("Hello")
                raise own

        assert await cancel_at_each_checkpoint(talk, raises=own) > 20


async def test_cancelling_while_closing_is_a_cancellation(autojump_clock: Clock) -> None:
    """A block that raised nothing: the scope catches its own cancellation."""
    with trio.move_on_after(0.5) as scope:
        async with await fake_session(model=SlowGoodbye()):
            pass
    assert scope.cancelled_caught


async def test_a_group_with_a_cancellation_keeps_its_exception(autojump_clock: Clock) -> None:
    """A nursery inside the block is cancelled from outside, and a task of it fails meanwhile."""
    own = Boom("the task's")

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise own

    with pytest.RaisesGroup(Boom), trio.move_on_after(1):
        async with await fake_session(), trio.open_nursery() as nursery:
            nursery.start_soon(task)
            await trio.sleep_forever()


# -- who learns of a failure -------------------------------------------------------------


def drop(model: FakeRealtimeModel) -> type[Exception]:
    model.drop()
    return RealtimeConnectionClosed


def overflow(model: FakeRealtimeModel) -> type[Exception]:
    model.emit([RealtimeModelDtmfEvent(key="1")] * 30)
    return EventBufferOverflow


FAILURES = [drop, overflow]
Fail = Callable[[FakeRealtimeModel], type[Exception]]
SMALL: dict[str, Any] = {"event_buffer_size": 20, "events": "all"}


@pytest.mark.parametrize("fail", FAILURES)
async def test_run_raises_a_failure_when_events_are_unread(fail: Fail) -> None:
    """Nobody has ever read an event, so nobody will be given the failure."""
    model = FakeRealtimeModel()
    expected: list[type[Exception]] = []
    with pytest.RaisesGroup(TrioErrors(expected)):
        async with trio.open_nursery() as nursery:
            session = await nursery.start((await fake_session(model=model, **SMALL)).run)
            expected.append(fail(model))
            await session.wait_closed()


def TrioErrors(expected: list[type[Exception]]) -> Any:  # noqa: N802 - reads like a class
    """An exception of the type that is known by then."""
    return pytest.RaisesExc(check=lambda exc: type(exc) is expected[0])


@pytest.mark.parametrize("fail", FAILURES)
async def test_run_raises_a_failure_when_the_reader_has_stopped(
    fail: Fail, autojump_clock: Clock
) -> None:
    """A task has read an event and does not come back: it is not waited for for ever."""
    model = FakeRealtimeModel()
    expected: list[type[Exception]] = []
    with pytest.RaisesGroup(TrioErrors(expected)):
        async with trio.open_nursery() as nursery:
            session = await nursery.start((await fake_session(model=model, **SMALL)).run)
            async for _event in session:
                break
            expected.append(fail(model))
            await trio.sleep_forever()
    assert 0 < trio.current_time() < 30


@pytest.mark.parametrize("fail", FAILURES)
async def test_run_leaves_a_failure_to_a_reader_that_is_busy(
    fail: Fail, autojump_clock: Clock
) -> None:
    """It is handling an event when the session fails; it reads on, and gets the failure."""
    model = FakeRealtimeModel()
    async with trio.open_nursery() as nursery:
        session = await nursery.start((await fake_session(model=model, **SMALL)).run)
        with pytest.raises((RealtimeConnectionError, EventBufferOverflow)) as caught:
            async for event in session:
                if event.type == "history_updated":
                    expected = fail(model)
                    await trio.sleep(3)
        assert type(caught.value) is expected


async def test_looking_at_a_failed_session_tells_nobody() -> None:
    """Its repr, statistics and history leave the failure to be raised at the end of the block."""
    model = FakeRealtimeModel()
    with pytest.raises(RealtimeConnectionClosed):
        async with await fake_session(model=model) as session:
            model.drop()
            await session.wait_closed()
            assert "over" in repr(session)
            session.statistics()
            assert len(session.history) == 0


async def test_a_failure_that_a_method_told_is_not_raised_again() -> None:
    """It was the cause of what the method raised."""
    model = FakeRealtimeModel()
    async with await fake_session(model=model) as session:
        model.drop()
        await session.wait_closed()
        with pytest.raises(RealtimeSessionClosed) as caught:
            await session.send_message("Hello")
        assert isinstance(caught.value.__cause__, RealtimeConnectionClosed)
        assert [event.type async for event in session][-1] == "history_updated"


# -- sessions that are not open ----------------------------------------------------------


async def iterate(session: RealtimeSession[Any]) -> None:
    async for _event in session:
        pass


WAITS: dict[str, Callable[[RealtimeSession[Any]], Awaitable[object]]] = {
    "iterating": iterate,
    "receive": lambda session: session.receive(),
    "wait_closed": lambda session: session.wait_closed(),
    "send_audio": lambda session: session.send_audio(b"\0\0"),
}


@pytest.mark.parametrize("name", WAITS)
async def test_waiting_on_a_session_that_was_never_opened(name: str) -> None:
    """The beginner's mistake gets an error that says what to do."""
    session = await fake_session()
    with pytest.raises(RealtimeSessionClosed, match="use `async with session:`"):
        await WAITS[name](session)


@pytest.mark.parametrize("how", ["block", "run"])
async def test_a_session_closed_before_it_was_opened_stays_closed(how: str) -> None:
    """Its opener learns that it comes too late, and waiting for its end is over at once."""
    session = await fake_session()
    await session.aclose()
    await session.wait_closed()
    assert [event async for event in session] == []
    with pytest.raises(UserError, match="once"):
        await (session.__aenter__() if how == "block" else session.run())


async def test_a_session_that_could_not_connect_is_over() -> None:
    """Its methods say so, and waiting for its end, or closing it, returns at once."""
    model = FakeRealtimeModel()
    model.fail_next_connect(RealtimeConnectionError("unreachable"))
    session = await fake_session(model=model)
    with pytest.raises(RealtimeConnectionError, match="unreachable"):
        async with session:
            raise AssertionError("opened")
    assert repr(session) == "<RealtimeSession of agent 'A', over>"
    for name, use in WAITS.items():
        if name not in {"iterating", "wait_closed"}:
            with pytest.raises(RealtimeSessionClosed, match="is over"):
                await use(session)
    with trio.fail_after(1):
        await session.aclose()
        await session.wait_closed()
        await iterate(session)


def with_slow_instructions() -> tuple[RealtimeAgent[Any], FakeRealtimeModel]:
    async def never(*_: object) -> str:
        await trio.sleep(math.inf)
        return ""

    return RealtimeAgent("A", instructions=never), FakeRealtimeModel()


@attrs.define
class NeverConnects(FakeRealtimeModel):
    """A fake model that cannot be reached and never says so."""

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[FakeConnection]:
        await trio.sleep(math.inf)
        yield FakeConnection(config, 1, True)


def with_a_server_that_hangs() -> tuple[RealtimeAgent[Any], FakeRealtimeModel]:
    return RealtimeAgent("A"), NeverConnects()


HANGING = [with_slow_instructions, with_a_server_that_hangs]
Hanging = Callable[[], tuple[RealtimeAgent[Any], FakeRealtimeModel]]


@pytest.mark.parametrize("hanging", HANGING)
@pytest.mark.parametrize("how", ["block", "start", "start_soon"])
async def test_aclose_ends_an_opening(hanging: Hanging, how: str, autojump_clock: Clock) -> None:
    """At once, and whoever waits for the opening hears that it will not come."""
    session = await fake_session(*hanging())
    outcome: list[object] = []

    async def open_it() -> None:
        try:
            if how == "block":
                await session.__aenter__()
            elif how == "start":
                async with trio.open_nursery() as inner:
                    await inner.start(session.run)
            else:
                await session.run()
            outcome.append("returned")
        except* RealtimeSessionClosed as group:
            outcome.append(str(group.exceptions[0]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_it)
        await trio.testing.wait_all_tasks_blocked()
        await session.aclose()
    assert trio.current_time() == 0
    closed = "the session is over, and was never open; open one with `async with session:`"
    assert outcome == ["returned" if how == "start_soon" else closed]


async def test_aclose_from_the_instructions_function_ends_the_opening() -> None:
    """It cancels its caller, as from every task of the session's own; nothing deadlocks."""
    reached: list[str] = []

    async def instructions(*_: object) -> str:
        try:
            await session.aclose()
        finally:
            reached.append("cancelled")
        raise AssertionError("aclose returned in the session's own task")

    session = await fake_session(RealtimeAgent("A", instructions=instructions))
    with pytest.raises(RealtimeSessionClosed):
        async with session:
            raise AssertionError("opened")
    assert reached == ["cancelled"]


def test_outside_trio_the_error_names_trio_run() -> None:
    """Under asyncio a session cannot be opened, and says how it can."""

    async def enter() -> None:
        async with await fake_session():
            raise AssertionError("opened")

    async def run() -> None:
        await (await fake_session()).run()

    for attempt in (enter, run):
        with pytest.raises(UserError, match=r"trio\.run"):
            asyncio.run(attempt())


# -- exceptions of hooks and guardrails --------------------------------------------------


class AtTheAgentsStart(RealtimeRunHooks[Any]):
    """Raises when a response begins."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    async def on_agent_start(self, *_: Any) -> None:
        raise self.failure


class AtTheToolsEnd(RealtimeRunHooks[Any]):
    """Raises when a tool call has its output."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    async def on_tool_end(self, *_: Any) -> None:
        raise self.failure


@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay."""
    return "paid"


CALLED: dict[Callable[[Exception], RealtimeRunHooks[Any]], Any] = {
    AtTheAgentsStart: builders.spoken_response("r1", "i1", "hello"),
    AtTheToolsEnd: builders.tool_call("r1", "i1", "pay", "{}", call_id="c1"),
}
"""Hooks that raise, with what the model does for them to be called."""


@pytest.mark.parametrize("failure", [Boom("hook"), ExceptionGroup("the hook's own", [Boom("x")])])
@pytest.mark.parametrize("hooks", CALLED)
async def test_a_failing_hook_is_not_wrapped(
    hooks: Callable[[Exception], RealtimeRunHooks[Any]], failure: Exception, autojump_clock: Clock
) -> None:
    """Wherever it is called (here after an approval that expired), the same object comes out."""
    model = FakeRealtimeModel()
    session = await fake_session(
        RealtimeAgent("A", tools=[pay]),
        model,
        hooks=hooks(failure),
        tool_execution={"approval_timeout": 1},
    )
    with pytest.raises(type(failure)) as caught:
        async with session:
            model.emit(CALLED[hooks])
            await iterate(session)
    assert caught.value is failure


async def test_a_guardrail_that_exits_the_program_is_not_wrapped() -> None:
    """What is no `Exception` is the application's as well."""
    stop = SystemExit(3)

    @output_guardrail
    def check(*_: object) -> Any:
        raise stop

    @input_guardrail
    def listen(*_: object) -> Any:
        raise stop

    for config in ({"output_guardrails": [check]}, {"input_guardrails": [listen]}):
        model = FakeRealtimeModel()
        with pytest.raises(SystemExit) as caught:
            async with await fake_session(model=model, **config) as session:
                model.emit(builders.spoken_response("r1", "i1", "hello " * 30))
                await session.send_message("Hello")
                await iterate(session)
        assert caught.value is stop


@pytest.mark.parametrize("kind", ["output", "input"])
async def test_a_guardrail_without_its_decorator_is_refused_at_the_door(kind: str) -> None:
    """The error names the setting, the place in it, and the decorator."""

    def check(*_: object) -> None: ...

    with pytest.raises(SettingsError, match=f"@{kind}_guardrail") as caught:
        RealtimeRunner(RealtimeAgent("A"), config={f"{kind}_guardrails": [check]})
    assert caught.value.path == f"{kind}_guardrails[0]"


# -- a clean close -----------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001])
@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_clean_close_during_a_handoff_is_clean(
    code: int, seconds: float, autojump_clock: Clock
) -> None:
    """The new agent's settings cannot be sent any more, which is no failure of the session."""
    model, began = FakeRealtimeModel(), trio.Event()

    async def on_handoff(_context: Any) -> None:
        began.set()
        await trio.sleep(seconds)

    agent = RealtimeAgent(
        "A", handoffs=[realtime_handoff(RealtimeAgent("B"), on_handoff=on_handoff)]
    )
    async with await fake_session(agent, model) as session:
        model.emit(builders.tool_call("r1", "i1", "transfer_to_b", "{}", call_id="c1"))
        await began.wait()
        model.close(code)
        await iterate(session)


# -- one deadline for closing ------------------------------------------------------------


@attrs.define(eq=False)
class Deaf(FakeConnection):
    """A connection that takes no tool output: its server reads nothing any more."""

    async def send(self, input: RealtimeModelInput) -> None:
        if isinstance(input, RealtimeModelSendToolOutput):
            await trio.sleep_forever()
        await FakeConnection.send(self, input)


@attrs.define
class DeafServer(FakeRealtimeModel):
    """A fake model with such connections."""

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[FakeConnection]:
        connection = Deaf(config, len(self.connections) + 1, self.strict)
        self.connections.append(connection)
        try:
            yield connection
        finally:
            connection.leave()


@function_tool
async def stuck() -> str:
    """Never ends."""
    await trio.sleep(math.inf)
    return ""


@function_tool
async def quick() -> str:
    """Ends at once."""
    return "done"


@pytest.mark.parametrize("name", ["pay", "stuck", "quick"])
@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("how", ["aclose", "cancelled"])
async def test_closing_takes_one_timeout_for_any_number_of_calls(
    name: str, count: int, how: str, autojump_clock: Clock
) -> None:
    """They wait for an approval, run, or have an output that the server does not take."""
    model = DeafServer()
    session = await fake_session(
        RealtimeAgent("A", tools=[pay, stuck, quick]), model, close_timeout=0.5, events="all"
    )
    calls = [builders.call(f"i{n}", name, call_id=f"c{n}") for n in range(count)]
    lost: list[str] = []
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(session.run)
            model.emit(builders.tool_calls("r1", calls))
            await trio.sleep(7)  # nothing is given up while the session is open
            assert session.statistics().approvals_waiting == (count if name == "pay" else 0)
            if how == "cancelled":
                scope.cancel()
            else:
                await session.aclose()
    assert trio.current_time() == 7.5
    lost += [event.call_id async for event in session if event.type == "output_lost"]
    assert sorted(lost) == sorted(f"c{n}" for n in range(count))


async def test_an_output_waits_as_long_as_the_session_is_open(autojump_clock: Clock) -> None:
    """However short the time for closing is: the line may recover, and the output goes out."""
    model, recovers = FakeRealtimeModel(), trio.Event()

    @attrs.define(eq=False)
    class Stalled(FakeConnection):
        async def send(self, input: RealtimeModelInput) -> None:
            await recovers.wait()
            await FakeConnection.send(self, input)

    session = await fake_session(RealtimeAgent("A", tools=[quick]), model, close_timeout=0)
    async with session:
        stalled = Stalled(RealtimeModelConfig(), 2, True)
        session._link.replace(stalled)
        stalled.emit(builders.tool_call("r1", "i1", "quick", "{}", call_id="c1"))
        await trio.sleep(100)
        recovers.set()
        async for event in session:
            if event.type == "tool_end":
                break
        (sent, *_) = stalled.sent
        assert isinstance(sent, RealtimeModelSendToolOutput)
        assert sent.output == "done"


async def test_a_tool_that_ends_while_closing_asks_for_no_response(autojump_clock: Clock) -> None:
    """Nobody would hear it, and it costs money. Its output is sent all the same."""
    model = FakeRealtimeModel()

    @function_tool
    async def thorough() -> str:
        """Finish, even when cancelled."""
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return "finished"

    async with await fake_session(RealtimeAgent("A", tools=[thorough]), model):
        model.emit(builders.tool_call("r1", "i1", "thorough", "{}", call_id="c1"))
        await trio.testing.wait_all_tasks_blocked()
    (sent,) = model.connection.sent
    assert isinstance(sent, RealtimeModelSendToolOutput)
    assert (sent.output, sent.start_response) == ("finished", False)
