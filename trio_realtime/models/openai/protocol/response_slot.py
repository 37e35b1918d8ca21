"""The conversation's one slot for a response: the owner of ``response.create`` and
``response.cancel``.

Rules, from the behaviour of the GA API:

1. At most one response of the conversation is active. Asking for another is refused with
   ``conversation_already_has_active_response``; no user of this library ever sees that error.
2. Automatic requests (a message, tool outputs) that pile up while a response is active become one
   request. Manual ones (`create_response`, raw) never merge; the order of requests is kept.
3. A ``response.create`` that the server refuses frees the slot; an unrelated error does not. An
   error that names no event is about the create in flight, unless its words are about something
   else. (If it was not, the response begins all the same, and takes the slot again.)
4. One refused because a response was active already (the server's turn detection was quicker) is
   kept, and sent again when that response is over.
5. A request made while a cancel is in flight waits for ``response.done``. A cancel of ours that
   comes too late is refused with ``response_cancel_not_active``; no user sees that error either.
6. When ``response.created`` never comes, the slot is freed after a time limit and the request is
   reported as lost.
7. When nothing more is heard of an active response, it counts as over after a longer time limit:
   it is cancelled in case it goes on somewhere, reported as silent, and the slot is freed. Every
   event of the response begins the limit anew, so that long answers live.

Out-of-band responses (``conversation="none"``) take no slot and pass by this module.

The machine holds no clock and sends nothing: each step returns what to send. `receiving` and
`outbox` call it.

::

                       request                 created
          ┌──────┐ ──────────────► ┌───────────┐ ─────────► ┌────────┐   cancel    ┌────────────┐
          │ IDLE │                 │ REQUESTED │            │ ACTIVE │ ──────────► │ CANCELLING │
          └──────┘ ◄────────────── └───────────┘            └────────┘             └────────────┘
              ▲      refused, expired                           │ done, expired         │ same
              └─────────────────────────────────────────────────┴───────────────────────┘
                               (the next request, if one waits, is sent at once)
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from .turn_commands import (
    CreateRequest,
    ReportLost,
    ReportSilent,
    SendCancel,
    SendCreate,
    TurnCommand,
    TurnEvent,
    TurnState,
)

CREATE_TIMEOUT = 30.0
"""Seconds until a ``response.create`` that nothing answers counts as lost."""

SILENCES = 2
"""An active response may be silent for this many times that limit. Models think before they speak,
and giving up on one that still works costs more than waiting for one that does not."""

REMEMBERED_CANCELS = 16
"""Far more than can be on their way at one time."""


@attrs.define(eq=False, kw_only=True)
class _Step:
    """One event with what came with it."""

    event: TurnEvent
    now: float
    response_id: str | None = None
    request: CreateRequest | None = None
    event_id: str | None = None


@attrs.define(eq=False)
class ResponseTurns:
    """The state of one connection's turns."""

    timeout: float | None = CREATE_TIMEOUT
    """Seconds until a request that nothing answers counts as lost; ``None``: never."""
    state: TurnState = TurnState.IDLE
    active_response_id: str | None = None
    """The active response; ``None`` when there is none or its id is not known."""
    heard_at: float = 0.0
    """When the last event of the active response came. The receiver of an event sets it, because a
    call for each delta would cost more."""
    deadline: float | None = None
    """When to call `expire`, on the clock of the ``now`` arguments."""
    _sent: CreateRequest | None = None
    """The last create that was sent, until its slot is free: its refusal may come late."""
    _begun: bool = False
    """Whether the active response was seen to begin."""
    _cancel_when_created: bool = False
    _cancels: list[str] = attrs.field(factory=list[str])
    """Event ids of our last cancels. Their refusals come after ``response.done``."""
    _cancel_event_id: str | None = None
    """The cancel in flight."""
    _waiting: deque[CreateRequest] = attrs.field(factory=deque[CreateRequest])
    _automatic_waits: bool = False
    """Whether one of those that wait is automatic."""
    _count: int = 0

    @property
    def waiting(self) -> int:
        """How many requests wait for the slot."""
        return len(self._waiting)

    @property
    def requested(self) -> str | None:
        """The event id of the create that was sent and has not been answered."""
        if self.state is not TurnState.REQUESTED or self._sent is None:
            return None
        return self._sent.event_id

    # -- from the client ------------------------------------------------------------
    def request(
        self,
        *,
        now: float,
        automatic: bool = True,
        params: Mapping[str, Any] | None = None,
        event_id: str | None = None,
    ) -> list[TurnCommand]:
        """Ask for a response. ``event_id`` is the caller's own, from a raw message."""
        request = CreateRequest(
            event_id=event_id or self._new_event_id(), automatic=automatic, params=params
        )
        return self._step(_Step(event=TurnEvent.REQUEST, now=now, request=request))

    def cancel(
        self, *, now: float, response_id: str | None = None, event_id: str | None = None
    ) -> list[TurnCommand]:
        """Cancel the active (or requested) response; if an id is given, only that response.

        ``event_id`` is the caller's own, from a raw message; its refusal is the caller's too.
        """
        return self._step(
            _Step(event=TurnEvent.CANCEL, now=now, response_id=response_id, event_id=event_id)
        )

    # -- from the server ----------------------------------------------------
    def created(self, response_id: str | None, *, now: float) -> list[TurnCommand]:
        """A response of the conversation began, whoever asked for it."""
        return self._step(_Step(event=TurnEvent.CREATED, now=now, response_id=response_id))

    def done(self, response_id: str | None, *, now: float) -> list[TurnCommand]:
        """A response of the conversation is over."""
        return self._step(_Step(event=TurnEvent.DONE, now=now, response_id=response_id))

    def error(
        self, *, code: str | None, event_id: str | None, now: float
    ) -> tuple[bool, list[TurnCommand]]:
        """An error arrived, about the client event ``event_id``.

        The first result is true if the error is about a frame that the library sent by itself, so
        that nobody has to hear of it.
        """
        about_create = self._sent is not None and event_id == self._sent.event_id
        if code == "conversation_already_has_active_response":
            if event_id is None or about_create:
                return True, self._step(_Step(event=TurnEvent.BUSY, now=now))
            return True, []  # of a request that was given up since
        if code == "response_cancel_not_active":
            ours = event_id in self._cancels or (event_id is None and bool(self._cancels))
            if event_id in {None, self._cancel_event_id}:
                return ours, self._step(_Step(event=TurnEvent.CANCEL_REFUSED, now=now))
            return ours, []
        if about_create:
            return False, self._step(_Step(event=TurnEvent.REFUSED, now=now))
        return False, []

    def expire(self, *, now: float) -> list[TurnCommand]:
        """The clock passed `deadline`; earlier calls change nothing."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._step(_Step(event=TurnEvent.EXPIRED, now=now))

    # -- the machine -------------------------------------------------------------
    def _step(self, step: _Step) -> list[TurnCommand]:
        return TRANSITIONS[self.state, step.event](self, step)

    def _new_event_id(self) -> str:
        self._count += 1
        return f"turn_{self._count}"

    def _send(self, request: CreateRequest, now: float) -> list[TurnCommand]:
        self.state = TurnState.REQUESTED
        self.active_response_id = None
        self.deadline = None if self.timeout is None else now + self.timeout
        self._sent = request
        self._cancel_when_created = False
        self._cancel_event_id = None
        return [SendCreate(request=request)]

    def _listen(self, now: float, *, begun: bool) -> None:
        """Begin the time limit of rule 7; ``begun`` says whether the response was seen to begin."""
        self.heard_at = now
        self._begun = begun
        self.deadline = None if self.timeout is None else now + SILENCES * self.timeout

    def _send_cancel(
        self, event_id: str | None, response_id: str | None = None
    ) -> list[TurnCommand]:
        self.state = TurnState.CANCELLING
        if event_id is None:
            event_id = self._new_event_id()
            self._cancels.append(event_id)
            del self._cancels[:-REMEMBERED_CANCELS]
        self._cancel_event_id = event_id
        return [SendCancel(response_id=response_id or self.active_response_id, event_id=event_id)]

    def _free(self, now: float) -> list[TurnCommand]:
        """The slot is free: send the first request that waits, if there is one."""
        if self._waiting:
            request = self._waiting.popleft()
            self._automatic_waits &= not request.automatic
            return self._send(request, now)
        self.state = TurnState.IDLE
        self.active_response_id = None
        self.deadline = None
        self._sent = None
        self._cancel_when_created = False
        self._cancel_event_id = None
        return []


Action: TypeAlias = Callable[[ResponseTurns, _Step], list[TurnCommand]]

# pyright: reportPrivateUsage=false
# The actions below are the machine's own.


def _nothing(_turns: ResponseTurns, _step: _Step) -> list[TurnCommand]:
    return []


def _send_request(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    assert step.request is not None
    return turns._send(step.request, step.now)


def _queue_request(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Rule 2: one automatic request waits at most; manual ones queue."""
    assert step.request is not None
    if not (step.request.automatic and turns._automatic_waits):
        turns._waiting.append(step.request)
        turns._automatic_waits |= step.request.automatic
    return []


