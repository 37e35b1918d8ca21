"""Opening, closing, failing: what a session promises about its ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from support_sessions import REACH, Stage, kinds, open_stage, settle, until

from trio_realtime import (
    AssistantMessageItem,
    EventBufferOverflow,
    RealtimeAgent,
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeModel,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSessionClosed,
    RealtimeSessionEvent,
    UserError,
    function_tool,
)
from trio_realtime.models.events import RealtimeModelEvent
from trio_realtime.models.inputs import RealtimeModelSendAudio
from trio_realtime.models.interface import RealtimeConnection
from trio_realtime.testing.simulator import CallFunction, RealtimeSimulator, Turn


class Boom(Exception):
    """The application's own."""


async def test_async_with_opens_and_closes(autojump_clock: trio.testing.MockClock) -> None:
    """Inside the block the session works; after it the server was told goodbye."""
    async with open_stage() as stage:
        async with await stage.session() as session:
            await session.send_message("Hello")
            await until(session, "agent_end")
        assert stage.server.close_code == 1000


async def test_run_in_a_nursery_of_the_caller(autojump_clock: trio.testing.MockClock) -> None:
    """`nursery.start(session.run)` gives the open session; `aclose` ends `run`."""
    async with open_stage() as stage, trio.open_nursery() as nursery:
        session = await nursery.start((await stage.session()).run)
        await session.send_message("Hello")
        await until(session, "agent_end")
        await session.aclose()
        assert not nursery.child_tasks


async def test_aclose_is_idempotent_and_ends_iteration(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A second close returns; a waiting consumer's loop ends without an error."""
    seen: list[str] = []

    async with open_stage() as stage, await stage.session() as session:

        async def consume() -> None:
            async for event in session:
                seen.append(event.type)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume)
            await settle()
            await session.aclose()
            await session.aclose()
        assert seen[0] == "history_updated"
        await session.wait_closed()


async def test_a_session_that_was_never_opened_can_be_closed() -> None:
    """Closing it does nothing, and using it is an error that says how to open it."""
    async with open_stage() as stage:
        session = await stage.session()
        await session.aclose()
        with pytest.raises(RealtimeSessionClosed, match="async with session"):
            await session.send_message("Hello")
        assert len(session.history) == 0
        assert session.current_agent.name == "Assistant"


async def test_a_session_runs_once(autojump_clock: trio.testing.MockClock) -> None:
    """Opening it again is the caller's error."""
    async with open_stage() as stage:
        session = await stage.session()
        async with session:
            pass
        with pytest.raises(UserError, match="once"):
            async with session:
                pytest.fail("opened twice")


USES: dict[str, Callable[[Any], Awaitable[object]]] = {
    "send_message": lambda s: s.send_message("x"),
    "send_audio": lambda s: s.send_audio(b"\0\0"),
    "commit_audio": lambda s: s.commit_audio(),
    "clear_audio": lambda s: s.clear_audio(),
    "interrupt": lambda s: s.interrupt(),
    "create_response": lambda s: s.create_response(),
    "update_agent": lambda s: s.update_agent(RealtimeAgent("B")),
    "send_raw": lambda s: s.send_raw({"type": "input_audio_buffer.clear"}),
    "approve_tool_call": lambda s: s.approve_tool_call("c"),
    "reject_tool_call": lambda s: s.reject_tool_call("c"),
}


@pytest.mark.parametrize("name", USES)
async def test_using_a_closed_session(name: str, autojump_clock: trio.testing.MockClock) -> None:
    """Every method raises the closed error, not an assertion and not a broken socket."""
    async with open_stage() as stage, await stage.session() as session:
        await session.aclose()
        with pytest.raises(RealtimeSessionClosed, match="is over"):
            await USES[name](session)


async def test_receive_after_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """`receive` gives what was buffered, then says that it is over."""
    async with open_stage() as stage, await stage.session() as session:
        assert (await session.receive()).type == "history_updated"
        await session.aclose()
        with pytest.raises(RealtimeSessionClosed, match="is over"):
            while True:
                await session.receive()


