"""What a recording holds, sample by sample. Pure; `recording` tells it the time and what happened.

Positions are frames of the recording (one sample of each side) since it began. The user is on the
left, the model on the right. Times are floats of seconds, of the clock that ``began`` comes from.

Rules
-----
1. Audio of the user was said just before it came: it ends now. Audio that comes a little late or
   early goes directly behind what came before, so that jitter makes no gaps; the same holds for
   what is reported as heard. Whoever knows the time says it.
2. Audio of the model that comes as session events is heard from when it came, or from when what is
   before it has been heard.
3. An interruption takes away what was not heard of an item: what had not been played by now, and
   what the event says was not heard although the clock says it was. Items behind it move up.
4. What is old enough is handed out, once and in order, as slabs; what an interruption takes away of
   it is handed out as silence to be laid over it.
"""

from collections import deque
from typing import Final, TypeAlias

import attrs

from ..audio.formats import AudioFormat

JITTER_MS: Final = 120
"""A gap shorter than this between two pieces is the computer's and not the speaker's."""

_ROUNDING_MS: Final = 1
"""Nor is one as short as this, where times are told."""

HOLD_MS: Final = 500
"""How long audio may be under way: what is newer than this is not handed out yet."""

_CONTENTS: Final = 64
"""Content parts remembered for interruptions; far more than can be unheard at one time."""

_Content: TypeAlias = tuple[str, int]


@attrs.frozen(kw_only=True)
class Clip:
    """Audio in its own format, at a frame of the recording."""

    start: int
    audio: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Slab:
    """All there is between two frames of the recording; where no clip is, there is silence."""

    start: int
    end: int
    left: tuple[Clip, ...]
    right: tuple[Clip, ...]


@attrs.frozen(kw_only=True)
class Silence:
    """Lay silence over the right side between two frames."""

    start: int
    end: int


@attrs.define(eq=False)
class _Piece:
    """Audio in its place. Without bytes when it has been handed out."""

    start: int
    length: int
    audio: bytes
    content: _Content | None

    @property
    def end(self) -> int:
        return self.start + self.length


