"""Interruptions: what the application is told, what the server is told, and how soon.

The simulator's clock is virtual, and what the application takes counts as heard from then on, so
every position is exact.
"""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimePlaybackTracker,
    RealtimeResponseDone,
    RealtimeSession,
    RealtimeSessionEvent,
    ToolContext,
    function_tool,
)
from trio_realtime.testing.simulator import CallFunction, Say, Text, Wait

Clock = trio.testing.MockClock
Session = RealtimeSession[Any]

LOUD = (b"\x00\x40" * 30 + b"\x00\xc0" * 30) * 40
"""100 ms of a loud square wave: somebody speaks."""

TRUNCATE, DELETE = "conversation.item.truncate", "conversation.item.delete"


def vad(interrupts: bool, kind: str = "server_vad") -> Mapping[str, Any]:
    detection = {"type": kind, "interrupt_response": interrupts, "create_response": False}
    return {"turn_detection": detection}


def sent(stage: Stage, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in stage.server.received if event["type"] in kinds]


def audio_of(events: list[RealtimeSessionEvent]) -> list[RealtimeAudio]:
    return [event for event in events if isinstance(event, RealtimeAudio)]


async def take_audio(session: Session, count: int) -> list[RealtimeAudio]:
    """Take so many pieces of audio, of 100 ms each; they are heard from now on."""
    return audio_of(await until(session, "audio", count))


async def interruption(session: Session) -> RealtimeAudioInterrupted:
    event = (await until(session, "audio_interrupted"))[-1]
    assert isinstance(event, RealtimeAudioInterrupted)
    return event


async def what_follows(session: Session) -> list[RealtimeSessionEvent]:
    """Everything until nothing more happens."""
    await trio.sleep(120)
    await session.aclose()
    return [event async for event in session]


# -- how soon ---------------------------------------------------------------------------------


async def time_to_hear_of_it(backlog_ms: int) -> tuple[float, list[str]]:
    """Seconds from the user's speech to `audio_interrupted`, and the events between, for an
    application that takes one event a second."""
    taken: list[tuple[float, str]] = []
    async with open_stage(
        responder=lambda _turn: Say("Long " * 99, audio_ms=backlog_ms), speed=math.inf
    ) as stage:
        config = {"events": ["audio", "audio_interrupted", "transcript_delta"]}
        async with await stage.session(config=config, initial_model_settings=vad(True)) as session:
            await session.send_message("Go on")
            async with trio.open_nursery() as nursery:

                async def read() -> None:
                    async for event in session:
                        taken.append((trio.current_time(), event.type))
                        if event.type == "audio_interrupted":
                            return
                        if event.type == "audio":
                            await trio.sleep(1)

                nursery.start_soon(read)
                await trio.sleep(5.5)
                assert stage.server.active_responses == ()  # all of it is buffered
                spoken = trio.current_time()
                await session.send_audio(LOUD)
    after = [(at - spoken, kind) for at, kind in taken if at >= spoken]
    return after[-1][0], [kind for _at, kind in after]


async def test_the_backlog_does_not_matter(autojump_clock: Clock) -> None:
    """With one audio event a second taken and a minute of audio buffered, the interruption is the
    next thing the application gets: as soon as with a tenth of that."""
    short = await time_to_hear_of_it(6_000)
    long = await time_to_hear_of_it(60_000)
    assert short == long
    seconds, events = long
    assert (round(seconds, 9), events) == (0.5, ["audio_interrupted"])


# -- what is heard, and what is said of it ------------------------------------------------------


async def break_in(session: Session, how: str) -> None:
    if how == "speech":
        await session.send_audio(LOUD)
    else:
        await session.interrupt()
    await settle()


@pytest.mark.parametrize("how", ["speech", "interrupt()"])
async def test_cut_where_it_was_heard(how: str, autojump_clock: Clock) -> None:
    """Told to the application before any stale audio, and to the server."""
    async with open_stage(
        responder=lambda _turn: Say("A tale of woe.", audio_ms=9_000), speed=30
    ) as stage:
        async with await stage.session(initial_model_settings=vad(True)) as session:
            await session.send_message("Tell")
            await take_audio(session, 10)
            await trio.sleep(0.25)
            await break_in(session, how)
            event = await session.receive()
            while event.type != "audio_interrupted":
                assert event.type != "audio"
                event = await session.receive()
            assert isinstance(event, RealtimeAudioInterrupted)
            # Ten pieces came in 30 ms of the clock, and 250 ms later 280 ms of them are heard.
            assert event.heard_ms == pytest.approx(280, abs=1)
            (truncate,) = sent(stage, TRUNCATE, DELETE)
            assert truncate["audio_end_ms"] == event.heard_ms
            assert truncate["item_id"] == event.item_id
            assert not audio_of(await what_follows(session))
            (item,) = [i for i in stage.server.conversation.items if i.id == event.item_id]
            assert item.parts is not None
            assert item.parts[0].audio_ms == event.heard_ms


