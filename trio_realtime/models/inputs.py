"""Model inputs: what a session asks a `RealtimeConnection` to send."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from .._util.hidden_words import hidden
from ..items import InputImage, InputText
from .events import RealtimeModelToolCallEvent
from .session_settings import RealtimeSessionModelSettings


@attrs.frozen(kw_only=True)
class RealtimeModelSendUserInput:
    """A message of the user, and the wish for an answer to it."""

    content: tuple[InputText | InputImage, ...]
    role: Literal["user", "system"] = "user"
    start_response: bool = True
    """Ask for a response, at once or (sharing one with others) when the active one is over."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendAudio:
    """Audio of the user, in the session's input format."""

    audio: bytes = attrs.field(repr=False)
    commit: bool = False
    """Make what is buffered a user message. It asks for no response."""


@attrs.frozen(kw_only=True)
class RealtimeModelCommitAudio:
    """Make the buffered input audio a user message."""


@attrs.frozen(kw_only=True)
class RealtimeModelClearAudio:
    """Throw the buffered input audio away."""


@attrs.frozen(kw_only=True)
class RealtimeModelCreateResponse:
    """Ask for a response; of its own, unless it is automatic."""

    params: Mapping[str, Any] | None = attrs.field(default=None, repr=hidden)
    """The ``response`` object of ``response.create``, in wire form."""
    automatic: bool = False
    """It answers what was said, and may share its response with other automatic requests."""
    event_id: str | None = None
    """An id by which errors about it can be told; made up where none is given."""
    out_of_band: bool = False
    """Beside the conversation: does not wait for, or count as, the active response."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendToolOutput:
    """The output of a tool call."""

    tool_call: RealtimeModelToolCallEvent
    output: str = attrs.field(repr=hidden)
    start_response: bool = True


@attrs.frozen(kw_only=True)
class RealtimeModelSendInterrupt:
    """Stop what the user is hearing: truncate it at what was heard, and cancel the response."""

    response_id: str | None = None
    """Only this response: a later one, and its audio, are left alone."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendSessionUpdate:
    """Change the session's settings: the agent's instructions and tools among them."""

    session_settings: RealtimeSessionModelSettings


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
    | RealtimeModelSendRawMessage
)
"""Anything a connection can be asked to send."""

UserInput: TypeAlias = str | Mapping[str, Any] | Sequence[InputText | InputImage]
"""What `send_message` accepts."""
