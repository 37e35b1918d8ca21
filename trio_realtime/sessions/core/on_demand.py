"""A task that is there once there is something to do for it.

Guardrails, hooks and tool calls each have a task of their own, fed over a memory channel. Most
sessions have only some of these, and a service has many sessions, so a task and its channel are
made by the first piece of work: what a session never does costs it nothing.
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
    """One such task. It runs until the session ends."""

    _start_task: StartTask
    _serve: Callable[[trio.MemoryReceiveChannel[T]], Awaitable[None]]
    _channel: trio.MemorySendChannel[T] | None = attrs.field(default=None, init=False)

    def put(self, work: T) -> None:
        """Hand over a piece of work, in order. Does not wait, whatever waits already."""
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
