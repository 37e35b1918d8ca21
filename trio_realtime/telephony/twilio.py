"""Twilio Media Streams: a telephone call and a session, joined for the length of one ``await``.

Twilio opens a WebSocket to the application when a call reaches ``<Connect><Stream>``; the
application passes it to `bridge_twilio`, which opens a session for it. Audio passes through in both
directions as it is, µ-law at 8 kHz. The tasks around it are here; what they decide by is pure and in
the modules beside this one.

One nursery per call holds five tasks: one reads from Twilio and never waits for anything else; one
passes the caller's audio to the model; one follows the session's events; one sends to Twilio, at the
pace of speech; and one calls the application back. When either side hangs up, all of them end, and
with them the session and the WebSocket.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias

import attrs
import trio

from .._nurseries import open_quiet_nursery
from .._structuring import structure
from ..config import RealtimeModelConfig
from ..context import RunContext, TContext
from ..errors import (
    EventBufferOverflow,
    RealtimeConnectionError,
    RealtimeProtocolError,
    RealtimeSessionClosed,
    UserError,
)
from ..events import (
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeDtmfReceived,
    RealtimeEventInfo,
    RealtimeSessionEvent,
)
from ..models.audio_formats import PCMU
from ..models.playback_tracker import RealtimePlaybackTracker
from ..sessions.runner import RealtimeRunner
from ..sessions.session import RealtimeSession
from . import messages
from .playout import HeardAudio, Playout
from .settings import TwilioSettings as TwilioSettings
from .settings import phone_config
from .sockets import TwilioSocket as TwilioSocket
from .sockets import as_twilio_socket as as_twilio_socket
from .uplink import Uplink

if TYPE_CHECKING:
    from ..recording import SessionRecorder

UPLINK_MS = 5_000
"""Audio of the caller that may wait for a slow connection to the model. Later than that it would
answer what nobody is talking about any more."""

CALLBACKS_WAITING = 20_000
"""Events that ``on_event`` may be behind; as many as a session's event buffer holds by default."""

