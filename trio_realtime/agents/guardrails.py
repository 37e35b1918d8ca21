"""Guardrails of what is said: by the agent (output) and by the user (input).

A guardrail is a function that looks at a text and says whether its tripwire is triggered. Output
guardrails see what the agent has said so far in a response, again and again as it grows; input
guardrails see what the user said or typed. Sessions run them in tasks of their own and act on what
they find; the guardrails of single tools are in `tool_guardrails`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, overload

import attrs

from trio_realtime.context import RunContext, TContext

from .._util.maybe_async import MaybeAwaitable
from .guardrail_function import Guardrail, declare

if TYPE_CHECKING:
    from .agent import RealtimeAgent


@attrs.frozen(kw_only=True)
class GuardrailFunctionOutput:
    """The answer of a guardrail: whether its tripwire is triggered.

    ``output_info`` is anything that the application wants to find again in the result.
    """

    output_info: Any = attrs.field(default=None, repr=False)
    tripwire_triggered: bool = False


GuardrailFunction: TypeAlias = Callable[
    [RunContext[TContext], "RealtimeAgent[TContext]", str], MaybeAwaitable[GuardrailFunctionOutput]
]


@attrs.define(eq=False, kw_only=True)
class OutputGuardrail(Guardrail[GuardrailFunction[TContext]]):
    """A check of what the agent says. The function gets (context, agent, text) and may be async."""

    decorator: ClassVar[str] = "output_guardrail"

    async def run(
        self, context: RunContext[TContext], agent: RealtimeAgent[TContext], agent_output: str
    ) -> OutputGuardrailResult[TContext]:
        """Ask the function. Raises what it raises, and `TypeError` if it returns something else."""
        output = await self._ask(GuardrailFunctionOutput, context, agent, agent_output)
        return OutputGuardrailResult(
            guardrail=self, output=output, agent_output=agent_output, agent=agent
        )


@attrs.define(eq=False, kw_only=True)
class InputGuardrail(Guardrail[GuardrailFunction[TContext]]):
    """A check of what the user says. The function gets (context, agent, text) and may be async."""

    decorator: ClassVar[str] = "input_guardrail"

    async def run(
        self, context: RunContext[TContext], agent: RealtimeAgent[TContext], user_input: str
    ) -> InputGuardrailResult[TContext]:
        """Ask the function. Raises what it raises, and `TypeError` if it returns something else."""
        output = await self._ask(GuardrailFunctionOutput, context, agent, user_input)
        return InputGuardrailResult(
            guardrail=self, output=output, user_input=user_input, agent=agent
        )


@attrs.frozen(kw_only=True)
class OutputGuardrailResult(Generic[TContext]):
    """An output guardrail that ran: on which text, of which agent, and what it found."""

    guardrail: OutputGuardrail[TContext]
    output: GuardrailFunctionOutput
    agent_output: str = attrs.field(repr=False)
    agent: RealtimeAgent[TContext]


@attrs.frozen(kw_only=True)
class InputGuardrailResult(Generic[TContext]):
    """An input guardrail that ran: on which text, with which agent, and what it found."""

    guardrail: InputGuardrail[TContext]
    output: GuardrailFunctionOutput
    user_input: str = attrs.field(repr=False)
    agent: RealtimeAgent[TContext]


@overload
def output_guardrail(function: GuardrailFunction[TContext], /) -> OutputGuardrail[TContext]: ...
@overload
def output_guardrail(
    *, name: str | None = None
) -> Callable[[GuardrailFunction[TContext]], OutputGuardrail[TContext]]: ...
def output_guardrail(
    function: GuardrailFunction[Any] | None = None, /, *, name: str | None = None
) -> Any:
    """Make a function an `OutputGuardrail`: as ``@output_guardrail``, or with a name."""

    return declare(OutputGuardrail[Any], function, name)


@overload
def input_guardrail(function: GuardrailFunction[TContext], /) -> InputGuardrail[TContext]: ...
@overload
def input_guardrail(
    *, name: str | None = None
) -> Callable[[GuardrailFunction[TContext]], InputGuardrail[TContext]]: ...
def input_guardrail(
    function: GuardrailFunction[Any] | None = None, /, *, name: str | None = None
) -> Any:
    """Make a function an `InputGuardrail`: as ``@input_guardrail``, or with a name."""

    return declare(InputGuardrail[Any], function, name)
