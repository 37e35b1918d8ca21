"""How calls end: by whom, when, and that nothing is left of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support_twilio import Line, phone_call, speech
from trio.testing import MockClock

from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    RealtimeSessionEvent,
)
from trio_realtime.models import events as model
from trio_realtime.recording import SessionRecorder
from trio_realtime.telephony.sockets import TwilioSocket
from trio_realtime.telephony.stand_in import memory_sockets, stand_in_call
from trio_realtime.telephony.twilio import TwilioCall, bridge_twilio
from trio_realtime.testing import FakeRealtimeModel
from trio_realtime.testing.checkpoints import cancel_at_each_checkpoint
from trio_realtime.testing.leaks import assert_nothing_survives
from trio_realtime.testing.simulator import RealtimeSimulator, Say

MOMENTS = [0.0, 0.01, 0.3, 0.99, 1.0, 1.13, 1.5, 2.31, 3.4]
"""Seconds into a call of which the answer begins after 1 s and takes 2 s."""


def answering(ms: int) -> RealtimeSimulator:
    return RealtimeSimulator(lambda turn: Say("An answer.", audio_ms=ms))


async def talk(line: Line) -> None:
    """What the caller does; it ends with the call."""
    try:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(10_000)
    except trio.EndOfChannel:
        return


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_caller_may_hang_up_at_any_moment(
    autojump_clock: MockClock, moment: float
) -> None:
    """Everything ends at once, without an error."""
    async with (
        assert_nothing_survives(),
        phone_call(answering(2_000)) as line,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(talk, line)
        await trio.sleep(moment)
        await line.caller.hang_up()
        with trio.fail_after(0.1):
            await line.over.wait()
    if line.result is not None:
        assert line.result.ended_by == "caller"


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_line_that_breaks_is_a_hang_up(autojump_clock: MockClock, moment: float) -> None:
    """Without a stop message, and whatever is being sent."""
    sockets = memory_sockets()
    async with (
        assert_nothing_survives(),
        phone_call(answering(2_000), sockets=sockets) as line,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(talk, line)
        await trio.sleep(moment)
        await sockets[0].aclose()
        with trio.fail_after(0.1):
            await line.over.wait()


@pytest.mark.parametrize("moment", MOMENTS[2:])
async def test_the_application_may_hang_up_at_any_moment(
    autojump_clock: MockClock, moment: float
) -> None:
    """`aclose` of the session: what the model has said is heard, then the call ends."""
    calls: list[TwilioCall[Any]] = []
    async with (
        assert_nothing_survives(),
        phone_call(answering(2_000), on_start=calls.append) as line,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(talk, line)
        await trio.sleep(moment)
        received_ms = len(line.answer()) / 8
        await calls[0].session.aclose()
        with trio.fail_after(2.2):
            await line.over.wait()
        assert line.call.ended_by == "session"
        # One piece of 100 ms may have been under way, which closing leaves behind.
        assert received_ms - 100 <= line.heard_ms <= 2_000
        assert line.call.heard_ms == line.heard_ms


async def test_play_out_is_bounded(autojump_clock: MockClock) -> None:
    """0 seconds hang up at once."""
    async with phone_call(answering(5_000), settings={"play_out_timeout": 0}) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(1_000)
        await line.stage.server.close(1001, "your session hit its limit")
        with trio.fail_after(0.1):
            await line.over.wait()
        assert line.call.ended_by == "session"
        assert line.heard_ms < 1_200


async def test_the_caller_may_hang_up_during_play_out(autojump_clock: MockClock) -> None:
    """The session was over first, and is named."""
    async with phone_call(answering(5_000)) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(500)
        await line.stage.server.close()
        line.caller.press("1")
        await trio.sleep(0.5)
        await line.caller.hang_up()
        with trio.fail_after(0.1):
            await line.over.wait()
        assert line.call.ended_by == "session"


async def test_an_interruption_just_before_the_end_leaves_nothing_to_play(
    autojump_clock: MockClock,
) -> None:
    """What was cleared is not waited for."""

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        if event.type == "audio_interrupted":
            await call.session.aclose()

    async with phone_call(answering(5_000), on_event=on_event) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(1_000)
        with pytest.raises(trio.EndOfChannel):
            await line.caller.say(speech(500))
        with trio.fail_after(0.1):
            await line.over.wait()
        assert line.heard_ms < 1_200


@attrs.define(eq=False)
class SlowWithoutMarks:
    """The WebSocket of a provider that never says what was played, over a network that is slow."""

    socket: TwilioSocket

    async def receive(self) -> str | bytes:
        while '"mark"' in str(message := await self.socket.receive()):
            pass
        return message

    async def send(self, message: str) -> None:
        await self.socket.send(message)
        await trio.sleep(0.019)

    async def aclose(self) -> None:
        await self.socket.aclose()


async def test_what_was_cleared_is_not_waited_for_though_no_mark_comes_back(
    autojump_clock: MockClock,
) -> None:
    """The session ends while a frame is being sent, and the ``clear`` goes out behind it."""

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        if event.type == "audio_interrupted":
            await call.session.aclose()

    far, near = memory_sockets()
    sockets = (far, SlowWithoutMarks(near))
    async with phone_call(answering(5_000), sockets=sockets, on_event=on_event) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(1_000)
        with pytest.raises(trio.EndOfChannel):
            await line.caller.say(speech(500))
        with trio.fail_after(0.2):
            await line.over.wait()
        assert line.caller.clears == 1


async def test_callbacks_hear_of_everything_before_the_session_s_end(
    autojump_clock: MockClock,
) -> None:
    """Also when they are slow; a key after that is nobody's any more."""
    kinds: list[str] = []

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        await trio.sleep(0.4)
        kinds.append(event.type)

    config = {"events": ["audio", "audio_end", "audio_interrupted", "agent_start", "agent_end"]}
    async with phone_call(answering(600), config=config, on_event=on_event) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(200)
        await line.stage.server.close()
        await line.caller.wait_heard(600)
        await trio.sleep(0.2)
        line.caller.press("1")
        await line.over.wait()
    assert kinds == ["agent_start", *["audio"] * 6, "audio_end", "agent_end"]


