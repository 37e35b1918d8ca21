"""Tutorial, step 5: the tests of an agent. Run with ``pytest``; pytest-trio is needed."""

import trio
from trio.testing import MockClock

from trio_realtime import RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.models.inputs import (
    RealtimeModelInput,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from trio_realtime.testing import Emit, Expect, FakeRealtimeModel, spoken_response, tool_call


@function_tool(timeout=5)
async def loaves_left(kind: str) -> int:
    """Count the loaves of bread that are left."""
    if kind == "spelt":
        await trio.sleep_forever()  # the shelf is very far away
    return 3


BAKER = RealtimeAgent("Baker", tools=[loaves_left])


def is_three(sent: RealtimeModelInput) -> bool:
    """Whether this is the tool's output, and the right one."""
    return isinstance(sent, RealtimeModelSendToolOutput) and sent.output == "3"


async def test_the_output_reaches_the_model(fake_model: FakeRealtimeModel) -> None:
    """A script: what the session is expected to send, and what the model answers."""
    fake_model.script = [
        Expect(RealtimeModelSendUserInput),
        Emit(tool_call("resp_1", "item_1", "loaves_left", {"kind": "rye"})),
        Expect(is_three),
        Emit(spoken_response("resp_2", "item_2", "Three loaves.")),
    ]
    async with await RealtimeRunner(BAKER, model=fake_model).run() as session:
        await session.send_message("Any rye bread?")
        async for event in session:
            if event.type == "agent_end" and len(session.history) == 2:
                break
    assert [item.type for item in session.history] == ["function_call", "message"]


async def test_a_slow_shelf(fake_model: FakeRealtimeModel, autojump_clock: MockClock) -> None:
    """By hand, and in no time: Trio's test clock jumps over the five seconds."""
    async with await RealtimeRunner(BAKER, model=fake_model).run():
        fake_model.emit(tool_call("resp_1", "item_1", "loaves_left", {"kind": "spelt"}))
        sent = await fake_model.expect(RealtimeModelSendToolOutput)
    assert sent.output == "Tool 'loaves_left' timed out after 5 seconds."
    assert autojump_clock.current_time() >= 5
