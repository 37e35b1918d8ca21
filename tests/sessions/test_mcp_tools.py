"""The MCP servers of a session, in memory: their tools, their changes, and how they fail."""

import json
import sys
from typing import Any

import pytest
import trio
import trio.testing
from mcp.server import MCPServer as PeerServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError as PeerToolError
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from support_mcp import (
    MODERN,
    Desk,
    InMemory,
    Scripted,
    answer_to_model,
    call,
    open_desk,
    text,
    tool,
)

from trio_realtime import (
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeRunConfig,
    RunContext,
    ToolGuardrailFunctionOutput,
    UserError,
    function_tool,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.agents.mcp import MCPToolError
from trio_realtime.agents.mcp_policy import ToolFilterContext
from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.agents.tools import DEFAULT_TOOL_ERROR
from trio_realtime.sessions.core.bound_agent import bind_agent
from trio_realtime.sessions.mcp.result_text import failure_text, result_output
from trio_realtime.testing.checkpoints import cancel_at_each_checkpoint
from trio_realtime.testing.leaks import assert_nothing_survives

LOST = (
    "The connection to the server of this tool was lost. "
    "Whether the call had an effect is not known."
)
UNREACHABLE = "The server of this tool cannot be reached at the moment."


def peer_server() -> PeerServer:
    """A server written with the mcp package."""
    server = PeerServer("Shop", log_level="ERROR")

    @server.tool()
    async def price(item: str) -> float:
        """What an item costs.

        In euros.
        """
        if item == "moon":
            raise PeerToolError("The moon is not for sale.")
        return 4.5

    @server.tool()
    async def restock(ctx: Context[Any]) -> str:
        """Fill the shelves."""

        async def sell(item: str) -> str:
            return f"sold {item}"

        server.add_tool(sell)
        await ctx.notify_tools_changed()
        return "done"

    return server


async def never(params: Any) -> None:
    """The answer to a request that gets none."""
    await trio.sleep_forever()


# -- tools -----------------------------------------------------------------------------------------


async def test_tools_of_a_server_are_function_tools() -> None:
    """Name, description and schema are the server's; calling gives what the server answers."""
    async with open_desk() as desk:
        tools = await desk.open(InMemory(name="Shop", peer=peer_server()))
        assert [*tools] == ["price", "restock"]
        price = tools["price"]
        assert price.description == "What an item costs.\n\nIn euros."
        assert price.params_json_schema["properties"]["item"]["type"] == "string"
        assert price.strict_json_schema is False
        assert await call(price, '{"item": "tea"}') == "4.5"
        assert "The moon is not for sale." in await answer_to_model(price, '{"item": "moon"}')


async def test_a_schema_and_a_description_that_say_little_are_completed() -> None:
    """The Realtime API wants properties and a description; MCP does not."""
    listed = [tool("look_up", title="Look up"), tool("bare")]
    async with open_desk() as desk:
        tools = await desk.open(Scripted(tools=listed))
        assert tools["look_up"].description == "Look up"
        assert tools["bare"].description == ""
        assert tools["bare"].params_json_schema == {"type": "object", "properties": {}}


async def test_structured_content_on_request() -> None:
    """By default the text of a result; with ``use_structured_content`` the JSON value."""
    async with open_desk() as desk:
        tools = await desk.open(
            InMemory(name="Shop", peer=peer_server(), use_structured_content=True)
        )
        assert await call(tools["price"], '{"item": "tea"}') == {"result": 4.5}


async def test_arguments_that_are_no_object_never_reach_the_server() -> None:
    server = Scripted()
    async with open_desk() as desk:
        tools = await desk.open(server)
        with pytest.raises(ToolArgumentsError):
            await call(tools["look_up"], "[1]")
        assert (
            await answer_to_model(tools["look_up"], "{")
            == "Invalid arguments. arguments: not valid JSON"
        )
        assert server.calls == []


async def test_a_listing_of_several_pages() -> None:
    pages = {
        None: {"tools": [tool("first")], "nextCursor": "2"},
        "2": {"tools": [tool("second")]},
    }
    server = Scripted(answers={"tools/list": lambda params: pages[params.get("cursor")]})
    async with open_desk() as desk:
        assert [*await desk.open(server)] == ["first", "second"]


async def test_a_listing_without_end_is_found_out() -> None:
    page = {"tools": [], "nextCursor": "again"}
    server = Scripted(answers={"tools/list": lambda params: page})
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="'Desk' could not be opened") as info:
            await desk.open(server)
        assert "more than 100 pages" in str(info.value.__cause__)


