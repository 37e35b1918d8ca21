"""What the tasks of one session share.

`SessionLifecycle` makes it and gives it to each task. What only one task needs has no place here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from ...agents.agent import RealtimeAgent
from ...context import RunContext
from ...events import RealtimeError, RealtimeEventInfo, RealtimeHistoryAdded, RealtimeHistoryUpdated
from ...models.inputs import RealtimeModelSendSessionUpdate
from ..history.history_fold import Added, Change, History
from ..link.model_link import ModelLink
from ..run_config import RealtimeRunConfig
from .bound_agent import BoundAgent
from .close_deadline import CloseDeadline
from .event_buffer import EventBuffer
from .on_demand import StartTask


@attrs.define(eq=False, kw_only=True, repr=False)
class SessionCore:
    """The shared parts of a running session."""

    config: RealtimeRunConfig
    context: RunContext[Any]
    info: RealtimeEventInfo
    events: EventBuffer
    link: ModelLink
    bound: BoundAgent
    """The current agent with its settings and tools; `switch` replaces it."""
    bind: Callable[[RealtimeAgent[Any]], Awaitable[BoundAgent]]
    """Binds an agent that is to take over; see `Binder.bind_later`."""
    start_task: StartTask
    close_deadline: CloseDeadline
    """The time limit for what the session sends while it closes."""
    history: History = attrs.field(factory=History)
    active_response_id: str | None = attrs.field(default=None, init=False)
    """The id of the response that the model is giving, if there is one and it has an id."""
    _active: bool = attrs.field(default=False, init=False)
    _last_response_id: str | None = attrs.field(default=None, init=False)
    _switching: trio.Lock | None = attrs.field(default=None, init=False)

    def response_started(self, response_id: str | None) -> None:
        """Note that a response began. It becomes the active one."""
        self._active = True
        self.active_response_id = self._last_response_id = response_id

    def response_ended(self) -> None:
        """Note that the active response is over; its audio may still be playing."""
        self._active = False
        self.active_response_id = None

    def is_speaking(self) -> bool:
        """Whether a response is active, or the audio of the last one is still playing."""
        if self._active:
            return True
        last = self._last_response_id
        return last is not None and self.link.audio_remaining_ms(last) > 0

    async def switch(
        self, bound: BoundAgent, *, only_if: Callable[[BoundAgent], bool] | None = None
    ) -> bool:
        """Send the settings of another binding to the model, and make it the current one.

        Switches run one at a time, so that session and model always have the same agent. With
        ``only_if``, the current binding (at the time when it is this switch's turn) is looked at
        first; if ``only_if`` returns False for it, so does this method, and nothing changes.
        Nothing changes either if this is cancelled or sending raises.

        Raises:
            SettingsError: the model cannot change these settings in a running session.
        """
        self._switching = self._switching or trio.Lock()
        async with self._switching:
            if only_if is not None and not only_if(self.bound):
                return False
            self.link.capabilities.check_change(self.bound.settings, bound.settings)
            await self.link.send(RealtimeModelSendSessionUpdate(session_settings=bound.settings))
            self.bound = bound
            return True

    def tell_history(self, change: Change) -> None:
        """Put the event for a change of the history into the application's stream."""
        if change is None:
            return
        if isinstance(change, Added):
            self.events.put(RealtimeHistoryAdded(item=change.item, info=self.info))
        elif self.events.wants("history_updated"):
            self.events.put(RealtimeHistoryUpdated(history=self.history.snapshot(), info=self.info))

    def tell_error(self, error: Exception) -> None:
        """Put an ``error`` event for a problem that does not end the session."""
        self.events.put(RealtimeError(error=error, info=self.info))
