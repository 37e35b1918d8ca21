"""The life of a session: opening, running, failing, closing; and the tasks it consists of.

`session` adds what an application can do with it. Here the connection is opened, the first failure
is taken, and it is seen to that when the session is over nothing of it is left.

The session's own task holds the connection and receives from it; it is cancelled when the session
is to end. Tool calls, guardrails and the like have tasks beside it, in a nursery of the session's,
from when they are first needed.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Generic, Self

import attrs
import trio

from .._util.nurseries import open_quiet_nursery
from .._util.type_checks import UNSET
from ..agents.agent import RealtimeAgent
from ..context import RunContext, TContext
from ..errors import RealtimeConnectionError, RealtimeSessionClosed, UserError
from ..events import RealtimeError, RealtimeEventInfo, RealtimeHistoryUpdated
from ..models.inputs import (
    RealtimeModelCreateResponse,
    RealtimeModelSendAudio,
    RealtimeModelSendSessionUpdate,
)
from ..models.interface import RealtimeConnection, RealtimeModel
from ..models.model_config import RealtimeModelConfig
from ..models.session_settings import RealtimeSessionModelSettings, merge_settings
from .asking.responses import Responses
from .core.bound_agent import BoundAgent, bind_agent
from .core.event_buffer import EventBuffer
from .core.hook_calls import HookCalls
from .core.idle import IdleWatch
from .core.session_core import SessionCore
from .guardrails.input_checks import InputChecks
from .guardrails.output_checks import OutputChecks
from .history.ordered_items import HistoryView
from .link.model_link import ModelLink
from .mcp.session_servers import MCPTools
from .receiver import Receiver
from .run_config import RealtimeRunConfig
from .tools.serving import ToolCalls

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
    _info: RealtimeEventInfo = attrs.field(init=False)
    _events: EventBuffer = attrs.field(init=False)
    _mcp: MCPTools = attrs.field(init=False)
    _parts: Parts | None = attrs.field(default=None, init=False)
    _early_audio: list[RealtimeModelSendAudio] = attrs.field(
        factory=list[RealtimeModelSendAudio], init=False
    )
    _ready: trio.Event = attrs.field(factory=trio.Event, init=False)
    _over: bool = attrs.field(default=False, init=False)
    _talking: trio.CancelScope | None = attrs.field(default=None, init=False)
    """Of all tasks that talk with the model, while there are some."""
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _failure: BaseException | None = attrs.field(default=None, init=False)
    _failure_seen: bool = attrs.field(default=False, init=False)
    _started: bool = attrs.field(default=False, init=False)
    _nursery: open_quiet_nursery | None = attrs.field(default=None, init=False)
    """Of the session's task, when `run` is not called in one of the application's."""

    def __attrs_post_init__(self) -> None:
        self._info = RealtimeEventInfo(context=self._context)
        self._events = EventBuffer(
            self._config.event_buffer_size, self._info, self._config.event_types, self._fail
        )

    def __repr__(self) -> str:
        """Without anything that was said."""
        state = "over" if self._over else "open" if self._parts else "not open"
        return f"<{type(self).__name__} of agent {self._agent.name!r}, {state}>"

    # -- opening ---------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        """Connect. Raises `UserError` and `RealtimeConnectionError` as `RealtimeModel.connect`."""
        async with AsyncExitStack() as opening:
            quiet = open_quiet_nursery()
            nursery = await opening.enter_async_context(quiet)
            await nursery.start(self._run)
            opening.pop_all()
            self._nursery = quiet
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Close. Raises the failure of the session if nobody has seen it and the block was fine."""
        assert self._nursery is not None
        try:
            await self.aclose()
        except BaseException as cancelled:
            await self._nursery.__aexit__(type(cancelled), cancelled, cancelled.__traceback__)
            raise
        swallowed = await self._nursery.__aexit__(exc_type, exc, traceback)
        if exc is None:
            self._raise_unseen()
        return swallowed

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
            self._over = True
            self._ready.set()
            self._events.close()
            if self._parts is not None:
                self._parts.responses.close(self._failure)
            self._closed.set()

    async def _talk(self, task_status: trio.TaskStatus[Self]) -> None:
        bound = await self._bind(self._agent, initial=self._model_config.initial_model_settings)
        config = attrs.evolve(self._model_config, initial_model_settings=bound.settings)
        async with self._model.connect(config) as connection:
            try:
                async with open_quiet_nursery() as nursery:
                    self._talking = nursery.cancel_scope
                    if self._over:
                        self._talking.cancel()
                    receiver, self._parts = self._put_together(nursery, connection, bound)
                    nursery.start_soon(self._begin, connection, task_status)
                    await self._receive(receiver, self._parts.tools)
            finally:
                self._talking = None

    async def _begin(
        self, connection: RealtimeConnection, task_status: trio.TaskStatus[Self]
    ) -> None:
        """Send what was kept while the session connected, in order; then the session is open.

        In a task of its own, so that the connection is read meanwhile.
        """
        try:
            while self._early_audio:
                await connection.send(self._early_audio.pop(0))
        except (RealtimeConnectionError, RealtimeSessionClosed):
            pass  # the receiving task has seen it too, and has the reason
        except Exception as exc:  # noqa: BLE001 - a model of the application's may raise anything
            self._fail(exc)
        finally:
            self._ready.set()
            task_status.started(self)

    def _tell_error(self, error: Exception) -> None:
        """As `SessionCore.tell_error`, also while there is no core yet."""
        self._events.put(RealtimeError(error=error, info=self._info))

    async def _renew_tools(self) -> None:
        """Tools of an MCP server changed: the model is told what the agent has now."""
        core = self._open().core
        bound = core.bound
        renewed = await self._mcp.renewed(bound, self._context)
        if core.bound is bound:  # else another agent took over meanwhile, with the tools of now
            core.bound = renewed
            await core.link.send(RealtimeModelSendSessionUpdate(session_settings=renewed.settings))

    def _put_together(
        self, nursery: trio.Nursery, connection: RealtimeConnection, bound: BoundAgent
    ) -> tuple[Receiver, Parts]:
        def start_task(task: Callable[[], Awaitable[None]]) -> None:
            if self._talking is not None:  # else an MCP server has news when all is over
                nursery.start_soon(self._guarded, task)

        core = SessionCore(
            config=self._config,
            context=self._context,
            info=self._info,
            events=self._events,
            link=ModelLink(connection),
            bound=bound,
            bind=self._bind_later,
            start_task=start_task,
        )
        hooks = HookCalls(self._context, self._config.hooks, start_task)
        tools = ToolCalls(core, hooks, self._fail)
        inputs = InputChecks(core)
        responses = Responses(core)
        idle = self._idle_watch(core, tools)
        if idle is not None:
            start_task(idle.run)
        self._mcp.watch(start_task, self._renew_tools)
        receiver = Receiver(core, tools, OutputChecks(core), inputs, hooks, responses, idle)
        self._events.on_audio_taken = receiver.audio_taken
        core.events.put(RealtimeHistoryUpdated(history=HistoryView(), info=core.info))
        return receiver, Parts(
            core=core, tools=tools, inputs=inputs, responses=responses, idle=idle
        )

    def _idle_watch(self, core: SessionCore, tools: ToolCalls) -> IdleWatch | None:
        if self._config.idle is None:
            return None

        async def nudge(instructions: str) -> None:
            # That the connection is over is for the receive task to say, and perhaps no failure.
            with suppress(RealtimeConnectionError, RealtimeSessionClosed):
                await core.link.send(
                    RealtimeModelCreateResponse(params={"instructions": instructions})
                )

        def is_busy() -> bool:
            return tools.busy or core.is_speaking()

        return IdleWatch(self._config.idle, is_busy, nudge, self._finish)

    async def _receive(self, receiver: Receiver, tools: ToolCalls) -> None:
        """Receive to the end. When the server has closed cleanly, tools may finish in a bound."""
        try:
            await receiver.run()
        except Exception as exc:  # noqa: BLE001 - whatever ends the connection ends the session
            self._fail(exc)
            return
        with trio.move_on_after(self._config.close_timeout):
            await tools.wait_idle()
        self._over = True

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
            self._finish()
        elif failure is not self._failure:
            self._failure.add_note(f"also: {failure!r}")

    # -- closing ---------------------------------------------------------------------------
    def _finish(self) -> None:
        """Have the session end."""
        self._over = True
        if self._talking is not None:
            self._talking.cancel()

    async def aclose(self) -> None:
        """End the session: tools are cancelled and answered, the server is told goodbye.

        Waits until nothing is left of it, which is bounded. Idempotent, and callable from any
        task; from one of the session's own (a tool), it cancels the caller.
        """
        self._finish()
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
        if self._over and self._started:
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
