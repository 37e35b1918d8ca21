"""Whole calls: the stand-in for Twilio, the bridge, a session and the simulator."""

import base64
import json
import wave
from typing import Any

import pytest
import trio
from support_sessions import REACH, settle
from support_twilio import Line, distant_sockets, phone_call, speech
from trio.testing import MockClock

from trio_realtime import (
    EventBufferOverflow,
    RealtimeAgent,
    RealtimeDtmfReceived,
    RealtimePlaybackTracker,
    RealtimeProtocolError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    RealtimeSessionEvent,
    SettingsError,
    UserError,
)
from trio_realtime.audio import ulaw_decode
from trio_realtime.recording import SessionRecorder
from trio_realtime.telephony import bridge as bridge_module
from trio_realtime.telephony.sockets import TwilioSocket
from trio_realtime.telephony.stand_in import memory_sockets
from trio_realtime.telephony.twilio import TwilioCall, TwilioStart, bridge_twilio
from trio_realtime.testing.simulator import RealtimeSimulator, Say, Turn


def answering(ms: int, **options: Any) -> RealtimeSimulator:
    """A simulator whose every answer takes so long."""
    return RealtimeSimulator(lambda turn: Say("An answer.", audio_ms=ms), **options)


def sent_audio(line: Line) -> bytes:
    """All the caller's audio that reached the server."""
    events = line.stage.server.received_of("input_audio_buffer.append")
    return b"".join(base64.b64decode(event["audio"]) for event in events)


async def test_a_question_and_its_answer_pass_through_untouched(autojump_clock: MockClock) -> None:
    """Both sides speak µ-law, and not a byte of it changes on the way."""
    question = speech(800)
    async with phone_call(answering(1_230), parameters={"name": "Ada"}) as line:
        await line.caller.say(question)
        await line.caller.wait_heard(1_230)
        await settle()
        audio = line.stage.server.session["audio"]
        assert audio["input"]["format"] == {"type": "audio/pcmu"}
        assert audio["output"]["format"] == {"type": "audio/pcmu"}
        assert sent_audio(line).startswith(question)
        assert bytes(line.caller.heard) == line.answer()
    call = line.call
    assert call.start == TwilioStart(
        stream_sid=line.caller.stream_sid,
        call_sid=line.caller.call_sid,
        account_sid=line.caller.account_sid,
        custom_parameters={"name": "Ada"},
    )
    assert call.ended_by == "caller"
    assert call.heard_ms == 1_230
    assert (call.stale_marks, call.dropped_ms, call.skipped_messages) == (0, 0, 0)
    assert line.stage.server.close_code == 1000


async def test_twilio_is_never_far_ahead_of_the_caller(autojump_clock: MockClock) -> None:
    """The model is ten times faster than speech; no more than the lead is sent early."""
    async with phone_call(answering(3_000), settings={"lead_ms": 120}) as line:
        await line.caller.say(speech(500))
        await line.caller.wait_heard(3_000)
        assert line.caller.most_waiting_ms == 120


@pytest.mark.parametrize("mark_every_ms", [20, 100])
@pytest.mark.parametrize("after_ms", [30, 440, 1_010, 1_975])
async def test_barge_in_cuts_the_answer_where_the_caller_stopped_hearing_it(
    autojump_clock: MockClock, after_ms: int, mark_every_ms: int
) -> None:
    """To the mark before: a frame, or what the settings say. Never after it."""
    heard_at_clear: list[float] = []

    def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        if event.type == "audio_interrupted":
            heard_at_clear.append(len(line.caller.heard) / 8)

    settings = {"mark_every_ms": mark_every_ms}
    async with phone_call(answering(5_000), settings=settings, on_event=on_event) as line:
        await line.caller.say(speech(600))
        await line.caller.wait_heard(after_ms)
        await line.caller.say(speech(400))
        await trio.sleep(0.2)
        heard = heard_at_clear[0]
        cut = (line.truncations() or [0])[0]
        assert heard - mark_every_ms <= cut <= heard
        assert line.caller.clears == 1
        assert line.heard_ms == heard
        # The next answer is heard in full: nothing of the first is left anywhere.
        await line.caller.wait_heard(heard + 5_000)
        assert bytes(line.caller.heard[int(heard) * 8 :]) == line.answer()
    assert line.call.stale_marks > 0
    assert line.call.heard_ms == cut + 5_000


