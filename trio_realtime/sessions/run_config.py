"""`RealtimeRunConfig`: how the sessions of a runner run, with the settings classes inside it.

Wherever one of these classes is expected, also inside another, a mapping with the same keys does.
Anything wrong is a `SettingsError` that names the path, raised when the object is made.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_args

import attrs

from .._util.settings_base import Settings, at_their_fields, structure
from .._util.type_checks import Between, PositiveSeconds, Seconds, nearest, problem
from ..agents.guardrails import InputGuardrail, OutputGuardrail
from ..agents.hooks import RealtimeRunHooks
from ..events import (
    RealtimeMcpApprovalRequired,
    RealtimeOutputLost,
    RealtimeSessionEvent,
    SdkSessionEvent,
)
from ..models.session_settings import RealtimeSessionModelSettings
from .core.observer import SessionObserver


def _types_of(events: Any) -> frozenset[str]:
    """The ``type`` of each event of a union."""
    return frozenset(event.type for event in get_args(events))


SDK_EVENT_TYPES: Final = _types_of(SdkSessionEvent)
"""The session events that the OpenAI Agents SDK has too."""

DEFAULT_EVENT_TYPES: Final = SDK_EVENT_TYPES | _types_of(
    RealtimeOutputLost | RealtimeMcpApprovalRequired
)
"""The session events that a session delivers unless told otherwise. That the output of a tool was
lost is among them, since what the tool did counts and the model does not know of it; and that a
hosted MCP tool waits for an approval, since the conversation may wait with it."""

ALL_EVENT_TYPES: Final = _types_of(RealtimeSessionEvent)
"""Every session event there is."""


@attrs.frozen(kw_only=True, repr=False)
class RealtimeGuardrailsSettings(Settings):
    """When guardrails run, and what a trip or a failure of one does."""

    debounce_text_length: Annotated[int, Between(1)] = 100
    """Output guardrails run each time this many more characters were said, and once at the end."""
    guardrail_mode: Literal["interrupt", "hold"] = "interrupt"
    """Play output while it is checked and interrupt it on a trip, or hold it until checked."""
    guardrail_failure: Literal["report", "trip"] = "report"
    """Whether a guardrail that raises is only reported, or counts as tripped. So, for input
    guardrails, does speech that could not be transcribed and hence not be checked."""
    input_guardrail_mode: Literal["parallel", "strict"] = "parallel"
    """Check what the user says while the model answers, or before it may."""
    transcript_timeout: PositiveSeconds = 15.0
    """Seconds that a strict check waits for the transcript of what the user said. Then the speech
    is treated like speech that could not be transcribed."""


@attrs.frozen(kw_only=True, repr=False)
class RealtimeToolExecutionConfig(Settings):
    """How tool calls are run."""

    pre_approval_tool_input_guardrails: bool = False
    """Also run a tool's input guardrails before its approval is asked for."""
    max_concurrent_calls: Annotated[int, Between(1)] | None = None
    """Tools running at once; further calls wait their turn. None: no limit."""
    approval_timeout: Seconds | None = None
    """Seconds an approval may be waited for; the call is then rejected. None: no limit."""


@attrs.frozen(kw_only=True, repr=False)
class RealtimeIdleConfig(Settings):
    """What to do when the user says nothing for long. Seconds of silence."""

    nudge_after: Annotated[float, Between(0.1)] | None = None
    """Speak up after this; ``None``: never."""
    nudge: str = "The user has been silent. Ask briefly whether they are still there."
    """Instructions for what to say then."""
    nudges: Annotated[int, Between(0)] = 1
    """How often before giving up."""
    end_after: Annotated[float, Between(0.1)] = 60.0
    """End the session after this much silence, counted anew after each nudge."""


def _to_idle(
    value: RealtimeIdleConfig | Mapping[str, Any] | None,
) -> RealtimeIdleConfig | None:
    return None if value is None else structure(RealtimeIdleConfig, value)


def _to_model_settings(
    value: RealtimeSessionModelSettings | Mapping[str, Any],
) -> RealtimeSessionModelSettings:
    return structure(RealtimeSessionModelSettings, value)


def _to_guardrails_settings(
    value: RealtimeGuardrailsSettings | Mapping[str, Any],
) -> RealtimeGuardrailsSettings:
    return structure(RealtimeGuardrailsSettings, value)


def _to_tool_execution(
    value: RealtimeToolExecutionConfig | Mapping[str, Any],
) -> RealtimeToolExecutionConfig:
    return structure(RealtimeToolExecutionConfig, value)


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeRunConfig(Settings):
    """How the sessions of a runner run."""

    model_settings: RealtimeSessionModelSettings = attrs.field(
        factory=RealtimeSessionModelSettings, converter=_to_model_settings
    )
    """Settings of the model. ``initial_model_settings`` of the model config win over these."""
    output_guardrails: Sequence[OutputGuardrail[Any]] = ()
    """Guardrails for what the model says, in addition to the agent's own."""
    input_guardrails: Sequence[InputGuardrail[Any]] = ()
    """Guardrails for what the user says, in addition to the agent's own."""
    guardrails_settings: RealtimeGuardrailsSettings = attrs.field(
        factory=RealtimeGuardrailsSettings, converter=_to_guardrails_settings
    )
    idle: RealtimeIdleConfig | None = attrs.field(default=None, converter=_to_idle)
    """What to do when the user is silent for long. None: nothing."""
    hooks: RealtimeRunHooks[Any] | None = None
    """Called for everything in a session. None: nothing is called."""
    tracing_disabled: bool = False
    """Ask the server for no trace, whatever the model settings say."""
    async_tool_calls: bool = True
    """Run tool calls at the same time; False keeps them in the order of their arrival."""
    tool_execution: RealtimeToolExecutionConfig = attrs.field(
        factory=RealtimeToolExecutionConfig, converter=_to_tool_execution
    )
    tool_error_formatter: Callable[..., Any] | None = None
    """Makes the text that the model gets when a tool call is refused."""
    events: Literal["sdk", "all"] | Collection[str] = "sdk"
    """The events the application's stream carries: the SDK's with ``output_lost`` and
    ``mcp_approval_required``, all, or those of these types."""
    event_buffer_size: Annotated[int, Between(1)] = 20_000
    """Events the application may leave unread before the session fails with
    `EventBufferOverflow`."""
    close_timeout: Seconds = 5.0
    """Seconds that a session which closes has for its tool calls, all together: to send an output
    for each of them and, where the server ended the session cleanly, to finish those that run."""
    observers: Sequence[Any] = ()
    """Each a `SessionObserver`, which then sees all sessions of the runner, or a function (or a
    class) that makes one for each session."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        for index, observer in enumerate(self.observers):
            if not isinstance(observer, SessionObserver) and not callable(observer):
                kind = type(observer).__name__
                text = f"must be a SessionObserver, or a function that makes one, not {kind}"
                raise problem(f"observers[{index}]", text)
        for name in self.event_types:
            if name not in ALL_EVENT_TYPES:
                text = f"unknown event type {name!r}; {nearest(name, sorted(ALL_EVENT_TYPES))}"
                raise problem("events", text)

    @property
    def event_types(self) -> frozenset[str]:
        """The types that ``events`` stands for."""
        if self.events == "sdk":
            return DEFAULT_EVENT_TYPES
        return ALL_EVENT_TYPES if self.events == "all" else frozenset(self.events)
