"""`ModelProtocol`: what one provider's protocol is, without a socket, a clock or a wait.

A provider is a protocol and a recipe. The protocol, a subclass of `ModelProtocol`, turns the
server's frames into model events and the session's inputs into frames. The recipe, a
`RealtimeModel`, says where to connect and yields a `WebSocketConnection`, which moves the frames
between a protocol and a socket. ``docs/howto/own-model`` has an example.

Pure: time comes in as ``now``, in seconds of any monotonic clock.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Literal, TypeAlias

from ..errors import RealtimeConnectionError
from .events import RealtimeModelEvent
from .inputs import RealtimeModelInput
from .session_settings import RealtimeSessionModelSettings

Events: TypeAlias = deque[RealtimeModelEvent]
"""Where a protocol appends the events for the session, in order."""

Opening: TypeAlias = Literal["waiting", "open"] | RealtimeConnectionError
"""Whether the server has taken the opening settings.

``"waiting"``: it has not answered them. ``"open"``: it has taken them, or has shown in another way
that it goes on. An exception: it has refused them, and this is what opening raises."""


class ModelProtocol(ABC):
    """The client's side of one connection to a model.

    Whoever drives it calls `open` first, sends what `data_to_send` gives after each call, and calls
    `expire` when `deadline` is reached. No method waits, and none is called while another runs.
    """

    @abstractmethod
    def open(self, settings: RealtimeSessionModelSettings) -> None:
        """Make the first frames of the connection, which ask for these settings.

        Raises:
            UserError: the settings cannot work; there is nothing to send then.
        """

    @property
    def opening(self) -> Opening:
        """Whether the server has taken the opening settings; see ``Opening`` of this module.

        ``"open"`` from the beginning, by default: for protocols whose server acknowledges nothing.
        """
        return "open"

    @abstractmethod
    def receive(self, frame: str | bytes, now: float, out: Events) -> None:
        """Take one frame of the server, and append what it means to ``out``.

        Never raises because of what a frame holds: a malformed one becomes an error event.
        """

    @abstractmethod
    def send(self, input: RealtimeModelInput, now: float, out: Events) -> None:
        """Make the frames for one input; events that it causes at once are appended to ``out``.

        Raises:
            UserError: the input is wrong, or this protocol has no such thing. Then nothing has
                changed, and nothing of it will be sent.
        """

    @property
    @abstractmethod
    def pending_bytes(self) -> int:
        """How many bytes `data_to_send` would give."""

    @abstractmethod
    def data_to_send(self) -> Sequence[str | bytes]:
        """Take the frames that are to be sent now, in order. Bytes are UTF-8."""

    @property
    def deadline(self) -> float | None:
        """When to call `expire`, in seconds of the clock of ``now``; ``None`` for never."""
        return None

    def expire(self, now: float, out: Events) -> None:
        """The `deadline` has been reached: do what is due."""
        del now, out

    def delivered(self, item_id: str, content_index: int, nbytes: int, now: float) -> None:
        """The application took ``nbytes`` bytes of this part's audio, and plays it from now on."""
        del item_id, content_index, nbytes, now

    def remaining_ms(self, response_id: str, now: float) -> float:
        """How many ms of audio the user has yet to hear until this response is played to its end.

        0.0 by default: for protocols that keep no account of what is heard.
        """
        del response_id, now
        return 0.0
