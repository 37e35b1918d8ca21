"""`trio_realtime.agents.hooks`: hooks that nobody overrides do nothing."""

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.hooks import RealtimeAgentHooks, RealtimeRunHooks
from trio_realtime.agents.tools import function_tool
from trio_realtime.context import RunContext, ToolContext

AGENT = RealtimeAgent[None]("a")
CONTEXT = RunContext(None)
CALL = ToolContext(None, tool_name="ping", tool_call_id="call_1", tool_arguments="{}")


@function_tool
def ping() -> str:
    return "pong"


async def test_a_subclass_overrides_what_it_needs() -> None:
    class Log(RealtimeRunHooks[None]):
        def __init__(self) -> None:
            self.seen: list[str] = []

        async def on_handoff(
            self,
            context: RunContext[None],
            from_agent: RealtimeAgent[None],
            to_agent: RealtimeAgent[None],
        ) -> None:
            self.seen.append(f"{from_agent.name} -> {to_agent.name}")

    hooks = Log()
    await hooks.on_agent_start(CONTEXT, AGENT)
    await hooks.on_agent_end(CONTEXT, AGENT, "said")
    await hooks.on_handoff(CONTEXT, AGENT, RealtimeAgent("b"))
    await hooks.on_tool_start(CALL, AGENT, ping)
    await hooks.on_tool_end(CALL, AGENT, ping, "pong")
    await RealtimeRunHooks[None]().on_handoff(CONTEXT, AGENT, AGENT)
    assert hooks.seen == ["a -> b"]


async def test_hooks_of_an_agent() -> None:
    class Log(RealtimeAgentHooks[None]):
        def __init__(self) -> None:
            self.seen: list[str] = []

        async def on_start(self, context: RunContext[None], agent: RealtimeAgent[None]) -> None:
            self.seen.append(agent.name)

    hooks = Log()
    await hooks.on_start(CONTEXT, AGENT)
    await hooks.on_end(CONTEXT, AGENT, "said")
    await hooks.on_handoff(CONTEXT, AGENT, RealtimeAgent("b"))
    await hooks.on_tool_start(CALL, AGENT, ping)
    await hooks.on_tool_end(CALL, AGENT, ping, "pong")
    await RealtimeAgentHooks[None]().on_start(CONTEXT, AGENT)
    assert hooks.seen == ["a"]
