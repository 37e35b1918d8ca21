"""`FakeRealtimeModel`: a model in memory, for tests without a network or a clock.

Scripted, it plays the steps of `script` to each session that connects; interactive, the test holds
the other end of each `FakeConnection` itself. It keeps every promise of `RealtimeConnection` (the
tests of `contract` run on it) and refuses the inputs and settings that the OpenAI model refuses.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final, TypeAlias

import attrs
import trio

from .._nurseries import open_quiet_nursery
from ..config import RealtimeModelConfig, RealtimeSessionModelSettings
from ..errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeSessionClosed,
    UserError,
)
from ..models.events import RealtimeModelEvent
from ..models.inputs import RealtimeModelInput
from ..models.interface import RealtimeConnection, RealtimeModel
from ..models.openai.protocol import RealtimeProtocol
from .script import (
    INPUT_TYPES,
    Close,
    Delay,
    Emit,
    Events,
    Expect,
    Log,
    Matcher,
    Raise,
    ScriptMismatch,
    Step,
    check_matcher,
    check_steps,
    describe,
    describe_step,
    difference,
    flatten,
    matches,
    nothing_more,
)

CLEAN_CODES: Final = frozenset({1000, 1001})
"""WebSocket close codes that end a session without an error."""

Script: TypeAlias = Sequence[Step] | Callable[[RealtimeModelConfig], Sequence[Step] | None]
"""Steps for every connection, or a function that picks them by the config of the connection."""


@attrs.define(eq=False)
class _Claim:
    """An expectation of the test that waits for its input."""

    matcher: Matcher
    settled: trio.Event = attrs.field(factory=trio.Event, init=False)
    input: RealtimeModelInput | None = attrs.field(default=None, init=False)
    problem: str = attrs.field(default="", init=False)
    """Why the input will not come, once that is known."""


@attrs.define(eq=False)
class FakeConnection(RealtimeConnection):
    """One session's connection to the fake model; tests hold its other end.

    What a test calls here takes effect at once: the fake network has no delay and no limit. Events
    that wait to be read are read without a checkpoint between them, like the frames of one packet.
    """

    config: RealtimeModelConfig
    """What the session connected with."""
    number: int
    """Its place among the model's connections, from 1."""
    _steps: tuple[Step, ...] | None
    _strict: bool
    sent: list[RealtimeModelInput] = attrs.field(factory=list, init=False)
    """Every input the session sent, in order, expected or not."""
    closed: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the session has left the connection."""
    _events: deque[RealtimeModelEvent] = attrs.field(factory=deque, init=False)
    _news: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _unclaimed: deque[RealtimeModelInput] = attrs.field(factory=deque, init=False)
    _claim: _Claim | None = attrs.field(default=None, init=False)
    _log: Log = attrs.field(factory=Log, init=False)
    _played: int = attrs.field(default=0, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _failure: Exception | None = attrs.field(default=None, init=False)
    mismatch: ScriptMismatch | None = attrs.field(default=None, init=False)
    """The mismatch that ended its script, if one did."""

    # -- the session's end ---------------------------------------------------------
    async def send(self, input: RealtimeModelInput) -> None:  # noqa: A002 - the interface's name
        """See `RealtimeConnection.send`.

        Raises `ScriptMismatch` where a strict script expects something else.
        """
        await trio.lowlevel.checkpoint()
        if self.mismatch is not None:
            raise self.mismatch
        if self._ended or self.closed.is_set():
            raise RealtimeSessionClosed("the connection is closed") from self._failure
        check_input(input)
        self.sent.append(input)
        claim = self._claim
        if claim is None or claim.settled.is_set():
            self._unclaimed.append(input)
            return
        claim.consider(input)
        if self._steps is not None and claim.mismatch is not None:
            self._break_off(claim.mismatch)
            raise claim.mismatch

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self

    async def __anext__(self) -> RealtimeModelEvent:
        while not self._events:
            if self._ended or self.closed.is_set():
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
        if self._ended or self.closed.is_set():
            raise UserError(f"connection {self.number} is over: nobody would receive this event")
        self._emit(flat)

    async def expect(self, matcher: Matcher, *, within: float | None = None) -> Any:
        """Wait for the next input that nobody expected yet; return it.

        Of a strict model it must match; of a lenient one others are passed over. Always a
        checkpoint; cancelling it loses no input. One task at a time.

        Raises:
            ScriptMismatch: another input came, or none within so many seconds (of Trio's clock),
                or none before the session left.
            trio.BusyResourceError: another task, or the script, is expecting.
            UserError: the matcher can match nothing.
        """
        await trio.lowlevel.checkpoint()
        check_matcher(matcher)
        return await self._expect(matcher, within, ())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection, as a server does with a close frame.

        Codes other than 1000 and 1001 are a failure of the connection. Without effect on one that
        is over.
        """
        if code in CLEAN_CODES:
            self._end(None)
        else:
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
        left = (self._steps or ())[self._played :]
        if left:
            expected, *later = [describe_step(step) for step in left]
            problem = f"connection {self.number}: the script has {len(left)} steps left"
            raise self._log.mismatch(problem, expected, "", later)

    # -- inside ------------------------------------------------------------------------
    def _emit(self, events: Sequence[RealtimeModelEvent]) -> None:
        self._events.extend(events)
        self._news.unpark_all()

    def _end(self, failure: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._failure = failure
            self._news.unpark_all()

    def _break_off(self, mismatch: ScriptMismatch) -> None:
        self.mismatch = mismatch
        self._end(mismatch)

    async def _expect(
        self, matcher: Matcher, within: float | None, later: Sequence[str]
    ) -> RealtimeModelInput:
        if self._claim is not None:
            raise trio.BusyResourceError(
                f"another task (or the script) is expecting an input of connection {self.number}"
            )
        claim = _Claim(matcher, self._strict, self._log, later)
        while self._unclaimed and not claim.settled.is_set():
            claim.consider(self._unclaimed.popleft())
        if not claim.settled.is_set():
            await self._wait_settled(claim, within)
        if claim.mismatch is not None:
            raise claim.mismatch
        assert claim.input is not None
        return claim.input

    async def _wait_settled(self, claim: _Claim, within: float | None) -> None:
        if self.closed.is_set():
            claim.give_up("it had left")
            return
        self._claim = claim
        try:
            with nullcontext() if within is None else trio.move_on_after(within):
                await claim.settled.wait()
        finally:
            self._claim = None
        if not claim.settled.is_set():
            claim.give_up(f"nothing came within {within:g} s")

    async def play(self) -> None:
        """Play the script; the model runs this beside the session's block."""
        if self._steps is None:
            return
        try:
            for number, step in enumerate(self._steps, 1):
                await self._play(step, [describe_step(each) for each in self._steps[number:]])
                self._played = number
            if self._strict:
                await self._expect(nothing_more, None, ())
        except ScriptMismatch as mismatch:
            self._break_off(mismatch)

    async def _play(self, step: Step, later: Sequence[str]) -> None:
        match step:
            case Expect(matcher=matcher, within=within):
                await self._expect(matcher, within, later)
                return
            case Emit(events=events):
                self._emit(events)
            case Raise(error=error):
                self.fail(error)
            case Close(code=code, reason=reason):
                self.close(code, reason)
            case Delay(seconds=seconds):
                await trio.sleep(seconds)
        self._log.note(describe_step(step))

    def leave(self) -> None:
        """The session left; the model calls this."""
        self.closed.set()
        self._news.unpark_all()
        if self._claim is not None and self._steps is None:
            self._claim.give_up("it left")


def check_input(input: RealtimeModelInput) -> None:  # noqa: A002 - as in `send`
    """Raise `UserError` for what the OpenAI model would refuse to send."""
    if not isinstance(input, INPUT_TYPES):
        raise UserError(f"{input!r} is no model input")
    RealtimeProtocol().send(input, 0.0, deque())


@attrs.define(eq=False)
class FakeRealtimeModel(RealtimeModel):
    """A model in memory that serves any number of sessions at once.

    Without a script it is interactive: the test calls `expect`, `emit`, `close`, `fail` and `drop`
    here, while one session is connected, or on the one of `connections` it means. With a script,
    each connection plays it from its beginning; a mismatch is raised to whoever sends, from the
    iteration, when the ``connect`` block ends, and by `assert_complete`.

    In strict mode an expectation is for the very next input, and a finished script allows none; in
    lenient mode inputs that do not match are passed over.
    """

    script: Script | None = None
    strict: bool = attrs.field(default=True, kw_only=True)
    connections: list[FakeConnection] = attrs.field(factory=list, init=False)
    """Every connection there was, in order."""
    _connected: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _refusals: deque[Exception] = attrs.field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        if self.script is not None and not callable(self.script):
            self.script = check_steps(self.script)

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[FakeConnection]:
        """See `RealtimeModel.connect`.

        Where a script met a mismatch, leaving raises the `ScriptMismatch`; an exception of the
        block's own gets it as a note instead.
        """
        settings = config.initial_model_settings or RealtimeSessionModelSettings()
        RealtimeProtocol(call_id=config.call_id).open(settings)
        steps = self.script(config) if callable(self.script) else self.script
        await trio.lowlevel.checkpoint()
        if self._refusals:
            raise self._refusals.popleft()
        connection = FakeConnection(
            config,
            len(self.connections) + 1,
            None if steps is None else check_steps(steps),
            self.strict,
        )
        self.connections.append(connection)
        self._connected.unpark_all()
        try:
            async with open_quiet_nursery() as nursery:
                nursery.start_soon(connection.play)
                try:
                    yield connection
                finally:
                    connection.leave()
        except Exception as error:
            mismatch = connection.mismatch
            if mismatch is not None and error not in {mismatch}:
                error.add_note(f"meanwhile, in the script of the fake model: {mismatch}")
            raise
        if connection.mismatch is not None:
            raise connection.mismatch

    # -- before a session connects ---------------------------------------------------
    def fail_next_connect(self, error: Exception) -> None:
        """Let the next connection that is not planned yet fail to open, with this exception."""
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
        if self.connections:
            return await self.connection.expect(matcher, within=within)
        with nullcontext() if within is None else trio.move_on_after(within):
            await self.wait_connected()
            return await self.connection.expect(matcher)
        raise Log().mismatch(
            f"the session did not connect, or sent nothing, within {within:g} s",
            describe(matcher),
            "",
        )

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
            expected, *later = ["a connection", *(describe_step(step) for step in steps)]
            raise Log().mismatch("nobody connected to the fake model", expected, "", later)
