"""The output guardrails: checks of what the model says, while it says it.

The receive task adds text without waiting. Once enough of it has arrived, a child task for that
response checks it: one check at a time, always of the newest text, so that the checks of a slow
guardrail do not pile up. When a guardrail trips, the application is told, that response is
interrupted (and no later one), and the model is told why. A response trips once.
"""

from typing import Any

import attrs
import trio

from ..._util.nurseries import open_bare_nursery
from ...agents.agent import RealtimeAgent
from ...agents.guardrails import GuardrailFunctionOutput, OutputGuardrail, OutputGuardrailResult
from ...events import RealtimeGuardrailTripped
from ...items import InputText
from ...models.inputs import RealtimeModelSendUserInput
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from ..interruption import Interruptions
from .asking_guardrails import ask_guardrails, without_doubles
from .held_audio import HeldEvent
from .watched_responses import WatchedResponse, WatchedResponses


@attrs.define(eq=False, repr=False)
class OutputChecks:
    """All output guardrails of one session."""

    _core: SessionCore
    _watched: WatchedResponses
    _interruptions: Interruptions
    _holds: bool = attrs.field(init=False)
    _latest: str | None = attrs.field(default=None, init=False)
    """The id of the response that began last."""
    _due: OnDemand[WatchedResponse] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._holds = self._core.config.guardrails_settings.guardrail_mode == "hold"
        self._due = OnDemand(self._core.start_task, self._serve)

    # -- for the receive task: no waiting --------------------------------------------
    def response_started(self, response_id: str | None, agent: RealtimeAgent[Any]) -> None:
        """Watch a response that this agent gives, if there are guardrails for it."""
        self._latest = response_id
        guardrails = without_doubles(
            (*agent.output_guardrails, *self._core.config.output_guardrails)
        )
        if guardrails and response_id is not None:
            self._watched.watch(response_id, agent, guardrails)

    def delta(self, response_id: str, item_id: str, delta: str) -> None:
        """Add a piece of what the model says or writes."""
        response = self._watched.get(response_id)
        if response is not None:
            interval = self._core.config.guardrails_settings.debounce_text_length
            if response.add(item_id, delta, interval):
                self._make_due(response)

    def audio(self, response_id: str, event: HeldEvent) -> None:
        """Put audio into the application's stream, or hold it back until it is checked."""
        response = self._watched.get(response_id) if self._holds else None
        if response is None:
            self._core.events.put(event)
        elif not response.tripped:
            response.held.hold(event, response.said)

    def response_ended(self, response_id: str | None) -> None:
        """Check what is unchecked of a response that is over."""
        response = self._watched.get(response_id)
        if response is not None:
            response.ended = True
            self._make_due(response)

    def _make_due(self, response: WatchedResponse) -> None:
        if not response.due:
            response.due = True
            self._due.put(response)

    # -- the task --------------------------------------------------------------------
    async def _serve(self, due: trio.MemoryReceiveChannel[WatchedResponse]) -> None:
        """Check responses as they become due, until cancelled. Raises as `ModelLink.send`."""
        async with open_bare_nursery() as start_soon:
            async for response in due:
                start_soon(self._check_response, response)

    async def _check_response(self, response: WatchedResponse) -> None:
        """Check one response until nothing is due. There is one such task for a response."""
        while response.is_due:
            said = response.said
            for text in response.take():
                await self._check(response, text)
                if response.tripped:
                    break
            else:
                for event in response.release(said):
                    self._core.events.put(event)
        response.due = False
        if response.ended:  # until then more of a response that tripped may come
            self._watched.forget(response)

    async def _check(self, response: WatchedResponse, text: str) -> None:
        core, agent = self._core, response.agent

        async def run(guardrail: OutputGuardrail[Any]) -> OutputGuardrailResult[Any]:
            return await guardrail.run(core.context, agent, text)

        def failed(guardrail: OutputGuardrail[Any], exc: Exception) -> OutputGuardrailResult[Any]:
            trips = core.config.guardrails_settings.guardrail_failure == "trip"
            output = GuardrailFunctionOutput(output_info=exc, tripwire_triggered=trips)
            return OutputGuardrailResult(
                guardrail=guardrail, output=output, agent_output=text, agent=agent
            )

        results = await ask_guardrails(core, response.guardrails, run, failed)
        tripped = tuple(result for result in results if result.output.tripwire_triggered)
        if tripped:
            response.tripped = True
            await self._trip(response, text, tripped)

    async def _trip(
        self, response: WatchedResponse, text: str, results: tuple[OutputGuardrailResult[Any], ...]
    ) -> None:
        core = self._core
        core.events.put(
            RealtimeGuardrailTripped(guardrail_results=results, message=text, info=core.info)
        )
        names = ", ".join(result.guardrail.get_name() for result in results)
        await self._interruptions.tripped(response.response_id)
        if response.response_id == self._latest:
            reason = InputText(text=f"guardrail triggered: {names}")
            await core.link.send(RealtimeModelSendUserInput(content=(reason,)))
