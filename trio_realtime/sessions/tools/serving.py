"""The tool task: runs each tool call of the model in a child task, and sends an output for each.

The receive task hands calls over without waiting. The rest is divided: `call_ledger` (pure) knows
which calls there are and which have been answered, `running` runs a tool, `handing_off` switches to
another agent, and `answering` sends the outputs.
"""

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import attrs
import trio

from ..._util.nurseries import StartSoon, open_bare_nursery
from ...agents.tools import FunctionTool
from ...context import ToolContext
from ...errors import (
    ModelBehaviorError,
    RealtimeConnectionError,
    RealtimeSessionClosed,
    UserError,
)
from ...events import RealtimeToolApprovalRequired
from ...models.events import RealtimeModelToolCallEvent
from ...models.inputs import RealtimeModelCreateResponse
from ..core.hook_calls import HookCalls
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from .answering import Answers
from .approvals import Decision, StandingDecisions, ToolErrorFormatterArgs, rejection_text
from .call_ledger import CallLedger, CallState, Misfit, ToolCall
from .handing_off import run_handoff
from .running import Outcome, ToolRunner, failed, input_refusal, text_outcome, tool_context

CANCELLED = "The tool was cancelled."
FAILED = "The tool failed, and the session with it."


class _FollowUp:
    """A piece of work: ask for the response that follows the answered calls of an earlier one."""


_Work: TypeAlias = ToolCall | _FollowUp
_Serve: TypeAlias = Callable[[ToolCall], Awaitable[None]]