_GONE = (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.frozen(kw_only=True)
class TwilioStart:
    """Which call it is: what Twilio's ``start`` message says."""

    stream_sid: str
    call_sid: str
    account_sid: str
    custom_parameters: Mapping[str, str] = attrs.field(repr=False)
    """The ``<Parameter>`` elements inside ``<Stream>``. Anyone who knows the URL can send any."""


@attrs.define(eq=False, kw_only=True)
class TwilioCall(Generic[TContext]):
    """A call: what callbacks are given and, when it is over, what `bridge_twilio` returns."""

    start: TwilioStart
    session: RealtimeSession[TContext]
    """Use it as any other; ``session.aclose()`` hangs up when the caller has heard the rest."""
    ended_by: Literal["caller", "session"] | None = None
    """Who ended it; None while it lasts, and where an exception did."""
    heard_ms: float = 0.0
    """How much of the model the caller has heard."""
    stale_marks: int = 0
    """Marks that came back for audio thrown away by interruptions. They count for nothing."""
    dropped_ms: float = 0.0
    """Audio of the caller that was lost because the model's connection did not take it in time."""
    skipped_messages: int = 0
    """Messages of Twilio that are unknown, or not of their published form."""


OnStart: TypeAlias = Callable[[TwilioCall[Any]], Awaitable[None] | None]
OnEvent: TypeAlias = Callable[[TwilioCall[Any], RealtimeSessionEvent], Awaitable[None] | None]


async def bridge_twilio(
    websocket: object,
    runner: RealtimeRunner[TContext],
    *,
    context: TContext | None = None,
    make_context: Callable[[TwilioStart], TContext | Awaitable[TContext]] | None = None,
    model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
    settings: TwilioSettings | Mapping[str, Any] | None = None,
    on_start: OnStart | None = None,
    on_event: OnEvent | None = None,
    recorder: "SessionRecorder | None" = None,
) -> TwilioCall[TContext] | None:
    """Conduct one call; returns when it is over, None if it ended before there was a session.

    ``websocket`` is an accepted connection of trio-websocket or Quart-Trio, or a `TwilioSocket`; it
    is closed at the end. The session's context is ``context``, or what ``make_context`` (plain or
    async) makes of Twilio's ``start`` message; raising there refuses the call.

    ``on_start`` is called when the session is open, for example to have the model speak first
    (``await call.session.create_response()``); ``on_event`` with each event of the session, in
    order, and with a `RealtimeDtmfReceived` for each key of the telephone, whatever the runner's
    ``events`` are. Both may be plain or async, and run in a task of their own: a slow one delays no
    audio. When the session ends by itself they finish first; when the caller hangs up they are
    cancelled. ``recorder`` (for µ-law both ways) is given both sides of the call.

    The caller's stop message or close ends the call at once. When the session is over first, by
    `aclose`, by the server, or by a failure, the caller hears what the model has said, within
    ``play_out_timeout``, before the WebSocket is closed. An interruption throws queued audio away
    here and with Twilio. What Twilio sends is not trusted: messages that are unknown or malformed
    are skipped and counted. Cancelling it ends the call, session and WebSocket included, within
    their close timeouts.

    Raises:
        UserError: arguments do not go together, or ask for another audio format.
        RealtimeProtocolError: no call began within ``start_timeout``, or not in µ-law.
        TrioRealtimeError: the session failed, as it raises it.
        Exception: what a callback raised, unchanged.
    """
    chosen = structure(TwilioSettings, {} if settings is None else settings)
    tracker = RealtimePlaybackTracker()
    config = phone_config(runner, model_config, tracker)
    if context is not None and make_context is not None:
        raise UserError("give context or make_context, not both")
    if recorder is not None and recorder.formats != (PCMU, PCMU):
        raise UserError("the recorder of a call needs user_format and model_format g711_ulaw")
    socket = as_twilio_socket(websocket)

    async def open_session(start: TwilioStart) -> TwilioCall[TContext]:
        own = context if make_context is None else await _maybe_await(make_context(start))
        session = await runner.run(context=own, model_config=config)
        return TwilioCall(start=start, session=session)

    try:
        start = await _receive_start(socket, chosen.start_timeout)
        if start is None:
            return None
        bridge = _Bridge(
            socket=socket,
            settings=chosen,
            tracker=tracker,
            playout=Playout(
                stream_sid=start.stream_sid,
                lead_ms=chosen.lead_ms,
                mark_every_ms=chosen.mark_every_ms,
            ),
            on_start=on_start,
            on_event=on_event,
            recorder=recorder,
        )
        return await bridge.run(start, open_session)
    finally:
        with trio.move_on_after(chosen.close_timeout, shield=True):
            await socket.aclose()


async def _receive_start(socket: TwilioSocket, timeout: float) -> TwilioStart | None:
    """Wait for a call to begin; None when the other side closes before."""
    with trio.move_on_after(timeout):
        while True:
            try:
                message = messages.decode(await socket.receive())
            except _GONE:
                return None
            if isinstance(message, messages.Stop):
                return None
            if isinstance(message, messages.Start):
                return _checked(message.start)
    raise RealtimeProtocolError(f"no call began on this WebSocket within {timeout:g} s")


def _checked(start: messages.StartBody) -> TwilioStart:
    expected = messages.MediaFormat(encoding="audio/x-mulaw", sample_rate=8_000, channels=1)
    if start.media_format not in (None, expected):
        raise RealtimeProtocolError("the call's audio is not mono audio/x-mulaw at 8000 Hz")
    return TwilioStart(
        stream_sid=start.stream_sid,
        call_sid=start.call_sid,
        account_sid=start.account_sid,
        custom_parameters=start.custom_parameters,
    )


async def _maybe_await(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@attrs.define(eq=False, kw_only=True)
class _Bridge(Generic[TContext]):
    """The tasks of one call and what they share."""

    socket: TwilioSocket
    settings: TwilioSettings
    tracker: RealtimePlaybackTracker
    playout: Playout
    on_start: OnStart | None
    on_event: OnEvent | None
    recorder: "SessionRecorder | None"
    call: TwilioCall[TContext] | None = None
    ended_by: Literal["caller", "session"] | None = None
    failure: Exception | None = None
    skipped: int = 0
    heard_ms: float = 0.0
    uplink: Uplink = attrs.field(factory=lambda: Uplink(UPLINK_MS))
    talking: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    spoken: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    """Woken when the caller has said something."""
    to_send: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    """Woken when it may be sooner that something is due."""
    heard: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    """Woken when there is less left to hear."""
    events: trio.MemorySendChannel[RealtimeSessionEvent | str] = attrs.field(init=False)
    """For the application: events, and keys as they came."""
    _events: trio.MemoryReceiveChannel[RealtimeSessionEvent | str] = attrs.field(init=False)
    told: trio.Event = attrs.field(factory=trio.Event)
    """Set when the application has been told everything."""

    def __attrs_post_init__(self) -> None:
        self.events, self._events = trio.open_memory_channel(CALLBACKS_WAITING)

    async def run(
        self,
        start: TwilioStart,
        open_session: Callable[[TwilioStart], Awaitable[TwilioCall[TContext]]],
    ) -> TwilioCall[TContext] | None:
        """Conduct the call. The first failure of any part of it is raised, as it is."""
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(self._guarded, self._listen)
            with self.talking:

                async def converse() -> None:
                    self.call = call = await open_session(start)
                    async with call.session:
                        await self._converse(call)

                await self._guarded(converse)
        if self.failure is not None:
            raise self.failure
        return self.call

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a part of the call; the first failure ends the call, the others are notes on it."""
        try:
            await task()
        except Exception as exc:  # noqa: BLE001 - the application's code runs in there
            if self.failure is None:
                self.failure = exc
                self.talking.cancel()
            elif exc is not self.failure:
                self.failure.add_note(f"also: {exc!r}")
        finally:
            self._count()

    def _count(self) -> None:
        call = self.call
        if call is not None:
            call.ended_by = self.ended_by
            call.heard_ms = self.heard_ms
            call.stale_marks = self.playout.stale_marks
            call.dropped_ms = self.uplink.dropped_ms
            call.skipped_messages = self.skipped

    async def _converse(self, call: TwilioCall[TContext]) -> None:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(self._guarded, self._pass_on, call)
