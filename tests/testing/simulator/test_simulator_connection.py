"""One connection over memory streams: pacing, timers, limits, and what a test may do to it."""

import math

import pytest
import trio
from support_simulator import Client, connected, open_client, silence, speech, types, user_message
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked
from trio_websocket import ConnectionClosed

from trio_realtime.testing.simulator import Fail, Heard, RealtimeSimulator, Reply, Say, Turn, Wait

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 5.0), (10.0, 0.5), (math.inf, 0.0)])
async def test_pace(autojump_clock: MockClock, speed: float, seconds: float) -> None:
    """Answers stream at the speed asked for."""
    simulator = RealtimeSimulator(lambda _: Say("Hello", audio_ms=5_000), speed=speed)
    async with connected(simulator) as client:
        before = trio.current_time()
        await client.send("response.create")
        await client.until("response.done")
        assert trio.current_time() - before == pytest.approx(seconds)


async def test_waiting_is_not_paced(autojump_clock: MockClock) -> None:
    """Scenario seconds are the clock's."""
    async with connected(RealtimeSimulator(lambda _: Wait(3.0), speed=math.inf)) as client:
        before = trio.current_time()
        await client.send("response.create")
        await client.until("response.done")
        assert trio.current_time() - before == pytest.approx(3.0)


async def test_async_responders(autojump_clock: MockClock) -> None:
    """They may take their time; the response is in progress meanwhile."""

    async def responder(turn: Turn) -> Reply:
        await trio.sleep(2.0)
        return f"Answer {turn.number}"

    simulator = RealtimeSimulator(responder)
    async with connected(simulator) as client:
        await client.send("response.create")
        await client.until("response.created")
        assert len(simulator.connections[0].active_responses) == 1
        done = (await client.until("response.done"))[-1]
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Answer 0"
        assert simulator.connections[0].active_responses == ()


async def test_cancelling_a_responder(autojump_clock: MockClock) -> None:
    """The function is cancelled, and nothing of it is ever said."""
    cancelled = False

    async def responder(_turn: Turn) -> Reply:
        nonlocal cancelled
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled = True
            raise

    async with connected(RealtimeSimulator(responder)) as client:
        await client.send("response.create")
        await wait_all_tasks_blocked()
        await client.send("response.cancel")
        done = (await client.until("response.done"))[-1]
        assert done["response"]["status"] == "cancelled"
        await wait_all_tasks_blocked()
    assert cancelled


async def test_cancelling_in_the_middle(autojump_clock: MockClock) -> None:
    """No delta comes after ``response.done``; the next response is free to begin."""
    async with connected(RealtimeSimulator(lambda _: Say("Hello", audio_ms=60_000))) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.until("rate_limits.updated")
        await trio.sleep(10)
        await client.say("And now?")
        events = await client.until("response.output_audio.delta")
        assert types(events)[:3] == [
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]


async def test_responses_side_by_side(autojump_clock: MockClock) -> None:
    """An out-of-band response streams beside the default one."""
    async with connected(RealtimeSimulator(lambda _: Say("Hello", audio_ms=1_000))) as client:
        await client.send("response.create")
        await client.send("response.create", response={"conversation": "none"})
        await client.until("response.done")
        await client.until("response.done")
    ids = [e["response_id"] for e in client.seen if e["type"] == "response.output_audio.delta"]
    assert len(set(ids)) == 2
    assert ids != sorted(ids)


async def test_a_client_that_does_not_read_holds_up_its_response_only() -> None:
    """However fast the simulator is; control events are honoured meanwhile."""
    simulator = RealtimeSimulator(lambda _: Say("Hello", audio_ms=60_000), speed=math.inf)
    client_end, server_end = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(simulator.serve_stream, server_end)
        client = await open_client(nursery, client_end)
        await client.send("response.create")
        await wait_all_tasks_blocked()
        await client.send("response.cancel")
        await simulator.connections[0].wait_received("response.cancel")
        assert simulator.connections[0].active_responses == ()
        events = await client.until("response.done")
        assert types(events).count("response.output_audio.delta") < 10
        assert events[-1]["response"]["status"] == "cancelled"
        await client.websocket.aclose()


async def test_barge_in(autojump_clock: MockClock) -> None:
    """Speech cuts the answer, and is answered itself."""
    async with connected(RealtimeSimulator(hears=["Stop"])) as client:
        await client.say("Tell me a long story")
        await client.until("response.output_audio.delta")
        await client.append(silence(100) + speech(500))
        done = (await client.until("response.done"))[-1]
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        await client.append(silence(500))
        done = (await client.until("response.done"))[-1]
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"].endswith("Stop")


