"""Which function calls of the model are finished, so that they can be run.

Servers announce a call in up to five events, and not every server sends all of them. The rules:

1. ``response.output_item.done`` with a finished item makes the call final, and it is run at once.
2. An item that is ``incomplete`` (cut by a barge-in or a limit) was never finished, even if
   its arguments happen to be whole JSON. Such a call is never run.
3. A call that only ``response.function_call_arguments.done`` or the output of ``response.done``
   mentions is final when its response has ended as completed, and not before: until then the item
   may still turn out to be incomplete.
4. A call is run once per response, however often it is announced. The next response may use its
   ids again. Two items of one response with one call id are two calls: what to make of that is
   for the session.

`receiving` calls this. Pure.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from ...events import RealtimeModelToolCallEvent
from ..wire.objects import WireItem, WireResponse
from ..wire.server_events import ResponseFunctionCallArgumentsDone
from ..wire.to_items import response_status

_REMEMBERED: Final = 64
"""How many responses have their calls remembered. A server repeats an announcement within a few
responses, if it does at all."""


@attrs.define(eq=False)
class _Written:
    """What is known of a call that the model has not finished."""

    item_id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


@attrs.define(eq=False)
class _CallsOfResponse:
    written: dict[str, _Written] = attrs.field(factory=dict[str, _Written])
    """By item id, or by call id where the server does not say the item."""
    _settled_items: set[str] = attrs.field(factory=set[str])
    """Item ids of the calls that are decided: they were run, or will never be."""
    _settled_calls: dict[str, str | None] = attrs.field(factory=dict[str, str | None])
    """Call ids of the same calls, each with its item id; ``None`` if the server did not give
    one."""

    def settle(self, item: WireItem) -> bool:
        """Mark a call as decided. Returns False if it was decided before."""
        item_id, call_id = item.id or None, item.call_id or None
        if item_id in self._settled_items:
            return False
        if call_id in self._settled_calls and None in (item_id, self._settled_calls[call_id]):
            return False
        if item_id is not None:
            self._settled_items.add(item_id)
        if call_id is not None:
            self._settled_calls[call_id] = item_id
        return True


@attrs.define(eq=False)
class FunctionCalls:
    """The function calls of one connection's responses."""

    _responses: dict[str, _CallsOfResponse] = attrs.field(factory=dict[str, _CallsOfResponse])

    def response_begun(self, response_id: str | None) -> None:
        """Note that a response begins. Some servers give it the id of an earlier one."""
        self._responses.pop(response_id or "", None)

    def begun(self, response_id: str, item: WireItem) -> None:
        """Note that the model has begun to write this call."""
        call = self._written(response_id, item.id, item.call_id)
        if call is not None:
            call.name = item.name or call.name

    def written(self, response_id: str, event: ResponseFunctionCallArgumentsDone) -> None:
        """Note the complete arguments of a call. The call may still turn out to be incomplete."""
        call = self._written(response_id, event.item_id, event.call_id)
        if call is not None:
            call.name = event.name or call.name
            call.arguments = event.arguments

    def finished(self, response_id: str, item: WireItem) -> RealtimeModelToolCallEvent | None:
        """Return the call if this item is finished and was not run before; ``None`` otherwise."""
        if item.status == "in_progress":
            self.begun(response_id, item)
            return None
        calls = self._of(response_id)
        if not calls.settle(item) or item.status == "incomplete":
            return None
        return RealtimeModelToolCallEvent(
            name=item.name or self._name(calls, item),
            call_id=item.call_id or item.id or "",
            arguments=item.arguments or "",
            id=item.id,
            response_id=response_id,
        )

    def ended(
        self, response_id: str, response: WireResponse
    ) -> Iterator[RealtimeModelToolCallEvent]:
        """Return the calls that are final because their response has ended (rule 3)."""
        items = [item for item in response.output or () if item.type == "function_call"]
        if response_status(response.status) != "completed" or not (
            items or response_id in self._responses
        ):
            self._forget_written(response_id)
            return
        for item in items:
            call = self.finished(response_id, item)
            if call is not None:
                yield call
        for written in list(self._of(response_id).written.values()):
            if written.name and written.arguments is not None:
                call = self.finished(
                    response_id,
                    WireItem(
                        type="function_call",
                        id=written.item_id,
                        call_id=written.call_id,
                        name=written.name,
                        arguments=written.arguments,
                    ),
                )
                if call is not None:
                    yield call
        self._forget_written(response_id)

    def _forget_written(self, response_id: str) -> None:
        calls = self._responses.get(response_id)
        if calls is not None:
            calls.written.clear()

    def _of(self, response_id: str) -> _CallsOfResponse:
        calls = self._responses.get(response_id)
        if calls is None:
            calls = self._responses[response_id] = _CallsOfResponse()
            if len(self._responses) > _REMEMBERED:
                del self._responses[next(iter(self._responses))]
        return calls

    def _written(
        self, response_id: str, item_id: str | None, call_id: str | None
    ) -> _Written | None:
        """Return the entry of the call with these ids, made if it is new; ``None`` if there is no
        id."""
        key = item_id or call_id
        if not key:
            return None
        call = self._of(response_id).written.setdefault(key, _Written())
        call.item_id = item_id or call.item_id
        call.call_id = call_id or call.call_id
        return call

    @staticmethod
    def _name(calls: _CallsOfResponse, item: WireItem) -> str:
        """Return the name that the beginning of the call gave; empty if it gave none."""
        call = calls.written.get(item.id or item.call_id or "")
        return (call.name if call is not None else None) or ""
