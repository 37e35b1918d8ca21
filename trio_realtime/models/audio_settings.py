"""Settings of the session's audio: formats, transcription, noise reduction, turn detection, voice.

`config` exports the classes. `session_settings` holds the session's other settings, and the flat
aliases of these, for which it uses the converters of this module.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import attrs

from .._util.settings_base import Settings, at_their_fields, structure
from .._util.type_checks import UNSET, Between, Unset, check_keys, nearest, problem
from ..audio.formats import AudioFormat, audio_format
from ..errors import SettingsError

RealtimeAudioFormat: TypeAlias = AudioFormat | str | Mapping[str, Any]
"""A format as settings may give it: any of its names, or the wire's ``{"type": ...}``."""

RealtimeVoice: TypeAlias = str | Mapping[str, Any]
"""A built-in voice by name, or a custom one as ``{"id": ...}``."""

_FORMAT_NAMES = ("pcm16", "g711_ulaw", "g711_alaw", "audio/pcm", "audio/pcmu", "audio/pcma")


def to_format(value: RealtimeAudioFormat | Unset | None) -> AudioFormat | Unset:
    """Convert a field that holds an audio format."""
    if value is UNSET or value is None:
        return UNSET
    name: object = value
    if isinstance(value, Mapping):
        check_keys(value, {"type": str}, {"rate": int | None})
        name = value["type"]
    try:
        return audio_format(value)
    except SettingsError as error:
        if error.path == "rate":
            raise problem("rate", str(error)) from None
        path = "type" if isinstance(value, Mapping) else ""
        raise problem(path, f"unknown audio format; {nearest(name, _FORMAT_NAMES)}") from None


def to_voice(value: RealtimeVoice | Unset) -> RealtimeVoice | Unset:
    if isinstance(value, Mapping):
        check_keys(value, {"id": str}, {})
    return value


@attrs.frozen(kw_only=True, repr=False)
class RealtimeInputAudioTranscriptionConfig(Settings):
    """How the user's speech is transcribed; the model itself hears the audio, not this text."""

    model: str | Unset = UNSET
    """For example ``gpt-4o-mini-transcribe``, ``gpt-transcribe`` or ``gpt-live-transcribe``."""
    language: str | Unset = UNSET
    """ISO 639-1, such as ``en``."""
    languages: Sequence[str] | Unset = UNSET
    """Languages that may occur; ``gpt-transcribe`` and ``gpt-live-transcribe`` only."""
    prompt: str | Unset = UNSET
    """Text that guides the transcription model."""
    keywords: Sequence[str] | Unset = UNSET
    """Words that may occur; ``gpt-transcribe`` and ``gpt-live-transcribe`` only."""
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | Unset = UNSET
    """Later text, better text; ``gpt-realtime-whisper`` only."""


@attrs.frozen(kw_only=True, repr=False)
class RealtimeInputAudioNoiseReductionConfig(Settings):
    """Filtering of the user's audio before voice activity detection and the model."""

    type: Literal["near_field", "far_field"] | Unset = UNSET
    """``near_field`` for a headset, ``far_field`` for a laptop or a room."""
    strength: Annotated[float, Between(0)] | Unset = UNSET
    """Higher suppresses more; the server starts with 1, and keeps what it has if this is unset."""


_OF_SERVER_VAD = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")


