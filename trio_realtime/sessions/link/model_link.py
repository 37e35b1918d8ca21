"""`ModelLink`: everything a session sends to its model, and everything it receives from it.

Every task of a session sends through the link and one task receives from it, so a connection can be
replaced under a running session: only the link knows which connection is the current one.
"""

from collections.abc import Callable

import attrs

from ...models.events import RealtimeModelEvent
from ...models.inputs import RealtimeModelInput
from ...models.interface import RealtimeConnection


@attrs.define(eq=False, repr=False)
class ModelLink:
    """The link of one session. Any number of tasks may send at once; one task receives."""

    _connection: RealtimeConnection

    async def send(self, input: RealtimeModelInput) -> None:
        """Send one input; see `RealtimeConnection.send`."""
        await self._connection.send(input)

    async def deliver(self, handle: Callable[[RealtimeModelEvent], None]) -> None:
        """Call ``handle`` with each event of the model, in order, until the connection ends.

        Raises what ended the connection, unless the server closed it cleanly.
        """
        await self._connection.deliver(handle)

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        """The application has taken audio; see `RealtimeConnection.audio_delivered`."""
        self._connection.audio_delivered(item_id, content_index, nbytes)

    def audio_remaining_ms(self, response_id: str) -> float:
        """The audio still to be heard; see `RealtimeConnection.audio_remaining_ms`."""
        return self._connection.audio_remaining_ms(response_id)
