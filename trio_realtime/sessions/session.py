"""`RealtimeSession`: the wiring of one conversation, and what an application can do with it.

Only wiring: the tasks and what they know are in the modules beside this one. The session opens the
connection, starts the tasks in a nursery of its own, takes the first failure, and sees to it that
when it is over nothing of it is left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Literal

import attrs
import trio

from .._nurseries import open_quiet_nursery
from ..agents.agent import RealtimeAgent
from ..config import (
    UNSET,
    RealtimeModelConfig,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    merge_settings,
)
from ..context import RunContext, TContext, Usage
from ..errors import RealtimeSessionClosed, UserError
from ..events import RealtimeHistoryUpdated, RealtimeSessionEvent
from ..items import InputText, RealtimeHistory
from ..models import inputs as model
from ..models.interface import RealtimeConnection, RealtimeModel
from .bound_agent import BoundAgent, bind_agent
from .core import SessionCore
from .event_buffer import EventBuffer
from .handoff_run import switch_agent
from .hook_calls import HookCalls
from .input_checks import InputChecks, without_automatic_responses
from .ordered_items import HistoryView
from .output_checks import OutputChecks
from .receive import Receiver
from .tool_calls import ToolCalls
from .user_input import UserInput, content_parts

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""The most audio one ``input_audio_buffer.append`` may carry, by the API's reference."""