@attrs.frozen(kw_only=True, repr=False)
class RealtimeTurnDetectionConfig(Settings):
    """How the server tells that the user's turn began and ended.

    What is given replaces the default as a whole. ``None`` in place of this object turns detection
    off: the application then commits audio and asks for responses itself. A mapping may use the
    camelCase spellings that the SDK accepts.
    """

    key_aliases: ClassVar[Mapping[str, str]] = {
        "createResponse": "create_response",
        "interruptResponse": "interrupt_response",
        "prefixPaddingMs": "prefix_padding_ms",
        "silenceDurationMs": "silence_duration_ms",
        "idleTimeoutMs": "idle_timeout_ms",
        "modelVersion": "model_version",
    }

    type: Literal["semantic_vad", "server_vad"]
    """Whether turns are told by what was said, or by loudness."""
    create_response: bool | Unset = UNSET
    """Whether the end of a turn starts a response."""
    interrupt_response: bool | Unset = UNSET
    """Whether the start of speech cancels the response being given."""
    eagerness: Literal["low", "medium", "high", "auto"] | Unset = UNSET
    """``semantic_vad``: how soon to take a pause for the end; waits at most 8, 4 or 2 s."""
    threshold: Annotated[float, Between(0, 1)] | Unset = UNSET
    """``server_vad``: how loud speech must be."""
    prefix_padding_ms: Annotated[int, Between(0)] | Unset = UNSET
    """``server_vad``: ms of audio kept from before the speech."""
    silence_duration_ms: Annotated[int, Between(0)] | Unset = UNSET
    """``server_vad``: ms of silence that end a turn."""
    idle_timeout_ms: Annotated[int, Between(0)] | Unset = UNSET
    """``server_vad``: ms after a response's audio until the model speaks up by itself."""
    model_version: str | Unset = UNSET
    """A detection model by name, for servers that have this; the OpenAI API does not."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        foreign = ("eagerness",) if self.type == "server_vad" else _OF_SERVER_VAD
        for name in foreign:
            if name in self.given():
                raise problem(name, f"is not a setting of {self.type}")


DEFAULT_TURN_DETECTION: Final = RealtimeTurnDetectionConfig(
    type="semantic_vad", interrupt_response=True
)
"""What a session asks for that says nothing of turn detection."""


def to_noise_reduction(
    value: RealtimeInputAudioNoiseReductionConfig | Mapping[str, Any] | Unset | None,
) -> RealtimeInputAudioNoiseReductionConfig | Unset | None:
    if value is UNSET or value is None:
        return value
    return structure(RealtimeInputAudioNoiseReductionConfig, value)


def to_transcription(
    value: RealtimeInputAudioTranscriptionConfig | Mapping[str, Any] | Unset | None,
) -> RealtimeInputAudioTranscriptionConfig | Unset | None:
    if value is UNSET or value is None:
        return value
    return structure(RealtimeInputAudioTranscriptionConfig, value)


def to_turn_detection(
    value: RealtimeTurnDetectionConfig | Mapping[str, Any] | Unset | None,
) -> RealtimeTurnDetectionConfig | Unset | None:
    if value is UNSET or value is None:
        return value
    return structure(RealtimeTurnDetectionConfig, value)


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeAudioInputConfig(Settings):
    """The user's audio. ``None`` for the last three is sent as null and turns the thing off."""

    format: AudioFormat | Unset = attrs.field(default=UNSET, converter=to_format)
    noise_reduction: RealtimeInputAudioNoiseReductionConfig | Unset | None = attrs.field(
        default=UNSET, converter=to_noise_reduction
    )
    transcription: RealtimeInputAudioTranscriptionConfig | Unset | None = attrs.field(
        default=UNSET, converter=to_transcription
    )
    turn_detection: RealtimeTurnDetectionConfig | Unset | None = attrs.field(
        default=UNSET, converter=to_turn_detection
    )


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeAudioOutputConfig(Settings):
    """The model's audio."""

    format: AudioFormat | Unset = attrs.field(default=UNSET, converter=to_format)
    voice: RealtimeVoice | Unset = attrs.field(default=UNSET, converter=to_voice)
    """Cannot change any more once the model has spoken."""
    speed: Annotated[float, Between(0.25, 1.5)] | Unset = UNSET
    """1 is the model's own pace; changes between turns only."""


def to_audio_input(
    value: RealtimeAudioInputConfig | Mapping[str, Any] | None,
) -> RealtimeAudioInputConfig:
    return (
        RealtimeAudioInputConfig() if value is None else structure(RealtimeAudioInputConfig, value)
    )


def to_audio_output(
    value: RealtimeAudioOutputConfig | Mapping[str, Any] | None,
) -> RealtimeAudioOutputConfig:
    return (
        RealtimeAudioOutputConfig()
        if value is None
        else structure(RealtimeAudioOutputConfig, value)
    )


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class RealtimeAudioConfig(Settings):
    """Both directions; nothing is set in either by default."""

    input: RealtimeAudioInputConfig = attrs.field(
        factory=RealtimeAudioInputConfig, converter=to_audio_input
    )
    output: RealtimeAudioOutputConfig = attrs.field(
        factory=RealtimeAudioOutputConfig, converter=to_audio_output
    )
