"""`FakeRealtimeModel`: a model in memory, for tests without a network or a clock.

Scripted, it plays the steps of `script` to each session that connects; interactive, the test holds
the other end of each `FakeConnection` itself. It keeps every promise of `RealtimeConnection` (the
tests of `contract` run on it) and refuses the inputs and settings that its capabilities exclude.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import trio

from .._util.nurseries import open_quiet_nursery
from ..errors import UserError
from ..models.capabilities import ModelCapabilities
from ..models.interface import RealtimeModel
from ..models.model_config import RealtimeModelConfig
from .fake_connection import FAKE, FakeConnection
from .script import Events, Matcher, Step, check_steps, describe, describe_step
from .script_run import Log

Script: TypeAlias = Sequence[Step] | Callable[[RealtimeModelConfig], Sequence[Step] | None]
"""Steps for every connection, or a function that picks them by a connection's config. ``None``
leaves a connection to the test."""


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
    _capabilities: ModelCapabilities = attrs.field(default=FAKE, kw_only=True, alias="capabilities")
    connections: list[FakeConnection] = attrs.field(factory=list[FakeConnection], init=False)
    """Every connection there was, in order."""
    _connected: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _refusals: deque[Exception] = attrs.field(factory=deque[Exception], init=False)

    @property
    def capabilities(self) -> ModelCapabilities:
        """What this model can do: by default, everything that a session may ask for."""
        return self._capabilities

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[FakeConnection]:
        """See `RealtimeModel.connect`.

        Where a script met a mismatch, leaving raises the `ScriptMismatch`; an exception of the
        block's own gets it as a note instead.
        """
        if config.initial_model_settings is not None:
            self.capabilities.check_settings(config.initial_model_settings)
        steps = self.script(config) if callable(self.script) else self.script
        steps = None if steps is None else check_steps(steps)
        await trio.lowlevel.checkpoint()
        if self._refusals:
            raise self._refusals.popleft()
        number = len(self.connections) + 1
        connection = FakeConnection(config, number, self.strict, capabilities=self.capabilities)
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
