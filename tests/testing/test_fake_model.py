"""The fake model: what its scripts and its interactive end do. That it is a model like any other is
in `test_contract`."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_realtime import ModelCapabilities, RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.config import RealtimeModelConfig, RealtimeSessionModelSettings
from trio_realtime.errors import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeSessionClosed,
    SettingsError,
    UserError,
)
from trio_realtime.items import AssistantAudio, AssistantMessageItem, AssistantText, InputText
from trio_realtime.models import events as model
from trio_realtime.models.inputs import (
    RealtimeModelClearAudio,
    RealtimeModelCommitAudio,
    RealtimeModelInput,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendUserInput,
)
from trio_realtime.models.interface import RealtimeConnection
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.sessions.history.history_fold import History
from trio_realtime.testing import (
    CallFunction,
    Close,
    Delay,
    Emit,
    Expect,
    FakeConnection,
    FakeRealtimeModel,
    Raise,
    RealtimeSimulator,
    ScriptMismatch,
    Text,
    assert_nothing_survives,
    call,
    spoken_response,
    tool_call,
    tool_calls,
    user_message,
    user_speech,
    written_response,
)
from trio_realtime.testing.script import Step

CONFIG = RealtimeModelConfig()
COMMIT = RealtimeModelCommitAudio()
CLEAR = RealtimeModelClearAudio()
STARTED = model.RealtimeModelTurnStartedEvent(response_id="resp_1")
ENDED = model.RealtimeModelTurnEndedEvent(response_id="resp_1")
HEARD_MORE = model.RealtimeModelDtmfEvent(key="5")


def says(text: str) -> RealtimeModelSendUserInput:
    return RealtimeModelSendUserInput(content=(InputText(text=text),))


async def converse(fake: FakeRealtimeModel, *inputs: RealtimeModelInput) -> None:
    """Connect, send, leave."""
    async with fake.connect(CONFIG) as connection:
        for each in inputs:
            await connection.send(each)


async def read_all(connection: RealtimeConnection) -> list[model.RealtimeModelEvent]:
    with trio.fail_after(5):
        return [event async for event in connection]


# -- scripts: the good path ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "matcher",
    [
        says("hello"),
        RealtimeModelSendUserInput,
        RealtimeModelSendAudio | RealtimeModelSendUserInput,
        lambda sent: sent.content[0].text.startswith("hell"),
    ],
    ids=["value", "type", "union", "predicate"],
)
async def test_a_script_answers_the_input_it_expects(matcher: Any) -> None:
    """By value, type, one of several types, or predicate; the answer is there when send returns."""
    fake = FakeRealtimeModel([Expect(matcher), Emit(STARTED, [ENDED, HEARD_MORE]), Close()])
    async with fake.connect(CONFIG) as connection:
        await connection.send(says("hello"))
        fake.assert_complete()
        assert await read_all(connection) == [STARTED, ENDED, HEARD_MORE]
    assert connection.sent == [says("hello")]


async def test_a_script_may_speak_first() -> None:
    """Steps before the first expectation are played when the session connects."""
    fake = FakeRealtimeModel([Emit(STARTED), Close()])
    async with fake.connect(CONFIG) as connection:
        assert await read_all(connection) == [STARTED]
    fake.assert_complete()


async def test_each_connection_plays_the_script_from_its_beginning() -> None:
    """Several sessions at once do not get into each other's way."""
    fake = FakeRealtimeModel([Expect(COMMIT), Emit(STARTED), Expect(CLEAR), Close()])
    async with fake.connect(CONFIG) as first, fake.connect(CONFIG) as second:
        await first.send(COMMIT)
        await second.send(COMMIT)
        await first.send(CLEAR)
        await second.send(CLEAR)
        assert await read_all(first) == await read_all(second) == [STARTED]
    fake.assert_complete()


async def test_a_function_picks_the_script_by_the_config() -> None:
    """None leaves a connection to the test."""

    def pick(config: RealtimeModelConfig) -> Sequence[Any] | None:
        return [Emit(STARTED), Close()] if config.url == "ws://scripted" else None

    fake = FakeRealtimeModel(pick)
    async with fake.connect(attrs.evolve(CONFIG, url="ws://scripted")) as scripted:
        assert await read_all(scripted) == [STARTED]
    async with fake.connect(CONFIG) as free:
        free.emit(ENDED)
        free.close()
        assert await read_all(free) == [ENDED]
    fake.assert_complete()


