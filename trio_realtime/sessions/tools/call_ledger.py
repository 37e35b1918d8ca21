"""The tool calls of a session, one entry each: where a call is, and whether it has been answered.

Pure: the tool task, the approvals and the session ask it, and it never waits. Each call is answered
exactly once, whatever happens to it. The answer that completes the calls of a response asks for the
follow-up response, so that parallel calls cause one and not several.

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

A call that waits for an approval leaves its response's group: the others' follow-up response must
not wait for a human. It asks for one of its own when it is answered.
"""

import enum
from collections.abc import Callable

import attrs

from ...models.events import RealtimeModelToolCallEvent
from ..core.bound_agent import BoundAgent


class CallState(enum.Enum):
    """Where one call is."""

    RUNNING = "running"
    """It is being served, or is about to be."""
    WAITING = "waiting"
    """Somebody has to approve it first."""
    ANSWERED = "answered"


class Misfit(enum.Enum):
    """Why a call that comes in is not served."""

    DUPLICATE = "duplicate"
    """It is a call that was entered before, announced once more."""
    REUSED = "reused"
    """It has the id of another call that can still be answered, or that its response made."""
    NAMELESS = "nameless"
    """It has no id, so nothing can be sent back under it."""


@attrs.define(eq=False, repr=False)
class _Group:
    """The calls of one response that share its follow-up."""

    open: bool = True
    unanswered: int = 0
    wants_response: bool = False


@attrs.define(eq=False, repr=False)
class ToolCall:
    """One call and all that is known of it. Made by `CallLedger.called`."""

    event: RealtimeModelToolCallEvent
    bound: BoundAgent
    """The agent that made the call, with its tools as they were then."""
    state: CallState = CallState.RUNNING
    approved: bool = False
    """Whether somebody has approved it, so that nobody is asked again."""
    interrupted: bool = False
    """Whether the response that made it was interrupted while the call was running."""
    stop: Callable[[], None] | None = None
    """Cancels the tool. Set while a tool runs that was declared with ``on_interrupt="cancel"``."""
    group: _Group | None = None
    """For the ledger: the calls whose follow-up response it shares."""

    def interrupt(self) -> None:
        """Note that the call is interrupted, and cancel its tool if it wants that."""
        self.interrupted = True
        if self.stop is not None:
            self.stop()


@attrs.define(eq=False, repr=False)
class CallLedger:
    """All tool calls of one session."""

    _calls: dict[str, ToolCall] = attrs.field(factory=dict[str, ToolCall])
    """The latest call of each call id."""
    _unanswered: dict[ToolCall, None] = attrs.field(factory=dict[ToolCall, None])
    """In the order in which they came."""
    _groups: dict[str, _Group] = attrs.field(factory=dict[str, _Group])
    """By response id, those whose follow-up has not been asked for."""
    _ended: set[str] = attrs.field(factory=set[str])
    """Responses that are over. A late call of theirs has no group to wait for."""
    _interrupted: set[str] = attrs.field(factory=set[str])
    """Responses that were interrupted. A late call of theirs is interrupted as it comes."""

    def called(self, event: RealtimeModelToolCallEvent, bound: BoundAgent) -> ToolCall | Misfit:
        """Enter a call of this agent; returns its entry, or why it is not to be served."""
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
        if response_id and (response_id in self._groups or response_id not in self._ended):
            call.group = self._groups.setdefault(response_id, _Group())
            call.group.unanswered += 1
        return call

    def waiting(self, call_id: str) -> ToolCall | None:
        """The call with this id, if it waits for an approval."""
        call = self._calls.get(call_id)
        return None if call is None or call.state is not CallState.WAITING else call

    def wait_for_approval(self, call: ToolCall) -> bool:
        """A running call has to be approved first. True: ask for the others' follow-up now."""
        assert call.state is CallState.RUNNING
        call.state = CallState.WAITING
        group, call.group = call.group, None
        if group is None:
            return False
        group.unanswered -= 1
        return self._is_due(call, group)

    def decided(self, call: ToolCall, *, approved: bool) -> None:
        """A waiting call is approved or refused; in both cases it will be served now."""
        assert call.state is CallState.WAITING
        call.state = CallState.RUNNING
        call.approved = approved

    def answer(self, call: ToolCall, *, wants_response: bool) -> bool | None:
        """Answer a call, now and for ever.

        Returns ``None`` when it has been answered already: send nothing. Otherwise whether to ask
        for a response with it.
        """
        if call.state is CallState.ANSWERED:
            return None
        call.state = CallState.ANSWERED
        del self._unanswered[call]
        if call.group is None:
            return wants_response
        call.group.wants_response |= wants_response
        call.group.unanswered -= 1
        return self._is_due(call, call.group)

    def response_ended(self, response_id: str | None) -> bool:
        """A response is over and will make no more calls. True: ask for the follow-up now."""
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
        for call in self.unanswered():
            if call.state is CallState.RUNNING:
                call.interrupt()

    def interrupt_response(self, response_id: str) -> None:
        """Interrupt the running calls that this response has made, and those it still makes."""
        self._interrupted.add(response_id)
        for call in self.unanswered():
            if call.state is CallState.RUNNING and call.event.response_id == response_id:
                call.interrupt()

    def count(self, state: CallState) -> int:
        """How many calls without an answer are in this state."""
        return sum(call.state is state for call in self._unanswered)

    def unanswered(self) -> tuple[ToolCall, ...]:
        """The calls without an answer, in the order in which they came."""
        return tuple(self._unanswered)

    def _is_due(self, call: ToolCall, group: _Group) -> bool:
        return self._close(call.event.response_id or "", group)

    def _close(self, response_id: str, group: _Group) -> bool:
        """Forget a group that is complete; True if its follow-up is to be asked for."""
        if group.open or group.unanswered:
            return False
        del self._groups[response_id]
        return group.wants_response


def _misfit(known: ToolCall, event: RealtimeModelToolCallEvent) -> Misfit | None:
    """Why a call under a known id is not to be served; ``None`` if it is a new one all the same.

    Some servers number the calls of each response anew, so an id may come again in a later
    response, once the earlier call has been answered.
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
