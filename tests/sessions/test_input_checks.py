"""Input guardrails: what they let pass, what they stop, and what becomes of it in either mode."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import attrs
import pytest
import trio
import trio.testing

from trio_realtime import (
    GuardrailFunctionOutput,
    InputAudio,
    InputText,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    UserMessageItem,
    function_tool,
    input_guardrail,
)
from trio_realtime.models import inputs
from trio_realtime.models.events import (
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeServerError,
)
from trio_realtime.testing import FakeRealtimeModel, tool_call, user_message, user_speech

Clock = trio.testing.MockClock
Mode = Literal["parallel", "strict"]

ANSWER = inputs.RealtimeModelCreateResponse(automatic=True)
"""What the session sends to have something answered: it shares a response with what waits too."""


def typed(text: str) -> inputs.RealtimeModelSendUserInput:
    return inputs.RealtimeModelSendUserInput(content=(InputText(text=text),))


@attrs.define(eq=False)
class Conversation:
    """A session whose guardrail refuses whatever has the word "bomb" in it, when it is let."""

    session: RealtimeSession[Any]
    fake: FakeRealtimeModel
    may_answer: trio.Event
    checked: list[str]

    @property
    def sent(self) -> list[inputs.RealtimeModelInput]:
        return [*self.fake.connection.sent]

    async def kinds_until_now(self) -> list[str]:
        """The types of all events, once nothing more happens; closes the session."""
        await trio.testing.wait_all_tasks_blocked()
        await self.session.aclose()
        return [event.type async for event in self.session]


@asynccontextmanager
async def checking(mode: Mode, *, slow: bool = False, **config: Any) -> AsyncIterator[Conversation]:
    """Such a conversation. A slow guardrail answers when ``may_answer`` is set."""
    may_answer, checked = trio.Event(), list[str]()
    if not slow:
        may_answer.set()

    @input_guardrail
    async def no_bombs(_context: Any, _agent: Any, text: str) -> GuardrailFunctionOutput:
        checked.append(text)
        await may_answer.wait()
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="bomb" in text)

    settings = {"input_guardrail_mode": mode, **config.pop("guardrails_settings", {})}
    fake = FakeRealtimeModel()
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A", input_guardrails=[no_bombs], tools=[slow_tool]),
        model=fake,
        config={"events": "all", "guardrails_settings": settings, **config},
    )
    async with await runner.run() as session:
        yield Conversation(session, fake, may_answer, checked)


@function_tool
async def slow_tool() -> None:
    """Take for ever."""
    await trio.sleep_forever()


@pytest.mark.parametrize("mode", ["parallel", "strict"])
async def test_a_typed_message_that_passes_is_sent_and_nothing_is_told(mode: Mode) -> None:
    """Its response is asked for with it, and with nothing else."""
    async with checking(mode) as conversation:
        await conversation.session.send_message("a tea please")
        kinds = await conversation.kinds_until_now()
        assert conversation.checked == ["a tea please"]
        assert conversation.sent == [typed("a tea please")]
        assert "input_guardrail_tripped" not in kinds


async def test_a_parallel_check_of_a_typed_message_holds_nothing_up() -> None:
    """The message is sent while the guardrail still looks at it."""
    async with checking("parallel", slow=True) as conversation:
        await conversation.session.send_message("a bomb please")
        await trio.testing.wait_all_tasks_blocked()
        assert conversation.sent == [typed("a bomb please")]
        conversation.may_answer.set()
        assert "input_guardrail_tripped" in await conversation.kinds_until_now()
        # Its item is not known, so it stays; the answer to it is stopped.
        assert conversation.sent[1:] == [inputs.RealtimeModelSendInterrupt()]


async def test_words_that_pass_a_parallel_check_are_left_alone() -> None:
    """The server answers them by itself: nothing is sent, and nothing is told."""
    async with checking("parallel") as conversation:
        conversation.fake.emit(*user_speech("u1", "a tea please"))
        kinds = await conversation.kinds_until_now()
        assert conversation.checked == ["a tea please"]
        assert conversation.sent == []
        assert "input_guardrail_tripped" not in kinds


async def test_words_that_pass_a_strict_check_are_answered_with_whatever_else_waits() -> None:
    """The request is one that shares a response, as those of the user's messages do."""
    async with checking("strict") as conversation:
        conversation.fake.emit(*user_speech("u1", "a tea please"))
        kinds = await conversation.kinds_until_now()
        assert conversation.sent == [ANSWER]
        assert "input_guardrail_tripped" not in kinds


async def test_words_that_trip_are_taken_back() -> None:
    """In strict mode they were never answered; else the answer is stopped first."""
    delete = inputs.DeleteItem(item_id="u1")
    for mode, expected in (
        ("strict", [delete]),
        ("parallel", [inputs.RealtimeModelSendInterrupt(), delete]),
    ):
        async with checking(mode) as conversation:  # type: ignore[arg-type]
            conversation.fake.emit(*user_speech("u1", "a bomb please"))
            assert "input_guardrail_tripped" in await conversation.kinds_until_now()
            assert conversation.sent == expected


