"""A task that is started by its first piece of work.

Guardrails, hooks and tool calls each have a task that takes work from a memory channel. Most
sessions need only some of them, and a service has many sessions. So the task and its channel are
made when they are first needed.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

import attrs
import trio

T = TypeVar("T")

StartTask: TypeAlias = Callable[[Callable[[], Awaitable[None]]], None]
"""Starts a task of the session, which ends with it. What the task raises fails the session, but for
what `ModelLink.send` raises when the connection is over: that is for the receive task to judge."""


@attrs.define(eq=False, repr=False)
class OnDemand(Generic[T]):
    """One such task, which runs until the session ends."""

    _start_task: StartTask
    _serve: Callable[[trio.MemoryReceiveChannel[T]], Awaitable[None]]
    _channel: trio.MemorySendChannel[T] | None = attrs.field(default=None, init=False)

    def put(self, work: T) -> None:
        """Add a piece of work at the end of the queue. Does not wait; the queue has no limit."""
        channel = self._channel
        if channel is None:
            channel = self._begin()
        channel.send_nowait(work)

    def _begin(self) -> trio.MemorySendChannel[T]:
        # Unbounded, since the receive task must not wait; what it hands over is bounded by what
        # the model or the user says in a response or turn.
        channel, work = trio.open_memory_channel[T](math.inf)
        self._start_task(lambda: self._serve(work))
        self._channel = channel
        return channel
