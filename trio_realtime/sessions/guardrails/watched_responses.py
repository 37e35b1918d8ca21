"""The responses that output guardrails watch: the text of each, and its audio that is held back.

Pure. The receive task adds text and audio, the guardrail task takes text to check and releases
audio, and an interruption removes the audio of the item that was cut.
"""

from typing import Any

import attrs

from ...agents.agent import RealtimeAgent
from ...agents.guardrails import OutputGuardrail
from .growing_text import GrowingText
from .held_audio import HeldAudio, HeldEvent


@attrs.define(eq=False, repr=False)
class WatchedResponse:
    """One response that guardrails watch."""

    response_id: str
    agent: RealtimeAgent[Any]
    """The agent that gives it."""
    guardrails: tuple[OutputGuardrail[Any], ...]
    due: bool = False
    """Whether it is in the guardrail task's queue, or a child task is checking it."""
    ended: bool = False
    tripped: bool = False
    said: int = 0
    """How many characters all its texts have."""
    held: HeldAudio = attrs.field(factory=HeldAudio)
    _texts: dict[str, GrowingText] = attrs.field(factory=dict[str, GrowingText])
    """By item id."""
    _unchecked: dict[str, GrowingText] = attrs.field(factory=dict[str, GrowingText])
    """Those of them that have grown since they were last handed out."""
    _text_due: bool = False
    """Whether one of these has grown by the check interval."""

    def add(self, item_id: str, delta: str, check_interval: int) -> bool:
        """Add a piece of the text of an item; True when a check is due.

        A text is due each time it has grown by ``check_interval`` characters.
        """
        text = self._texts.get(item_id)
        if text is None:
            text = self._texts[item_id] = GrowingText(check_interval)
        self.said += len(delta)
        due = text.add(delta)
        if text.unchecked:
            self._unchecked[item_id] = text
        self._text_due |= due
        return due

    @property
    def is_due(self) -> bool:
        """Whether there is text to check, or audio to release, now."""
        if self.tripped:
            return False
        if self.ended:
            return bool(self.held) or bool(self._unchecked)
        return self._text_due

    def take(self) -> list[str]:
        """Hand out each text that has grown since it was last handed out, whole, for a check."""
        grown = [text.take() for text in self._unchecked.values()]
        self._unchecked.clear()
        self._text_due = False
        return grown

    def release(self, passed: int) -> list[HeldEvent]:
        """Remove and return the audio that may be heard once ``passed`` characters have passed."""
        if self.ended and passed == self.said:
            return self.held.release_all()
        return self.held.release(passed)


@attrs.define(eq=False, repr=False)
class WatchedResponses:
    """The watched responses of one session, each until it is over and checked."""

    _responses: dict[str, WatchedResponse] = attrs.field(factory=dict[str, WatchedResponse])

    def watch(
        self,
        response_id: str,
        agent: RealtimeAgent[Any],
        guardrails: tuple[OutputGuardrail[Any], ...],
    ) -> None:
        """Begin to watch a response with these guardrails."""
        self._responses[response_id] = WatchedResponse(response_id, agent, guardrails)

    def get(self, response_id: str | None) -> WatchedResponse | None:
        """The response with this id, if it is watched."""
        return self._responses.get(response_id or "")

    def forget(self, response: WatchedResponse) -> None:
        """Stop watching a response that is over, and checked as far as it is to be."""
        self._responses.pop(response.response_id, None)

    def drop_held(self, item_id: str, response_id: str | None) -> None:
        """Remove the held audio of an item that was interrupted.

        ``response_id`` is the response of the item; ``None`` if it is not known.
        """
        for each in self._responses if response_id is None else (response_id,):
            response = self._responses.get(each)
            if response is not None:
                response.held.drop(item_id)
