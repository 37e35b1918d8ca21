"""The tool calls of a session, one entry each: its state, and whether its output was sent.

Pure. Each call is answered exactly once. The model may make several calls in one response; the last
of them to be answered asks for the next response, so that they cause one response and not several.

::

                      ┌─────────────┐   decided    ┌─────────┐
        called ─────► │   running   │ ◄─────────── │ waiting │
                      └─────────────┘ ───────────► └─────────┘
                             │       needs approval     │
                             │ answer                   │ answer (the session closes)
                             ▼                          ▼
                      ┌──────────────────────────────────┐
                      │             answered             │
                      └──────────────────────────────────┘

A call that waits for an approval no longer counts among the calls of its response, since the model
must go on with the outputs of the others. It asks for a response of its own when it is answered.
"""

import enum
from collections.abc import Callable

import attrs

from ...models.events import RealtimeModelToolCallEvent
from ..core.bound_agent import BoundAgent


class CallState(enum.Enum):
    """The state of one call."""

    RUNNING = "running"
    """It is being served, or will be at once."""
    WAITING = "waiting"
    """It waits for an approval."""
    ANSWERED = "answered"
    """Its output has been sent, or is being sent."""


class Misfit(enum.Enum):
    """Why a call that comes in is not served."""

    DUPLICATE = "duplicate"
    """The server announced a call a second time."""
    REUSED = "reused"
    """Another call has this id, and is unanswered or of the same response."""
    NAMELESS = "nameless"
    """It has no call id, so no output can be sent for it."""


@attrs.define(eq=False, repr=False)
class _Group:
    """The calls of one response, after which the session asks for one more response."""

    open: bool = True
    """Whether the response may still make calls."""
    unanswered: int = 0
    """How many of its calls have no answer."""
    wants_response: bool = False
    """Whether any of its tools was declared to be followed by a response, as tools are."""


@attrs.define(eq=False, repr=False)
class ToolCall:
    """One call. Made by `CallLedger.called`."""

    event: RealtimeModelToolCallEvent
    bound: BoundAgent
    """The agent that made the call, with its tools as they were then."""
    state: CallState = CallState.RUNNING
    approved: bool = False
    """Whether it was approved, so that no approval is asked for again."""
    interrupted: bool = False
    """Whether the response that made it was interrupted while the call was running."""
    stop: Callable[[], None] | None = None
    """Cancels the tool. Set while a tool runs that was declared with ``on_interrupt="cancel"``."""
    group: _Group | None = None
    """For the ledger: the group in which it counts as unanswered, if it does."""

    def interrupt(self) -> None:
        """Note the interruption, and cancel a tool declared with ``on_interrupt="cancel"``."""
        self.interrupted = True
        if self.stop is not None:
            self.stop()


