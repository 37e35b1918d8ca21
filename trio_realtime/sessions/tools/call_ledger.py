"""One output per call, always: which tool calls there are, and which have been answered.

Pure: the tool task and the session ask it, and it never waits. Each call id is answered exactly
once, whatever happens to the call; the answer that completes a response's calls asks for the
follow-up response, so that parallel calls cause one and not several.

::

                      ┌─────────────┐   approved   ┌─────────┐
        called ─────► │   running   │ ◄─────────── │ waiting │
                      └─────────────┘ ───────────► └─────────┘
                             │       needs approval     │
                             │ answer                   │ answer (rejected, too late, closing)
                             ▼                          ▼
                      ┌──────────────────────────────────┐
                      │             answered             │
                      └──────────────────────────────────┘

A call that waits for an approval leaves its response's group: the others' follow-up response must
not wait for a human. It asks for one of its own when it is answered.
"""

import enum

import attrs

from ...models.events import RealtimeModelToolCallEvent


class CallState(enum.Enum):
    """Where one call is."""

    RUNNING = "running"
    WAITING = "waiting"
    ANSWERED = "answered"


class Verdict(enum.Enum):
    """What a call that comes in is."""

    NEW = "new"
    """Serve it."""
    DUPLICATE = "duplicate"
    """The same call once more: served already, or being served."""
    REUSED = "reused"
    """Another call under an id that was used: the model made a mistake."""
    NAMELESS = "nameless"
    """A call without an id: nothing can be sent back under it."""


@attrs.define(eq=False, repr=False)
class _Call:
    name: str
    arguments: str
    response_id: str
    state: CallState = CallState.RUNNING
    grouped: bool = attrs.field(kw_only=True)


@attrs.define(eq=False, repr=False)
class _Group:
    """The calls of one response."""

    open: bool = True
    unanswered: int = 0
    wants_response: bool = False


@attrs.define(eq=False, repr=False)
class ToolLedger:
    """All tool calls of one session."""

    _calls: dict[str, _Call] = attrs.field(factory=dict[str, _Call])
    _groups: dict[str, _Group] = attrs.field(factory=dict[str, _Group])
    _ended: set[str] = attrs.field(factory=set[str])
    """Responses that are over. A call of theirs that comes late has no group to wait for."""

    def called(self, call: RealtimeModelToolCallEvent) -> Verdict:
        """Enter a call."""
        if not call.call_id:
            return Verdict.NAMELESS
        known = self._calls.get(call.call_id)
        if known is not None:
            same = (known.name, known.arguments) == (call.name, call.arguments)
            return Verdict.DUPLICATE if same else Verdict.REUSED
        response_id = call.response_id or ""
        grouped = bool(response_id) and (
            response_id in self._groups or response_id not in self._ended
        )
        self._calls[call.call_id] = _Call(call.name, call.arguments, response_id, grouped=grouped)
        if grouped:
            self._groups.setdefault(response_id, _Group()).unanswered += 1
        return Verdict.NEW

    def state(self, call_id: str) -> CallState | None:
        """Where a call is; ``None`` when there is no such call."""
        call = self._calls.get(call_id)
        return None if call is None else call.state

    def wait_for_approval(self, call_id: str) -> bool:
        """A running call has to be approved first. True: ask for the others' follow-up now."""
        call = self._calls[call_id]
        assert call.state is CallState.RUNNING
        call.state = CallState.WAITING
        if not call.grouped:
            return False
        call.grouped = False
        self._groups[call.response_id].unanswered -= 1
        return self._is_due(call.response_id)

    def approved(self, call_id: str) -> None:
        """A waiting call goes on."""
        call = self._calls[call_id]
        assert call.state is CallState.WAITING
        call.state = CallState.RUNNING

    def answer(self, call_id: str, *, wants_response: bool) -> bool | None:
        """Answer a call, now and for ever.

        Returns ``None`` when it has been answered already: send nothing. Otherwise whether to ask
        for a response with it.
        """
        call = self._calls[call_id]
        if call.state is CallState.ANSWERED:
            return None
        call.state = CallState.ANSWERED
        if not call.grouped:
            return wants_response
        group = self._groups[call.response_id]
        group.wants_response |= wants_response
        group.unanswered -= 1
        return self._is_due(call.response_id)

    def response_ended(self, response_id: str | None) -> bool:
        """A response is over and will make no more calls. True: ask for the follow-up now."""
        if not response_id:
            return False
        self._ended.add(response_id)
        group = self._groups.get(response_id)
        if group is None:
            return False
        group.open = False
        return self._is_due(response_id)

    def count(self, state: CallState) -> int:
        """How many calls are in this state."""
        return sum(call.state is state for call in self._calls.values())

    def unanswered(self) -> list[str]:
        """The ids of calls without an answer, in order."""
        return [i for i, call in self._calls.items() if call.state is not CallState.ANSWERED]

    def _is_due(self, response_id: str) -> bool:
        group = self._groups[response_id]
        if group.open or group.unanswered:
            return False
        del self._groups[response_id]
        return group.wants_response
