"""The receive task: handles each event of the model as it arrives.

It puts events into the history and into the application's stream, and hands tool calls and text to
check to their tasks. It waits for nothing but the model: the others take from memory channels and
buffers, so a slow tool, guardrail or application cannot delay an interruption.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from .. import events as app
from ..models import events as model
from .asking.responses import Responses
from .core.bound_agent import BoundAgent
from .core.hook_calls import HookCalls
from .core.idle import IdleWatch
from .core.session_core import SessionCore
from .guardrails.input_checks import InputChecks
from .guardrails.output_checks import OutputChecks
from .interruption import Interruptions
from .service_failures import failed_response, failed_transcription
from .tools.serving import ToolCalls


@attrs.define(eq=False, repr=False)
class Receiver:
    """Reads one connection to its end."""

    _core: SessionCore
    _tools: ToolCalls
    _interruptions: Interruptions
    _checks: OutputChecks
    _inputs: InputChecks
    _hooks: HookCalls
    _responses: Responses
    _idle: IdleWatch | None
    _speaking: BoundAgent | None = None
    """The agent that gives the active response; a handoff does not change it."""
    _spoken: list[str] = attrs.field(factory=list[str])

    async def run(self) -> None:
        """Handle every event until the connection ends; raises what ended it."""
        await self._core.link.deliver(self._handle)

    def _handle(self, event: model.RealtimeModelEvent) -> None:
        self._core.events.put_raw(event)
        handle = self._HANDLERS.get(type(event))
        if handle is not None:
            handle(self, event)

    # -- output ----------------------------------------------------------------------
    def _audio(self, event: model.RealtimeModelAudioEvent) -> None:
        if not self._core.events.delivers("audio"):
            # The application does not play it (a telephone line may); it counts as heard now.
            self._core.link.audio_delivered(event.item_id, event.content_index, len(event.data))
            if not self._core.events.wants("audio"):
                return
        self._checks.audio(
            event.response_id,
            app.RealtimeAudio(
                audio=event,
                item_id=event.item_id,
                content_index=event.content_index,
                info=self._core.info,
            ),
        )

    def _audio_done(self, event: model.RealtimeModelAudioDoneEvent) -> None:
        self._checks.audio(
            event.response_id,
            app.RealtimeAudioEnd(
                item_id=event.item_id, content_index=event.content_index, info=self._core.info
            ),
        )

    def _audio_interrupted(self, event: model.RealtimeModelAudioInterruptedEvent) -> None:
        self._interruptions.audio_cut(event)

    def _transcript_delta(self, event: model.RealtimeModelTranscriptDeltaEvent) -> None:
        self._core.history.transcript_delta(event)
        self._delta(event, spoken=True)

    def _text_delta(self, event: model.RealtimeModelOutputTextDeltaEvent) -> None:
        self._core.history.text_delta(event)
        self._delta(event, spoken=False)

    def _delta(
        self,
        event: model.RealtimeModelTranscriptDeltaEvent | model.RealtimeModelOutputTextDeltaEvent,
        *,
        spoken: bool,
    ) -> None:
        core = self._core
        self._spoken.append(event.delta)
        self._checks.delta(event.response_id, event.item_id, event.delta)
        if core.events.wants("transcript_delta"):
            core.events.put(
                app.RealtimeTranscriptDelta(
                    item_id=event.item_id,
                    content_index=event.content_index,
                    delta=event.delta,
                    response_id=event.response_id,
                    spoken=spoken,
                    info=core.info,
                )
            )

    # -- turns -----------------------------------------------------------------------
    def _turn_started(self, event: model.RealtimeModelTurnStartedEvent) -> None:
        self._responses.started(event)
        if event.out_of_band:
            return
        core = self._core
        core.response_started(event.response_id)
        self._speaking = core.bound
        self._spoken.clear()
        self._checks.response_started(event.response_id, core.bound.agent)
        self._hooks.agent_started(core.bound.agent)
        core.events.put(app.RealtimeAgentStartEvent(agent=core.bound.agent, info=core.info))

    def _usage(self, event: model.RealtimeModelUsageEvent) -> None:
        self._core.context.usage.add(event.usage)

    def _turn_ended(self, event: model.RealtimeModelTurnEndedEvent) -> None:
        core = self._core
        core.history.apply(event)
        if not event.out_of_band:
            self._checks.response_ended(event.response_id)
            self._tools.response_ended(event.response_id)
            if event.response_id in {None, core.active_response_id}:
                agent = (self._speaking or core.bound).agent
                self._speaking = None
                core.response_ended()
                self._hooks.agent_ended(agent, self._said())
                core.events.put(app.RealtimeAgentEndEvent(agent=agent, info=core.info))
        done = app.RealtimeResponseDone(
            response_id=event.response_id,
            status=event.status,
            reason=event.reason,
            error=event.error,
            usage=event.usage,
            info=core.info,
        )
        self._responses.ended(done, event.output)
        core.events.put(done)
        if (failure := failed_response(event)) is not None:
            core.events.put(app.RealtimeError(error=failure, info=core.info))

    def _said(self) -> str:
        """What the response that is ending said or wrote."""
        return "".join(self._spoken)

    def _tool_call(self, event: model.RealtimeModelToolCallEvent) -> None:
        self._tools.called(event)

    # -- the conversation ------------------------------------------------------------
    def _history(self, event: model.RealtimeModelEvent) -> None:
        core = self._core
        core.tell_history(core.history.apply(event))

    def _item_placed(self, event: model.RealtimeModelItemPlacedEvent) -> None:
        self._history(event)
        self._inputs.placed(event.item_id)

    def _item_updated(self, event: model.RealtimeModelItemUpdatedEvent) -> None:
        self._history(event)
        if event.announced:
            self._inputs.announced(event.item)

    # -- the user --------------------------------------------------------------------
    def _speech_started(self, event: model.RealtimeModelSpeechStartedEvent) -> None:
        self._interruptions.user_spoke()
        if self._idle is not None:
            self._idle.speech_started()
        self._core.events.put(
            app.RealtimeUserSpeechStarted(
                item_id=event.item_id, audio_start_ms=event.audio_start_ms, info=self._core.info
            )
        )

    def _speech_stopped(self, event: model.RealtimeModelSpeechStoppedEvent) -> None:
        if self._idle is not None:
            self._idle.speech_stopped()
        self._core.events.put(
            app.RealtimeUserSpeechStopped(
                item_id=event.item_id, audio_end_ms=event.audio_end_ms, info=self._core.info
            )
        )

    def _user_delta(self, event: model.RealtimeModelInputAudioTranscriptionDeltaEvent) -> None:
        self._core.events.put(
            app.RealtimeUserTranscriptDelta(
                item_id=event.item_id,
                content_index=event.content_index,
                delta=event.delta,
                info=self._core.info,
            )
        )

    def _user_transcript(
        self, event: model.RealtimeModelInputAudioTranscriptionCompletedEvent
    ) -> None:
        self._history(event)
        self._inputs.spoken(event.item_id, event.transcript)
        self._core.events.put(
            app.RealtimeUserTranscriptCompleted(
                item_id=event.item_id,
                content_index=event.content_index,
                transcript=event.transcript,
                info=self._core.info,
            )
        )

    def _user_transcript_failed(
        self, event: model.RealtimeModelInputAudioTranscriptionFailedEvent
    ) -> None:
        self._inputs.not_transcribed(event.item_id, event.error)
        self._core.events.put(
            app.RealtimeUserTranscriptFailed(
                item_id=event.item_id,
                content_index=event.content_index,
                error=event.error,
                info=self._core.info,
            )
        )
        failure = failed_transcription(event)
        self._core.events.put(app.RealtimeError(error=failure, info=self._core.info))

    def _idle_timeout(self, _event: model.RealtimeModelInputAudioTimeoutTriggeredEvent) -> None:
        self._core.events.put(app.RealtimeInputAudioTimeoutTriggered(info=self._core.info))

    def _dtmf(self, event: model.RealtimeModelDtmfEvent) -> None:
        if self._idle is not None:
            self._idle.user_active()
        self._core.events.put(app.RealtimeDtmfReceived(key=event.key, info=self._core.info))

    def _mcp_approval(self, event: model.RealtimeModelMcpApprovalRequestEvent) -> None:
        self._core.events.put(
            app.RealtimeMcpApprovalRequired(
                request_id=event.item_id,
                server_label=event.server_label,
                name=event.name,
                arguments=event.arguments,
                info=self._core.info,
            )
        )

    # -- the service -----------------------------------------------------------------
    def _error(self, event: model.RealtimeModelErrorEvent) -> None:
        self._responses.refused(event)
        self._core.events.put(app.RealtimeError(error=event.error, info=self._core.info))

    def _rate_limits(self, event: model.RealtimeModelRateLimitsEvent) -> None:
        self._core.events.put(
            app.RealtimeRateLimitsUpdated(rate_limits=event.rate_limits, info=self._core.info)
        )

    _HANDLERS: ClassVar[dict[type[Any], Callable[["Receiver", Any], None]]] = {
        model.RealtimeModelAudioEvent: _audio,
        model.RealtimeModelTranscriptDeltaEvent: _transcript_delta,
        model.RealtimeModelOutputTextDeltaEvent: _text_delta,
        model.RealtimeModelAudioDoneEvent: _audio_done,
        model.RealtimeModelAudioInterruptedEvent: _audio_interrupted,
        model.RealtimeModelTurnStartedEvent: _turn_started,
        model.RealtimeModelTurnEndedEvent: _turn_ended,
        model.RealtimeModelUsageEvent: _usage,
        model.RealtimeModelToolCallEvent: _tool_call,
        model.RealtimeModelItemPlacedEvent: _item_placed,
        model.RealtimeModelItemUpdatedEvent: _item_updated,
        model.RealtimeModelToolOutputEvent: _history,
        model.RealtimeModelItemDeletedEvent: _history,
        model.RealtimeModelItemTruncatedEvent: _history,
        model.RealtimeModelSpeechStartedEvent: _speech_started,
        model.RealtimeModelSpeechStoppedEvent: _speech_stopped,
        model.RealtimeModelInputAudioTranscriptionDeltaEvent: _user_delta,
        model.RealtimeModelInputAudioTranscriptionCompletedEvent: _user_transcript,
        model.RealtimeModelInputAudioTranscriptionFailedEvent: _user_transcript_failed,
        model.RealtimeModelInputAudioTimeoutTriggeredEvent: _idle_timeout,
        model.RealtimeModelDtmfEvent: _dtmf,
        model.RealtimeModelMcpApprovalRequestEvent: _mcp_approval,
        model.RealtimeModelErrorEvent: _error,
        model.RealtimeModelRateLimitsEvent: _rate_limits,
    }
