"""The life of a session: opening, running, failing, closing; and the tasks it consists of.

`session` adds what an application can do with it. Here the connection is opened, the tasks are
started in a nursery of the session's own, the first failure is taken, and it is seen to that when
the session is over nothing of it is left.
"""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Generic, Self

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
from ..context import RunContext, TContext
from ..errors import RealtimeConnectionError, RealtimeSessionClosed, UserError
from ..events import RealtimeError, RealtimeEventInfo, RealtimeHistoryUpdated
from ..models.inputs import (
    RealtimeModelCreateResponse,
    RealtimeModelSendAudio,
    RealtimeModelSendSessionUpdate,
)
from ..models.interface import RealtimeConnection, RealtimeModel
from .bound_agent import BoundAgent, bind_agent
from .core import SessionCore
from .event_buffer import EventBuffer
from .hook_calls import HookCalls
from .idle import IdleWatch
from .input_checks import InputChecks
from .mcp_tools import MCPTools
from .ordered_items import HistoryView
from .output_checks import OutputChecks
from .receive import Receiver
from .responses import Responses
from .tool_calls import ToolCalls

EARLY_AUDIO = 480_000
"""Bytes of audio kept while the session connects: ten seconds of PCM16 at 24 kHz."""


@attrs.frozen(kw_only=True, eq=False)
class Parts:
    """What exists while a session is open."""

    core: SessionCore
    tools: ToolCalls
    inputs: InputChecks
    responses: Responses
    idle: IdleWatch | None


@attrs.define(eq=False, kw_only=True, repr=False)
class SessionLifecycle(Generic[TContext]):
    """A session without its methods for applications; see `RealtimeSession`."""

    _agent: RealtimeAgent[TContext] = attrs.field(alias="agent")
    _model: RealtimeModel = attrs.field(alias="model")
    _config: RealtimeRunConfig = attrs.field(alias="config")
    _model_config: RealtimeModelConfig = attrs.field(alias="model_config")
    _context: RunContext[TContext] = attrs.field(alias="context")
    _events: EventBuffer = attrs.field(init=False)
    _mcp: MCPTools = attrs.field(init=False)
    _parts: Parts | None = attrs.field(default=None, init=False)
    _early_audio: deque[RealtimeModelSendAudio] = attrs.field(
        factory=deque[RealtimeModelSendAudio], init=False
    )
    _ready: trio.Event = attrs.field(factory=trio.Event, init=False)
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

    def __repr__(self) -> str:
        """Without anything that was said."""
        state = "over" if self._over.is_set() else "open" if self._parts else "not open"
        return f"<{type(self).__name__} of agent {self._agent.name!r}, {state}>"

    # -- opening ---------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
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
    async def _opened(self) -> AsyncGenerator[None]:
        async with open_quiet_nursery() as nursery:
            await nursery.start(self._run)
            try:
                yield
            finally:
                await self.aclose()
        self._raise_unseen()

    async def run(self, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
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

    # -- running ---------------------------------------------------------------------------
    async def _run(self, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        if self._started:
            raise UserError("a session runs once; get another from runner.run()")
        self._started = True
        try:
            async with open_quiet_nursery() as servers:  # outlives the tool calls, which need them
                self._mcp = MCPTools(servers, self._tell_error)
                await self._talk(task_status)
        finally:
            self._over.set()
            self._ready.set()
            self._events.close()
            if self._parts is not None:
                self._parts.responses.close(self._failure)
            self._closed.set()

    async def _talk(self, task_status: trio.TaskStatus[Self]) -> None:
        bound = await self._bind(self._agent, initial=self._model_config.initial_model_settings)
        config = attrs.evolve(self._model_config, initial_model_settings=bound.settings)
        async with self._model.connect(config) as connection, open_quiet_nursery() as nursery:
            self._parts = self._start_tasks(nursery, connection, bound)
            await self._send_early_audio(connection)
            task_status.started(self)
            await self._over.wait()

    def _tell_error(self, error: Exception) -> None:
        """As `SessionCore.tell_error`, also while there is no core yet."""
        self._events.put(RealtimeError(error=error, info=RealtimeEventInfo(context=self._context)))

    async def _renew_tools(self) -> None:
        """Tools of an MCP server changed: the model is told what the agent has now."""
        core = self._open().core
        bound = core.bound
        renewed = await self._mcp.renewed(bound, self._context)
        if core.bound is bound:  # else another agent took over meanwhile, with the tools of now
            core.bound = renewed
            await core.connection.send(
                RealtimeModelSendSessionUpdate(session_settings=renewed.settings)
            )

    def _start_tasks(
        self, nursery: trio.Nursery, connection: RealtimeConnection, bound: BoundAgent
    ) -> Parts:
        core = SessionCore(
            config=self._config,
            context=self._context,
            events=self._events,
            connection=connection,
            bound=bound,
            bind=self._bind_later,
        )
        hooks = HookCalls(self._context, self._config.hooks)
        tools = ToolCalls(core, hooks, self._fail)
        checks = OutputChecks(core)
        inputs = InputChecks(core)
        responses = Responses(core)
        idle = self._idle_watch(core, tools)
        receiver = Receiver(core, tools, checks, inputs, hooks, responses, idle)
        for task in (tools.run, checks.run, inputs.run, hooks.run):
            nursery.start_soon(self._guarded, task)
        if idle is not None:
            nursery.start_soon(self._guarded, idle.run)
        nursery.start_soon(self._mcp.run, self._renew_tools)
        nursery.start_soon(self._receive, receiver, tools)
        core.events.put(RealtimeHistoryUpdated(history=HistoryView(), info=core.info))
        self._events.on_audio_taken = receiver.audio_taken
        return Parts(core=core, tools=tools, inputs=inputs, responses=responses, idle=idle)

    def _idle_watch(self, core: SessionCore, tools: ToolCalls) -> IdleWatch | None:
        if self._config.idle is None:
            return None

        async def nudge(instructions: str) -> None:
            # That the connection is over is for the receive task to say, and perhaps no failure.
            with suppress(RealtimeConnectionError, RealtimeSessionClosed):
                await core.connection.send(
                    RealtimeModelCreateResponse(params={"instructions": instructions})
                )

        def is_busy() -> bool:
            return tools.busy or core.is_speaking()

        return IdleWatch(self._config.idle, is_busy, nudge, self._over.set)

    async def _send_early_audio(self, connection: RealtimeConnection) -> None:
        """What was sent while the session connected goes first, in order."""
        while self._early_audio:
            await connection.send(self._early_audio.popleft())
        self._ready.set()

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

    # -- closing ---------------------------------------------------------------------------
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

    # -- for the methods of the session ------------------------------------------------------
    def _open(self) -> Parts:
        """What exists while the session is open; raises `RealtimeSessionClosed` when it is not."""
        if self._over.is_set() and self._started:
            self._failure_seen = self._failure_seen or self._failure is not None
            raise RealtimeSessionClosed("the session is over") from self._failure
        if self._parts is None:
            raise RealtimeSessionClosed("the session is not open; use `async with session:`")
        return self._parts

    async def _bind(
        self,
        agent: RealtimeAgent[TContext],
        *,
        base: RealtimeSessionModelSettings | None = None,
        initial: RealtimeSessionModelSettings | None = None,
    ) -> BoundAgent:
        await self._mcp.start(agent.mcp_servers)
        return await bind_agent(
            agent,
            self._context,
            run=self._config,
            base=base,
            initial=initial,
            more_tools=await self._mcp.tools(agent, self._context),
        )

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
