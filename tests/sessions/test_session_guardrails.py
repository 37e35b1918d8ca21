"""Guardrails in a session: on what the model says, on what the user says, and audio on hold."""

from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeGuardrailFailed,
    RealtimeGuardrailTripped,
    RealtimeInputGuardrailTripped,
    RunContext,
    UserError,
)
from trio_realtime.testing.simulator import Heard, Say, Text, Wait

Clock = trio.testing.MockClock
ALL = {"events": "all"}


class Watch:
    """Trips on a word, and remembers what it was shown."""

    def __init__(self, word: str = "secret", *, seconds: float = 0) -> None:
        self.word, self.seconds, self.seen = word, seconds, list[str]()

    async def __call__(
        self, _ctx: RunContext[Any], _agent: RealtimeAgent[Any], text: str
    ) -> GuardrailFunctionOutput:
        self.seen.append(text)
        await trio.sleep(self.seconds)
        return GuardrailFunctionOutput(tripwire_triggered=self.word in text)

    def guardrail(self, name: str = "no_secrets") -> OutputGuardrail[Any]:
        return OutputGuardrail(guardrail_function=self, name=name)

    def on_input(self, name: str = "no_secrets") -> InputGuardrail[Any]:
        return InputGuardrail(guardrail_function=self, name=name)


def guarded(*guardrails: OutputGuardrail[Any]) -> RealtimeAgent[Any]:
    return RealtimeAgent("A", output_guardrails=list(guardrails))


def feedback(stage: Stage) -> list[str]:
    texts = [
        part["text"]
        for event in stage.server.received_of("conversation.item.create")
        for part in event["item"].get("content", ())
        if part["type"] == "input_text"
    ]
    return [text for text in texts if text.startswith("guardrail")]


async def test_a_short_answer_is_checked_at_its_end(autojump_clock: Clock) -> None:
    """The SDK never checks an answer shorter than the check interval."""
    watch = Watch("nothing")
    async with open_stage(responder=lambda _turn: "Short.") as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            await until(session, "agent_end")
            await settle()
            assert watch.seen == ["Short."]


async def test_it_runs_as_the_text_grows(autojump_clock: Clock) -> None:
    """Each time another hundred characters were said, and once more on what is left."""
    watch = Watch("nothing")
    async with open_stage(responder=lambda _turn: "word " * 50) as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            await until(session, "agent_end")
            await settle()
            lengths = [len(text) for text in watch.seen]
            assert lengths == sorted(set(lengths))
            assert lengths[0] >= 100
            assert lengths[-1] == len("word " * 50)


async def test_one_trip_for_a_response(autojump_clock: Clock) -> None:
    """The event, the interruption, the cancel, and the feedback, once."""
    watch = Watch()
    words = "a secret " * 100

    def answer(turn: Any) -> str:
        return words if turn.number == 0 else "Sorry."

    async with open_stage(responder=answer) as stage:
        async with await stage.session(guarded(watch.guardrail(), watch.guardrail("b"))) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            tripped = [e for e in events if isinstance(e, RealtimeGuardrailTripped)]
            assert [[r.guardrail.get_name() for r in e.guardrail_results] for e in tripped] == [
                ["no_secrets", "b"]
            ]
            assert tripped[0].message == watch.seen[0]
            assert [e for e in events if isinstance(e, RealtimeAudioInterrupted)]
            assert len(stage.server.received_of("response.cancel")) == 1
            assert len(stage.server.received_of("conversation.item.truncate")) == 1
            assert feedback(stage) == ["guardrail triggered: no_secrets, b"]
            assert kinds(events)[-1] == "agent_end"


async def test_guardrails_of_agent_and_run_without_doubles(autojump_clock: Clock) -> None:
    """One that is given twice runs once."""
    watch, other = Watch("nothing"), Watch("nothing")
    shared = watch.guardrail()
    config = {"output_guardrails": [shared, other.guardrail("other")]}
    async with open_stage(responder=lambda _turn: "Short.") as stage:
        async with await stage.session(guarded(shared), config) as session:
            await session.send_message("Go")
            await until(session, "agent_end")
            await settle()
            assert (watch.seen, other.seen) == (["Short."], ["Short."])


async def test_a_slow_guardrail_checks_the_newest_text(autojump_clock: Clock) -> None:
    """Checks that fall behind do not pile up."""
    watch = Watch("nothing", seconds=30)
    async with open_stage(responder=lambda _turn: "word " * 200) as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            await until(session, "agent_end")
            await trio.sleep(200)
            assert len(watch.seen) == 2
            assert len(watch.seen[-1]) == 1000


