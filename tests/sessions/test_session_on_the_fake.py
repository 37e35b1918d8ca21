"""Sessions on the fake model: orders of events that no server can be made to send on time."""

from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime import (
    AssistantAudio,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeConnectionError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    UserError,
    function_tool,
)
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.sessions.phase import Phase
from trio_realtime.testing import (
    Delay,
    Emit,
    Expect,
    FakeRealtimeModel,
    call,
    cancel_at_each_checkpoint,
    spoken_response,
    tool_call,
    tool_calls,
)

Clock = trio.testing.MockClock


async def opened(
    fake: FakeRealtimeModel, agent: RealtimeAgent[Any] | None = None, **config: Any
) -> RealtimeSession[Any]:
    agent = agent if agent is not None else RealtimeAgent("A")
    return await RealtimeRunner(agent, model=fake, config=config).run(
        model_config={"api_key": "any"}
    )


async def test_a_scripted_turn() -> None:
    """What is expected comes, what is emitted arrives, and the script is through."""
    fake = FakeRealtimeModel(
        [
            Expect(inputs.RealtimeModelSendUserInput),
            Emit(*spoken_response("r", "i", "Good day.")),
        ]
    )
    async with await opened(fake) as session:
        await session.send_message("Hello")
        async for event in session:
            if event.type == "agent_end":
                break
        assert session.history[-1].content == (AssistantAudio(transcript="Good day."),)  # type: ignore[union-attr]
    fake.assert_complete()


async def test_a_tool_call_is_answered_with_an_input() -> None:
    """The output goes to the model the session was given, whatever model that is."""

    @function_tool
    async def double(number: int) -> int:
        """Double it."""
        return 2 * number

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[double])):
        fake.emit(*tool_call("r", "i", "double", '{"number": 4}', call_id="c"))
        sent = await fake.expect(inputs.RealtimeModelSendToolOutput)
        assert (sent.tool_call.call_id, sent.output, sent.start_response) == ("c", "8", True)


async def test_an_interruption_overtakes_what_is_unread() -> None:
    """A hundred pieces of audio wait; the interruption comes first, and none of them after."""
    fake = FakeRealtimeModel()
    async with await opened(fake) as session:
        audio = [
            model.RealtimeModelAudioEvent(
                data=bytes(4800), response_id="r", item_id="i", content_index=0
            )
            for _ in range(100)
        ]
        fake.emit(*audio)
        interrupted = model.RealtimeModelAudioInterruptedEvent(
            item_id="i", content_index=0, heard_ms=0
        )
        fake.emit(interrupted)
        await trio.testing.wait_all_tasks_blocked()
        assert (await session.receive()).type == "audio_interrupted"
        await session.aclose()
        assert not [event async for event in session if isinstance(event, RealtimeAudio)]


async def test_a_model_that_cannot_be_reached() -> None:
    """Its error comes out of opening, as it is."""
    fake = FakeRealtimeModel()
    error = RealtimeConnectionError("nobody there")
    fake.fail_next_connect(error)
    with pytest.raises(RealtimeConnectionError) as caught:
        async with await opened(fake):
            pytest.fail("opened")
    assert caught.value is error


async def test_a_session_that_could_not_be_opened_is_over(autojump_clock: Clock) -> None:
    """For all of its methods, at once; and nothing of it is left."""
    fake = FakeRealtimeModel()
    error = RealtimeConnectionError("nobody there")
    fake.fail_next_connect(error)
    session = await opened(fake)
    with pytest.raises(RealtimeConnectionError):
        async with session:
            pytest.fail("opened")
    with trio.fail_after(1):
        for method, arguments in (
            (session.send_message, ["Hello"]),
            (session.send_audio, [bytes(480)]),
            (session.receive, []),
        ):
            with pytest.raises(RealtimeSessionClosed):
                await method(*arguments)
        assert [event async for event in session] == []
        await session.wait_closed()
        await session.aclose()
    assert "over" in repr(session)
    assert session._phase is Phase.CLOSED
    with pytest.raises(UserError, match="a session runs once"):
        async with session:
            pytest.fail("opened")


