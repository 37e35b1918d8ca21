"""The names that events had in the beta of the Realtime API, which other servers still use.

An event of the beta is the event of today's API with another name: its class is a subclass that
adds nothing but the name. `decode` reads both at the same price, and whoever handles an event by
its class finds the handler of an old name with `with_beta_names`. ``conversation.item.created`` is
not here, since the API has it to this day.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from . import server_events as wire

T = TypeVar("T")


class BetaAudioDelta(wire.ResponseOutputAudioDelta, tag="response.audio.delta", frozen=True):
    """``response.output_audio.delta``."""


class BetaAudioDone(wire.ResponseOutputAudioDone, tag="response.audio.done", frozen=True):
    """``response.output_audio.done``."""


class BetaAudioTranscriptDelta(
    wire.ResponseOutputAudioTranscriptDelta, tag="response.audio_transcript.delta", frozen=True
):
    """``response.output_audio_transcript.delta``."""


class BetaAudioTranscriptDone(
    wire.ResponseOutputAudioTranscriptDone, tag="response.audio_transcript.done", frozen=True
):
    """``response.output_audio_transcript.done``."""


class BetaTextDelta(wire.ResponseOutputTextDelta, tag="response.text.delta", frozen=True):
    """``response.output_text.delta``."""


class BetaTextDone(wire.ResponseOutputTextDone, tag="response.text.done", frozen=True):
    """``response.output_text.done``."""


class BetaTranscriptionSessionCreated(
    wire.SessionCreated, tag="transcription_session.created", frozen=True
):
    """``session.created`` of a transcription session."""


class BetaTranscriptionSessionUpdated(
    wire.SessionUpdated, tag="transcription_session.updated", frozen=True
):
    """``session.updated`` of a transcription session."""


BETA_EVENTS: MappingProxyType[str, type[wire.ServerEvent]] = MappingProxyType(
    {
        str(cls.__struct_config__.tag): cls
        for cls in (
            BetaAudioDelta,
            BetaAudioDone,
            BetaAudioTranscriptDelta,
            BetaAudioTranscriptDone,
            BetaTextDelta,
            BetaTextDone,
            BetaTranscriptionSessionCreated,
            BetaTranscriptionSessionUpdated,
        )
    }
)
"""Every event type that only the beta has, with its class."""


def with_beta_names(handlers: Mapping[type[Any], T]) -> dict[type[Any], T]:
    """These handlers of event classes, and for each old name the handler of its event."""
    old = {
        cls: handlers[current]
        for cls in BETA_EVENTS.values()
        if (current := cls.__bases__[0]) in handlers
    }
    return {**handlers, **old}