@pytest.mark.parametrize("delay", [0.03, 0.25])
async def test_over_a_slow_network_nothing_counts_as_heard_that_was_not(
    autojump_clock: MockClock, delay: float
) -> None:
    """Marks are under way for a while; so the cut is earlier than the truth by a round trip."""
    sockets = distant_sockets(delay)
    async with phone_call(
        answering(5_000), sockets=sockets, settings={"mark_every_ms": 20}
    ) as line:
        await line.caller.say(speech(600))
        await line.caller.wait_heard(1_500)
        await line.caller.say(speech(400))
        await trio.sleep(delay * 2)
        heard = line.heard_ms
        (cut,) = line.truncations()
        assert heard - 2 * delay * 1_000 - 60 <= cut <= heard
        await line.caller.wait_heard(heard + 1_000)


async def test_keys_reach_the_application_and_the_model_if_it_shall(
    autojump_clock: MockClock,
) -> None:
    """As events, whatever events the runner asks for; and as messages that are answered."""
    keys: list[str] = []
    turns: list[Turn] = []

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        await trio.lowlevel.checkpoint()
        if isinstance(event, RealtimeDtmfReceived):
            assert event.info.context.context == "the context"
            keys.append(event.key)

    def responder(turn: Turn) -> Say:
        turns.append(turn)
        return Say("Noted.", audio_ms=200)

    async with phone_call(
        RealtimeSimulator(responder),
        on_event=on_event,
        context="the context",
        settings={"dtmf_message": "The caller pressed {digit}."},
    ) as line:
        line.caller.press("4")
        await line.caller.wait_heard(200)
        line.caller.press("#")
        await line.caller.wait_heard(400)
    assert keys == ["4", "#"]
    assert [turn.user_text for turn in turns] == ["The caller pressed 4.", "The caller pressed #."]


async def test_keys_alone_say_nothing_to_the_model(autojump_clock: MockClock) -> None:
    """By default only the application hears of them, and here it does not care."""
    async with phone_call(answering(200)) as line:
        line.caller.press("4")
        await trio.sleep(1)
        assert line.stage.server.received_of("conversation.item.create") == []


async def test_on_start_lets_the_model_speak_first(autojump_clock: MockClock) -> None:
    """It has the call, and through it the session, whose context was made for this call."""

    async def on_start(call: TwilioCall[Any]) -> None:
        assert call.session.context == f"call {call.start.call_sid}"
        await call.session.create_response()

    async def make_context(start: TwilioStart) -> str:
        await trio.lowlevel.checkpoint()
        return f"call {start.call_sid}"

    async with phone_call(answering(300), on_start=on_start, make_context=make_context) as line:
        await line.caller.wait_heard(300)


async def test_a_slow_callback_delays_no_audio(autojump_clock: MockClock) -> None:
    """The answer is heard in real time while ``on_event`` is still at its first event."""

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        await trio.sleep(3_600)

    async with phone_call(answering(1_000), on_event=on_event) as line:
        await line.caller.say(speech(500))
        with trio.fail_after(2):
            await line.caller.wait_heard(1_000)
    assert line.call.ended_by == "caller"