async def test_a_server_without_tools() -> None:
    server = Scripted(answers={"tools/list": lambda params: MCPError(METHOD_NOT_FOUND, "no")})
    async with open_desk() as desk:
        assert await desk.open(server) == {}


async def test_a_server_of_two_agents_is_opened_once() -> None:
    server = Scripted()
    async with open_desk() as desk:
        first = await desk.open(server)
        second = await desk.tools(RealtimeAgent("Other", mcp_servers=[server, server]))
        assert [*first] == [*second] == ["look_up"]
        assert server.opened == 1
    assert server.closed == 1


async def test_one_declaration_serves_several_sessions() -> None:
    server = Scripted()
    async with open_desk() as one, open_desk() as other:
        await one.open(server)
        await other.open(server)
        assert server.opened == 2


async def test_a_listing_is_cached_unless_the_server_says_otherwise() -> None:
    cached, asked = Scripted(name="cached"), Scripted(name="asked", cache_tools_list=False)
    async with open_desk() as desk:
        await desk.open(cached)
        await desk.open(cached)
        assert cached.heard.count("tools/list") == 1
        await desk.open(asked)
        asked.tools = [tool("other")]
        assert [*await desk.open(asked)] == ["other"]


async def test_a_listing_that_fails_leaves_the_old_one() -> None:
    server = Scripted(cache_tools_list=False)
    async with open_desk() as desk:
        await desk.open(server)
        server.answers["tools/list"] = lambda params: MCPError(INTERNAL_ERROR, "no")
        assert [*await desk.open(server)] == ["look_up"]
        assert "'Desk': its tools could not be listed anew" in str(desk.errors[-1])
        assert isinstance(desk.errors[-1].__cause__, MCPError)


# -- what an agent is offered ----------------------------------------------------------------------


async def test_filters() -> None:
    """By name, or by functions that know who asks."""
    listed = [tool("a"), tool("b"), tool("c", annotations={"readOnlyHint": True})]
    asked: list[ToolFilterContext] = []

    async def read_only(context: ToolFilterContext, offered: Any) -> bool:
        asked.append(context)
        return bool(offered.annotations and offered.annotations.read_only_hint)

    cases: list[tuple[Any, list[str]]] = [
        (None, ["a", "b", "c"]),
        ({"allowed_tool_names": ["a", "b"]}, ["a", "b"]),
        ({"allowed_tool_names": ["a", "b"], "blocked_tool_names": ["b"]}, ["a"]),
        ({"blocked_tool_names": ["a"]}, ["b", "c"]),
        (read_only, ["c"]),
    ]
    for tool_filter, names in cases:
        async with open_desk() as desk:
            tools = await desk.open(Scripted(tools=listed, tool_filter=tool_filter))
            assert [*tools] == names
    assert [(context.agent.name, context.server_name) for context in asked] == [
        ("Assistant", "Desk")
    ] * 3


async def test_approvals_become_those_of_the_function_tools() -> None:
    listed = [tool("look_up"), tool("delete")]
    async with open_desk() as desk:
        tools = await desk.open(Scripted(tools=listed, require_approval={"always": ["delete"]}))
        assert tools["delete"].needs_approval is True
        assert tools["look_up"].needs_approval is False