def _begin(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    turns.state = TurnState.ACTIVE
    turns.active_response_id = step.response_id
    turns._listen(step.now, begun=True)
    if turns._cancel_when_created:
        turns._cancel_when_created = False
        return turns._send_cancel(None)
    return []


def _begin_another(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """A second response began before the first's end was seen: the newest holds the slot."""
    turns.active_response_id = step.response_id
    turns._listen(step.now, begun=True)
    turns.state = TurnState.ACTIVE
    return []


def _end(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Only the end of the active response frees the slot. If either response id is missing, the
    ids count as equal."""
    known = turns.active_response_id is not None and step.response_id is not None
    if known and turns.active_response_id != step.response_id:
        return []
    return turns._free(step.now)


def _over(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """The server says that nothing is active: it refused the create (rule 3), or ended the response
    without our seeing it."""
    return turns._free(step.now)


def _keep_for_later(turns: ResponseTurns) -> None:
    """Rule 4: the request that was sent goes back to the head of the queue. An automatic one
    replaces the automatic one that waits there."""
    sent, turns._sent = turns._sent, None
    if sent is None:
        return
    if sent.automatic and turns._automatic_waits:
        turns._waiting = deque(waiting for waiting in turns._waiting if not waiting.automatic)
    turns._waiting.appendleft(sent)
    turns._automatic_waits |= sent.automatic


def _busy(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Another response holds the slot, and we have not seen it begin (or never will)."""
    turns.state = TurnState.ACTIVE
    turns.active_response_id = None
    # Its end may have been missed as well; the limit keeps the queue from waiting for ever.
    turns._listen(step.now, begun=False)
    if turns._cancel_when_created:
        # The application cancelled the request and what was being said. The request is dropped; the
        # response that is active gets a cancel.
        turns._cancel_when_created = False
        sent, turns._sent = turns._sent, None
        dropped = (
            [] if sent is None or sent.automatic else [ReportLost(request=sent, cancelled=True)]
        )
        return [*dropped, *turns._send_cancel(None)]
    _keep_for_later(turns)
    return []


def _busy_while_active(turns: ResponseTurns, _step: _Step) -> list[TurnCommand]:
    """The response taken for ours was the server's own."""
    _keep_for_later(turns)
    return []


def _cancel_later(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Nothing to cancel by id yet: the response gets its cancel as soon as it has one."""
    if step.response_id is None:
        turns._cancel_when_created = True
    return []


def _cancel_now(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Cancel the active response, or the one named: if the id of the active one is not known, it
    may be that one, and the server decides."""
    known = turns.active_response_id is not None and step.response_id is not None
    if known and turns.active_response_id != step.response_id:
        return []
    return turns._send_cancel(step.event_id, step.response_id)


def _lost(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Rule 6."""
    sent = turns._sent
    assert sent is not None
    return [ReportLost(request=sent), *turns._free(step.now)]


def _refused_while_active(turns: ResponseTurns, _step: _Step) -> list[TurnCommand]:
    """Our request was refused, and the active response is another one, which stays active."""
    turns._sent = None
    return []


def _silent(turns: ResponseTurns, step: _Step) -> list[TurnCommand]:
    """Rule 7. A response that was never seen to begin is not reported."""
    heard_since = turns.heard_at + SILENCES * (turns.timeout or 0.0)
    if heard_since > step.now:
        turns.deadline = heard_since
        return []
    cancel = turns._send_cancel(None) if turns.state is TurnState.ACTIVE else []
    silent = [ReportSilent(response_id=turns.active_response_id)] if turns._begun else []
    return [*cancel, *silent, *turns._free(step.now)]


_IDLE, _REQUESTED = TurnState.IDLE, TurnState.REQUESTED
_ACTIVE, _CANCELLING = TurnState.ACTIVE, TurnState.CANCELLING

TRANSITIONS: dict[tuple[TurnState, TurnEvent], Action] = {
    (_IDLE, TurnEvent.REQUEST): _send_request,
    (_IDLE, TurnEvent.CANCEL): _nothing,
    (_IDLE, TurnEvent.CREATED): _begin,  # the server's turn detection asked for it
    (_IDLE, TurnEvent.DONE): _nothing,
    (_IDLE, TurnEvent.REFUSED): _nothing,
    (_IDLE, TurnEvent.BUSY): _busy,
    (_IDLE, TurnEvent.CANCEL_REFUSED): _nothing,
    (_IDLE, TurnEvent.EXPIRED): _nothing,
    (_REQUESTED, TurnEvent.REQUEST): _queue_request,
    (_REQUESTED, TurnEvent.CANCEL): _cancel_later,
    (_REQUESTED, TurnEvent.CREATED): _begin,
    (_REQUESTED, TurnEvent.DONE): _nothing,  # an older one's; ours has not begun
    (_REQUESTED, TurnEvent.REFUSED): _over,
    (_REQUESTED, TurnEvent.BUSY): _busy,
    (_REQUESTED, TurnEvent.CANCEL_REFUSED): _nothing,
    (_REQUESTED, TurnEvent.EXPIRED): _lost,
    (_ACTIVE, TurnEvent.REQUEST): _queue_request,
    (_ACTIVE, TurnEvent.CANCEL): _cancel_now,
    (_ACTIVE, TurnEvent.CREATED): _begin_another,
    (_ACTIVE, TurnEvent.DONE): _end,
    (_ACTIVE, TurnEvent.REFUSED): _refused_while_active,
    (_ACTIVE, TurnEvent.BUSY): _busy_while_active,
    (_ACTIVE, TurnEvent.CANCEL_REFUSED): _nothing,
    (_ACTIVE, TurnEvent.EXPIRED): _silent,
    (_CANCELLING, TurnEvent.REQUEST): _queue_request,
    (_CANCELLING, TurnEvent.CANCEL): _nothing,
    (_CANCELLING, TurnEvent.CREATED): _begin_another,
    (_CANCELLING, TurnEvent.DONE): _end,
    (_CANCELLING, TurnEvent.REFUSED): _refused_while_active,
    (_CANCELLING, TurnEvent.BUSY): _busy_while_active,
    (_CANCELLING, TurnEvent.CANCEL_REFUSED): _over,  # it was over before the cancel came
    (_CANCELLING, TurnEvent.EXPIRED): _silent,
}
