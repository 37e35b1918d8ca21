"""`trio_realtime.agents.guardrails`: declaring and asking the guardrails of what is said."""

from typing import Any

import pytest

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.guardrails import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    input_guardrail,
    output_guardrail,
)
from trio_realtime.context import RunContext
from trio_realtime.errors import UserError

AGENT = RealtimeAgent[str]("a")
CONTEXT = RunContext("state")


@output_guardrail
def no_numbers(
    ctx: RunContext[str], agent: RealtimeAgent[str], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(
        output_info=(ctx.context, agent.name), tripwire_triggered=any(c.isdigit() for c in text)
    )


@input_guardrail
async def no_shouting(
    ctx: RunContext[str], agent: RealtimeAgent[str], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(
        output_info=(ctx.context, agent.name), tripwire_triggered=text.isupper()
    )


@pytest.mark.parametrize(("text", "tripped"), [("room 7", True), ("a room", False)])
async def test_output_guardrails_see_context_agent_and_text(text: str, tripped: bool) -> None:
    result = await no_numbers.run(CONTEXT, AGENT, text)
    assert result.output.tripwire_triggered is tripped
    assert result.output.output_info == ("state", "a")
    assert (result.guardrail, result.agent, result.agent_output) == (no_numbers, AGENT, text)
    assert text not in repr(result)


@pytest.mark.parametrize(("text", "tripped"), [("HELLO", True), ("hello", False)])
async def test_input_guardrails_see_context_agent_and_text(text: str, tripped: bool) -> None:
    result = await no_shouting.run(CONTEXT, AGENT, text)
    assert result.output.tripwire_triggered is tripped
    assert result.output.output_info == ("state", "a")
    assert (result.guardrail, result.agent, result.user_input) == (no_shouting, AGENT, text)
    assert text not in repr(result)


def check(ctx: RunContext[str], agent: RealtimeAgent[str], text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput()


def test_a_guardrail_is_named_by_its_function_or_by_name() -> None:
    assert (no_numbers.get_name(), no_shouting.get_name()) == ("no_numbers", "no_shouting")
    assert output_guardrail(name="out")(check).get_name() == "out"
    assert input_guardrail(name="in")(check).get_name() == "in"


async def test_another_answer_is_a_type_error() -> None:
    wrong: Any = lambda ctx, agent, text: None  # noqa: E731
    for guardrail in (
        OutputGuardrail[str](guardrail_function=wrong, name="g"),
        InputGuardrail[str](guardrail_function=wrong, name="g"),
    ):
        with pytest.raises(TypeError, match=r"guardrail 'g' must return .* got None"):
            await guardrail.run(CONTEXT, AGENT, "text")


@pytest.mark.parametrize("kind", [InputGuardrail, OutputGuardrail])
def test_a_guardrail_needs_a_function(kind: Any) -> None:
    with pytest.raises(UserError, match="guardrail_function must be callable, got str"):
        kind(guardrail_function="check")