async def test_a_function_decides_on_approval_at_each_call() -> None:
    def ask(context: RunContext[Any], agent: RealtimeAgent[Any], called: Any) -> bool:
        return bool(agent.name == "Assistant" and called.name == "delete")

    async with open_desk() as desk:
        tools = await desk.open(
            Scripted(tools=[tool("look_up"), tool("delete")], require_approval=ask)
        )
        needed = {}
        for name, made in tools.items():
            assert callable(made.needs_approval)
            needed[name] = await made.needs_approval(desk.context, {}, "call_1")  # type: ignore[misc]
        assert needed == {"look_up": False, "delete": True}


async def test_two_servers_with_a_tool_of_one_name() -> None:
    """A clear error; a prefix, or the agent's own setting, tells them apart."""
    one, two = Scripted(name="Shop 1"), Scripted(name="Shop 2")
    prefixed = Scripted(name="Shop 3", tool_name_prefix="third_")
    async with open_desk() as desk:
        with pytest.raises(UserError, match="'Shop 1' and 'Shop 2' both have a tool 'look_up'"):
            await desk.open(one, two)
        assert [*await desk.open(one, prefixed)] == ["look_up", "third_look_up"]
        tools = await desk.open(one, two, mcp_config={"include_server_in_tool_names": True})
        assert [*tools] == ["Shop_1__look_up", "Shop_2__look_up"]
        assert await call(tools["Shop_2__look_up"]) == "look_up {}"


async def test_two_tools_of_one_server_that_come_to_one_name() -> None:
    """Names of MCP may have characters that the Realtime API refuses."""
    async with open_desk() as desk:
        assert [*await desk.open(Scripted(tools=[tool("shop.price")]))] == ["shop_price"]
        clash = Scripted(tools=[tool("shop.price"), tool("shop/price")])
        with pytest.raises(UserError, match="two are named 'shop_price'"):
            await desk.open(clash)


async def test_names_that_are_too_long_are_cut_and_stay_apart() -> None:
    listed = [tool("n" * 64), tool("n" * 80 + "1"), tool("n" * 80 + "2")]
    async with open_desk() as desk:
        names = [*await desk.open(Scripted(tools=listed))]
    assert names[0] == "n" * 64
    assert [len(name) for name in names] == [64, 64, 64]
    assert len({*names}) == 3


async def test_strict_schemas_where_they_are_possible() -> None:
    closed = tool("closed", inputSchema={"type": "object", "properties": {"a": {"type": "string"}}})
    free = tool("free", inputSchema={"type": "object", "additionalProperties": True})
    async with open_desk() as desk:
        tools = await desk.open(
            Scripted(tools=[closed, free]), mcp_config={"convert_schemas_to_strict": True}
        )
    assert tools["closed"].params_json_schema["required"] == ["a"]
    assert tools["closed"].strict_json_schema is True
    assert tools["free"].params_json_schema["additionalProperties"] is True
    assert tools["free"].strict_json_schema is False


async def test_an_unknown_key_of_mcp_config() -> None:
    async with open_desk() as desk:
        with pytest.raises(UserError, match="did you mean 'convert_schemas_to_strict'"):
            await desk.open(mcp_config={"convert_schema_to_strict": True})


async def test_failure_functions_in_order_of_precedence() -> None:
    """The server's own, else the agent's, else the default; None has failures raised."""

    def of_server(ctx: Any, exc: Exception) -> str:
        return f"server: {exc}"

    def of_agent(ctx: Any, exc: Exception) -> str:
        return f"agent: {exc}"

    broken = {"tools/call": lambda params: text("no stock", isError=True)}
    plain = Scripted(answers=broken)
    own = Scripted(answers=broken, failure_error_function=of_server)
    raising = Scripted(answers=broken, failure_error_function=None)
    config = {"failure_error_function": of_agent}
    failed = "tool 'look_up' of MCP server 'Desk' failed"
    async with open_desk() as desk:
        assert await answer_to_model((await desk.open(plain))["look_up"]) == "no stock"
        assert (
            await answer_to_model((await desk.open(plain, mcp_config=config))["look_up"])
            == f"agent: {failed}"
        )
        assert (
            await answer_to_model((await desk.open(own, mcp_config=config))["look_up"])
            == f"server: {failed}"
        )
        with pytest.raises(MCPToolError, match=failed) as info:
            await answer_to_model((await desk.open(raising, mcp_config=config))["look_up"])
        assert (info.value.server_name, info.value.tool_name) == ("Desk", "look_up")
        assert info.value.text == "no stock"


