"""What a model cannot do is refused before anything is sent, by what it says of itself."""

from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime import (
    GuardrailFunctionOutput,
    ModelCapabilities,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    function_tool,
    input_guardrail,
    output_guardrail,
)
from trio_realtime.audio.formats import PCM16, PCMU
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import SettingsError, UserError
from trio_realtime.items import InputImage, InputText, SystemMessageItem
from trio_realtime.models import inputs
from trio_realtime.testing import (
    FakeRealtimeModel,
    spoken_response,
    tool_call,
    user_speech,
)

Clock = trio.testing.MockClock
NOTHING = ModelCapabilities(
    model="the dull model",
    cancel=False,
    truncate=False,
    out_of_band=False,
    echoed_metadata=False,
    response_options=frozenset(),
    turn_detection=frozenset(),
    push_to_talk=False,
    ends_turns=False,
    text_output=False,
    images=False,
    conversation_items=False,
    hosted_mcp=False,
    changeable=frozenset(),
    voices=frozenset(),
    input_formats=frozenset(),
    output_formats=frozenset(),
)
ITEM = SystemMessageItem(item_id="s", content=(InputText(text="Hi."),))
PICTURE = InputImage(image_url="data:image/png;base64,aaaa")


def asks(**options: Any) -> inputs.RealtimeModelCreateResponse:
    return inputs.RealtimeModelCreateResponse(options=inputs.ResponseOptions(**options))


REFUSED: list[tuple[inputs.RealtimeModelInput, str]] = [
    (inputs.RealtimeModelSendAudio(audio=b"", commit=True), "only send audio"),
    (inputs.RealtimeModelCommitAudio(), "only send audio"),
    (inputs.RealtimeModelClearAudio(), "only send audio"),
    (inputs.RealtimeModelSendUserInput(content=(PICTURE,)), "send text or audio"),
    (inputs.RealtimeModelCreateResponse(out_of_band=True), "ask within the conversation"),
    (asks(metadata={"a": "b"}), "take the events of the session"),
    (asks(instructions="Hm."), "has no instructions for one response alone"),
    (inputs.RealtimeModelSendInterrupt(), "stops by itself when the user speaks"),
    (inputs.TruncateItem(item_id="a", audio_end_ms=1), "how much of an answer was heard"),
    (inputs.InsertItem(item=ITEM), "send a message instead"),
    (inputs.RestoreHistory(items=(ITEM,)), "send a message instead"),
    (inputs.DeleteItem(item_id="s"), "send a message instead"),
    (inputs.AnswerMcpApproval(request_id="r", approve=True), "give the agent an MCP server"),
]

TAKEN: list[inputs.RealtimeModelInput] = [
    inputs.RealtimeModelSendAudio(audio=b"\0\0"),
    inputs.RealtimeModelSendUserInput(content=(InputText(text="Hi."),)),
    inputs.RealtimeModelCreateResponse(automatic=True),
    asks(),
    inputs.RealtimeModelSendRawMessage(message={"type": "x"}),
]


@pytest.mark.parametrize(("given", "instead"), REFUSED, ids=lambda value: type(value).__name__)
def test_an_input_that_the_model_has_no_answer_to_is_refused(
    given: inputs.RealtimeModelInput, instead: str
) -> None:
    """The words name the model, and what can be done instead; a model that can takes it."""
    with pytest.raises(UserError, match=f"^the dull model .*{instead}"):
        NOTHING.check_input(given)
    ModelCapabilities().check_input(given)


@pytest.mark.parametrize("given", TAKEN, ids=lambda value: type(value).__name__)
def test_what_every_model_has_is_refused_by_none(given: inputs.RealtimeModelInput) -> None:
    """However little it can do."""
    NOTHING.check_input(given)


def test_a_model_that_cuts_its_answers_can_be_interrupted() -> None:
    """Cancelling and truncating each are a way to interrupt."""
    for able in (ModelCapabilities(cancel=False), ModelCapabilities(truncate=False)):
        able.check_input(inputs.RealtimeModelSendInterrupt())


