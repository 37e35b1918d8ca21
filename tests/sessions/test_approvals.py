"""Approvals: what was decided for every call of a tool, and what the model is told."""

from trio_realtime.context import RunContext
from trio_realtime.sessions.tools.approvals import (
    DEFAULT_REJECTION,
    Decision,
    StandingDecisions,
    ToolErrorFormatterArgs,
    rejection_text,
)


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
