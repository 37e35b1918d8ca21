"""How a conversation is shown: the interface of `screen.Screen` and `jsonl.JsonLines`."""

from abc import ABC, abstractmethod
from pathlib import Path

from ..context import Usage
from ..events import RealtimeSessionEvent
from .recordings import Answer


class Show(ABC):
    """Called for everything that happens, in order. No method waits, except for the output."""

    @abstractmethod
    def notice(self, text: str) -> None:
        """Something about the conversation that the user has to know."""

    @abstractmethod
    def event(self, event: RealtimeSessionEvent) -> None:
        """An event of the session."""

    @abstractmethod
    def problem(self, text: str) -> None:
        """Something went wrong and the conversation goes on."""

    @abstractmethod
    def sent(self, pcm: bytes, *, of_seconds: float | None = None) -> None:
        """Audio of the user was sent: PCM16 mono 24 kHz, of a recording that long in all."""

    @abstractmethod
    def sent_all(self, name: str) -> None:
        """A recording was sent."""

    @abstractmethod
    def prompt(self) -> None:
        """A line of the user is awaited."""

    @abstractmethod
    def entered(self) -> None:
        """The user has ended the line."""

    @abstractmethod
    def end_of_input(self) -> None:
        """No more lines of the user will come."""

    @abstractmethod
    def finish(self, usage: Usage, answer: Answer, saved: Path | None) -> None:
        """The conversation is over. ``saved`` is where the answer's audio was written."""
