"""Approvals: who waits, what was decided for good, and what the model is told."""

import pytest

from trio_realtime.context import RunContext
from trio_realtime.errors import UserError
from trio_realtime.sessions.tools.approvals import (
    DEFAULT_REJECTION,
    Approvals,
    ToolErrorFormatterArgs,
    rejection_text,
)


def waiting(*call_ids: str) -> Approvals[str]:
    approvals = Approvals[str]()
    for call_id in call_ids:
        approvals.wait(call_id, "weather", f"call {call_id}")
    return approvals


def test_an_approved_call_goes_on_once() -> None:
    approvals = waiting("1", "2")
    assert approvals.approve("1", always=False) == "call 1"
    assert approvals.decided("weather") is None
    with pytest.raises(UserError, match="no tool call '1' waits for approval; waiting: '2'"):
        approvals.approve("1", always=False)


def test_a_rejected_call_is_over() -> None:
    approvals = waiting("1")
    assert approvals.reject("1", always=False, message="no") == "call 1"
    assert approvals.decided("weather") is None
    assert approvals.message("weather") is None
    with pytest.raises(UserError, match="waiting: none"):
        approvals.reject("1", always=False, message=None)


def test_always_decides_for_the_tool_and_the_last_word_counts() -> None:
    approvals = waiting("1", "2", "3")
    approvals.approve("1", always=True)
    assert approvals.decided("weather") is True
    assert approvals.decided("other") is None
    approvals.reject("2", always=True, message="enough")
    assert approvals.decided("weather") is False
    assert approvals.message("weather") == "enough"
    approvals.approve("3", always=True)
    assert approvals.decided("weather") is True
    assert approvals.message("weather") is None


def test_a_decision_that_concerns_no_waiting_call_decides_nothing() -> None:
    approvals = waiting()
    with pytest.raises(UserError):
        approvals.approve("1", always=True)
    with pytest.raises(UserError):
        approvals.reject("1", always=True, message=None)
    assert approvals.decided("weather") is None


def test_only_a_call_that_still_waits_expires() -> None:
    approvals = waiting("1", "2")
    approvals.approve("1", always=False)
    assert approvals.expire("1") is None
    assert approvals.expire("2") == "call 2"
    with pytest.raises(UserError):
        approvals.approve("2", always=False)


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