@attrs.define(eq=False, kw_only=True)
class RealtimeSession(Generic[TContext]):
    """One conversation. Made by `RealtimeRunner.run`; used once.

    Open it with ``async with session:``, or inside a nursery of your own with ``await
    nursery.start(session.run)``. Then iterate over it for events, and send from any task. All
    ``send`` methods and the like raise `RealtimeSessionClosed` when the session is not open; after
    a failure, with the failure as cause.
    """

    _agent: RealtimeAgent[TContext] = attrs.field(alias="agent")
    _model: RealtimeModel = attrs.field(alias="model")
    _config: RealtimeRunConfig = attrs.field(alias="config")
    _model_config: RealtimeModelConfig = attrs.field(alias="model_config")
    _context: RunContext[TContext] = attrs.field(alias="context")
    _events: EventBuffer = attrs.field(init=False)
    _core: SessionCore | None = attrs.field(default=None, init=False)
    _tools: ToolCalls | None = attrs.field(default=None, init=False)
    _inputs: InputChecks | None = attrs.field(default=None, init=False)
    _over: trio.Event = attrs.field(factory=trio.Event, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _failure: BaseException | None = attrs.field(default=None, init=False)
    _failure_seen: bool = attrs.field(default=False, init=False)
    _started: bool = attrs.field(default=False, init=False)
    _manager: AbstractAsyncContextManager[None] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._events = EventBuffer(
            self._config.event_buffer_size, self._config.event_types, self._fail
        )

    # -- opening and closing -----------------------------------------------------------
    async def __aenter__(self) -> "RealtimeSession[TContext]":
        """Connect. Raises `UserError` and `RealtimeConnectionError` as `RealtimeModel.connect`."""
        manager = self._opened()
        await manager.__aenter__()
        self._manager = manager
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Close. Raises the failure of the session if nobody has seen it and the block was fine."""
        assert self._manager is not None
        return await self._manager.__aexit__(exc_type, exc, traceback)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        async with open_quiet_nursery() as nursery:
            await nursery.start(self._run)
            try:
                yield
            finally:
                await self.aclose()
        self._raise_unseen()

    async def run(
        self, *, task_status: trio.TaskStatus["RealtimeSession[TContext]"] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run the session in a nursery of yours: ``session = await nursery.start(session.run)``.

        Returns when the session is over, by `aclose`, by a clean close of the server, or by a
        failure that a task iterating over the session is given. A failure that no task is there to
        be given is raised here.
        """
        await self._run(task_status=task_status)
        if not self._events.tasks_waiting and not len(self._events):
            self._raise_unseen()

    def _raise_unseen(self) -> None:
        failure = self._events.take_failure()
        if failure is not None and not self._failure_seen:
            raise failure

    async def _run(
        self, *, task_status: trio.TaskStatus["RealtimeSession[TContext]"] = trio.TASK_STATUS_IGNORED
    ) -> None:
        if self._started:
            raise UserError("a session runs once; get another from runner.run()")
        self._started = True
        try:
            bound = await self._bind(self._agent, initial=self._model_config.initial_model_settings)
            config = attrs.evolve(self._model_config, initial_model_settings=bound.settings)
            async with self._model.connect(config) as connection, open_quiet_nursery() as nursery:
                self._start_tasks(nursery, connection, bound)
                task_status.started(self)
                await self._over.wait()
        finally:
            self._over.set()
            self._events.close()
            self._closed.set()

    def _start_tasks(
        self, nursery: trio.Nursery, connection: RealtimeConnection, bound: BoundAgent
    ) -> None:
        self._core = core = SessionCore(
            config=self._config,
            context=self._context,
            events=self._events,
            connection=connection,
            bound=bound,
            bind=self._bind_later,
        )
        hooks = HookCalls(self._context, self._config.hooks)
        self._tools = tools = ToolCalls(core, hooks, self._fail)
        checks = OutputChecks(core)
        self._inputs = inputs = InputChecks(core)
        receiver = Receiver(core, tools, checks, inputs, hooks)
        for task in (tools.run, checks.run, inputs.run, hooks.run):
            nursery.start_soon(self._guarded, task)
        nursery.start_soon(self._receive, receiver, tools)
        core.events.put(RealtimeHistoryUpdated(history=HistoryView(), info=core.info))
        self._events.on_audio_taken = receiver.audio_taken

    async def _receive(self, receiver: Receiver, tools: ToolCalls) -> None:
        """The receive task; when the server has closed cleanly, tools may finish within a bound."""
        try:
            await receiver.run()
        except Exception as exc:  # noqa: BLE001 - whatever ends the connection ends the session
            self._fail(exc)
            return
        with trio.move_on_after(self._config.close_timeout):
            await tools.wait_idle()
        self._over.set()

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as exc:  # noqa: BLE001 - the application's code runs in there
            self._fail(exc)

    def _fail(self, failure: Exception) -> None:
        """The session cannot go on. The first failure counts; the others are notes on it."""
        if self._failure is None:
            self._failure = failure
            self._events.close(failure)
            self._over.set()
        elif failure is not self._failure:
            self._failure.add_note(f"also: {failure!r}")

    async def aclose(self) -> None:
        """End the session: tools are cancelled and answered, the server is told goodbye.

        Waits until nothing is left of it, which is bounded. Idempotent, and callable from any
        task; from one of the session's own (a tool), it cancels the caller.
        """
        self._over.set()
        if self._started:
            await self._closed.wait()
        else:
            await trio.lowlevel.checkpoint()

    async def wait_closed(self) -> None:
        """Wait until the session is over and nothing is left of it."""
        await self._closed.wait()

    # -- what is known -------------------------------------------------------------------
    @property
    def history(self) -> RealtimeHistory:
        """The conversation so far, as a sequence that will not change."""
        return HistoryView() if self._core is None else self._core.history.snapshot()

    @property
    def usage(self) -> Usage:
        """The tokens spent so far; goes on counting."""
        return self._context.usage

    @property
    def current_agent(self) -> RealtimeAgent[TContext]:
        """The agent at work."""
        return self._agent if self._core is None else self._core.bound.agent

    @property
    def context(self) -> TContext:
        """The application's own context object, as given to `RealtimeRunner.run`."""
        return self._context.context

    # -- events ---------------------------------------------------------------------------
    def __aiter__(self) -> AsyncIterator[RealtimeSessionEvent]:
        """Iterate over the session's events until it is over.

        What was buffered comes first; then a failure is raised, to one task once; then the
        iteration ends. Several tasks may iterate and share the events between them. Cancelling
        loses nothing.
        """
        return self._events

    async def receive(self) -> RealtimeSessionEvent:
        """The next event.

        Raises:
            RealtimeSessionClosed: the session is over and all events have been taken.
            TrioRealtimeError: the session failed.
        """
        try:
            return await self._events.__anext__()
        except StopAsyncIteration:
            raise RealtimeSessionClosed("the session is over") from self._failure

    # -- the user's side ------------------------------------------------------------------
    async def send_message(self, message: UserInput) -> None:
        """Send a message of the user, and ask for a response to it.

        Text, or text and images: see `UserInput`. While a response is active the message waits
        for its turn; several share one response. With strict input guardrails it is sent when they
        have passed, and not at all when one trips; an event tells.

        Raises:
            UserError: the message is empty, or holds what a message cannot.
        """
        content = content_parts(message)
        self._running()
        assert self._inputs is not None
        if await self._inputs.typed("\n".join(p.text for p in content if isinstance(p, InputText))):
            await self._send(model.RealtimeModelSendUserInput(content=content))

    async def send_audio(self, pcm: bytes | bytearray | memoryview, *, commit: bool = False) -> None:
        """Send audio of the user: PCM16 mono 24 kHz little-endian, unless set otherwise.

        With ``commit`` it, and what was sent before it, becomes a user message at once; that asks
        for no response. Waits when the network cannot keep up. At most 15 MiB at a time.
        """
        if not isinstance(pcm, bytes | bytearray | memoryview):
            raise UserError(f"audio must be bytes, not {type(pcm).__name__}")
        if len(pcm) > MAX_AUDIO_BYTES:
            raise UserError(f"audio of {len(pcm)} bytes is more than the 15 MiB one event can hold")
        if not pcm and not commit:
            raise UserError("there is no audio in it")
        if pcm:
            await self._send(model.RealtimeModelSendAudio(audio=bytes(pcm), commit=commit))
        else:
            await self.commit_audio()

    async def commit_audio(self) -> None:
        """Make the audio sent so far a user message. It asks for no response."""
        await self._send(model.RealtimeModelCommitAudio())

    async def clear_audio(self) -> None:
        """Throw away the audio sent since the last message."""
        await self._send(model.RealtimeModelClearAudio())

    async def interrupt(self) -> None:
        """Stop the model: cut what is heard at what was heard, and cancel the response."""
        core = self._running()
        await core.connection.send(model.RealtimeModelSendInterrupt())
        if self._tools is not None:
            self._tools.interrupted()

    # -- the model's side -------------------------------------------------------------------
    async def create_response(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        conversation: Literal["auto", "none"] = "auto",
        input: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        output_modalities: Sequence[Literal["text", "audio"]] | None = None,
        max_output_tokens: int | Literal["inf"] | None = None,
    ) -> None:
        """Ask for a response of its own, with settings for it alone.

        It waits for its turn and is never merged with another. With ``conversation="none"`` it is
        beside the conversation: it runs at once and leaves no item behind.
        """
        params = {
            "instructions": instructions,
            "tools": None if tools is None else [tool.to_wire() for tool in tools],
            "tool_choice": tool_choice,
            "conversation": None if conversation == "auto" else conversation,
            "input": None if input is None else [dict(item) for item in input],
            "metadata": None if metadata is None else dict(metadata),
            "output_modalities": None if output_modalities is None else list(output_modalities),
            "max_output_tokens": max_output_tokens,
        }
        given = {name: value for name, value in params.items() if value is not None}
        await self._send(
            model.RealtimeModelCreateResponse(
                params=given or None, out_of_band=conversation == "none"
            )
        )

    async def update_agent(self, agent: RealtimeAgent[TContext]) -> None:
        """Let another agent go on from here. Tool calls in flight stay the old one's."""
        if not isinstance(agent, RealtimeAgent):
            raise UserError(f"agent must be a RealtimeAgent, not {type(agent).__name__}")
        await switch_agent(self._running(), agent)

    async def send_raw(self, event: Mapping[str, Any]) -> None:
        """Send a client event in wire form.

        Known types are checked for their required fields; unknown ones go out as they are.
        ``response.create`` and ``response.cancel`` wait for their turn like any other.

        Raises:
            UserError: it has no type, or is a known type without what it needs.
        """
        await self._send(model.RealtimeModelSendRawMessage(message=event))

    # -- tools --------------------------------------------------------------------------------
    async def approve_tool_call(self, call_id: str, *, always: bool = False) -> None:
        """Let a call that waits for approval run; with ``always``, later calls of its tool too.

        Raises:
            UserError: no such call waits.
        """
        self._running()
        assert self._tools is not None
        self._tools.approve(call_id, always=always)
        await trio.lowlevel.checkpoint()

    async def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """Refuse a call that waits for approval; with ``always``, later calls of its tool too.

        Raises:
            UserError: no such call waits.
        """
        self._running()
        assert self._tools is not None
        await self._tools.reject(call_id, always=always, message=rejection_message)

    # -- inside -------------------------------------------------------------------------------
    def _running(self) -> SessionCore:
        if self._core is None:
            raise RealtimeSessionClosed("the session is not open; use `async with session:`")
        if self._over.is_set():
            self._failure_seen = self._failure_seen or self._failure is not None
            raise RealtimeSessionClosed("the session is over") from self._failure
        return self._core

    async def _send(self, input: model.RealtimeModelInput) -> None:
        await self._running().connection.send(input)

    async def _bind(
        self,
        agent: RealtimeAgent[TContext],
        *,
        base: RealtimeSessionModelSettings | None = None,
        initial: RealtimeSessionModelSettings | None = None,
    ) -> BoundAgent:
        settings = base or self._config.model_settings
        if self._config.tracing_disabled:
            settings = attrs.evolve(settings, tracing=None)
        bound = await bind_agent(agent, self._context, base=settings, initial=initial)
        if self._config.guardrails_settings.input_guardrail_mode == "strict" and (
            agent.input_guardrails or self._config.input_guardrails
        ):
            return attrs.evolve(bound, settings=without_automatic_responses(bound.settings))
        return bound

    async def _bind_later(self, agent: RealtimeAgent[Any]) -> BoundAgent:
        """Bind an agent that takes over: what the first alone was given does not hold for it."""
        initial = self._model_config.initial_model_settings
        base = self._config.model_settings
        if initial is not None:
            lasting = attrs.evolve(
                initial, instructions=UNSET, prompt=UNSET, tools=UNSET, handoffs=UNSET
            )
            base = merge_settings(base, lasting)
        bound = await self._bind(agent, base=base)
        if bound.settings.instructions is UNSET:
            # Left out, the server would keep those of the agent before.
            bound = attrs.evolve(bound, settings=attrs.evolve(bound.settings, instructions=""))
        return bound
