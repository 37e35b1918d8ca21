"""Where in a recording each piece of audio stands. Pure; the recorder says what happened, and when.

Positions are frames of the recording (one sample of each side) since it began. The user is on the
left, the model on the right. Times are floats of seconds, of the clock that ``began`` comes from.

Rules
-----
1. Audio of the user ends at the moment it is reported, unless a time is given. Audio that comes a
   little late or early follows the piece before it directly, so that jitter makes no gaps. The same
   holds for audio of the model that is reported as heard.
2. Audio of the model that comes as session events is heard from the moment it comes, or from the
   end of the audio before it.
3. An interruption removes the part of an item that was not heard: what had not been played by then,
   and what the event says was not heard although the clock says it was. Later items move up.
4. Audio that is old enough is handed out to be written, once and in order, as slabs. If an
   interruption removes some of it afterwards, silence to write over it is handed out.
"""

from collections import deque
from typing import Final, TypeAlias

import attrs

from ..audio.formats import AudioFormat

JITTER_MS: Final = 120
"""In ms: a shorter gap between two pieces comes from the network, not from the speaker."""

_ROUNDING_MS: Final = 1
"""In ms: the tolerance where timestamps are given."""

HOLD_MS: Final = 500
"""In ms: newer audio is not handed out yet, since more of its time may still arrive."""

_CONTENTS: Final = 64
"""How many content parts are remembered for interruptions; far more than can be unheard at once."""

_Content: TypeAlias = tuple[str, int]


@attrs.frozen(kw_only=True)
class Clip:
    """Audio in its own format, and the frame of the recording where it begins."""

    start: int
    audio: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Slab:
    """Everything between two frames of the recording; where there is no clip, there is silence."""

    start: int
    end: int
    left: tuple[Clip, ...]
    right: tuple[Clip, ...]


@attrs.frozen(kw_only=True)
class Silence:
    """Silence to be laid over the right side between two frames."""

    start: int
    end: int


@attrs.define(eq=False)
class _Piece:
    """Audio at its place in the recording. Its bytes are dropped once it is handed out."""

    start: int
    length: int
    audio: bytes
    content: _Content | None

    @property
    def end(self) -> int:
        return self.start + self.length


@attrs.define(eq=False)
class _Side:
    """One side of the recording: the pieces that have not been handed out, in order."""

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
        """How many frames the audio takes. A part of a sample at its end does not count."""
        return len(audio) // self.format.sample_width * self.per_sample

    def end_of(self, clip: Clip) -> int:
        """Return the frame that follows a clip."""
        return clip.start + self.length(clip.audio)

    def part(self, audio: bytes, start: int, end: int) -> bytes:
        """The bytes between two of its frames, which are multiples of ``per_sample``."""
        width = self.format.sample_width
        return audio[start // self.per_sample * width : end // self.per_sample * width]

    def put(self, start: int, audio: bytes, content: _Content | None = None) -> _Piece:
        """Add a piece at ``start``, which is not before the end of the last one."""
        piece = _Piece(start, self.length(audio), audio, content)
        self.pieces.append(piece)
        self.end = piece.end
        return piece

    def take(self, start: int, end: int) -> tuple[Clip, ...]:
        """Hand out the audio from ``start``, up to which all is handed out, to ``end``."""
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
    """In frames: every position is a multiple of it, so that no sample of a side is cut in two."""
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
        """The user said this: until now, or from ``at`` on."""
        self._put_past(self._left, audio, now, at)

    def heard(self, audio: bytes, now: float, at: float | None = None) -> None:
        """The user heard this: until now, or from ``at`` on. No interruption cuts it."""
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
        """The model says this. It is heard from now on, or from the end of the audio before it."""
        content = (item_id, content_index)
        piece = self._right.put(max(self._frame(now), self._right.end), audio, content)
        self._contents.setdefault(content, []).append(piece)
        if len(self._contents) > _CONTENTS:
            del self._contents[next(iter(self._contents))]

    def interrupted(self, item_id: str, content_index: int, heard_ms: float, now: float) -> None:
        """An item was interrupted ``heard_ms`` into this content part.

        Earlier parts of the item were heard to their ends, and nothing of later ones.
        """
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
        """Move the pieces that are not heard yet up to ``now``, one after the other."""
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
        """Hand out what is old enough to be written at ``now``, which may be nothing."""
        return self._hand_out(self._frame(now - HOLD_MS / 1000))

    def waiting_ms(self, now: float) -> float:
        """How much of the recording is old enough to be written and is not handed out, in ms."""
        return max(0.0, (self._frame(now - HOLD_MS / 1000) - self._written) / self.rate * 1000)

    def finish(self, now: float) -> tuple[int, list[Slab | Silence]]:
        """End the recording now. Returns its length in frames, and what is left to write.

        Audio of the model that has not been heard yet is left out.
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
                # After a long silence the slab still covers only the audio in it.
                news.append(self._slab(left, right))
        return news

    def _slab(self, left: tuple[Clip, ...], right: tuple[Clip, ...]) -> Slab:
        ends = [self._left.end_of(clip) for clip in left]
        ends += [self._right.end_of(clip) for clip in right]
        start = min(clip.start for clip in left + right)
        return Slab(start=start, end=max(ends), left=left, right=right)

    def _frame(self, time: float) -> int:
        """The frame of a time; 0 for times before the recording began."""
        # Times are floats: 100.02 - 100 is a hair less than 0.02, and must not be a frame less.
        frame = int((time - self.began) * self.rate + 1e-3)
        return max(0, frame - frame % self._grid)
