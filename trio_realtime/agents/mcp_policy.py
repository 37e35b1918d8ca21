"""Which tools of an MCP server an agent is offered, and which calls a person has to approve.

Both are options of `MCPServer`: `check_filter` and `read_approval` check them when a server is
declared, and sessions call `passes` and `approval_for` for each tool. A tool is an
``mcp.types.Tool``, which is imported for type checkers only.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

import attrs

from trio_realtime.context import RunContext
from trio_realtime.errors import UserError

from .._util.maybe_async import MaybeAwaitable, call
from .._util.type_checks import is_list
from .declaration_checks import check_option, kind

if TYPE_CHECKING:
    from mcp.types import Tool

    from .agent import RealtimeAgent


@attrs.frozen(kw_only=True)
class ToolFilterContext:
    """What a function that filters tools is told about the session and the agent that ask."""

    run_context: RunContext[Any]
    agent: "RealtimeAgent[Any]"
    server_name: str


class ToolFilterStatic(TypedDict, total=False):
    """A filter by name. What is in both lists is blocked."""

    allowed_tool_names: Sequence[str]
    """Offer these and no others."""
    blocked_tool_names: Sequence[str]
    """Do not offer these."""


ToolFilter: TypeAlias = (
    ToolFilterStatic | Callable[[ToolFilterContext, "Tool"], MaybeAwaitable[bool]] | None
)
"""Names, or a function, sync or async, that is asked with (context, tool); None offers all."""

Decision: TypeAlias = Literal["always", "never"]

RequireApproval: TypeAlias = (
    Decision
    | bool
    | Mapping[str, Any]
    | Callable[[RunContext[Any], "RealtimeAgent[Any]", "Tool"], MaybeAwaitable[bool]]
)
"""For all tools; ``{"always": names, "never": names}``, where names are a list or
``{"tool_names": [...]}``; ``{name: "always" | "never"}``; or a function, sync or async, that is
asked with (context, agent, tool) at each call."""


def create_static_tool_filter(
    allowed_tool_names: Sequence[str] | None = None,
    blocked_tool_names: Sequence[str] | None = None,
) -> ToolFilterStatic | None:
    """Return the filter for these lists of names; None if both are None."""
    made = ToolFilterStatic()
    if allowed_tool_names is not None:
        made["allowed_tool_names"] = allowed_tool_names
    if blocked_tool_names is not None:
        made["blocked_tool_names"] = blocked_tool_names
    return made or None


def check_filter(what: str, value: object) -> None:
    """Raise `UserError` for what is no `ToolFilter`."""
    if value is None or callable(value):
        return
    if not isinstance(value, Mapping):
        raise UserError(
            f"{what}: tool_filter must be lists of names or a function, got {kind(value)}"
        )
    for key, names in cast("Mapping[str, object]", value).items():
        check_option(f"{what}: tool_filter", key, ToolFilterStatic.__annotations__)
        _names(f"{what}: tool_filter: {key}", names)


async def passes(tool_filter: ToolFilter, context: ToolFilterContext, tool: "Tool") -> bool:
    """Whether the tool is offered. Raises what a function raises."""
    if tool_filter is None:
        return True
    if callable(tool_filter):
        return await call(tool_filter, context, tool)
    allowed = tool_filter.get("allowed_tool_names")
    return (allowed is None or tool.name in allowed) and (
        tool.name not in tool_filter.get("blocked_tool_names", ())
    )


@attrs.frozen
class NamedApprovals:
    """Decisions by the name of the tool."""

    by_name: Mapping[str, bool]
    others: bool
    """Whether calls of tools that are not named need an approval."""


ApprovalFunction: TypeAlias = Callable[
    [RunContext[Any], "RealtimeAgent[Any]", "Tool"], MaybeAwaitable[bool]
]
ApprovalPolicy: TypeAlias = bool | NamedApprovals | ApprovalFunction


def read_approval(what: str, value: object) -> ApprovalPolicy:
    """A `RequireApproval` as a bool, `NamedApprovals`, or the function it is.

    Raises `UserError` for anything else. If only tools that ``never`` need approval are named, all
    other tools need it. In every other form, a tool that is not named needs none.
    """
    if value is None:
        return False
    if callable(value):
        return cast("ApprovalFunction", value)
    if not isinstance(value, Mapping):
        return _decision(f"{what}: require_approval", value)
    table = cast("Mapping[str, object]", value)
    if table.keys() <= {"always", "never"} and not any(
        isinstance(entry, str | bool) for entry in table.values()
    ):
        return _approval_lists(what, table)
    decisions = {
        name: _decision(f"{what}: require_approval[{name!r}]", entry)
        for name, entry in table.items()
    }
    return NamedApprovals(decisions, others=False)


def _approval_lists(what: str, table: Mapping[str, object]) -> NamedApprovals:
    always = _listed(f"{what}: require_approval: always", table.get("always", ()))
    never = _listed(f"{what}: require_approval: never", table.get("never", ()))
    for name in always:
        if name in never:
            raise UserError(
                f"{what}: require_approval: {name!r} is both in 'always' and in 'never'"
            )
    decisions = {**dict.fromkeys(always, True), **dict.fromkeys(never, False)}
    return NamedApprovals(decisions, others="never" in table and "always" not in table)


def _listed(what: str, value: object) -> list[str]:
    if isinstance(value, Mapping):
        listed = cast("Mapping[str, object]", value)
        for key in listed:
            check_option(what, key, ("tool_names",))
        value = listed.get("tool_names", ())
    return _names(what, value)


def _names(what: str, value: object) -> list[str]:
    if not is_list(value):
        raise UserError(f"{what} must be a list of names, got {kind(value)}")
    names = [*value]
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise UserError(f"{what}[{index}] must be a str, got {kind(name)}")
    return cast("list[str]", names)


def _decision(what: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("always", "never"):
        raise UserError(f"{what} must be 'always' or 'never'")
    return value == "always"


def approval_for(
    policy: ApprovalPolicy, agent: "RealtimeAgent[Any]", tool: "Tool"
) -> bool | Callable[[RunContext[Any], dict[str, Any], str], Awaitable[bool]]:
    """The ``needs_approval`` of the `FunctionTool` made of a server's tool."""
    if isinstance(policy, NamedApprovals):
        return policy.by_name.get(tool.name, policy.others)
    if isinstance(policy, bool):
        return policy

    async def ask(ctx: RunContext[Any], arguments: dict[str, Any], call_id: str) -> bool:
        del arguments, call_id
        return await call(policy, ctx, agent, tool)

    return ask
