"""Checks of what the user says: the input guardrails.

There are two modes. In ``parallel`` mode the model may begin to answer while the check runs, and is
interrupted if a guardrail trips. In ``strict`` mode the session turns off the server's automatic
responses and asks for a response itself once the check has passed, so what trips is never
answered. In both modes spoken words that tripped are deleted from the conversation, so that no
later response answers them.

Speech that could not be transcribed cannot be checked. It is treated as if every guardrail had
raised: it passes, unless the settings say that a guardrail which fails counts as tripped.
"""

from typing import Any

import attrs
import trio

from ...agents.guardrails import GuardrailFunctionOutput, InputGuardrail, InputGuardrailResult
from ...events import RealtimeInputGuardrailTripped
from ...models.events import RealtimeServerError
from ...models.inputs import DeleteItem, RealtimeModelCreateResponse
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from ..interruption import Interruptions
from ..run_config import RealtimeGuardrailsSettings
from .asking_guardrails import ask_guardrails, without_doubles


@attrs.frozen
class _Words:
    """Words to check: what the user said in one item, or typed."""

    text: str
    item_id: str | None = None
    """The item of spoken words; ``None`` for typed ones, whose item id is not known."""
    failure: RealtimeServerError | None = None
    """Why there is no text, if the speech could not be transcribed."""


@attrs.define(eq=False, repr=False)
class InputChecks:
    """All input guardrails of one session."""

    _core: SessionCore
    _interruptions: Interruptions
    _said: OnDemand[_Words] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._said = OnDemand(self._core.start_task, self._serve)

    @property
    def _settings(self) -> RealtimeGuardrailsSettings:
        return self._core.config.guardrails_settings

    @property
    def _guardrails(self) -> tuple[InputGuardrail[Any], ...]:
        agent = self._core.bound.agent
        return without_doubles((*agent.input_guardrails, *self._core.config.input_guardrails))

    @property
    def strict(self) -> bool:
        """Whether the mode is ``strict`` and there are guardrails for the current agent."""
        return self._settings.input_guardrail_mode == "strict" and bool(self._guardrails)

    # -- for the receive task: no waiting --------------------------------------------
    def spoken(self, item_id: str, text: str) -> None:
        """Check what the user said."""
        if self._guardrails:
            self._said.put(_Words(text, item_id))

    def not_transcribed(self, item_id: str, failure: RealtimeServerError) -> None:
        """Treat speech that the server could not transcribe as the settings say."""
        if self._guardrails:
            self._said.put(_Words("", item_id, failure))

    # -- for the application ---------------------------------------------------------
    async def typed(self, text: str) -> bool:
        """Check what the user typed. Returns False if it must not be sent.

        In strict mode this waits for the check; in parallel mode it returns True at once.
        """
        if not self._guardrails:
            return True
        words = _Words(text)
        if self.strict:
            return not await self._tripped(words)
        self._said.put(words)
        return True

    # -- the task --------------------------------------------------------------------
    async def _serve(self, said: trio.MemoryReceiveChannel[_Words]) -> None:
        """Check what was said, in order, until cancelled. Raises as `ModelLink.send`."""
        async for words in said:
            if await self._tripped(words):
                await self._undo(words)
            elif words.item_id is not None and self.strict:
                await self._core.link.send(RealtimeModelCreateResponse(automatic=True))

    async def _undo(self, words: _Words) -> None:
        if not self.strict:
            await self._interruptions.tripped()
        if words.item_id is not None:
            await self._core.link.send_if_possible(DeleteItem(item_id=words.item_id))

    async def _tripped(self, words: _Words) -> bool:
        """Ask all guardrails; if any trips, tell the application and return True."""
        if words.failure is None:
            results = await self._ask(words.text)
        else:
            results = tuple(self._failed(each, "", words.failure) for each in self._guardrails)
        tripped = tuple(result for result in results if result.output.tripwire_triggered)
        if tripped:
            self._core.events.put(
                RealtimeInputGuardrailTripped(
                    guardrail_results=tripped, message=words.text, info=self._core.info
                )
            )
        return bool(tripped)

    async def _ask(self, text: str) -> tuple[InputGuardrailResult[Any], ...]:
        core, agent = self._core, self._core.bound.agent

        async def run(guardrail: InputGuardrail[Any]) -> InputGuardrailResult[Any]:
            return await guardrail.run(core.context, agent, text)

        def failed(guardrail: InputGuardrail[Any], exc: Exception) -> InputGuardrailResult[Any]:
            return self._failed(guardrail, text, exc)

        return await ask_guardrails(core, self._guardrails, run, failed)

    def _failed(
        self, guardrail: InputGuardrail[Any], text: str, failure: object
    ) -> InputGuardrailResult[Any]:
        """The result for a guardrail that raised, or that had no text to check."""
        trips = self._settings.guardrail_failure == "trip"
        return InputGuardrailResult(
            guardrail=guardrail,
            output=GuardrailFunctionOutput(output_info=failure, tripwire_triggered=trips),
            user_input=text,
            agent=self._core.bound.agent,
        )
