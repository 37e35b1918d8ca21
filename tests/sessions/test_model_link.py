"""The line between a session and its model: one connection at a time, and what is said early."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from trio_realtime import (
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
)
from trio_realtime.models.events import RealtimeModelDtmfEvent, RealtimeModelEvent
from trio_realtime.models.inputs import (
    RealtimeModelClearAudio,
    RealtimeModelInput,
    RealtimeModelSendAudio,
)
from trio_realtime.models.model_config import RealtimeModelConfig
from trio_realtime.sessions.link.early_audio import MAX_BYTES, EarlyAudio
from trio_realtime.sessions.link.model_link import ModelLink
from trio_realtime.testing import FakeConnection, FakeRealtimeModel

Clock = trio.testing.MockClock


def audio(number: int = 0, nbytes: int = 4_800) -> RealtimeModelSendAudio:
    return RealtimeModelSendAudio(audio=bytes([number]) * nbytes)


def key(name: str) -> RealtimeModelDtmfEvent:
    return RealtimeModelDtmfEvent(key=name)


@attrs.define
class Line:
    """A link over the first of some connections of the fake model, and what it delivered."""

    link: ModelLink
    connections: list[FakeConnection]
    keys: list[str] = attrs.field(factory=list[str])
    """The keys delivered, in order."""
    ended: list[BaseException | None] = attrs.field(factory=list[BaseException | None])
    """What ended the delivery, once it has."""

    async def receive(self) -> None:
        try:
            await self.link.deliver(self.handle)
        except RealtimeConnectionError as exc:
            self.ended.append(exc)
        else:
            self.ended.append(None)

    def handle(self, event: RealtimeModelEvent) -> None:
        assert isinstance(event, RealtimeModelDtmfEvent)
        self.keys.append(event.key)


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    """A link that a task receives from."""
    model = FakeRealtimeModel()
    async with trio.open_nursery() as nursery:
        async with model.connect(RealtimeModelConfig()), model.connect(RealtimeModelConfig()):
            link = ModelLink()
            link.replace(model.connections[0])
            made = Line(link, model.connections)
            nursery.start_soon(made.receive)
            await trio.testing.wait_all_tasks_blocked()
            yield made
        nursery.cancel_scope.cancel()


# -- early audio ----------------------------------------------------------------------


def test_early_audio_is_kept_in_order_and_bounded() -> None:
    """What does not fit is not kept, and what was taken makes room."""
    early = EarlyAudio()
    assert early.take() is None
    assert early.keep(audio(1, MAX_BYTES - 10))
    assert not early.keep(audio(2, 11))
    assert early.keep(audio(3, 10))
    assert early.nbytes == MAX_BYTES
    assert [early.take(), early.take()] == [audio(1, MAX_BYTES - 10), audio(3, 10)]
    assert early.nbytes == 0
    assert early.take() is None


@attrs.define
class SlowToConnect(FakeRealtimeModel):
    """A fake model that takes a minute to connect."""

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncIterator[FakeConnection]:
        await trio.sleep(60)
        async with FakeRealtimeModel.connect(self, config) as connection:
            yield connection


async def test_the_bound_of_early_audio_holds_for_all_tasks_together(autojump_clock: Clock) -> None:
    """Two hundred tasks speak while the session connects: as much is kept as of one task."""
    model = SlowToConnect()
    runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent("A"), model=model)
    session = await runner.run()
    kept: list[int] = []

    async def speak(number: int) -> None:
        await session.send_audio(bytes([number]) * (MAX_BYTES // 4))
        if not model.connections:
            kept.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(200):
            nursery.start_soon(speak, number)
        await trio.sleep(1)
        assert len(kept) == 4
        await trio.sleep(100)
        sent = audio_of(model.connection.sent)
        assert [data[0] for data in sent[:4]] == kept
        assert sorted(data[0] for data in sent) == list(range(200))
        await session.aclose()


def audio_of(sent: Sequence[RealtimeModelInput]) -> list[bytes]:
    return [each.audio for each in sent if isinstance(each, RealtimeModelSendAudio)]


async def test_audio_that_waits_is_cancelled_without_a_trace(autojump_clock: Clock) -> None:
    """A task that gives up waiting to speak has said nothing; the others go on."""
    model = SlowToConnect()
    runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent("A"), model=model)
    session = await runner.run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await trio.testing.wait_all_tasks_blocked()
        await session.send_audio(b"\1" * MAX_BYTES)
        nursery.start_soon(session.send_audio, b"\2" * 4_800)
        with trio.move_on_after(1) as scope:
            await session.send_audio(b"\3" * 4_800)
        assert scope.cancelled_caught
        await trio.sleep(100)
        assert [data[0] for data in audio_of(model.connection.sent)] == [1, 2]
        await session.aclose()


async def test_audio_sent_while_the_link_becomes_ready_goes_the_usual_way() -> None:
    """It was to be kept, and is sent instead, as nobody would send what is kept any more."""
    async with line() as made:
        outcome: list[bool] = []

        async def speak() -> None:
            outcome.append(await made.link.send_early(audio()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            nursery.start_soon(made.link.send_kept)
        assert outcome in ([True], [False])
        assert len(made.connections[0].sent) == outcome[0]
        assert not await made.link.send_early(audio())


# -- replacing the connection -----------------------------------------------------------


async def test_after_a_replacement_both_ways_lead_over_the_new_connection() -> None:
    """Inputs go there and events come from there; nothing more comes from the old one."""
    async with line() as made:
        old, new = made.connections
        old.emit(key("1"))
        await trio.testing.wait_all_tasks_blocked()
        new.emit(key("3"))
        made.link.replace(new)
        old.emit(key("2"))
        await trio.testing.wait_all_tasks_blocked()
        new.emit(key("4"))
        await made.link.send(audio())
        await trio.testing.wait_all_tasks_blocked()
        assert (old.sent, new.sent) == ([], [audio()])
        assert made.keys[0] == "1"
        assert made.keys[made.keys.index("3") :] == ["3", "4"]  # none of the old one after these
        assert not made.ended


@pytest.mark.parametrize("end", [FakeConnection.drop, FakeConnection.close])
async def test_the_end_of_a_replaced_connection_is_not_the_links(
    end: Callable[[FakeConnection], None],
) -> None:
    """However it ends, the link goes on; the end of the current one is the link's."""
    async with line() as made:
        old, new = made.connections
        made.link.replace(new)
        end(old)
        await trio.testing.wait_all_tasks_blocked()
        assert not made.ended
        end(new)
        await trio.testing.wait_all_tasks_blocked()
        assert len(made.ended) == 1