async def test_delays_pass_on_trios_clock(autojump_clock: MockClock) -> None:
    """An input that comes during a delay waits for its turn."""
    fake = FakeRealtimeModel([Expect(COMMIT), Delay(60), Emit(STARTED), Expect(CLEAR), Close()])
    async with fake.connect(CONFIG) as connection:
        began = trio.current_time()
        await connection.send(COMMIT)
        await connection.send(CLEAR)
        with trio.fail_after(100):
            assert [event async for event in connection] == [STARTED]
        assert trio.current_time() - began == 60
    fake.assert_complete()


async def test_an_expectation_in_time_is_not_disturbed_by_its_limit(
    autojump_clock: MockClock,
) -> None:
    """The limit of one step is not that of the next."""
    fake = FakeRealtimeModel([Expect(COMMIT, within=2), Expect(CLEAR, within=2), Close()])
    async with fake.connect(CONFIG) as connection:
        for sent in (COMMIT, CLEAR):
            await trio.sleep(1.5)
            await connection.send(sent)
        assert await read_all(connection) == []
    fake.assert_complete()


async def test_a_lenient_script_passes_over_what_it_does_not_expect() -> None:
    """Also after its last step."""
    fake = FakeRealtimeModel([Expect(COMMIT), Emit(STARTED)], strict=False)
    async with fake.connect(CONFIG) as connection:
        for sent in (CLEAR, says("hello"), COMMIT, CLEAR):
            await connection.send(sent)
        assert await anext(connection) == STARTED
    fake.assert_complete()


async def test_a_script_breaks_the_connection() -> None:
    """A connection error is raised as it is, after the events before it."""
    failure = RealtimeConnectionClosed("gone", code=1011)
    fake = FakeRealtimeModel([Emit(STARTED), Raise(failure)])
    async with fake.connect(CONFIG) as connection:
        assert await anext(connection) == STARTED
        with pytest.raises(RealtimeConnectionClosed) as raised:
            await anext(connection)
        assert raised.value is failure
        with pytest.raises(RealtimeSessionClosed) as refused:
            await connection.send(COMMIT)
        assert refused.value.__cause__ is failure
    fake.assert_complete()


async def test_another_exception_becomes_the_cause_of_a_connection_error() -> None:
    """A connection raises nothing else."""
    cause = OSError("cable")
    fake = FakeRealtimeModel([Raise(cause)])
    async with fake.connect(CONFIG) as connection:
        with pytest.raises(RealtimeConnectionError) as raised:
            await anext(connection)
        assert raised.value.__cause__ is cause


async def test_a_script_closes_with_a_code() -> None:
    """Codes that are not a clean end are a failure with that code."""
    fake = FakeRealtimeModel([Close(4000, "go away")])
    async with fake.connect(CONFIG) as connection:
        with pytest.raises(RealtimeConnectionClosed, match="4000: go away") as raised:
            await anext(connection)
        assert (raised.value.code, raised.value.reason) == (4000, "go away")


# -- scripts: mismatches ---------------------------------------------------------------------------


async def test_a_mismatch_is_told_to_everybody() -> None:
    """To the sender, the reader, later senders, at the end of the block and by assert_complete."""
    fake = FakeRealtimeModel([Emit(STARTED), Expect(COMMIT), Emit(ENDED), Expect(says("hello"))])
    mismatches: list[ScriptMismatch] = []

    async def converse() -> None:
        async with fake.connect(CONFIG) as connection:
            await connection.send(COMMIT)
            with pytest.raises(ScriptMismatch) as raised:
                await connection.send(CLEAR)
            mismatches.append(raised.value)
            assert [await anext(connection), await anext(connection)] == [STARTED, ENDED]
            with pytest.raises(ScriptMismatch) as raised:
                await anext(connection)
            mismatches.append(raised.value)
            with pytest.raises(ScriptMismatch) as raised:
                await connection.send(says("hello"))
            mismatches.append(raised.value)

    with pytest.raises(ScriptMismatch) as raised:
        await converse()
    mismatches.append(raised.value)
    with pytest.raises(ScriptMismatch) as raised:
        fake.assert_complete()
    mismatches.append(raised.value)
    assert len(mismatches) == 5
    assert all(each is fake.connection.mismatch for each in mismatches)
    assert fake.connection.sent == [COMMIT, CLEAR]


