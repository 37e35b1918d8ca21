"""The contract between a session and a model: `RealtimeModel` and `RealtimeConnection`.

A model is a recipe for connections and holds no state of any of them, so one model (and one
runner) serves any number of sessions at once. Authors of other models subclass both; the tests in
`trio_realtime.testing.contract` say whether they behave.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from .capabilities import ModelCapabilities
from .events import RealtimeModelEvent
from .inputs import RealtimeModelInput
from .model_config import RealtimeModelConfig

ANYTHING: Final = ModelCapabilities()
"""The capabilities of a model that does not say what it lacks."""


class RealtimeConnection(ABC):
    """One live connection to a model.

    One task receives, by `deliver` or by iterating; any number of tasks may `send` at the same
    time.
    """

    @abstractmethod
    async def send(self, input: RealtimeModelInput) -> None:
        """Send one input. Inputs of one task arrive in the order they were sent.

        An input is taken whole or not at all: when cancelled, nothing of it was sent. Returning
        means it will be sent, not that it was; a connection that cannot take more waits here.

        Raises:
            UserError: the input is wrong; nothing was sent.
            RealtimeSessionClosed: the connection is closed.
            RealtimeConnectionError: the connection broke.
        """

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        """The application has taken ``nbytes`` of this part's audio, and plays it from now on.

        Sessions say so for each piece, since what was received may wait long to be taken, and a
        user can only interrupt what is being played. A connection that does not keep account of
        what is heard does nothing.
        """
        del item_id, content_index, nbytes

    def audio_remaining_ms(self, response_id: str) -> float:
        """How many ms of audio the user has yet to hear until this response is played to its end.

        0.0 when all of it was heard or cut off, and from a connection that keeps no account.
        """
        del response_id
        return 0.0

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        """Iterate over what the model sends, in order, until the connection ends.

        Ends without an error when the server closed cleanly; raises `RealtimeConnectionError` when
        the connection broke. Cancelling loses no event. It must be kept going: a connection
        nobody reads may stop answering its server's pings.
        """

    async def deliver(self, handle: Callable[[RealtimeModelEvent], None]) -> None:
        """Call ``handle`` with each event, in order, until the connection ends.

        What sessions use: the same as iterating, without the price of a step of an iterator for
        each event. This default iterates; a connection may have a quicker way.

        Returns when the server closed cleanly; raises `RealtimeConnectionError` when the
        connection broke, and whatever ``handle`` raises, with the events after that one still to
        be received. Cancelling loses no event.
        """
        async for event in self:
            handle(event)


class RealtimeModel(ABC):
    """A model that sessions can connect to."""

    @property
    def capabilities(self) -> ModelCapabilities:
        """What this model can do. Sessions refuse the rest before anything is sent.

        By default nothing is refused: a model that does not say what it lacks refuses by itself.
        """
        return ANYTHING

    @abstractmethod
    def connect(
        self, config: RealtimeModelConfig
    ) -> AbstractAsyncContextManager[RealtimeConnection]:
        """Open a connection for the length of an ``async with`` block.

        Entering raises `UserError` for settings that cannot work (before anything is sent) and
        `RealtimeConnectionError` when the model cannot be reached. Leaving sends what was taken
        and closes the connection within a bound, also when cancelled, and leaves no task behind. An
        exception of the block leaves it unchanged.
        """
