"""Making the parts of a connected session and wiring them together."""

from collections.abc import Callable

import attrs

from ..events import RealtimeHistoryUpdated
from ..models.inputs import RealtimeModelCreateResponse, ResponseOptions
from .asking.responses import Responses
from .binder import Binder
from .core.hook_calls import HookCalls
from .core.idle import IdleWatch
from .core.session_core import SessionCore
from .guardrails.input_checks import InputChecks
from .guardrails.output_checks import OutputChecks
from .guardrails.watched_responses import WatchedResponses
from .history.ordered_items import HistoryView
from .interruption import Interruptions
from .receiver import Receiver
from .tools.serving import ToolCalls


@attrs.frozen(kw_only=True, eq=False)
class Parts:
    """The parts of a connected session, for the methods of the session."""

    core: SessionCore
    receiver: Receiver
    tools: ToolCalls
    interruptions: Interruptions
    inputs: InputChecks
    responses: Responses
    idle: IdleWatch | None


def put_together(
    core: SessionCore, binder: Binder, fail: Callable[[Exception], None], end: Callable[[], None]
) -> Parts:
    """Make the parts around ``core``.

    ``fail`` ends the session with a failure, and ``end`` without one.
    """
    hooks = HookCalls(core.context, core.config.hooks, core.start_task)
    tools = ToolCalls(core, hooks, fail)
    watched = WatchedResponses()
    interruptions = Interruptions(core, tools, watched)
    inputs = InputChecks(core, interruptions)
    checks = OutputChecks(core, watched, interruptions)
    responses = Responses(core)
    idle = _idle_watch(core, tools, end)
    if idle is not None:
        core.start_task(idle.run)
    binder.watch(core)
    receiver = Receiver(core, tools, interruptions, checks, inputs, hooks, responses, idle)
    core.events.put(RealtimeHistoryUpdated(history=HistoryView(), info=core.info))
    return Parts(
        core=core,
        receiver=receiver,
        tools=tools,
        interruptions=interruptions,
        inputs=inputs,
        responses=responses,
        idle=idle,
    )


def _idle_watch(core: SessionCore, tools: ToolCalls, end: Callable[[], None]) -> IdleWatch | None:
    if core.config.idle is None:
        return None

    async def nudge(instructions: str) -> None:
        options = ResponseOptions(instructions=instructions)
        await core.link.send(RealtimeModelCreateResponse(options=options))

    def is_busy() -> bool:
        return tools.busy or core.is_speaking()

    return IdleWatch(core.config.idle, is_busy, nudge, end)
