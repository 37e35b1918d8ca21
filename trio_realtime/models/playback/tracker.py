"""`RealtimePlaybackTracker`: the application tells how much of the model's audio was played.

Made by the application, which reports to it; read by the playback ledger of the model connection,
which asks for its state when somebody interrupts. Pure: no clock, no waiting, so a report may come
from anywhere, a sound card's callback thread included.
"""

import math
from typing import TypedDict

import attrs

from trio_realtime.audio.formats import PCM16, AudioFormat, audio_format
from trio_realtime.errors import UserError


class RealtimePlaybackState(TypedDict):
    """What is being played. All three are None when nothing is."""

    current_item_id: str | None
    current_item_content_index: int | None
    elapsed_ms: float | None
    """How much of that content was played, in ms since its beginning."""


@attrs.define(eq=False)
class RealtimePlaybackTracker:
    """For applications that know better than the clock how much the user has heard.

    Without one, the model's audio counts as played at real-time speed from when it came. Where
    playback starts late, stalls or runs at another speed (a phone network, a browser at the end
    of a slow line), pass one of these as the model's ``playback_tracker``, and call `on_play_bytes`
    or `on_play_ms` each time some audio has been played. What is never reported was never heard.

    The model's items play one after another: a report about an item says that everything which
    came before that item has been played, so the last few milliseconds of an item need no exact
    report.

    One tracker serves one session. Reports may come from another thread than the session's, but
    from one thread at a time.
    """

    _format: AudioFormat = attrs.field(default=PCM16, init=False)
    # One attribute, replaced at once: a reader in another thread sees it before or after a
    # report, never between.
    _playing: tuple[str, int, float] | None = attrs.field(default=None, init=False)

    def on_play_bytes(
        self,
        item_id: str,
        item_content_index: int,
        bytes: bytes | bytearray | memoryview,
    ) -> None:
        """Report that ``bytes``, in the session's output format, have been played to their end.

        Bytes add up, as in `on_play_ms`.
        """
        nbytes = memoryview(bytes).nbytes
        self.on_play_ms(item_id, item_content_index, self._format.duration_ms(nbytes))

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """Report that ``ms`` more milliseconds of this content have been played.

        ``ms`` counts from the last report, not from the beginning. A report about other content
        than the last one starts its count anew. Raises `~trio_realtime.errors.UserError` when
        ``ms`` is negative or not finite.
        """
        if not (math.isfinite(ms) and ms >= 0):
            raise UserError(f"ms must be a finite number that is not negative, not {ms!r}")
        playing = self._playing
        before = 0.0
        if playing is not None and playing[:2] == (item_id, item_content_index):
            before = playing[2]
        self._playing = (item_id, item_content_index, before + ms)

    def on_interrupted(self) -> None:
        """Called by the model when it has cut off what was being played. Forgets the count."""
        self._playing = None

    def set_audio_format(self, format: object) -> None:
        """Called by the model with the format of its audio, in any spelling.

        Raises `~trio_realtime.errors.SettingsError` for a format that does not exist.
        """
        self._format = audio_format(format)

    def get_state(self) -> RealtimePlaybackState:
        """Called by the model to learn what is being played."""
        playing = self._playing
        if playing is None:
            return {
                "current_item_id": None,
                "current_item_content_index": None,
                "elapsed_ms": None,
            }
        item_id, content_index, played = playing
        return {
            "current_item_id": item_id,
            "current_item_content_index": content_index,
            "elapsed_ms": played,
        }