async def test_callbacks_that_are_hopelessly_behind_end_the_call(
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Loudly, instead of filling the memory."""
    monkeypatch.setattr(bridge_module, "CALLBACKS_WAITING", 5)

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        await trio.sleep_forever()

    async def call() -> None:
        async with phone_call(answering(1_000), on_event=on_event) as line:
            await line.caller.say(speech(500))
            await line.over.wait()

    with pytest.raises(EventBufferOverflow, match="more than 5 events behind"):
        await call()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_a_callback_raises_ends_the_call_unchanged(
    autojump_clock: MockClock, asynchronous: bool
) -> None:
    """Not wrapped, whatever nurseries are in between; and the caller is hung up on."""
    boom = ExceptionGroup("the application's own", [ValueError("boom")])

    def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> Any:
        async def fail() -> None:
            raise boom

        if asynchronous:
            return fail()
        raise boom

    with pytest.raises(ExceptionGroup) as caught:
        async with phone_call(answering(300), on_event=on_event) as line:
            await line.caller.ended.wait()
    assert caught.value is boom


async def test_a_second_failure_is_a_note_on_the_first(autojump_clock: MockClock) -> None:
    """Neither is lost."""

    async def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("the second")

    class Broken(SessionRecorder):
        def user(self, audio: bytes, *, at: float | None = None) -> None:
            if trio.current_time() > began + 1:
                raise KeyError("the first")

    began = trio.current_time()

    broken = Broken("nowhere", user_format="g711_ulaw", model_format="g711_ulaw")
    with pytest.raises(KeyError, match="the first") as caught:
        async with phone_call(answering(300), on_event=on_event, recorder=broken) as line:
            await line.over.wait()
    assert caught.value.__notes__ == ["also: ValueError('the second')"]


async def test_what_is_not_twilio_s_is_skipped_and_counted(autojump_clock: MockClock) -> None:
    """Unknown events, broken ones, a second start. Audio of another track is not the caller's."""
    question = speech(400)
    async with phone_call(answering(200)) as line:
        await line.caller.send_text('{"event":"warp"}')
        await line.caller.send_text("not JSON")
        await line.caller.send_text('{"event":"media","media":{"payload":"?"}}')
        await line.caller.send_text('{"event":"start","start":{"streamSid":"MZ2"}}')
        await line.caller.send_text(
            '{"event":"media","media":{"track":"outbound","payload":"AAAA"}}'
        )
        await line.caller.say(question)
        await line.caller.wait_heard(200)
        assert b"\0\0\0" not in sent_audio(line)
    assert line.call.skipped_messages == 4


async def test_a_model_that_takes_nothing_holds_up_nobody(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's audio waits up to a bound, then the oldest is lost; keys and hang-up arrive."""
    keys: list[str] = []

    def on_event(call: TwilioCall[Any], event: RealtimeSessionEvent) -> None:
        if isinstance(event, RealtimeDtmfReceived):
            keys.append(event.key)

    async def stuck(session: RealtimeSession[Any], audio: bytes) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(RealtimeSession, "send_audio", stuck)
    async with phone_call(answering(200), on_event=on_event) as line:
        await trio.sleep(7)
        line.caller.press("9")
        await trio.sleep(0.1)
        assert keys == ["9"]
    assert 1_900 < line.call.dropped_ms < 2_200


async def test_a_recording_has_both_sides_where_they_were(
    autojump_clock: MockClock, tmp_path: Any
) -> None:
    """The caller by Twilio's clock, the model where it was heard."""
    recorder = SessionRecorder(
        tmp_path / "call.wav", user_format="g711_ulaw", model_format="g711_ulaw"
    )
    async with recorder, phone_call(answering(600), recorder=recorder) as line:
        await line.caller.say(speech(400))
        await line.caller.wait_heard(600)
        await settle()
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (8_000, 2)
        data = file.readframes(file.getnframes())
    left = b"".join(data[at : at + 2] for at in range(0, len(data), 4))
    right = b"".join(data[at + 2 : at + 4] for at in range(0, len(data), 4))
    assert ulaw_decode(speech(400)) in left[: 440 * 16]
    # The server hears the end of speech 500 ms later, and answers at once.
    start = right.index(ulaw_decode(bytes(line.caller.heard))[:3_200])
    assert 880 * 16 <= start <= 920 * 16


async def test_a_provider_without_timestamps_is_recorded_by_the_clock(
    autojump_clock: MockClock,
) -> None:
    """Its audio was said when it came."""
    reported: list[float | None] = []

    class Told(SessionRecorder):
        def user(self, audio: bytes, *, at: float | None = None) -> None:
            reported.append(at)

    recorder = Told("nowhere", user_format="g711_ulaw", model_format="g711_ulaw")
    began = trio.current_time()
    async with phone_call(answering(200), recorder=recorder) as line:
        await trio.sleep(0.01)
        await line.caller.send_text('{"event":"media","media":{"payload":"////"}}')
        await trio.sleep(0.1)
    assert reported[:3] == [began - 0.02, None, pytest.approx(began)]


async def test_a_recorder_of_another_format_is_refused(autojump_clock: MockClock) -> None:
    """Before anything is answered."""
    with pytest.raises(UserError, match="user_format and model_format g711_ulaw"):
        async with phone_call(answering(200), recorder=SessionRecorder("x.wav")) as line:
            await line.over.wait()


@pytest.mark.parametrize(
    ("config", "reach", "options", "problem"),
    [
        (
            {},
            {"playback_tracker": RealtimePlaybackTracker()},
            {},
            "playback_tracker: a call has its own",
        ),
        (
            {},
            {"initial_model_settings": {"output_audio_format": "pcm16"}},
            {},
            "audio.output.format: a call is in audio/pcmu, not audio/pcm",
        ),
        (
            {"model_settings": {"audio": {"input": {"format": "g711_alaw"}}}},
            {},
            {},
            "audio.input.format: a call is in audio/pcmu, not audio/pcma",
        ),
        ({"events": ["audio"]}, {}, {}, "leaves out audio_end, audio_interrupted"),
        ({}, {}, {"settings": {"dtmf_message": "a key"}}, "dtmf_message: it does not say"),
        ({}, {}, {"settings": {"lead": 100}}, "did you mean 'lead_ms'"),
        ({}, {}, {"context": 1, "make_context": lambda start: 2}, "not both"),
    ],
)
async def test_settings_that_a_call_cannot_have(
    autojump_clock: MockClock, config: Any, reach: Any, options: Any, problem: str
) -> None:
    """They are refused at the door, with their names."""
    with pytest.raises((SettingsError, UserError), match=problem):
        async with phone_call(
            answering(200), config=config, reach={**REACH, **reach}, **options
        ) as line:
            await line.over.wait()


async def test_formats_that_say_ulaw_are_fine(autojump_clock: MockClock) -> None:
    """Also in the other spelling, and next to other settings."""
    reach = {
        **REACH,
        "initial_model_settings": {"input_audio_format": "g711_ulaw", "voice": "sage"},
    }
    async with phone_call(answering(200), reach=reach) as line:
        await line.caller.say(speech(300))
        await line.caller.wait_heard(200)
        assert line.stage.server.session["audio"]["output"]["voice"] == "sage"


# -- before there is a call ------------------------------------------------------------------


async def answer(socket: TwilioSocket, **options: Any) -> TwilioCall[Any] | None:
    """Bridge a socket to nothing: the call is over before the model is needed."""
    runner = RealtimeRunner(RealtimeAgent("a"))
    return await bridge_twilio(socket, runner, model_config={"api_key": "sk-test"}, **options)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        ['{"event":"connected","protocol":"Call","version":"1.0.0"}', "noise"],
        ['{"event":"stop"}'],
    ],
)
async def test_a_connection_that_ends_before_a_call_begins(
    autojump_clock: MockClock, messages: list[str]
) -> None:
    """Is no call, and no error: load balancers do that all day."""
    far, near = memory_sockets()
    for message in messages:
        await far.send(message)
    if not any("stop" in message for message in messages):
        await far.aclose()
    assert await answer(near) is None
    with pytest.raises(trio.ClosedResourceError):
        await near.send("anything")


