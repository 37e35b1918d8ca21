"""Onlookers: what they see, and that nothing they do changes a session."""

import logging
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from trio_realtime import (
    RealtimeAgent,
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    RealtimeSessionEvent,
    RunContext,
    SessionObserver,
    SettingsError,
)
from trio_realtime.models.events import RealtimeModelAudioInterruptedEvent, RealtimeModelEvent
from trio_realtime.models.inputs import (
    RealtimeModelInput,
    RealtimeModelSendAudio,
    RealtimeModelSendUserInput,
)
from trio_realtime.testing import FakeConnection, FakeRealtimeModel, builders


@attrs.define
class Witness(SessionObserver):
    """Writes down everything, in order."""

    seen: list[Any] = attrs.field(factory=list[Any])

    def session_opened(self, context: RunContext[Any]) -> None:
        self.seen.append(context)

    def model_event(self, event: RealtimeModelEvent) -> None:
        self.seen.append(event)

    def session_event(self, event: RealtimeSessionEvent) -> None:
        self.seen.append(event)

    def input_sent(self, input: RealtimeModelInput) -> None:
        self.seen.append(input)

    def session_closed(self, failure: BaseException | None) -> None:
        self.seen.append(failure)

    @property
    def kinds(self) -> list[str]:
        """The types of the session's events it saw."""
        return [each.type for each in self.seen if hasattr(each, "info")]


async def session_with(
    observers: list[Any], model: FakeRealtimeModel, context: object = None, **config: Any
) -> RealtimeSession[Any]:
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A"), model=model, config={"observers": observers, **config}
    )
    return await runner.run(context=context)


SPOKEN = builders.spoken_response("r1", "i1", "hello there")


async def converse(session: RealtimeSession[Any], model: FakeRealtimeModel) -> None:
    await session.send_message("Hello")
    model.emit(SPOKEN)
    await trio.testing.wait_all_tasks_blocked()


async def test_an_observer_sees_both_directions_and_all_events_in_order() -> None:
    """Inputs, the model's events and then what they mean, between the opening and the end."""
    witness, model, mine = Witness(), FakeRealtimeModel(), object()
    async with await session_with([witness], model, mine, events=["agent_end"]) as session:
        await converse(session, model)
    opened, *between, failure = witness.seen
    while not isinstance(opened, RunContext):  # the empty history is told before
        opened, *between = between
    assert opened.context is mine
    assert failure is None
    assert [each for each in between if each in SPOKEN] == list(SPOKEN)
    (sent,) = [each for each in between if isinstance(each, RealtimeModelSendUserInput)]
    assert sent in model.connection.sent
    first_audio = next(each for each in SPOKEN if each.type == "audio")
    delivered = next(each for each in between if getattr(each, "audio", None) is first_audio)
    assert between.index(first_audio) < between.index(delivered)


async def test_it_sees_events_that_the_application_did_not_ask_for() -> None:
    """And the application gets those it asked for, and no others."""
    witness, model = Witness(), FakeRealtimeModel()
    async with await session_with([witness], model, events=["agent_end"]) as session:
        await converse(session, model)
        assert (await session.receive()).type == "agent_end"
        assert session.statistics().events_unread == 0
    assert {"audio", "transcript_delta", "history_updated", "agent_end", "response_done"} <= set(
        witness.kinds
    )
    assert "raw_model_event" not in witness.kinds


@attrs.define(eq=False)
class Playing(FakeConnection):
    """A connection that writes down how much audio counts as played, piece by piece."""

    pieces: list[int] = attrs.field(factory=list[int], init=False)

    def audio_delivered(self, item_id: str, content_index: int, nbytes: int) -> None:
        self.pieces.append(nbytes)


async def test_audio_that_only_an_observer_sees_counts_as_heard() -> None:
    """As without the observer: somebody else plays it from when it arrives."""
    delivered: list[list[int]] = []
    for observers in ([], [Witness()]):
        model = FakeRealtimeModel()
        async with await session_with(observers, model, events=["agent_end"]) as session:
            connection = Playing(model.connection.config, 2, True)
            delivered.append(connection.pieces)
            session._link.replace(connection)
            connection.emit(SPOKEN)
            await trio.testing.wait_all_tasks_blocked()
    assert delivered[0]
    assert delivered[0] == delivered[1]


