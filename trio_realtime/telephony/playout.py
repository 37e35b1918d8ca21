"""`Playout`: the model's audio on its way to the caller, and how much of it was heard. Pure.

``bridge`` puts in what the model says, sends what `Playout.take` returns at the time that
`Playout.due_at` says, and passes on the marks that come back. Times are seconds of any monotonic
clock.

Rules
-----
1. Audio is cut into frames of 20 ms; the rest of a delta is joined with the next one. The last
   frame of a content part may be shorter: no padding is added, and the bytes are never changed.
2. Audio is sent at most ``lead_ms`` before Twilio has to play it. The lead absorbs network jitter;
   it is short because audio that Twilio has can be taken back only with a ``clear``.
3. A mark is sent after every ``mark_every_ms`` of audio, after the last frame in the queue, and
   after the last frame of a content part, so that each mark stands for audio of one part. Twilio
   returns a mark when it has played the audio before it: that audio, and no other, was heard.
4. An interruption throws away what has not been heard of an item. If Twilio may have some of it,
   all of Twilio's buffer is cleared, and what it held of other items is sent again. Twilio returns
   the marks of cleared audio too, so all marks sent before are *stale*: each name is used once in a
   call, and only the marks that are still expected count.
"""

import math
from collections import deque
from typing import Final, TypeAlias

import attrs

from .messages import encode_clear, encode_mark, encode_media

FRAME_MS: Final = 20
"""The length of the frames Twilio sends itself, and of the telephone network's packets."""

BYTES_PER_MS: Final = 8
"""µ-law at 8 kHz."""

FRAME_BYTES: Final = FRAME_MS * BYTES_PER_MS

_Part: TypeAlias = tuple[str, int]
"""An item's id and a content index."""


@attrs.frozen(kw_only=True)
class HeardAudio:
    """Audio the caller has heard to its end."""

    item_id: str
    content_index: int
    audio: bytes = attrs.field(repr=False)
    """µ-law at 8 kHz."""

    @property
    def ms(self) -> float:
        """Its duration, in ms."""
        return len(self.audio) / BYTES_PER_MS


@attrs.frozen(repr=False)
class _Frame:
    part: _Part
    audio: bytes

    @property
    def seconds(self) -> float:
        return len(self.audio) / BYTES_PER_MS / 1000


@attrs.define(eq=False, kw_only=True, repr=False)
class Playout:
    """The outgoing audio of one call; see the rules above."""

    stream_sid: str
    lead_ms: float = 200
    mark_every_ms: float = 100
    stale_marks: int = attrs.field(default=0, init=False)
    """How many marks came back for audio that a ``clear`` had thrown away."""
    _part: _Part | None = attrs.field(default=None, init=False)
    _rest: bytes = attrs.field(default=b"", init=False)
    """The end of ``_part``, shorter than a frame, to be joined with what comes next."""
    _queue: deque[_Frame] = attrs.field(factory=deque[_Frame], init=False)
    _unmarked: list[_Frame] = attrs.field(factory=list[_Frame], init=False)
    """Frames that were sent without a mark behind them yet; all are of one part."""
    _marked: dict[str, list[_Frame]] = attrs.field(factory=dict[str, list[_Frame]], init=False)
    """Frames that were sent, by the name of the mark behind them, in order."""
    _marks: int = attrs.field(default=0, init=False)
    _clear: bool = attrs.field(default=False, init=False)
    """A ``clear`` has to be sent before anything else."""
    _plays_until: float = attrs.field(default=-math.inf, init=False)
    """When Twilio will have played what it was sent, unless the network delays it."""

    # -- what the model says -------------------------------------------------------------
    def feed(self, item_id: str, content_index: int, audio: bytes) -> None:
        """Add audio to the end of the queue: µ-law at 8 kHz, of any length."""
        part = (item_id, content_index)
        if part != self._part:
            self.flush()
            self._part = part
        audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            self._queue.append(_Frame(part, audio[start : start + FRAME_BYTES]))
        self._rest = audio[whole:]

    def flush(self) -> None:
        """The content part is complete: queue the rest of it, which is less than a frame."""
        if self._rest:
            assert self._part is not None
            self._queue.append(_Frame(self._part, self._rest))
        self._rest = b""
        self._part = None

    def interrupt(self, item_id: str) -> None:
        """Throw away the audio of an item that has not been heard."""
        if self._part is not None and self._part[0] == item_id:
            self._part, self._rest = None, b""
        self._queue = deque(frame for frame in self._queue if frame.part[0] != item_id)
        sent = [frame for frames in self._marked.values() for frame in frames] + self._unmarked
        spared = [frame for frame in sent if frame.part[0] != item_id]
        if len(spared) < len(sent):
            self._queue.extendleft(reversed(spared))
            self._marked.clear()
            self._unmarked.clear()
            self._clear = True
            self._plays_until = -math.inf

    # -- what is sent --------------------------------------------------------------------
    def due_at(self) -> float:
        """The time at which to send what is next; ``inf`` if there is nothing to send."""
        if self._clear:
            return -math.inf
        if not self._queue:
            return math.inf
        return self._plays_until + self._queue[0].seconds - self.lead_ms / 1000

    def take(self, now: float) -> list[str]:
        """The messages that are due now: a ``clear``, or one frame and perhaps a mark."""
        if self._clear:
            self._clear = False
            return [encode_clear(self.stream_sid)]
        frame = self._queue.popleft()
        self._plays_until = max(self._plays_until, now) + frame.seconds
        self._unmarked.append(frame)
        messages = [encode_media(self.stream_sid, frame.audio)]
        if self._wants_mark(frame):
            self._marks += 1
            name = str(self._marks)
            self._marked[name] = self._unmarked
            self._unmarked = []
            messages.append(encode_mark(self.stream_sid, name))
        return messages

    def _wants_mark(self, sent: _Frame) -> bool:
        if not self._queue or self._queue[0].part != sent.part:
            return True
        nbytes = sum(len(frame.audio) for frame in self._unmarked)
        return nbytes >= self.mark_every_ms * BYTES_PER_MS

    # -- what was heard ------------------------------------------------------------------
    def acknowledge(self, name: str) -> list[HeardAudio]:
        """A mark came back. Returns the audio that was heard, in order; none for a stale mark."""
        if name not in self._marked:
            self.stale_marks += 1
            return []
        heard: list[HeardAudio] = []
        # Marks come back in order. If one was lost, the audio before it was played as well.
        while name in self._marked:
            frames = self._marked.pop(next(iter(self._marked)))
            item_id, content_index = frames[0].part
            audio = b"".join(frame.audio for frame in frames)
            heard.append(HeardAudio(item_id=item_id, content_index=content_index, audio=audio))
        return heard

    @property
    def is_idle(self) -> bool:
        """Whether everything has been heard, or was thrown away."""
        return not (self._queue or self._rest or self._unmarked or self._marked or self._clear)