async def test_a_slow_trip_never_hits_a_later_response(autojump_clock: Clock) -> None:
    """The event is told; the later response is not cancelled, nor is feedback sent."""
    watch = Watch("secret", seconds=60)
    answers = ["My secret.", [Wait(1), Say("word " * 400)]]
    async with open_stage(responder=lambda turn: answers[turn.number]) as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            await until(session, "agent_end")
            await trio.sleep(59)
            await session.send_message("Go on")
            await until(session, "guardrail_tripped")
            await until(session, "agent_end")
            assert stage.server.received_of("response.cancel") == []
            assert feedback(stage) == []


async def test_a_trip_after_the_response_is_over(autojump_clock: Clock) -> None:
    """What is still heard is cut, and the model told; there is nothing to cancel."""
    watch = Watch("secret")
    answers = ["This is a secret.", "Sorry."]
    async with open_stage(responder=lambda turn: answers[turn.number]) as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            assert "audio_interrupted" in kinds(events)
            assert stage.server.received_of("response.cancel") == []
            assert len(feedback(stage)) == 1


async def test_text_is_cancelled_only(autojump_clock: Clock) -> None:
    """There is no audio to truncate."""
    watch = Watch()
    answers = [Text("a secret " * 100), "Sorry."]
    async with open_stage(responder=lambda turn: answers[turn.number]) as stage:
        async with await stage.session(guarded(watch.guardrail())) as session:
            await session.send_message("Go")
            await until(session, "agent_end", 2)
            assert len(stage.server.received_of("response.cancel")) == 1
            assert stage.server.received_of("conversation.item.truncate") == []


@pytest.mark.parametrize("failure", ["report", "trip"])
async def test_a_guardrail_that_raises(failure: str, autojump_clock: Clock) -> None:
    """Reported by an event; a trip only where the settings say so. The other one still counts."""

    async def broken(*_args: object) -> GuardrailFunctionOutput:
        raise RuntimeError("out of order")

    watch = Watch("nothing")
    agent = guarded(OutputGuardrail(guardrail_function=broken, name="broken"), watch.guardrail())
    config = {**ALL, "guardrails_settings": {"guardrail_failure": failure}}
    answers = ["Short.", "Sorry."]
    async with open_stage(responder=lambda turn: answers[min(turn.number, 1)]) as stage:
        async with await stage.session(agent, config) as session:
            await session.send_message("Go")
            events = await until(session, "guardrail_failed")
            assert isinstance(events[-1], RealtimeGuardrailFailed)
            assert events[-1].guardrail_name == "broken"
            await settle()
            assert watch.seen == ["Short."]
            await session.aclose()
            rest = kinds([event async for event in session])
            assert ("guardrail_tripped" in rest) == (failure == "trip")


# -- audio on hold -------------------------------------------------------------------------

HOLD = {"guardrails_settings": {"guardrail_mode": "hold"}}


async def test_held_audio_is_released_when_its_words_passed(autojump_clock: Clock) -> None:
    """All of it, in order, `audio_end` last."""
    watch = Watch("nothing", seconds=1)
    async with open_stage(responder=lambda _turn: "word " * 60) as stage:
        async with await stage.session(guarded(watch.guardrail()), HOLD) as session:
            await session.send_message("Go")
            events = await until(session, "audio_end")
            audio = [e for e in events if isinstance(e, RealtimeAudio)]
            sent = stage.server.conversation.items[-1]
            assert sum(len(e.audio.data) for e in audio) > 48 * 1000
            assert sent is not None


async def test_held_audio_of_a_trip_is_never_heard(autojump_clock: Clock) -> None:
    """Not one sample of the answer reaches the application."""
    watch = Watch("secret")
    answers = ["A secret at once. " + "word " * 100, "Sorry."]
    async with open_stage(responder=lambda turn: answers[turn.number]) as stage:
        async with await stage.session(guarded(watch.guardrail()), HOLD) as session:
            await session.send_message("Go")
            events = await until(session, "agent_end", 2)
            first = events[: kinds(events).index("agent_end")]
            assert not [e for e in first if isinstance(e, RealtimeAudio)]
            truncated = stage.server.received_of("conversation.item.truncate")
            assert truncated == []


async def test_without_guardrails_nothing_is_held(autojump_clock: Clock) -> None:
    """The mode alone costs nothing."""
    async with open_stage() as stage, await stage.session(config=HOLD) as session:
        await session.send_message("Go")
        assert "audio" in kinds(await until(session, "agent_end"))


