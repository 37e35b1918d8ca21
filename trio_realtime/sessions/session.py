"""`RealtimeSession`: one conversation, and what an application can do with it.

Opening and closing are in `life`, and what the session's tasks do is in the modules beside it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Annotated, Any, Final, Literal, TypeVar, overload

import attrs
import trio

from .._util.type_checks import Json, check
from ..agents.agent import RealtimeAgent
from ..context import TContext, Usage
from ..errors import RealtimeSessionClosed, UserError
from ..events import RealtimeSessionEvent
from ..items import InputText, RealtimeHistory, RealtimeItem
from ..models import inputs as model
from .asking.push_to_talk import UserTurn, check_push_to_talk, spoken_turn
from .asking.questions import answer_tool, answered_text, answered_value, check_answered, question
from .asking.responses import SAY, RealtimeResponse
from .asking.user_audio import MAX_AUDIO_BYTES, audio_bytes
from .asking.user_message import UserInput, content_parts
from .history.ordered_items import HistoryView
from .life import SessionLifecycle
from .phase import Phase
from .statistics import SessionStatistics
from .tools.handing_off import switch_agent

T = TypeVar("T")

_OPENING: Final = Phase.OPENING


@attrs.define(eq=False, kw_only=True, repr=False)
class RealtimeSession(SessionLifecycle[TContext]):
    """One conversation. Made by `RealtimeRunner.run`; used once.

    Open it with ``async with session:``, or inside a nursery of your own with ``await
    nursery.start(session.run)``. Then iterate over it for events, and send from any task. All
    ``send`` methods and the like raise `RealtimeSessionClosed` when the session is not open; after
    a failure, with the failure as cause.
    """

    # -- what is known -------------------------------------------------------------------
    @property
    def history(self) -> RealtimeHistory:
        """The conversation so far. The sequence does not change later; read this again for news."""
        return HistoryView() if self._parts is None else self._parts.core.history.snapshot()

    @property
    def usage(self) -> Usage:
        """The tokens spent so far. The object goes on counting."""
        return self._context.usage

    @property
    def current_agent(self) -> RealtimeAgent[TContext]:
        """The agent at work."""
        return self._agent if self._parts is None else self._parts.core.bound.agent

    @property
    def context(self) -> TContext:
        """The application's own context object, as given to `RealtimeRunner.run`."""
        return self._context.context

    def statistics(self) -> SessionStatistics:
        """Numbers of events, tools and items at this moment, counted when this is called."""
        parts = self._parts
        return SessionStatistics(
            events_unread=len(self._events),
            tasks_waiting_for_events=self._events.tasks_waiting,
            tools_running=0 if parts is None else parts.tools.running,
            approvals_waiting=0 if parts is None else parts.tools.waiting_for_approval,
            history_items=len(self.history),
            speaking=parts is not None and parts.core.is_speaking(),
        )

    # -- events ---------------------------------------------------------------------------
    def __aiter__(self) -> AsyncIterator[RealtimeSessionEvent]:
        """Iterate over the session's events until it is over.

        What was buffered comes first; then a failure is raised, to one task once; then the
        iteration ends. Several tasks may iterate and share the events between them. Cancelling
        loses nothing.

        Raises:
            RealtimeSessionClosed: the session was not opened, so no event would ever come.
        """
        self._check_begun()
        return aiter(self._events)

    async def receive(self) -> RealtimeSessionEvent:
        """The next event.

        Raises:
            RealtimeSessionClosed: the session is over and all events have been taken, or it was
                not opened.
            TrioRealtimeError: the session failed.
        """
        self._check_begun()
        try:
            return await anext(aiter(self._events))
        except StopAsyncIteration:
            raise self._refusal() from self._report.failure

    # -- the user's side ------------------------------------------------------------------
    async def send_message(self, message: UserInput) -> None:
        """Send a message of the user, and ask for a response to it.

        It is text, a sequence of `InputText` and `InputImage` parts (or of mappings in wire form),
        or a mapping ``{"type": "message", "role": "user", "content": …}`` with these parts. While
        a response is active the message waits for its turn; several share one response. With
        strict input guardrails it is sent when they have passed, and not at all when one trips;
        an event tells.

        Raises:
            UserError: the message is empty, or holds what a message cannot.
        """
        content = content_parts(message)
        parts = self._usable or await self._refuse()
        self._note_user()
        if await parts.inputs.typed("\n".join(p.text for p in content if isinstance(p, InputText))):
            await self._send(model.RealtimeModelSendUserInput(content=content))

    async def send_audio(
        self, pcm: bytes | bytearray | memoryview, *, commit: bool = False
    ) -> None:
        """Send audio of the user: PCM16 mono 24 kHz little-endian, unless set otherwise.

        With ``commit`` it, and what was sent before it, becomes a user message at once; that asks
        for no response. Empty audio sends nothing. Waits when the network cannot keep up. While the
        session is connecting, ten seconds of it are kept and sent first; then it waits. At most
        15 MiB at a time.

        Raises:
            UserError: it is not bytes (a `memoryview` has to be one of bytes), or too many.
            RealtimeSessionClosed: the session is over, or was never opened.
        """
        # What comes 50 times a second is looked at here, to spare it the calls.
        data = pcm if type(pcm) is bytes and len(pcm) <= MAX_AUDIO_BYTES else audio_bytes(pcm)
        if commit is not False:
            check(bool, commit, "commit")
        if not data:
            await self._send_no_audio(commit=commit)
            return
        audio = model.RealtimeModelSendAudio(audio=data, commit=commit)
        if self._phase is _OPENING and await self._link.send_early(audio):
            return
        parts = self._usable or await self._refuse()
        await parts.core.link.send(audio)

    async def _send_no_audio(self, *, commit: bool) -> None:
        if commit:
            await self.commit_audio()
        elif self._phase is _OPENING or self._usable:
            await trio.lowlevel.checkpoint()
        else:
            await self._refuse()

    async def commit_audio(self) -> None:
        """Make the audio sent so far a user message. It asks for no response."""
        self._note_user()
        await self._send(model.RealtimeModelCommitAudio())

    async def clear_audio(self) -> None:
        """Throw away the audio that was sent since the last commit."""
        await self._send(model.RealtimeModelClearAudio())

    async def interrupt(self) -> None:
        """Stop the model, as when the user begins to speak.

        Cancels every active response (one out of band too), cuts the item that plays to what was
        heard of it, and cancels the running tools declared with ``on_interrupt="cancel"``.
        Cancelled while sending has to wait, the tools are stopped and the model is not. Raises
        `RealtimeSessionClosed` when the session is over.
        """
        parts = self._usable or await self._refuse()
        await parts.interruptions.interrupt()

    # -- the model's side -------------------------------------------------------------------
    async def create_response(
        self,
        *,
        instructions: str | None = None,
        tools: Sequence[Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        conversation: Literal["auto", "none"] = "auto",
        input: Sequence[RealtimeItem | Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        output_modalities: Sequence[Literal["text", "audio"]] | None = None,
        max_output_tokens: int | Literal["inf"] | None = None,
    ) -> RealtimeResponse:
        """Ask for a response of its own, with settings for it alone.

        It waits until no other response is active, and is never merged with another request. With
        ``conversation="none"`` it is out of band: it runs at once and adds nothing to the
        conversation. Returns when the request has been accepted for sending; the returned object
        can be waited for. ``input`` is what the model is shown in place of the conversation. The
        other arguments are those of `ResponseOptions`.

        Raises:
            UserError: an argument is not what it should be, the model has no such option, or
                ``metadata`` has more than 15 pairs. Nothing was sent.
        """
        check(Literal["auto", "none"], conversation, "conversation")
        options = model.ResponseOptions(
            instructions=instructions,
            tools=tools,
            tool_choice=tool_choice,
            input=input,
            metadata=metadata,
            output_modalities=output_modalities,
            max_output_tokens=max_output_tokens,
        )
        return await self._ask(options, out_of_band=conversation == "none")

    async def respond(self, instructions: str | None = None) -> RealtimeResponse:
        """Ask for a response to what was said; see `create_response` for more settings."""
        return await self.create_response(instructions=instructions)

    async def say(self, text: str) -> RealtimeResponse:
        """Ask the model to say these words and no others.

        The API has no way to make it: a model may still change a word. What it said is in the
        history.

        Raises:
            UserError: it is no text, or empty.
        """
        check(str, text, "text")
        if not text:
            raise UserError("there is nothing to say")
        return await self.create_response(instructions=SAY + text, tool_choice="none")

    @overload
    async def ask(self, prompt: str, *, with_history: bool = True) -> str: ...
    @overload
    async def ask(self, prompt: str, output_type: type[T], *, with_history: bool = True) -> T: ...
    async def ask(self, prompt: str, output_type: Any = str, *, with_history: bool = True) -> Any:
        """Ask the model something out of band: the user hears nothing, and no item is added.

        ``output_type`` is any type a tool's parameter can have. ``with_history=False`` asks
        without showing the conversation. Cancelling leaves the conversation untouched.

        Raises:
            UserError: the prompt is no text, or empty; or the type has no schema.
            ModelBehaviorError: the answer is not of the type, or the model did not finish it.
            RealtimeSessionClosed: the session ended, or the request was refused.
        """
        check(str, prompt, "prompt")
        check(bool, with_history, "with_history")
        if not prompt:
            raise UserError("there is nothing to ask")
        tool = None if output_type is str else answer_tool(output_type)
        response = await self._ask(
            question(prompt, tool, with_history=with_history), out_of_band=True
        )
        check_answered(await response.wait_done())
        if tool is None:
            return answered_text(response)
        return answered_value(response, tool, output_type)

    async def end(self, *, after: RealtimeResponse | None = None) -> None:
        """Hang up: at once, or once the user has heard this response to its end.

        A response that was interrupted, or that there will never be, is not waited for. Cancelled
        while it waits, it does not hang up.

        Raises:
            UserError: ``after`` is not what `create_response` and its siblings return.
        """
        if after is not None and not isinstance(after, RealtimeResponse):
            raise UserError(f"after must be a RealtimeResponse, not {type(after).__name__}")
        if after is not None:
            with suppress(RealtimeSessionClosed):
                await after.wait_played()
        await self.aclose()

    def user_turn(self) -> AbstractAsyncContextManager[UserTurn]:
        """Push to talk, for settings with ``turn_detection=None``::

            async with session.user_turn() as turn:
                await turn.send(pcm)

        Entering stops the model and throws away stray audio; leaving commits what was sent and
        asks for a response. A block that raises throws the audio away.

        Raises:
            UserError: the server detects turns by itself.
        """
        check_push_to_talk(self._open().core.bound.settings)

        async def begin() -> None:
            self._note_user()
            await self.interrupt()
            await self.clear_audio()

        async def send(pcm: bytes) -> None:
            self._note_user()
            await self.send_audio(pcm)

        async def commit() -> None:
            await self.commit_audio()
            await self._send(model.RealtimeModelCreateResponse(automatic=True))

        return spoken_turn(UserTurn(send), begin=begin, commit=commit, clear=self.clear_audio)

    async def update_agent(self, agent: RealtimeAgent[TContext]) -> None:
        """Make another agent the current one. Tool calls that run go on as the old agent's."""
        if not isinstance(agent, RealtimeAgent):
            raise UserError(f"agent must be a RealtimeAgent, not {type(agent).__name__}")
        parts = self._usable or await self._refuse()
        await switch_agent(parts.core, agent)

    async def send_raw(self, event: Mapping[str, Any]) -> None:
        """Send a client event in wire form.

        Known types are checked for their required fields; unknown ones go out as they are.
        ``response.create`` and ``response.cancel`` wait for their turn like any other.

        Raises:
            UserError: it is no mapping, holds what JSON cannot say, has no type, or is a known type
                without what it needs.
        """
        check(Annotated[Mapping[str, Any], Json], event, "event")
        await self._send(model.RealtimeModelSendRawMessage(message=event))

    # -- tools --------------------------------------------------------------------------------
    async def approve_tool_call(self, call_id: str, *, always: bool = False) -> None:
        """Let a call that waits for approval run; with ``always``, later calls of its tool too.

        Returns at once, without waiting for the tool.

        Raises:
            UserError: no such call waits, or ``always`` is no bool.
        """
        check(str, call_id, "call_id")
        check(bool, always, "always")
        parts = self._usable or await self._refuse()
        parts.tools.approve(call_id, always=always)
        await trio.lowlevel.checkpoint()

    async def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """Refuse a call that waits for approval; with ``always``, later calls of its tool too.

        The model is told ``rejection_message``, or else what ``tool_error_formatter`` returns.
        Returns at once; ``tool_end`` tells that the model has been told. Cancelled while the
        formatter waits, or when it raises, nothing was decided and the call still waits.

        Raises:
            UserError: no such call waits, or not any more once the formatter has returned; or an
                argument is not what it should be.
            Exception: whatever the formatter raises.
        """
        check(str, call_id, "call_id")
        check(bool, always, "always")
        check(str | None, rejection_message, "rejection_message")
        parts = self._usable or await self._refuse()
        text = await parts.tools.rejection(call_id, rejection_message)
        parts = self._usable or await self._refuse()
        parts.tools.reject(call_id, text, always=always, message=rejection_message)
        await trio.lowlevel.checkpoint()

    async def answer_mcp_approval(
        self, request_id: str, *, approve: bool, reason: str | None = None
    ) -> None:
        """Let a tool of a hosted MCP server run, or not; see `RealtimeMcpApprovalRequired`.

        The server runs it (or tells the model why not) and goes on by itself. ``reason`` is for the
        model, when the tool may not run.

        Raises:
            UserError: an argument is not what it should be.
        """
        check(str, request_id, "request_id")
        check(bool, approve, "approve")
        check(str | None, reason, "reason")
        if not request_id:
            raise UserError("request_id is empty; take it from the event that asks")
        await self._send(
            model.AnswerMcpApproval(request_id=request_id, approve=approve, reason=reason)
        )

    # -- inside -------------------------------------------------------------------------------
    def _note_user(self) -> None:
        """Tell the idle policy that the user is active."""
        parts = self._usable
        if parts is not None and parts.idle is not None:
            parts.idle.user_active()

    async def _send(self, input: model.RealtimeModelInput) -> None:
        parts = self._usable or await self._refuse()
        await parts.core.link.send(input)

    async def _ask(self, options: model.ResponseOptions, *, out_of_band: bool) -> RealtimeResponse:
        parts = self._usable or await self._refuse()
        return await parts.responses.ask(options, out_of_band=out_of_band)
