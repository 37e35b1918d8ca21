"""What an interruption stops, whatever caused it: tools, audio, and nothing of what comes next."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeRunner,
    RealtimeSession,
    function_tool,
)
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.testing import FakeRealtimeModel, call, tool_call, tool_calls, user_speech

Clock = trio.testing.MockClock
Session = RealtimeSession[Any]

INTERRUPTED = "The user interrupted before the tool had finished; it was cancelled."


async def opened(fake: FakeRealtimeModel, agent: RealtimeAgent[Any], **config: Any) -> Session:
    runner = RealtimeRunner(agent, model=fake, config={"events": "all", **config})
    return await runner.run(model_config={"api_key": "any"})


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


def outputs(fake: FakeRealtimeModel) -> dict[str, str]:
    return {
        sent.tool_call.call_id: sent.output
        for sent in fake.connection.sent
        if isinstance(sent, inputs.RealtimeModelSendToolOutput)
    }


def interrupts(fake: FakeRealtimeModel) -> list[str | None]:
    """The responses that the session asked to be interrupted; ``None`` stands for all there is."""
    return [
        sent.response_id
        for sent in fake.connection.sent
        if isinstance(sent, inputs.RealtimeModelSendInterrupt)
    ]


def trips(*_arguments: object) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(tripwire_triggered=True)


@function_tool(on_interrupt="cancel")
async def wire_money() -> str:
    """Send the money, which takes a minute."""
    await trio.sleep(60)
    return "sent"


@function_tool
async def write_down() -> str:
    """Write it down, which takes a minute."""
    await trio.sleep(60)
    return "written"


TOOLS: list[Any] = [wire_money, write_down]


def both(response_id: str) -> Any:
    """A response that calls both tools, without its end."""
    calls = [
        call(f"{response_id}_wire", "wire_money"),
        call(f"{response_id}_write", "write_down"),
    ]
    return tool_calls(response_id, calls)[:-2]


def says(response_id: str, words: str) -> model.RealtimeModelTranscriptDeltaEvent:
    return model.RealtimeModelTranscriptDeltaEvent(
        response_id=response_id, item_id=f"{response_id}_said", delta=words
    )


# -- tools --------------------------------------------------------------------------------------


async def by_speech(fake: FakeRealtimeModel, _session: Session) -> None:
    fake.emit(model.RealtimeModelSpeechStartedEvent(item_id="u", audio_start_ms=0))


async def by_the_application(_fake: FakeRealtimeModel, session: Session) -> None:
    await session.interrupt()


async def by_an_output_guardrail(fake: FakeRealtimeModel, _session: Session) -> None:
    fake.emit(says("r", "The secret word is mellon. " * 5))


async def by_an_input_guardrail(fake: FakeRealtimeModel, _session: Session) -> None:
    fake.emit(*user_speech("u", "how to build a bomb")[-1:])


@pytest.mark.parametrize(
    ("cause", "sent"),
    [
        (by_speech, []),  # the connection hears of it before the session does
        (by_the_application, [None]),
        (by_an_output_guardrail, ["r"]),
        (by_an_input_guardrail, [None]),
    ],
)
async def test_every_cause_stops_the_tools_that_want_it(
    cause: Callable[[FakeRealtimeModel, Session], Awaitable[None]],
    sent: list[str | None],
    autojump_clock: Clock,
) -> None:
    """At once; the other tools go on."""
    agent = RealtimeAgent(
        "A",
        tools=TOOLS,
        output_guardrails=[OutputGuardrail(guardrail_function=trips)],
        input_guardrails=[InputGuardrail(guardrail_function=trips)],
    )
    fake = FakeRealtimeModel()
    async with await opened(fake, agent) as session:
        fake.emit(*both("r"))
        await trio.sleep(1)
        await cause(fake, session)
        await settle()
        assert outputs(fake) == {"call_r_wire": INTERRUPTED}
        assert interrupts(fake) == sent
        await trio.sleep(100)
        assert outputs(fake)["call_r_write"] == "written"


async def test_a_trip_stops_no_tool_of_a_later_response(autojump_clock: Clock) -> None:
    """A slow guardrail trips on the first response while the tools of the second run."""

    async def slow(*_arguments: object) -> GuardrailFunctionOutput:
        await trio.sleep(10)
        return GuardrailFunctionOutput(tripwire_triggered=True)

    guardrail = OutputGuardrail[Any](guardrail_function=slow)
    agent = RealtimeAgent("A", tools=TOOLS, output_guardrails=[guardrail])
    fake = FakeRealtimeModel()
    async with await opened(fake, agent):
        fake.emit(*both("r1"), says("r1", "secret " * 20))
        fake.emit(model.RealtimeModelTurnEndedEvent(response_id="r1"))
        fake.emit(*both("r2"))
        await trio.sleep(15)
        assert outputs(fake) == {"call_r1_wire": INTERRUPTED}
        await trio.sleep(100)
        assert outputs(fake)["call_r2_wire"] == "sent"


@pytest.mark.parametrize("cause", [by_speech, by_the_application, by_an_output_guardrail])
async def test_a_call_that_the_interrupted_response_still_makes_is_not_run(
    cause: Callable[[FakeRealtimeModel, Session], Awaitable[None]], autojump_clock: Clock
) -> None:
    """It was on its way already. Calls of the next response run."""
    guardrail = OutputGuardrail[Any](guardrail_function=trips)
    agent = RealtimeAgent("A", tools=TOOLS, output_guardrails=[guardrail])
    fake = FakeRealtimeModel()
    async with await opened(fake, agent) as session:
        fake.emit(model.RealtimeModelTurnStartedEvent(response_id="r"))
        await settle()
        await cause(fake, session)
        await settle()
        fake.emit(*both("r")[1:])
        await settle()
        assert outputs(fake) == {"call_r_wire": INTERRUPTED}
        fake.emit(model.RealtimeModelTurnEndedEvent(response_id="r", status="cancelled"))
        fake.emit(*tool_call("r2", "i2", "wire_money"))
        await trio.sleep(100)
        assert outputs(fake)["call_i2"] == "sent"


async def test_a_call_that_waits_for_its_turn_is_interrupted_as_well(
    autojump_clock: Clock,
) -> None:
    """Calls in order: the second has not begun when the user breaks in, and never does."""
    fake = FakeRealtimeModel()
    agent = RealtimeAgent("A", tools=TOOLS)
    async with await opened(fake, agent, async_tool_calls=False) as session:
        calls = [call("i1", "write_down"), call("i2", "wire_money")]
        fake.emit(*tool_calls("r", calls))
        await trio.sleep(1)
        await session.interrupt()
        await trio.sleep(100)
        assert outputs(fake) == {"call_i1": "written", "call_i2": INTERRUPTED}


async def test_a_response_is_asked_for_after_the_interruption(autojump_clock: Clock) -> None:
    """Not before: an interruption would cancel the response to the output of the tool."""
    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A", tools=TOOLS)) as session:
        fake.emit(*tool_call("r", "i", "wire_money"))
        await trio.sleep(1)
        await session.interrupt()
        await settle()
        kinds = [type(sent) for sent in fake.connection.sent]
        assert kinds == [inputs.RealtimeModelSendInterrupt, inputs.RealtimeModelSendToolOutput]


# -- audio --------------------------------------------------------------------------------------


def audio(response_id: str, item_id: str) -> model.RealtimeModelAudioEvent:
    return model.RealtimeModelAudioEvent(
        data=bytes(4800), response_id=response_id, item_id=item_id, content_index=0
    )


def cut(response_id: str, item_id: str) -> model.RealtimeModelAudioInterruptedEvent:
    return model.RealtimeModelAudioInterruptedEvent(
        response_id=response_id, item_id=item_id, content_index=0, heard_ms=40
    )


async def test_only_the_audio_of_the_item_that_was_cut_is_thrown_away() -> None:
    """A guardrail cuts the first answer while the next one waits to be read already."""
    fake = FakeRealtimeModel()
    async with await opened(fake, RealtimeAgent("A")) as session:
        fake.emit(audio("r1", "i1"), audio("r2", "i2"), audio("r1", "i1"), cut("r1", "i1"))
        await settle()
        await session.aclose()
        events = [event async for event in session]
        (interrupted,) = [each for each in events if isinstance(each, RealtimeAudioInterrupted)]
        assert (interrupted.item_id, interrupted.response_id) == ("i1", "r1")
        heard = [each.item_id for each in events if isinstance(each, RealtimeAudio)]
        assert heard == ["i2"]


async def test_only_the_held_audio_of_the_item_that_was_cut_is_dropped(
    autojump_clock: Clock,
) -> None:
    """Audio that is held back for a check is not heard later if it was cut meanwhile."""

    async def passes(*_arguments: object) -> GuardrailFunctionOutput:
        await trio.sleep(10)
        return GuardrailFunctionOutput()

    guardrail = OutputGuardrail[Any](guardrail_function=passes)
    agent = RealtimeAgent("A", output_guardrails=[guardrail])
    hold = {"guardrail_mode": "hold"}
    fake = FakeRealtimeModel()
    async with await opened(fake, agent, guardrails_settings=hold) as session:
        fake.emit(model.RealtimeModelTurnStartedEvent(response_id="r"))
        fake.emit(says("r", "words " * 20), audio("r", "i1"), audio("r", "i2"), cut("r", "i1"))
        fake.emit(model.RealtimeModelTurnEndedEvent(response_id="r"))
        await trio.sleep(30)
        await session.aclose()
        events = [event async for event in session]
        heard = [each.item_id for each in events if isinstance(each, RealtimeAudio)]
        assert heard == ["i2"]
