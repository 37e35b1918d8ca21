"""`trio_realtime.agents.tool_function`: async functions here, sync functions in threads."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from trio_realtime.agents.tool_function import BoundCall, DeclaredFunction, is_async
from trio_realtime.agents.tool_signature import read_signature
from trio_realtime.context import RunContext, ToolContext

CALLER = contextvars.ContextVar("CALLER", default="nobody")


def context() -> ToolContext[str]:
    return ToolContext("state", tool_name="it", tool_call_id="call_1", tool_arguments="{}")


def declare(function: Callable[..., Any], **options: Any) -> DeclaredFunction[str]:
    return DeclaredFunction(function=function, signature=read_signature(function, "it"), **options)


def where(ctx: RunContext[str], name: str = "x") -> tuple[str, str, str, bool]:
    on_main = threading.current_thread() is threading.main_thread()
    return ctx.context, name, CALLER.get(), on_main


async def where_async(ctx: RunContext[str], name: str = "x") -> tuple[str, str, str, bool]:
    return where(ctx, name)


def where_wrapped(ctx: RunContext[str], name: str = "x") -> Any:
    return where_async(ctx, name)


class Where:
    async def __call__(self, ctx: RunContext[str], name: str = "x") -> tuple[str, str, str, bool]:
        return where(ctx, name)


@pytest.mark.parametrize(
    ("function", "on_main"),
    [(where_async, True), (Where(), True), (where, False), (where_wrapped, True)],
)
async def test_functions_run_where_they_may(function: Callable[..., Any], on_main: bool) -> None:
    CALLER.set("somebody")
    declared = declare(function)
    assert await declared(context(), '{"name": "y"}') == ("state", "y", "somebody", on_main)
    assert await declared(context(), "{}") == ("state", "x", "somebody", on_main)


async def test_without_context_only_the_arguments_are_passed() -> None:
    def double(number: int) -> int:
        return number * 2

    assert await declare(double)(context(), '{"number": 3}') == 6


async def test_exceptions_are_raised_unchanged() -> None:
    error = LookupError("no room")

    def fail() -> None:
        raise error

    async def fail_async() -> None:
        raise error

    for function in (fail, fail_async):
        with pytest.raises(LookupError) as caught:
            await declare(function)(context(), "{}")
        assert caught.value is error


async def test_cancelling_waits_for_a_thread() -> None:
    entered, leave = threading.Event(), threading.Event()
    left: list[bool] = []

    def block() -> None:
        entered.set()
        leave.wait(10)
        left.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(declare(block), context(), "{}")
        await trio.to_thread.run_sync(entered.wait)
        nursery.cancel_scope.cancel()
        leave.set()
    assert left == [True]


async def test_cancelling_abandons_a_thread_that_says_so() -> None:
    entered, leave = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        leave.wait(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(declare(block, abandon_on_cancel=True), context(), "{}")
        await trio.to_thread.run_sync(entered.wait)
        nursery.cancel_scope.cancel()
    assert not leave.is_set()
    leave.set()


async def test_a_bound_call_can_be_made_by_hand() -> None:
    async def echo(ctx: ToolContext[str], arguments: str) -> str:
        return ctx.context + arguments

    bound = BoundCall[str](function=echo, args=("{}",))
    assert await bound.run(context()) == "state{}"
    assert await bound.run(context()) == "state{}"


def test_reprs_show_no_arguments() -> None:
    assert "hunter2" not in repr(declare(where).bind('{"name": "hunter2"}'))


@pytest.mark.parametrize(
    ("function", "expected"), [(where_async, True), (Where(), True), (where, False)]
)
def test_what_is_async(function: Callable[..., Any], expected: bool) -> None:
    assert is_async(function) is expected