async def test_a_broken_session_is_heard_out_and_raised(autojump_clock: MockClock) -> None:
    """As what it is, unwrapped."""

    async def call() -> None:
        async with assert_nothing_survives(), phone_call(answering(2_000)) as line:
            await line.caller.say(speech(500))
            await line.caller.wait_heard(700)
            await line.stage.server.drop()
            await line.over.wait()
            assert line.heard_ms == 2_000

    with pytest.raises(RealtimeConnectionClosed, match="without a close frame"):
        await call()


async def test_a_model_that_cannot_be_reached(autojump_clock: MockClock) -> None:
    """The call ends, with the reason."""
    simulator = answering(200)
    simulator.plan_handshake(status=503)
    with pytest.raises(RealtimeHandshakeError):
        async with phone_call(simulator) as line:
            await line.caller.ended.wait()


async def test_hanging_up_while_the_model_is_dialled(autojump_clock: MockClock) -> None:
    """Dialling ends; there never was a session to use."""
    simulator = answering(200)
    simulator.plan_handshake(delay=5)
    async with assert_nothing_survives(), phone_call(simulator) as line:
        await trio.sleep(1)
        await line.caller.hang_up()
        with trio.fail_after(0.1):
            await line.over.wait()
    with pytest.raises(RealtimeSessionClosed):
        await line.call.session.send_message("hello?")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelling_a_call(autojump_clock: MockClock, moment: float) -> None:
    """Both sides are hung up on, within their bounds."""
    far, near = memory_sockets()
    async with assert_nothing_survives(), answering(2_000).memory_dialer() as dial:
        runner = RealtimeRunner(
            RealtimeAgent("a"), model=OpenAIRealtimeWebSocketModel(stream_factory=dial)
        )
        async with stand_in_call(far) as caller:
            with trio.move_on_after(moment):
                config = {"url": "ws://simulator/v1/realtime", "api_key": "x"}
                await bridge_twilio(near, runner, model_config=config)
            with trio.fail_after(0.1):
                await caller.ended.wait()


