"""`FakeRealtimeModel`: a model in memory, for tests without a network or a clock.

Scripted, it plays the steps of `script` to each session that connects; interactive, the test holds
the other end of each `FakeConnection` itself. It keeps every promise of `RealtimeConnection` (the
tests of `contract` run on it) and refuses the inputs and settings that the OpenAI model refuses.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import trio

from .._util.nurseries import open_quiet_nursery
from ..errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeSessionClosed,
    UserError,
)
from ..models.events import RealtimeModelEvent
from ..models.inputs import RealtimeModelInput
from ..models.interface import RealtimeConnection, RealtimeModel
from ..models.model_config import RealtimeModelConfig
from ..models.openai.protocol.receiving import RealtimeProtocol, session_object
from ..models.openai.wire import client_events as frames
from ..models.session_settings import RealtimeSessionModelSettings
from ..models.transports.endings import CLEAN_CODES
from .script import (
    INPUT_TYPES,
    Emit,
    Events,
    Matcher,
    Raise,
    Step,
    check_matcher,
    check_steps,
    describe,
    describe_step,
    flatten,
)
from .script_run import Action, Log, ScriptMismatch, ScriptRun

Script: TypeAlias = Sequence[Step] | Callable[[RealtimeModelConfig], Sequence[Step] | None]
"""Steps for every connection, or a function that picks them by a connection's config. ``None``
leaves a connection to the test."""


@attrs.define(eq=False)
class FakeConnection(RealtimeConnection):
    """One session's connection to the fake model; a test holds its other end.

    What a test calls here takes effect at once: the fake network has no delay and no limit. Events
    that wait are read without a checkpoint between them, like the frames of one packet.
    """

    config: RealtimeModelConfig
    """What the session connected with."""
    number: int
    """Its place among the model's connections, from 1."""
    _strict: bool
    sent: list[RealtimeModelInput] = attrs.field(factory=list[RealtimeModelInput], init=False)
    """Every input the session sent, in order, expected or not."""
    closed: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the session has left the connection."""
    mismatch: ScriptMismatch | None = attrs.field(default=None, init=False)
    """What the script did not expect, once that has happened."""
    _events: deque[RealtimeModelEvent] = attrs.field(factory=deque[RealtimeModelEvent], init=False)
    _news: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _script: ScriptRun | None = attrs.field(default=None, init=False)
    _log: Log = attrs.field(factory=Log, init=False)
    _unclaimed: deque[RealtimeModelInput] = attrs.field(
        factory=deque[RealtimeModelInput], init=False
    )
    _arrived: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _expecting: bool = attrs.field(default=False, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _failure: Exception | None = attrs.field(default=None, init=False)

    # -- the session's end ---------------------------------------------------------
    async def send(self, input: RealtimeModelInput) -> None:
        """See `RealtimeConnection.send`.

        What a script emits in answer can be read when this returns. Raises `ScriptMismatch` where a
        script expects something else.
        """
        await trio.lowlevel.checkpoint()
        if self.mismatch is not None:
            raise self.mismatch
        if self._is_over():
            raise RealtimeSessionClosed("the connection is closed") from self._failure
        check_input(input)
        self.sent.append(input)
        if self._script is None:
            self._unclaimed.append(input)
        else:
            self._follow(self._script, input)
        self._arrived.unpark_all()

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self

    async def __anext__(self) -> RealtimeModelEvent:
        while not self._events:
            if self._is_over():
                await trio.lowlevel.checkpoint()
                if self._failure is not None:
                    raise self._failure
                raise StopAsyncIteration
            await self._news.park()
        return self._events.popleft()

    # -- the test's end ------------------------------------------------------------
    def emit(self, *events: Events) -> None:
        """Let the session receive these events; sequences of events may be among them.

        Raises:
            UserError: one is no model event, or the connection is over. Nothing was emitted.
        """
        flat = flatten(events)
        if self._is_over():
            raise UserError(f"connection {self.number} is over: nobody would receive this")
        self._emit(flat)

    async def expect(self, matcher: Matcher, *, within: float | None = None) -> Any:
        """Wait for the next input that was not expected yet; return it.

        Of a strict model it must match; of a lenient one others are passed over. Always a
        checkpoint; cancelling it loses no input. One task at a time.

        Raises:
            ScriptMismatch: another input came, or none within so many seconds (of Trio's clock),
                or none before the connection was over.
            trio.BusyResourceError: another task is in here.
            UserError: a script does the expecting, or the matcher is none.
        """
        await trio.lowlevel.checkpoint()
        check_matcher(matcher)
        if self._script is not None:
            raise UserError(f"connection {self.number} plays a script, which does the expecting")
        if self._expecting:
            raise trio.BusyResourceError("another task expects an input of this connection")
        self._expecting = True
        try:
            with trio.move_on_after(math.inf if within is None else within):
                return await self._next_input(matcher)
        finally:
            self._expecting = False
        problem = f"the session sent nothing that was expected within {within:g} s"
        raise self._log.mismatch(problem, describe(matcher))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection, as a server does with a close frame.

        Codes other than 1000 and 1001 are a failure of the connection. Without effect on one that
        is over.
        """
        if code in CLEAN_CODES:
            self._end(None)
            return
        said = f": {reason}" if reason else ""
        text = f"the server closed the connection with code {code}{said}"
        self._end(RealtimeConnectionClosed(text, code=code, reason=reason))

    def drop(self) -> None:
        """Break the connection as a failing network does: without a close frame."""
        text = "the connection to the server was lost without a close frame"
        self._end(RealtimeConnectionClosed(text, code=1006))

    def fail(self, error: Exception) -> None:
        """Break the connection: iteration raises this once it has delivered what was emitted.

        What is not a `RealtimeConnectionError` becomes the cause of one.
        """
        if isinstance(error, RealtimeConnectionError):
            self._end(error)
            return
        failure = RealtimeConnectionError("the connection broke")
        failure.__cause__ = error
        self._end(failure)

    def assert_complete(self) -> None:
        """Raise `ScriptMismatch` if its script met a mismatch or has steps left."""
        if self.mismatch is not None:
            raise self.mismatch
        left = self._script.left if self._script is not None else []
        if left:
            expected, *later = left
            problem = f"connection {self.number}: the script was not played to its end"
            raise self._log.mismatch(problem, expected, later=later)

    # -- the model's end -----------------------------------------------------------
    def begin(self, steps: tuple[Step, ...]) -> None:
        """Play these steps to the session, as far as they need no waiting."""
        self._script = ScriptRun(steps, self._strict, self._perform, self._log)
        self._follow(self._script)

    async def keep_time(self) -> None:
        """Play the steps whose time has come, beside the session."""
        script = self._script
        while script is not None and self.mismatch is None and script.left:
            deadline = math.inf if script.deadline is None else script.deadline
            with trio.move_on_at(deadline) as scope:
                await self._arrived.park()
            if scope.cancelled_caught:
                self._follow(script, by_sender=False)

    def leave(self) -> None:
        """The session has left."""
        self.closed.set()
        self._news.unpark_all()
        self._arrived.unpark_all()

    # -- inside --------------------------------------------------------------------
    def _is_over(self) -> bool:
        return self._ended or self.closed.is_set()

    def _emit(self, events: Sequence[RealtimeModelEvent]) -> None:
        self._events.extend(events)
        self._news.unpark_all()

    def _end(self, failure: Exception | None) -> None:
        if not self._is_over():
            self._ended = True
            self._failure = failure
            self._news.unpark_all()
            self._arrived.unpark_all()

    async def _next_input(self, matcher: Matcher) -> RealtimeModelInput:
        while True:
            while self._unclaimed:
                sent = self._unclaimed.popleft()
                if self._log.accepts(matcher, sent, strict=self._strict):
                    return sent
            if self._is_over():
                problem = "the connection is over, and what was expected did not come"
                raise self._log.mismatch(problem, describe(matcher))
            await self._arrived.park()

    def _follow(
        self, script: ScriptRun, sent: RealtimeModelInput | None = None, *, by_sender: bool = True
    ) -> None:
        """Let the script go on; a mismatch ends the connection, and is raised to a sender."""
        try:
            if sent is not None:
                script.take(sent, trio.current_time())
            else:
                script.advance(trio.current_time())
        except ScriptMismatch as mismatch:
            self.mismatch = mismatch
            self._end(mismatch)
            if by_sender:
                raise

    def _perform(self, action: Action) -> None:
        match action:
            case Emit(events=events):
                self._emit(events)
            case Raise(error=error):
                self.fail(error)
            case _:
                self.close(action.code, action.reason)


def check_input(sent: RealtimeModelInput) -> None:
    """Raise `UserError` for what the OpenAI model would refuse to send."""
    if not isinstance(sent, INPUT_TYPES):
        raise UserError(f"{type(sent).__name__} is no model input")
    RealtimeProtocol().send(sent, 0.0, deque[RealtimeModelEvent]())


def _to_script(script: Script | None) -> Script | None:
    return script if script is None or callable(script) else check_steps(script)


@attrs.define(eq=False)
class FakeRealtimeModel(RealtimeModel):
    """A model in memory that serves any number of sessions at once.

    Without a script it is interactive: the test calls `expect`, `emit`, `close`, `fail` and `drop`
    here while one session is connected, or on the one of `connections` it means. With a script,
    each connection plays it from its beginning; a mismatch is raised to whoever sent, by the
    iteration, at the end of the ``connect`` block, and by `assert_complete`.

    In strict mode an expectation is for the very next input, and a script that has ended allows
    none; in lenient mode inputs that do not match are passed over.
    """

    script: Script | None = attrs.field(default=None, converter=_to_script)
    """May be set until a session connects that is to play it."""
    strict: bool = attrs.field(default=True, kw_only=True)
    connections: list[FakeConnection] = attrs.field(factory=list[FakeConnection], init=False)
    """Every connection there was, in order."""
    _connected: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _refusals: deque[Exception] = attrs.field(factory=deque[Exception], init=False)

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[FakeConnection]:
        """See `RealtimeModel.connect`.

        Where a script met a mismatch, leaving raises the `ScriptMismatch`; an exception of the
        block's own gets it as a note instead.
        """
        settings = config.initial_model_settings or RealtimeSessionModelSettings()
        frames.update_session(session_object(settings, call_id=config.call_id))
        steps = self.script(config) if callable(self.script) else self.script
        steps = None if steps is None else check_steps(steps)
        await trio.lowlevel.checkpoint()
        if self._refusals:
            raise self._refusals.popleft()
        connection = FakeConnection(config, len(self.connections) + 1, self.strict)
        self.connections.append(connection)
        self._connected.unpark_all()
        if steps is not None:
            connection.begin(steps)
        try:
            async with open_quiet_nursery() as nursery:
                nursery.start_soon(connection.keep_time)
                try:
                    yield connection
                finally:
                    connection.leave()
        except Exception as error:
            if connection.mismatch is not None and error is not connection.mismatch:
                error.add_note(f"before that, in the fake model: {connection.mismatch}")
            raise
        if connection.mismatch is not None:
            raise connection.mismatch

    # -- before a session connects ---------------------------------------------------
    def fail_next_connect(self, error: Exception) -> None:
        """Let the next attempt to connect (or the one after those planned) raise this."""
        self._refusals.append(error)

    async def wait_connected(self, count: int = 1) -> FakeConnection:
        """Wait until that many connections were made in all; return the last of these."""
        await trio.lowlevel.checkpoint()
        while len(self.connections) < count:
            await self._connected.park()
        return self.connections[count - 1]

    # -- while one session is connected ----------------------------------------------
    @property
    def connection(self) -> FakeConnection:
        """The connection that is open; when none is any more, the last one.

        Raises `UserError` when nobody has connected, or several connections are open.
        """
        if not self.connections:
            raise UserError("nobody has connected; `await model.wait_connected()` waits for it")
        still_open = [each for each in self.connections if not each.closed.is_set()]
        if len(still_open) > 1:
            raise UserError(
                f"{len(still_open)} connections are open; say which one is meant, as in "
                f"`model.connections[{still_open[0].number - 1}]`"
            )
        return still_open[0] if still_open else self.connections[-1]

    async def expect(self, matcher: Matcher, *, within: float | None = None) -> Any:
        """`FakeConnection.expect` of `connection`; waits for the first session to connect."""
        if not self.connections:
            with trio.move_on_after(math.inf if within is None else within):
                await self.wait_connected()
        if not self.connections:
            problem = f"no session connected to the fake model within {within:g} s"
            raise Log().mismatch(problem, describe(matcher))
        return await self.connection.expect(matcher, within=within)

    def emit(self, *events: Events) -> None:
        """`FakeConnection.emit` of `connection`."""
        self.connection.emit(*events)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """`FakeConnection.close` of `connection`."""
        self.connection.close(code, reason)

    def drop(self) -> None:
        """`FakeConnection.drop` of `connection`."""
        self.connection.drop()

    def fail(self, error: Exception) -> None:
        """`FakeConnection.fail` of `connection`."""
        self.connection.fail(error)

    def assert_complete(self) -> None:
        """Check that every script was played to its end, and that somebody played it.

        Raises `ScriptMismatch` otherwise. Says nothing of connections without a script.
        """
        for connection in self.connections:
            connection.assert_complete()
        if self.script and not self.connections:
            steps = () if callable(self.script) else self.script
            later = [describe_step(step) for step in steps]
            raise Log().mismatch("nobody connected to the fake model", "a connection", later=later)
