"""Responses that the application asked for and can wait for.

`RealtimeSession.create_response`, `respond`, `say` and `ask` make a `RealtimeResponse`. Its request
has a key in its metadata, which the server repeats, so that the receive task can tell which of the
responses that begin and end belongs to which request.
"""

from typing import Final, Literal

import attrs
import trio

from ..._util.wait_queue import Sleepers
from ...context import Usage
from ...errors import RealtimeSessionClosed, UserError
from ...events import RealtimeResponseDone
from ...items import RealtimeItem
from ...models import events as model
from ...models.inputs import RealtimeModelCreateResponse, ResponseOptions
from ..core.session_core import SessionCore

RESPONSE_KEY: Final = "trio_realtime_response"
"""Metadata key by which a response is matched with the request for it."""

SAY: Final = "Say exactly the following, word for word, and nothing else:\n\n"
"""The instructions of `RealtimeSession.say`, before the words to say."""

MAX_METADATA: Final = 15
"""Pairs that the caller may put into a response's metadata. The API takes one more: the key."""

SHORTEST_WAIT: Final = 0.02
"""Seconds between two checks of a playback that makes no progress: one frame of telephony."""

LONGEST_WAIT: Final = 0.1
"""Seconds after which an interruption is noticed at the latest."""


@attrs.define(eq=False, repr=False)
class RealtimeResponse:
    """One response that was asked for. Any number of tasks may wait for it; cancelling a wait does
    not affect the response."""

    _session: "Responses"
    response_id: str | None = None
    """The server's id of it; ``None`` until it has begun."""
    output: tuple[RealtimeItem, ...] = ()
    """The items of an out-of-band response, once it is done; others are in the history."""
    _done: RealtimeResponseDone | None = None
    _failure: BaseException | None = None
    _over: trio.Event = attrs.field(factory=trio.Event)

    async def wait_done(self) -> RealtimeResponseDone:
        """Wait until the model has finished (or was interrupted, or failed: see ``status``).

        Raises:
            RealtimeSessionClosed: the session ended first, or the server refused the request; the
                reason is its cause.
        """
        await self._over.wait()
        if self._done is None:
            raise RealtimeSessionClosed("there will be no such response") from self._failure
        return self._done

    async def wait_played(self) -> RealtimeResponseDone:
        """Wait until the user has heard it to its end, or it was interrupted.

        Audio counts as heard in real time from when the application took it, unless the application
        has a playback tracker, which knows better. Raises as `wait_done`, and also if the session
        ends before everything was heard.
        """
        done = await self.wait_done()
        session = self._session
        link = session.core.link
        before = 0.0
        while (ms := link.audio_remaining_ms(self.response_id or "")) > 0:
            least = SHORTEST_WAIT if ms == before else 0.0
            before = ms
            with trio.move_on_after(min(max(ms / 1000, least), LONGEST_WAIT)):
                await session.wait_over()
                raise RealtimeSessionClosed("it was not heard to its end") from session.failure
        return done

    @property
    def status(self) -> Literal["requested", "active", "done", "failed"]:
        """Where it is: asked for, being given, over (as `wait_done` tells), or never to come."""
        if self._done is not None:
            return "done"
        if self._over.is_set():
            return "failed"
        return "requested" if self.response_id is None else "active"

    @property
    def usage(self) -> Usage | None:
        """The tokens it took, once it is done."""
        return None if self._done is None else self._done.usage

    def end(self, done: RealtimeResponseDone, output: tuple[RealtimeItem, ...]) -> None:
        """For `Responses`: note that it is over, and wake up whoever waits."""
        self._done, self.output = done, output
        self._over.set()

    def fail(self, failure: BaseException | None) -> None:
        """For `Responses`: note that it will never come, and wake up whoever waits."""
        self._failure = failure
        self._over.set()


@attrs.define(eq=False, repr=False)
class Responses:
    """The responses of one session that the application may wait for."""

    core: SessionCore
    _over: bool = False
    _waiting: Sleepers | None = None
    """Tasks that wait for the end of the session."""
    failure: BaseException | None = None
    """The failure of the session, once it is over, if it failed."""
    _asked: dict[str, RealtimeResponse] = attrs.field(factory=dict[str, RealtimeResponse])
    _active: dict[str, RealtimeResponse] = attrs.field(factory=dict[str, RealtimeResponse])
    _count: int = 0

    async def ask(self, options: ResponseOptions, *, out_of_band: bool) -> RealtimeResponse:
        """Ask for a response that can be waited for. Raises as `ModelLink.send`.

        Its metadata has a key of ours, which the server repeats when the response begins; hence
        `UserError` for more than 15 pairs of the caller's.
        """
        pairs = options.metadata or {}
        if len(pairs) > MAX_METADATA:
            raise UserError(f"metadata may have {MAX_METADATA} pairs, not {len(pairs)}")
        self._count += 1
        key = f"response_{self._count}"
        self._asked[key] = response = RealtimeResponse(self)
        options = attrs.evolve(options, metadata={**pairs, RESPONSE_KEY: key})
        request = RealtimeModelCreateResponse(
            options=options, event_id=key, out_of_band=out_of_band
        )
        try:
            await self.core.link.send(request)
        except BaseException:
            self._asked.pop(key, None)  # it was not sent
            raise
        return response

    def started(self, event: model.RealtimeModelTurnStartedEvent) -> None:
        """Note that a response began, if it is one of these."""
        response = self._asked.pop((event.metadata or {}).get(RESPONSE_KEY, ""), None)
        if response is not None and event.response_id is not None:
            response.response_id = event.response_id
            self._active[event.response_id] = response

    def ended(self, done: RealtimeResponseDone, output: tuple[RealtimeItem, ...]) -> None:
        """Note that a response is over, if it is one of these."""
        response = self._active.pop(done.response_id or "", None)
        if response is not None:
            response.end(done, output)

    def refused(self, event: model.RealtimeModelErrorEvent) -> None:
        """Fail the response whose request this error refuses, if there is one."""
        response = self._asked.pop(event.event_id or "", None)
        if response is not None:
            error = event.error
            if not isinstance(error, Exception):
                error = RuntimeError(f"{error.code or error.type}: {error.message}")
            response.fail(error)

    def close(self, failure: BaseException | None) -> None:
        """Fail all responses that are not over, because the session is."""
        for response in (*self._asked.values(), *self._active.values()):
            response.fail(failure)
        self._asked.clear()
        self._active.clear()
        self.failure = failure
        self._over = True
        if self._waiting is not None:
            self._waiting.wake_all()

    async def wait_over(self) -> None:
        """Wait until the session is over."""
        if not self._over:
            self._waiting = self._waiting or Sleepers()
            await self._waiting.sleep()
