"""Errors and endings, row by row; those about closing are in `test_session_lifecycle`."""

import pytest
import trio
import trio.testing
from support_sessions import kinds, open_stage, settle, until

from trio_realtime import (
    RealtimeConnectionClosed,
    RealtimeError,
    RealtimeProtocolError,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
)

Clock = trio.testing.MockClock

BAD_FRAMES = {
    "not JSON": "hello",
    "a number": "17",
    "no type": "{}",
    "nothing to delete": '{"type":"conversation.item.deleted","item_id":[5]}',
    "bad base64": '{"type":"response.output_audio.delta","event_id":"e","response_id":"r",'
    '"item_id":"i","output_index":0,"content_index":0,"delta":"!!!"}',
    "no item": '{"type":"conversation.item.added","item":5}',
}


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_a_bad_frame_is_an_error_event(frame: str, autojump_clock: Clock) -> None:
    """With the reason, which repeats nothing of the frame; the session goes on."""
    async with open_stage() as stage, await stage.session() as session:
        await stage.server.send_text(frame)
        events = await until(session, "error")
        error = events[-1]
        assert isinstance(error, RealtimeError)
        assert isinstance(error.error, RealtimeProtocolError)
        assert "hello" not in str(error.error)
        await session.send_message("Still there?")
        await until(session, "agent_end")


async def test_unknown_events_pass_raw(autojump_clock: Clock) -> None:
    """No error, and the whole event where somebody looks."""
    async with open_stage() as stage, await stage.session() as session:
        await stage.server.send({"type": "brand.new", "event_id": "e", "a": [1]})
        await settle()
        await session.aclose()
        events = [event async for event in session]
        assert "error" not in kinds(events)
        raw = [e.data for e in events if isinstance(e, RealtimeRawModelEvent)]
        new = [
            e.data for e in raw if e.type == "raw_server_event" and e.data["type"] == "brand.new"
        ]
        assert new == [{"type": "brand.new", "event_id": "e", "a": [1]}]


async def test_two_consumers_compete_and_both_end(autojump_clock: Clock) -> None:
    """Each event goes to one of them, and the end to both."""
    seen: list[list[RealtimeSessionEvent]] = [[], []]
    async with open_stage() as stage, await stage.session() as session:

        async def consume(mine: list[RealtimeSessionEvent]) -> None:
            async for event in session:
                mine.append(event)
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            for mine in seen:
                nursery.start_soon(consume, mine)
            await session.send_message("Hello")
            await trio.sleep(30)
            await stage.server.close(1000)
        assert all(seen)
        together = kinds([*seen[0], *seen[1]])
        assert together.count("agent_end") == 1


async def test_large_messages(autojump_clock: Clock) -> None:
    """9 MiB pass by default; above the limit the connection ends with 1009."""
    text = "x" * (9 * 2**20)
    async with open_stage() as stage, await stage.session() as session:
        await stage.server.send({"type": "big", "event_id": "e", "text": text})
        await until(session, "raw_model_event", 3)
    async with open_stage() as stage:
        async with await stage.session(transport={"max_message_size": 2**20}) as session:
            await stage.server.send({"type": "big", "event_id": "e", "text": text})
            with pytest.raises(RealtimeConnectionClosed) as caught:
                await until(session, "error")
            assert caught.value.code == 1009
