"""One call: the tasks between Twilio's WebSocket and the session. `bridge_twilio` runs it.

One nursery per call holds five tasks: one reads from Twilio and never waits for anything else; one
passes the caller's audio to the model; one follows the session's events; one sends to Twilio, at
the pace of speech; and one calls the application back. When either side hangs up, all of them end,
and with them the session. Their decisions are made in the pure modules of this package.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias

import attrs
import trio

from .._util.maybe_async import call as call_function
from .._util.nurseries import open_quiet_nursery
from ..context import RunContext, TContext
from ..errors import EventBufferOverflow, RealtimeConnectionError, RealtimeSessionClosed
from ..events import (
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeDtmfReceived,
    RealtimeEventInfo,
    RealtimeSessionEvent,
)
from ..models.playback.tracker import RealtimePlaybackTracker
from ..sessions.session import RealtimeSession
from . import messages
from .call_start import TwilioStart
from .playout import BYTES_PER_MS, HeardAudio, Playout
from .settings import TwilioSettings
from .sockets import TwilioSocket
from .uplink import Uplink

if TYPE_CHECKING:
    from ..recording import SessionRecorder

UPLINK_MS: Final = 5_000
"""How much audio of the caller may wait for a slow connection to the model, in ms. The oldest is
dropped then, since by the time it arrived the conversation would have moved on."""

CALLBACKS_WAITING: Final = 20_000
"""How many events may wait for ``on_event``: as many as a session's buffer holds by default."""

