"""Running the tool of one call: limits on concurrency, guardrails, time limit, and the outcome.

The tool task uses this for each call that may run. Nothing is sent from here: the outcome is
returned.
"""

import contextlib
import math
from collections.abc import Iterator
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
from ...events import RealtimeToolProgress, RealtimeToolStart
from ..core.hook_calls import HookCalls
from ..core.session_core import SessionCore
from .call_ledger import ToolCall

INTERRUPTED = "The user interrupted before the tool had finished; it was cancelled."


@attrs.frozen
class Outcome:
    """The outcome of a call: what its tool returned, or the text that stands in for that."""

    value: Any
    """What the application is given (`RealtimeToolEnd.output`): what the tool returned, or text."""
    text: str
    """What the model is given."""


def text_outcome(text: str) -> Outcome:
    """The outcome of a call whose tool returned nothing: this text, for application and model."""
    return Outcome(text, text)


def tool_context(core: SessionCore, call: ToolCall, tool: FunctionTool[Any]) -> ToolContext[Any]:
    """The context that the tool of a call, its guardrails and the hooks are given."""
    event, agent = call.event, call.bound.agent

    async def on_progress(text: str) -> None:
        core.events.put(
            RealtimeToolProgress(
                agent=agent, tool=tool, call_id=event.call_id, text=text, info=core.info
            )
        )
        await trio.lowlevel.checkpoint()

    return ToolContext(
        context=core.context.context,
        usage=core.context.usage,
        tool_name=event.name,
        tool_call_id=event.call_id,
        tool_arguments=event.arguments,
        agent=agent,
        on_progress=on_progress,
    )


@attrs.define(eq=False, repr=False)
class ToolRunner:
    """Runs the tools of one session."""

    _core: SessionCore
    _hooks: HookCalls
    _limiters: dict[str, trio.CapacityLimiter] | None = attrs.field(default=None, init=False)
    """The limiter of each tool, by its name; the one for all tools has the empty name."""

    async def run(
        self, call: ToolCall, tool: FunctionTool[Any], context: ToolContext[Any]
    ) -> Outcome:
        """Wait until fewer tools run than the limits allow, then run the tool of this call.

        An exception of the tool becomes text for the model. It is raised here if the tool was
        declared with ``failure_error_function=None``; so are a time-out and a guardrail's verdict
        that were declared to raise, and whatever a hook raises.
        """
        if tool.on_interrupt != "cancel":
            return await self._in_turn(call, tool, context)
        if not call.interrupted:
            with trio.CancelScope() as scope:
                call.stop = scope.cancel
                try:
                    return await self._in_turn(call, tool, context)
                finally:
                    call.stop = None
        return text_outcome(INTERRUPTED)

    async def _in_turn(
        self, call: ToolCall, tool: FunctionTool[Any], context: ToolContext[Any]
    ) -> Outcome:
        async with contextlib.AsyncExitStack() as turn:
            for limiter in self._limits(tool):
                await turn.enter_async_context(limiter)
            try:
                refused = await input_refusal(tool, context, call.bound.agent)
            except Exception as exc:  # noqa: BLE001 - the application's guardrails run in there
                return await failed(tool, context, exc)
            if refused is not None:
                return text_outcome(refused)
            await self._tell_start(call, tool, context)
            return await invoke(tool, context, call.bound.agent)

    def _limits(self, tool: FunctionTool[Any]) -> Iterator[trio.CapacityLimiter]:
        """The limiters to acquire before the tool runs. There is none without a limit, because
        acquiring one always takes a round of Trio's scheduler."""
        most_of_all = self._core.config.tool_execution.max_concurrent_calls
        for name, most in (("", most_of_all), (tool.name, tool.max_concurrency)):
            if most is not None:
                self._limiters = self._limiters or {}
                if name not in self._limiters:
                    self._limiters[name] = trio.CapacityLimiter(most)
                yield self._limiters[name]

    async def _tell_start(
        self, call: ToolCall, tool: FunctionTool[Any], context: ToolContext[Any]
    ) -> None:
        core, agent = self._core, call.bound.agent
        core.events.put(
            RealtimeToolStart(
                agent=agent,
                tool=tool,
                arguments=call.event.arguments,
                call_id=call.event.call_id,
                info=core.info,
            )
        )
        await self._hooks.tool_started(context, agent, tool)


async def invoke(tool: FunctionTool[Any], context: ToolContext[Any], agent: Any) -> Outcome:
    """Run the function of the tool within its time limit; then ask its output guardrails."""
    try:
        value = None
        with trio.move_on_after(math.inf if tool.timeout is None else tool.timeout) as time_limit:
            value = await tool.invoke(context, context.tool_arguments)
        if time_limit.cancelled_caught:
            return text_outcome(await tool.timeout_output(context))
        value = await _checked_output(tool, context, agent, value)
        return Outcome(value, tool_output(value))
    except Exception as exc:  # noqa: BLE001 - whatever a tool raises is for its settings to judge
        return await failed(tool, context, exc)


async def failed(tool: FunctionTool[Any], context: ToolContext[Any], exc: Exception) -> Outcome:
    """The outcome of a call whose tool, or what belongs to it, raised ``exc``.

    Raises ``exc`` if it is to end the session: a `ToolError` always, others if the tool says so.
    """
    if isinstance(exc, ToolError):
        raise exc
    return text_outcome(await tool.failure_output(context, exc))


async def input_refusal(
    tool: FunctionTool[Any], context: ToolContext[Any], agent: Any
) -> str | None:
    """What an input guardrail wants the model told instead of running the tool, if one does.

    Raises:
        ToolInputGuardrailTripwireTriggered: a guardrail answered ``raise_exception``.
    """
    for guardrail in tool.tool_input_guardrails:
        decision = await guardrail.run(ToolInputGuardrailData(context=context, agent=agent))
        if decision.behavior == "raise_exception":
            raise ToolInputGuardrailTripwireTriggered(
                f"guardrail {guardrail.get_name()!r} stopped a call of tool {tool.name!r}"
            )
        if decision.behavior == "reject_content":
            return decision.message
    return None


async def _checked_output(
    tool: FunctionTool[Any], context: ToolContext[Any], agent: Any, value: Any
) -> Any:
    for guardrail in tool.tool_output_guardrails:
        decision = await guardrail.run(
            ToolOutputGuardrailData(context=context, agent=agent, output=value)
        )
        if decision.behavior == "raise_exception":
            raise ToolOutputGuardrailTripwireTriggered(
                f"guardrail {guardrail.get_name()!r} stopped the output of tool {tool.name!r}"
            )
        if decision.behavior == "reject_content":
            return decision.message
    return value
