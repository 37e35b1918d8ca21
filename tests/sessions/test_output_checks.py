"""Output guardrails: one verdict for a response, whatever of it still comes."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from trio_realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    output_guardrail,
)
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.sessions.guardrails.watched_responses import WatchedResponse
from trio_realtime.testing import FakeRealtimeModel, spoken_response

INTERRUPT = inputs.RealtimeModelSendInterrupt(response_id="r1")


@attrs.define(eq=False)
class Conversation:
    """A session whose guardrail trips on "secret", after each three characters."""

    session: RealtimeSession[Any]
    fake: FakeRealtimeModel
    checked: list[str]
    may_answer: trio.Event

    async def hears(self, *events: Any) -> None:
        """Let the session act on these events of the model."""
        self.fake.emit(*events)
        await trio.testing.wait_all_tasks_blocked()

    @property
    def interrupts(self) -> list[inputs.RealtimeModelInput]:
        sent = self.fake.connection.sent
        return [each for each in sent if isinstance(each, inputs.RealtimeModelSendInterrupt)]

    async def heard_now(self) -> list[str]:
        """The items of the audio that can be read now."""
        taken: list[RealtimeSessionEvent] = []
        while self.session.statistics().events_unread:
            taken.append(await self.session.receive())
        return [event.item_id for event in taken if isinstance(event, RealtimeAudio)]

    async def kinds_until_now(self) -> list[str]:
        """The types of all events; closes the session."""
        await self.session.aclose()
        return [event.type async for event in self.session]


@asynccontextmanager
async def checking(mode: str = "interrupt", *, slow: bool = False) -> AsyncIterator[Conversation]:
    """Such a conversation. A slow guardrail answers when ``may_answer`` is set."""
    checked, may_answer = list[str](), trio.Event()
    if not slow:
        may_answer.set()

    @output_guardrail
    async def no_secrets(_context: Any, _agent: Any, text: str) -> GuardrailFunctionOutput:
        checked.append(text)
        await may_answer.wait()
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="secret" in text)

    fake = FakeRealtimeModel()
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A", output_guardrails=[no_secrets]),
        model=fake,
        config={
            "events": "all",
            "guardrails_settings": {"guardrail_mode": mode, "debounce_text_length": 3},
        },
    )
    async with await runner.run() as session:
        yield Conversation(session, fake, checked, may_answer)


def says(words: str, item_id: str = "i1") -> model.RealtimeModelTranscriptDeltaEvent:
    return model.RealtimeModelTranscriptDeltaEvent(delta=words, item_id=item_id, response_id="r1")


def audio(item_id: str = "i1") -> model.RealtimeModelAudioEvent:
    return model.RealtimeModelAudioEvent(
        data=bytes(480), response_id="r1", item_id=item_id, content_index=0
    )


BEGINS = model.RealtimeModelTurnStartedEvent(response_id="r1")
ENDS = model.RealtimeModelTurnEndedEvent(response_id="r1", status="cancelled")


async def test_what_comes_of_a_response_after_it_tripped_is_not_checked() -> None:
    """One event, one interruption, one message to the model."""
    async with checking() as conversation:
        await conversation.hears(BEGINS, says("the secret"))
        assert conversation.interrupts == [INTERRUPT]
        await conversation.hears(says(" is secret"), says(" indeed", "i2"), ENDS)
        assert conversation.checked == ["the secret"]
        assert conversation.interrupts == [INTERRUPT]
        assert (await conversation.kinds_until_now()).count("guardrail_tripped") == 1


async def test_a_response_in_which_two_items_are_wrong_trips_once() -> None:
    """Also where both become due together."""
    async with checking() as conversation:
        await conversation.hears(BEGINS, says("a secret"), says("another secret", "i2"), ENDS)
        assert conversation.checked == ["a secret"]
        assert conversation.interrupts == [INTERRUPT]
        assert (await conversation.kinds_until_now()).count("guardrail_tripped") == 1


async def test_a_passed_check_tells_nobody_and_sends_nothing() -> None:
    """Neither while the model speaks, nor at its end."""
    async with checking() as conversation:
        await conversation.hears(*spoken_response("r1", "i1", "Nothing of note."))
        assert conversation.checked[-1] == "Nothing of note."
        assert conversation.fake.connection.sent == []
        assert "guardrail_tripped" not in await conversation.kinds_until_now()


async def test_held_audio_is_heard_as_soon_as_its_words_have_passed() -> None:
    """Which are those that came after it; the rest waits for the next check, or the last one."""
    async with checking("hold") as conversation:
        await conversation.hears(BEGINS, audio(), audio())
        assert await conversation.heard_now() == []
        await conversation.hears(says("fine"), audio("i2"))
        assert await conversation.heard_now() == ["i1", "i1"]
        await conversation.hears(says(" too"))
        assert await conversation.heard_now() == ["i2"]
        await conversation.hears(audio("i3"), ENDS)
        assert await conversation.heard_now() == ["i3"]


async def test_audio_is_held_while_words_said_meanwhile_are_unchecked() -> None:
    """A slow guardrail passes the first words when the response is over; the last ones trip it."""
    async with checking("hold", slow=True) as conversation:
        await conversation.hears(BEGINS, audio(), says("fine"))
        await conversation.hears(audio("i2"), says(" secret"), audio("i2"), ENDS)
        assert conversation.checked == ["fine"]
        conversation.may_answer.set()
        await trio.testing.wait_all_tasks_blocked()
        assert conversation.checked == ["fine", "fine secret"]
        assert await conversation.heard_now() == ["i1"]


async def test_audio_that_comes_after_its_response_tripped_is_never_heard() -> None:
    """The model goes on until it has been told; what it says then is held back like the rest."""
    async with checking("hold") as conversation:
        await conversation.hears(BEGINS, audio(), says("the secret"))
        await conversation.hears(audio(), audio("i2"), says(" is"), ENDS)
        kinds = await conversation.kinds_until_now()
        assert kinds.count("guardrail_tripped") == 1
        assert "audio" not in kinds


@pytest.mark.parametrize("words", ["nothing of note", "the secret"])
@pytest.mark.parametrize("mode", ["interrupt", "hold"])
async def test_nothing_is_kept_of_responses_that_are_over(mode: str, words: str) -> None:
    """A long conversation does not fill the memory with what was checked."""
    async with checking(mode) as conversation:
        for number in range(5):
            await conversation.hears(*spoken_response(f"r{number}", f"i{number}", words))
        gc.collect()
        kept = [each for each in gc.get_objects() if isinstance(each, WatchedResponse)]
        assert len(kept) <= 1  # the last one
