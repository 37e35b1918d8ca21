"""`TwilioSettings`, and the settings that a telephone call needs in the session it opens.

Used by ``twilio``. The audio passes through unchanged, so the session's input and output have to be
µ-law. Twilio's marks say how much the caller has heard, so the playback tracker is the call's own.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import attrs

from .._util.settings_base import Settings, structure
from .._util.type_checks import UNSET, Between, Seconds
from ..audio.formats import PCMU
from ..errors import SettingsError
from ..models.model_config import RealtimeModelConfig
from ..models.playback.tracker import RealtimePlaybackTracker
from ..models.session_settings import RealtimeSessionModelSettings, merge_settings
from ..sessions.runner import RealtimeRunner

NEEDED_EVENTS: Final = frozenset({"audio", "audio_end", "audio_interrupted"})
"""The session events a call cannot do without."""


@attrs.frozen(kw_only=True, repr=False)
class TwilioSettings(Settings):
    """How a call is conducted."""

    lead_ms: Annotated[int, Between(20)] = 200
    """How far ahead of what the caller hears audio is sent, in ms. A longer lead survives more
    network jitter. After an interruption the caller may still hear up to this much of it, for one
    round trip."""
    mark_every_ms: Annotated[int, Between(20)] = 100
    """The length of audio between two marks, in ms, which is how exactly the position of the caller
    is known; each mark costs a message each way. An interrupted answer is cut at the last mark that
    came back: at most this much and a round trip before the point where the caller stopped hearing
    it, and never after it."""
    dtmf_message: str | None = None
    """What the model is told when the caller presses a key, with ``{digit}`` for the key, as a
    message of the user to be answered. None: only the application hears of it."""
    start_timeout: Seconds = 10.0
    """Seconds to wait for the call to begin once the WebSocket is connected."""
    play_out_timeout: Seconds = 10.0
    """Seconds that are left to play what the model has said when the session ends before the call.
    0: hang up at once."""
    send_timeout: Seconds = 10.0
    """Seconds after which a Twilio that reads nothing counts as gone, as if the caller had hung up,
    so that what the model says does not pile up."""
    close_timeout: Seconds = 5.0
    """Seconds that closing the WebSocket may take, also when cancelled."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.dtmf_message is not None and "{digit}" not in self.dtmf_message:
            text = "dtmf_message: it does not say where the key stands, as {digit}"
            raise SettingsError(text, path="dtmf_message")


def phone_config(
    runner: RealtimeRunner[Any],
    model_config: RealtimeModelConfig | Mapping[str, Any] | None,
    tracker: RealtimePlaybackTracker,
) -> RealtimeModelConfig:
    """The model config of a call: the given one with µ-law both ways, and the call's tracker.

    Raises:
        SettingsError: the given one, or the runner's settings, ask for something else.
    """
    config = structure(RealtimeModelConfig, {} if model_config is None else model_config)
    if config.playback_tracker is not None:
        text = "playback_tracker: a call has its own, which Twilio's marks report to"
        raise SettingsError(text, path="playback_tracker")
    unread = sorted(NEEDED_EVENTS - runner.config.event_types)
    if unread:
        text = f"events: the runner leaves out {', '.join(unread)}, and a call needs them"
        raise SettingsError(text, path="events")
    given = merge_settings(runner.config.model_settings, config.initial_model_settings)
    _check_formats(given)
    # Everything the runner's settings say is laid below these again when the session opens.
    ulaw = {"audio": {"input": {"format": PCMU}, "output": {"format": PCMU}}}
    settings = merge_settings(config.initial_model_settings, ulaw)
    return attrs.evolve(config, initial_model_settings=settings, playback_tracker=tracker)


def _check_formats(given: RealtimeSessionModelSettings) -> None:
    sides = {"input": given.audio.input.format, "output": given.audio.output.format}
    for side, audio_format in sides.items():
        if audio_format is not UNSET and audio_format != PCMU:
            raise SettingsError(
                f"audio.{side}.format: a call is in {PCMU.name}, not {audio_format.name}; leave "
                "the format out",
                path=f"audio.{side}.format",
            )