@pytest.mark.parametrize("confirmed", [True, False])
async def test_history_shows_what_was_heard(confirmed: bool, autojump_clock: Clock) -> None:
    """The position, and the transcript as far as it had come; without waiting for the server."""
    async with open_stage(
        responder=lambda _turn: Say("one two three four", audio_ms=4_000), speed=1
    ) as stage:
        if not confirmed:
            stage.simulator.ignore_next(TRUNCATE)
        async with await stage.session(initial_model_settings=vad(True)) as session:
            await session.send_message("Count")
            await take_audio(session, 15)
            await break_in(session, "speech")
            event = await interruption(session)
            await settle()
            item = session.history[-1]
            assert isinstance(item, AssistantMessageItem)
            (part,) = item.content
            assert part.type == "audio"
            assert part.heard_ms == event.heard_ms == 1_400
            assert part.transcript == "one two "
            assert item.status == "incomplete"


async def test_nothing_heard(autojump_clock: Clock) -> None:
    """The server has to forget the item, since it refuses to cut at 0 ms; nobody sees an error."""
    async with open_stage(responder=lambda _turn: Say("Unheard.", audio_ms=900), speed=1) as stage:
        async with await stage.session(initial_model_settings=vad(True)) as session:
            await session.send_message("Speak")
            await stage.server.wait_received("response.create")
            await trio.sleep(0.5)
            await break_in(session, "speech")
            assert (await interruption(session)).heard_ms == 0
            assert [event["type"] for event in sent(stage, TRUNCATE, DELETE)] == [DELETE]
            assert "error" not in kinds(await what_follows(session))
            assert [item.type for item in session.history] == ["message"]  # the user's


async def test_several_items_after_the_end(autojump_clock: Clock) -> None:
    """The response ended long ago; one item is half heard, one not begun, and one was heard."""
    words = [Say("Heard.", audio_ms=300), Say("Half.", audio_ms=400), Say("Never.", audio_ms=500)]
    async with open_stage(responder=lambda _turn: list(words), speed=math.inf) as stage:
        async with await stage.session(initial_model_settings=vad(False)) as session:
            await session.send_message("Speak")
            heard = await take_audio(session, 7)
            await settle()
            await trio.sleep(0.45)
            await break_in(session, "speech")
            first, second = await interruption(session), await interruption(session)
            half, never = heard[-1].item_id, second.item_id
            assert (first.item_id, first.heard_ms) == (half, 150)
            assert second.heard_ms == 0
            assert never not in {half, heard[0].item_id}
            assert [
                (event["type"], event["item_id"]) for event in sent(stage, TRUNCATE, DELETE)
            ] == [
                (TRUNCATE, half),
                (DELETE, never),
            ]
            assert sent(stage, "response.cancel") == []
            follows = await what_follows(session)
            assert {"audio", "audio_interrupted", "error"}.isdisjoint(kinds(follows))


async def test_all_was_heard(autojump_clock: Clock) -> None:
    """Then nobody is interrupted."""
    async with open_stage(
        responder=lambda _turn: Say("Short.", audio_ms=400), speed=math.inf
    ) as stage:
        async with await stage.session(initial_model_settings=vad(True)) as session:
            await session.send_message("Speak")
            await until(session, "agent_end")
            await trio.sleep(1)
            await break_in(session, "speech")
            assert "audio_interrupted" not in kinds(await what_follows(session))
            assert sent(stage, TRUNCATE, DELETE, "response.cancel") == []


async def test_the_tracker_knows(autojump_clock: Clock) -> None:
    """Not the clock: the position is what was reported, and no more than was received."""
    tracker = RealtimePlaybackTracker()
    async with open_stage(
        responder=lambda _turn: Say("Slowly.", audio_ms=900), speed=math.inf
    ) as stage:
        async with await stage.session(
            initial_model_settings=vad(True), playback_tracker=tracker
        ) as session:
            await session.send_message("Speak")
            (first, *_) = await take_audio(session, 9)
            tracker.on_play_ms(first.item_id, 0, 170)
            await trio.sleep(30)
            await break_in(session, "speech")
            assert (await interruption(session)).heard_ms == 170
            assert tracker.get_state()["elapsed_ms"] is None


# -- who cancels, and what ----------------------------------------------------------------------


@pytest.mark.parametrize("interrupts", [True, False])
@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize(
    "reply",
    [
        Say("On and on and on.", audio_ms=9_000),
        [Wait(50), Say("Not yet begun.")],
        Text("In writing, at length, for a long time, " * 9),
    ],
    ids=["speaking", "before the first delta", "writing"],
)
async def test_cancelled_once(
    reply: Any, kind: str, interrupts: bool, autojump_clock: Clock
) -> None:
    """By the server, or else by us; and only what is unheard is interrupted."""
    async with (
        open_stage(responder=lambda _turn: reply, speed=1) as stage,
        await stage.session(
            config={"events": "all"}, initial_model_settings=vad(interrupts, kind)
        ) as session,
    ):
        await session.send_message("Begin")
        seen = await until(session, "agent_start")
        await trio.sleep(0.5)
        (active,) = stage.server.active_responses
        await break_in(session, "speech")
        seen += await until(session, "response_done")
        done = seen[-1]
        assert isinstance(done, RealtimeResponseDone)
        reason = "turn_detected" if interrupts else "client_cancelled"
        assert (done.status, done.reason) == ("cancelled", reason)
        cancelled = [event["response_id"] for event in sent(stage, "response.cancel")]
        assert cancelled == ([] if interrupts else [active])
        assert ("audio_interrupted" in kinds(seen)) == isinstance(reply, Say)
        assert "error" not in kinds(await what_follows(session))


