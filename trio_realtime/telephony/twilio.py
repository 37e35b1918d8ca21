"""Twilio Media Streams: `bridge_twilio` connects a telephone call to a session of its own.

Twilio opens a WebSocket to the application when a call reaches ``<Connect><Stream>``; the
application passes it to `bridge_twilio`, which opens a session for it. Audio passes through
unchanged in both directions, as µ-law at 8 kHz. Applications import this module; the tasks of a
call are in ``bridge``.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from .._util.maybe_async import call as call_function
from .._util.settings_base import structure
from ..audio.formats import PCMU
from ..context import TContext
from ..errors import RealtimeProtocolError, UserError
from ..models.model_config import RealtimeModelConfig
from ..models.playback.tracker import RealtimePlaybackTracker
from ..sessions.runner import RealtimeRunner
from ..sessions.session import RealtimeSession
from . import messages
from .bridge import Bridge, OnEnd, OnEvent, OnStart, TwilioCall
from .call_start import TwilioStart, read_start
from .settings import TwilioSettings, phone_config
from .signature import is_from_twilio, sign_as_twilio
from .sockets import TwilioSocket, as_twilio_socket

if TYPE_CHECKING:
    from ..recording import SessionRecorder

__all__ = [
    "OnEnd",
    "OnEvent",
    "OnStart",
    "TwilioCall",
    "TwilioSettings",
    "TwilioSocket",
    "TwilioStart",
    "as_twilio_socket",
    "bridge_twilio",
    "is_from_twilio",
    "sign_as_twilio",
]

_GONE: Final = (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError)


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
    on_end: OnEnd | None = None,
    recorder: "SessionRecorder | None" = None,
) -> TwilioCall[TContext] | None:
    """Conduct one call; returns when it is over, None if the other side closed before it began.

    ``websocket``, an accepted connection of trio-websocket or Quart-Trio or a `TwilioSocket`, is
    closed at the end. The session's context is ``context``, or what ``make_context`` makes of
    Twilio's ``start`` message; raising there refuses the call. Callbacks may be plain or async.

    ``on_start`` is called when the session is open, ``on_event`` with each event of the session
    and a `RealtimeDtmfReceived` for each key of the telephone. Both run in a task of their own, so
    a slow one delays no audio; a hang-up cancels them. ``on_end`` is called once when a call that
    began is over, also when this is cancelled; it has ``close_timeout`` seconds.
    ``recorder`` (for µ-law both ways) is given both sides of the call.

    The caller's stop message or close ends the call at once. When the session is over first, the
    caller hears what the model has said, within ``play_out_timeout``, before the WebSocket is
    closed. Unknown and malformed messages are skipped and counted. Cancelling ends the call,
    session and WebSocket included, within their close timeouts.

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

    async def make_session(start: TwilioStart) -> RealtimeSession[TContext]:
        own = context if make_context is None else await call_function(make_context, start)
        return await runner.run(context=own, model_config=config)

    make_bridge = partial(
        Bridge[TContext],
        socket=socket,
        settings=chosen,
        tracker=tracker,
        make_session=make_session,
        on_start=on_start,
        on_event=on_event,
        recorder=recorder,
    )
    return await _conduct(socket, chosen, make_bridge, on_end)


async def _conduct(
    socket: TwilioSocket,
    settings: TwilioSettings,
    make_bridge: Callable[..., Bridge[TContext]],
    on_end: OnEnd | None,
) -> TwilioCall[TContext] | None:
    """Wait for a call to begin, conduct it, and close the WebSocket, also when cancelled."""
    call: TwilioCall[TContext] | None = None
    try:
        start = await _receive_start(socket, settings)
        if start is not None:
            bridge = make_bridge(start=start)
            call = bridge.call
            await bridge.run()
        return call
    finally:
        try:
            with trio.move_on_after(settings.close_timeout, shield=True), suppress(*_GONE):
                await socket.aclose()
        finally:
            if call is not None and on_end is not None:
                with trio.move_on_after(settings.close_timeout, shield=True):
                    await call_function(on_end, call)


async def _receive_start(socket: TwilioSocket, settings: TwilioSettings) -> TwilioStart | None:
    """Wait for a call to begin; None when the other side closes before."""
    with trio.move_on_after(settings.start_timeout):
        while True:
            try:
                message = messages.decode(await socket.receive())
            except _GONE:
                return None
            if isinstance(message, messages.Stop):
                return None
            if isinstance(message, messages.Start):
                return read_start(message)
    raise RealtimeProtocolError(
        f"no call began on this WebSocket within {settings.start_timeout:g} s"
    )
