"""The responses that output guardrails watch: what each has said, and the audio held back of it.

Pure. The receive task adds text and audio, the guardrail task takes text to check and lets audio
go, and an interruption drops the audio that nobody is to hear any more.
"""

from typing import Any, TypeAlias

import attrs

from ...agents.agent import RealtimeAgent
from ...agents.guardrails import OutputGuardrail
from ...events import RealtimeAudio, RealtimeAudioEnd
from .growing_text import GrowingText
from .held_audio import HeldAudio

HeldEvent: TypeAlias = RealtimeAudio | RealtimeAudioEnd


@attrs.define(eq=False, repr=False)
class WatchedResponse:
    """One response that guardrails watch."""

    response_id: str
    agent: RealtimeAgent[Any]
    """The agent that gives it."""
    guardrails: tuple[OutputGuardrail[Any], ...]
    due: bool = False
    """Whether it waits for the guardrail task, or that task will look at it again."""
    ended: bool = False
    tripped: bool = False
    said: int = 0
    """The characters of all its texts."""
    held: HeldAudio[HeldEvent] = attrs.field(factory=HeldAudio[HeldEvent])
    _texts: dict[str, GrowingText] = attrs.field(factory=dict[str, GrowingText])
    """By item id."""

    def add(self, item_id: str, delta: str, check_interval: int) -> bool:
        """Add a piece of the text of an item; True when a check is due.

        A text is due each time it has grown by ``check_interval`` characters.
        """
        text = self._texts.get(item_id)
        if text is None:
            text = self._texts[item_id] = GrowingText(check_interval)
        self.said += len(delta)
        return text.add(delta)

    @property
    def is_due(self) -> bool:
        """Whether there is something to check, or to let go, now."""
        if self.tripped:
            return False
        if self.ended:
            return bool(self.held) or any(text.unchecked for text in self._texts.values())
        return any(text.due for text in self._texts.values())

    def take(self) -> list[str]:
        """Each text with something unchecked, whole; it counts as handed out for checking."""
        return [text.take() for text in self._texts.values() if text.unchecked]

    def release(self, passed: int) -> list[HeldEvent]:
        """The audio that may be heard once a check of the first ``passed`` characters passed."""
        if self.ended and passed == self.said:
            return self.held.release_all()
        return self.held.release(passed)


@attrs.define(eq=False, repr=False)
class WatchedResponses:
    """The watched responses of one session that are not over and done with."""

    _responses: dict[str, WatchedResponse] = attrs.field(factory=dict[str, WatchedResponse])

    def watch(
        self,
        response_id: str,
        agent: RealtimeAgent[Any],
        guardrails: tuple[OutputGuardrail[Any], ...],
    ) -> None:
        """A response began that these guardrails watch."""
        self._responses[response_id] = WatchedResponse(response_id, agent, guardrails)

    def get(self, response_id: str | None) -> WatchedResponse | None:
        """The response with this id, if it is watched."""
        return self._responses.get(response_id or "")

    def forget(self, response: WatchedResponse) -> None:
        """All of a response has been checked."""
        self._responses.pop(response.response_id, None)

    def drop_held(self, item_id: str) -> None:
        """Forget the audio held of an item that was interrupted: nobody will hear it."""
        for response in self._responses.values():
            response.held.drop(lambda event: event.item_id == item_id)
