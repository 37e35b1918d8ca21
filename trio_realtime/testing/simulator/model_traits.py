"""What differs between the service's models: defaults of their sessions, and manners of answering.

Used by :mod:`.served_session` and :mod:`.response_playing`. Observed of ``gpt-realtime`` and of
``gpt-realtime-2.1``; a name that tells nothing is taken for the newest kind.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

DEFAULT_MODEL = "gpt-realtime-2.1"
"""The model of a session for which nobody named one."""

_FIRST_GENERATION = re.compile(r"gpt-realtime(-mini)?(-1(\.\d+)?)?(-\d{4}-\d{2}-\d{2})?")
_REASONING_TOKENS = {"minimal": 0, "low": 16, "medium": 32, "high": 64, "xhigh": 128}
_STREAMING_TRANSCRIPTION = {"gpt-realtime-whisper", "gpt-live-transcribe"}


@attrs.frozen(kw_only=True)
class ModelTraits:
    """How the models of one generation differ from those of another."""

    voice: str
    """The voice of a new session."""
    silence_duration_ms: int
    """Silence that ends a turn in a new session, in milliseconds."""
    reasons: bool
    """Whether it thinks before it answers: it counts reasoning tokens, and its messages say in
    ``phase`` whether they are ``commentary`` or the ``final_answer``."""
    pretty_arguments: bool
    """Whether it writes the arguments of functions over several lines."""

    def arguments_text(self, arguments: Mapping[str, Any] | str) -> str:
        """The arguments of a function as the model writes them; a string stays as it is."""
        if isinstance(arguments, str):
            return arguments
        if not self.pretty_arguments or not arguments:
            return json.dumps(arguments, separators=(",", ":"))
        lines = (f"  {json.dumps(name)}: {json.dumps(arguments[name])}" for name in arguments)
        return "{  \n" + ",\n".join(lines) + " \n} \n"

    def reasoning_tokens(self, effort: str | None) -> int:
        """How many tokens it thinks for, a made-up number; None is its default effort."""
        return _REASONING_TOKENS[effort or "low"] if self.reasons else 0


_FIRST = ModelTraits(voice="alloy", silence_duration_ms=200, reasons=False, pretty_arguments=True)
_SECOND = ModelTraits(voice="marin", silence_duration_ms=500, reasons=True, pretty_arguments=False)


def traits_of(model: str) -> ModelTraits:
    """The traits of a model, by its name."""
    return _FIRST if _FIRST_GENERATION.fullmatch(model) else _SECOND


def transcribes_while_listening(model: str) -> bool:
    """Whether a transcription model sends words while the user still speaks."""
    return model in _STREAMING_TRANSCRIPTION


def bills_tokens(model: str) -> bool:
    """Whether a transcription model counts tokens; the others count seconds."""
    return model.startswith("gpt-4o")