async def test_a_mismatch_shows_expected_and_actual_side_by_side() -> None:
    """What was in order, what was not, and what was still to come."""
    fake = FakeRealtimeModel(
        [Emit(STARTED), Expect(COMMIT), Expect(RealtimeModelSendAudio), Delay(1.5), Close()]
    )
    with pytest.raises(ScriptMismatch) as raised:
        await converse(fake, COMMIT, CLEAR)
    headline, empty, *rows = str(raised.value).splitlines()
    assert headline == "the session did not send what was expected"
    assert empty == ""
    assert [re.split(r" +\|", row) for row in rows] == [
        ["  expected", " actual"],
        ["  (emit 1 event)", ""],
        ["  RealtimeModelCommitAudio()", " RealtimeModelCommitAudio()"],
        ["> any RealtimeModelSendAudio", " RealtimeModelClearAudio()"],
        ["  (wait 1.5 s)", ""],
        ["  (close with 1000)", ""],
    ]


async def test_a_mismatch_names_the_fields_that_differ() -> None:
    """Long values are wrapped within their columns."""
    fake = FakeRealtimeModel([Expect(says("hello"))])
    with pytest.raises(ScriptMismatch) as raised:
        await converse(fake, attrs.evolve(says("hello there"), start_response=False))
    text = str(raised.value)
    assert text.startswith(
        "the session did not send what was expected: it differs in content, start_response\n"
    )
    assert text.count("> ") == 1
    assert max(map(len, text.splitlines()[2:])) <= 100
    assert "hello there" in text


async def test_an_input_after_the_end_is_a_mismatch() -> None:
    """A strict script that has ended expects nothing more."""
    fake = FakeRealtimeModel([Expect(COMMIT)])
    with pytest.raises(ScriptMismatch, match=r"> nothing more +\| RealtimeModelClearAudio\(\)"):
        await converse(fake, COMMIT, CLEAR)


async def test_a_predicate_that_raises_is_a_mismatch() -> None:
    """Its own exception, an assertion for instance, is the cause; also in a lenient script."""

    def is_fine(sent: Any) -> bool:
        assert sent == COMMIT
        return True

    fake = FakeRealtimeModel([Expect(is_fine)], strict=False)
    with pytest.raises(ScriptMismatch, match="is_fine raised AssertionError") as raised:
        await converse(fake, CLEAR)
    assert isinstance(raised.value.__cause__, AssertionError)


async def test_a_mismatch_found_after_a_delay_reaches_the_reader(
    autojump_clock: MockClock,
) -> None:
    """The sender has gone on by then; nobody hangs."""
    fake = FakeRealtimeModel([Delay(1), Expect(COMMIT)])

    async def read_after_sending() -> None:
        async with fake.connect(CONFIG) as connection:
            await connection.send(CLEAR)
            with pytest.raises(ScriptMismatch):
                await anext(connection)

    with pytest.raises(ScriptMismatch):
        await read_after_sending()


async def test_an_input_that_comes_too_late_is_a_mismatch(autojump_clock: MockClock) -> None:
    """A time limit turns waiting for ever into a mismatch."""
    fake = FakeRealtimeModel([Expect(COMMIT, within=5), Close()])
    with pytest.raises(ScriptMismatch, match="within 5 s"):
        async with fake.connect(CONFIG) as connection:
            await anext(connection)


async def test_the_exception_of_the_block_gets_a_note() -> None:
    """It leaves unchanged, and the mismatch is not lost."""
    fake = FakeRealtimeModel([Expect(COMMIT)])
    own = KeyError("the block's own")

    async def fail_after_the_mismatch() -> None:
        async with fake.connect(CONFIG) as connection:
            with pytest.raises(ScriptMismatch):
                await connection.send(CLEAR)
            raise own

    with pytest.raises(KeyError) as raised:
        await fail_after_the_mismatch()
    assert raised.value is own
    (note,) = own.__notes__
    assert "before that, in the fake model: the session did not send" in note


