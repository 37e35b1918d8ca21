"""Answering tool calls: the one output of each, sent to the model and told to the application.

The ledger decides whether an output may be sent and whether a response is asked for with it.
"""

from typing import Any

import attrs
import trio

from ...agents.tools import FunctionTool
from ...errors import RealtimeConnectionError, RealtimeSessionClosed
from ...events import RealtimeOutputLost, RealtimeToolEnd
from ...models.inputs import RealtimeModelSendToolOutput
from ..core.hook_calls import HookCalls
from ..core.session_core import SessionCore
from .call_ledger import CallLedger, ToolCall
from .running import Outcome, tool_context


@attrs.frozen(eq=False, repr=False)
class Answers:
    """Sends the outputs of one session's tool calls."""

    _core: SessionCore
    _hooks: HookCalls
    _ledger: CallLedger

    async def answer(
        self, call: ToolCall, outcome: Outcome, tool: FunctionTool[Any] | None
    ) -> None:
        """Send the output of a call, unless it has one, and tell the application of it.

        ``tool`` is ``None`` for calls that have none: handoffs, and calls of unknown tools. Raises
        what a hook raises.
        """
        core, event = self._core, call.event
        start = self._ledger.answer(call, wants_response=tool is None or tool.respond)
        if start is None:
            return
        # Nobody is there any more to hear a response once the session closes.
        await self._send(call, outcome.text, start and not core.close_deadline.closing)
        if tool is not None:
            agent = call.bound.agent
            core.events.put(
                RealtimeToolEnd(
                    agent=agent,
                    tool=tool,
                    arguments=event.arguments,
                    output=outcome.value,
                    call_id=event.call_id,
                    info=core.info,
                )
            )
            context = tool_context(core, call, tool)
            await self._hooks.tool_ended(context, agent, tool, outcome.text)

    async def give_up(self, call: ToolCall, text: str) -> None:
        """Send this as the output of a call whose task is over, unless it has one."""
        if self._ledger.answer(call, wants_response=False) is not None:
            await self._send(call, text, False)

    async def _send(self, call: ToolCall, text: str, start_response: bool) -> None:
        """Send an output and put it into the history.

        Even if the call's task is cancelled, since the call counts as answered already. Waits as
        long as the connection makes it wait; while the session closes, until the deadline that all
        outputs share. One that could not be sent is reported as `RealtimeOutputLost`, and the
        history does not have it.
        """
        core, event = self._core, call.event
        try:
            with core.close_deadline.shield() as time_limit:
                await core.link.send(
                    RealtimeModelSendToolOutput(
                        tool_call=event, output=text, start_response=start_response
                    )
                )
                # Let it be written before the application and the history are told of it.
                await trio.lowlevel.cancel_shielded_checkpoint()
            lost = time_limit.cancelled_caught
        except (RealtimeConnectionError, RealtimeSessionClosed):
            lost = True
        if lost:
            core.events.put(
                RealtimeOutputLost(call_id=event.call_id, tool_name=event.name, info=core.info)
            )
        else:
            core.tell_history(core.history.tool_output(event.call_id, text, item_id=event.id))
