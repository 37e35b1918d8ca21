"""Checks of what the user says: the input guardrails.

There are two modes. In ``parallel`` mode the model may begin to answer while the check runs, and is
interrupted if a guardrail trips. In ``strict`` mode the session turns off the server's automatic
responses and asks for a response itself once the check has passed, so what trips is never
answered. In both modes spoken words that tripped are deleted from the conversation, so that no
later response answers them.

Speech that could not be transcribed cannot be checked. It is treated as if every guardrail had
raised: it passes, unless the settings say that a guardrail which fails counts as tripped. In strict
mode that goes too for speech whose transcript does not come in time.
"""

from typing import Any

import attrs
import trio

from ..._util.nurseries import open_bare_nursery
from ...agents.guardrails import GuardrailFunctionOutput, InputGuardrail, InputGuardrailResult
from ...events import RealtimeError, RealtimeInputGuardrailTripped
from ...items import RealtimeItem
from ...models.events import RealtimeServerError
from ...models.inputs import DeleteItem, RealtimeModelCreateResponse
from ..core.on_demand import OnDemand
from ..core.session_core import SessionCore
from ..interruption import Interruptions
from ..run_config import RealtimeGuardrailsSettings
from ..service_failures import missing_transcript
from .asking_guardrails import ask_guardrails, without_doubles
from .awaited_transcripts import AwaitedTranscripts


@attrs.frozen
class _Words:
    """Words to check: what the user said in one item, or typed."""

    text: str
    item_id: str | None = None
    """The item of spoken words; ``None`` for typed ones, whose item id is not known."""
    failure: RealtimeServerError | None = None
    """Why there is no text, if the speech could not be transcribed."""
    late: bool = False
    """Whether the transcript came after it was given up, so that these words may be answered."""


@attrs.define(eq=False, repr=False)
class InputChecks:
    """All input guardrails of one session."""

    _core: SessionCore
    _interruptions: Interruptions
    _said: OnDemand[_Words] = attrs.field(init=False)
    _awaited: AwaitedTranscripts | None = attrs.field(default=None, init=False)
    """The transcripts that a strict check waits for; ``None`` in parallel mode."""
    _waits: OnDemand[str] = attrs.field(init=False)
    """Item ids whose transcripts are awaited."""

    def __attrs_post_init__(self) -> None:
        self._said = OnDemand(self._core.start_task, self._serve)
        self._waits = OnDemand(self._core.start_task, self._wait_for_transcripts)
        if self._settings.input_guardrail_mode == "strict":
            self._awaited = AwaitedTranscripts()

    @property
    def _settings(self) -> RealtimeGuardrailsSettings:
        return self._core.config.guardrails_settings

    @property
    def _guardrails(self) -> tuple[InputGuardrail[Any], ...]:
        agent = self._core.bound.agent
        return without_doubles((*agent.input_guardrails, *self._core.config.input_guardrails))

    @property
    def strict(self) -> bool:
        """Whether responses have to wait for a check, where there are guardrails."""
        return self._awaited is not None

    # -- for the receive task: no waiting --------------------------------------------
    def placed(self, item_id: str) -> None:
        """Note that an item, perhaps of speech, has a place in the conversation."""
        if self._awaited is not None:
            self._awaited.placed(item_id)

    def announced(self, item: RealtimeItem) -> None:
        """Begin to wait for the transcript of an item that the conversation has now."""
        if self._awaited is not None and self._awaited.announced(item) and self._guardrails:
            self._waits.put(item.item_id)

    def spoken(self, item_id: str, text: str) -> None:
        """Check what the user said."""
        is_late = not self._has_arrived(item_id)
        if self._guardrails:
            self._said.put(_Words(text, item_id, late=is_late))

    def not_transcribed(self, item_id: str, failure: RealtimeServerError) -> None:
        """Treat speech that the server could not transcribe as the settings say."""
        if self._has_arrived(item_id) and self._guardrails:
            self._said.put(_Words("", item_id, failure))

    def _has_arrived(self, item_id: str) -> bool:
        """Note that a transcript arrived. Returns False if it was given up, or arrived before."""
        return self._awaited is None or self._awaited.arrived(item_id)

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
            elif words.item_id is not None and self.strict and not words.late:
                await self._core.link.send(RealtimeModelCreateResponse(automatic=True))

    async def _wait_for_transcripts(self, item_ids: trio.MemoryReceiveChannel[str]) -> None:
        """Wait for the transcript of each item, until cancelled."""
        async with open_bare_nursery() as start_soon:
            async for item_id in item_ids:
                start_soon(self._wait_for_transcript, item_id)

    async def _wait_for_transcript(self, item_id: str) -> None:
        limit = self._settings.transcript_timeout
        await trio.sleep(limit)
        if self._awaited is not None and self._awaited.give_up(item_id):
            failure = missing_transcript(item_id, limit)
            self._core.events.put(RealtimeError(error=failure, info=self._core.info))
            self._said.put(_Words("", item_id, failure))

    async def _undo(self, words: _Words) -> None:
        if words.late or not self.strict:
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