async def test_guardrails_of_a_server_are_those_of_its_tools() -> None:
    @tool_input_guardrail
    def ins(data: Any) -> ToolGuardrailFunctionOutput:
        raise NotImplementedError

    @tool_output_guardrail
    def outs(data: Any) -> ToolGuardrailFunctionOutput:
        raise NotImplementedError

    async with open_desk() as desk:
        made = (
            await desk.open(Scripted(tool_input_guardrails=[ins], tool_output_guardrails=[outs]))
        )["look_up"]
        assert [*made.tool_input_guardrails] == [ins]
        assert [*made.tool_output_guardrails] == [outs]


# -- changes ---------------------------------------------------------------------------------------


async def changes(desk: Desk, *, of: int = 1) -> None:
    """Wait for that many changes."""
    seen = trio.Event()

    async def on_change() -> None:
        nonlocal of
        of -= 1
        if of == 0:
            seen.set()

    async with trio.open_nursery() as nursery:
        desk.mcp.watch(nursery.start_soon, on_change)
        await seen.wait()
        nursery.cancel_scope.cancel()


async def test_opening_is_no_change(autojump_clock: trio.testing.MockClock) -> None:
    async with open_desk() as desk:
        await desk.open(Scripted())
        with pytest.raises(trio.TooSlowError), trio.fail_after(60):
            await changes(desk)


