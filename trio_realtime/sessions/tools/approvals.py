"""Approvals: what was decided for every call of a tool, and what the model is told of a refusal.

Which calls wait for a decision, the ledger knows. The tool task asks here before it asks a human;
`approve_tool_call` and `reject_tool_call` of the session decide.
"""

from collections.abc import Callable
from typing import Any, Literal

import attrs

from ..._util.maybe_async import call
from ...context import RunContext

DEFAULT_REJECTION = "Tool execution was not approved."


@attrs.frozen(kw_only=True)
class ToolErrorFormatterArgs:
    """What ``tool_error_formatter`` is called with. Returning ``None`` keeps the default."""

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
    """For the model, where the calls are rejected."""


@attrs.define(eq=False, repr=False)
class StandingDecisions:
    """What was decided with ``always=True`` in one session, by the names of the tools."""

    _decisions: dict[str, Decision] = attrs.field(factory=dict[str, Decision])

    def of(self, tool_name: str) -> Decision | None:
        """What was decided last for the calls of this tool; ``None`` means that a human is asked.

        Without waiting, so that the answer still holds when it is acted on.
        """
        return self._decisions.get(tool_name)

    def decide(self, tool_name: str, decision: Decision) -> None:
        """Decide for every later call of this tool."""
        self._decisions[tool_name] = decision
