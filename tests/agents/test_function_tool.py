"""`trio_realtime.agents.tools`: declaring tools, by decorator and by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailData,
    ToolOutputGuardrailData,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.agents.tools import (
    DEFAULT_TOOL_ERROR,
    FunctionTool,
    FunctionToolOptions,
    function_tool,
)
from trio_realtime.context import RunContext, ToolContext
from trio_realtime.errors import ToolTimeoutError, UserError
from trio_realtime.models.openai.wire.tool_objects import tool_to_wire

OBJECT = {"type": "object", "properties": {}}


def context(arguments: str = "{}") -> ToolContext[str]:
    return ToolContext("state", tool_name="it", tool_call_id="call_1", tool_arguments=arguments)


async def echo(ctx: ToolContext[str], arguments: str) -> str:
    return ctx.context + arguments


def by_hand(**options: Any) -> FunctionTool[str]:
    fields: dict[str, Any] = {
        "name": "it",
        "description": "It.",
        "params_json_schema": OBJECT,
        "on_invoke_tool": echo,
    }
    return FunctionTool(**{**fields, **options})


@tool_input_guardrail
def check_call(data: ToolInputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.allow()


@tool_output_guardrail
def check_output(data: ToolOutputGuardrailData[Any]) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.allow()


@function_tool
def add(a: int, b: int = 2) -> int:
    """Add numbers."""
    return a + b


@function_tool(name_override="greet", description_override="Greet.", strict_mode=False)
async def hello(ctx: RunContext[str], name: Any = "you") -> str:
    """Overridden."""
    return f"{ctx.context}: hello {name}"


async def test_the_bare_decorator() -> None:
    assert tool_to_wire(add) == {
        "type": "function",
        "name": "add",
        "description": "Add numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    }
    assert await add.invoke(context(), '{"a": 1, "b": 3}') == 4
    assert await add.on_invoke_tool(context(), '{"a": 1}') == 3
    assert add.function is not None
    assert add.function(1, 1) == 2


async def test_the_decorator_with_options() -> None:
    assert tool_to_wire(hello) == {
        "type": "function",
        "name": "greet",
        "description": "Greet.",
        "parameters": {"type": "object", "properties": {"name": {"default": "you"}}},
    }
    assert await hello.invoke(context(), '{"name": "Ann"}') == "state: hello Ann"


def test_function_and_options_in_one_call() -> None:
    assert function_tool(echo_name, name_override="other").name == "other"


def echo_name(name: str) -> str:
    return name


def test_no_docstring_is_an_empty_description() -> None:
    assert function_tool(echo_name).description == ""
    assert function_tool(echo_name, description_override=None).description == ""


def test_defaults() -> None:
    assert add.strict_json_schema is True
    assert add.is_enabled is True
    assert add.needs_approval is False
    assert add.timeout is None
    assert add.timeout_behavior == "error_as_result"
    assert add.on_interrupt == "continue"
    assert add.respond is True
    assert add.max_concurrency is None
    assert (add.tool_input_guardrails, add.tool_output_guardrails) == ([], [])
    assert add.bind('{"a": 1}').abandon_on_cancel is False


def test_every_option_reaches_the_tool() -> None:
    def yes(*args: Any) -> bool:
        return True

    def say(*args: Any) -> str:
        return "failed"

    options: FunctionToolOptions = {
        "name_override": "named",
        "description_override": "Described.",
        "docstring_style": "google",
        "use_docstring_info": False,
        "strict_mode": False,
        "is_enabled": yes,
        "failure_error_function": say,
        "needs_approval": yes,
        "timeout": 2.5,
        "timeout_behavior": "raise_exception",
        "timeout_error_function": say,
        "tool_input_guardrails": [check_call],
        "tool_output_guardrails": (check_output,),
        "on_interrupt": "cancel",
        "respond": False,
        "max_concurrency": 3,
        "abandon_on_cancel": True,
    }
    assert {*options} == {*FunctionToolOptions.__annotations__}
    tool = function_tool(echo_name, **options)
    assert (tool.name, tool.description, tool.strict_json_schema) == ("named", "Described.", False)
    assert (tool.is_enabled, tool.needs_approval) == (yes, yes)
    assert (tool.failure_error_function, tool.timeout_error_function) == (say, say)
    assert (tool.timeout, tool.timeout_behavior) == (2.5, "raise_exception")
    assert tool.tool_input_guardrails == [check_call]
    assert tool.tool_output_guardrails == [check_output]
    assert (tool.on_interrupt, tool.respond, tool.max_concurrency) == ("cancel", False, 3)
    assert tool.bind('{"name": "x"}').abandon_on_cancel is True


async def test_a_tool_made_by_hand_reads_its_own_arguments() -> None:
    tool = by_hand()
    assert await tool.invoke(context(), "not json") == "statenot json"
    assert tool.function is None
    assert tool.params_json_schema == {**OBJECT, "additionalProperties": False}
    assert by_hand(strict_json_schema=False).params_json_schema == OBJECT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "tool name '' must be 1 to 64 ASCII letters"),
        ({"name": "büro"}, "tool name 'büro' must be"),
        ({"name": "a b"}, "tool name 'a b' must be"),
        ({"name": "x\n"}, r"tool name 'x\\n' must be"),
        ({"name": "x" * 65}, "give another with name_override"),
        ({"name": 3}, "the name of a tool must be a str, got int"),
        ({"description": None}, "tool 'it': description must be a str, got None"),
        ({"params_json_schema": "{}"}, "tool 'it': params_json_schema must be a dict, got str"),
        ({"params_json_schema": {"type": "array"}}, "must be of type 'object'"),
        (
            {"params_json_schema": {"type": "object", "additionalProperties": True}},
            "tool 'it': properties that are not named",
        ),
        ({"on_invoke_tool": 3}, "tool 'it': on_invoke_tool must be callable, got int"),
        ({"is_enabled": "yes"}, "tool 'it': is_enabled must be a bool or a function, got str"),
        ({"needs_approval": 1}, "tool 'it': needs_approval must be a bool or a function, got int"),
        ({"strict_json_schema": 1}, "tool 'it': strict_json_schema must be a bool, got int"),
        ({"respond": None}, "tool 'it': respond must be a bool, got None"),
        ({"failure_error_function": "x"}, "failure_error_function must be callable, got str"),
        ({"timeout_error_function": "x"}, "timeout_error_function must be callable, got str"),
        ({"timeout": "1"}, "timeout must be a number of seconds, got str"),
        ({"timeout": True}, "timeout must be a number of seconds, got bool"),
        ({"timeout": 0}, "timeout must be more than 0 s, and finite"),
        ({"timeout": float("inf")}, "timeout must be more than 0 s, and finite"),
        ({"timeout_behavior": "x"}, "must be 'error_as_result' or 'raise_exception'"),
        ({"on_interrupt": "stop"}, "on_interrupt must be 'continue' or 'cancel'"),
        ({"max_concurrency": 0}, "max_concurrency must be at least 1"),
        ({"max_concurrency": 1.5}, "max_concurrency must be an int, got float"),
        ({"tool_input_guardrails": check_call}, "tool_input_guardrails must be a list"),
        ({"tool_input_guardrails": [check_output]}, r"tool_input_guardrails\[0\] must be a ToolIn"),
        ({"tool_output_guardrails": [1]}, r"tool_output_guardrails\[0\] must be a ToolOutputG"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_at_the_door(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        by_hand(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeuot": 1}, "function_tool has no option 'timeuot'; did you mean 'timeout'?"),
        ({"qqq": 1}, "function_tool has no option 'qqq'"),
        ({"name_override": "a b"}, "tool name 'a b' must be 1 to 64 ASCII letters, digits, '_' or"),
        (
            {"docstring_style": "html"},
            "tool 'echo_name': docstring_style must be 'auto' or",
        ),
        ({"strict_mode": 1}, "tool 'echo_name': strict_mode must be a bool, got int"),
        ({"use_docstring_info": 1}, "tool 'echo_name': use_docstring_info must be a bool, got int"),
        ({"abandon_on_cancel": 1}, "tool 'echo_name': abandon_on_cancel must be a bool, got int"),
    ],
    ids=str,
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        function_tool(echo_name, **options)
    assert str(caught.value).startswith(message)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(UserError, match="tool name '<lambda>' must be"):
        function_tool(lambda: None)


def test_a_tool_is_no_function() -> None:
    not_a_function: Any = add
    with pytest.raises(UserError, match="what function_tool is given must be callable, got Func"):
        function_tool(not_a_function)


async def ask_async(*args: Any) -> bool:
    return bool(args[-1] == "call_1")


def ask(*args: Any) -> bool:
    return bool(args[-1] == "call_1")


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False)])
async def test_fixed_answers(value: bool, expected: bool) -> None:
    tool = by_hand(is_enabled=value, needs_approval=value)
    assert await tool.enabled(context(), RealtimeAgent("a")) is expected
    assert await tool.approval_needed(context("not json")) is expected


@pytest.mark.parametrize("function", [ask, ask_async])
async def test_approval_is_asked_with_the_arguments_and_the_call(
    function: Callable[..., Any],
) -> None:
    seen: list[Any] = []

    def needs(*args: Any) -> Any:
        seen.extend(args)
        return function(*args)

    ctx = context('{"a": "3"}')
    assert await by_hand(needs_approval=needs).approval_needed(ctx) is True
    assert seen == [ctx, {"a": "3"}, "call_1"]


async def test_approval_of_a_call_without_arguments_that_can_be_read() -> None:
    with pytest.raises(ToolArgumentsError):
        await by_hand(needs_approval=ask).approval_needed(context("not json"))


async def test_enabled_is_asked_with_the_context_and_the_agent() -> None:
    agent = RealtimeAgent[str]("a")
    seen: list[Any] = []

    async def enabled(*args: Any) -> bool:
        seen.extend(args)
        return False

    ctx = context()
    assert await by_hand(is_enabled=enabled).enabled(ctx, agent) is False
    assert seen == [ctx, agent]


async def test_a_failure_is_told_without_details_by_default() -> None:
    text = await add.failure_output(context(), LookupError("hunter2"))
    assert (
        text
        == DEFAULT_TOOL_ERROR
        == ("An error occurred while running the tool. Please try again.")
    )


async def test_wrong_arguments_are_told_with_their_place() -> None:
    with pytest.raises(ToolArgumentsError) as caught:
        add.bind('{"a": "1"}')
    assert await add.failure_output(context(), caught.value) == (
        "Invalid arguments. arguments.a: expected integer, got string"
    )


async def test_a_failure_can_be_told_in_other_words() -> None:
    async def say(ctx: ToolContext[Any], exc: Exception) -> str:
        return f"{ctx.tool_call_id}: {exc}"

    tool = by_hand(failure_error_function=say)
    assert await tool.failure_output(context(), LookupError("no room")) == "call_1: no room"


async def test_a_failure_is_raised_where_it_is_not_to_be_told() -> None:
    error = LookupError("no room")
    with pytest.raises(LookupError) as caught:
        await by_hand(failure_error_function=None).failure_output(context(), error)
    assert caught.value is error


async def test_a_timeout_is_told() -> None:
    assert await by_hand(timeout=2.5).timeout_output(context()) == (
        "Tool 'it' timed out after 2.5 seconds."
    )


async def test_a_timeout_is_told_in_the_words_of_the_sdk() -> None:
    """Prompts and tests that look for the SDK's text find it."""
    peer = pytest.importorskip("agents.tool")
    for seconds in (2.5, 5, 0.125):
        text = peer.default_tool_timeout_error_message(tool_name="it", timeout_seconds=seconds)
        assert await by_hand(timeout=seconds).timeout_output(context()) == text


async def test_a_timeout_can_be_told_in_other_words() -> None:
    def say(ctx: ToolContext[Any], exc: Exception) -> str:
        assert isinstance(exc, ToolTimeoutError)
        assert exc.timeout_seconds == exc.timeout
        return f"{exc.tool_name} {exc.timeout}"

    tool = by_hand(timeout=2.5, timeout_error_function=say)
    assert await tool.timeout_output(context()) == "it 2.5"


async def test_a_timeout_can_be_raised() -> None:
    tool = by_hand(timeout=2.5, timeout_behavior="raise_exception")
    with pytest.raises(ToolTimeoutError, match=r"Tool 'it' timed out after 2\.5 seconds"):
        await tool.timeout_output(context())