def test_options_that_a_model_has_for_one_response_are_taken() -> None:
    """And no others; metadata is not among them, since it has a capability of its own."""
    some = ModelCapabilities(response_options=frozenset({"instructions"}))
    some.check_input(asks(instructions="Hm.", metadata={"a": "b"}))
    with pytest.raises(UserError, match="this model has no tool_choice for one response alone"):
        some.check_input(asks(instructions="Hm.", tool_choice="auto"))


SETTINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"output_modalities": ["text"]}, "output_modalities", r'take \["audio"\]'),
    ({"modalities": ["text"]}, "output_modalities", r'take \["audio"\]'),
    ({"turn_detection": None}, "audio.input.turn_detection", "always listens"),
    ({"turn_detection": {"type": "server_vad"}}, "audio.input.turn_detection", "leave them out"),
    ({"input_audio_format": "pcm16"}, "audio.input.format", "does not take audio/pcm at 24000"),
    ({"output_audio_format": "pcm16"}, "audio.output.format", "but nothing"),
    ({"voice": "marin"}, "audio.output.voice", "has no voice 'marin'"),
]


@pytest.mark.parametrize(("given", "path", "words"), SETTINGS)
def test_a_setting_that_the_model_does_not_have_is_refused(
    given: dict[str, Any], path: str, words: str
) -> None:
    """At its path, in either spelling; a model that has it takes it."""
    settings = RealtimeSessionModelSettings(**given)
    with pytest.raises(SettingsError, match=f"the dull model .*{words}") as refused:
        NOTHING.check_settings(settings)
    assert refused.value.path == path
    able = ModelCapabilities(
        turn_detection=frozenset({"server_vad"}),
        voices=frozenset({"marin"}),
        input_formats=frozenset({PCM16, PCMU}),
        output_formats=frozenset({PCM16}),
    )
    able.check_settings(settings)


def test_settings_that_say_nothing_are_refused_by_no_model() -> None:
    """Nor does audio output need to be said; a voice of one's own is for the server to judge."""
    NOTHING.check_settings(RealtimeSessionModelSettings(output_modalities=["audio"]))
    NOTHING.check_settings(RealtimeSessionModelSettings(voice={"id": "voice_1"}))


def test_another_kind_of_turn_detection_is_refused_with_those_there_are() -> None:
    """The OpenAI Realtime API has two."""
    only = ModelCapabilities(turn_detection=frozenset({"server_vad"}))
    given = RealtimeSessionModelSettings(turn_detection={"type": "semantic_vad"})
    with pytest.raises(SettingsError, match="no turn detection of type 'semantic_vad', but server"):
        only.check_settings(given)
    OpenAIRealtimeWebSocketModel().capabilities.check_settings(given)


def test_only_what_may_change_changes() -> None:
    """What stays as it is may be said again, and what is not said stays."""
    some = ModelCapabilities(changeable=frozenset({"tools"}))
    before = RealtimeSessionModelSettings(instructions="A", voice="marin", speed=1.0)
    same: list[dict[str, Any]] = [{}, {"instructions": "A"}, {"voice": "marin"}, {"tools": []}]
    for given in same:
        some.check_change(before, RealtimeSessionModelSettings(**given))
    changed: list[tuple[dict[str, Any], str]] = [
        ({"instructions": "B"}, "instructions"),
        ({"voice": "cedar"}, "audio"),
        ({"tracing": None}, "tracing"),
    ]
    for given, path in changed:
        with pytest.raises(SettingsError, match="while a session runs.* can change: tools") as no:
            some.check_change(before, RealtimeSessionModelSettings(**given))
        assert no.value.path == path
    ModelCapabilities().check_change(before, RealtimeSessionModelSettings(instructions="B"))


# -- sessions --------------------------------------------------------------------------------------


def fake(**capabilities: Any) -> FakeRealtimeModel:
    return FakeRealtimeModel(capabilities=ModelCapabilities(model="the dull model", **capabilities))


