"""`trio_realtime.agents.tool_guardrails`: declaring and asking the guardrails of tools."""

from typing import Any

import pytest

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.context import ToolContext
from trio_realtime.errors import UserError

CONTEXT = ToolContext(None, tool_name="it", tool_call_id="call_1", tool_arguments="{}")
BEFORE = ToolInputGuardrailData(context=CONTEXT, agent=RealtimeAgent("a"))
AFTER = ToolOutputGuardrailData(context=CONTEXT, agent=RealtimeAgent("a"), output="hunter2")


class Checker:
    def __call__(self, data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow()


async def test_bare_decorators_take_sync_and_async_functions() -> None:
    @tool_input_guardrail
    def before(data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.reject_content(data.context.tool_name, {"a": 1})

    @tool_output_guardrail
    async def after(data: ToolOutputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.raise_exception(data.output)

    decision = await before.run(BEFORE)
    assert (decision.behavior, decision.message) == ("reject_content", "it")
    assert decision.output_info == {"a": 1}
    assert (before.get_name(), after.get_name()) == ("before", "after")
    decision = await after.run(AFTER)
    assert (decision.behavior, decision.output_info) == ("raise_exception", "hunter2")


def test_names_can_be_given() -> None:
    @tool_input_guardrail(name="one")
    def before(data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow()

    @tool_output_guardrail(name="two")
    def after(data: ToolOutputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow()

    assert (before.get_name(), after.get_name()) == ("one", "two")
    assert ToolInputGuardrail(guardrail_function=Checker()).get_name() == "Checker"


def test_allowing_is_the_default() -> None:
    assert ToolGuardrailFunctionOutput() == ToolGuardrailFunctionOutput.allow()
    assert ToolGuardrailFunctionOutput.allow("x").output_info == "x"


async def test_another_answer_is_a_type_error() -> None:
    wrong: Any = lambda data: True  # noqa: E731
    for run in (
        ToolInputGuardrail[Any](guardrail_function=wrong, name="g").run(BEFORE),
        ToolOutputGuardrail[Any](guardrail_function=wrong, name="g").run(AFTER),
    ):
        with pytest.raises(
            TypeError, match=r"guardrail 'g' must return a ToolGuardrailFunctionOutput, got bool"
        ):
            await run


@pytest.mark.parametrize("kind", [ToolInputGuardrail, ToolOutputGuardrail])
def test_a_guardrail_needs_a_function(kind: Any) -> None:
    with pytest.raises(UserError, match="guardrail_function must be callable, got None"):
        kind(guardrail_function=None)


def test_what_tools_return_and_what_is_told_instead_is_not_shown() -> None:
    """Neither is in the repr of the objects that hold it."""
    assert "hunter2" not in repr(AFTER)
    assert "hunter2" not in repr(ToolGuardrailFunctionOutput.reject_content("hunter2", "hunter2"))