@attrs.define(eq=False, repr=False)
class CallLedger:
    """All tool calls of one session."""

    _calls: dict[str, ToolCall] = attrs.field(factory=dict[str, ToolCall])
    """The latest call of each call id."""
    _unanswered: dict[ToolCall, None] = attrs.field(factory=dict[ToolCall, None])
    """The calls without an answer, in the order in which they were made. (An ordered set.)"""
    _groups: dict[str, _Group] = attrs.field(factory=dict[str, _Group])
    """By response id, the groups for which no further response has been asked for."""
    _ended: set[str] = attrs.field(factory=set[str])
    """Ids of responses that are over. A call of one that arrives later asks for its own."""
    _interrupted: set[str] = attrs.field(factory=set[str])
    """Ids of responses that were interrupted. A call of one that arrives later is interrupted."""
    _running: dict[str, dict[ToolCall, None]] = attrs.field(factory=dict[str, dict[ToolCall, None]])
    """By response id, the running calls that were not interrupted; in the order of arrival."""
    _waiting: int = 0
    """How many calls wait for an approval."""

    def called(self, event: RealtimeModelToolCallEvent, bound: BoundAgent) -> ToolCall | Misfit:
        """Add a call that this agent made. Returns its entry, or why it must not be served."""
        if not event.call_id:
            return Misfit.NAMELESS
        known = self._calls.get(event.call_id)
        if known is not None:
            misfit = _misfit(known, event)
            if misfit is not None:
                return misfit
        response_id = event.response_id or ""
        call = ToolCall(event, bound, interrupted=response_id in self._interrupted)
        self._calls[event.call_id] = call
        self._unanswered[call] = None
        self._runs(call)
        if response_id and (response_id in self._groups or response_id not in self._ended):
            call.group = self._groups.setdefault(response_id, _Group())
            call.group.unanswered += 1
        return call

    def waiting(self, call_id: str) -> ToolCall | None:
        """The call with this id, if it waits for an approval."""
        call = self._calls.get(call_id)
        return None if call is None or call.state is not CallState.WAITING else call

    def wait_for_approval(self, call: ToolCall) -> bool:
        """Note that a running call needs an approval.

        Returns True if all other calls of its response are answered: the caller asks for the next
        response.
        """
        assert call.state is CallState.RUNNING
        call.state = CallState.WAITING
        self._waiting += 1
        self._rests(call)
        group, call.group = call.group, None
        if group is None:
            return False
        group.unanswered -= 1
        return self._is_due(call, group)

    def decided(self, call: ToolCall, *, approved: bool) -> None:
        """Note that a waiting call was approved or rejected. The caller serves it in both cases."""
        assert call.state is CallState.WAITING
        call.state = CallState.RUNNING
        call.approved = approved
        self._waiting -= 1
        self._runs(call)

    def answer(self, call: ToolCall, *, wants_response: bool) -> bool | None:
        """Note that a call is answered.

        Returns ``None`` if it was answered before: the caller sends nothing. Otherwise returns
        whether to ask for a response together with the output.
        """
        if call.state is CallState.ANSWERED:
            return None
        self._waiting -= call.state is CallState.WAITING
        call.state = CallState.ANSWERED
        del self._unanswered[call]
        self._rests(call)
        if call.group is None:
            return wants_response
        call.group.wants_response |= wants_response
        call.group.unanswered -= 1
        return self._is_due(call, call.group)

    def response_ended(self, response_id: str | None) -> bool:
        """Note that a response is over and will make no more calls.

        Returns True if the caller has to ask for the next response, because all its calls are
        answered.
        """
        if not response_id:
            return False
        self._ended.add(response_id)
        group = self._groups.get(response_id)
        if group is None:
            return False
        group.open = False
        return self._close(response_id, group)

    def interrupt_all(self) -> None:
        """Interrupt every call that is running."""
        running, self._running = self._running, {}
        for calls in running.values():
            for call in calls:
                call.interrupt()

    def interrupt_response(self, response_id: str) -> None:
        """Interrupt the running calls of this response, and those that it makes later."""
        self._interrupted.add(response_id)
        for call in self._running.pop(response_id, ()):
            call.interrupt()

    def count(self, state: CallState) -> int:
        """How many calls are in this state (``RUNNING`` or ``WAITING``)."""
        running = len(self._unanswered) - self._waiting
        return self._waiting if state is CallState.WAITING else running

    def unanswered(self) -> tuple[ToolCall, ...]:
        """The calls without an answer, in the order in which they came."""
        return tuple(self._unanswered)

    def _runs(self, call: ToolCall) -> None:
        if not call.interrupted:
            self._running.setdefault(call.event.response_id or "", {})[call] = None

    def _rests(self, call: ToolCall) -> None:
        response_id = call.event.response_id or ""
        calls = self._running.get(response_id)
        if calls is not None:
            calls.pop(call, None)
            if not calls:
                del self._running[response_id]

    def _is_due(self, call: ToolCall, group: _Group) -> bool:
        return self._close(call.event.response_id or "", group)

    def _close(self, response_id: str, group: _Group) -> bool:
        """Remove a group that is complete. True if a response is to be asked for."""
        if group.open or group.unanswered:
            return False
        del self._groups[response_id]
        return group.wants_response


def _misfit(known: ToolCall, event: RealtimeModelToolCallEvent) -> Misfit | None:
    """Why a call with a known id is not served; ``None`` if it is served.

    Some servers number the calls of each response from zero. So a later response may use an id
    again, once the earlier call has been answered.
    """
    before = known.event
    same_item = event.id is not None and event.id == before.id
    later = bool(event.response_id and before.response_id) and (
        event.response_id != before.response_id
    )
    if later and not same_item:
        return None if known.state is CallState.ANSWERED else Misfit.REUSED
    same = (before.name, before.arguments) == (event.name, event.arguments)
    return Misfit.DUPLICATE if same else Misfit.REUSED