async def test_the_exception_of_a_block_without_mismatch_gets_no_note() -> None:
    """Nothing is added where there is nothing to say."""
    own = KeyError("the block's own")
    with pytest.raises(KeyError):
        async with FakeRealtimeModel().connect(CONFIG):
            raise own
    assert not hasattr(own, "__notes__")


async def test_steps_that_were_not_played_are_told() -> None:
    """A session that leaves early is no mismatch, until somebody asks."""
    fake = FakeRealtimeModel([Expect(COMMIT), Raise(OSError()), Expect(len)])
    async with fake.connect(CONFIG):
        pass
    with pytest.raises(ScriptMismatch) as raised:
        fake.assert_complete()
    rows = str(raised.value).splitlines()
    assert rows[0] == "connection 1: the script was not played to its end"
    assert [row.rstrip(" |") for row in rows[3:]] == [
        "> RealtimeModelCommitAudio()",
        "  (break with OSError)",
        "  what len accepts",
    ]


@pytest.mark.parametrize("script", [[Expect(COMMIT)], lambda _config: [Expect(COMMIT)]])
def test_a_script_that_nobody_played_is_told(script: Any) -> None:
    """A test that never connects is no success."""
    with pytest.raises(ScriptMismatch, match="nobody connected"):
        FakeRealtimeModel(script).assert_complete()


def test_without_a_script_nothing_is_incomplete() -> None:
    """An interactive model has nothing to complete."""
    FakeRealtimeModel().assert_complete()
    FakeRealtimeModel([]).assert_complete()


@pytest.mark.parametrize(
    ("make", "argument", "problem"),
    [
        (FakeRealtimeModel, [STARTED], "step 1 of the script is"),
        (FakeRealtimeModel, Expect(COMMIT), "a script is a sequence of steps"),
        (Expect, "hello", "cannot expect 'hello'"),
        (Emit, "hello", "'hello' is no model event"),
        (Emit, [STARTED, None], "None is no model event"),
        (Raise, OSError, "raises an instance"),
    ],
)
def test_impossible_scripts_are_refused(
    make: Callable[[Any], object], argument: Any, problem: str
) -> None:
    """When they are made, not when they are played."""
    with pytest.raises(UserError, match=problem):
        make(argument)


async def test_a_script_set_later_is_checked_too(fake_model: FakeRealtimeModel) -> None:
    """As is what a function returns."""
    with pytest.raises(UserError, match="step 1 of the script"):
        fake_model.script = [STARTED]  # type: ignore[list-item]
    fake_model.script = lambda _config: [STARTED]  # type: ignore[list-item]
    with pytest.raises(UserError, match="step 1 of the script"):
        async with fake_model.connect(CONFIG):
            pass
    fake_model.script = None


# -- interactive -----------------------------------------------------------------------------------


async def test_the_test_holds_the_other_end(fake_model: FakeRealtimeModel) -> None:
    """What the session sends can be expected, and what the test emits is received."""
    async with fake_model.connect(CONFIG) as connection:
        await connection.send(says("hello"))
        sent = await fake_model.expect(RealtimeModelSendUserInput)
        assert sent.content[0].text == "hello"
        fake_model.emit(STARTED, spoken_response("resp_2", "item", "hi"))
        fake_model.close()
        events = await read_all(connection)
        assert events[0] == STARTED
        assert events[-1].type == "turn_ended"


async def test_expecting_waits_for_the_session() -> None:
    """For it to connect, and to send."""
    fake = FakeRealtimeModel()
    expected: list[Any] = []

    async def expect() -> None:
        expected.append(await fake.expect(COMMIT))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect)
        await wait_all_tasks_blocked()
        async with fake.connect(CONFIG) as connection:
            await wait_all_tasks_blocked()
            await connection.send(COMMIT)
    assert expected == [COMMIT]


async def test_expecting_something_else_is_a_mismatch(fake_model: FakeRealtimeModel) -> None:
    """It is told to the test; the session notices nothing."""
    async with fake_model.connect(CONFIG) as connection:
        await connection.send(COMMIT)
        await connection.send(CLEAR)
        await fake_model.expect(COMMIT)
        with pytest.raises(ScriptMismatch, match=r"> .*CommitAudio\(\) +\| .*ClearAudio\(\)"):
            await fake_model.expect(COMMIT)
        await connection.send(COMMIT)
        await fake_model.expect(COMMIT)


