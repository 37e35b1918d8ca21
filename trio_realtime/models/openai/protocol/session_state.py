"""The settings of the session that decide what the client does.

They are those that were asked for, until the server says which ones it applies. `receiving` notes
what the server says and `sending` what is asked for; both read the result. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
from msgspec import UNSET as ABSENT

from ...._util.type_checks import UNSET
from ....audio.formats import PCM16, PCMA, PCMU, AudioFormat, audio_format
from ....errors import SettingsError
from ...playback.ledger import PlaybackLedger
from ...session_settings import RealtimeSessionModelSettings
from ..wire.objects import (
    WireAudioFormat,
    WireAudioInput,
    WireAudioOutput,
    WireSession,
    WireSessionAudio,
    WireTurnDetection,
)

_NOTHING: Mapping[str, Any] = {}
_NO_AUDIO: Final = WireSessionAudio()
_NO_INPUT: Final = WireAudioInput()
_NO_OUTPUT: Final = WireAudioOutput()


@attrs.define(eq=False)
class _Direction:
    """The audio format of one direction."""

    name: str
    format: AudioFormat = PCM16
    """The format that the server reports, or the one that was asked for until it does."""
    _asked: AudioFormat | None = None
    _told: str | None = None
    """The last difference that was reported, which is not reported again."""

    def ask(self, format: AudioFormat) -> None:
        """This format is asked for."""
        self.format = self._asked = format
        self._told = None

    def echoed(self, *specs: WireAudioFormat | None) -> str | None:
        """Take over the format that the server names.

        Returns how it differs from what was asked for, unless it does not, or that was reported.
        """
        spec = next((spec for spec in specs if spec is not None and spec.type is not None), None)
        if spec is None:
            return None
        asked = self._asked
        if spec.rate is None and asked is not None:
            spec = WireAudioFormat(type=spec.type, rate=_same_kind_rate(spec, asked))
        try:
            self.format = audio_format(spec)
        except SettingsError:
            text = f"the server's {self.name} audio has a format or a rate that is not known here"
        else:
            if asked in {None, self.format}:
                self._told = None
                return None
            text = f"the server's {self.name} audio is {self.format}, and not {asked} as asked for"
        if text == self._told:
            return None
        self._told = text
        return text


@attrs.define(eq=False)
class SessionFacts:
    """The effective settings of one session, as far as the client has to know them."""

    _playback: PlaybackLedger
    server_interrupts: bool = True
    """Whether the server itself cancels a response when the user speaks."""
    model: str | None = None
    """The model's name, once the session was opened; ``None`` with an accepted call."""
    _input: _Direction = attrs.field(factory=lambda: _Direction("input"), init=False)
    _output: _Direction = attrs.field(factory=lambda: _Direction("output"), init=False)
    input_width: int = attrs.field(default=2, init=False)
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
            self._input.ask(audio_format(settings.audio.input.format))
            self.input_width = self._input.format.sample_width
        output = settings.audio.output
        if output.format is not UNSET:
            self._output.ask(audio_format(output.format))
            self._playback.set_format(self._output.format)
        if output.voice is not UNSET:
            self.voice = output.voice

    def asked_raw(self, session: Mapping[str, Any]) -> None:
        """A session object of the caller's is sent. All but the voice is left to the echo."""
        self.voice = voice_of(session) or self.voice

    def echoed(self, session: WireSession, *, final: bool) -> list[str]:
        """Take over what the server says it does, which counts for more than what was asked for.

        ``final`` says that the server has seen what was asked for. Then the returned texts say
        where it does something else that the application has to know: with audio of another
        format, neither side understands the other.
        """
        audio = session.audio or _NO_AUDIO
        heard, spoken = audio.input or _NO_INPUT, audio.output or _NO_OUTPUT
        for detection in (session.turn_detection, heard.turn_detection):
            if detection is not ABSENT:
                self.server_interrupts = _interrupts(detection)
        problems = [
            self._input.echoed(
                heard.format,
                _flat(session.input_audio_format, session.input_audio_sampling_rate),
            ),
            self._output.echoed(spoken.format, _flat(session.output_audio_format)),
        ]
        self.input_width = self._input.format.sample_width
        self._playback.set_format(self._output.format)
        return [text for text in problems if text is not None] if final else []

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


def _interrupts(detection: WireTurnDetection | None) -> bool:
    """Whether a server with this turn detection cancels responses when the user speaks."""
    if detection is None or detection.type in {None, "none"}:
        return False
    return detection.interrupt_response is not False


def _flat(name: str | None, rate: int | None = None) -> WireAudioFormat | None:
    """A format as the beta of the API names it. Some servers say that none is specified.

    ``"pcm16"`` alone does not tell a rate: services have it at 16 and at 24 kHz.
    """
    try:
        found = None if name is None else audio_format(name)
    except SettingsError:
        return None
    if found is None:
        return None
    named = None if found in {PCM16, PCMU, PCMA} else found.rate
    return WireAudioFormat(type=found.name, rate=rate or named)


def _same_kind_rate(spec: WireAudioFormat, asked: AudioFormat) -> int | None:
    """The rate of a format that a server names without it: the one asked for, if it is that
    format."""
    try:
        return asked.rate if audio_format(spec).name == asked.name else None
    except SettingsError:
        return None
