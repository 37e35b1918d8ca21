"""Model inputs: what a session asks a `RealtimeConnection` to send.

None of them is in the form of one provider's protocol, except `RealtimeModelSendRawMessage`, which
is there for what the others do not cover.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

import attrs

from .._util.hidden_words import hidden
from .._util.settings_base import Settings, at_their_fields
from .._util.type_checks import Between, Json, check, elements, is_list, problem
from ..agents.declaration_checks import kind
from ..agents.hosted_mcp import HostedMCPTool
from ..agents.tools import FunctionTool
from ..items import InputImage, InputText, RealtimeItem
from .events import RealtimeModelToolCallEvent
from .session_settings import (
    RealtimeModality,
    RealtimeSessionModelSettings,
    check_tool_choice,
    to_modalities,
)

_ITEM_TYPES = get_args(RealtimeItem)


@attrs.frozen(kw_only=True)
class RealtimeModelSendUserInput:
    """A message of the user, usually with a request for a response to it."""

    content: tuple[InputText | InputImage, ...]
    role: Literal["user", "system"] = "user"
    start_response: bool = True
    """Whether to ask for a response: at once, or when the active one is over. Requests that wait
    for that share one response."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendAudio:
    """Audio of the user, in the session's input format."""

    audio: bytes = attrs.field(repr=False)
    commit: bool = False
    """Whether to make the buffered audio a user message. That asks for no response."""


@attrs.frozen(kw_only=True)
class RealtimeModelCommitAudio:
    """Make the buffered input audio a user message."""


@attrs.frozen(kw_only=True)
class RealtimeModelClearAudio:
    """Throw the buffered input audio away."""


def _to_modalities(value: Sequence[RealtimeModality] | None) -> Sequence[RealtimeModality] | None:
    if value is not None:
        to_modalities(value)
    return value


def _to_input(value: Sequence[Any] | None) -> Sequence[Any] | None:
    if not is_list(value):
        return value
    items = (*elements(value, ""),)
    for index, item in enumerate(items):
        if isinstance(item, Mapping):
            check(Annotated[Any, Json], cast("object", item), f"[{index}]")
        elif not isinstance(item, _ITEM_TYPES):
            raise problem(
                f"[{index}]",
                f"expected an item, or a mapping in wire form, got {type(item).__name__}",
            )
    return items


def _to_tools(value: Sequence[Any] | None) -> Sequence[Any] | None:
    if not is_list(value):
        return value
    tools = (*elements(value, ""),)
    for index, tool in enumerate(tools):
        if not isinstance(tool, FunctionTool | HostedMCPTool):
            text = f"expected a tool made by function_tool, or a HostedMCPTool, got {kind(tool)}"
            raise problem(f"[{index}]", text)
    return tools


def _to_tool_choice(value: str | Mapping[str, Any] | None) -> str | Mapping[str, Any] | None:
    check_tool_choice(value)
    return value


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class ResponseOptions(Settings):
    """Settings for one response alone; what is not given is as for the session.

    Raises:
        SettingsError: one has a wrong type or an impossible value.
    """

    instructions: str | None = attrs.field(default=None, repr=hidden)
    tools: Sequence[Any] | None = attrs.field(default=None, converter=_to_tools)
    """Tools in place of the agent's: objects of `function_tool` and `HostedMCPTool`."""
    tool_choice: str | Mapping[str, Any] | None = attrs.field(
        default=None, converter=_to_tool_choice
    )
    """``auto``, ``none``, ``required``, a function's name, or a mapping in wire form."""
    input: Sequence[Any] | None = attrs.field(default=None, converter=_to_input, repr=hidden)
    """What the model is shown in place of the conversation: items, whose ``item_id`` may be empty,
    or mappings in wire form. An empty sequence shows it nothing."""
    metadata: Mapping[str, str] | None = attrs.field(default=None, repr=hidden)
    """Pairs that the server repeats with the response."""
    output_modalities: Sequence[RealtimeModality] | None = attrs.field(
        default=None, converter=_to_modalities
    )
    max_output_tokens: Annotated[int, Between(1, 4096)] | Literal["inf"] | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelCreateResponse:
    """Ask for a response. Each request gets one of its own, unless it is ``automatic``."""

    options: ResponseOptions | None = None
    automatic: bool = False
    """Whether the response may answer other automatic requests too."""
    event_id: str | None = None
    """An id that an error about this request repeats. By default one is made."""
    out_of_band: bool = False
    """Whether the response is out of band: it does not wait for the active one, and adds nothing to
    the conversation."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendToolOutput:
    """The output of a tool call."""

    tool_call: RealtimeModelToolCallEvent
    output: str = attrs.field(repr=hidden)
    start_response: bool = True


@attrs.frozen(kw_only=True)
class RealtimeModelSendInterrupt:
    """Stop what the user is hearing: truncate it there, and cancel the response."""

    response_id: str | None = None
    """Stop only this response, and no later one."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendSessionUpdate:
    """Change the session's settings: the agent's instructions and tools among them."""

    session_settings: RealtimeSessionModelSettings


@attrs.frozen(kw_only=True)
class InsertItem:
    """Add an item to the conversation. It asks for no response."""

    item: RealtimeItem
    """A tool call is added with its output, if it has one. Speech is added as its transcript, since
    audio is not kept."""
    previous_item_id: str | None = None
    """The item to come after, or ``"root"`` for the first place; ``None``: at the end."""


@attrs.frozen(kw_only=True)
class RestoreHistory:
    """Add the items of an earlier conversation, in their order, at the end of this one.

    Items that a model cannot be given again are left out: speech without a transcript, and a tool
    call without an output, for which it would wait.
    """

    items: tuple[RealtimeItem, ...] = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class DeleteItem:
    """Take an item out of the conversation."""

    item_id: str


@attrs.frozen(kw_only=True)
class TruncateItem:
    """Cut the audio of an item of the model where the user stopped hearing it."""

    item_id: str
    content_index: int = 0
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class AnswerMcpApproval:
    """Say whether a tool of a hosted MCP server may run."""

    request_id: str
    approve: bool
    reason: str | None = attrs.field(default=None, repr=hidden)
    """What the model is told if the tool may not run."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendRawMessage:
    """A client event in wire form, for what the other inputs do not cover.

    ``response.create`` and ``response.cancel`` still wait for their turn.
    """

    message: Mapping[str, Any] = attrs.field(repr=hidden)


RealtimeModelInput: TypeAlias = (
    RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelCommitAudio
    | RealtimeModelClearAudio
    | RealtimeModelCreateResponse
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
    | InsertItem
    | RestoreHistory
    | DeleteItem
    | TruncateItem
    | AnswerMcpApproval
    | RealtimeModelSendRawMessage
)
"""Anything a connection can be asked to send."""