async def test_a_lenient_model_passes_over_other_inputs() -> None:
    """They stay in ``sent``."""
    fake = FakeRealtimeModel(strict=False)
    async with fake.connect(CONFIG) as connection:
        for sent in (CLEAR, COMMIT):
            await connection.send(sent)
        assert await fake.expect(COMMIT) == COMMIT
        assert connection.sent == [CLEAR, COMMIT]


async def test_expecting_for_a_time(autojump_clock: MockClock) -> None:
    """No session, or one that sends nothing."""
    fake = FakeRealtimeModel()
    with pytest.raises(ScriptMismatch, match=r"no session connected .* within 3 s"):
        await fake.expect(COMMIT, within=3)
    async with fake.connect(CONFIG):
        with pytest.raises(ScriptMismatch, match="nothing that was expected within 3 s"):
            await fake.expect(COMMIT, within=3)


@pytest.mark.parametrize("end", ["leave", "close"])
async def test_expecting_what_cannot_come_any_more(end: str) -> None:
    """Whoever waits hears of the end; what came before it can still be expected."""
    fake = FakeRealtimeModel()
    mismatches: list[str] = []

    async def expect() -> None:
        with pytest.raises(ScriptMismatch) as raised:
            await fake.expect(CLEAR)
        mismatches.append(str(raised.value))

    async with trio.open_nursery() as nursery, fake.connect(CONFIG) as connection:
        nursery.start_soon(expect)
        await wait_all_tasks_blocked()
        if end == "close":
            fake.close()
            await wait_all_tasks_blocked()
            assert len(mismatches) == 1
    assert "the connection is over" in mismatches[0]
    assert connection.closed.is_set()


async def test_inputs_outlive_the_session(fake_model: FakeRealtimeModel) -> None:
    """A test may run a session first and look at what it sent afterwards."""
    async with fake_model.connect(CONFIG) as connection:
        await connection.send(COMMIT)
    await fake_model.expect(COMMIT)


async def test_cancelling_an_expectation_loses_no_input(fake_model: FakeRealtimeModel) -> None:
    """The next one gets it."""
    async with fake_model.connect(CONFIG) as connection:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fake_model.expect, COMMIT)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await connection.send(CLEAR)
        assert await fake_model.expect(CLEAR) == CLEAR


async def test_one_expectation_at_a_time(fake_model: FakeRealtimeModel) -> None:
    """Two tasks could not say which of them is to get an input."""
    async with fake_model.connect(CONFIG), trio.open_nursery() as nursery:
        nursery.start_soon(fake_model.expect, COMMIT)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await fake_model.expect(COMMIT)
        nursery.cancel_scope.cancel()


async def test_a_scripted_connection_expects_by_itself() -> None:
    """The test cannot take inputs from the script."""
    async with FakeRealtimeModel([]).connect(CONFIG) as connection:
        with pytest.raises(UserError, match="plays a script"):
            await connection.expect(COMMIT)


async def test_expecting_nonsense_is_refused(fake_model: FakeRealtimeModel) -> None:
    """Before anything is waited for."""
    async with fake_model.connect(CONFIG):
        with pytest.raises(UserError, match="cannot expect None"):
            await fake_model.expect(None)  # type: ignore[arg-type]


async def test_which_connection_is_meant() -> None:
    """The one that is open, or the last one; several open ones must be told apart."""
    fake = FakeRealtimeModel()
    with pytest.raises(UserError, match="nobody has connected"):
        fake.emit(STARTED)
    async with fake.connect(CONFIG) as first:
        async with fake.connect(CONFIG) as second:
            with pytest.raises(UserError, match=r"2 connections are open.*connections\[0\]"):
                fake.emit(STARTED)
            assert await fake.wait_connected(2) is second
            second.emit(ENDED)
            assert await anext(second) == ENDED
        assert fake.connection is first
        fake.emit(STARTED)
        assert await anext(first) == STARTED
    assert fake.connection is second
    assert fake.connections == [first, second]


