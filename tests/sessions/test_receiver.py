"""The receive task: what becomes of the model's audio on its way to the application."""

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
    RealtimeRunner,
    RealtimeSession,
    output_guardrail,
)
from trio_realtime.models.events import (
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
)
from trio_realtime.models.model_config import RealtimeModelConfig
from trio_realtime.testing import FakeConnection, FakeRealtimeModel


@attrs.define(eq=False)
class Playing(FakeConnection):
    """A connection that writes down which audio counts as played, piece by piece."""

    played: list[tuple[str, int, int]] = attrs.field(factory=list[tuple[str, int, int]], init=False)

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        self.played.append((item_id, content_index, nbytes))


@asynccontextmanager
async def playing(**config: Any) -> AsyncIterator[tuple[RealtimeSession[Any], Playing]]:
    """An open session over such a connection."""
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A"), model=FakeRealtimeModel(), config=config
    )
    async with await runner.run() as session:
        connection = Playing(RealtimeModelConfig(), 2, True)
        session._link.replace(connection)
        yield session, connection


def audio(item_id: str, nbytes: int, content_index: int = 0) -> RealtimeModelAudioEvent:
    return RealtimeModelAudioEvent(
        data=bytes(nbytes), response_id="r", item_id=item_id, content_index=content_index
    )


async def test_audio_that_nobody_asked_for_counts_as_played_when_it_arrives() -> None:
    """Somebody else plays it, if anybody does: each piece under its item and part."""
    async with playing(events=["agent_end"]) as (_session, connection):
        connection.emit(audio("i1", 480), audio("i1", 20, content_index=1), audio("i2", 4))
        await trio.testing.wait_all_tasks_blocked()
        assert connection.played == [("i1", 0, 480), ("i1", 1, 20), ("i2", 0, 4)]


async def test_audio_that_was_asked_for_counts_as_played_when_it_is_taken() -> None:
    """Not before, however long it waits."""
    async with playing(events=["audio"]) as (session, connection):
        connection.emit(audio("i1", 480), audio("i1", 20, content_index=1))
        await trio.testing.wait_all_tasks_blocked()
        assert connection.played == []
        await session.receive()
        assert connection.played == [("i1", 0, 480)]
        await session.receive()
        assert connection.played == [("i1", 0, 480), ("i1", 1, 20)]


@pytest.mark.parametrize("trips", [False, True])
async def test_held_audio_of_an_interrupted_item_is_never_heard(trips: bool) -> None:
    """It is held while a guardrail looks; then the user speaks; then the guardrail is done."""
    looked, may_answer = trio.Event(), trio.Event()

    @output_guardrail
    async def look(*_: Any) -> GuardrailFunctionOutput:
        looked.set()
        await may_answer.wait()
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=trips)

    async with playing(
        events=["audio"],
        output_guardrails=[look],
        guardrails_settings={"guardrail_mode": "hold", "debounce_text_length": 1},
    ) as (session, connection):
        connection.emit(
            RealtimeModelTurnStartedEvent(response_id="r"),
            RealtimeModelTranscriptDeltaEvent(
                delta="hello", response_id="r", item_id="i1", content_index=0
            ),
            audio("i1", 480),
            audio("i2", 20),
        )
        await looked.wait()
        connection.emit(
            RealtimeModelAudioInterruptedEvent(item_id="i1", content_index=0, heard_ms=0),
            RealtimeModelTurnEndedEvent(response_id="r", status="completed"),
        )
        await trio.testing.wait_all_tasks_blocked()
        may_answer.set()
        await trio.testing.wait_all_tasks_blocked()
        await session.aclose()
        heard = [event.item_id async for event in session if event.type == "audio"]
        assert heard == ([] if trips else ["i2"])
