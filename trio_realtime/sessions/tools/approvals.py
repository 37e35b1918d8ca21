"""Approvals: which calls wait for a human, what was decided for good, and what the model is told.

The tool task asks before it runs a tool; `approve` and `reject` come from the application.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import attrs

from ..._util.maybe_async import call
from ...context import RunContext
from ...errors import UserError

TCall = TypeVar("TCall")

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
    """What the model is told of a rejected call: the message, else the formatter's, else ours."""
    if message is not None:
        return message
    if formatter is not None:
        made = await call(formatter, args)
        if made is not None:
            return str(made)
    return args.default_message


@attrs.define(eq=False, repr=False)
class Approvals(Generic[TCall]):
    """The approvals of one session."""

    _waiting: dict[str, tuple[str, TCall]] = attrs.field(factory=dict[str, tuple[str, TCall]])
    """Call id to the tool's name and the call."""
    _always_approved: set[str] = attrs.field(factory=set[str])
    _always_rejected: dict[str, str | None] = attrs.field(factory=dict[str, str | None])

    def decided(self, tool_name: str) -> bool | None:
        """What was decided for every call of this tool; ``None``: ask."""
        if tool_name in self._always_approved:
            return True
        if tool_name in self._always_rejected:
            return False
        return None

    def message(self, tool_name: str) -> str | None:
        """What was said when every call of this tool was rejected."""
        return self._always_rejected.get(tool_name)

    def wait(self, call_id: str, tool_name: str, call: TCall) -> None:
        """A call waits from now on."""
        self._waiting[call_id] = (tool_name, call)

    def approve(self, call_id: str, *, always: bool) -> TCall:
        """The call goes on, and with ``always`` every later call of the tool without asking."""
        tool_name, call = self._take(call_id)
        if always:
            self._always_approved.add(tool_name)
            self._always_rejected.pop(tool_name, None)
        return call

    def reject(self, call_id: str, *, always: bool, message: str | None) -> TCall:
        """The call is refused, and with ``always`` every later call of the tool."""
        tool_name, call = self._take(call_id)
        if always:
            self._always_rejected[tool_name] = message
            self._always_approved.discard(tool_name)
        return call

    def expire(self, call_id: str) -> TCall | None:
        """Nobody decided in time; ``None`` when somebody did."""
        waiting = self._waiting.pop(call_id, None)
        return None if waiting is None else waiting[1]

    def _take(self, call_id: str) -> tuple[str, TCall]:
        waiting = self._waiting.pop(call_id, None)
        if waiting is None:
            known = ", ".join(map(repr, self._waiting)) or "none"
            raise UserError(f"no tool call {call_id!r} waits for approval; waiting: {known}")
        return waiting
