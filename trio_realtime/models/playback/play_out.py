"""`PlayOut`: what plays when, by the clock.

Audio is a queue of runs, each of one part of an item, which play one after another without a gap.
Times are seconds of any monotonic clock. Pure, and each call costs the same however long the queue
is: a run that has left is passed over when its turn comes.
"""

from collections import deque

import attrs


@attrs.define(eq=False)
class AudioPart:
    """The audio of one content of an item, and how far it has come."""

    item: "AudioItem"
    content_index: int
    bytes_per_ms: float
    received_bytes: int = 0
    delivered_bytes: int = 0
    reported_ms: float = 0.0
    """The most that a tracker ever said, which may be more than was received."""
    final_ms: float | None = None
    """What was heard, once the item has been cut."""
    queued: float = 0.0
    """Seconds of it that are in the queue."""
    runs: int = 0
    """How many runs of it are in the queue."""
    departures: int = 0
    """How often it was taken out of the queue: runs from before the last time are void."""

    @property
    def received_ms(self) -> float:
        """How much of it has come."""
        return self.received_bytes / self.bytes_per_ms

    @property
    def delivered_ms(self) -> float:
        """How much of it the application has taken."""
        return self.delivered_bytes / self.bytes_per_ms


@attrs.define(eq=False)
class AudioItem:
    """The audio of one item."""

    item_id: str
    parts: dict[int, AudioPart] = attrs.Factory(dict[int, AudioPart])
    """By content index, in order of arrival, which is the order of playing."""
    unheard: dict[int, AudioPart] = attrs.Factory(dict[int, AudioPart])
    """Those that are not known to have been heard to their end."""
    finished: bool = False
    cut: bool = False


@attrs.define(eq=False)
class Run:
    """Audio of one part that plays without a gap."""

    part: AudioPart
    departures: int
    """Of the part, when this was queued. The run is void once the part has left the queue since."""
    seconds: float = 0.0


@attrs.define(eq=False)
class PlayOut:
    """The queue of what plays. An underrun empties it; its silence counts for nobody."""

    _queue: deque[Run] = attrs.field(factory=deque[Run], init=False)
    _start: float = attrs.field(default=0.0, init=False)
    """When the first run of the queue began to play."""

    def append(self, part: AudioPart, nbytes: int, now: float) -> None:
        """Queue audio behind what is playing, or at ``now`` when nothing is."""
        seconds = nbytes / (part.bytes_per_ms * 1000)
        if self._playing(now) is None:
            self._start = now
        last = self._queue[-1] if self._queue else None
        if last is None or last.part is not part or last.departures != part.departures:
            last = Run(part, part.departures)
            self._queue.append(last)
            part.runs += 1
        last.seconds += seconds
        part.queued += seconds

    def remove(self, item: AudioItem, now: float) -> None:
        """Take an item out before its end: those behind it move up."""
        playing = self._playing(now)
        if playing is not None and playing.part.item is item:
            self._start = now
        for part in item.parts.values():
            part.departures += 1
            part.runs, part.queued = 0, 0.0

    def unplayed(self, part: AudioPart, now: float) -> float:
        """Seconds of the part that are still to be played."""
        playing = self._playing(now)
        played = now - self._start if playing is not None and playing.part is part else 0.0
        return part.queued - played

    def begun(self, item: AudioItem, now: float) -> AudioPart | None:
        """The part of the item that is playing now, if one is."""
        playing = self._playing(now)
        return playing.part if playing is not None and playing.part.item is item else None

    def _playing(self, now: float) -> Run | None:
        """The run that plays now, after those before it have gone."""
        queue = self._queue
        while queue:
            run = queue[0]
            part = run.part
            if run.departures == part.departures:
                if self._start + run.seconds > now:
                    return run
                self._start += run.seconds
                part.runs -= 1
                part.queued = part.queued - run.seconds if part.runs else 0.0
            queue.popleft()
        return None