async def test_a_connection_on_which_no_call_begins(autojump_clock: MockClock) -> None:
    """Is given up in time."""
    far, near = memory_sockets()
    began = trio.current_time()
    with pytest.raises(RealtimeProtocolError, match="within 3 s"):
        await answer(near, settings={"start_timeout": 3})
    assert trio.current_time() == began + 3
    with pytest.raises(trio.EndOfChannel):
        await far.receive()


@pytest.mark.parametrize(
    ("media_format", "refused"),
    [
        ({"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 1}, True),
        ({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, False),
        (None, False),
    ],
)
async def test_the_format_of_the_call(
    autojump_clock: MockClock, media_format: Any, refused: bool
) -> None:
    """Anything but µ-law is refused; a provider that does not say is believed."""
    far, near = memory_sockets()
    start = {"event": "start", "start": {"streamSid": "MZ1", "mediaFormat": media_format}}
    await far.send(json.dumps(start))
    await far.send('{"event":"stop"}')
    if refused:
        with pytest.raises(RealtimeProtocolError, match="mono audio/x-mulaw at 8000 Hz"):
            await answer(near)
        return

    async def wait_for_ever(start: TwilioStart) -> None:
        await trio.sleep_forever()

    call = await answer(near, make_context=wait_for_ever)
    assert call is not None
    assert call.ended_by == "caller"
    with pytest.raises(RealtimeSessionClosed, match="before it had a session"):
        _ = call.session


async def test_make_context_may_refuse_a_call(autojump_clock: MockClock) -> None:
    """By raising: the model is not even dialled."""

    def refuse(start: TwilioStart) -> object:
        raise PermissionError(start.call_sid)

    far, near = memory_sockets()
    await far.send('{"event":"start","start":{"streamSid":"MZ1","callSid":"CA7"}}')
    with pytest.raises(PermissionError, match="CA7"):
        await answer(near, make_context=refuse)
