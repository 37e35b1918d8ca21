"""The life of a session: opening, running, failing, closing; and the tasks it consists of.

`session` adds what an application can do with it. This module opens the connection, records the
first failure, and makes sure that no task and no connection outlives the session.

The session's own task holds the connection and receives from it; it is cancelled when the session
is to end. Tool calls, guardrails and the like have tasks beside it, in a nursery of the session's,
from when they are first needed.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, Self

import attrs
import trio

from .._util.nurseries import open_quiet_nursery
from ..agents.agent import RealtimeAgent
from ..context import RunContext, TContext
from ..errors import RealtimeSessionClosed, UserError
from ..events import RealtimeError, RealtimeEventInfo
from ..models.interface import RealtimeModel
from ..models.model_config import RealtimeModelConfig
from .binder import Binder
from .core.bound_agent import BoundAgent
from .core.close_deadline import CloseDeadline
from .core.event_buffer import EventBuffer, ObservedEventBuffer
from .core.observer import Observers, make_observers
from .core.session_core import SessionCore
from .failure import FailureReport
from .link.model_link import ModelLink
from .mcp.session_servers import MCPTools
from .parts import Parts, put_together
from .phase import Phase, Step, next_phase
from .run_config import RealtimeRunConfig

_USABLE: Final = frozenset({Phase.OPENING, Phase.OPEN, Phase.RENEWING})
"""Phases in which a session that is connected can be used."""

_OPEN: Final = Phase.OPEN

PATIENCE: Final = 5.0
"""Seconds that `SessionLifecycle.run` leaves to a task that reads events to come for a failure."""


def check_trio_runs() -> None:
    """Raise `UserError` where the event loop is not Trio's."""
    if not trio.lowlevel.in_trio_run():
        raise UserError(
            "a session needs Trio: start the program with trio.run(main). Under asyncio nothing of "
            "it works"
        )