async def test_late_transcripts(autojump_clock: MockClock) -> None:
    """They come when the scenario says, after the answer if need be."""
    simulator = RealtimeSimulator(lambda _: None, hears=[Heard("Hello", delay=7.0)])
    async with connected(simulator) as client:
        await client.send(
            "session.update",
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
            },
        )
        before = trio.current_time()
        await client.append(speech(300) + silence(500))
        events = await client.until(TRANSCRIBED)
        assert trio.current_time() - before == pytest.approx(7.0)
        assert "response.done" in types(events)


async def set_idle_timeout(client: Client, timeout_ms: int | None) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": timeout_ms}
    await client.send(
        "session.update",
        session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}},
    )
    await client.until("session.updated")


async def test_idle_timeout(autojump_clock: MockClock) -> None:
    """It counts from the end of playback, and again after each response."""
    async with connected(
        RealtimeSimulator(lambda _: Say("Hello", audio_ms=4_000), speed=math.inf)
    ) as client:
        await set_idle_timeout(client, 6_000)
        await client.send("response.create")
        await client.until("response.done")
        for _ in range(2):
            before = trio.current_time()
            await client.until("input_audio_buffer.timeout_triggered")
            assert trio.current_time() - before == pytest.approx(10.0)
            await client.until("rate_limits.updated")
        await set_idle_timeout(client, None)
        before = trio.current_time()
        await client.send("input_audio_buffer.clear")
        await trio.sleep(60)
        assert types(await client.until("input_audio_buffer.cleared")) == [
            "input_audio_buffer.cleared"
        ]


async def test_speech_stops_the_idle_timeout(autojump_clock: MockClock) -> None:
    """Whoever speaks is not idle."""
    async with connected(RealtimeSimulator(lambda _: None, speed=math.inf)) as client:
        await set_idle_timeout(client, 5_000)
        await client.send("response.create")
        await client.until("rate_limits.updated")
        await trio.sleep(4)
        await client.append(speech(100))
        await trio.sleep(60)
        await client.send("input_audio_buffer.clear")
        assert types(await client.until("input_audio_buffer.cleared")) == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.cleared",
        ]


async def test_the_session_limit(autojump_clock: MockClock) -> None:
    """After an hour the server says goodbye with 1001, also in mid-sentence."""
    simulator = RealtimeSimulator(lambda _: Wait(10_000))
    async with connected(simulator) as client:
        before = trio.current_time()
        await client.send("response.create")
        with pytest.raises(ConnectionClosed) as caught:
            await client.until("response.done")
        assert trio.current_time() - before == pytest.approx(3_600)
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1001
        assert caught.value.reason.reason == (
            "Your session hit the maximum duration of 60 minutes."
        )
    assert simulator.connections[0].closed.is_set()


