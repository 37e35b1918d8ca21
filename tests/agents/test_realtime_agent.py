"""`trio_realtime.agents.agent`: an agent checks itself, and says what holds now."""

from typing import Any

import pytest

from trio_realtime.agents.agent import RealtimeAgent, check_names
from trio_realtime.agents.guardrails import GuardrailFunctionOutput, InputGuardrail, OutputGuardrail
from trio_realtime.agents.handoffs import Handoff, realtime_handoff
from trio_realtime.agents.hooks import RealtimeAgentHooks
from trio_realtime.agents.hosted_mcp import HostedMCPTool
from trio_realtime.agents.tools import FunctionTool, function_tool
from trio_realtime.context import RunContext
from trio_realtime.errors import UserError

CONTEXT = RunContext("state")
DOCS = HostedMCPTool(server_label="docs", server_url="https://mcp.example")


@function_tool
def ping() -> str:
    return "pong"


@function_tool(is_enabled=False)
def hidden() -> str:
    return "pong"


def check(ctx: RunContext[Any], agent: RealtimeAgent[Any], text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput()


def test_a_name_is_enough() -> None:
    agent = RealtimeAgent("a")
    assert (agent.name, agent.instructions, agent.prompt) == ("a", None, None)
    assert (agent.tools, agent.handoffs, agent.mcp_servers) == ([], [], [])
    assert (agent.output_guardrails, agent.input_guardrails) == ([], [])
    assert (agent.hooks, agent.handoff_description, agent.mcp_config) == (None, None, {})


def test_lists_are_copied() -> None:
    tools: list[Any] = [ping]
    agent = RealtimeAgent("a", tools=tools)
    tools.append(ping)
    assert agent.tools == [ping]


def test_a_clone_changes_what_it_is_told_and_shares_no_list() -> None:
    hooks = RealtimeAgentHooks[Any]()
    agent = RealtimeAgent("a", instructions="Be brief.", tools=[ping], hooks=hooks)
    clone = agent.clone(name="b", instructions="Be long.")
    assert (clone.name, clone.instructions) == ("b", "Be long.")
    assert (clone.tools, clone.hooks) == ([ping], hooks)
    clone.tools.append(DOCS)
    assert agent.tools == [ping]
    assert agent.name == "a"


def test_a_clone_with_an_unknown_field() -> None:
    with pytest.raises(UserError, match="no option 'instruction'; did you mean 'instructions'"):
        RealtimeAgent("a").clone(instruction="x")


def test_agents_can_hand_over_to_each_other() -> None:
    one = RealtimeAgent[Any]("one")
    two = RealtimeAgent[Any]("two", handoffs=[one])
    one.handoffs.append(two)
    assert two.handoffs == [one]


@pytest.mark.parametrize("instructions", ["Be brief.", None])
async def test_fixed_instructions(instructions: str | None) -> None:
    agent = RealtimeAgent("a", instructions=instructions)
    assert await agent.get_system_prompt(CONTEXT) == instructions


async def test_instructions_by_function() -> None:
    def sync(ctx: RunContext[str], agent: RealtimeAgent[str]) -> str:
        return f"{ctx.context} {agent.name}"

    async def later(ctx: RunContext[str], agent: RealtimeAgent[str]) -> None:
        return None

    assert await RealtimeAgent("a", instructions=sync).get_system_prompt(CONTEXT) == "state a"
    assert await RealtimeAgent("a", instructions=later).get_system_prompt(CONTEXT) is None


async def test_instructions_must_be_text() -> None:
    wrong: Any = lambda ctx, agent: 3  # noqa: E731
    with pytest.raises(UserError, match="agent 'a': instructions must return a str, got int"):
        await RealtimeAgent("a", instructions=wrong).get_system_prompt(CONTEXT)


async def test_prompts() -> None:
    async def later(ctx: RunContext[str], agent: RealtimeAgent[str]) -> dict[str, Any]:
        return {"id": "pmpt_1", "variables": {"who": agent.name}}

    given = {"id": "pmpt_1", "version": "2"}
    assert await RealtimeAgent("a").get_prompt(CONTEXT) is None
    assert await RealtimeAgent("a", prompt="pmpt_1").get_prompt(CONTEXT) == {"id": "pmpt_1"}
    assert await RealtimeAgent("a", prompt=given).get_prompt(CONTEXT) == given
    assert await RealtimeAgent("a", prompt=later).get_prompt(CONTEXT) == {
        "id": "pmpt_1",
        "variables": {"who": "a"},
    }


@pytest.mark.parametrize("prompt", [{}, {"id": 3}, lambda ctx, agent: 3])
async def test_what_is_no_prompt(prompt: Any) -> None:
    with pytest.raises(UserError, match="agent 'a': a prompt must be an id, or a mapping with an"):
        await RealtimeAgent("a", prompt=prompt).get_prompt(CONTEXT)


async def test_what_is_enabled_now() -> None:
    sales, support = RealtimeAgent[Any]("sales"), RealtimeAgent[Any]("support")
    to_sales = realtime_handoff(sales, tool_name_override="to_sales")
    off = realtime_handoff(support, tool_name_override="off", is_enabled=False)
    agent = RealtimeAgent("a", tools=[hidden, ping, DOCS], handoffs=[to_sales, support, off])
    assert await agent.enabled_tools(CONTEXT) == [ping, DOCS]
    handoffs = await agent.enabled_handoffs(CONTEXT)
    assert handoffs[0] is to_sales
    assert [h.tool_name for h in handoffs] == ["to_sales", "transfer_to_support"]
    assert handoffs[1].agent is support


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 3}, "the name of an agent must be a str, got int"),
        ({"name": ""}, "the name of an agent must not be empty"),
        ({"instructions": 3}, "agent 'a': instructions must be a str, a function or None, got int"),
        ({"prompt": 3}, "agent 'a': prompt must be an id, a mapping, a function or None, got int"),
        ({"handoff_description": 3}, "agent 'a': handoff_description must be a str or None"),
        ({"hooks": RealtimeAgentHooks}, "agent 'a': hooks must be a RealtimeAgentHooks, not a cl"),
        ({"mcp_config": []}, "agent 'a': mcp_config must be a mapping, got list"),
        ({"tools": ping}, "agent 'a': tools must be a list, got FunctionTool"),
        ({"tools": [len]}, r"agent 'a': tools\[0\] must be a tool; was @function_tool forgotten?"),
        ({"handoffs": ["b"]}, r"agent 'a': handoffs\[0\] must be a RealtimeAgent or a Handoff"),
        ({"output_guardrails": [check]}, r"output_guardrails\[0\] must be an OutputGuardrail"),
        ({"input_guardrails": [check]}, r"input_guardrails\[0\] must be an InputGuardrail"),
        ({"mcp_servers": None}, "mcp_servers must be a list, got None"),
        ({"tools": [ping, ping]}, "agent 'a': tools and handoffs: two are named 'ping'"),
        ({"tools": [DOCS, DOCS]}, "agent 'a': hosted MCP servers: two are named 'docs'"),
        (
            {"handoffs": [RealtimeAgent("b"), RealtimeAgent("B")]},
            "two are named 'transfer_to_b'",
        ),
        (
            {
                "tools": [ping],
                "handoffs": [realtime_handoff(RealtimeAgent("b"), tool_name_override="ping")],
            },
            "two are named 'ping'; the model could not tell them apart",
        ),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_at_the_door(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RealtimeAgent(**{"name": "a", **options})


def test_guardrails_of_the_right_kind_are_taken() -> None:
    out = OutputGuardrail[Any](guardrail_function=check)
    heard = InputGuardrail[Any](guardrail_function=check)
    agent = RealtimeAgent("a", output_guardrails=[out], input_guardrails=[heard])
    assert (agent.output_guardrails, agent.input_guardrails) == ([out], [heard])


def test_names_can_be_checked_again_when_lists_have_grown() -> None:
    tools: list[FunctionTool[Any] | HostedMCPTool] = [ping, DOCS]
    handoffs: list[Handoff[Any]] = [realtime_handoff(RealtimeAgent("b"))]
    check_names("agent 'a'", tools, handoffs)
    with pytest.raises(UserError, match=r"^agent 'a': tools and handoffs: two are named 'ping'"):
        check_names("agent 'a'", [*tools, ping], handoffs)


def test_the_repr_shows_the_name_only() -> None:
    agent = RealtimeAgent("a", instructions="hunter2", tools=[ping])
    assert repr(agent) == "RealtimeAgent(name='a')"
