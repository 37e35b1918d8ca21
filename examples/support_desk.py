"""A support desk that answers the phone: triage, billing with an approval, a guardrail, MCP.

The caller asks about an order (a tool of an MCP server, which runs as a child process), wants a
refund (a handoff to billing, whose tool a human has to approve), and the model says something it
must not (a guardrail cuts it off). Without a key the simulator plays the model, by a script; with
``OPENAI_API_KEY`` set the model is OpenAI's, and you may type the caller's lines.

Needs ``pip install 'trio-realtime[mcp]'``.
"""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    GuardrailFunctionOutput,
    MCPServerStdio,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeRunner,
    RealtimeSession,
    RunContext,
    function_tool,
    output_guardrail,
)
from trio_realtime.testing import CallFunction, RealtimeSimulator, Reply, Say, Turn


@attrs.define
class Desk:
    """The application's own context: who calls, and what was paid back."""

    caller: str
    refunds: dict[str, int] = attrs.field(factory=dict[str, int])


@function_tool(needs_approval=True)
async def refund(ctx: RunContext[Desk], order: str, euros: int) -> str:
    """Pay money back.

    Args:
        order: the number of the order
        euros: how much, in whole euros
    """
    ctx.context.refunds[order] = euros
    return f"{euros} euros for order {order} are on their way"


@output_guardrail(name="no_promises")
async def no_promises(
    _ctx: RunContext[Desk], _agent: RealtimeAgent[Desk], text: str
) -> GuardrailFunctionOutput:
    """Nobody here promises presents."""
    return GuardrailFunctionOutput(tripwire_triggered="for free" in text)


class Greeting(RealtimeAgentHooks[Desk]):
    """Tells when billing takes over."""

    async def on_handoff(
        self, context: RunContext[Desk], agent: RealtimeAgent[Desk], source: RealtimeAgent[Desk]
    ) -> None:
        print(f"  [{source.name} hands {context.context.caller} over to {agent.name}]")


def agents() -> RealtimeAgent[Desk]:
    """Triage, with billing behind it."""
    desk = MCPServerStdio(
        name="desk",
        params={
            "command": sys.executable,
            "args": [str(Path(__file__).with_name("support_desk_mcp.py"))],
        },
    )
    billing = RealtimeAgent[Desk](
        "Billing",
        instructions="You refund what the customer is owed. Be brief.",
        handoff_description="Refunds and invoices.",
        tools=[refund],
        output_guardrails=[no_promises],
        hooks=Greeting(),
    )
    return RealtimeAgent[Desk](
        "Triage",
        instructions="Greet the caller, look up orders, hand money matters to Billing.",
        handoffs=[billing],
        mcp_servers=[desk],
    )


async def answer(session: RealtimeSession[Desk], line: str) -> None:
    """Say a line of the caller's, and show what happens until the desk has answered it."""
    print(f"caller:  {line}")
    await session.send_message(line)
    async for event in session:
        match event.type:
            case "tool_start":
                print(f"  [{event.agent.name} calls {event.tool.name} {event.arguments}]")
            case "tool_approval_required":
                print(f"  [{event.tool.name} {event.arguments}: approved by a human]")
                await session.approve_tool_call(event.call_id)
            case "guardrail_tripped":
                names = [r.guardrail.get_name() for r in event.guardrail_results]
                print(f"  [cut off by {', '.join(names)}]")
            case "agent_end":
                item = session.history[-1]
                if isinstance(item, AssistantMessageItem) and item.status == "completed":
                    spoken = [p.transcript for p in item.content if isinstance(p, AssistantAudio)]
                    print(f"{event.agent.name.lower() + ':':8} {''.join(t or '' for t in spoken)}")
                    return
            case _:
                pass


LINES = ["Where is my order A100?", "I want my money back.", "Do I get a present?"]


def scripted_model(turn: Turn) -> Reply:
    """Stands in for the model; a real one decides this by itself."""
    script: dict[int, Reply] = {
        0: CallFunction("look_up_order", {"number": "A100"}),
        1: "Your red kettle is on its way. It arrives on Thursday.",
        2: CallFunction("transfer_to_billing"),
        3: CallFunction("refund", {"order": "A100", "euros": 40}),
        4: "Done: 40 euros are on their way to you.",
        5: Say("Of course! You get a second kettle for free, and " + "much more. " * 10),
        6: "I am sorry, there are no presents.",
    }
    return script.get(turn.number, "Goodbye.")


@asynccontextmanager
async def model_config() -> AsyncGenerator[dict[str, Any]]:
    """OpenAI with a key, the simulator without."""
    if os.environ.get("OPENAI_API_KEY"):
        yield {}
        return
    async with RealtimeSimulator(scripted_model, speed=50).serve() as url:
        yield {"url": url, "api_key": "none"}


async def main() -> None:
    desk = Desk(caller="Ann")
    async with model_config() as config:
        session = await RealtimeRunner(agents()).run(context=desk, model_config=config)
        async with session:
            for line in LINES if "url" in config else iter(lambda: input("caller:  "), ""):
                await answer(session, line)
    print(f"  [refunds: {desk.refunds}]")


if __name__ == "__main__":
    trio.run(main)
