"""Sending the outputs of tool calls to the model, and telling the application of them.

`CallLedger.answer` decides whether an output may be sent (a call has one) and whether a response is
asked for with it.
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
        """Send the output of a call and tell the application; nothing if one was sent before.

        ``tool`` is ``None`` for a handoff and for a call of an unknown tool. Raises what a hook
        raises.
        """
        core, event = self._core, call.event
        start = self._ledger.answer(call, wants_response=tool is None or tool.respond)
        if start is None:
            return
        # While the session closes nobody would hear the response.
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
        """Send this text as the output of a call whose tool will not return.

        Nothing is sent if the call has an output, and no response is asked for.
        """
        if self._ledger.answer(call, wants_response=False) is not None:
            await self._send(call, text, False)

    async def _send(self, call: ToolCall, text: str, start_response: bool) -> None:
        """Send an output and put it into the history.

        A cancellation of the task does not stop this, because the call counts as answered already.
        It waits as long as the connection makes it wait, but not beyond the deadline of a session
        that closes, which all outputs share. If the output could not be sent, the application is
        told by `RealtimeOutputLost`, and the history does not show it.
        """
        core, event = self._core, call.event
        try:
            with core.close_deadline.shield() as time_limit:
                await core.link.send(
                    RealtimeModelSendToolOutput(
                        tool_call=event, output=text, start_response=start_response
                    )
                )
                # The frame is written before the application and the history are told of it.
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
