"""Interruptions, whatever their cause.

There are four causes: the user begins to speak, the application calls `interrupt`, an output
guardrail trips, or an input guardrail does. All of them call the `Interruptions` of the session,
which alone cancels tools and asks the connection to stop the model. The connection then reports
which audio was cut, and where (`RealtimeModelAudioInterruptedEvent`). That comes here as well: the
history notes how much was heard, and audio that was not heard yet is thrown away.
"""

import attrs

from ..events import RealtimeAudioInterrupted
from ..models.events import RealtimeModelAudioInterruptedEvent
from ..models.inputs import RealtimeModelSendInterrupt
from .core.session_core import SessionCore
from .guardrails.watched_responses import WatchedResponses
from .tools.serving import ToolCalls


@attrs.frozen(eq=False, repr=False)
class Interruptions:
    """The interruptions of one session."""

    _core: SessionCore
    _tools: ToolCalls
    _watched: WatchedResponses

    def user_spoke(self) -> None:
        """Stop the tools, because the user began to speak. Does not wait.

        The server and the connection stop the model by themselves.
        """
        self._stop_tools(None)

    async def interrupt(self, response_id: str | None = None) -> None:
        """Stop the model, and the tools that were declared with ``on_interrupt="cancel"``.

        With ``response_id`` only that response: its audio and its tool calls, and no later ones.
        Tools are stopped even when sending has to wait. Cancelled, the model is not stopped.

        Raises as `RealtimeConnection.send`.
        """
        self._stop_tools(response_id)
        await self._core.link.send(RealtimeModelSendInterrupt(response_id=response_id))

    async def tripped(self, response_id: str | None = None) -> None:
        """As `interrupt`, because a guardrail tripped; a model without interruptions goes on."""
        self._stop_tools(response_id)
        await self._core.link.send_if_possible(RealtimeModelSendInterrupt(response_id=response_id))

    def _stop_tools(self, response_id: str | None) -> None:
        if response_id is None:
            self._tools.interrupt_all()
            response_id = self._core.active_response_id
        if response_id is not None:
            self._tools.interrupt_response(response_id)

    def audio_cut(self, event: RealtimeModelAudioInterruptedEvent) -> None:
        """Act on the connection's report that the audio of an item was cut. Does not wait.

        Audio of other items is kept, whether it waits for a check or to be read.
        """
        core, item_id = self._core, event.item_id
        core.history.heard(item_id, event.content_index, event.heard_ms)
        self._watched.drop_held(item_id, event.response_id)
        core.events.interrupt(
            RealtimeAudioInterrupted(
                item_id=item_id,
                content_index=event.content_index,
                heard_ms=event.heard_ms,
                response_id=event.response_id,
                info=core.info,
            )
        )
