"""`ModelLink`: everything that a session sends to its model and receives from it passes here.

All tasks of a session send through the link, and one task receives from it. Only the link knows
which connection is the current one, so a connection can be replaced in a running session.
"""

from collections.abc import Callable
from weakref import WeakSet

import attrs
import trio

from ..._util.wait_queue import Sleepers
from ...errors import RealtimeConnectionError, RealtimeSessionClosed, UserError
from ...events import RealtimeAudio
from ...models.capabilities import ModelCapabilities
from ...models.events import RealtimeModelEvent
from ...models.inputs import RealtimeModelInput, RealtimeModelSendAudio
from ...models.interface import ANYTHING, RealtimeConnection
from ..core.observer import Observers
from .early_audio import EarlyAudio


@attrs.define(eq=False, repr=False)
class ModelLink:
    """The link of one session. Any number of tasks may send at once; one task receives."""

    capabilities: ModelCapabilities = ANYTHING
    """What the model can do. The link refuses everything else with a `UserError`."""
    _observers: Observers | None = None
    _selective: bool = attrs.field(init=False)
    """Whether there are inputs that the model cannot answer."""
    _connection: RealtimeConnection | None = attrs.field(default=None, init=False)
    _reading: trio.CancelScope | None = attrs.field(default=None, init=False)
    """The scope in which the current connection is read."""
    _early: EarlyAudio | None = attrs.field(default=None, init=False)
    _ready: bool = attrs.field(default=False, init=False)
    _waiting: Sleepers | None = attrs.field(default=None, init=False)
    """Tasks whose audio has to wait until the link is ready."""
    _refusals: WeakSet[Exception] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._selective = not self.capabilities.takes_every_input

    # -- the connection ----------------------------------------------------------------
    @property
    def connection(self) -> RealtimeConnection:
        """The current connection. Only for a session that is, or was, connected."""
        assert self._connection is not None
        return self._connection

    def replace(self, connection: RealtimeConnection) -> None:
        """Send over this connection from now on, and receive from it.

        What the connection before has delivered already is handled first; what else it has is not
        read any more, and none of its events comes after one of the new connection. Whoever waits
        to send over it goes on waiting; when it refuses their input, since it is closed, the input
        goes over the new one, whole and once. Opening and closing connections is the caller's.
        """
        self._connection = connection
        if self._reading is not None:
            self._reading.cancel()

    def caused(self, failure: BaseException) -> bool:
        """Whether `send` raised this exception because the connection is over.

        A task that fails with it need not be reported, since the receive task learns the reason.
        """
        return self._refusals is not None and failure in self._refusals

    # -- sending -----------------------------------------------------------------------
    async def send(self, input: RealtimeModelInput) -> None:
        """Send one input; see `RealtimeConnection.send`.

        Raises `UserError`, and sends nothing, for what the model cannot do.
        """
        if self._selective:
            self.capabilities.check_input(input)
        connection = self._connection
        assert connection is not None
        try:
            await connection.send(input)
        except (RealtimeSessionClosed, RealtimeConnectionError) as refusal:
            if connection is self._connection:
                self._refusals = self._refusals or WeakSet()
                self._refusals.add(refusal)
                raise
            await self.send(input)
            return
        if self._observers is not None:
            self._observers.input_sent(input)

    async def send_if_possible(self, input: RealtimeModelInput) -> None:
        """Send one input, unless the model cannot do it: for what the session does by itself."""
        try:
            self.capabilities.check_input(input)
        except UserError:
            return
        await self.send(input)

    # -- early audio -------------------------------------------------------------------
    async def send_early(self, audio: RealtimeModelSendAudio) -> bool:
        """Keep audio while the session connects. Returns False once the caller has to send it.

        If too much is kept already, this waits until the session is connected, and then returns
        False. Always a checkpoint. Cancelled, it has kept nothing. Raises `UserError` if the model
        takes no audio.
        """
        self.capabilities.check_input(audio)
        await trio.lowlevel.checkpoint()
        if self._ready:
            return False
        self._early = self._early or EarlyAudio()
        if self._early.keep(audio):
            return True
        self._waiting = self._waiting or Sleepers()
        await self._waiting.sleep()
        return False

    async def send_kept(self) -> None:
        """Send the audio that was kept, in its order. From then on nothing is kept.

        Does not raise if the connection is over: the receive task learns of that.
        """
        try:
            while self._early is not None and (audio := self._early.take()) is not None:
                await self.send(audio)
        except (RealtimeSessionClosed, RealtimeConnectionError):
            pass
        finally:
            self.open_doors()

    def open_doors(self) -> None:
        """Keep no more audio, and wake up the tasks whose audio waits."""
        self._ready = True
        self._early = None
        if self._waiting is not None:
            self._waiting.wake_all()

    # -- receiving ---------------------------------------------------------------------
    async def deliver(self, handle: Callable[[RealtimeModelEvent], None]) -> None:
        """Call ``handle`` with each event of the model, in order, until the connection ends.

        Observers see an event before it is handled. Raises what ended the connection, unless the
        server closed it cleanly.
        """
        if self._observers is not None:
            handle = _observed(self._observers, handle)
        ended = False
        while not ended:
            connection = self.connection
            try:
                with trio.CancelScope() as self._reading:  # `replace` cancels it
                    await connection.deliver(handle)
            except RealtimeConnectionError:
                if connection is self._connection:
                    raise
            ended = connection is self._connection

    def audio_taken(self, event: RealtimeAudio) -> None:
        """Note that the application has taken this audio, and so begins to play it."""
        self.connection.audio_delivered(event.item_id, event.content_index, len(event.audio.data))

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        """This audio is played from now on; see `RealtimeConnection.audio_delivered`."""
        self.connection.audio_delivered(item_id, content_index, nbytes)

    def audio_remaining_ms(self, response_id: str) -> float:
        """The audio still to be heard; see `RealtimeConnection.audio_remaining_ms`."""
        return self.connection.audio_remaining_ms(response_id)


def _observed(
    observers: Observers, handle: Callable[[RealtimeModelEvent], None]
) -> Callable[[RealtimeModelEvent], None]:
    def observe_and_handle(event: RealtimeModelEvent) -> None:
        observers.model_event(event)
        handle(event)

    return observe_and_handle