async def test_it_sees_an_interruption() -> None:
    """The event that overtakes others in the application's stream is told when it happens."""
    witness, model = Witness(), FakeRealtimeModel()
    async with await session_with([witness], model, events=[]):
        model.emit(
            SPOKEN[:4],
            RealtimeModelAudioInterruptedEvent(item_id="i1", content_index=0, heard_ms=5),
        )
        await trio.testing.wait_all_tasks_blocked()
    assert "audio_interrupted" in witness.kinds


@pytest.mark.parametrize("method", ["model_event", "session_event", "input_sent", "session_opened"])
async def test_an_observer_that_raises_is_dropped_and_the_session_goes_on(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, without what was raised; the other observers see everything."""
    calls: list[str] = []

    class Broken(SessionObserver):
        """Fails at one of its methods, and writes down what it is told afterwards."""

        def session_closed(self, failure: BaseException | None) -> None:
            calls.append("session_closed")

    def fail(_self: SessionObserver, _seen: object) -> None:
        calls.append(method)
        raise ValueError("the user's own words")

    setattr(Broken, method, fail)
    witness, model = Witness(), FakeRealtimeModel()
    with caplog.at_level(logging.DEBUG, logger="trio_realtime"):
        async with await session_with([Broken(), witness], model) as session:
            await converse(session, model)
            assert len(session.history) == 1
    assert calls == [method]
    (record,) = caplog.records
    assert "Broken" in record.getMessage()
    assert "ValueError" in record.getMessage()
    assert "words" not in record.getMessage()
    assert record.exc_info is None
    assert witness.seen[-1] is None
    assert "agent_end" in witness.kinds


async def test_a_class_makes_an_observer_for_each_session() -> None:
    """Each sees its own session only."""
    made: list[Witness] = []

    def make() -> Witness:
        made.append(Witness())
        return made[-1]

    model = FakeRealtimeModel()
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A"), model=model, config={"observers": [make]}
    )
    async with await runner.run() as first, await runner.run() as second:
        await first.send_audio(b"\1\1")
        await second.send_audio(b"\2\2")
    heard = [
        [each for each in one.seen if isinstance(each, RealtimeModelSendAudio)] for one in made
    ]
    assert heard == [
        [RealtimeModelSendAudio(audio=b"\1\1")],
        [RealtimeModelSendAudio(audio=b"\2\2")],
    ]


async def test_what_was_not_sent_is_not_seen_as_sent() -> None:
    """A refused input, and the failure at the end, which is told."""
    witness, model = Witness(), FakeRealtimeModel()
    with pytest.raises(RealtimeSessionClosed) as caught:
        async with await session_with([witness], model) as session:
            model.drop()
            await session.wait_closed()
            await session.send_audio(b"\0\0")
    assert not [each for each in witness.seen if isinstance(each, RealtimeModelSendAudio)]
    assert isinstance(witness.seen[-1], RealtimeConnectionClosed)
    assert caught.value.__cause__ is witness.seen[-1]


async def test_a_session_that_could_not_be_opened_is_closed_for_its_observers() -> None:
    """They hear of the end, without an opening before."""
    witness, model = Witness(), FakeRealtimeModel()
    model.fail_next_connect(RealtimeConnectionError("unreachable"))
    with pytest.raises(RealtimeConnectionError):
        async with await session_with([witness], model):
            raise AssertionError("opened")
    assert witness.seen == [None]


@pytest.mark.parametrize("wrong", [5, "observer", None])
def test_what_is_no_observer_is_refused_at_the_door(wrong: object) -> None:
    """The error names the place in the setting."""
    with pytest.raises(SettingsError, match="SessionObserver") as caught:
        RealtimeRunner(RealtimeAgent("A"), config={"observers": [SessionObserver(), wrong]})
    assert caught.value.path == "observers[1]"