async def test_a_server_of_before_2026_says_that_its_tools_changed() -> None:
    server = Scripted()
    async with open_desk() as desk:
        await desk.open(server)
        await server.notify("notifications/progress", progressToken=1, progress=1)
        await server.change(tool("look_up"), tool("new"))
        await changes(desk)
        assert [*await desk.open(server)] == ["look_up", "new"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_server_since_2026_says_that_its_tools_changed(at_once: bool) -> None:
    """Also when it happens before the client has asked to be told."""
    async with open_desk() as desk:
        server = InMemory(name="Shop", peer=peer_server())
        tools = await desk.open(server)
        if not at_once:
            await trio.testing.wait_all_tasks_blocked()
        assert await call(tools["restock"]) == "done"
        await changes(desk)
        tools = await desk.open(server)
        assert await call(tools["sell"], '{"item": "tea"}') == "sold tea"


async def test_the_same_tools_again_are_no_change(autojump_clock: trio.testing.MockClock) -> None:
    server = Scripted()
    async with open_desk() as desk:
        await desk.open(server)
        await server.change(tool("look_up"))
        with pytest.raises(trio.TooSlowError), trio.fail_after(60):
            await changes(desk)
        assert server.heard.count("tools/list") == 2


async def test_news_are_asked_for_again_when_their_stream_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Tools may have changed meanwhile, so they are listed again."""
    listens = 0

    async def listen(params: Any) -> Any:
        nonlocal listens
        listens += 1
        meta = {"io.modelcontextprotocol/subscriptionId": params["id"]}
        await server.notify(
            "notifications/subscriptions/acknowledged",
            notifications={"toolsListChanged": True},
            _meta=meta,
        )
        if listens == 1:
            return MCPError(INTERNAL_ERROR, "lost")
        if listens == 2:
            return {"resultType": "complete", "_meta": meta}
        return await never(params)

    server = Scripted(
        answers={"server/discover": lambda params: MODERN, "subscriptions/listen": listen}
    )
    async with open_desk() as desk:
        await desk.open(server)
        for count, name in enumerate(("new", "newer"), start=2):
            await trio.testing.wait_all_tasks_blocked()
            server.tools = [tool(name)]
            begun = trio.current_time()
            await changes(desk)
            assert trio.current_time() - begun == pytest.approx(1)
            assert [*await desk.open(server)] == [name]
            assert listens == count


@pytest.mark.parametrize("introduction", [MODERN, {**MODERN, "capabilities": {"tools": {}}}])
async def test_a_server_without_news(
    introduction: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """One that refuses to tell any is not asked again, one that has none not at all."""
    server = Scripted(answers={"server/discover": lambda params: introduction})
    async with open_desk() as desk:
        tools = await desk.open(server)
        await trio.sleep(60)
        server.answers["tools/call"] = lambda params: text("fine", resultType="complete")
        assert await call(tools["look_up"]) == "fine"
        assert server.heard.count("subscriptions/listen") == (introduction is MODERN)


async def test_a_listing_after_a_change_that_fails_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Scripted()
    async with open_desk() as desk:
        await desk.open(server)
        server.answers["tools/list"] = lambda params: MCPError(INTERNAL_ERROR, "no")
        await server.change(tool("new"))
        await trio.testing.wait_all_tasks_blocked()
        assert [*await desk.open(server)] == ["look_up"]
        [error] = desk.errors
        assert isinstance(error, RealtimeConnectionError)


async def test_a_connection_lost_while_listing_is_told_by_the_next_call() -> None:
    server = Scripted()

    async def die(params: Any) -> Any:
        server.drop()
        await trio.sleep_forever()

    async with open_desk() as desk:
        tools = await desk.open(server)
        server.answers["tools/list"] = die
        await server.change(tool("new"))
        await trio.testing.wait_all_tasks_blocked()
        assert desk.errors == []
        assert server.closed == 1
        del server.answers["tools/list"]
        assert await call(tools["look_up"]) == "look_up {}"


async def test_a_change_that_cannot_be_taken_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The session goes on with the tools of before, and hears of the next change."""
    server = Scripted()
    wrong = UserError("two are named 'look_up'")
    heard: list[str] = []

    async def on_change() -> None:
        heard.append("change")
        if len(heard) == 1:
            raise wrong

    async with open_desk() as desk:
        await desk.open(server)
        desk.mcp.watch(desk.nursery.start_soon, on_change)
        for name in ("one", "two"):
            await server.change(tool(name))
            await trio.testing.wait_all_tasks_blocked()
        assert heard == ["change", "change"]
        assert desk.errors == [wrong]


async def test_a_binding_is_renewed_with_the_tools_of_now() -> None:
    """The agent's own tools and what else the model was told stay."""

    @function_tool
    def own() -> str:
        raise NotImplementedError

    server = Scripted()
    agent = RealtimeAgent(
        "Assistant",
        instructions="Be brief.",
        tools=[own],
        handoffs=[RealtimeAgent("Other")],
        mcp_servers=[server],
    )
    async with open_desk() as desk:
        more = [*(await desk.tools(agent)).values()]
        bound = await bind_agent(agent, desk.context, run=RealtimeRunConfig(), more_tools=more)
        assert [*bound.tools] == ["own", "look_up"]
        await server.change(tool("new"), tool("newer"))
        await changes(desk)
        renewed = await desk.mcp.renewed(bound, desk.context)
        assert [*renewed.tools] == ["own", "new", "newer"]
        assert [t.name for t in renewed.settings.tools] == ["own", "new", "newer"]  # type: ignore[union-attr]
        assert renewed.settings.instructions == "Be brief."
        assert renewed.settings.handoffs is bound.settings.handoffs
        await server.change(tool("transfer_to_other"))
        await changes(desk)
        with pytest.raises(UserError, match="two are named 'transfer_to_other'"):
            await desk.mcp.renewed(renewed, desk.context)


# -- failures of calls -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "model_hears"),
    [
        (MCPError(INVALID_PARAMS, "number: too short"), "number: too short"),
        (MCPError(INTERNAL_ERROR, "password=x"), DEFAULT_TOOL_ERROR),
        (MCPError(-32000, "a server's own error"), DEFAULT_TOOL_ERROR),
    ],
)
async def test_errors_of_the_protocol(error: MCPError, model_hears: str) -> None:
    server = Scripted(answers={"tools/call": lambda params: error})
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        with pytest.raises(MCPToolError) as info:
            await call(look_up)
        assert str(info.value) == "tool 'look_up' of MCP server 'Desk' could not be called"
        assert isinstance(info.value.__cause__, MCPError)
        assert await answer_to_model(look_up) == model_hears
        assert server.opened == 1


