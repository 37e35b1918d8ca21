"""What the tasks of one session share, and nothing else.

`session` makes it and hands it to each task. Anything only one task needs lives with that task.
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
    """The current agent with its tools; `switch` replaces it."""
    bind: Callable[[RealtimeAgent[Any]], Awaitable[BoundAgent]]
    """Makes a later agent ready to take over."""
    start_task: StartTask
    close_deadline: CloseDeadline
    """For what the session still has to send when it closes."""
    history: History = attrs.field(factory=History)
    active_response_id: str | None = attrs.field(default=None, init=False)
    """The id of the response that the model is giving, if there is one and it has an id."""
    _active: bool = attrs.field(default=False, init=False)
    _last_response_id: str | None = attrs.field(default=None, init=False)
    _switching: trio.Lock | None = attrs.field(default=None, init=False)

    def response_started(self, response_id: str | None) -> None:
        """The model begins to answer."""
        self._active = True
        self.active_response_id = self._last_response_id = response_id

    def response_ended(self) -> None:
        """The model has answered; the user may still be hearing it."""
        self._active = False
        self.active_response_id = None

    def is_speaking(self) -> bool:
        """Whether the model answers, or the user is still hearing what it said last."""
        if self._active:
            return True
        last = self._last_response_id
        return last is not None and self.link.audio_remaining_ms(last) > 0

    async def switch(
        self, bound: BoundAgent, *, only_if: Callable[[BoundAgent], bool] | None = None
    ) -> bool:
        """Tell the model of another binding, and make it the current one.

        One at a time, so that the session and the model always agree on who is at work. With
        ``only_if``, only if that is true of the binding that is current then: returns False, and
        nothing has changed, if it is not. Cancelled, or if sending raises, nothing has changed
        either. Raises `SettingsError` for what the model cannot change in a session.
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
        """Tell the application what an event did to the history."""
        if change is None:
            return
        if isinstance(change, Added):
            self.events.put(RealtimeHistoryAdded(item=change.item, info=self.info))
        elif self.events.wants("history_updated"):
            self.events.put(RealtimeHistoryUpdated(history=self.history.snapshot(), info=self.info))

    def tell_error(self, error: Exception) -> None:
        """Tell the application of a problem that the session survives."""
        self.events.put(RealtimeError(error=error, info=self.info))
