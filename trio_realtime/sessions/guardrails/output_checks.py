"""The guardrail task: checks what the model says while it says it.

The receive task adds text without waiting; a response whose text is due is checked by a child task
of its own, one check at a time and always on the newest text, so slow guardrails fall behind
without piling up. A response trips once: the application hears of it, what is heard stops, the
response is cancelled, and the model is told why. A later response is never touched.
"""

from typing import Any, TypeAlias

import attrs
import trio

from ..._util.nurseries import open_bare_nursery
from ...agents.agent import RealtimeAgent
from ...agents.guardrails import GuardrailFunctionOutput, OutputGuardrail, OutputGuardrailResult
from ...errors import RealtimeConnectionError, RealtimeSessionClosed
from ...events import (
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeGuardrailFailed,
    RealtimeGuardrailTripped,
)
from ...items import InputText
from ...models.inputs import RealtimeModelSendInterrupt, RealtimeModelSendUserInput
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from .growing_text import GrowingText
from .held_audio import HeldAudio

HeldEvent: TypeAlias = RealtimeAudio | RealtimeAudioEnd


@attrs.define(eq=False, repr=False)
class _Watch:
    """One response being watched."""

    response_id: str
    agent: RealtimeAgent[Any]
    guardrails: tuple[OutputGuardrail[Any], ...]
    texts: dict[str, GrowingText] = attrs.field(factory=dict[str, GrowingText])
    due: bool = False
    """Waits in the channel, or its task will look again."""
    ended: bool = False
    tripped: bool = False
    said: int = 0
    """Characters of all its texts."""
    held: HeldAudio[HeldEvent] = attrs.field(factory=HeldAudio[HeldEvent])

    @property
    def is_due(self) -> bool:
        """Whether there is something to check now."""
        if self.tripped:
            return False
        if self.ended:
            return bool(self.held) or any(text.unchecked for text in self.texts.values())
        return any(text.due for text in self.texts.values())


@attrs.define(eq=False, repr=False)
class OutputChecks:
    """All output guardrails of one session."""

    _core: SessionCore
    _holds: bool = attrs.field(init=False)
    _watches: dict[str, _Watch] = attrs.field(factory=dict[str, _Watch], init=False)
    _latest: str | None = attrs.field(default=None, init=False)
    _due: OnDemand[_Watch] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._holds = self._core.config.guardrails_settings.guardrail_mode == "hold"
        self._due = OnDemand(self._core.start_task, self._serve)

    # -- for the receive task: no waiting --------------------------------------------
    def response_started(self, response_id: str | None, agent: RealtimeAgent[Any]) -> None:
        """A response began, given by this agent."""
        self._latest = response_id
        guardrails = _without_doubles(
            (*agent.output_guardrails, *self._core.config.output_guardrails)
        )
        if guardrails and response_id is not None:
            self._watches[response_id] = _Watch(response_id, agent, guardrails)

    def delta(self, response_id: str, item_id: str, delta: str) -> None:
        """The model said or wrote a piece of text."""
        watch = self._watches.get(response_id)
        if watch is None:
            return
        text = watch.texts.get(item_id)
        if text is None:
            length = self._core.config.guardrails_settings.debounce_text_length
            text = watch.texts[item_id] = GrowingText(length)
        watch.said += len(delta)
        if text.add(delta):
            self._make_due(watch)

    def audio(self, response_id: str, event: HeldEvent) -> None:
        """Audio for the application: put into its stream, or held back until it is checked."""
        watch = self._watches.get(response_id) if self._holds else None
        if watch is None:
            self._core.events.put(event)
        elif not watch.tripped:
            watch.held.hold(event, watch.said)

    def interrupted(self, item_id: str) -> None:
        """Forget what is held of an item: nobody will hear it."""
        for watch in self._watches.values():
            watch.held.drop(lambda event: event.item_id == item_id)

    def response_ended(self, response_id: str | None) -> None:
        """A response is over: check what is left of it."""
        watch = self._watches.get(response_id or "")
        if watch is not None:
            watch.ended = True
            self._make_due(watch)

    def _make_due(self, watch: _Watch) -> None:
        if not watch.due and not watch.tripped:
            watch.due = True
            self._due.put(watch)

    # -- the task --------------------------------------------------------------------
    async def _serve(self, due: trio.MemoryReceiveChannel[_Watch]) -> None:
        """Check responses as they become due, until cancelled."""
        async with open_bare_nursery() as start_soon:
            async for watch in due:
                start_soon(self._check_response, watch)

    async def _check_response(self, watch: _Watch) -> None:
        """Check until nothing is due. While this runs, no second task is started for the watch."""
        while watch.is_due:
            said = watch.said
            for text in [text.take() for text in watch.texts.values() if text.unchecked]:
                await self._check(watch, text)
                if watch.tripped:
                    break
            else:
                self._release(watch, said)
        watch.due = False
        if watch.ended or watch.tripped:
            self._watches.pop(watch.response_id, None)

    def _release(self, watch: _Watch, passed: int) -> None:
        """Let audio go that a passed check covers."""
        over = watch.ended and passed == watch.said
        for event in watch.held.release_all() if over else watch.held.release(passed):
            self._core.events.put(event)

    async def _check(self, watch: _Watch, text: str) -> None:
        results: list[OutputGuardrailResult[Any]] = []

        async def ask(guardrail: OutputGuardrail[Any]) -> None:
            results.append(await self._ask(guardrail, watch.agent, text))

        async with open_bare_nursery() as start_soon:
            for guardrail in watch.guardrails:
                start_soon(ask, guardrail)
        order = {id(guardrail): place for place, guardrail in enumerate(watch.guardrails)}
        results.sort(key=lambda result: order[id(result.guardrail)])
        tripped = tuple(result for result in results if result.output.tripwire_triggered)
        if tripped:
            watch.tripped = True
            watch.held.release_all()
            await self._trip(watch, text, tripped)

    async def _ask(
        self, guardrail: OutputGuardrail[Any], agent: RealtimeAgent[Any], text: str
    ) -> OutputGuardrailResult[Any]:
        core = self._core
        try:
            return await guardrail.run(core.context, agent, text)
        except Exception as exc:  # noqa: BLE001 - the boundary for the application's guardrails
            core.events.put(
                RealtimeGuardrailFailed(
                    guardrail_name=guardrail.get_name(), error=exc, info=core.info
                )
            )
            trips = core.config.guardrails_settings.guardrail_failure == "trip"
            return OutputGuardrailResult(
                guardrail=guardrail,
                output=GuardrailFunctionOutput(output_info=exc, tripwire_triggered=trips),
                agent_output=text,
                agent=agent,
            )

    async def _trip(
        self, watch: _Watch, text: str, results: tuple[OutputGuardrailResult[Any], ...]
    ) -> None:
        core = self._core
        core.events.put(
            RealtimeGuardrailTripped(guardrail_results=results, message=text, info=core.info)
        )
        names = ", ".join(result.guardrail.get_name() for result in results)
        try:
            await core.link.send(RealtimeModelSendInterrupt(response_id=watch.response_id))
            if watch.response_id == self._latest:
                await core.link.send(
                    RealtimeModelSendUserInput(
                        content=(InputText(text=f"guardrail triggered: {names}"),)
                    )
                )
        except (RealtimeConnectionError, RealtimeSessionClosed):
            return  # nobody is left to be told


def _without_doubles(
    guardrails: tuple[OutputGuardrail[Any], ...],
) -> tuple[OutputGuardrail[Any], ...]:
    return tuple({id(guardrail): guardrail for guardrail in guardrails}.values())