@pytest.mark.parametrize("words", ["a tea please", "a bomb please"])
@pytest.mark.parametrize("mode", ["parallel", "strict"])
async def test_a_verdict_that_comes_when_the_connection_is_gone(mode: Mode, words: str) -> None:
    """The server has closed cleanly and a tool may still finish: the verdict fails nothing."""
    async with checking(mode, slow=True, close_timeout=60) as conversation:
        conversation.fake.emit(
            *tool_call("r1", "i1", "slow_tool"), *user_speech("u1", words, start_ms=1_000)
        )
        await trio.testing.wait_all_tasks_blocked()
        assert conversation.checked == [words]
        conversation.fake.close()
        await trio.testing.wait_all_tasks_blocked()
        conversation.may_answer.set()
        kinds = await conversation.kinds_until_now()
        assert ("input_guardrail_tripped" in kinds) == ("bomb" in words)
        assert conversation.sent == []


def transcribed(item_id: str, words: str) -> RealtimeModelInputAudioTranscriptionCompletedEvent:
    return RealtimeModelInputAudioTranscriptionCompletedEvent(item_id=item_id, transcript=words)


def failed_transcription(item_id: str) -> RealtimeModelInputAudioTranscriptionFailedEvent:
    return RealtimeModelInputAudioTranscriptionFailedEvent(
        item_id=item_id,
        content_index=0,
        error=RealtimeServerError(type="server_error", message="no access to that model"),
    )


@pytest.mark.parametrize(
    ("mode", "failure", "sent"),
    [
        ("strict", "report", [ANSWER]),
        ("strict", "trip", [inputs.DeleteItem(item_id="u1")]),
        ("parallel", "report", []),
        (
            "parallel",
            "trip",
            [inputs.RealtimeModelSendInterrupt(), inputs.DeleteItem(item_id="u1")],
        ),
    ],
)
async def test_speech_that_could_not_be_transcribed_is_a_check_that_failed(
    mode: Mode, failure: str, sent: list[inputs.RealtimeModelInput]
) -> None:
    """It passes, or trips where a guardrail that fails counts as tripped; nobody waits for it."""
    async with checking(mode, guardrails_settings={"guardrail_failure": failure}) as conversation:
        conversation.fake.emit(*user_speech("u1", None), failed_transcription("u1"))
        kinds = await conversation.kinds_until_now()
        assert conversation.checked == []
        assert conversation.sent == sent
        assert ("input_guardrail_tripped" in kinds) == (failure == "trip")
        assert kinds.count("error") == 1


# -- transcripts that do not come -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "sent"), [("report", [ANSWER]), ("trip", [inputs.DeleteItem(item_id="u1")])]
)
async def test_a_transcript_that_never_comes_is_given_up(
    failure: str, sent: list[inputs.RealtimeModelInput], autojump_clock: Clock
) -> None:
    """In strict mode nobody else would answer: the caller must not wait in silence for ever."""
    settings = {"guardrail_failure": failure, "transcript_timeout": 10}
    async with checking("strict", guardrails_settings=settings) as conversation:
        conversation.fake.emit(*user_speech("u1", None))
        await trio.sleep(9.9)
        assert conversation.sent == []
        await trio.sleep(0.2)
        assert conversation.sent == sent
        kinds = await conversation.kinds_until_now()
        assert kinds.count("error") == 1
        assert conversation.checked == []


@pytest.mark.parametrize("words", ["a tea please", "a bomb please"])
async def test_a_transcript_that_comes_too_late_is_checked_all_the_same(
    words: str, autojump_clock: Clock
) -> None:
    """Its response was asked for already: it gets no second one, and is cut off if it trips."""
    async with checking("strict") as conversation:
        conversation.fake.emit(*user_speech("u1", None))
        await trio.sleep(20)
        assert conversation.sent == [ANSWER]
        conversation.fake.emit(transcribed("u1", words))
        await conversation.kinds_until_now()
        assert conversation.checked == [words]
        undone = [inputs.RealtimeModelSendInterrupt(), inputs.DeleteItem(item_id="u1")]
        assert conversation.sent[1:] == (undone if "bomb" in words else [])


async def test_a_failure_that_comes_too_late_changes_nothing(autojump_clock: Clock) -> None:
    """The speech was treated as not transcribed before."""
    async with checking("strict") as conversation:
        conversation.fake.emit(*user_speech("u1", None))
        await trio.sleep(20)
        conversation.fake.emit(failed_transcription("u1"))
        await trio.sleep(20)
        assert conversation.sent == [ANSWER]


@pytest.mark.parametrize("early", [False, True])
async def test_a_transcript_that_comes_is_waited_for_no_longer(
    early: bool, autojump_clock: Clock
) -> None:
    """It may come before the item, too."""
    async with checking("strict") as conversation:
        if early:
            conversation.fake.emit(transcribed("u1", "a tea"), *user_speech("u1", None))
        else:
            conversation.fake.emit(*user_speech("u1", None))
            await trio.sleep(14)
            conversation.fake.emit(transcribed("u1", "a tea"))
        await trio.sleep(60)
        assert conversation.sent == [ANSWER]
        assert "error" not in await conversation.kinds_until_now()


async def test_only_speech_from_the_microphone_in_strict_mode_is_waited_for(
    autojump_clock: Clock,
) -> None:
    """Not audio that somebody put into the conversation as an item, nor an item brought again."""
    item = UserMessageItem(item_id="u2", content=(InputAudio(),), status="completed")
    async with checking("strict") as conversation:
        conversation.fake.emit(
            RealtimeModelItemUpdatedEvent(item=item, announced=True),
            *user_message("u3", "typed elsewhere"),
        )
        await trio.sleep(60)
        assert conversation.sent == []
    async with checking("parallel") as conversation:
        conversation.fake.emit(*user_speech("u1", None))
        await trio.sleep(60)
        assert conversation.sent == []
        assert "error" not in await conversation.kinds_until_now()