async def test_an_answer_that_the_protocol_does_not_allow() -> None:
    server = Scripted(answers={"tools/call": lambda params: {"content": "text"}})
    async with open_desk() as desk:
        assert await answer_to_model((await desk.open(server))["look_up"]) == DEFAULT_TOOL_ERROR


async def test_a_failure_without_text() -> None:
    server = Scripted(answers={"tools/call": lambda params: {"content": [], "isError": True}})
    async with open_desk() as desk:
        assert await answer_to_model((await desk.open(server))["look_up"]) == DEFAULT_TOOL_ERROR


async def test_a_call_that_takes_too_long(autojump_clock: trio.testing.MockClock) -> None:
    """It is taken back, and the server stays usable."""
    server = Scripted(
        answers={"tools/call": never},
        client_session_timeout_seconds=5,
    )
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        begun = trio.current_time()
        assert await answer_to_model(look_up) == "Tool 'look_up' timed out after 5 seconds."
        assert trio.current_time() - begun == pytest.approx(5)
        await trio.testing.wait_all_tasks_blocked()
        assert server.heard[-1] == "notifications/cancelled"
        del server.answers["tools/call"]
        assert await call(look_up) == "look_up {}"
        assert server.opened == 1


async def test_a_cancelled_call_leaves_the_server_usable() -> None:
    server = Scripted(answers={"tools/call": never})
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, look_up)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert server.heard[-1] == "notifications/cancelled"
        del server.answers["tools/call"]
        assert await call(look_up) == "look_up {}"
        assert server.opened == 1


async def test_calls_at_the_same_time() -> None:
    """Each gets its own answer, in whatever order the server finishes."""
    first_may = trio.Event()

    async def answer(params: Any) -> Any:
        if params["arguments"]["n"] == 1:
            await first_may.wait()
        else:
            first_may.set()
        return text(str(params["arguments"]["n"]))

    answers: dict[str, str] = {}
    async with open_desk() as desk:
        look_up = (await desk.open(Scripted(answers={"tools/call": answer})))["look_up"]

        async def ask(n: int) -> None:
            answers[str(n)] = await call(look_up, json.dumps({"n": n}))

        async with trio.open_nursery() as nursery:
            for n in (1, 2, 3):
                nursery.start_soon(ask, n)
    assert answers == {"1": "1", "2": "2", "3": "3"}


# -- servers that die ------------------------------------------------------------------------------


async def test_death_during_a_call_fails_the_call_and_the_next_opens_the_server_again() -> None:
    server = Scripted()

    async def die(params: Any) -> Any:
        server.drop()
        await trio.sleep_forever()

    server.answers["tools/call"] = die
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        assert await answer_to_model(look_up) == LOST
        del server.answers["tools/call"]
        assert await call(look_up) == "look_up {}"
        assert (server.opened, server.closed) == (2, 1)
        assert len(server.calls) == 2, "a call that may have had an effect is not repeated"


async def test_a_server_that_died_unnoticed_is_opened_again_at_the_next_call() -> None:
    """No call fails; its tools stay on offer, and are listed anew."""
    server = Scripted()
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        server.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert server.closed == 1
        assert [*await desk.open(server)] == ["look_up"]
        server.tools = [tool("look_up"), tool("new")]
        assert await call(look_up) == "look_up {}"
        await changes(desk)
        assert [*await desk.open(server)] == ["look_up", "new"]


