"""`PlaybackLedger`: how much of the model's audio the user has heard.

The model sends audio faster than it sounds, so what was received says little about what was heard.
The ledger counts both for each item, and at a barge-in it says what has to be told to the
server, so that the conversation there holds what was heard and no more.

Called by the connection's protocol, with the time as a float of seconds from any monotonic clock.
Pure: nothing here waits, and nothing here knows wire events.

Rules
-----
1. Audio is played in the order in which it came, one piece after another, at real-time speed. A
   piece starts when it was delivered or when what is before it ended, whichever is later; the
   silence of an underrun counts for nobody.
2. With a `RealtimePlaybackTracker` the tracker knows, not the clock: of the item it names, what it
   says was heard, and of those before it, everything. Never more than was received, never less
   than it said before.
3. An item that is finished, and of which less than 1 ms is unheard, was heard: an interruption
   leaves it alone. (1 ms is the unit in which the protocol truncates.)
4. An interruption *cuts* each other item, once for ever: where the hearing stopped
   (`Truncation`), or altogether when nothing was heard (`Unheard`). An item that is not finished
   is cut even when all that came of it was heard, since what the server makes of it next, and has
   already written of its transcript, will not be. By the clock, what has begun to play was heard
   for 1 ms, the smallest cut there is.
5. Audio of an item that has been cut is stale: it is not counted, and not worth delivering.

What it costs: a few attribute operations per delta, whatever the conversation's length. Live are
only items with unheard audio and the one being received; those played out or cut are kept, without
their audio, up to ``_PAST_ITEMS``, then forgotten.
"""

from collections.abc import Collection
from itertools import takewhile
from typing import Final

import attrs

from ...audio.formats import AudioFormat, audio_format
from .cuts import Cut, PlaybackPosition, Truncation, Unheard
from .play_out import AudioItem, AudioPart, PlayOut
from .tracker import RealtimePlaybackTracker

# A session lasts an hour at most and rarely speaks more items than this; late audio comes within
# seconds of a cut, not hundreds of items later.
_PAST_ITEMS: Final = 512

# The unit of ``audio_end_ms`` in conversation.item.truncate.
_SMALLEST_CUT_MS: Final = 1.0

# Clocks are floats: 100.251 - 100.0 may be a hair less than 0.251, and must still be 251 ms. Less
# than the length of a byte, so it cannot carry a position over the end of what was received.
_CLOCK_ERROR_MS: Final = 1e-3