async def test_an_hour_of_conversation(autojump_clock: MockClock) -> None:
    """A turn every twenty seconds, spoken and written in turn, in next to no time."""
    turns = 178
    simulator = RealtimeSimulator(lambda _: Say("Go on.", audio_ms=500))
    async with connected(simulator) as client:
        for number in range(turns):
            if number % 2:
                await client.say(f"Question {number}")
            else:
                await client.append(silence(200) + speech(400) + silence(500))
            done = (await client.until("response.done"))[-1]
            assert done["response"]["status"] == "completed"
            await trio.sleep(20)
        (connection,) = simulator.connections
        assert 3_560 < trio.current_time() < 3_600
        items = connection.conversation.items
        assert len(items) == 2 * turns
        assert [item.fields["role"] for item in items] == ["user", "assistant"] * turns
        heard = [e["audio_start_ms"] for e in client.seen if "audio_start_ms" in e]
        assert heard == [0, *(1_100 * n for n in range(1, turns // 2))]


# -- what a test may look at -----------------------------------------------------------------------


async def test_what_was_received(autojump_clock: MockClock) -> None:
    """Events as they came, also the invalid ones, and a way to wait for them."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client, trio.open_nursery() as nursery:
        (connection,) = simulator.connections
        nursery.start_soon(client.send, "conversation.item.create")
        await connection.wait_received("conversation.item.create")
        assert connection.received == [{"type": "conversation.item.create"}]
        await client.send("conversation.item.create", item=user_message("Hello"))
        await client.send("response.cancel")
        await connection.wait_received("conversation.item.create", 2)
        await connection.wait_received("response.cancel")
        assert types(connection.received_of("response.cancel")) == ["response.cancel"]
        assert len(connection.received) == 3
        assert not connection.closed.is_set()
        assert connection.close_code is None
        assert connection.session["type"] == "realtime"
    assert connection.closed.is_set()
    with pytest.raises(trio.BrokenResourceError, match=r"1 of 2 response\.cancel"):
        await connection.wait_received("response.cancel", 2)


async def test_what_was_received_need_not_be_kept() -> None:
    """One can wait for it all the same."""
    simulator = RealtimeSimulator(keep_received=False)
    async with connected(simulator) as client:
        (connection,) = simulator.connections
        await client.send("response.cancel")
        await client.websocket.send_message("nonsense")
        await client.until("error")
        await client.until("error")
        await connection.wait_received("response.cancel")
        assert connection.received == []


async def test_waiting_for_what_never_comes() -> None:
    """The end of the connection ends it."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client, trio.open_nursery() as nursery:
        (connection,) = simulator.connections

        async def wait() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await connection.wait_received("response.create")

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await client.websocket.aclose(4_000)
    assert connection.close_code == 4_000


# -- what a test may do ----------------------------------------------------------------------------


async def test_sending_anything() -> None:
    """Events get an id unless they have one; raw text goes out as it is."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        (connection,) = simulator.connections
        await connection.send({"b": 1, "type": "future.event"})
        await connection.send({"event_id": "mine", "type": "future.event"})
        await connection.send_text("{not json")
        first, second = await client.receive(), await client.receive()
        assert list(first) == ["type", "event_id", "b"]
        assert first["event_id"].startswith("event_sim")
        assert second == {"type": "future.event", "event_id": "mine"}
        assert await client.websocket.get_message() == "{not json"


async def test_dropping_the_connection() -> None:
    """The client sees no goodbye, and what was sent before it still arrives."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        (connection,) = simulator.connections
        await connection.send({"type": "last.words"})
        await connection.drop()
        assert (await client.receive())["type"] == "last.words"
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1006
        await connection.drop()
        await connection.send({"type": "too.late"})
    assert connection.close_code == 1006


async def test_dropping_while_the_client_does_not_read() -> None:
    """What it has not read is lost; nobody waits for it."""
    simulator = RealtimeSimulator(speed=math.inf)
    client_end, server_end = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(simulator.serve_stream, server_end)
        client = await open_client(nursery, client_end)
        await client.send("response.create")
        await wait_all_tasks_blocked()
        nursery.start_soon(simulator.connections[0].send, {"type": "last.words"})
        await wait_all_tasks_blocked()
        await simulator.connections[0].drop()
        with pytest.raises(ConnectionClosed):
            await client.until("response.done")


async def test_closing_with_a_code() -> None:
    """After all that was sent before."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        (connection,) = simulator.connections
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send, {"type": "last.words"})
            nursery.start_soon(connection.close, 4_321, "Enough.")
            assert (await client.receive())["type"] == "last.words"
            with pytest.raises(ConnectionClosed) as caught:
                await client.receive()
        assert caught.value.reason is not None
        assert (caught.value.reason.code, caught.value.reason.reason) == (4_321, "Enough.")
        await connection.close()


async def test_a_responder_may_close_its_own_connection() -> None:
    """It is cancelled by that, like everything else of the connection."""
    simulator = RealtimeSimulator()

    async def responder(_turn: Turn) -> Reply:
        await simulator.connections[0].close(1_011)
        return "never"

    simulator.responder = responder
    async with connected(simulator) as client:
        await client.send("response.create")
        with pytest.raises(ConnectionClosed) as caught:
            await client.until("response.done")
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1_011


async def test_a_client_that_leaves_without_waiting_for_answers() -> None:
    """All it sent is still taken in."""
    simulator = RealtimeSimulator()
    async with connected(simulator) as client:
        for _ in range(20):
            await client.send("response.cancel")
        await client.websocket.aclose(1_001)
        (connection,) = simulator.connections
        await connection.closed.wait()
    assert len(connection.received) == 20
    assert connection.close_code == 1001


async def test_a_client_that_vanishes_in_mid_sentence() -> None:
    """Its tasks end, and nobody else notices."""
    simulator = RealtimeSimulator(lambda _: [Say("Hello", audio_ms=60_000), Fail()])
    async with connected(simulator) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await trio.aclose_forcefully(client.websocket._stream)
        await simulator.connections[0].closed.wait()
    assert simulator.connections[0].close_code == 1006
