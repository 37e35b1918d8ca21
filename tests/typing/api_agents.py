"""Declarations as applications write them: type-checked, never executed."""

from dataclasses import dataclass
from typing import Any, assert_type

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.guardrails import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    OutputGuardrailResult,
    input_guardrail,
    output_guardrail,
)
from trio_realtime.agents.handoffs import Handoff, realtime_handoff
from trio_realtime.agents.hooks import RealtimeAgentHooks
from trio_realtime.agents.hosted_mcp import HostedMCPTool
from trio_realtime.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrailData,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.agents.tools import FunctionTool, function_tool
from trio_realtime.context import RunContext, RunContextWrapper, ToolContext, Usage


@dataclass
class App:
    user: str


@dataclass
class Reason:
    text: str


@function_tool
def plain(city: str) -> str:
    return city


@function_tool
async def with_context(ctx: ToolContext[App], city: str) -> str:
    await ctx.progress("looking")
    assert_type(ctx.context, App)
    assert_type(ctx.usage, Usage)
    return ctx.context.user + city


@function_tool(timeout=3, on_interrupt="cancel", needs_approval=True)
def with_options(ctx: RunContext[App], city: str) -> str:
    return ctx.context.user + city


@function_tool(strict_mode=False)
async def plain_with_options(city: str, **_: int) -> str:
    return city


assert_type(plain, FunctionTool[Any])
assert_type(with_context, FunctionTool[App])
assert_type(with_options, FunctionTool[App])
assert_type(plain_with_options, FunctionTool[Any])


@tool_input_guardrail
def before(data: ToolInputGuardrailData[App]) -> ToolGuardrailFunctionOutput:
    if data.context.context.user:
        return ToolGuardrailFunctionOutput.allow()
    return ToolGuardrailFunctionOutput.reject_content("Who are you?")


@tool_output_guardrail(name="after")
async def after(data: ToolOutputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.raise_exception(data.output)


assert_type(before, ToolInputGuardrail[App])


@function_tool(tool_input_guardrails=[before], tool_output_guardrails=[after])
def guarded(ctx: RunContext[App]) -> str:
    return ctx.context.user


@output_guardrail
async def polite(
    ctx: RunContextWrapper[App], agent: RealtimeAgent[App], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=ctx.context.user, tripwire_triggered="!" in text)


@input_guardrail(name="calm")
def calm(ctx: RunContext[App], agent: RealtimeAgent[App], text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(tripwire_triggered=text.isupper())


assert_type(polite, OutputGuardrail[App])


class Hooks(RealtimeAgentHooks[App]):
    async def on_start(self, context: RunContext[App], agent: RealtimeAgent[App]) -> None:
        assert_type(context.context, App)


def instructions(ctx: RunContext[App], agent: RealtimeAgent[App]) -> str:
    return f"You help {ctx.context.user}."


async def instructions_later(ctx: RunContext[App], agent: RealtimeAgent[App]) -> str:
    return f"You help {ctx.context.user}."


def on_handoff(ctx: RunContext[App]) -> None:
    assert_type(ctx.context, App)


async def on_handoff_with(ctx: RunContext[App], reason: Reason) -> None:
    assert_type(reason.text, str)


billing = RealtimeAgent[App]("billing", instructions=instructions_later)
handoff = realtime_handoff(billing, on_handoff=on_handoff)
handoff_with = realtime_handoff(
    billing,
    on_handoff=on_handoff_with,
    input_type=Reason,
    tool_name_override="with_reason",
    is_enabled=lambda ctx, agent: bool(ctx.context.user),
)
assert_type(handoff, Handoff[App])
assert_type(handoff_with, Handoff[App])

untyped = RealtimeAgent("untyped", instructions="Be brief.", tools=[plain])
agent = RealtimeAgent[App](
    "triage",
    instructions=instructions,
    prompt={"id": "pmpt_1"},
    tools=[
        plain,
        with_context,
        with_options,
        guarded,
        HostedMCPTool(server_label="docs", server_url="https://mcp.example"),
    ],
    handoffs=[billing, handoff, handoff_with],
    output_guardrails=[polite],
    input_guardrails=[calm],
    hooks=Hooks(),
)
assert_type(agent.clone(name="other"), RealtimeAgent[App])
assert_type(calm, InputGuardrail[App])


async def use(ctx: RunContext[App], call: ToolContext[App]) -> None:
    assert_type(await agent.get_system_prompt(ctx), str | None)
    assert_type(await agent.enabled_handoffs(ctx), list[Handoff[App]])
    assert_type(await polite.run(ctx, agent, "text"), OutputGuardrailResult[App])
    assert_type(await with_context.enabled(ctx, agent), bool)
    assert_type(await with_context.approval_needed(call), bool)
    assert_type(await handoff.invoke(ctx, "{}"), RealtimeAgent[App])


# Each of these must be refused, else the checker reports an unused ignore.
RealtimeAgent[int]("a", tools=[with_context])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
RealtimeAgent[int]("a", output_guardrails=[polite])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
function_tool(plain, timeuot=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
realtime_handoff(billing, on_handoff=on_handoff_with)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
