"""The application's stream of events: bounded, interruptible, and never in control's way.

The receive task (and the tool and guardrail tasks) put events without waiting; any number of
application tasks take them, competing. When the application leaves more unread than the buffer
holds, the *session* fails, loudly, instead of hanging tools behind an unread queue. When the model
is interrupted, audio nobody has taken yet is thrown away and the interruption goes first.
"""

from collections import deque
from collections.abc import Callable

import attrs
import trio

from ..errors import EventBufferOverflow
from ..events import RealtimeAudio, RealtimeSessionEvent

BATCH = 64
"""Events a task may take before it must let others run: bounds unfairness to well under 1 ms."""


@attrs.define(eq=False)
class EventBuffer:
    """Events between a session and its application."""

    _size: int
    _wanted: frozenset[str]
    _on_overflow: Callable[[EventBufferOverflow], None]
    on_audio_taken: Callable[[RealtimeAudio], None] | None = None
    """Told of each piece of audio when a reader takes it."""
    _events: deque[RealtimeSessionEvent] = attrs.field(factory=deque[RealtimeSessionEvent])
    _readers: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    _open: bool = True
    _failure: BaseException | None = None
    _taken: int = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def tasks_waiting(self) -> int:
        """How many application tasks wait for an event."""
        return self._readers.statistics().tasks_waiting

    def wants(self, kind: str) -> bool:
        """Whether the application asked for events of this type. Making others is waste."""
        return kind in self._wanted

    def put(self, event: RealtimeSessionEvent) -> None:
        """Add an event, if the application wants its type; after the end, nothing.

        One too many ends the stream: what was buffered, this event included, is still delivered,
        and then `EventBufferOverflow` is raised.
        """
        if not self._open or event.type not in self._wanted:
            return
        self._events.append(event)
        self._arrived()

    def interrupt(
        self, event: RealtimeSessionEvent, is_stale: Callable[[RealtimeSessionEvent], bool]
    ) -> None:
        """Throw away what is stale, and put this event where it is taken next.

        Looks at every event that waits, so it costs more the further the application is behind.
        """
        if not self._open:
            return
        if event.type not in self._wanted:
            self._events = deque(waiting for waiting in self._events if not is_stale(waiting))
            return
        kept = [waiting for waiting in self._events if not is_stale(waiting)]
        # Several interruptions in a row are taken in their order, ahead of everything else.
        place = 0
        while place < len(kept) and kept[place].type == event.type:
            place += 1
        kept.insert(place, event)
        self._events = deque(kept)
        self._arrived()

    def _arrived(self) -> None:
        if self._readers:
            self._readers.unpark()
        if len(self._events) > self._size:
            overflow = EventBufferOverflow(
                f"more than {self._size} events are unread; read them (`async for event in "
                f"session`), ask for fewer (`events`), or raise `event_buffer_size`"
            )
            self.close(overflow)
            self._on_overflow(overflow)

    def close(self, failure: BaseException | None = None) -> None:
        """No more events. Readers get what is buffered, then the failure (one of them), then the
        end."""
        if self._open:
            self._open = False
            self._failure = failure
            self._readers.unpark_all()

    def take_failure(self) -> BaseException | None:
        """The failure, if no reader has been given it yet; it counts as given now."""
        failure, self._failure = self._failure, None
        return failure

    def __aiter__(self) -> "EventBuffer":
        return self

    async def __anext__(self) -> RealtimeSessionEvent:
        """The next event.

        A checkpoint, and a fair one every few events. Cancelling loses no event.

        Raises:
            StopAsyncIteration: the session is over.
            TrioRealtimeError: the session failed; raised to one reader, once.
        """
        if self._events:
            self._taken += 1
            if self._taken < BATCH:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                self._taken = 0
                await trio.lowlevel.checkpoint()
        while not self._events:
            if not self._open:
                await trio.lowlevel.checkpoint()
                failure = self.take_failure()
                if failure is not None:
                    raise failure
                raise StopAsyncIteration
            self._taken = 0
            await self._readers.park()
        event = self._events.popleft()
        if isinstance(event, RealtimeAudio) and self.on_audio_taken is not None:
            self.on_audio_taken(event)
        return event
