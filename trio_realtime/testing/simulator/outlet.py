"""What the pure side of the simulator asks its shell to do, and in what order.

The pure modules put effects into one :class:`Outlet` per connection; :mod:`.served_connection`
takes them out and performs them. Keeping one ordered list is what makes the order of events on the
wire the order in which they were decided.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from trio_realtime.testing.simulator.response_playing import Response

Event = dict[str, Any]
"""A server or client event, as JSON has it."""


_PADDED_TO = 16
_PADDING = "sImUlAtEdPaDdInG"


@attrs.define(eq=False)
class Ids:
    """Numbered ids, such as ``item_sim000003``: unique in a simulator, the same in every run."""

    _used: Counter[str] = attrs.field(init=False, factory=Counter[str])

    def new(self, prefix: str) -> str:
        """The next id with this prefix."""
        self._used[prefix] += 1
        return f"{prefix}_sim{self._used[prefix]:06d}"


@attrs.frozen
class Send:
    """Send this server event."""

    event: Event


@attrs.frozen
class Start:
    """Ask the responder for this response, and play what it says."""

    response: "Response"


@attrs.frozen
class Stop:
    """Stop playing this response; its last events are sent already."""

    response: "Response"


@attrs.frozen
class Later:
    """Call ``then`` after so many seconds."""

    seconds: float
    then: Callable[[], None]


@attrs.frozen
class WatchIdle:
    """Call ``quiet`` when ``playback_s`` has passed, and ``expired`` ``timeout_s`` after that.

    Replaces the watch before it.
    """

    playback_s: float
    timeout_s: float
    quiet: Callable[[], None]
    expired: Callable[[], None]


@attrs.frozen
class StopWatching:
    """Forget the idle watch, if there is one."""


Effect = Send | Start | Stop | Later | WatchIdle | StopWatching


@attrs.define(eq=False)
class Outlet:
    """The effects of one connection, waiting for the shell."""

    ids: Ids = attrs.field(factory=Ids)
    _effects: list[Effect] = attrs.field(init=False, factory=list[Effect])

    def send(self, type: str, **fields: Any) -> None:
        """Queue a server event; ``type`` and ``event_id`` come first, as the service has it."""
        event_id = self.ids.new("event")
        self._effects.append(Send({"type": type, "event_id": event_id, **fields}))

    def send_delta(self, type: str, *, delta: str, **where: Any) -> None:
        """Queue a piece of text, padded as the service pads it.

        Its ``obfuscation`` fills the delta up to a multiple of 16 characters, so that the length
        of an encrypted frame does not betray the word in it.
        """
        missing = _PADDED_TO - len(delta) % _PADDED_TO
        self.send(type, **where, delta=delta, obfuscation=_PADDING[:missing])

    def add(self, effect: Effect) -> None:
        """Queue another effect."""
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """All effects queued since the last call."""
        effects, self._effects = self._effects, []
        return effects