# -- what the user says ---------------------------------------------------------------------

STRICT = {**ALL, "guardrails_settings": {"input_guardrail_mode": "strict"}}
VAD = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}
SPEECH = b"".join(b"\x00\x40" * 30 + b"\x00\xc0" * 30 for _ in range(240)) + bytes(48 * 1000)


def listening(watch: Watch) -> RealtimeAgent[Any]:
    return RealtimeAgent("A", input_guardrails=[watch.on_input()])


async def test_strict_checks_before_the_answer(autojump_clock: Clock) -> None:
    """The server answers nothing by itself; what passed is answered, what tripped never is."""
    watch = Watch("bomb", seconds=2)
    async with (
        open_stage(hears=["How do I build a bomb", "How are you"]) as stage,
        await stage.session(listening(watch), STRICT, initial_model_settings=VAD) as session,
    ):
        await settle()
        (update,) = stage.server.received_of("session.update")
        detection = update["session"]["audio"]["input"]["turn_detection"]
        assert detection == {**VAD["turn_detection"], "create_response": False}
        await session.send_audio(SPEECH)
        events = await until(session, "input_guardrail_tripped")
        assert isinstance(events[-1], RealtimeInputGuardrailTripped)
        assert events[-1].message == "How do I build a bomb"
        await trio.sleep(30)
        assert stage.server.received_of("response.create") == []
        assert len(stage.server.received_of("conversation.item.delete")) == 1
        await session.send_audio(SPEECH)
        await until(session, "agent_end")
        assert len(stage.server.received_of("response.create")) == 1


async def test_strict_typed_messages(autojump_clock: Clock) -> None:
    """What trips is not sent at all."""
    watch = Watch("bomb")
    async with open_stage() as stage, await stage.session(listening(watch), STRICT) as session:
        await session.send_message("a bomb please")
        await session.send_message("a tea please")
        await until(session, "agent_end")
        (sent,) = stage.server.received_of("conversation.item.create")
        assert sent["item"]["content"][0]["text"] == "a tea please"


async def test_parallel_cuts_the_answer_off(autojump_clock: Clock) -> None:
    """The model may begin; the answer is cancelled and the words taken back."""
    watch = Watch("bomb", seconds=1)
    async with open_stage(hears=["a bomb"], responder=lambda _turn: "word " * 400) as stage:
        async with await stage.session(
            listening(watch), ALL, initial_model_settings=VAD
        ) as session:
            await session.send_audio(SPEECH)
            events = await until(session, "response_done")
            assert "agent_start" in kinds(events)
            assert len(stage.server.received_of("response.cancel")) == 1
            await settle()
            assert len(stage.server.received_of("conversation.item.delete")) >= 1
            await session.send_message("a bomb, typed")
            await until(session, "input_guardrail_tripped")


async def test_strict_without_transcription(autojump_clock: Clock) -> None:
    """Cannot work, and is refused before connecting."""
    settings = {"input_audio_transcription": None}
    async with open_stage() as stage:
        with pytest.raises(UserError, match="transcription"):
            async with await stage.session(
                listening(Watch()), STRICT, initial_model_settings=settings
            ):
                pytest.fail("opened")


async def test_strict_with_push_to_talk(autojump_clock: Clock) -> None:
    """Without turn detection there is nothing to turn off; the transcript is still checked."""
    settings = {"turn_detection": None}
    watch = Watch("bomb")
    async with (
        open_stage(hears=[Heard("a tea")]) as stage,
        await stage.session(listening(watch), STRICT, initial_model_settings=settings) as session,
    ):
        await session.send_audio(SPEECH, commit=True)
        await until(session, "agent_end")
        assert watch.seen == ["a tea"]


async def test_an_input_guardrail_that_raises(autojump_clock: Clock) -> None:
    """Reported; it does not count as a trip unless told so."""

    def broken(*_args: object) -> GuardrailFunctionOutput:
        raise RuntimeError("out of order")

    agent = RealtimeAgent("A", input_guardrails=[InputGuardrail(guardrail_function=broken)])
    for failure in ("report", "trip"):
        config = {
            **ALL,
            "guardrails_settings": {
                "input_guardrail_mode": "strict",
                "guardrail_failure": failure,
            },
        }
        async with open_stage() as stage, await stage.session(agent, config) as session:
            await session.send_message("Hello")
            await until(session, "guardrail_failed")
            await settle()
            sent = stage.server.received_of("conversation.item.create")
            assert len(sent) == (1 if failure == "report" else 0)
