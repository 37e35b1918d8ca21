"""The application's stream of events, which is bounded and never makes the session wait.

The tasks of the session put events without waiting; any number of the application's tasks take
them, each event going to one. If the application leaves more events unread than the buffer holds,
the session fails with an error, since otherwise tools would wait behind an unread queue. When the
model is interrupted, audio that has not been taken is thrown away, and the interruption is taken
next.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

import attrs
import trio

from ..._util.wait_queue import Sleepers
from ...errors import EventBufferOverflow
from ...events import (
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeEventInfo,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
)
from ...models.events import RealtimeModelAudioEvent, RealtimeModelEvent
from ..failure import FailureReport
from .observer import Observers

BATCH = 32
"""Events a task takes between two looks at the clock."""

SLICE = 0.002
"""Seconds a task may go on taking events before a checkpoint lets others run."""

Waiting: TypeAlias = RealtimeSessionEvent | RealtimeModelEvent
"""What the buffer holds. A model event becomes a `RealtimeRawModelEvent` when it is taken: what
waits in a thousand sessions at once is work for the garbage collector."""

_SESSION_EVENTS: Final[frozenset[type[Any]]] = frozenset(get_args(RealtimeSessionEvent))

_AUDIO: Final[frozenset[type[Any]]] = frozenset(
    {RealtimeAudio, RealtimeAudioEnd, RealtimeModelAudioEvent}
)
"""Events that nobody needs any more once the audio of their item was interrupted."""


@attrs.define(eq=False, repr=False)
class EventBuffer:
    """Events between a session and its application."""

    _size: int
    _info: RealtimeEventInfo
    _wanted: frozenset[str]
    _report: FailureReport
    """Has the failure to raise at the end of the stream."""
    _on_overflow: Callable[[EventBufferOverflow], None]
    """Records the failure and closes the buffer."""
    _on_audio_taken: Callable[[RealtimeAudio], None] | None = None
    """Called with each piece of audio when a reader takes it."""
    has_readers: bool = attrs.field(default=False, init=False)
    """Whether a task has ever begun to read."""
    _events: deque[Waiting] = attrs.field(factory=deque[Waiting], init=False)
    _readers: Sleepers = attrs.field(factory=Sleepers, init=False)
    _open: bool = attrs.field(default=True, init=False)
    _taken: int = attrs.field(default=0, init=False)
    _slice_began: float = attrs.field(default=0.0, init=False)
    _interruptions: int = attrs.field(default=0, init=False)
    """How many events at the head are interruptions. What follows them are the ordinary ones."""
    _cut: dict[str, int] = attrs.field(factory=dict[str, int], init=False)
    """Items that were interrupted, with the number of the first ordinary event that came later:
    what is before it of the audio of the item is stale, and removed when it comes to the head."""
    _passed: int = attrs.field(default=0, init=False)
    """The number of the first ordinary event; counted only while there are such items."""

    def __len__(self) -> int:
        self._purge()
        return len(self._events)

    @property
    def tasks_waiting(self) -> int:
        """How many application tasks wait for an event."""
        return len(self._readers.tasks)

    def wants(self, kind: str) -> bool:
        """Whether the application or an observer wants events of this type."""
        return kind in self._wanted

    def delivers(self, kind: str) -> bool:
        """Whether the application asked for events of this type."""
        return kind in self._wanted

    def put(self, event: RealtimeSessionEvent) -> None:
        """Add an event, if the application wants its type; after the end, nothing.

        One too many ends the stream: what was buffered, this event included, is still delivered,
        and then `EventBufferOverflow` is raised.
        """
        if event.type in self._wanted:
            self._put(event)

    def put_raw(self, event: RealtimeModelEvent) -> None:
        """Add an event of the model, if the application wants ``raw_model_event``."""
        if "raw_model_event" in self._wanted:
            self._put(event)

    def _put(self, event: Waiting) -> None:
        if self._open:
            self._events.append(event)
            if self._readers.tasks:
                self._readers.wake_one()
            if len(self._events) > self._size and len(self) > self._size:
                self._overflow()

    def interrupt(self, event: RealtimeAudioInterrupted) -> None:
        """Throw away the audio of this item that waits, and put this event where it is taken next.

        Several interruptions in a row are taken in their order, ahead of everything else.
        """
        if not self._open:
            return
        events = self._events
        waiting = len(events) - self._interruptions
        if waiting:
            self._cut.pop(event.item_id, None)  # the last of them is the one that came last
            self._cut[event.item_id] = self._passed + waiting
        if event.type in self._wanted:
            events.insert(self._interruptions, event)
            self._interruptions += 1
        if len(self._cut) > waiting:
            self._purge()
        self._skip_stale()
        if self._readers.tasks and events:
            self._readers.wake_one()

    def _is_stale(self, waiting: Any, number: int) -> bool:
        return type(waiting) in _AUDIO and number < self._cut.get(waiting.item_id, 0)

    def _skip_stale(self) -> None:
        """Remove what is stale at the head, unless interruptions are there."""
        events = self._events
        while self._cut and not self._interruptions:
            if self._passed >= next(reversed(self._cut.values())):
                self._forget_cuts()
            elif self._is_stale(events[0], self._passed):
                events.popleft()
                self._passed += 1
            else:
                return

    def _purge(self) -> None:
        """Remove everything that is stale. Looks at every event that waits."""
        if not self._cut:
            return
        first = self._passed - self._interruptions
        kept = [
            waiting
            for number, waiting in enumerate(self._events, first)
            if not self._is_stale(waiting, number)
        ]
        self._events.clear()
        self._events.extend(kept)
        self._forget_cuts()

    def _forget_cuts(self) -> None:
        self._cut.clear()
        self._passed = 0

    def _pop(self) -> Any:
        """Take the first event out, while interruptions or stale events wait."""
        waiting = self._events.popleft()
        if self._interruptions:
            self._interruptions -= 1
        else:
            self._passed += 1
        self._skip_stale()
        return waiting

    def _overflow(self) -> None:
        self._on_overflow(
            EventBufferOverflow(
                f"more than {self._size} events are unread; read them (`async for event in "
                f"session`), ask for fewer (`events`), or raise `event_buffer_size`"
            )
        )

    def close(self) -> None:
        """Take no more events. Readers get what is buffered, and then the iteration ends; if
        there is a failure that was not raised yet, it is raised to one of them first."""
        if self._open:
            self._open = False
            self._readers.wake_all()

    def __aiter__(self) -> "EventBuffer":
        self.has_readers = True
        return self

    async def __anext__(self) -> RealtimeSessionEvent:
        """The next event.

        Always a checkpoint, but where many events wait, others run only now and then, because a
        round of the scheduler costs more than an event. Cancelling loses no event.

        Raises:
            StopAsyncIteration: the session is over.
            TrioRealtimeError: the session failed. It is raised once, to one reader.
        """
        events = self._events
        if events:
            self._taken += 1
            if self._taken < BATCH:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                await self._let_others_run()
        while not events:
            if not self._open:
                await trio.lowlevel.checkpoint()
                failure = self._report.tell()
                if failure is not None:
                    raise failure
                raise StopAsyncIteration
            await self._readers.sleep()
            self._taken = 0
            self._slice_began = trio.current_time()
        waiting: Any = self._pop() if self._interruptions or self._cut else events.popleft()
        if type(waiting) not in _SESSION_EVENTS:
            return RealtimeRawModelEvent(data=waiting, info=self._info)
        event: RealtimeSessionEvent = waiting
        if type(event) is RealtimeAudio and self._on_audio_taken is not None:
            self._on_audio_taken(event)
        return event

    async def _let_others_run(self) -> None:
        self._taken = 0
        if trio.current_time() - self._slice_began < SLICE:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
            self._slice_began = trio.current_time()


@attrs.define(eq=False, repr=False)
class ObservedEventBuffer(EventBuffer):
    """An event buffer whose session has observers: they want every event there is."""

    observers: Observers = attrs.field(kw_only=True)

    def wants(self, kind: str) -> bool:
        """Observers want every type."""
        del kind
        return True

    def put(self, event: RealtimeSessionEvent) -> None:
        """As `EventBuffer.put`; observers see the event before the application can."""
        self.observers.session_event(event)
        super().put(event)

    def interrupt(self, event: RealtimeAudioInterrupted) -> None:
        """As `EventBuffer.interrupt`."""
        self.observers.session_event(event)
        super().interrupt(event)
