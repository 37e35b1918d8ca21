"""What a model can do, as it says itself, and what follows for inputs and settings. Pure.

A session refuses what its model cannot do before anything is sent, in words that name the model and
what can be done instead. No session asks which provider a model is of.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from .._util.type_checks import UNSET
from ..audio.formats import AudioFormat, audio_format
from ..errors import SettingsError, UserError
from ..items import InputImage
from . import inputs
from .session_settings import RealtimeSessionModelSettings, merge_settings, nested_form


@attrs.frozen(kw_only=True)
class ModelCapabilities:
    """What one model can do.

    What is not said here is taken to be possible: the model itself then refuses what it does not
    have. ``None`` for a set means anything.
    """

    model: str = "this model"
    """How refusals name the model."""
    cancel: bool = True
    """It stops a response when it is asked to."""
    truncate: bool = True
    """It can be told how much of an answer was heard, and forgets the rest."""
    out_of_band: bool = True
    """It gives out-of-band responses, which add nothing to the conversation."""
    echoed_metadata: bool = True
    """Its events say which request a response answers."""
    response_options: frozenset[str] | None = None
    """Names of the fields of `ResponseOptions` that one response may have of its own."""
    turn_detection: frozenset[str] | None = None
    """Its kinds of turn detection, such as ``"server_vad"``."""
    push_to_talk: bool = True
    """The application may end the user's turn: turn detection can be off, and audio committed."""
    ends_turns: bool = True
    """The model says when the user's turn begins and ends."""
    text_output: bool = True
    """It can answer in text alone."""
    images: bool = True
    """Messages of the user may have images."""
    conversation_items: bool = True
    """Items can be added to the conversation, and taken out of it."""
    hosted_mcp: bool = True
    """It runs tools of MCP servers itself."""
    changeable: frozenset[str] | None = None
    """Names of the fields of `RealtimeSessionModelSettings` that may change in a session, such as
    ``"instructions"`` and ``"tools"``. A handoff changes these two, at least."""
    voices: frozenset[str] | None = None
    input_formats: frozenset[AudioFormat] | None = None
    """Formats of the user's audio."""
    output_formats: frozenset[AudioFormat] | None = None
    """Formats of the model's audio."""
    resumption: bool = False
    """A new connection can take up a session whose connection was lost."""
    session_limit: float | None = None
    """Seconds after which the model ends a session; ``None`` when none is known."""

    @property
    def takes_every_input(self) -> bool:
        """Whether `check_input` refuses nothing."""
        able = (self.push_to_talk, self.images, self.out_of_band, self.echoed_metadata)
        more = (self.cancel or self.truncate, self.truncate, self.conversation_items)
        return all((*able, *more, self.hosted_mcp)) and self.response_options is None

    def check_input(self, input: inputs.RealtimeModelInput) -> None:
        """Raise `UserError` for an input that the model has no answer to.

        Changes of settings are not looked into; see `check_change`.
        """
        check = _CHECKS.get(type(input))
        problem = None if check is None else check(self, input)
        if problem is not None:
            raise UserError(f"{self.model} {problem}")

    def check_settings(self, settings: RealtimeSessionModelSettings) -> None:
        """Raise `SettingsError` for a setting that the model does not have."""
        for path, problem in _settings_problems(self, nested_form(settings)):
            if problem is not None:
                raise SettingsError(f"{self.model} {problem}", path=path)

    def check_change(
        self, before: RealtimeSessionModelSettings, after: RealtimeSessionModelSettings
    ) -> None:
        """Raise `SettingsError` for a change of settings that a running session cannot have.

        ``before`` holds all settings of the session, and ``after`` those that are to be in force;
        what ``after`` does not set stays.
        """
        self.check_settings(after)
        if self.changeable is None:
            return
        old, new = merge_settings(before).given(), merge_settings(before, after).given()
        changed = [name for name in new if new[name] != old.get(name, UNSET)]
        fixed = [name for name in changed if name not in self.changeable]
        if fixed:
            raise SettingsError(
                f"{self.model} cannot change it while a session runs; end this session and begin "
                f"another. What can change: {_listed(self.changeable)}",
                path=fixed[0],
            )


