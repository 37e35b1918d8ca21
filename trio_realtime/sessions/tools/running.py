"""Running one tool once: guardrails, the function under its time limit, and what became of it.

Called by the tool task for each call that may run. Nothing here sends; the result is a value.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from ...agents.tool_guardrails import ToolInputGuardrailData, ToolOutputGuardrailData
from ...agents.tool_output import tool_output
from ...agents.tools import FunctionTool
from ...context import ToolContext
from ...errors import (
    ToolError,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)


@attrs.frozen
class Outcome:
    """What a call came to."""

    value: Any
    """For the application: what the tool returned, or the text given in its stead."""
    text: str
    """For the model."""


async def run_tool(
    tool: FunctionTool[Any],
    ctx: ToolContext[Any],
    agent: Any,
    *,
    started: Callable[[], Awaitable[None]],
    limiter: trio.CapacityLimiter | None = None,
) -> Outcome:
    """The outcome of the call. ``started`` is awaited when nothing keeps it from running.

    What the tool raises becomes text for the model, unless the tool wants failures raised; then it
    is raised here, as are a timeout and a guardrail that are to be raised.
    """
    try:
        refused = await input_refusal(tool, ctx, agent)
        if refused is not None:
            return Outcome(refused, refused)
        await started()
        value = None
        with trio.move_on_after(math.inf if tool.timeout is None else tool.timeout) as time_limit:
            value = await tool.invoke(ctx, ctx.tool_arguments, limiter=limiter)
        if time_limit.cancelled_caught:
            text = await tool.timeout_output(ctx)
            return Outcome(text, text)
        value = await _checked_output(tool, ctx, agent, value)
        return Outcome(value, tool_output(value))
    except ToolError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever a tool raises is for its settings to judge
        text = await tool.failure_output(ctx, exc)
        return Outcome(text, text)


async def input_refusal(tool: FunctionTool[Any], ctx: ToolContext[Any], agent: Any) -> str | None:
    """What an input guardrail wants the model told instead of running the tool, if one does.

    Raises:
        ToolInputGuardrailTripwireTriggered: a guardrail answered ``raise_exception``.
    """
    for guardrail in tool.tool_input_guardrails:
        decision = await guardrail.run(ToolInputGuardrailData(context=ctx, agent=agent))
        if decision.behavior == "raise_exception":
            raise ToolInputGuardrailTripwireTriggered(
                f"guardrail {guardrail.get_name()!r} stopped a call of tool {tool.name!r}"
            )
        if decision.behavior == "reject_content":
            return decision.message
    return None


async def _checked_output(
    tool: FunctionTool[Any], ctx: ToolContext[Any], agent: Any, value: Any
) -> Any:
    for guardrail in tool.tool_output_guardrails:
        decision = await guardrail.run(
            ToolOutputGuardrailData(context=ctx, agent=agent, output=value)
        )
        if decision.behavior == "raise_exception":
            raise ToolOutputGuardrailTripwireTriggered(
                f"guardrail {guardrail.get_name()!r} stopped the output of tool {tool.name!r}"
            )
        if decision.behavior == "reject_content":
            return decision.message
    return value