async def test_a_connection_that_ends_in_the_moment_it_is_replaced() -> None:
    """Its end has arrived before the replacement, and is not raised all the same."""
    async with line() as made:
        old, new = made.connections
        old.drop()
        made.link.replace(new)
        new.emit(key("1"))
        await trio.testing.wait_all_tasks_blocked()
        assert (made.keys, made.ended) == (["1"], [])


@attrs.define
class Congested(FakeConnection):
    """A connection that takes an input only once it is closed, and then refuses it."""

    waiting: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def send(self, input: RealtimeModelInput) -> None:
        await self.waiting.wait()
        raise RealtimeSessionClosed("the connection is closed")


async def test_an_input_that_the_old_connection_refuses_goes_over_the_new_one() -> None:
    """Who waited to send over a congested connection is served by its successor, once."""
    async with line() as made:
        congested = Congested(RealtimeModelConfig(), 3, True)
        made.link.replace(congested)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.link.send, audio(1))
            nursery.start_soon(made.link.send, RealtimeModelClearAudio())
            await trio.testing.wait_all_tasks_blocked()
            made.link.replace(made.connections[1])
            congested.waiting.set()
        sent = made.connections[1].sent
        assert sorted(map(repr, sent)) == sorted(map(repr, [audio(1), RealtimeModelClearAudio()]))


async def test_a_refusal_of_the_current_connection_is_the_senders() -> None:
    """It is raised, and known as a consequence of the connection's end."""
    async with line() as made:
        made.connections[0].close()
        with pytest.raises(RealtimeSessionClosed) as caught:
            await made.link.send(audio())
        assert made.link.caused(caught.value)
        assert not made.link.caused(RealtimeSessionClosed("of another session"))


async def test_a_session_goes_on_over_another_connection() -> None:
    """The application notices nothing: its inputs and events pass as before."""
    model = FakeRealtimeModel()
    runner: RealtimeRunner[Any] = RealtimeRunner(
        RealtimeAgent("A"), model=model, config={"events": ["dtmf_received"]}
    )
    async with await runner.run() as session, model.connect(RealtimeModelConfig()) as second:
        await over_both(session, model.connections[0], second)


async def over_both(
    session: RealtimeSession[Any], first: FakeConnection, second: FakeConnection
) -> None:
    keys: list[str] = []

    async def press(connection: FakeConnection, name: str) -> None:
        connection.emit(key(name))
        event = await session.receive()
        assert event.type == "dtmf_received"
        keys.append(event.key)

    await press(first, "1")
    session._link.replace(second)
    await press(second, "2")
    await session.send_audio(b"\0\0")
    assert second.sent == [RealtimeModelSendAudio(audio=b"\0\0")]
    assert keys == ["1", "2"]
