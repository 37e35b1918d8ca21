"""Whose turn it is: which part of the user's turn and of the agent's answer is still to come.

``talk`` puts in every event, and the user's side (``speaking``) waits on it. Nothing is sent here.
"""

from collections.abc import Callable

import attrs
import trio

from ..events import (
    RealtimeAgentStartEvent,
    RealtimeError,
    RealtimeResponseDone,
    RealtimeSessionEvent,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
    RealtimeUserTranscriptCompleted,
    RealtimeUserTranscriptFailed,
)
from ..models.events import RealtimeServerError
from .failures import CommandError

TRANSCRIPT_GRACE: float = 3.0
"""Seconds to wait for a transcript of the user when the answer is complete."""


@attrs.define(eq=False)
class Floor:
    """What there is to wait for in the conversation."""

    timeout: float
    """Seconds without any event after which an awaited answer is given up."""
    turns_heard: int = 0
    """How often the server noticed that the user stopped speaking."""
    speaking: bool = False
    """The server hears the user speak."""
    answering: bool = False
    """A response is being given."""
    owed: bool = False
    """A response was asked for and has not begun."""
    _untranscribed: set[str] = attrs.field(factory=set[str])
    _changed: trio.Event = attrs.field(factory=trio.Event)

    def take(self, event: RealtimeSessionEvent) -> str | None:
        """Take an event into account. Returns why an awaited answer will not come, or None."""
        problem = None
        match event:
            case RealtimeUserSpeechStarted():
                self.speaking = True
            case RealtimeUserSpeechStopped():
                self.speaking = False
                self.turns_heard += 1
                self.owed = True
                self._untranscribed.add(event.item_id)
            case RealtimeUserTranscriptCompleted() | RealtimeUserTranscriptFailed():
                self._untranscribed.discard(event.item_id)
            case RealtimeAgentStartEvent():
                self.answering = True
                self.owed = False
            case RealtimeResponseDone():
                self.answering = False  # if it failed, an error event follows
            case RealtimeError() if not self.answering:
                self.owed = False
                problem = f"the server reported an error: {describe(event)}"
            case _:
                pass
        self._changed.set()
        self._changed = trio.Event()
        return problem

    def expect_answer(self) -> None:
        """Note that a response was asked for, or is about to be."""
        self.owed = True

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true. Raises `CommandError` when the server falls silent."""
        while not condition():
            with trio.move_on_after(self.timeout) as scope:
                await self._changed.wait()
            if scope.cancelled_caught:
                raise CommandError(
                    f"the server has said nothing for {self.timeout:g} s (--timeout)"
                )

    async def wait_answered(self) -> None:
        """Wait for the answer, and then for transcripts, for `TRANSCRIPT_GRACE` seconds at most."""
        await self.wait_until(lambda: not (self.owed or self.answering or self.speaking))
        with trio.move_on_after(TRANSCRIPT_GRACE):
            await self.wait_until(lambda: not self._untranscribed)
        self._untranscribed.clear()


def describe(event: RealtimeError) -> str:
    """The message of an error event."""
    error = event.error
    return error.message if isinstance(error, RealtimeServerError) else str(error)
