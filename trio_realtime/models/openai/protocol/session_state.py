"""What is in force in the session: what was asked for, until the server says what it does.

`protocol` notes the server's echo here and `sending` what is asked; both ask back. Pure.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import attrs
from msgspec import UNSET

from ....errors import SettingsError
from ...playback.ledger import PlaybackLedger
from ..wire.objects import WireSession

_NOTHING: Mapping[str, Any] = {}


@attrs.define(eq=False)
class SessionFacts:
    """The settings of one session that decide what the client does."""

    _playback: PlaybackLedger
    server_interrupts: bool = True
    """Whether the server itself cancels a response when the user speaks."""
    model: object = None
    """The model's name as the first session object said it; ``None`` with an accepted call."""
    voice: object = None
    """The model's voice, in wire form; ``None`` when it is not known, as with an accepted call."""

    def asked(self, session: Mapping[str, Any]) -> None:
        """A session object of ours is sent."""
        heard = _object(_object(session, "audio"), "input")
        detection = heard.get("turn_detection")
        self.server_interrupts = bool(
            detection and detection.get("interrupt_response", True) is not False
        )
        spoken = _object(_object(session, "audio"), "output")
        if "format" in spoken:
            self._playback.set_format(spoken["format"])
        self.model = self.model or session.get("model")
        self.asked_raw(session)

    def asked_raw(self, session: Mapping[str, Any]) -> None:
        """A session object of the caller's is sent. All but the voice is left to the echo."""
        self.voice = voice_of(session) or self.voice

    def echoed(self, session: WireSession) -> None:
        """What the server says it does counts for more than what it was asked to."""
        audio = session.audio
        if audio is None:
            return
        if audio.input is not None and audio.input.turn_detection is not UNSET:
            detection = audio.input.turn_detection
            self.server_interrupts = bool(detection and detection.interrupt_response is not False)
        if audio.output is not None and audio.output.format is not None:
            with contextlib.suppress(SettingsError):  # one the API got after this was written
                self._playback.set_format(audio.output.format)

    def name_model(self, session: dict[str, Any], *, named: bool) -> None:
        """Have a later session object name the model there is, unless ``named`` says it names one.

        Raises `SettingsError` if that is another one.
        """
        if self.model is None:
            return
        if named and session["model"] != self.model:
            raise SettingsError(
                f"the model of a session cannot change; it is {self.model!r}", path="model_name"
            )
        session["model"] = self.model

    def check_voice(self, session: Mapping[str, Any]) -> None:
        """Raise `SettingsError` if this session object would change the voice of a model that has
        spoken; the server would refuse all that it says."""
        voice = voice_of(session)
        if None not in (voice, self.voice) and voice != self.voice:
            raise SettingsError(
                f"the voice cannot change to {voice!r} once the model has spoken: it is "
                f"{self.voice!r} for the rest of the session",
                path="audio.output.voice",
            )


def voice_of(session: Mapping[str, Any]) -> object:
    """The voice that a session object asks for; ``None`` when it does not."""
    return _object(_object(session, "audio"), "output").get("voice")


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value: object = parent.get(key)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else _NOTHING
