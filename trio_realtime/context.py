"""What the application's functions are called with: its own context object, and the token usage.

Instructions, tools, hooks, guardrails and handoffs get a `RunContext`; a tool gets a
`ToolContext`, which also says which call it serves. Sessions make them; nothing here waits except
`ToolContext.progress`. Keep this module free of anything that sends or receives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .agents.agent import RealtimeAgent

    # Only type checkers need the default, and they know it before Python 3.13 does.
    TContext = TypeVar("TContext", default=Any)  # pyright: ignore[reportGeneralTypeIssues]
else:
    TContext = TypeVar("TContext")


@attrs.frozen(kw_only=True)
class InputTokensDetails:
    """The input tokens by kind. ``cached_tokens`` are part of the others: how many of them were
    cached."""

    cached_tokens: int = 0
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    cached_image_tokens: int = 0

    def __add__(self, other: InputTokensDetails) -> InputTokensDetails:
        return InputTokensDetails(
            cached_tokens=self.cached_tokens + other.cached_tokens,
            text_tokens=self.text_tokens + other.text_tokens,
            audio_tokens=self.audio_tokens + other.audio_tokens,
            image_tokens=self.image_tokens + other.image_tokens,
            cached_text_tokens=self.cached_text_tokens + other.cached_text_tokens,
            cached_audio_tokens=self.cached_audio_tokens + other.cached_audio_tokens,
            cached_image_tokens=self.cached_image_tokens + other.cached_image_tokens,
        )


@attrs.frozen(kw_only=True)
class OutputTokensDetails:
    """The output tokens by kind. ``reasoning_tokens`` are part of the others: how many of them were
    spent on reasoning."""

    text_tokens: int = 0
    audio_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: OutputTokensDetails) -> OutputTokensDetails:
        return OutputTokensDetails(
            text_tokens=self.text_tokens + other.text_tokens,
            audio_tokens=self.audio_tokens + other.audio_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@attrs.define(kw_only=True)
class Usage:
    """Tokens spent: by one response, or by a session so far.

    A session keeps one running total and calls `add` with the usage of each response, so whoever
    holds `RunContext.usage` always sees the latest numbers; `snapshot` returns a copy that does not
    change. ``requests`` counts responses that reported a usage. The details are values, which never
    change.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = attrs.field(factory=InputTokensDetails)
    output_tokens_details: OutputTokensDetails = attrs.field(factory=OutputTokensDetails)

    def add(self, other: Usage) -> None:
        """Add ``other`` to this total, in place."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        self.input_tokens_details += other.input_tokens_details
        self.output_tokens_details += other.output_tokens_details

    def snapshot(self) -> Usage:
        """A copy that later calls of `add` on this one do not change."""
        return attrs.evolve(self)


@attrs.define(eq=False)
class RunContext(Generic[TContext]):
    """The application's context for one session, and what the session has spent.

    ``context`` is whatever was passed to ``runner.run(context=...)``, the same object for every
    tool, hook and guardrail; the library never looks into it. It stays out of the repr.
    """

    context: TContext = attrs.field(repr=False)
    usage: Usage = attrs.field(factory=Usage)


RunContextWrapper = RunContext
"""The name that the OpenAI Agents SDK gives to `RunContext`."""


@attrs.define(eq=False)
class ToolContext(RunContext[TContext]):
    """The context of one tool call.

    ``tool_arguments`` is the JSON text exactly as the model sent it (it stays out of the repr),
    ``tool_call_id`` what its output is sent under, and ``agent`` the agent that was speaking when
    the call was made, which stays so after a handoff.
    """

    tool_name: str = attrs.field(kw_only=True)
    tool_call_id: str = attrs.field(kw_only=True)
    tool_arguments: str = attrs.field(kw_only=True, repr=False)
    agent: RealtimeAgent[TContext] | None = attrs.field(default=None, kw_only=True)
    on_progress: Callable[[str], Awaitable[object]] | None = attrs.field(
        default=None, kw_only=True, repr=False
    )

    async def progress(self, text: str) -> None:
        """Report the progress of the tool, in words for the application.

        Always a checkpoint; cancelling it loses this report only. Where the context was made
        without ``on_progress``, as in the test of a tool, the report goes nowhere.
        """
        if self.on_progress is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.on_progress(text)