_GONE: Final = (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.define(eq=False)
class TwilioCall(Generic[TContext]):
    """A call. Callbacks get it as their argument, and `bridge_twilio` returns it at the end."""

    start: TwilioStart
    _playout: Playout = attrs.field(repr=False)
    _uplink: Uplink = attrs.field(repr=False)
    _session: RealtimeSession[TContext] | None = attrs.field(default=None, init=False, repr=False)
    ended_by: Literal["caller", "session"] | None = attrs.field(default=None, init=False)
    """Who hung up; None while the call lasts, and if an exception ended it."""
    heard_ms: float = attrs.field(default=0.0, init=False)
    """How much of the model's audio the caller has heard, in ms."""
    skipped_messages: int = attrs.field(default=0, init=False)
    """How many messages of Twilio were unknown, or not in their published form."""

    @property
    def session(self) -> RealtimeSession[TContext]:
        """The session of the call. Its ``aclose()`` hangs up once the caller has heard the rest.

        Raises:
            RealtimeSessionClosed: the caller hung up before there was a session.
        """
        if self._session is None:
            raise RealtimeSessionClosed("the call ended before it had a session")
        return self._session

    @property
    def stale_marks(self) -> int:
        """How many marks came back for audio that interruptions threw away. They say nothing of
        what was heard."""
        return self._playout.stale_marks

    @property
    def dropped_ms(self) -> float:
        """How much of the caller's audio was lost, in ms, because the connection was too slow."""
        return self._uplink.dropped_ms


OnStart: TypeAlias = Callable[[TwilioCall[Any]], Awaitable[None] | None]
OnEnd: TypeAlias = Callable[[TwilioCall[Any]], Awaitable[None] | None]
OnEvent: TypeAlias = Callable[[TwilioCall[Any], RealtimeSessionEvent], Awaitable[None] | None]


@attrs.define(eq=False, kw_only=True)
class Bridge(Generic[TContext]):
    """The tasks of one call and what they share."""

    start: TwilioStart
    socket: TwilioSocket
    settings: TwilioSettings
    tracker: RealtimePlaybackTracker
    make_session: Callable[[TwilioStart], Awaitable[RealtimeSession[TContext]]]
    on_start: OnStart | None
    on_event: OnEvent | None
    recorder: "SessionRecorder | None"
    call: TwilioCall[TContext] = attrs.field(init=False)
    _playout: Playout = attrs.field(init=False)
    _uplink: Uplink = attrs.field(factory=lambda: Uplink(UPLINK_MS), init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _failure: Exception | None = attrs.field(default=None, init=False)
    _over: trio.Event = attrs.field(factory=trio.Event, init=False)
    _line_began: float = attrs.field(default=math.inf, init=False)
    """The time, by Trio's clock, from which Twilio's timestamps count."""
    _spoken: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    """Woken when the caller has said something."""
    _due: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    """Woken when the time of the next message to send may have changed."""
    _heard: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    """Woken when there may be nothing left to hear."""
    _news: trio.MemorySendChannel[RealtimeSessionEvent | str] = attrs.field(init=False)
    """For the application: events, and keys as strings."""
    _news_taken: trio.MemoryReceiveChannel[RealtimeSessionEvent | str] = attrs.field(init=False)
    _told: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the application has been told everything."""

    def __attrs_post_init__(self) -> None:
        self._playout = Playout(
            stream_sid=self.start.stream_sid,
            lead_ms=self.settings.lead_ms,
            mark_every_ms=self.settings.mark_every_ms,
        )
        self.call = TwilioCall(self.start, self._playout, self._uplink)
        self._news, self._news_taken = trio.open_memory_channel[RealtimeSessionEvent | str](
            CALLBACKS_WAITING
        )

    async def run(self) -> None:
        """Conduct the call. Raises the first exception of any of its tasks, unchanged."""
        with self._scope:
            async with open_quiet_nursery() as nursery:
                nursery.start_soon(self._guarded, self._listen)
                await self._guarded(self._converse, nursery)
        if self._failure is not None:
            raise self._failure

    async def _guarded(self, task: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run a task of the call. The first exception ends the call; later ones are notes on it."""
        try:
            await task(*args)
        except Exception as exc:  # noqa: BLE001 - the application's code runs in there
            if self._failure is None:
                self._failure = exc
                self._scope.cancel()
            else:
                self._failure.add_note(f"also: {exc!r}")

    async def _converse(self, nursery: trio.Nursery) -> None:
        """Open the session, and keep it until the call is over."""
        session = await self.make_session(self.start)
        self.call._session = session  # pyright: ignore[reportPrivateUsage] - the call is made here
        async with session:
            for task in (self._pass_on, self._follow, self._speak, self._tell):
                nursery.start_soon(self._guarded, task, session)
            await self._over.wait()

    def _ended_by(self, side: Literal["caller", "session"]) -> None:
        if self.call.ended_by is None:
            self.call.ended_by = side

    def _hung_up(self) -> None:
        self._ended_by("caller")
        self._scope.cancel()

    # -- from the caller -----------------------------------------------------------------
    async def _listen(self) -> None:
        """Read what Twilio sends until the call ends. Waits for nothing else."""
        try:
            while True:
                message = messages.decode(await self.socket.receive())
                if isinstance(message, messages.Stop):
                    break
                self._received(message)
        except _GONE:
            pass
        self._hung_up()

    def _received(self, message: messages.TwilioMessage | None) -> None:
        match message:
            case messages.Media(media=media):
                if media.track == "inbound":
                    self._uplink.put(media.payload)
                    self._spoken.unpark()
                    self._record(media)
            case messages.Mark(mark=mark):
                for audio in self._playout.acknowledge(mark.name):
                    self._was_heard(audio)
                self._heard.unpark_all()
            case messages.Dtmf(dtmf=dtmf) if dtmf.is_key:
                self._put_news(dtmf.digit)
            case _:
                self.call.skipped_messages += 1

    def _record(self, media: messages.MediaBody) -> None:
        """Record what the caller said at the time of Twilio's own clock, which has no jitter."""
        if self.recorder is None:
            return
        timestamp_ms = media.timestamp_ms
        if timestamp_ms is None:
            self.recorder.user(media.payload)
            return
        began = trio.current_time() - len(media.payload) / BYTES_PER_MS / 1000
        # The message that took the shortest time to arrive says best when Twilio's clock began.
        self._line_began = min(self._line_began, began - timestamp_ms / 1000)
        self.recorder.user(media.payload, at=self._line_began + timestamp_ms / 1000)

    def _was_heard(self, audio: HeardAudio) -> None:
        self.tracker.on_play_ms(audio.item_id, audio.content_index, audio.ms)
        self.call.heard_ms += audio.ms
        if self.recorder is not None:
            self.recorder.heard(audio.audio)

    async def _pass_on(self, session: RealtimeSession[TContext]) -> None:
        """Pass the caller's audio to the model, as fast as its connection takes it."""
        try:
            while True:
                audio = self._uplink.take()
                if audio:
                    await session.send_audio(audio)
                else:
                    await self._spoken.park()
        except (RealtimeSessionClosed, RealtimeConnectionError):
            return  # the session's own events say why it is over

    # -- from the model ------------------------------------------------------------------
    async def _follow(self, session: RealtimeSession[TContext]) -> None:
        """Follow the session's events until they end, then wait until the caller has heard all."""
        failure: Exception | None = None
        try:
            async for event in session:
                self._happened(event)
        except EventBufferOverflow:
            raise  # the application's callbacks hang: do not wait for them
        except Exception as exc:  # noqa: BLE001 - raised below
            failure = exc
        else:
            self._ended_by("session")
        self._playout.flush()
        self._due.unpark()
        with trio.move_on_after(self.settings.play_out_timeout):
            while not self._playout.is_idle:
                await self._heard.park()
        self._news.close()
        await self._told.wait()
        if failure is not None:
            raise failure
        self._over.set()

    def _happened(self, event: RealtimeSessionEvent) -> None:
        match event:
            case RealtimeAudio():
                self._playout.feed(event.item_id, event.content_index, event.audio.data)
            case RealtimeAudioEnd():
                self._playout.flush()
            case RealtimeAudioInterrupted():
                self._playout.interrupt(event.item_id)
            case _:
                pass
        self._due.unpark()
        self._put_news(event)

    async def _speak(self, _session: RealtimeSession[TContext]) -> None:
        """Send audio to Twilio when it is due, and ``clear`` messages at once."""
        try:
            while True:
                due_at = self._playout.due_at()
                if due_at > trio.current_time():
                    with trio.move_on_at(due_at):
                        await self._due.park()
                    continue
                for message in self._playout.take(trio.current_time()):
                    if not await self._send(message):
                        self._hung_up()
                self._heard.unpark_all()
        except _GONE:
            self._hung_up()

    async def _send(self, message: str) -> bool:
        """Send a message. Returns False if Twilio read nothing for ``send_timeout`` seconds.

        It then counts as gone; otherwise what the model says would pile up.
        """
        with trio.move_on_after(self.settings.send_timeout):
            await self.socket.send(message)
            return True
        return False

    # -- to the application --------------------------------------------------------------
    def _put_news(self, news: RealtimeSessionEvent | str) -> None:
        if self.on_event is None and not isinstance(news, str):
            return
        try:
            self._news.send_nowait(news)
        except trio.ClosedResourceError:
            return  # a key after the session was over
        except trio.WouldBlock:
            raise EventBufferOverflow(
                f"on_event (or on_start) is more than {CALLBACKS_WAITING} events behind"
            ) from None

    async def _tell(self, session: RealtimeSession[TContext]) -> None:
        """Call the application back, one call at a time, in order."""
        if self.on_start is not None:
            await self._call_back(self.on_start, self.call)
        async for news in self._news_taken:
            if isinstance(news, str):
                await self._tell_key(session, news)
            else:
                await self._tell_event(news)
        self._told.set()

    async def _call_back(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call a function of the application's.

        It may find the session closed, because somebody hung up in the meantime. That is no failure
        of the call: the session's own events say why it is over.
        """
        with suppress(RealtimeSessionClosed):
            await call_function(callback, *args)

    async def _tell_event(self, event: RealtimeSessionEvent) -> None:
        if self.on_event is not None:
            await self._call_back(self.on_event, self.call, event)

    async def _tell_key(self, session: RealtimeSession[TContext], key: str) -> None:
        context = RunContext(session.context, session.usage)
        info = RealtimeEventInfo(context=context)
        await self._tell_event(RealtimeDtmfReceived(key=key, info=info))
        if self.settings.dtmf_message is not None:
            try:
                await session.send_message(self.settings.dtmf_message.replace("{digit}", key))
            except (RealtimeSessionClosed, RealtimeConnectionError):
                return  # as for audio