async def test_a_session_sends_nothing_that_its_model_cannot_do(autojump_clock: Clock) -> None:
    """The method raises, and the session goes on."""
    model = fake(push_to_talk=False, out_of_band=False, cancel=False, truncate=False)
    runner = RealtimeRunner(RealtimeAgent[None]("A"), model=model)
    async with await runner.run() as session:
        for method in (
            session.commit_audio,
            session.clear_audio,
            session.interrupt,
            lambda: session.send_audio(bytes(480), commit=True),
            lambda: session.ask("What?"),
        ):
            with pytest.raises(UserError, match="^the dull model "):
                await method()
        await session.send_message("Hello")
        assert [type(each) for each in model.connection.sent] == [inputs.RealtimeModelSendUserInput]


async def test_early_audio_that_the_model_cannot_take_is_refused_at_once(
    autojump_clock: Clock,
) -> None:
    """And not when the session is open, where it would be nobody's."""

    async def never(*_: Any) -> str:
        await trio.sleep_forever()
        raise AssertionError

    agent = RealtimeAgent[None]("A", instructions=never)
    session = await RealtimeRunner(agent, model=fake(push_to_talk=False)).run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(UserError, match="^the dull model "):
            await session.send_audio(bytes(480), commit=True)
        await session.send_audio(bytes(480))
        await session.aclose()


async def test_settings_that_the_model_does_not_have_fail_the_opening(
    autojump_clock: Clock,
) -> None:
    """Nobody connects then."""
    model = fake(voices=frozenset({"marin"}))
    runner = RealtimeRunner(
        RealtimeAgent[None]("A"), model=model, config={"model_settings": {"voice": "cedar"}}
    )
    with pytest.raises(SettingsError, match="the dull model has no voice 'cedar', but marin"):
        async with await runner.run():
            pass
    assert model.connections == []


async def test_a_change_that_the_model_does_not_allow_leaves_the_agent(
    autojump_clock: Clock,
) -> None:
    """A handoff becomes an output that says so, and an event; `update_agent` raises."""
    other = RealtimeAgent[None]("B", instructions="Be B.")
    agent = RealtimeAgent[None]("A", instructions="Be A.", handoffs=[other])
    model = fake(changeable=frozenset({"tools"}))
    async with await RealtimeRunner(agent, model=model).run() as session:
        with pytest.raises(SettingsError, match="^the dull model cannot change it"):
            await session.update_agent(other)
        model.emit(tool_call("r", "c", "transfer_to_b", {}))
        output = await model.expect(inputs.RealtimeModelSendToolOutput)
        assert "error" in output.output.lower()
        assert session.current_agent is agent
        assert not [
            each
            for each in model.connection.sent
            if isinstance(each, inputs.RealtimeModelSendSessionUpdate)
        ]


async def test_guardrails_do_without_what_the_model_cannot_do(autojump_clock: Clock) -> None:
    """Tools are stopped and the application is told; nothing is asked of the model."""

    @output_guardrail
    async def no_answers(*_: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    @input_guardrail
    async def no_questions(*_: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    stopped: list[str] = []

    @function_tool(on_interrupt="cancel")
    async def wait() -> str:
        """Wait."""
        try:
            await trio.sleep_forever()
        finally:
            stopped.append("wait")

    agent = RealtimeAgent[None](
        "A", output_guardrails=[no_answers], input_guardrails=[no_questions], tools=[wait]
    )
    model = fake(cancel=False, truncate=False, conversation_items=False)
    runner = RealtimeRunner(
        agent, model=model, config={"events": ["guardrail_tripped", "input_guardrail_tripped"]}
    )
    async with await runner.run() as session:
        model.emit(tool_call("r1", "c1", "wait", {}))
        await trio.testing.wait_all_tasks_blocked()
        model.emit(user_speech("u1", "A question?"))
        assert (await session.receive()).type == "input_guardrail_tripped"
        await trio.testing.wait_all_tasks_blocked()
        assert stopped == ["wait"]
        model.emit(spoken_response("r2", "a1", "An answer."))
        assert (await session.receive()).type == "guardrail_tripped"
        sent = {type(each) for each in model.connection.sent}
        assert inputs.RealtimeModelSendInterrupt not in sent
        assert inputs.DeleteItem not in sent