async def test_calls_share_one_attempt_that_fails_and_later_ones_make_another() -> None:
    server = Scripted()
    refusal = OSError("no such program")
    texts: list[str] = []
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        server.drop()
        server.refusal = refusal

        async def ask() -> None:
            texts.append(await answer_to_model(look_up))

        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        assert texts == [UNREACHABLE] * 2
        with pytest.raises(MCPToolError) as info:
            await call(look_up)
        assert isinstance(info.value.__cause__, RealtimeConnectionError)
        assert info.value.__cause__.__cause__ is refusal
        server.refusal = None
        assert await call(look_up) == "look_up {}"


async def test_a_server_that_forgot_the_session() -> None:
    """What the client makes of HTTP 404: the session has to be opened again."""
    server = Scripted(
        answers={"tools/call": lambda params: MCPError(INVALID_REQUEST, "Session terminated")}
    )
    async with open_desk() as desk:
        look_up = (await desk.open(server))["look_up"]
        assert await answer_to_model(look_up) == LOST
        del server.answers["tools/call"]
        assert await call(look_up) == "look_up {}"
        assert server.opened == 2


# -- opening ---------------------------------------------------------------------------------------


async def test_a_required_server_that_cannot_be_opened_fails_the_start() -> None:
    """The error names it; servers that are still opening are given up; a later start may work."""
    refusal = OSError("no such program")
    broken = Scripted(name="Broken", refusal=refusal)
    slow = Scripted(name="Slow", answers={"tools/list": never})
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="'Broken' could not be opened") as info:
            await desk.open(slow, broken)
        assert info.value.__cause__ is refusal
        assert slow.opened == slow.closed
        broken.refusal = None
        assert [*await desk.open(broken)] == ["look_up"]


async def test_a_server_that_is_not_required() -> None:
    """The application hears of it, the agent does without, and a later binding tries again."""
    server = Scripted(required=False, refusal=OSError("no such program"))
    async with open_desk() as desk:
        assert await desk.open(server) == {}
        [error] = desk.errors
        assert isinstance(error, RealtimeConnectionError)
        server.refusal = None
        assert [*await desk.open(server)] == ["look_up"]


async def test_a_server_that_does_not_answer(autojump_clock: trio.testing.MockClock) -> None:
    server = Scripted(connect_timeout=3, answers={"initialize": never})
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="'Desk' was not open within 3 s"):
            await desk.open(server)
        assert server.closed == 1


async def test_a_server_that_ends_at_once() -> None:
    server = Scripted()

    async def die(params: Any) -> Any:
        server.drop()
        await trio.sleep_forever()

    server.answers["server/discover"] = die
    async with open_desk() as desk:
        with pytest.raises(RealtimeConnectionError, match="'Desk' could not be opened"):
            await desk.open(server)


async def test_servers_open_at_the_same_time(autojump_clock: trio.testing.MockClock) -> None:
    async def late(params: Any) -> Any:
        await trio.sleep(2)
        return {"tools": []}

    servers = [Scripted(name=name, answers={"tools/list": late}) for name in ("a", "b", "c")]
    async with open_desk() as desk:
        begun = trio.current_time()
        await desk.open(*servers)
        assert trio.current_time() - begun == pytest.approx(2)


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    async with open_desk() as desk:
        with pytest.raises(UserError, match=r"install trio-realtime\[mcp\]"):
            await desk.open(Scripted())