async def test_waiting_for_sessions() -> None:
    """For the second one too."""
    fake = FakeRealtimeModel()
    connected: list[FakeConnection] = []

    async def wait() -> None:
        connected.append(await fake.wait_connected(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        async with fake.connect(CONFIG):
            await wait_all_tasks_blocked()
            assert connected == []
            async with fake.connect(CONFIG) as second:
                await wait_all_tasks_blocked()
    assert connected == [second]


async def test_a_failing_network(fake_model: FakeRealtimeModel) -> None:
    """A drop is an abnormal closure; what ends first counts."""
    async with fake_model.connect(CONFIG) as connection:
        fake_model.emit(STARTED)
        fake_model.drop()
        fake_model.fail(OSError("later"))
        fake_model.close()
        assert await anext(connection) == STARTED
        for _ in range(2):
            with pytest.raises(RealtimeConnectionClosed) as raised:
                await anext(connection)
            assert raised.value.code == 1006


async def test_a_reader_that_waits_hears_of_a_failure(fake_model: FakeRealtimeModel) -> None:
    """It is woken; so is one that waits when the session leaves, whose iteration ends."""
    outcomes: list[str] = []

    async def read(connection: FakeConnection) -> None:
        try:
            await read_all(connection)
        except RealtimeConnectionError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("ended")

    async with trio.open_nursery() as nursery:
        async with fake_model.connect(CONFIG) as connection:
            nursery.start_soon(read, connection)
            await wait_all_tasks_blocked()
            fake_model.fail(OSError())
            await wait_all_tasks_blocked()
        async with fake_model.connect(CONFIG) as connection:
            nursery.start_soon(read, connection)
            await wait_all_tasks_blocked()
    assert outcomes == ["the connection broke", "ended"]


async def test_emitting_to_nobody_is_refused(fake_model: FakeRealtimeModel) -> None:
    """After an end of either side; and what is no event is refused whole."""
    async with fake_model.connect(CONFIG) as connection:
        with pytest.raises(UserError, match="no model event"):
            fake_model.emit(STARTED, 5)  # type: ignore[arg-type]
        fake_model.close()
        with pytest.raises(UserError, match="connection 1 is over"):
            fake_model.emit(STARTED)
        assert await read_all(connection) == []
    async with fake_model.connect(CONFIG) as connection:
        pass
    with pytest.raises(UserError, match="connection 2 is over"):
        fake_model.emit(STARTED)


async def test_a_model_that_cannot_be_reached(fake_model: FakeRealtimeModel) -> None:
    """Each planned failure is for one attempt."""
    fake_model.fail_next_connect(RealtimeHandshakeError("no", status=401))
    with pytest.raises(RealtimeHandshakeError):
        async with fake_model.connect(CONFIG):
            pass
    assert fake_model.connections == []
    async with fake_model.connect(CONFIG):
        assert fake_model.connection.number == 1


async def test_what_no_model_can_send_is_refused(fake_model: FakeRealtimeModel) -> None:
    """A test with the fake finds wrong inputs; the refused ones count as not sent."""
    async with fake_model.connect(CONFIG) as connection:
        for wrong in (
            RealtimeModelSendRawMessage(message={"no": "type"}),
            RealtimeModelSendRawMessage(message={"type": "x", "y": [{"z": math.nan}]}),
            RealtimeModelSendRawMessage(message=[]),  # type: ignore[arg-type]
            5,
        ):
            with pytest.raises(UserError):
                await connection.send(wrong)  # type: ignore[arg-type]
        await connection.send(RealtimeModelSendInterrupt())
    assert connection.sent == [RealtimeModelSendInterrupt()]


async def test_what_its_capabilities_exclude_is_refused() -> None:
    """Inputs and settings, at the beginning and later."""
    model = FakeRealtimeModel(
        capabilities=ModelCapabilities(
            model="the test's", cancel=False, truncate=False, voices=frozenset("a")
        )
    )
    voice = RealtimeSessionModelSettings(voice="b")
    with pytest.raises(SettingsError, match="the test's has no voice 'b'"):
        async with model.connect(RealtimeModelConfig(initial_model_settings=voice)):
            pass
    async with model.connect(CONFIG) as connection:
        with pytest.raises(UserError, match="the test's cannot be interrupted"):
            await connection.send(RealtimeModelSendInterrupt())
        with pytest.raises(SettingsError, match="the test's has no voice 'b'"):
            await connection.send(RealtimeModelSendSessionUpdate(session_settings=voice))
        assert connection.sent == []


# -- sessions --------------------------------------------------------------------------------------


@function_tool
def weather(city: str) -> str:
    """Say what the weather is like."""
    return f"sunny in {city}"


async def ask_for_the_weather(runner: RealtimeRunner[Any], city: str) -> list[str]:
    """The kinds of events a session has that asks for the weather and listens to the end."""
    model_config = RealtimeModelConfig(url=f"ws://fake/{city}")
    async with await runner.run(model_config=model_config) as session:
        await session.send_message(f"How is the weather in {city}?")
        return [event.type async for event in session]


def weather_script(config: RealtimeModelConfig) -> list[Step]:
    """The model asks the tool about the city of the URL, and says what it heard."""
    city = str(config.url).rpartition("/")[2]
    return [
        Expect(lambda sent: sent.content[0].text.endswith(f"{city}?")),
        Emit(tool_call("resp_1", "item_1", "weather", {"city": city})),
        Expect(lambda sent: sent.output == f"sunny in {city}"),
        Emit(spoken_response("resp_2", "item_2", "It is sunny.")),
        Close(),
    ]


async def test_sessions_at_once_play_scripts_of_their_own() -> None:
    """One runner, one model, three sessions; nothing survives any of them."""
    fake = FakeRealtimeModel(weather_script)
    runner = RealtimeRunner(RealtimeAgent(name="Assistant", tools=[weather]), model=fake)
    async with assert_nothing_survives(), trio.open_nursery() as nursery:
        for city in ("Rome", "Oslo", "Lima"):
            nursery.start_soon(ask_for_the_weather, runner, city)
    assert len(fake.connections) == 3
    fake.assert_complete()


async def test_a_mismatch_surfaces_from_a_session() -> None:
    """Though it is a tool's task, not the test, that sent what was not expected."""
    script = weather_script(RealtimeModelConfig(url="ws://fake/Rome"))
    script[2] = Expect(RealtimeModelSendAudio)
    fake = FakeRealtimeModel(script)
    runner = RealtimeRunner(RealtimeAgent(name="Assistant", tools=[weather]), model=fake)
    with pytest.raises(ScriptMismatch, match=r"> any RealtimeModelSendAudio +\| .*ToolOutput"):
        await ask_for_the_weather(runner, "Rome")


# -- builders --------------------------------------------------------------------------------------


async def hear_from_simulator(
    reply: Any, *inputs: RealtimeModelInput, until: str = "turn_ended", **settings: Any
) -> list[Any]:
    """What the OpenAI model makes of what the simulator says to some inputs."""
    simulator = RealtimeSimulator(responder=lambda _turn: reply, speed=float("inf"), **settings)
    # A model whose messages have no phase.
    url = "ws://simulator/v1/realtime?model=gpt-realtime"
    config = RealtimeModelConfig(url=url, api_key="a key")
    events: list[Any] = []
    async with simulator.memory_dialer() as dial:
        openai = OpenAIRealtimeWebSocketModel(stream_factory=dial)
        async with openai.connect(config) as connection:
            for sent in inputs:
                await connection.send(sent)
            while not events or events[-1].type != until:
                event = await anext(aiter(connection))
                if event.type not in {"raw_server_event", "rate_limits_updated"}:
                    events.append(event)
    return events


async def response_of_simulator(reply: Any) -> tuple[list[Any], dict[str, Any]]:
    """The events of a response, and what a builder needs to build the same."""
    # The response is not the second item, about whose place the API says two things.
    earlier = RealtimeModelSendRawMessage(
        message={
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "system", "content": []},
        }
    )
    events = await hear_from_simulator(reply, earlier, says("hello"))
    begin = next(i for i, event in enumerate(events) if event.type == "turn_started")
    user_item, response = events[begin - 2], events[begin:]
    return response, {
        "previous_item_id": user_item.item.item_id,
        "usage": response[-1].usage,
    }


async def test_a_spoken_response_is_as_the_api_sends_it() -> None:
    """The same events in the same order; only where the audio lies between them is free."""
    real, common = await response_of_simulator("Hello there, you.")
    item_id = real[1].item.item_id
    audio = b"".join(event.data for event in real if event.type == "audio")
    built = spoken_response(
        real[0].response_id, item_id, "Hello there, you.", audio=audio, **common
    )
    assert b"".join(event.data for event in built if event.type == "audio") == audio
    assert [e for e in built if e.type != "audio"] == [e for e in real if e.type != "audio"]


async def test_a_written_response_is_as_the_api_sends_it() -> None:
    """The same events in the same order."""
    real, common = await response_of_simulator(Text("Hello there, you."))
    item_id = real[1].item.item_id
    built = written_response(real[0].response_id, item_id, "Hello there, you.", **common)
    assert list(built) == real


async def test_tool_calls_are_as_the_api_sends_them() -> None:
    """The same events in the same order, for two calls in one response."""
    real, common = await response_of_simulator([CallFunction("f", {"a": 1}), CallFunction("g")])
    calls = [
        call(each.id, each.name, each.arguments, call_id=each.call_id)
        for each in real
        if each.type == "function_call"
    ]
    assert list(tool_calls(real[0].response_id, calls, **common)) == real


async def test_a_user_message_is_as_the_api_sends_it() -> None:
    """The echo of what was typed."""
    real = await hear_from_simulator("", says("hello"))
    assert list(user_message(real[0].item.item_id, "hello")) == real[:2]


async def test_user_speech_is_as_the_api_sends_it() -> None:
    """Committed audio with its transcript; deltas of the transcript are left out."""
    sent = RealtimeModelSendAudio(audio=bytes(48_000), commit=True)
    real = await hear_from_simulator(
        "", sent, until="input_audio_transcription_completed", hears=["good evening"]
    )
    started, stopped, *built = user_speech(real[0].item_id, "good evening", end_ms=800)
    assert built == [e for e in real if e.type != "input_audio_transcription_delta"]
    assert (started.type, stopped.type) == ("speech_started", "speech_stopped")
    assert (started.audio_start_ms, stopped.audio_end_ms) == (0, 800)  # type: ignore[union-attr]
    assert user_speech("item", None)[-1].type == "item_updated"


def test_spoken_responses_have_audio_of_their_own() -> None:
    """100 ms of silence for each word, or the given audio in pieces of 100 ms."""
    silent = [e for e in spoken_response("resp", "item", "one two") if e.type == "audio"]
    assert [event.data for event in silent] == [bytes(4_800)] * 2
    given = [e for e in spoken_response("r", "i", "one", audio=b"ab" * 3_000) if e.type == "audio"]
    assert [len(event.data) for event in given] == [4_800, 1_200]
    assert all(e.type != "audio" for e in spoken_response("resp", "item", "one two", audio=b""))


def test_a_single_call_needs_few_words() -> None:
    """Arguments become JSON, and the ids follow from each other."""
    (called,) = (e for e in tool_call("resp", "item", "f", {"a": 1}) if e.type == "function_call")
    assert called == model.RealtimeModelToolCallEvent(
        name="f", call_id="call_item", arguments='{"a": 1}', id="item", response_id="resp"
    )


def test_built_turns_make_a_history() -> None:
    """The items of two turns stand in their order, completed."""
    history = History()
    for event in (
        *user_message("item_1", "hello"),
        *spoken_response("resp_1", "item_2", "hi there", previous_item_id="item_1"),
        *user_speech("item_3", "bye", previous_item_id="item_2"),
        *written_response("resp_2", "item_4", "so long", previous_item_id="item_3"),
    ):
        if isinstance(event, model.RealtimeModelTranscriptDeltaEvent):
            history.transcript_delta(event)
        elif isinstance(event, model.RealtimeModelOutputTextDeltaEvent):
            history.text_delta(event)
        else:
            history.apply(event)
    items = list(history.snapshot())
    assert [item.item_id for item in items] == ["item_1", "item_2", "item_3", "item_4"]
    answers = [item for item in items if isinstance(item, AssistantMessageItem)]
    assert [answer.status for answer in answers] == ["completed", "completed"]
    assert [answer.content[0] for answer in answers] == [
        AssistantAudio(transcript="hi there"),
        AssistantText(text="so long"),
    ]