@pytest.mark.parametrize(
    "failure", [RealtimeSessionClosed("over"), RealtimeConnectionError("gone")]
)
async def test_audio_and_keys_for_a_session_that_is_just_over(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """They are for nobody; the session's events say how it ended, and the call is no error."""

    async def over(session: RealtimeSession[Any], *args: Any) -> None:
        raise failure

    monkeypatch.setattr(RealtimeSession, "send_audio", over)
    monkeypatch.setattr(RealtimeSession, "send_message", over)
    async with phone_call(answering(200), settings={"dtmf_message": "{digit}"}) as line:
        line.caller.press("1")
        await trio.sleep(1)
    assert line.call.ended_by == "caller"


class Stuck:
    """A socket that never finishes sending, nor closing."""

    def __init__(self, socket: TwilioSocket) -> None:
        self.socket = socket
        self.sent = 0

    async def receive(self) -> str | bytes:
        return await self.socket.receive()

    async def send(self, message: str) -> None:
        self.sent += 1
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.sleep_forever()


async def test_a_websocket_that_is_stuck_ends_with_the_call(autojump_clock: MockClock) -> None:
    """Hanging up is heard although sending hangs, and closing is bounded."""
    far, near = memory_sockets()
    stuck = Stuck(near)
    began = trio.current_time()
    async with phone_call(
        answering(2_000), sockets=(far, stuck), settings={"close_timeout": 1.5}
    ) as line:
        await line.caller.say(speech(500))
        await trio.sleep(3)
        assert stuck.sent == 1
        await line.caller.hang_up()
        await line.over.wait()
    assert trio.current_time() == pytest.approx(began + 3.48 + 1.5)


async def test_a_websocket_that_only_sends_badly_ends_the_call(autojump_clock: MockClock) -> None:
    """As when the other side is gone."""
    far, near = memory_sockets()

    class Broken(Stuck):
        async def send(self, message: str) -> None:
            raise trio.BrokenResourceError

        async def aclose(self) -> None:
            await self.socket.aclose()

    async with phone_call(answering(2_000), sockets=(far, Broken(near))) as line:
        await line.caller.say(speech(500))
        await line.over.wait()
        assert line.call.ended_by == "caller"


async def test_a_slow_websocket_loses_nothing_and_stays_interruptible(
    autojump_clock: MockClock,
) -> None:
    """Frames that cannot be sent wait here, where an interruption finds them."""
    far, near = memory_sockets()

    class Slow(Stuck):
        async def send(self, message: str) -> None:
            await trio.sleep(0.5 if self.slow else 0)
            await self.socket.send(message)

        async def aclose(self) -> None:
            await self.socket.aclose()

        slow = False

    slow = Slow(near)
    async with phone_call(answering(2_000), sockets=(far, slow)) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(500)
        slow.slow = True
        await trio.sleep(1)
        await line.caller.say(speech(300))
        slow.slow = False
        await trio.sleep(1.5)
        (cut,) = line.truncations()
        assert 500 <= cut <= 900
        assert line.caller.clears == 1
        assert bytes(line.caller.heard[: cut * 8]) == line.answer(0)[: cut * 8]


def scripted_call(audio_ms: int) -> Callable[[], Awaitable[object]]:
    """A short call with the fake model: some audio, then the server closes."""

    async def call() -> None:
        fake = FakeRealtimeModel()
        far, near = memory_sockets()
        runner = RealtimeRunner(RealtimeAgent("a"), model=fake)

        async def serve() -> None:
            connection = await fake.wait_connected()
            connection.emit(
                model.RealtimeModelAudioEvent(
                    data=b"\x55" * audio_ms * 8, response_id="r", item_id="i", content_index=0
                ),
                model.RealtimeModelAudioDoneEvent(item_id="i", content_index=0),
            )
            connection.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            async with stand_in_call(far) as caller:
                await bridge_twilio(near, runner)
                assert bytes(caller.heard) == b"\x55" * audio_ms * 8

    return call


async def test_cancelled_at_each_checkpoint_a_call_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    """Wherever the cancellation hits."""
    assert await cancel_at_each_checkpoint(scripted_call(40)) > 50


@pytest.mark.parametrize("steps", range(60))
async def test_an_early_hang_up_is_no_failure(autojump_clock: MockClock, steps: int) -> None:
    """However few steps of the scheduler the call lasts, and whatever a callback is doing."""

    async def greet(call: TwilioCall[Any]) -> None:
        await call.session.create_response(instructions="Greet the caller.")

    async def show(call: TwilioCall[Any], _event: RealtimeSessionEvent) -> None:
        await call.session.send_message("Go on.")

    async with (
        assert_nothing_survives(),
        phone_call(answering(200), on_start=greet, on_event=show) as line,
    ):
        for _step in range(steps):
            await trio.lowlevel.checkpoint()
        await line.caller.hang_up()
        with trio.fail_after(1):
            await line.over.wait()
    assert line.failure is None
    assert line.result is None or line.result.ended_by == "caller"


async def test_callbacks_may_use_a_session_that_is_over(autojump_clock: MockClock) -> None:
    """The server hung up while the greeting was being asked for: the call ends by the session."""

    async def greet(call: TwilioCall[Any]) -> None:
        await call.session.wait_closed()
        await call.session.create_response()

    async with phone_call(answering(200), on_start=greet) as line:
        await trio.sleep(0.1)
        await line.stage.server.close(1001, "your session hit its limit")
        with trio.fail_after(1):
            await line.over.wait()
        assert line.call.ended_by == "session"


async def test_a_side_that_takes_nothing_any_more_has_hung_up(autojump_clock: MockClock) -> None:
    """Otherwise what the model says would pile up as long as the call lasts."""
    far, near = memory_sockets(size=2)

    class Unread:
        """Passes on what the caller says and reads none of the answers."""

        async def receive(self) -> str | bytes:
            await trio.sleep_forever()

        send, aclose = far.send, far.aclose

    settings = {"send_timeout": 3.0}
    async with phone_call(answering(60_000), sockets=(Unread(), near), settings=settings) as line:
        await line.caller.say(speech(500))
        began = trio.current_time()
        await line.over.wait()
        assert 3.0 <= trio.current_time() - began < 6.0
        assert line.call.ended_by == "caller"


async def test_the_end_of_a_cancelled_call_is_told(autojump_clock: MockClock) -> None:
    """As where a server cancels the handler of a connection that the caller has closed."""
    ended: list[TwilioCall[Any]] = []

    async def on_end(call: TwilioCall[Any]) -> None:
        await trio.sleep(1)
        ended.append(call)

    async with phone_call(answering(200), on_end=on_end) as line:
        await line.caller.say(speech(100))
        line.cancel_bridge()
        with trio.fail_after(2):
            await line.over.wait()
    (call,) = ended
    assert call.start.call_sid == line.caller.call_sid


async def test_a_slow_on_end_is_bounded_when_cancelled(autojump_clock: MockClock) -> None:
    """It has ``close_timeout`` seconds."""
    settings = {"close_timeout": 2.0}

    async def on_end(_call: TwilioCall[Any]) -> None:
        await trio.sleep_forever()

    async with phone_call(answering(200), on_end=on_end, settings=settings) as line:
        line.cancel_bridge()
        began = trio.current_time()
        with trio.fail_after(5):
            await line.over.wait()
        assert trio.current_time() - began <= 2.0


async def test_the_end_is_told_once_of_every_call(autojump_clock: MockClock) -> None:
    """A plain function is called too, and after a failure as well; not of what was no call."""
    ended: list[TwilioCall[Any]] = []

    def on_start(_call: TwilioCall[Any]) -> None:
        raise KeyError("refused")

    with pytest.raises(KeyError, match="refused"):
        async with phone_call(answering(200), on_start=on_start, on_end=ended.append) as line:
            await line.over.wait()
    assert len(ended) == 1


async def test_a_malformed_timestamp_does_not_end_a_recorded_call(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The audio is recorded where it arrived."""
    recorder = SessionRecorder(
        tmp_path / "call.wav", user_format="g711_ulaw", model_format="g711_ulaw"
    )
    async with recorder, phone_call(answering(200), recorder=recorder) as line:
        for timestamp in ('"²"', '"' + "9" * 5_000 + '"', "-5", "null", "1e400"):
            await line.caller.send_text(
                '{"event":"media","media":{"payload":"//8A","timestamp":' + timestamp + "}}"
            )
        await line.caller.say(speech(200))
        assert not line.over.is_set()