# -- exceptions of the application ----------------------------------------------------


async def test_the_blocks_exception_leaves_unchanged(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The same object, in no group, and the connection is closed behind it."""
    boom = Boom()
    async with open_stage() as stage:
        with pytest.raises(Boom) as caught:
            async with await stage.session():
                raise boom
        assert caught.value is boom
        assert stage.server.close_code == 1000


async def test_a_group_of_the_application_is_not_rebuilt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An ExceptionGroup the block raises is the object that arrives."""
    group = ExceptionGroup("mine", [Boom(), ValueError()])
    async with open_stage() as stage:
        with pytest.raises(ExceptionGroup) as caught:
            async with await stage.session():
                raise group
        assert caught.value is group


async def test_base_exceptions_pass(autojump_clock: trio.testing.MockClock) -> None:
    """Also those that are no Exception."""
    stop = KeyboardInterrupt()
    async with open_stage() as stage:
        with pytest.raises(KeyboardInterrupt) as caught:
            async with await stage.session():
                raise stop
        assert caught.value is stop


async def test_cancelling_from_outside(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled is not swallowed, and the goodbye is still said."""
    async with open_stage() as stage:
        with trio.move_on_after(1) as scope:
            async with await stage.session():
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert stage.server.close_code == 1000


async def test_the_blocks_exception_wins_over_a_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """When both fail, the application's exception is raised."""
    async with open_stage() as stage:
        with pytest.raises(Boom):
            async with await stage.session() as session:
                await stage.server.drop()
                await session.wait_closed()
                raise Boom


# -- failures of the session -----------------------------------------------------------


async def test_buffered_events_come_before_the_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A drop is raised from the iteration, after all that had arrived, and once only."""
    async with open_stage() as stage, await stage.session() as session:
        await session.send_message("Hello")
        await trio.sleep(60)
        await stage.server.drop()
        await session.wait_closed()
        seen: list[RealtimeSessionEvent] = []
        with pytest.raises(RealtimeConnectionClosed) as caught:
            async for event in session:
                seen.append(event)
        assert caught.value.code == 1006
        assert kinds(seen)[-1] == "agent_end"
        assert [event async for event in session] == []


async def test_sending_on_a_failed_session(autojump_clock: trio.testing.MockClock) -> None:
    """It raises the closed error with the failure as its cause, which counts as seen."""
    async with open_stage() as stage, await stage.session() as session:
        await stage.server.drop()
        await session.wait_closed()
        with pytest.raises(RealtimeSessionClosed) as caught:
            await session.send_message("Hello")
        assert isinstance(caught.value.__cause__, RealtimeConnectionClosed)


async def test_a_failure_nobody_saw_is_raised_at_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A block that never looks still learns that its session failed."""
    async with open_stage() as stage:
        with pytest.raises(RealtimeConnectionClosed):
            async with await stage.session() as session:
                await stage.server.drop()
                await session.wait_closed()


async def test_run_raises_a_failure_nobody_is_there_to_see(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """In the caller's nursery an unread failure crashes that nursery, as tasks do."""
    async with open_stage() as stage:
        with pytest.RaisesGroup(RealtimeConnectionClosed):
            async with trio.open_nursery() as nursery:
                made = await stage.session(config={"events": ["history_updated"]})
                session = await nursery.start(made.run)
                await until(session, "history_updated")  # so that none is left unread
                await stage.server.drop()
                await trio.sleep_forever()


async def test_run_leaves_a_failure_to_the_task_that_iterates(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A consumer gets it instead, and may handle it."""
    async with open_stage() as stage, trio.open_nursery() as nursery:
        session = await nursery.start((await stage.session()).run)
        nursery.start_soon(stage.server.drop)
        with pytest.raises(RealtimeConnectionClosed):
            async for _event in session:
                pass


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_clean_close_ends_without_error(
    code: int, autojump_clock: trio.testing.MockClock
) -> None:
    """The server's clean close ends the iteration; unread events are delivered first."""
    async with open_stage() as stage, await stage.session() as session:
        await session.send_message("Hello")
        await trio.sleep(60)
        await stage.server.close(code)
        assert kinds([event async for event in session])[-1] == "agent_end"


async def test_another_close_code_is_a_failure(autojump_clock: trio.testing.MockClock) -> None:
    """With the code and the reason the server gave."""
    async with open_stage() as stage, await stage.session() as session:
        await stage.server.close(1011, "out of cheese")
        with pytest.raises(RealtimeConnectionClosed) as caught:
            await until(session, "agent_end")
        assert (caught.value.code, caught.value.reason) == (1011, "out of cheese")


async def test_the_server_ends_a_session_after_an_hour(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Closed with 1001, which is a clean end."""
    async with open_stage() as stage, await stage.session() as session:
        async for _event in session:
            pass
        assert trio.current_time() >= 3600


async def test_an_unread_stream_fails_loudly(autojump_clock: trio.testing.MockClock) -> None:
    """The failure names the setting, and arrives after what was buffered."""
    async with (
        open_stage() as stage,
        await stage.session(config={"event_buffer_size": 5}) as session,
    ):
        await session.send_message("Hello")
        await session.wait_closed()
        seen = 0
        with pytest.raises(EventBufferOverflow, match="event_buffer_size"):
            async for _event in session:
                seen += 1
        assert seen == 6


async def test_nothing_is_opened_when_the_server_refuses(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A wrong key: the typed error, and a session that stays closed."""
    async with open_stage(api_key="sk-right") as stage:
        session = await stage.session()
        with pytest.raises(RealtimeConnectionError) as caught:
            async with session:
                pytest.fail("opened")
        assert getattr(caught.value, "code", None) == "invalid_api_key"
        assert "sk-test" not in repr(caught.value)
        with pytest.raises(RealtimeSessionClosed):
            await session.send_message("x")


# -- closing from inside -----------------------------------------------------------------


def one_call(turn: Turn) -> Any:
    if turn.tool_outputs:
        return "Done."
    return CallFunction("finish", "{}")


async def test_a_tool_may_close_the_session(autojump_clock: trio.testing.MockClock) -> None:
    """`aclose` from a tool cancels the tool, which is answered, and everything ends."""
    reached: list[str] = []

    @function_tool
    async def finish() -> str:
        """End it."""
        try:
            await session.aclose()
        finally:
            reached.append("cancelled")
        pytest.fail("aclose returned in a task of the session")

    async with open_stage(responder=one_call) as stage:
        session = await stage.session(RealtimeAgent("A", tools=[finish]))
        async with session:
            await session.send_message("Bye")
            await session.wait_closed()
        assert reached == ["cancelled"]
        outputs = [
            event["item"]["output"]
            for event in stage.server.received_of("conversation.item.create")
            if event["item"]["type"] == "function_call_output"
        ]
        assert outputs == ["The tool was cancelled."]


async def test_two_hundred_sessions_of_one_runner(autojump_clock: trio.testing.MockClock) -> None:
    """One runner, one model, one simulator: each session has a conversation of its own."""
    answers: list[str] = []
    async with open_stage() as stage:
        runner: RealtimeRunner[Any] = stage.runner()

        async def converse(number: int) -> None:
            async with await runner.run(model_config=REACH) as session:
                await session.send_message(f"Number {number}")
                await until(session, "agent_end")
                answer = session.history[-1]
                assert isinstance(answer, AssistantMessageItem)
                answers.append(answer.text)

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(converse, number)
        assert sorted(answers) == sorted(f"You wrote: Number {n}" for n in range(200))
        assert {connection.close_code for connection in stage.simulator.connections} == {1000}


# -- between the connection's end and the session's ---------------------------------------


@attrs.define
class Ending(RealtimeConnection):
    """Ends when it is told, and refuses audio."""

    ends: trio.Event = attrs.field(factory=trio.Event)

    async def send(self, input: object) -> None:
        if isinstance(input, RealtimeModelSendAudio):
            raise LookupError("no audio here")

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self

    async def __anext__(self) -> RealtimeModelEvent:
        await self.ends.wait()
        raise StopAsyncIteration


@attrs.define
class SlowGoodbye(RealtimeModel):
    """A model that takes a second to connect, and a second to say goodbye."""

    connection: Ending = attrs.field(factory=Ending)

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[RealtimeConnection]:
        await trio.sleep(1)
        yield self.connection
        with trio.CancelScope(shield=True):
            await trio.sleep(1)


async def test_a_session_is_over_when_its_connection_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Not only when the goodbye is said: what is sent meanwhile would be lost."""
    model = SlowGoodbye()
    runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent("A"), model=model)
    async with await runner.run() as session:
        model.connection.ends.set()
        await trio.sleep(0.5)
        with pytest.raises(RealtimeSessionClosed):
            await session.send_message("Hello")
        assert session._parts is not None
        # News of an MCP server may want a task until the very end.
        session._parts.core.start_task(trio.lowlevel.checkpoint)


async def test_opening_a_session_twice_leaves_the_first_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_stage() as stage, await stage.session() as session:
        with pytest.raises(UserError, match="runs once"):
            async with session:
                raise AssertionError("opened")
        await session.send_message("Hello")
        await until(session, "agent_end")


async def test_early_audio_that_a_model_refuses_fails_the_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent("A"), model=SlowGoodbye())
    session = await runner.run()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def speak() -> None:
            await trio.sleep(0.5)
            await session.send_audio(bytes(4800))

        async with session:
            with pytest.raises(LookupError, match="no audio here"):
                async for _event in session:
                    pass


# -- cancellation, everywhere --------------------------------------------------------------


async def a_whole_conversation(stage: Stage) -> None:
    async with await stage.session() as session:
        await session.send_message("Hello")
        await until(session, "agent_end")


async def test_cancelling_at_every_checkpoint(autojump_clock: trio.testing.MockClock) -> None:
    """Opening, a turn and closing, cancelled at the nth step for every n: no task and no socket
    is left, and the simulator sees every connection end."""
    walked = 0
    while True:
        async with open_stage(RealtimeSimulator(speed=float("inf"))) as stage:
            before = trio.lowlevel.current_statistics().tasks_living
            finished = await run_for_steps(walked, a_whole_conversation, stage)
            await trio.sleep(5)
            assert trio.lowlevel.current_statistics().tasks_living == before
            assert all(c.close_code is not None for c in stage.simulator.connections)
        if finished:
            break
        walked += 1
    assert walked > 20


async def run_for_steps(
    steps: int, function: Callable[[Stage], Awaitable[None]], stage: Stage
) -> bool:
    """Run ``function``, cancelled after its task was scheduled ``steps`` times. True if it was
    over before."""
    finished = False

    class Counter(trio.abc.Instrument):
        left = steps

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            if task is me:
                self.left -= 1
                if self.left < 0:
                    scope.cancel()

    me = trio.lowlevel.current_task()
    counter = Counter()
    with trio.CancelScope() as scope:
        trio.lowlevel.add_instrument(counter)
        try:
            await function(stage)
            finished = True
        finally:
            trio.lowlevel.remove_instrument(counter)
    return finished and not scope.cancelled_caught


async def test_no_words_in_reprs(autojump_clock: trio.testing.MockClock) -> None:
    """A session that ends up in a log tells who spoke, and not what was said."""
    async with open_stage() as stage:
        session = await stage.session()
        assert repr(session) == "<RealtimeSession of agent 'Assistant', not open>"
        async with session:
            await session.send_message("my secret")
            await until(session, "agent_end")
            assert repr(session) == "<RealtimeSession of agent 'Assistant', open>"
            assert "secret" not in repr(session.history)
        assert repr(session) == "<RealtimeSession of agent 'Assistant', over>"
        assert repr(stage.runner()) == "<RealtimeRunner of agent 'Assistant'>"
        assert stage.runner(config={"events": "all"}).config.events == "all"