def _settings_problems(
    can: ModelCapabilities, settings: RealtimeSessionModelSettings
) -> list[tuple[str, str | None]]:
    """The places of settings, with what is wrong there if anything is."""
    heard, spoken = settings.audio.input, settings.audio.output
    return [
        ("output_modalities", _modality_problem(can, settings.output_modalities)),
        ("audio.input.turn_detection", _detection_problem(can, heard.turn_detection)),
        ("audio.input.format", _format_problem(can.input_formats, heard.format)),
        ("audio.output.format", _format_problem(can.output_formats, spoken.format)),
        ("audio.output.voice", _voice_problem(can, spoken.voice)),
    ]


def _modality_problem(can: ModelCapabilities, modalities: object) -> str | None:
    if can.text_output or not isinstance(modalities, list | tuple) or "text" not in modalities:
        return None
    return 'answers in speech only, whose transcript comes with it: take ["audio"]'


def _detection_problem(can: ModelCapabilities, detection: Any) -> str | None:
    if detection is UNSET:
        return None
    if detection is None:
        return None if can.push_to_talk else "always listens: its turn detection cannot be off"
    if can.turn_detection is None or detection.type in can.turn_detection:
        return None
    if not can.turn_detection:
        return "has no settings of its turn detection: leave them out"
    return f"has no turn detection of type {detection.type!r}, but {_listed(can.turn_detection)}"


def _format_problem(formats: frozenset[AudioFormat] | None, spec: object) -> str | None:
    if formats is None or spec is UNSET or (given := audio_format(spec)) in formats:
        return None
    return f"does not take {given}, but {_listed(formats)}"


def _voice_problem(can: ModelCapabilities, voice: object) -> str | None:
    if can.voices is None or not isinstance(voice, str) or voice in can.voices:
        return None
    return f"has no voice {voice!r}, but {_listed(can.voices)}"


def _listed(values: frozenset[Any]) -> str:
    return ", ".join(sorted(str(value) for value in values)) or "nothing"


# -- inputs --------------------------------------------------------------------------------------


def _audio_problem(can: ModelCapabilities, given: inputs.RealtimeModelSendAudio) -> str | None:
    return _commit_problem(can, given) if given.commit else None


def _commit_problem(can: ModelCapabilities, _given: object) -> str | None:
    if can.push_to_talk:
        return None
    return "always listens and decides itself when the user's turn is over: only send audio"


def _message_problem(
    can: ModelCapabilities, given: inputs.RealtimeModelSendUserInput
) -> str | None:
    if can.images or not any(isinstance(part, InputImage) for part in given.content):
        return None
    return "takes no images: send text or audio"


def _response_problem(
    can: ModelCapabilities, given: inputs.RealtimeModelCreateResponse
) -> str | None:
    if given.out_of_band and not can.out_of_band:
        return "has no out-of-band responses: ask within the conversation"
    if given.options is None:
        return None
    options = {name for name, value in attrs.asdict(given.options, recurse=False).items() if value}
    if "metadata" in options and not can.echoed_metadata:
        return (
            "does not say which response answers which request: send a message, and take the "
            "events of the session"
        )
    allowed = can.response_options
    wrong = [] if allowed is None else sorted(options - allowed - {"metadata"})
    if wrong:
        return f"has no {wrong[0]} for one response alone: set it for the session"
    return None


def _interrupt_problem(can: ModelCapabilities, _given: object) -> str | None:
    if can.cancel or can.truncate:
        return None
    return "cannot be interrupted from here: it stops by itself when the user speaks"


def _truncate_problem(can: ModelCapabilities, _given: object) -> str | None:
    return None if can.truncate else "cannot be told how much of an answer was heard"


def _items_problem(can: ModelCapabilities, _given: object) -> str | None:
    if can.conversation_items:
        return None
    return "has no conversation that can be edited: send a message instead"


def _approval_problem(can: ModelCapabilities, _given: object) -> str | None:
    return None if can.hosted_mcp else "runs no MCP tools itself: give the agent an MCP server"


_Check = Callable[[ModelCapabilities, Any], str | None]

_CHECKS: Final[Mapping[type, _Check]] = {
    inputs.RealtimeModelSendAudio: _audio_problem,
    inputs.RealtimeModelCommitAudio: _commit_problem,
    inputs.RealtimeModelClearAudio: _commit_problem,
    inputs.RealtimeModelSendUserInput: _message_problem,
    inputs.RealtimeModelCreateResponse: _response_problem,
    inputs.RealtimeModelSendInterrupt: _interrupt_problem,
    inputs.TruncateItem: _truncate_problem,
    inputs.InsertItem: _items_problem,
    inputs.RestoreHistory: _items_problem,
    inputs.DeleteItem: _items_problem,
    inputs.AnswerMcpApproval: _approval_problem,
}
