"""The settings of the session that decide what the client does.

They are those that were asked for, until the server says which ones it applies. `receiving` notes
what the server says and `sending` what is asked for; both read the result. Pure.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import attrs
from msgspec import UNSET as ABSENT

from ...._util.type_checks import UNSET
from ....audio.formats import audio_format
from ....errors import SettingsError
from ...playback.ledger import PlaybackLedger
from ...session_settings import RealtimeSessionModelSettings
from ..wire.objects import WireSession

_NOTHING: Mapping[str, Any] = {}


@attrs.define(eq=False)
class SessionFacts:
    """The effective settings of one session, as far as the client has to know them."""

    _playback: PlaybackLedger
    server_interrupts: bool = True
    """Whether the server itself cancels a response when the user speaks."""
    model: str | None = None
    """The model's name, once the session was opened; ``None`` with an accepted call."""
    input_width: int = 2
    """Bytes of a sample of the user's audio."""
    voice: object = None
    """The model's voice, a name or an object; ``None`` when it is not known, as with a call."""

    def asked(self, settings: RealtimeSessionModelSettings) -> None:
        """These settings are sent; they have the defaults in them, and no flat aliases."""
        detection = settings.audio.input.turn_detection
        if detection is not UNSET:
            self.server_interrupts = (
                detection is not None and detection.interrupt_response is not False
            )
        if settings.audio.input.format is not UNSET:
            self.input_width = audio_format(settings.audio.input.format).sample_width
        output = settings.audio.output
        if output.format is not UNSET:
            self._playback.set_format(output.format)
        if output.voice is not UNSET:
            self.voice = output.voice

    def asked_raw(self, session: Mapping[str, Any]) -> None:
        """A session object of the caller's is sent. All but the voice is left to the echo."""
        self.voice = voice_of(session) or self.voice

    def echoed(self, session: WireSession) -> None:
        """What the server says it does counts for more than what it was asked to."""
        audio = session.audio
        if audio is None:
            return
        if audio.input is not None and audio.input.turn_detection is not ABSENT:
            detection = audio.input.turn_detection
            self.server_interrupts = bool(detection and detection.interrupt_response is not False)
        if audio.output is not None and audio.output.format is not None:
            with contextlib.suppress(SettingsError):  # one the API got after this was written
                self._playback.set_format(audio.output.format)

    def check_model(self, name: str) -> None:
        """Raise `SettingsError` if this is not the model that the session has."""
        if self.model is not None and name != self.model:
            raise SettingsError(
                f"the model of a session cannot change; it is {self.model!r}", path="model_name"
            )

    def check_voice(self, voice: object) -> None:
        """Raise `SettingsError` if this is another voice than that of a model that has spoken.

        The server would refuse the whole update.
        """
        if None not in (voice, self.voice) and voice != self.voice:
            raise SettingsError(
                f"the voice cannot change to {voice!r} once the model has spoken: it is "
                f"{self.voice!r} for the rest of the session",
                path="audio.output.voice",
            )


def voice_of(session: Mapping[str, Any]) -> object:
    """The voice that a session object in wire form asks for; ``None`` when it asks for none."""
    return _object(_object(session, "audio"), "output").get("voice")


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value: object = parent.get(key)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else _NOTHING