@attrs.define(eq=False, repr=False)
class ToolCalls:
    """All tool calls of one session."""

    _core: SessionCore
    _hooks: HookCalls
    _fail: Callable[[Exception], None]
    """Ends the session with this failure."""
    _ledger: CallLedger = attrs.field(factory=CallLedger, init=False)
    _decisions: StandingDecisions = attrs.field(factory=StandingDecisions, init=False)
    _runner: ToolRunner = attrs.field(init=False)
    _answers: Answers = attrs.field(init=False)
    _work: OnDemand[_Work] = attrs.field(init=False)
    _handoffs: deque[ToolCall] = attrs.field(factory=deque[ToolCall], init=False)
    """Calls of handoffs that are not answered. They run one after the other; the first runs now."""
    _idle: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _start_soon: StartSoon = attrs.field(init=False)
    """Starts a child of the task. Set once there has been a call."""

    def __attrs_post_init__(self) -> None:
        self._runner = ToolRunner(self._core, self._hooks)
        self._answers = Answers(self._core, self._hooks, self._ledger)
        self._work = OnDemand(self._core.start_task, self._serve_all)

    # -- for the receive task: no waiting --------------------------------------------
    def called(self, event: RealtimeModelToolCallEvent) -> None:
        """Start serving a call that the model made, or report why it is not served."""
        call = self._ledger.called(event, self._core.bound)
        if isinstance(call, ToolCall):
            self._work.put(call)
        elif call is Misfit.NAMELESS:
            self._core.tell_error(ModelBehaviorError(f"tool {event.name!r} was called without id"))
        elif call is Misfit.REUSED:
            self._core.tell_error(
                ModelBehaviorError(f"tool {event.name!r} was called under an id already used")
            )

    def response_ended(self, response_id: str | None) -> None:
        """Note that a response is over; if all its calls are answered, ask for the next one."""
        if self._ledger.response_ended(response_id):
            self._work.put(_FollowUp())

    def interrupt_all(self) -> None:
        """Cancel the running tools that were declared with ``on_interrupt="cancel"``."""
        self._ledger.interrupt_all()

    def interrupt_response(self, response_id: str) -> None:
        """As `interrupt_all`, for the calls of one response only, later ones of it included."""
        self._ledger.interrupt_response(response_id)

    # -- for the application ---------------------------------------------------------
    def approve(self, call_id: str, *, always: bool) -> None:
        """See `RealtimeSession.approve_tool_call`."""
        call = self._waiting(call_id)
        if always:
            self._decisions.decide(call.event.name, Decision(approved=True))
        self._ledger.decided(call, approved=True)
        self._work.put(call)

    async def rejection(self, call_id: str, message: str | None) -> str:
        """What the model will be told if this call is rejected; see `rejection_text`.

        Decides nothing yet: when this is cancelled or raises, the call waits as before.

        Raises:
            UserError: no such call waits.
        """
        return await self._rejection(self._waiting(call_id), message)

    def reject(self, call_id: str, text: str, *, always: bool, message: str | None) -> None:
        """Answer a waiting call with this text; see `RealtimeSession.reject_tool_call`."""
        call = self._waiting(call_id)
        if always:
            self._decisions.decide(call.event.name, Decision(approved=False, message=message))
        self._refuse(call, text)

    def _waiting(self, call_id: str) -> ToolCall:
        call = self._ledger.waiting(call_id)
        if call is None:
            ids = [repr(each.event.call_id) for each in self._calls_in(CallState.WAITING)]
            known = ", ".join(ids) or "none"
            raise UserError(f"no tool call {call_id!r} waits for approval; waiting: {known}")
        return call

    def _calls_in(self, state: CallState) -> list[ToolCall]:
        return [call for call in self._ledger.unanswered() if call.state is state]

    # -- how it is doing -------------------------------------------------------------
    async def wait_idle(self) -> None:
        """Wait until no call is being served. Calls that wait for an approval do not count."""
        while self.busy:
            await self._idle.park()

    @property
    def busy(self) -> bool:
        """Whether a call is being served. Calls that wait for an approval do not count."""
        return self.running > 0

    @property
    def running(self) -> int:
        """How many calls are being served: their tools run, or wait for their turn."""
        return self._ledger.count(CallState.RUNNING)

    @property
    def waiting_for_approval(self) -> int:
        """How many calls wait for an approval."""
        return self._ledger.count(CallState.WAITING)

    # -- the task --------------------------------------------------------------------
    async def _serve_all(self, works: trio.MemoryReceiveChannel[_Work]) -> None:
        """Serve calls until cancelled; then tell the model that the open ones were cancelled."""
        try:
            async with open_bare_nursery() as start_soon:
                self._start_soon = start_soon
                async for work in works:
                    if isinstance(work, _FollowUp):
                        await self._follow_up()
                    elif not self._core.config.async_tool_calls:
                        await self._see_through(work, self._attempt)
                    elif _is_handoff(work):
                        self._serve_in_order(work)
                    else:
                        start_soon(self._see_through, work, self._attempt)
        finally:
            for call in self._ledger.unanswered():
                await self._answers.give_up(call, CANCELLED)

    async def _follow_up(self) -> None:
        # Where the connection is over, tools that still run are to finish all the same.
        with contextlib.suppress(RealtimeConnectionError, RealtimeSessionClosed):
            await self._core.link.send(RealtimeModelCreateResponse(automatic=True))

    def _serve_in_order(self, handoff: ToolCall) -> None:
        self._handoffs.append(handoff)
        if len(self._handoffs) == 1:
            self._start_soon(self._serve_handoffs)

    async def _serve_handoffs(self) -> None:
        """Serve the calls of handoffs in their order. The first that succeeds changes the agent."""
        while self._handoffs:
            await self._see_through(self._handoffs[0], self._attempt)
            self._handoffs.popleft()

    async def _see_through(self, call: ToolCall, serve: _Serve) -> None:
        """Serve a call and see that it is answered, whatever ``serve`` raises.

        An exception gets here only if it is to end the session, such as that of a hook.
        """
        try:
            await serve(call)
        except Exception as exc:  # noqa: BLE001 - the tool's settings want it raised, or a hook failed
            await self._answers.give_up(call, FAILED)
            self._fail(exc)
        except BaseException:
            await self._answers.give_up(call, CANCELLED)
            raise
        finally:
            self._idle.unpark_all()

    async def _attempt(self, call: ToolCall) -> None:
        name = call.event.name
        tool = call.bound.tools.get(name)
        if tool is not None:
            await self._call_tool(call, tool)
        elif _is_handoff(call):
            text = await run_handoff(self._core, self._hooks, call.bound, call.event)
            await self._answers.answer(call, text_outcome(text), None)
        else:
            text = f"Tool {name} not found"
            await self._answers.answer(call, text_outcome(text), None)
            self._core.tell_error(ModelBehaviorError(text))

    async def _call_tool(self, call: ToolCall, tool: FunctionTool[Any]) -> None:
        context = tool_context(self._core, call, tool)
        outcome = None
        if not call.approved:
            outcome = await self._before_approval(call, tool, context)
        if outcome is None and call.state is CallState.RUNNING:
            outcome = await self._runner.run(call, tool, context)
        if outcome is not None:
            await self._answers.answer(call, outcome, tool)

    # -- approvals -------------------------------------------------------------------
    async def _before_approval(
        self, call: ToolCall, tool: FunctionTool[Any], context: ToolContext[Any]
    ) -> Outcome | None:
        """Ask whether the call needs an approval, and return an outcome if it may not run.

        With ``None`` it may run now if its state is still ``RUNNING``; else it waits for an
        approval.
        """
        name = tool.name
        try:
            if self._decisions.of(name) is None and not await tool.approval_needed(context):
                return None
            # `approve_tool_call` with ``always`` may have been called while the tool was asked.
            if self._decisions.of(name) is None:
                refused = await self._refused_before_approval(call, tool, context)
                if refused is not None:
                    return text_outcome(refused)
        except Exception as exc:  # noqa: BLE001 - asking whether is part of the tool
            return await failed(tool, context, exc)
        decision = self._decisions.of(name)
        if decision is None:
            self._wait_for_approval(call, tool)
            return None
        if decision.approved:
            return None
        return text_outcome(await self._rejection(call, decision.message))

    async def _refused_before_approval(
        self, call: ToolCall, tool: FunctionTool[Any], context: ToolContext[Any]
    ) -> str | None:
        if not self._core.config.tool_execution.pre_approval_tool_input_guardrails:
            return None
        return await input_refusal(tool, context, call.bound.agent)

    def _wait_for_approval(self, call: ToolCall, tool: FunctionTool[Any]) -> None:
        core, event = self._core, call.event
        if self._ledger.wait_for_approval(call):
            self._work.put(_FollowUp())
        core.events.put(
            RealtimeToolApprovalRequired(
                agent=call.bound.agent,
                tool=tool,
                call_id=event.call_id,
                arguments=event.arguments,
                info=core.info,
            )
        )
        limit = core.config.tool_execution.approval_timeout
        if limit is not None:
            self._start_soon(self._expire_approval, call, limit)

    async def _expire_approval(self, call: ToolCall, limit: float) -> None:
        await trio.sleep(limit)
        if call.state is CallState.WAITING:
            self._refuse(call, f"Nobody approved the call within {limit:g} seconds.")

    def _refuse(self, call: ToolCall, text: str) -> None:
        """Answer a waiting call with this text, in a task of its own."""

        async def answer(call: ToolCall) -> None:
            tool = call.bound.tools[call.event.name]
            await self._answers.answer(call, text_outcome(text), tool)

        self._ledger.decided(call, approved=False)
        self._start_soon(self._see_through, call, answer)

    async def _rejection(self, call: ToolCall, message: str | None) -> str:
        return await rejection_text(
            self._core.config.tool_error_formatter,
            message,
            ToolErrorFormatterArgs(
                tool_name=call.event.name,
                call_id=call.event.call_id,
                run_context=self._core.context,
            ),
        )


def _is_handoff(call: ToolCall) -> bool:
    return call.event.name in call.bound.handoffs