async def test_many_failures_are_one(autojump_clock: Clock) -> None:
    """The first is raised; those that follow are notes on it."""

    @function_tool(failure_error_function=None)
    async def fail(after: float) -> None:
        """Fail."""
        try:
            await trio.sleep(after)
        finally:
            raise ValueError(f"after {after:g}")

    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=[fail])) as session:
        for number in (1, 2):
            call = f'{{"after": {number}}}'
            fake.emit(*tool_call(f"r{number}", f"i{number}", "fail", call, call_id=f"c{number}"))
        with pytest.raises(ValueError, match="after 1") as caught:
            async for _event in session:
                pass
        await session.wait_closed()
        assert any("after 2" in note for note in caught.value.__notes__)


async def test_audio_sent_while_connecting_goes_first(autojump_clock: Clock) -> None:
    """Kept in order and bounded: ten seconds of it, and then `send_audio` waits."""
    fake = FakeRealtimeModel()

    async def slow_instructions(*_args: object) -> str:
        await trio.sleep(5)
        return "x"

    agent = RealtimeAgent[Any]("A", instructions=slow_instructions)
    session = await opened(fake, agent)
    second = bytes(48_000)
    sent_at: list[float] = []

    async def speak() -> None:
        await trio.sleep(1)
        for number in range(11):
            await session.send_audio(bytes([number]) + second[1:])
            sent_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        start = trio.current_time()
        await nursery.start(session.run)
        await trio.testing.wait_all_tasks_blocked()
        assert [at - start for at in sent_at] == pytest.approx([1.0] * 10 + [5.0])
        audio = [i.audio[0] for i in fake.connection.sent if hasattr(i, "audio")]
        assert audio == list(range(11))
        await session.aclose()


async def test_delays_of_a_script(autojump_clock: Clock) -> None:
    """Run on the clock of the test."""
    fake = FakeRealtimeModel([Delay(30), Emit(*spoken_response("r", "i", "Late."))])
    async with await opened(fake) as session:
        async for event in session:
            if event.type == "agent_end":
                break
        assert trio.current_time() >= 30


# -- cancelled anywhere ---------------------------------------------------------------------------


async def test_a_script_with_tools_can_be_cancelled_anywhere() -> None:
    """Two calls at once, one to be approved, and then another under an id that was used before.

    A session that is cancelled answers its open calls before it goes; a lenient script passes
    these answers over.
    """

    @function_tool
    async def look(place: str) -> str:
        """Look."""
        await trio.lowlevel.checkpoint()
        return f"nothing in the {place}"

    @function_tool(needs_approval=True)
    async def pay() -> str:
        """Pay."""
        return "paid"

    output = inputs.RealtimeModelSendToolOutput
    steps: list[Expect | Emit] = [
        Expect(inputs.RealtimeModelSendUserInput),
        Emit(*tool_calls("r1", [call("i1", "look", {"place": "oven"}), call("i2", "pay")])),
        Expect(lambda sent: isinstance(sent, output) and "oven" in sent.output),
        Expect(lambda sent: isinstance(sent, output) and sent.output == "paid"),
        Emit(*tool_call("r2", "i3", "look", {"place": "shop"}, call_id="call_i1")),
        Expect(lambda sent: isinstance(sent, output) and "shop" in sent.output),
        Emit(*spoken_response("r3", "i4", "Good day.")),
    ]

    async def talk() -> None:
        fake = FakeRealtimeModel(steps, strict=False)
        async with await opened(fake, RealtimeAgent("A", tools=[look, pay])) as session:
            await session.send_message("Bread, please.")
            async for event in session:
                if event.type == "tool_approval_required":
                    await session.approve_tool_call(event.call_id)
                elif event.type == "agent_end" and session.history[-1].item_id == "i4":
                    break
        fake.assert_complete()

    assert await cancel_at_each_checkpoint(talk) > 50