@attrs.define(eq=False, kw_only=True, repr=False)
class SessionLifecycle(Generic[TContext]):
    """A session without its methods for applications; see `RealtimeSession`."""

    _agent: RealtimeAgent[TContext] = attrs.field(alias="agent")
    _model: RealtimeModel = attrs.field(alias="model")
    _config: RealtimeRunConfig = attrs.field(alias="config")
    _model_config: RealtimeModelConfig = attrs.field(alias="model_config")
    _context: RunContext[TContext] = attrs.field(alias="context")
    _phase: Phase = attrs.field(default=Phase.NEW, init=False)
    _report: FailureReport = attrs.field(factory=FailureReport, init=False)
    _observers: Observers | None = attrs.field(init=False)
    _link: ModelLink = attrs.field(init=False)
    _info: RealtimeEventInfo = attrs.field(init=False)
    _events: EventBuffer = attrs.field(init=False)
    _parts: Parts | None = attrs.field(default=None, init=False)
    _ending: trio.CancelScope | None = attrs.field(default=None, init=False)
    """The scope to cancel to end the session: that of the opening, then that of all tasks that
    talk to the model. ``None`` before the one and after the other."""
    _tasks: trio.Nursery | None = attrs.field(default=None, init=False)
    """The nursery of the tasks that talk to the model, while there are any."""
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _nursery: open_quiet_nursery | None = attrs.field(default=None, init=False)
    """The nursery of the session's task, if the application did not start `run` in its own."""

    def __attrs_post_init__(self) -> None:
        self._info = RealtimeEventInfo(context=self._context)
        self._observers = make_observers(self._config.observers)
        self._link = ModelLink(self._model.capabilities, self._observers)
        self._events = self._make_events()

    def _make_events(self) -> EventBuffer:
        config = self._config
        common = (config.event_buffer_size, self._info, config.event_types, self._report)
        told = (self._fail, self._link.audio_taken)
        if self._observers is None:
            return EventBuffer(*common, *told)
        return ObservedEventBuffer(*common, *told, observers=self._observers)

    def __repr__(self) -> str:
        """The agent's name and the state; nothing that was said."""
        over = self._phase in {Phase.CLOSING, Phase.CLOSED}
        state = "over" if over else "open" if self._parts else "not open"
        return f"<{type(self).__name__} of agent {self._agent.name!r}, {state}>"

    # -- opening ---------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            UserError: it is no new session, Trio does not run, or as `RealtimeModel.connect`.
            RealtimeConnectionError: as `RealtimeModel.connect`.
            RealtimeSessionClosed: another task, or the agent's own code, called `aclose`.
        """
        check_trio_runs()
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
        """Close. An exception of the block leaves as the same object, whatever closing meets.

        Raises the failure of the session if the block raised nothing and does not know of it.
        """
        assert self._nursery is not None
        held = exc
        try:
            await self.aclose()
        except trio.Cancelled as cancelled:
            held = cancelled if exc is None else exc
        except BaseException as interrupt:  # noqa: BLE001 - raised below: Ctrl-C, say
            held = interrupt  # the block's exception is its context
        try:
            kind, where = (None, None) if held is None else (type(held), held.__traceback__)
            swallowed = await self._nursery.__aexit__(kind, held, where)
            if held is None and (failure := self._report.tell()) is not None:
                raise failure
            if held is not None and held is not exc and not swallowed:
                raise held
            return swallowed
        finally:
            del exc, held  # they refer to this frame through their tracebacks

    async def run(self, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the session in a nursery of yours: ``session = await nursery.start(session.run)``.

        Returns when the session is over: by `aclose`, by a clean close of the server, or by a
        failure that the application has been told, as a task that iterates is. A failure that
        nobody is told is raised here: at once if no task has ever read events, else after
        five seconds in which no task came to read on. Raises as ``async with session`` when
        it cannot be opened.
        """
        check_trio_runs()
        await self._run(task_status=task_status)
        report = self._report
        if report.failure is not None and self._events.has_readers:
            with trio.move_on_after(PATIENCE):
                await report.wait_told()
        if (failure := report.tell()) is not None:
            raise failure

    # -- running ---------------------------------------------------------------------------
    async def _run(self, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        if self._phase is not Phase.NEW:
            raise UserError("a session runs once; get another from runner.run()")
        self._phase = next_phase(self._phase, Step.START)
        try:
            async with open_quiet_nursery() as servers:  # outlives the tool calls, which need them
                self._ending = servers.cancel_scope
                await self._talk(servers, task_status)
        finally:
            self._gone()
        if self._parts is None and task_status is not trio.TASK_STATUS_IGNORED:
            raise self._report.tell() or self._refusal()

    def _gone(self) -> None:
        """Note that all tasks have ended, and wake up whoever waits for that."""
        self._ending = None
        self._end()
        self._phase = next_phase(self._phase, Step.GONE)
        self._link.open_doors()
        self._events.close()
        if self._parts is not None:
            self._parts.responses.close(self._report.failure)
        if self._observers is not None:
            self._observers.session_closed(self._report.failure)
        self._closed.set()

    async def _talk(self, servers: trio.Nursery, task_status: trio.TaskStatus[Self]) -> None:
        make_mcp = partial(MCPTools, servers, self._tell_error)
        binder = Binder(self._context, self._config, self._model_config, make_mcp)
        bound = await binder.bind_first(self._agent)
        self._model.capabilities.check_settings(bound.settings)
        config = attrs.evolve(
            self._model_config,
            initial_model_settings=bound.settings,
            playback=self._model_config.own_playback(),
        )
        async with self._model.connect(config) as connection:
            self._link.replace(connection)
            try:
                async with open_quiet_nursery() as nursery:
                    self._ending, self._tasks = nursery.cancel_scope, nursery
                    core = self._make_core(binder, bound)
                    self._parts = put_together(core, binder, self._fail, self._end)
                    nursery.start_soon(self._begin, task_status)
                    await self._receive(self._parts)
            finally:
                # From here on nobody may cancel the closing handshake, nor start a task.
                self._ending = self._tasks = None

    async def _begin(self, task_status: trio.TaskStatus[Self]) -> None:
        """Send what was kept while the session connected, in order; then the session is open.

        In a task of its own, so that the connection is read meanwhile.
        """
        if self._observers is not None:
            self._observers.session_opened(self._context)
        try:
            await self._link.send_kept()
        except Exception as exc:  # noqa: BLE001 - a model of the application's may raise anything
            self._fail(exc)
        finally:
            self._phase = next_phase(self._phase, Step.OPENED)
            task_status.started(self)

    def _tell_error(self, error: Exception) -> None:
        """As `SessionCore.tell_error`, also while there is no core yet."""
        self._events.put(RealtimeError(error=error, info=self._info))

    def _make_core(self, binder: Binder, bound: BoundAgent) -> SessionCore:
        """What the tasks of the session share."""
        return SessionCore(
            config=self._config,
            context=self._context,
            info=self._info,
            events=self._events,
            link=self._link,
            close_deadline=CloseDeadline(),
            bound=bound,
            bind=binder.bind_later,
            start_task=self._start_task,
        )

    def _start_task(self, task: Callable[[], Awaitable[None]]) -> None:
        """Start a task that ends with the session; not any more once the others have ended."""
        if self._tasks is not None:  # else an MCP server has news when all is over
            self._tasks.start_soon(self._guarded, task)

    async def _receive(self, parts: Parts) -> None:
        """Receive until the connection ends. After a clean end, tools may finish in the time that
        ``close_timeout`` leaves them."""
        try:
            await parts.receiver.run()
        except Exception as exc:  # noqa: BLE001 - whatever ends the connection ends the session
            self._fail_with(exc)
        else:
            deadline = self._note_end()
            with trio.move_on_at(deadline.at):
                await parts.tools.wait_idle()
        finally:
            self._note_end()

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as exc:  # noqa: BLE001 - the application's code runs in there
            self._fail(exc)

    def _fail(self, failure: Exception) -> None:
        """End the session because one of its tasks failed.

        Nothing happens if the task failed because the connection is over. The receive task then
        knows how it ended, and a clean end is no failure.
        """
        if not self._link.caused(failure):
            self._fail_with(failure)

    def _fail_with(self, failure: Exception) -> None:
        """End the session with this failure. Only the first counts; others become notes on it."""
        if self._report.record(failure):
            self._events.close()
            self._end()

    # -- closing ---------------------------------------------------------------------------
    def _note_end(self) -> CloseDeadline:
        """Note that the session ends, and start the time limit for what is still to be sent."""
        assert self._parts is not None
        deadline = self._parts.core.close_deadline
        self._phase = next_phase(self._phase, Step.END)
        deadline.begin(self._config.close_timeout)
        return deadline

    def _end(self) -> None:
        """Begin to end the session. Does not wait for it."""
        was_new = self._phase is Phase.NEW
        if self._parts is not None:
            self._note_end()
        else:
            self._phase = next_phase(self._phase, Step.END)
        if self._ending is not None:
            self._ending.cancel()
        if was_new:
            self._events.close()
            self._closed.set()

    async def aclose(self) -> None:
        """End the session: cancel and answer its tool calls, and close the connection.

        Waits until nothing is left of it. All tool calls that are unanswered share
        ``close_timeout`` seconds; the closing handshake has a bound of its own. Idempotent,
        and callable from any task; from one of the session's own (a tool, the function that gives
        instructions), it cancels the caller. A session that is being opened ends its opening, and
        one that was not opened yet cannot be opened any more.
        """
        self._end()
        if self._closed.is_set():
            await trio.lowlevel.checkpoint()
        else:
            await self._closed.wait()

    async def wait_closed(self) -> None:
        """Wait until the session is over and nothing is left of it.

        Raises:
            RealtimeSessionClosed: it was not opened, so this would wait for ever.
        """
        self._check_begun()
        await self._closed.wait()

    # -- for the methods of the session ------------------------------------------------------
    @property
    def _usable(self) -> Parts | None:
        """The parts while the session can be used, else ``None``."""
        if self._phase is _OPEN or self._phase in _USABLE:
            return self._parts
        return None

    def _open(self) -> Parts:
        """The parts, for a method that is about to act and is not async.

        Raises:
            RealtimeSessionClosed: the session is not open; with its failure as the cause, of which
                the application thereby knows.
        """
        parts = self._usable
        if parts is None:
            raise self._refusal()
        return parts

    async def _refuse(self) -> NoReturn:
        """Raise as `_open`; for async methods: ``self._usable or await self._refuse()``.

        If the caller is cancelled, this raises `trio.Cancelled` instead: the same cancellation has
        often ended the session a moment before, and then an error would surprise.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        raise self._refusal()

    def _check_begun(self) -> None:
        """Raise `RealtimeSessionClosed` where nothing will ever come, as nobody opened it."""
        if self._phase is Phase.NEW:
            raise self._refusal()

    def _refusal(self) -> RealtimeSessionClosed:
        """The error for a method that the session's phase does not allow.

        With the failure of the session as the cause; the application counts as told.
        """
        if self._phase is Phase.NEW:
            return RealtimeSessionClosed("the session is not open; use `async with session:`")
        if self._phase is Phase.OPENING:
            return RealtimeSessionClosed("the session is not open yet; it is still being opened")
        never_open = ", and was never open; open one with `async with session:`"
        refusal = RealtimeSessionClosed(
            "the session is over" + (never_open if self._parts is None else "")
        )
        refusal.__cause__ = self._report.failure
        self._report.tell()
        return refusal