@attrs.define(eq=False)
class PlaybackLedger:
    """What was received, delivered and heard of the model's audio; see the rules above.

    ``format`` is the session's output format, in any spelling that `audio_format` knows. With a
    ``tracker`` its word stands for the clock's; the ledger tells it the format, and when it was
    interrupted. What a tracker of the application's own making raises comes out of the method
    that asked it.
    """

    format: AudioFormat = attrs.field(default=None, converter=audio_format)
    tracker: RealtimePlaybackTracker | None = None
    _bytes_per_ms: float = attrs.field(init=False)
    # In order of playing.
    _live: dict[str, AudioItem] = attrs.field(init=False, factory=dict[str, AudioItem])
    _past: dict[str, AudioItem] = attrs.field(init=False, factory=dict[str, AudioItem])
    _play_out: PlayOut = attrs.field(init=False, factory=PlayOut)
    """What plays when, by the clock."""
    # The part that the last delta belonged to, which the next one usually does too.
    _receiving: AudioPart | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.set_format(self.format)

    def set_format(self, format: object) -> None:
        """The output format, as the session was told, for audio of contents yet to begin.

        Raises `~trio_realtime.errors.SettingsError` for a format that does not exist.
        """
        self.format = audio_format(format)
        self._bytes_per_ms = self.format.bytes_per_ms
        if self.tracker is not None:
            self.tracker.set_audio_format(self.format)

    # What happened

    def received(
        self,
        item_id: str,
        content_index: int,
        nbytes: int,
        now: float,
        *,
        delivered: bool = True,
    ) -> bool:
        """Count ``nbytes`` of audio that came from the server. False: it is stale, drop it.

        ``delivered=False`` says that the application has not got it yet: it plays from when
        `delivered` says so. The first audio of another item finishes all items before it.
        """
        part = self._receiving
        if part is None or part.content_index != content_index or part.item.item_id != item_id:
            part = self._begin(item_id, content_index, now)
            if part is None:
                return False
        part.received_bytes += nbytes
        if delivered:
            self._play(part, nbytes, now)
        return True

    def delivered(self, item_id: str, content_index: int, nbytes: int, now: float) -> bool:
        """Count ``nbytes`` of received audio that the application takes at ``now``.

        False: it is stale (or was never received), and the application should not get it.
        """
        item = self._live.get(item_id) or self._past.get(item_id)
        part = item.parts.get(content_index) if item is not None and not item.cut else None
        if part is None:
            return False
        self._play(part, min(nbytes, part.received_bytes - part.delivered_bytes), now)
        return True

    def finished(self, item_id: str) -> None:
        """The server has sent all audio of this item; what is unheard of it plays on.

        Harmless for items that are unknown, cut, or finished already.
        """
        item = self._live.get(item_id)
        if item is not None:
            item.finished = True

    def interrupt(self, now: float, items: Collection[str] | None = None) -> tuple[Cut, ...]:
        """Stop playback for a barge-in, and return what the server has to be told, in order.

        With ``items`` only these are stopped, and what is queued behind them moves up. Empty when
        nothing was left to hear. Every item is in the answers of one ledger at most once. The
        tracker is told when the answer is not empty and stops what the tracker was playing.
        """
        playing = self._ask_tracker()
        chosen = [item for each, item in self._live.items() if items is None or each in items]
        cuts = tuple(
            self._cut(item, now)
            for item in chosen
            if not (item.finished and self._is_heard(item, now))
        )
        for item in chosen:
            self._leave(self._live.pop(item.item_id), now)
        self._forget_oldest()
        if cuts and self.tracker is not None and playing not in self._live:
            self.tracker.on_interrupted()
        return cuts

    def discard(self, item_id: str, now: float) -> None:
        """This item was truncated or deleted by somebody else: its audio, late or not, is stale.

        For items whose response was cancelled before any audio came, too. What is queued behind
        the item moves up.
        """
        self._ask_tracker()
        item = self._live.pop(item_id, None) or self._past.pop(item_id, None) or AudioItem(item_id)
        if item.cut:
            self._past[item_id] = item
            return
        self._freeze(item, now)
        self._leave(item, now)
        self._forget_oldest()

    # Questions

    def heard_ms(self, item_id: str, content_index: int, now: float) -> float:
        """How much of this content the user has heard, in ms; 0.0 for what is unknown."""
        position = self.position(item_id, content_index, now)
        return 0.0 if position is None else position.heard_ms

    def position(self, item_id: str, content_index: int, now: float) -> PlaybackPosition | None:
        """How far this content has come; None when none of its audio is known (any more)."""
        self._ask_tracker()
        item = self._live.get(item_id) or self._past.get(item_id)
        part = item.parts.get(content_index) if item is not None else None
        if part is None:
            return None
        heard_ms = self._heard_ms(part, now)
        return PlaybackPosition(
            received_bytes=part.received_bytes,
            delivered_bytes=part.delivered_bytes,
            heard_bytes=int(heard_ms * part.bytes_per_ms + _CLOCK_ERROR_MS),
            received_ms=part.received_ms,
            delivered_ms=part.delivered_ms,
            heard_ms=heard_ms,
        )

    def remaining_ms(self, now: float, item_id: str | None = None) -> float:
        """How much received audio has yet to be heard, in ms: all of it, or up to the item's end.

        0.0 when everything was, and for an item that is unknown, played out or cut. By the clock
        it is also how long to wait; with a tracker, or audio not yet delivered, the least one has
        to. So wait as in ``while (ms := remaining_ms(now())) > 0: await trio.sleep(ms / 1000)``.
        """
        return self.remaining_ms_of(None if item_id is None else (item_id,), now)

    def remaining_ms_of(self, items: Collection[str] | None, now: float) -> float:
        """As `remaining_ms`, up to the end of the last of these items."""
        self._ask_tracker()
        total = remaining = 0.0
        for item in self._live.values():
            total += sum(self._unheard_ms(part, now) for part in item.parts.values())
            if items is None or item.item_id in items:
                remaining = total
        return remaining

    def is_cut(self, item_id: str) -> bool:
        """Whether an interruption, or `discard`, has cut this item: what comes of it is stale."""
        item = self._past.get(item_id)
        return item is not None and item.cut

    # Items

    def _begin(self, item_id: str, content_index: int, now: float) -> AudioPart | None:
        """The part that a delta belongs to, made if new; None when it is stale."""
        item = self._live.get(item_id)
        if item is None:
            if self.is_cut(item_id):
                return None
            item = self._past.pop(item_id, None) or AudioItem(item_id)
            self._retire(now)
            self._live[item_id] = item
        part = item.parts.get(content_index)
        if part is None:
            part = AudioPart(item, content_index, self._bytes_per_ms)
            item.parts[content_index] = part
        item.unheard[content_index] = part
        self._receiving = part
        return part

    def _retire(self, now: float) -> None:
        """Another item begins: those before it are finished, and past once they are heard."""
        self._ask_tracker()
        if self._live:
            next(reversed(self._live.values())).finished = True  # the others were when it began
        while self._live:
            # They play in order, so behind the first that is unheard none is heard to its end.
            oldest = next(iter(self._live.values()))
            if not self._is_heard(oldest, now):
                break
            self._past[oldest.item_id] = self._live.pop(oldest.item_id)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._past) > _PAST_ITEMS:
            del self._past[next(iter(self._past))]

    def _cut(self, item: AudioItem, now: float) -> Cut:
        self._freeze(item, now)
        for part in reversed(item.parts.values()):
            heard_ms = self._heard_ms(part, now)
            end_ms = int(heard_ms + _CLOCK_ERROR_MS)
            if end_ms >= _SMALLEST_CUT_MS:
                return Truncation(
                    item_id=item.item_id,
                    content_index=part.content_index,
                    audio_end_ms=end_ms,
                    received_ms=part.received_ms,
                    heard_ms=heard_ms,
                )
        begun = self._just_begun(item, now)
        if begun is not None:
            return Truncation(
                item_id=item.item_id,
                content_index=begun.content_index,
                audio_end_ms=int(_SMALLEST_CUT_MS),
                received_ms=begun.received_ms,
                heard_ms=self._heard_ms(begun, now),
            )
        return Unheard(
            item_id=item.item_id,
            content_index=next(iter(item.parts)),
            received_ms=sum(part.received_ms for part in item.parts.values()),
        )

    def _just_begun(self, item: AudioItem, now: float) -> AudioPart | None:
        """The part of the item that has begun to play, by the clock, if long enough to cut."""
        part = None if self.tracker is not None else self._play_out.begun(item, now)
        return part if part is not None and part.delivered_ms >= _SMALLEST_CUT_MS else None

    def _freeze(self, item: AudioItem, now: float) -> None:
        for part in item.parts.values():
            part.final_ms = self._heard_ms(part, now)
        item.cut = True

    # Hearing

    def _play(self, part: AudioPart, nbytes: int, now: float) -> None:
        part.delivered_bytes += nbytes
        self._play_out.append(part, nbytes, now)

    def _leave(self, item: AudioItem, now: float) -> None:
        """This item is not live any more."""
        self._past[item.item_id] = item
        self._play_out.remove(item, now)
        self._receiving = None

    def _heard_ms(self, part: AudioPart, now: float) -> float:
        if part.final_ms is not None:
            return part.final_ms
        if self.tracker is not None:
            return min(part.reported_ms, part.received_ms)
        unplayed = self._play_out.unplayed(part, now)
        return max(0.0, part.delivered_ms - unplayed * 1000)

    def _unheard_ms(self, part: AudioPart, now: float) -> float:
        """What is left of a part, in ms; 0.0 for less than can be cut off."""
        rest = part.received_ms - self._heard_ms(part, now)
        return rest if rest >= _SMALLEST_CUT_MS else 0.0

    def _is_heard(self, item: AudioItem, now: float) -> bool:
        while item.unheard:
            part = next(iter(item.unheard.values()))
            if self._unheard_ms(part, now):
                return False
            # Once heard a part stays heard, unless more of it comes.
            del item.unheard[part.content_index]
            if part is self._receiving:
                self._receiving = None
        return True

    def _ask_tracker(self) -> str | None:
        """Take over what the tracker says, since it remembers only the item being played.

        Returns that item's id; None when nothing is played or there is no tracker.
        """
        if self.tracker is None:
            return None
        state = self.tracker.get_state()
        item_id, index = state["current_item_id"], state["current_item_content_index"]
        item = None if item_id is None else self._live.get(item_id)
        if item is None or index not in item.parts:
            return item_id
        playing = item.parts[index]
        playing.reported_ms = max(playing.reported_ms, state["elapsed_ms"] or 0.0)
        in_order = (part for before in self._live.values() for part in before.parts.values())
        for part in takewhile(lambda part: part is not playing, in_order):
            part.reported_ms = max(part.reported_ms, part.received_ms)
        return item_id
