"""Checks of what the user says: the input guardrails.

Two modes, named for what they guarantee. ``parallel``: the model may begin to answer while the
check runs, and is cut off when it trips. ``strict``: no response is asked for before the check has
passed; the session turns the server's automatic responses off and asks for each itself, so what
trips is never answered. What tripped is taken out of the conversation in both, so that no later
response answers it either.
"""

from typing import Any

import attrs
import trio

from ..._util.nurseries import open_bare_nursery
from ...agents.guardrails import GuardrailFunctionOutput, InputGuardrail, InputGuardrailResult
from ...errors import RealtimeConnectionError, RealtimeSessionClosed
from ...events import RealtimeGuardrailFailed, RealtimeInputGuardrailTripped
from ...models.inputs import (
    RealtimeModelCreateResponse,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
)
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from ..run_config import RealtimeGuardrailsSettings


@attrs.frozen
class _Words:
    """What the user said in one item, or typed (then the item's id is not known)."""

    text: str
    item_id: str | None = None


@attrs.define(eq=False, repr=False)
class InputChecks:
    """All input guardrails of one session."""

    _core: SessionCore
    _said: OnDemand[_Words] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._said = OnDemand(self._core.start_task, self._serve)

    @property
    def _settings(self) -> RealtimeGuardrailsSettings:
        return self._core.config.guardrails_settings

    @property
    def _guardrails(self) -> tuple[InputGuardrail[Any], ...]:
        every = (*self._core.bound.agent.input_guardrails, *self._core.config.input_guardrails)
        return tuple({id(guardrail): guardrail for guardrail in every}.values())

    @property
    def strict(self) -> bool:
        """Whether responses have to wait for a check."""
        return self._settings.input_guardrail_mode == "strict" and bool(self._guardrails)

    def spoken(self, item_id: str, text: str) -> None:
        """The user said this. For the receive task: does not wait."""
        if self._guardrails:
            self._said.put(_Words(text, item_id))

    async def typed(self, text: str) -> bool:
        """The user typed this: false when it must not be sent, because it tripped (strict)."""
        if not self._guardrails:
            return True
        if self.strict:
            return not await self._tripped(text)
        self._said.put(_Words(text))
        return True

    async def _serve(self, said: trio.MemoryReceiveChannel[_Words]) -> None:
        """Check what was said, in order, until cancelled."""
        async for words in said:
            tripped = await self._tripped(words.text)
            try:
                if tripped:
                    await self._undo(words)
                elif words.item_id is not None and self.strict:
                    await self._core.link.send(RealtimeModelCreateResponse(automatic=True))
            except (RealtimeConnectionError, RealtimeSessionClosed):
                return  # the session ends, and says why elsewhere

    async def _undo(self, words: _Words) -> None:
        send = self._core.link.send
        if not self.strict:
            await send(RealtimeModelSendInterrupt())
        if words.item_id is not None:
            await send(
                RealtimeModelSendRawMessage(
                    message={"type": "conversation.item.delete", "item_id": words.item_id}
                )
            )

    async def _tripped(self, text: str) -> bool:
        """Ask all guardrails at once, and tell the application if any trips."""
        guardrails = self._guardrails
        answers: dict[int, InputGuardrailResult[Any]] = {}

        async def ask(place: int, guardrail: InputGuardrail[Any]) -> None:
            answers[place] = await self._ask(guardrail, text)

        async with open_bare_nursery() as start_soon:
            for place, guardrail in enumerate(guardrails):
                start_soon(ask, place, guardrail)
        results = tuple(
            answers[place] for place in sorted(answers) if answers[place].output.tripwire_triggered
        )
        if results:
            self._core.events.put(
                RealtimeInputGuardrailTripped(
                    guardrail_results=results, message=text, info=self._core.info
                )
            )
        return bool(results)

    async def _ask(self, guardrail: InputGuardrail[Any], text: str) -> InputGuardrailResult[Any]:
        core = self._core
        agent = core.bound.agent
        try:
            return await guardrail.run(core.context, agent, text)
        except Exception as exc:  # noqa: BLE001 - the boundary for the application's guardrails
            core.events.put(
                RealtimeGuardrailFailed(
                    guardrail_name=guardrail.get_name(), error=exc, info=core.info
                )
            )
            trips = self._settings.guardrail_failure == "trip"
            return InputGuardrailResult(
                guardrail=guardrail,
                output=GuardrailFunctionOutput(output_info=exc, tripwire_triggered=trips),
                user_input=text,
                agent=agent,
            )
