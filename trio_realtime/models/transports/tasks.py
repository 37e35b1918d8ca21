"""Tasks beside a connection: the transport's own, and the writer of the connection above it."""

from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

import attrs
import trio

Args = TypeVarTuple("Args")


@attrs.define(eq=False)
class Helpers:
    """Starts the tasks of one connection, which must report in their own ways and never raise.

    A cancellation of the code that opened the transport does not reach them, since the closing
    handshake still needs them. They end when the transport has closed, at the latest.
    """

    _nursery: trio.Nursery
    _scopes: set[trio.CancelScope] = attrs.field(factory=set[trio.CancelScope], init=False)

    def start_soon(
        self, task: Callable[[*Args], Awaitable[None]], *args: *Args
    ) -> trio.CancelScope:
        """Start a task; return the scope it runs in."""
        scope = trio.CancelScope(shield=True)
        self._scopes.add(scope)
        self._nursery.start_soon(self._shielded, scope, task, *args)
        return scope

    async def _shielded(
        self, scope: trio.CancelScope, task: Callable[[*Args], Awaitable[None]], *args: *Args
    ) -> None:
        with scope:
            await task(*args)
        self._scopes.discard(scope)

    def cancel(self) -> None:
        """End every task."""
        for scope in self._scopes:
            scope.cancel()
