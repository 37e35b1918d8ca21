"""`Playout`: the model's audio on its way to the caller, and how much of it was heard. Pure.

``twilio`` feeds it what the model says, sends what `Playout.take` gives when `Playout.due_at` says,
and passes back the marks. Time is a float of seconds from any monotonic clock.

Rules
-----
1. Audio is cut into frames of 20 ms; what is left of a delta is joined with the next. The end of a
   content part may be a shorter frame: nothing is added that the model did not say, and the bytes
   themselves are never touched.
2. Twilio plays what it has, in order, and is kept ``lead_ms`` ahead, no more: what lies there can
   be taken back only with a ``clear``, and the lead is what network jitter may use up.
3. Behind every ``mark_every_ms`` of audio goes a mark, and one behind the last frame there is for
   now, and behind the last of a content part, so that a mark stands for audio of one part. Twilio
   returns a mark when it has played what came before it: that audio, and no other, was heard.
4. An interruption throws an item away. If some of it may be with Twilio, everything there is
   cleared; what was there of other items is sent again. Twilio returns the marks it drops, so all
   marks sent before are *stale*: a mark's name is used once in a call, and only those that are
   still expected count.
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
        """How long it sounds."""
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
    """Marks that came back for audio which a ``clear`` had thrown away."""
    _part: _Part | None = attrs.field(default=None, init=False)
    _rest: bytes = attrs.field(default=b"", init=False)
    """Less than a frame of ``_part``."""
    _queue: deque[_Frame] = attrs.field(factory=deque[_Frame], init=False)
    _unmarked: list[_Frame] = attrs.field(factory=list[_Frame], init=False)
    """Sent, all of one part, and without a mark behind them yet."""
    _marked: dict[str, list[_Frame]] = attrs.field(factory=dict[str, list[_Frame]], init=False)
    """Sent, by the mark behind them, in order."""
    _marks: int = attrs.field(default=0, init=False)
    _clear: bool = attrs.field(default=False, init=False)
    """A ``clear`` has to be sent before anything else."""
    _plays_until: float = attrs.field(default=-math.inf, init=False)
    """When Twilio will have played what it was sent, if all went well."""

    # -- what the model says -------------------------------------------------------------
    def feed(self, item_id: str, content_index: int, audio: bytes) -> None:
        """Queue audio behind all there is: µ-law at 8 kHz, of any length."""
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
        """No more is coming of what came last: queue what is left of it, less than a frame."""
        if self._rest:
            assert self._part is not None
            self._queue.append(_Frame(self._part, self._rest))
        self._rest = b""
        self._part = None

    def interrupt(self, item_id: str) -> None:
        """Throw away what has not been heard of an item."""
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
        """When there is something to send: ``inf`` when there is nothing."""
        if self._clear:
            return -math.inf
        if not self._queue:
            return math.inf
        return self._plays_until + self._queue[0].seconds - self.lead_ms / 1000

    def take(self, now: float) -> list[str]:
        """What to send now that it is due: a ``clear``, or one frame and perhaps a mark."""
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
        """A mark came back: what was heard, in order; nothing if the mark is stale."""
        if name not in self._marked:
            self.stale_marks += 1
            return []
        heard: list[HeardAudio] = []
        # Marks come back in order; should one be lost, what it stood for was played all the same.
        while name in self._marked:
            frames = self._marked.pop(next(iter(self._marked)))
            item_id, content_index = frames[0].part
            audio = b"".join(frame.audio for frame in frames)
            heard.append(HeardAudio(item_id=item_id, content_index=content_index, audio=audio))
        return heard

    @property
    def is_idle(self) -> bool:
        """Whether all there was has been heard, or thrown away."""
        return not (self._queue or self._rest or self._unmarked or self._marked or self._clear)