async def test_the_package_is_imported_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long enough to be heard."""
    threads: list[Any] = []

    async def run_sync(function: Any, *args: Any) -> Any:
        threads.append(args)
        return function(*args)

    monkeypatch.delitem(sys.modules, "mcp")
    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    async with open_desk() as desk:
        assert [*await desk.open(Scripted())] == ["look_up"]
    assert threads == [("mcp",)]


# -- ends ------------------------------------------------------------------------------------------


async def test_nothing_survives_a_cancellation_at_any_checkpoint() -> None:
    """Opening, calling, dying, opening again, closing; each server left as often as entered."""
    servers: list[Scripted] = []

    async def conversation() -> None:
        server = Scripted()
        servers.append(server)
        async with open_desk() as desk:
            look_up = (await desk.open(server))["look_up"]
            await call(look_up)
            server.drop()
            await trio.testing.wait_all_tasks_blocked()
            await call(look_up)
            await server.change(tool("new"))

    assert await cancel_at_each_checkpoint(conversation) > 50
    assert all(server.opened == server.closed for server in servers)


async def test_a_server_that_is_slow_to_leave_is_given_two_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Scripted(leaving=trio.sleep_forever)
    async with assert_nothing_survives():
        async with open_desk() as desk:
            await desk.open(server)
            begun = trio.current_time()
        assert trio.current_time() - begun == pytest.approx(2)


async def test_what_breaks_on_the_way_out_does_not_hide_the_cancellation() -> None:
    left: list[str] = []

    async def leave() -> None:
        left.append("once")
        raise OSError("broken")

    async with open_desk() as desk:
        await desk.open(Scripted(leaving=leave))
    assert left == ["once"]
    # `open_desk` would raise what a host task raised.


# -- outputs ---------------------------------------------------------------------------------------


def output(*content: Any, structured: Any = None, prefer: bool = False) -> Any:
    result = CallToolResult(content=[*content], structured_content=structured)
    return result_output(result, prefer_structured=prefer)


def test_text_is_text_a_block_to_a_line() -> None:
    assert output() == ""
    assert output(TextContent(type="text", text="one")) == "one"
    assert output(*[TextContent(type="text", text=t) for t in ("one", "two")]) == "one\ntwo"


def test_structured_content_goes_where_there_is_no_text_or_it_is_preferred() -> None:
    words = TextContent(type="text", text="one")
    assert output(structured={"n": 1}) == {"n": 1}
    assert output(TextContent(type="text", text=""), structured={"n": 1}) == {"n": 1}
    assert output(words, structured={"n": 1}) == "one"
    assert output(words, structured={"n": 1}, prefer=True) == {"n": 1}
    assert output(words, prefer=True) == "one"


def test_what_is_no_text_is_described() -> None:
    image = ImageContent(type="image", data="AAAA", mime_type="image/png")
    audio = AudioContent(type="audio", data="AA==", mime_type="audio/wav")
    assert output(image, audio) == "[image: image/png, 3 bytes]\n[audio: audio/wav, 1 bytes]"


def test_resources() -> None:
    link = ResourceLink(
        type="resource_link", name="guide", uri="file:///guide.md", mime_type="text/markdown"
    )
    assert json.loads(output(link)) == {
        "type": "resource_link",
        "name": "guide",
        "uri": "file:///guide.md",
        "mimeType": "text/markdown",
    }
    words = TextResourceContents(uri="file:///a", text="words")
    assert output(EmbeddedResource(type="resource", resource=words)) == "words"
    blob = BlobResourceContents(uri="file:///b", blob="AAA=")
    described = "[resource file:///b: of unknown type, 2 bytes]"
    assert output(EmbeddedResource(type="resource", resource=blob)) == described


def test_a_failure_says_what_the_server_says() -> None:
    """In text, or in structured content alone; the model tries the same again if it is not told."""

    def failure(*content: Any, structured: Any = None) -> str | None:
        return failure_text(
            CallToolResult(content=[*content], structured_content=structured, is_error=True)
        )

    words = TextContent(type="text", text="no such project")
    assert failure(words) == "no such project"
    assert failure(words, structured={"code": 1}) == "no such project"
    assert failure(structured={"code": "RATE_LIMITED", "wo": "Köln"}) == (
        '{"code": "RATE_LIMITED", "wo": "Köln"}'
    )
    silence = TextContent(type="text", text="")
    assert failure(silence, structured={"code": 1}) == '{"code": 1}'
    assert failure(silence) is None
    assert failure() is None
