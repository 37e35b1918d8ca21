"""The tool task: serves the model's calls, a child task each, and answers every one of them.

The receive task hands calls over without waiting. Which calls there are, and whether they have
been answered, is for `tool_ledger`, which is pure; running a tool is for `tool_run`; handing over
to another agent, for `handoff_run`; whether a human has to agree, for `approvals`.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs
import trio

from ..._util.nurseries import StartSoon, open_bare_nursery
from ...agents.tools import FunctionTool
from ...context import ToolContext
from ...errors import ModelBehaviorError, RealtimeConnectionError, RealtimeSessionClosed, ToolError
from ...events import (
    RealtimeOutputLost,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolProgress,
    RealtimeToolStart,
)
from ...models.events import RealtimeModelToolCallEvent
from ...models.inputs import RealtimeModelCreateResponse, RealtimeModelSendToolOutput
from ..core.bound_agent import BoundAgent
from ..core.hook_calls import HookCalls
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from .approvals import Approvals, ToolErrorFormatterArgs, rejection_text
from .call_ledger import CallState, ToolLedger, Verdict
from .handing_off import run_handoff
from .running import Outcome, input_refusal, run_tool

CANCELLED = "The tool was cancelled."
FAILED = "The tool failed, and the session with it."
INTERRUPTED = "The user interrupted before the tool had finished; it was cancelled."


@attrs.frozen(eq=False)
class Call:
    """A call, with the agent it was made under."""

    event: RealtimeModelToolCallEvent
    bound: BoundAgent
    approved: bool = False


class _FollowUp:
    """The calls of a response are answered: the model has to go on."""


_Work: TypeAlias = Call | _FollowUp


@attrs.define(eq=False, repr=False)
class ToolCalls:
    """All tool calls of one session."""

    _core: SessionCore
    _hooks: HookCalls
    _fail: Callable[[Exception], None]
    """Ends the session with this failure."""
    _ledger: ToolLedger = attrs.field(factory=ToolLedger, init=False)
    _approvals: Approvals[Call] = attrs.field(factory=Approvals[Call], init=False)
    _work: OnDemand[_Work] = attrs.field(init=False)
    _limiters: dict[str, trio.CapacityLimiter] = attrs.field(
        factory=dict[str, trio.CapacityLimiter], init=False
    )
    _interruptible: set[trio.CancelScope] = attrs.field(factory=set[trio.CancelScope], init=False)
    _calls: dict[str, Call] = attrs.field(factory=dict[str, Call], init=False)
    _idle: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _start_soon: StartSoon = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._work = OnDemand(self._core.start_task, self._serve_all)

    # -- for the receive task: no waiting --------------------------------------------
    def called(self, event: RealtimeModelToolCallEvent) -> None:
        """The model made a call."""
        verdict = self._ledger.called(event)
        if verdict is Verdict.NEW:
            self._calls[event.call_id] = call = Call(event, self._core.bound)
            self._work.put(call)
        elif verdict is Verdict.NAMELESS:
            self._core.tell_error(ModelBehaviorError(f"tool {event.name!r} was called without id"))
        elif verdict is Verdict.REUSED:
            self._core.tell_error(
                ModelBehaviorError(f"tool {event.name!r} was called under an id already used")
            )

    def response_ended(self, response_id: str | None) -> None:
        """A response is over."""
        if self._ledger.response_ended(response_id):
            self._work.put(_FollowUp())

    def interrupted(self) -> None:
        """The user broke in: tools that want to be cancelled then are."""
        for scope in tuple(self._interruptible):
            scope.cancel()

    # -- for the application ---------------------------------------------------------
    def approve(self, call_id: str, *, always: bool) -> None:
        """See `RealtimeSession.approve_tool_call`."""
        call = self._approvals.approve(call_id, always=always)
        self._ledger.approved(call_id)
        self._work.put(attrs.evolve(call, approved=True))

    async def reject(self, call_id: str, *, always: bool, message: str | None) -> None:
        """See `RealtimeSession.reject_tool_call`."""
        call = self._approvals.reject(call_id, always=always, message=message)
        await self._reject(call, message)

    # -- the task --------------------------------------------------------------------
    async def _serve_all(self, works: trio.MemoryReceiveChannel[_Work]) -> None:
        """Serve calls until cancelled; then answer what is unanswered."""
        try:
            async with open_bare_nursery() as start_soon:
                self._start_soon = start_soon
                async for work in works:
                    if isinstance(work, _FollowUp):
                        await self._follow_up()
                    elif self._core.config.async_tool_calls:
                        start_soon(self._serve, work)
                    else:
                        await self._serve(work)
        finally:
            for call_id in self._ledger.unanswered():
                await self._last_words(self._calls[call_id], CANCELLED)

    async def wait_idle(self) -> None:
        """Wait until no tool runs. Calls that wait for an approval do not count."""
        while self.busy:
            await self._idle.park()

    @property
    def busy(self) -> bool:
        """Whether a tool runs. Calls that wait for an approval do not count."""
        return self.running > 0

    @property
    def running(self) -> int:
        """How many calls are being served."""
        return self._ledger.count(CallState.RUNNING)

    @property
    def waiting_for_approval(self) -> int:
        """How many calls wait for a human."""
        return self._ledger.count(CallState.WAITING)

    async def _follow_up(self) -> None:
        with contextlib.suppress(RealtimeConnectionError, RealtimeSessionClosed):
            await self._core.link.send(RealtimeModelCreateResponse(automatic=True))

    async def _serve(self, call: Call) -> None:
        """One call from its arrival to its output; the boundary for whatever it raises."""
        try:
            await self._attempt(call)
        except Exception as exc:  # noqa: BLE001 - the tool's settings want it raised
            await self._last_words(call, FAILED)
            self._fail(exc)
        except BaseException:
            await self._last_words(call, CANCELLED)
            raise
        finally:
            self._idle.unpark_all()

    async def _attempt(self, call: Call) -> None:
        name = call.event.name
        tool = call.bound.tools.get(name)
        if tool is not None:
            await self._call_tool(call, tool)
        elif name in call.bound.handoffs:
            output = await run_handoff(self._core, self._hooks, call.bound, call.event)
            await self._answer(call, Outcome(output, output), tool=None)
        else:
            text = f"Tool {name} not found"
            await self._answer(call, Outcome(text, text), tool=None)
            self._core.tell_error(ModelBehaviorError(text))

    async def _call_tool(self, call: Call, tool: FunctionTool[Any]) -> None:
        ctx = self._context(call, tool)
        if not call.approved:
            try:
                outcome = await self._before_approval(call, tool, ctx)
            except ToolError:
                raise
            except Exception as exc:  # noqa: BLE001 - asking whether is part of the tool
                text = await tool.failure_output(ctx, exc)
                outcome = Outcome(text, text)
            if outcome is not None:
                await self._answer(call, outcome, tool)
            if self._ledger.state(call.event.call_id) is not CallState.RUNNING:
                return
        outcome = Outcome(INTERRUPTED, INTERRUPTED)
        with trio.CancelScope() as scope:
            if tool.on_interrupt == "cancel":
                self._interruptible.add(scope)
            try:
                outcome = await self._run(call, tool, ctx)
            finally:
                self._interruptible.discard(scope)
        await self._answer(call, outcome, tool)

    async def _run(self, call: Call, tool: FunctionTool[Any], ctx: ToolContext[Any]) -> Outcome:
        core, agent = self._core, call.bound.agent

        async def started() -> None:
            core.events.put(
                RealtimeToolStart(
                    agent=agent,
                    tool=tool,
                    arguments=call.event.arguments,
                    call_id=call.event.call_id,
                    info=core.info,
                )
            )
            await self._hooks.tool_started(ctx, agent, tool)

        async with contextlib.AsyncExitStack() as turn:
            for limiter in self._limits(tool):
                await turn.enter_async_context(limiter)
            return await run_tool(tool, ctx, agent, started=started)

    def _limits(self, tool: FunctionTool[Any]) -> Iterator[trio.CapacityLimiter]:
        """What a call has to wait for; nothing where nothing is limited, as even a limiter with
        room takes a round of the scheduler."""
        most_of_all = self._core.config.tool_execution.max_concurrent_calls
        for name, most in (("", most_of_all), (tool.name, tool.max_concurrency)):
            if most is not None:
                if name not in self._limiters:
                    self._limiters[name] = trio.CapacityLimiter(most)
                yield self._limiters[name]

    def _context(self, call: Call, tool: FunctionTool[Any]) -> ToolContext[Any]:
        core, event, agent = self._core, call.event, call.bound.agent

        async def on_progress(text: str) -> None:
            core.events.put(
                RealtimeToolProgress(
                    agent=agent, tool=tool, call_id=event.call_id, text=text, info=core.info
                )
            )
            await trio.lowlevel.checkpoint()

        return ToolContext(
            context=core.context.context,
            usage=core.context.usage,
            tool_name=event.name,
            tool_call_id=event.call_id,
            tool_arguments=event.arguments,
            agent=agent,
            on_progress=on_progress,
        )

    # -- approvals -------------------------------------------------------------------
    async def _before_approval(
        self, call: Call, tool: FunctionTool[Any], ctx: ToolContext[Any]
    ) -> Outcome | None:
        """An outcome when the call ends here; afterwards it may be waiting for a human."""
        decided = self._approvals.decided(tool.name)
        if decided is None and not await tool.approval_needed(ctx):
            return None
        # What was decided may have changed while the tool was asked.
        decided = self._approvals.decided(tool.name)
        if decided is None and self._core.config.tool_execution.pre_approval_tool_input_guardrails:
            refused = await input_refusal(tool, ctx, call.bound.agent)
            if refused is not None:
                return Outcome(refused, refused)
            decided = self._approvals.decided(tool.name)
        if decided is None:
            self._wait_for_approval(call, tool)
            return None
        if decided:
            return None
        text = await self._rejection(call, self._approvals.message(tool.name))
        return Outcome(text, text)

    def _wait_for_approval(self, call: Call, tool: FunctionTool[Any]) -> None:
        core, event = self._core, call.event
        if self._ledger.wait_for_approval(event.call_id):
            self._work.put(_FollowUp())
        self._approvals.wait(event.call_id, tool.name, call)
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

    async def _expire_approval(self, call: Call, limit: float) -> None:
        await trio.sleep(limit)
        if self._approvals.expire(call.event.call_id) is not None:
            await self._reject(call, f"Nobody approved the call within {limit:g} seconds.")

    async def _reject(self, call: Call, message: str | None) -> None:
        text = await self._rejection(call, message)
        await self._answer(call, Outcome(text, text), call.bound.tools[call.event.name])

    async def _rejection(self, call: Call, message: str | None) -> str:
        return await rejection_text(
            self._core.config.tool_error_formatter,
            message,
            ToolErrorFormatterArgs(
                tool_name=call.event.name,
                call_id=call.event.call_id,
                run_context=self._core.context,
            ),
        )

    # -- answering -------------------------------------------------------------------
    async def _answer(self, call: Call, outcome: Outcome, tool: FunctionTool[Any] | None) -> None:
        """Send the one output of a call, and tell the application and the history."""
        core, event = self._core, call.event
        start = self._ledger.answer(event.call_id, wants_response=tool is None or tool.respond)
        if start is None:
            return
        # Nobody is there any more to hear a response once the session closes.
        start = start and not core.close_deadline.closing
        await self._send(call, outcome.text, start_response=start)
        core.tell_history(core.history.tool_output(event.call_id, outcome.text))
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
            await self._hooks.tool_ended(self._context(call, tool), agent, tool, outcome.text)

    async def _send(self, call: Call, text: str, *, start_response: bool) -> None:
        """Send an output, even if the call's task is cancelled: it counts as answered already.

        Waits as long as the connection makes it wait; while the session closes, until the deadline
        that all outputs share. One that could not be sent is reported as `RealtimeOutputLost`.
        """
        core = self._core
        try:
            with core.close_deadline.shield() as time_limit:
                await core.link.send(
                    RealtimeModelSendToolOutput(
                        tool_call=call.event, output=text, start_response=start_response
                    )
                )
                # Let it be written before the application and the history are told of it.
                await trio.lowlevel.cancel_shielded_checkpoint()
            lost = time_limit.cancelled_caught
        except (RealtimeConnectionError, RealtimeSessionClosed):
            lost = True
        if lost:
            core.events.put(
                RealtimeOutputLost(
                    call_id=call.event.call_id, tool_name=call.event.name, info=core.info
                )
            )

    async def _last_words(self, call: Call, text: str) -> None:
        """The output of a call whose task is over without one."""
        if self._ledger.answer(call.event.call_id, wants_response=False) is not None:
            await self._send(call, text, start_response=False)
            self._core.tell_history(self._core.history.tool_output(call.event.call_id, text))
