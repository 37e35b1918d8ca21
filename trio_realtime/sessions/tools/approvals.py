"""Approvals: decisions for every call of a tool, and the text for a call that was rejected.

`approve_tool_call` and `reject_tool_call` with ``always=True`` put decisions in here, and the tool
task looks here before it asks the application. The ledger knows which calls wait for a decision.
"""

from collections.abc import Callable
from typing import Any, Literal

import attrs

from ..._util.maybe_async import call
from ...context import RunContext

DEFAULT_REJECTION = "Tool execution was not approved."


@attrs.frozen(kw_only=True)
class ToolErrorFormatterArgs:
    """The argument of ``tool_error_formatter``, which returns text, or ``None`` for the default."""

    tool_name: str
    call_id: str
    run_context: RunContext[Any]
    default_message: str = DEFAULT_REJECTION
    kind: Literal["approval_rejected"] = "approval_rejected"
    tool_type: Literal["function"] = "function"


async def rejection_text(
    formatter: Callable[..., Any] | None, message: str | None, args: ToolErrorFormatterArgs
) -> str:
    """The text that the model gets for a rejected call.

    It is ``message`` if there is one, else what the formatter returns, else the default. Raises
    what the formatter raises.
    """
    if message is not None:
        return message
    if formatter is not None:
        made = await call(formatter, args)
        if made is not None:
            return str(made)
    return args.default_message


@attrs.frozen
class Decision:
    """A decision for every later call of a tool."""

    approved: bool
    message: str | None = None
    """The text that the model gets for a rejected call, if it was given."""


@attrs.define(eq=False, repr=False)
class StandingDecisions:
    """What was decided with ``always=True`` in one session, by the names of the tools."""

    _decisions: dict[str, Decision] = attrs.field(factory=dict[str, Decision])

    def of(self, tool_name: str) -> Decision | None:
        """The latest decision for this tool; ``None`` if the application is to be asked each time.

        Not async, so that the decision still holds when the caller acts on it.
        """
        return self._decisions.get(tool_name)

    def decide(self, tool_name: str, decision: Decision) -> None:
        """Set the decision for every later call of this tool."""
        self._decisions[tool_name] = decision
