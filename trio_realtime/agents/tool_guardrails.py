"""Guardrails of one tool: checks of a call before it runs, and of its output after.

Each answers with a `ToolGuardrailFunctionOutput`: go on, tell the model something else instead, or
end the session. Sessions run them; the guardrails of what is said are in `guardrails`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, overload

import attrs

from trio_realtime.context import TContext, ToolContext

from .._util.maybe_async import MaybeAwaitable
from .guardrail_function import Guardrail, declare

if TYPE_CHECKING:
    from .agent import RealtimeAgent


@attrs.frozen(kw_only=True)
class ToolGuardrailFunctionOutput:
    """What a tool guardrail decided. Made by `allow`, `reject_content` or `raise_exception`.

    ``output_info`` is anything the application wants to find again in the result.
    """

    behavior: Literal["allow", "reject_content", "raise_exception"] = "allow"
    message: str = attrs.field(default="", repr=False)
    output_info: Any = attrs.field(default=None, repr=False)

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Go on."""
        return cls(output_info=output_info)

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Do not call the tool, or do not use its output: the model gets ``message`` instead."""
        return cls(behavior="reject_content", message=message, output_info=output_info)

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """End the session with a tripwire error."""
        return cls(behavior="raise_exception", output_info=output_info)


@attrs.frozen(kw_only=True)
class ToolInputGuardrailData(Generic[TContext]):
    """What an input guardrail sees: the call is ``context.tool_name`` and ``.tool_arguments``."""

    context: ToolContext[TContext]
    agent: RealtimeAgent[TContext]


@attrs.frozen(kw_only=True)
class ToolOutputGuardrailData(ToolInputGuardrailData[TContext]):
    """What an output guardrail sees: the call, and what the tool returned."""

    output: Any = attrs.field(repr=False)


ToolInputGuardrailFunction: TypeAlias = Callable[
    [ToolInputGuardrailData[TContext]], MaybeAwaitable[ToolGuardrailFunctionOutput]
]
ToolOutputGuardrailFunction: TypeAlias = Callable[
    [ToolOutputGuardrailData[TContext]], MaybeAwaitable[ToolGuardrailFunctionOutput]
]


@attrs.define(eq=False, kw_only=True)
class ToolInputGuardrail(Guardrail[ToolInputGuardrailFunction[TContext]]):
    """A check of a call before the tool runs. The function may be async."""

    decorator: ClassVar[str] = "tool_input_guardrail"

    async def run(self, data: ToolInputGuardrailData[TContext]) -> ToolGuardrailFunctionOutput:
        """Ask the function. Raises what it raises, and `TypeError` if it returns something else."""
        return await self._ask(ToolGuardrailFunctionOutput, data)


@attrs.define(eq=False, kw_only=True)
class ToolOutputGuardrail(Guardrail[ToolOutputGuardrailFunction[TContext]]):
    """A check of what a tool returned, before the model gets it. The function may be async."""

    decorator: ClassVar[str] = "tool_output_guardrail"

    async def run(self, data: ToolOutputGuardrailData[TContext]) -> ToolGuardrailFunctionOutput:
        """Ask the function. Raises what it raises, and `TypeError` if it returns something else."""
        return await self._ask(ToolGuardrailFunctionOutput, data)


@overload
def tool_input_guardrail(
    function: ToolInputGuardrailFunction[TContext], /
) -> ToolInputGuardrail[TContext]: ...
@overload
def tool_input_guardrail(
    *, name: str | None = None
) -> Callable[[ToolInputGuardrailFunction[TContext]], ToolInputGuardrail[TContext]]: ...
def tool_input_guardrail(
    function: ToolInputGuardrailFunction[Any] | None = None, /, *, name: str | None = None
) -> Any:
    """Make a function a `ToolInputGuardrail`: as ``@tool_input_guardrail``, or with a name."""

    return declare(ToolInputGuardrail[Any], function, name)


@overload
def tool_output_guardrail(
    function: ToolOutputGuardrailFunction[TContext], /
) -> ToolOutputGuardrail[TContext]: ...
@overload
def tool_output_guardrail(
    *, name: str | None = None
) -> Callable[[ToolOutputGuardrailFunction[TContext]], ToolOutputGuardrail[TContext]]: ...
def tool_output_guardrail(
    function: ToolOutputGuardrailFunction[Any] | None = None, /, *, name: str | None = None
) -> Any:
    """Make a function a `ToolOutputGuardrail`: as ``@tool_output_guardrail``, or with a name."""

    return declare(ToolOutputGuardrail[Any], function, name)
