"""Runs the function of a tool: an async one in the caller's task, a sync one in a worker thread.

`FunctionTool` keeps a `DeclaredFunction` for each function that was made a tool. A call is bound
first, which reads its arguments and waits for nothing, and run later, perhaps after an approval.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic

import attrs
import trio

from trio_realtime.context import TContext, ToolContext

from .._util.maybe_async import call, maybe_await
from .tool_signature import ToolSignature


@attrs.frozen(kw_only=True, eq=False)
class BoundCall(Generic[TContext]):
    """A function with its arguments, as they were read from the model's JSON text.

    Only the context is missing, which `run` takes. It may be run any number of times.
    """

    function: Callable[..., Any] = attrs.field(repr=False)
    takes_context: bool = True
    args: tuple[Any, ...] = attrs.field(default=(), repr=False)
    kwargs: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    in_thread: bool = False
    abandon_on_cancel: bool = False

    async def run(self, ctx: ToolContext[TContext]) -> Any:
        """Call the function and return what it returns. Its exceptions are raised unchanged.

        A sync function runs in a worker thread, with the context variables of the caller, as soon
        as Trio's own limit on threads has room. Cancelling interrupts an async function
        at its next checkpoint. A thread cannot be interrupted: cancelling waits until it is
        done, unless the tool has ``abandon_on_cancel``; then the thread goes on unobserved
        and what it returns or raises is lost.
        """
        args = (ctx, *self.args) if self.takes_context else self.args
        function = functools.partial(self.function, *args, **self.kwargs)
        if not self.in_thread:
            return await call(function)
        # A sync wrapper around an async function looks sync until it is called. Trio refuses a
        # bare coroutine from a thread, hence the tuple.
        (result,) = await trio.to_thread.run_sync(
            lambda: (function(),), abandon_on_cancel=self.abandon_on_cancel
        )
        return await maybe_await(result)


@attrs.frozen(kw_only=True, eq=False)
class DeclaredFunction(Generic[TContext]):
    """A function that was made a tool, with its signature."""

    function: Callable[..., Any]
    signature: ToolSignature = attrs.field(repr=False)
    abandon_on_cancel: bool = False
    _in_thread: bool = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_in_thread", not is_async(self.function))

    def bind(self, arguments: str) -> BoundCall[TContext]:
        """The call for these arguments, JSON text. Raises `ToolArgumentsError`."""
        return BoundCall(
            function=self.function,
            takes_context=self.signature.takes_context,
            kwargs=self.signature.reader.read(arguments),
            in_thread=self._in_thread,
            abandon_on_cancel=self.abandon_on_cancel,
        )

    async def __call__(self, ctx: ToolContext[TContext], arguments: str) -> Any:
        """Bind and run; see `BoundCall.run`."""
        return await self.bind(arguments).run(ctx)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling ``function`` gives a coroutine; also for objects with an async call."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - asking what it is, not whether
    )