@attrs.define(eq=False)
class _Side:
    """One side of the recording: what has not been handed out, in order."""

    format: AudioFormat
    rate: int
    pieces: deque[_Piece] = attrs.field(factory=deque[_Piece], init=False)
    end: int = attrs.field(default=0, init=False)
    """Where the last piece ends."""

    @property
    def per_sample(self) -> int:
        """How many frames of the recording one sample takes."""
        return self.rate // self.format.rate

    def length(self, audio: bytes) -> int:
        """How many frames it takes. A part of a sample at its end does not count."""
        return len(audio) // self.format.sample_width * self.per_sample

    def end_of(self, clip: Clip) -> int:
        """The frame behind a clip."""
        return clip.start + self.length(clip.audio)

    def part(self, audio: bytes, start: int, end: int) -> bytes:
        """What is between two frames of it, which are multiples of ``per_sample``."""
        width = self.format.sample_width
        return audio[start // self.per_sample * width : end // self.per_sample * width]

    def put(self, start: int, audio: bytes, content: _Content | None = None) -> _Piece:
        """Add a piece behind all others."""
        piece = _Piece(start, self.length(audio), audio, content)
        self.pieces.append(piece)
        self.end = piece.end
        return piece

    def take(self, start: int, end: int) -> tuple[Clip, ...]:
        """Hand out everything before ``end``; what is before ``start`` was handed out before."""
        clips: list[Clip] = []
        while self.pieces and self.pieces[0].start < end:
            piece = self.pieces[0]
            first, last = max(piece.start, start), min(piece.end, end)
            audio = self.part(piece.audio, first - piece.start, last - piece.start)
            if audio:
                clips.append(Clip(start=first, audio=audio))
            if piece.end > end:
                break
            piece.audio = b""
            self.pieces.popleft()
        return tuple(clips)


@attrs.define(eq=False, kw_only=True)
class Timeline:
    """Both sides of a recording; see the rules above."""

    began: float
    rate: int
    """Frames a second: the rate of each format, or a multiple of it."""
    user_format: AudioFormat
    model_format: AudioFormat
    _left: _Side = attrs.field(init=False)
    _right: _Side = attrs.field(init=False)
    _grid: int = attrs.field(init=False)
    """Every position is a multiple of it, so that no sample of either side is cut in two."""
    _written: int = attrs.field(default=0, init=False)
    _contents: dict[_Content, list[_Piece]] = attrs.field(
        factory=dict[_Content, list[_Piece]], init=False
    )
    _silences: list[Silence] = attrs.field(factory=list[Silence], init=False)

    def __attrs_post_init__(self) -> None:
        self._left = _Side(self.user_format, self.rate)
        self._right = _Side(self.model_format, self.rate)
        self._grid = max(self._left.per_sample, self._right.per_sample)

    # -- what happened -------------------------------------------------------------------
    def said(self, audio: bytes, now: float, at: float | None = None) -> None:
        """The user said this, just now or from ``at`` on."""
        self._put_past(self._left, audio, now, at)

    def heard(self, audio: bytes, now: float, at: float | None = None) -> None:
        """The model was heard saying this, just now or from ``at`` on. That is final."""
        self._put_past(self._right, audio, now, at)

    def _put_past(self, side: _Side, audio: bytes, now: float, at: float | None) -> None:
        if at is None:
            start, tolerance = self._frame(now) - side.length(audio), JITTER_MS
        else:
            start, tolerance = self._frame(at), _ROUNDING_MS
        if side.end and start - side.end <= tolerance * self.rate // 1000:
            start = side.end
        side.put(max(start, self._written), audio)

    def plays(self, item_id: str, content_index: int, audio: bytes, now: float) -> None:
        """The model says this; it is heard as soon as what is before it has been."""
        content = (item_id, content_index)
        piece = self._right.put(max(self._frame(now), self._right.end), audio, content)
        self._contents.setdefault(content, []).append(piece)
        if len(self._contents) > _CONTENTS:
            del self._contents[next(iter(self._contents))]

    def interrupted(self, item_id: str, content_index: int, heard_ms: float, now: float) -> None:
        """Of this item ``heard_ms`` of this content was heard last; all before, nothing after."""
        frame = self._frame(now)
        samples = int(self.model_format.rate * heard_ms / 1000)
        heard = samples * self._right.per_sample
        reached = False
        for content, pieces in self._contents.items():
            if content[0] != item_id:
                continue
            left = heard if content[1] == content_index else 0 if reached else None
            reached = reached or content[1] == content_index
            for piece in pieces:
                length = piece.length
                kept = length if left is None else min(length, left)
                self._shorten(piece, max(0, min(kept, frame - piece.start)))
                left = None if left is None else max(0, left - length)
        self._close_up(frame)

    def _shorten(self, piece: _Piece, length: int) -> None:
        if length == piece.length:
            return
        end = min(piece.end, self._written)
        if piece.start + length < end:
            self._silences.append(Silence(start=piece.start + length, end=end))
        piece.audio = self._right.part(piece.audio, 0, length)
        piece.length = length

    def _close_up(self, now: int) -> None:
        """What is still to be heard is heard from now on, one piece after the other."""
        side = self._right
        pieces, side.pieces = side.pieces, deque[_Piece]()
        cursor = now
        for piece in pieces:
            if piece.end > now and piece.start < now:
                cursor = piece.end
            elif piece.start >= now:
                piece.start = cursor
                cursor = piece.end
            if piece.length:
                side.pieces.append(piece)
        side.end = cursor

    # -- what is written -----------------------------------------------------------------
    def advance(self, now: float) -> list[Slab | Silence]:
        """What can be written by now, which may be nothing."""
        return self._hand_out(self._frame(now - HOLD_MS / 1000))

    def waiting_ms(self, now: float) -> float:
        """How much of the recording could have been written by now and has not been."""
        return max(0.0, (self._frame(now - HOLD_MS / 1000) - self._written) / self.rate * 1000)

    def finish(self, now: float) -> tuple[int, list[Slab | Silence]]:
        """The recording ends now: its length in frames, and what is left to write.

        What the model has said and nobody has heard yet is not in it.
        """
        frame = self._frame(now)
        for piece in self._right.pieces:
            if piece.content is not None:
                self._shorten(piece, max(0, min(piece.length, frame - piece.start)))
        final = [each.end for each in (*self._left.pieces, *self._right.pieces) if not each.content]
        end = max(frame, self._written, *final)
        return end, self._hand_out(end)

    def _hand_out(self, end: int) -> list[Slab | Silence]:
        news: list[Slab | Silence] = [*self._silences]
        self._silences.clear()
        start = self._written
        if end > start:
            self._written = end
            left, right = self._left.take(start, end), self._right.take(start, end)
            if left or right:
                # However long nothing happened, a slab is no longer than what is in it.
                news.append(self._slab(left, right))
        return news

    def _slab(self, left: tuple[Clip, ...], right: tuple[Clip, ...]) -> Slab:
        ends = [self._left.end_of(clip) for clip in left]
        ends += [self._right.end_of(clip) for clip in right]
        start = min(clip.start for clip in left + right)
        return Slab(start=start, end=max(ends), left=left, right=right)

    def _frame(self, time: float) -> int:
        """The frame of a moment; never one before the recording began."""
        # Times are floats: 100.02 - 100 is a hair less than 0.02, and must not be a frame less.
        frame = int((time - self.began) * self.rate + 1e-3)
        return max(0, frame - frame % self._grid)
