"""Observers of a session, such as recorders and telemetry. They see everything and change nothing.

An application (or another part of this library) subclasses `SessionObserver`. The session calls
observers at two places: where it sends to and receives from the model, and where it puts events
into the application's stream. A session without observers does no work for them.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from ...context import RunContext
from ...errors import UserError
from ...events import RealtimeSessionEvent
from ...models.events import RealtimeModelEvent
from ...models.inputs import RealtimeModelInput

_logger: Final = logging.getLogger("trio_realtime")


class SessionObserver:
    """Base class of observers. Override the methods that you need.

    They are called in the session's tasks, in the order in which things happen. They must return at
    once and must not change what they are given. An observer that raises is not called any more:
    this is logged once, with the exception's type and no more, and the session goes on.
    """

    def session_opened(self, context: RunContext[Any]) -> None:
        """The session is connected. ``context`` is the object that tools and hooks get."""

    def model_event(self, event: RealtimeModelEvent) -> None:
        """The model sent this; the session acts on it next."""

    def session_event(self, event: RealtimeSessionEvent) -> None:
        """The session has this event for its application, which may not have asked for the type.
        Raw model events are not among these; they come to `model_event`."""

    def input_sent(self, input: RealtimeModelInput) -> None:
        """The session has sent this to the model: the connection took it."""

    def session_closed(self, failure: BaseException | None) -> None:
        """The session is over; ``failure`` is `None` if it ended cleanly. This is the last call."""


MakeObserver: TypeAlias = Callable[[], SessionObserver]
"""Makes an observer for one session."""


@attrs.define(eq=False, repr=False)
class Observers:
    """The observers of one session. Each is called until it raises."""

    _observers: list[SessionObserver]

    def session_opened(self, context: RunContext[Any]) -> None:
        """See `SessionObserver.session_opened`."""
        self._tell(lambda observer: observer.session_opened(context))

    def model_event(self, event: RealtimeModelEvent) -> None:
        """See `SessionObserver.model_event`."""
        self._tell(lambda observer: observer.model_event(event))

    def session_event(self, event: RealtimeSessionEvent) -> None:
        """See `SessionObserver.session_event`."""
        self._tell(lambda observer: observer.session_event(event))

    def input_sent(self, input: RealtimeModelInput) -> None:
        """See `SessionObserver.input_sent`."""
        self._tell(lambda observer: observer.input_sent(input))

    def session_closed(self, failure: BaseException | None) -> None:
        """See `SessionObserver.session_closed`."""
        self._tell(lambda observer: observer.session_closed(failure))

    def _tell(self, call: Callable[[SessionObserver], None]) -> None:
        for observer in tuple(self._observers):
            try:
                call(observer)
            except Exception as exc:  # noqa: BLE001 - an observer cannot break the session
                self._observers.remove(observer)
                _logger.warning(
                    "%s is told nothing more of this session: it raised %s",
                    type(observer).__name__,
                    type(exc).__name__,
                )


def make_observers(configured: Sequence[SessionObserver | MakeObserver]) -> Observers | None:
    """The observers of a new session; ``None`` where there are none.

    Raises:
        UserError: a function that is to make an observer makes something else.
    """
    if not configured:
        return None
    return Observers([_observer(each) for each in configured])


def _observer(configured: SessionObserver | MakeObserver) -> SessionObserver:
    if isinstance(configured, SessionObserver):
        return configured
    made: object = configured()
    if not isinstance(made, SessionObserver):
        kind = type(made).__name__
        raise UserError(f"observers: {configured!r} must make a SessionObserver, not {kind}")
    return made
