"""`FakeConnection`: one session's connection to the fake model, and what it refuses to send."""

import math
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, Final, cast

import attrs
import trio

from .._util.type_checks import Json, check
from ..errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeSessionClosed,
    UserError,
)
from ..models.capabilities import ModelCapabilities
from ..models.events import RealtimeModelEvent
from ..models.inputs import (
    RealtimeModelInput,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
)
from ..models.interface import RealtimeConnection
from ..models.model_config import RealtimeModelConfig
from ..models.transports.endings import CLEAN_CODES
from .script import (
    INPUT_TYPES,
    Emit,
    Events,
    Matcher,
    Raise,
    Step,
    check_matcher,
    describe,
    flatten,
)
from .script_run import Action, Log, ScriptMismatch, ScriptRun

FAKE: Final = ModelCapabilities(model="the fake model")


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
    capabilities: ModelCapabilities = attrs.field(default=FAKE, kw_only=True)
    """What the model can do; the rest is refused."""
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
        check_input(self.capabilities, input)
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


def check_input(capabilities: ModelCapabilities, sent: RealtimeModelInput) -> None:
    """Raise `UserError` for what is no input, or none that a model with these capabilities has."""
    if not isinstance(sent, INPUT_TYPES):
        raise UserError(f"{type(sent).__name__} is no model input")
    capabilities.check_input(sent)
    if isinstance(sent, RealtimeModelSendSessionUpdate):
        capabilities.check_settings(sent.session_settings)
    if isinstance(sent, RealtimeModelSendRawMessage):
        _check_message(sent.message)


def _check_message(message: object) -> None:
    """Raise `UserError` unless this can be a client event of some protocol: JSON with a type."""
    check(Mapping[str, Annotated[Any, Json]], message, "message")
    if not isinstance(cast("Mapping[str, Any]", message).get("type"), str):
        raise UserError("a raw message needs a `type`, which is a string")