@pytest.mark.parametrize("says", [True, False])
async def test_the_servers_word_counts(says: bool, autojump_clock: Clock) -> None:
    """Not what was asked of it."""
    async with open_stage(
        responder=lambda _turn: Say("On and on.", audio_ms=9_000), speed=1
    ) as stage:
        async with await stage.session(initial_model_settings=vad(not says)) as session:
            await settle()
            detection = {"type": "server_vad", "interrupt_response": says}
            changed = {**stage.server.session, "audio": {"input": {"turn_detection": detection}}}
            await stage.server.send({"type": "session.updated", "session": changed})
            await session.send_message("Begin")
            await take_audio(session, 2)
            speech = {"audio_start_ms": 0, "item_id": "item_user"}
            await stage.server.send({"type": "input_audio_buffer.speech_started", **speech})
            await settle()
            assert len(sent(stage, "response.cancel")) == (0 if says else 1)


async def test_never_the_next_response(autojump_clock: Clock) -> None:
    """An interruption is of what is being said or heard, not of what waits for its turn."""
    reply = Say("Five words of one answer.", audio_ms=2_000)
    async with open_stage(responder=lambda _turn: reply, speed=2) as stage:
        async with await stage.session(initial_model_settings=vad(False)) as session:
            first = await session.respond("one")
            await settle()
            second = await session.respond("two")
            await take_audio(session, 3)
            await break_in(session, "speech")
            assert (await first.wait_done()).status == "cancelled"
            assert (await second.wait_done()).status == "completed"
            await until(session, "audio_end")
            # It has ended and is still heard: there is nothing to cancel.
            await break_in(session, "interrupt()")
            third = await session.respond("three")
            assert (await third.wait_done()).status == "completed"
            assert len(sent(stage, "response.cancel")) == 1


async def test_late_audio(autojump_clock: Clock) -> None:
    """What comes of a cancelled response is not delivered, and the server forgets what was begun
    too late to be heard."""
    words = [Say("First.", audio_ms=1_000), Say("Second.", audio_ms=1_000)]
    async with open_stage(responder=lambda _turn: list(words), speed=1) as stage:
        async with await stage.session() as session:
            stage.simulator.ignore_next("response.cancel")
            await session.send_message("Speak")
            await take_audio(session, 4)
            await break_in(session, "interrupt()")
            follows = await what_follows(session)
            assert "audio" not in kinds(follows)
            assert "audio_end" not in kinds(follows)
            assert kinds(follows).count("audio_interrupted") == 1
            cuts = sent(stage, TRUNCATE, DELETE)
            assert [event["type"] for event in cuts] == [TRUNCATE, DELETE]
            spoken = [i for i in stage.server.conversation.items if i.fields.get("role") != "user"]
            assert [item.id for item in spoken] == [cuts[0]["item_id"]]
            assert [item.item_id for item in session.history[1:]] == [cuts[0]["item_id"]]


async def test_beside_the_conversation(autojump_clock: Clock) -> None:
    """What is heard of it is interrupted like all else; its items are not the server's to cut."""
    async with open_stage(
        responder=lambda _turn: Say("Beside it.", audio_ms=2_000), speed=1
    ) as stage:
        async with await stage.session() as session:
            beside = await session.create_response(conversation="none")
            await take_audio(session, 2)
            await session.interrupt()
            assert (await interruption(session)).heard_ms == 100
            await beside.wait_played()
            assert "audio" not in kinds(await what_follows(session))
            assert sent(stage, TRUNCATE, DELETE) == []


# -- tools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["speech", "interrupt()"])
async def test_tools_that_want_to_be_cancelled(how: str, autojump_clock: Clock) -> None:
    """The others go on."""
    ended: list[str] = []

    @function_tool(on_interrupt="cancel")
    async def look_up(ctx: ToolContext[Any]) -> str:
        """Search for long."""
        try:
            await trio.sleep(60)
        except trio.Cancelled:
            ended.append("cancelled")
            raise
        return "found"

    @function_tool
    async def book(ctx: ToolContext[Any]) -> str:
        """Book for long."""
        await trio.sleep(30)
        ended.append("booked")
        return "booked"

    agent = RealtimeAgent("Clerk", tools=[look_up, book])
    calls = [CallFunction("look_up"), CallFunction("book")]
    async with open_stage(responder=lambda turn: None if turn.number else list(calls)) as stage:
        async with await stage.session(agent, initial_model_settings=vad(True)) as session:
            await session.send_message("Look")
            await until(session, "tool_start", 2)
            await break_in(session, how)
            assert ended == ["cancelled"]
            await until(session, "tool_end", 2)
            assert ended == ["cancelled", "booked"]
