"""Turns: who says that one is over, responses to wait for, questions, goodbyes and silence."""

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import attrs
import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    AssistantMessageItem,
    AssistantText,
    ModelBehaviorError,
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimePlaybackTracker,
    RealtimeSession,
    RealtimeSessionClosed,
    RealtimeSessionEvent,
    UserError,
    function_tool,
)
from trio_realtime.agents.tool_arguments import ToolArgumentsError
from trio_realtime.models.openai.wire.tool_objects import tool_to_wire
from trio_realtime.sessions.asking.responses import RealtimeResponse
from trio_realtime.testing.simulator import (
    CallFunction,
    Fail,
    Incomplete,
    Reply,
    Say,
    Text,
    Turn,
    Wait,
)

Clock = trio.testing.MockClock
Session = RealtimeSession[Any]

LOUD = (b"\x00\x40" * 30 + b"\x00\xc0" * 30) * 80
"""200 ms of a loud square wave: somebody speaks."""

SILENCE = bytes(48 * 1_200)
"""1.2 s of silence: more than any turn detection of these tests waits for."""

PUSH = {"turn_detection": None}
"""The settings for push-to-talk."""


def sent(stage: Stage, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in stage.server.received if event["type"] in kinds]


def types(stage: Stage) -> list[str]:
    """What the server was sent, beside the settings."""
    return [event["type"] for event in stage.server.received if event["type"] != "session.update"]


async def read(session: Session, into: list[RealtimeSessionEvent] | None = None) -> None:
    """Take every event as it comes, as an application does that plays audio."""
    async for event in session:
        if into is not None:
            into.append(event)


APPEND, COMMIT = "input_audio_buffer.append", "input_audio_buffer.commit"
CLEAR, CREATE = "input_audio_buffer.clear", "response.create"


# -- whose turn it is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detection",
    [
        {"type": "server_vad", "silence_duration_ms": 400},
        {"type": "semantic_vad", "eagerness": "high"},
        {"type": "semantic_vad", "eagerness": "low"},
    ],
)
async def test_the_server_ends_turns(detection: Mapping[str, Any], autojump_clock: Clock) -> None:
    """It commits and answers by itself; nothing has to be asked for."""
    async with open_stage(hears="Good day") as stage:
        async with await stage.session(
            config={"events": "all"}, initial_model_settings={"turn_detection": detection}
        ) as session:
            await session.send_audio(LOUD + SILENCE)
            seen = kinds(await until(session, "response_done"))
            for kind in ("user_speech_started", "user_speech_stopped", "agent_end"):
                assert kind in seen
            assert types(stage) == [APPEND]
            assert [item.type for item in session.history] == ["message", "message"]


async def test_nobody_ends_turns_by_itself(autojump_clock: Clock) -> None:
    """Without turn detection, audio is only audio until it is committed; a commit is no request
    for a response; both are ours to make."""
    async with open_stage(hears="Good day") as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            await session.send_audio(LOUD + SILENCE)
            await trio.sleep(60)
            assert len(session.history) == 0
            await session.commit_audio()
            await trio.sleep(60)
            assert [getattr(item, "role", "") for item in session.history] == ["user"]
            await session.respond()
            await until(session, "agent_end")
            assert types(stage) == [APPEND, COMMIT, CREATE]


# -- push to talk ---------------------------------------------------------------------------------


async def test_a_turn_of_the_user(autojump_clock: Clock) -> None:
    """Stray audio is thrown away, then what was sent is committed and answered."""
    async with open_stage(hears="Good day") as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            await session.send_audio(LOUD)
            async with session.user_turn() as turn:
                await turn.send(LOUD)
                await turn.send(LOUD[:960])
                assert turn.nbytes == len(LOUD) + 960
            await until(session, "agent_end")
            assert types(stage) == [APPEND, CLEAR, APPEND, APPEND, COMMIT, CREATE]
            (user,) = [i for i in stage.server.conversation.items if i.fields["role"] == "user"]
            assert user.parts is not None
            assert user.parts[0].audio_ms == 220


async def test_the_button_stops_the_model(autojump_clock: Clock) -> None:
    """Pressed while the model speaks, it cuts the answer where it was heard; the next answer comes
    when that one is over."""
    async with open_stage(
        responder=lambda _turn: Say("On and on.", audio_ms=3_000), speed=1
    ) as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            first = await session.respond()
            await until(session, "audio", 5)
            async with session.user_turn() as turn:
                event = (await until(session, "audio_interrupted"))[-1]
                assert getattr(event, "heard_ms", None) == 400
                await turn.send(LOUD)
            assert (await first.wait_done()).status == "cancelled"
            await until(session, "agent_end", 2)
            assert len(sent(stage, CREATE)) == 2


class Slip(Exception):
    """Somebody changes their mind."""


async def test_a_turn_that_raises(autojump_clock: Clock) -> None:
    """Is thrown away, and the exception leaves the block as it is."""
    slip = Slip()
    async with open_stage() as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            with pytest.raises(Slip) as caught:
                async with session.user_turn() as turn:
                    await turn.send(LOUD)
                    raise slip
            assert caught.value is slip
            await settle()
            assert types(stage) == [CLEAR, APPEND, CLEAR]


async def test_a_turn_that_raises_because_the_session_is_over(autojump_clock: Clock) -> None:
    """Its own exception counts, not that there is nothing left to clear."""
    async with open_stage() as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            with pytest.raises(Slip):
                async with session.user_turn() as turn:
                    await turn.send(LOUD)
                    await session.aclose()
                    raise Slip


async def test_a_turn_that_is_cancelled(autojump_clock: Clock) -> None:
    """Leaves nothing committed; the next turn begins with an empty buffer."""
    async with open_stage() as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            with trio.move_on_after(1) as scope:
                async with session.user_turn() as turn:
                    await turn.send(LOUD)
                    await trio.sleep(60)
            assert scope.cancelled_caught
            await settle()
            assert sent(stage, COMMIT, CREATE) == []
            async with session.user_turn() as turn:
                await turn.send(LOUD)
            await until(session, "agent_end")
            assert types(stage) == [CLEAR, APPEND, CLEAR, APPEND, COMMIT, CREATE]


async def test_a_turn_without_a_word(autojump_clock: Clock) -> None:
    """The button was only touched: nothing is committed, nothing answered."""
    async with open_stage() as stage:
        async with await stage.session(initial_model_settings=PUSH) as session:
            async with session.user_turn():
                await trio.sleep(1)
            await settle()
            assert types(stage) == [CLEAR]


@pytest.mark.parametrize("settings", [{}, {"turn_detection": {"type": "server_vad"}}])
async def test_no_button_where_the_server_listens(
    settings: Mapping[str, Any], autojump_clock: Clock
) -> None:
    """The server would end turns too; said before anything is sent."""
    async with (
        open_stage() as stage,
        await stage.session(initial_model_settings=settings) as session,
    ):
        with pytest.raises(UserError, match="turn_detection=None"):
            session.user_turn()
        await settle()
        assert types(stage) == []


# -- responses to wait for ------------------------------------------------------------------------


async def test_a_response_from_request_to_end(autojump_clock: Clock) -> None:
    """What is known of it when."""
    async with open_stage(responder=lambda _turn: [Wait(1), Say("Yes.", audio_ms=500)]) as stage:
        async with await stage.session() as session, trio.open_nursery() as nursery:
            nursery.start_soon(read, session)
            response = await session.respond("Say yes.")
            assert (response.status, response.response_id, response.usage) == (
                "requested",
                None,
                None,
            )
            await settle()
            assert response.status == "active"
            assert response.response_id == stage.server.active_responses[0]
            began = trio.current_time()
            done = await response.wait_done()
            assert (done.status, response.status) == ("completed", "done")
            assert done.response_id == response.response_id
            assert response.usage == done.usage == session.usage
            assert trio.current_time() - began == pytest.approx(1.05)
            await response.wait_played()
            assert trio.current_time() - began == pytest.approx(1.5)
            assert await response.wait_played() is done
            assert sent(stage, CREATE)[0]["response"]["instructions"] == "Say yes."
            nursery.cancel_scope.cancel()


async def test_settings_for_one_response(autojump_clock: Clock) -> None:
    """They go out in wire form, and those that are not given do not."""

    @function_tool
    def look() -> str:
        """Look."""
        return ""

    async with open_stage() as stage, await stage.session() as session:
        response = await session.create_response(
            tools=[look],
            tool_choice="auto",
            metadata={"topic": "weather"},
            output_modalities=["text"],
            max_output_tokens=99,
        )
        await response.wait_done()
        (create,) = sent(stage, CREATE)
        params = dict(create["response"])
        metadata = params.pop("metadata")
        assert metadata["topic"] == "weather"
        assert params == {
            "tools": [tool_to_wire(look)],
            "tool_choice": "auto",
            "output_modalities": ["text"],
            "max_output_tokens": 99,
        }


async def test_metadata_has_a_limit(autojump_clock: Clock) -> None:
    """Of the API's sixteen pairs one is the library's; said before anything is sent."""
    pairs = {f"key{number}": "" for number in range(16)}
    async with open_stage() as stage, await stage.session() as session:
        with pytest.raises(UserError, match="15 pairs"):
            await session.create_response(metadata=pairs)
        await settle()
        assert types(stage) == []
        del pairs["key0"]
        for conversation in ("auto", "none"):
            response = await session.create_response(metadata=pairs, conversation=conversation)
            assert (await response.wait_done()).status == "completed"


async def test_beside_the_conversation(autojump_clock: Clock) -> None:
    """It runs at once, beside another response, and leaves no item behind, here or there."""
    turns: list[Turn] = []

    def answer(turn: Turn) -> Reply:
        turns.append(turn)
        return Text("A summary.") if turn.out_of_band else [Wait(5), Say("Said.")]

    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    async with open_stage(responder=answer) as stage, await stage.session() as session:
        await session.send_message("Hello")
        await until(session, "agent_start")
        response = await session.create_response(
            conversation="none", input=[asked], metadata={"topic": "summary"}
        )
        assert (await response.wait_done()).status == "completed"
        assert len(stage.server.active_responses) == 1
        (item,) = response.output
        assert isinstance(item, AssistantMessageItem)
        assert item.content == (AssistantText(text="A summary."),)
        assert turns[1].user_text == "?"
        assert turns[1].metadata is not None
        assert turns[1].metadata["topic"] == "summary"
        await until(session, "agent_end")
        assert len(session.history) == 2
        assert len(stage.server.conversation.items) == 2


async def test_waiting_can_be_cancelled(autojump_clock: Clock) -> None:
    """It is not the response that is cancelled."""
    async with open_stage(responder=lambda _turn: [Wait(9), Text("Yes.")]) as stage:
        async with await stage.session() as session:
            response = await session.respond()
            with trio.move_on_after(1) as scope:
                await response.wait_done()
            assert scope.cancelled_caught
            assert (await response.wait_done()).status == "completed"


async def test_interrupted_while_it_is_waited_for(autojump_clock: Clock) -> None:
    """Both waits end soon after, with the status that says so."""
    async with open_stage(responder=lambda _turn: Say("Long.", audio_ms=60_000), speed=30) as stage:
        async with await stage.session() as session, trio.open_nursery() as nursery:
            nursery.start_soon(read, session)
            response = await session.respond()
            await trio.sleep(1)
            await session.interrupt()
            assert (await response.wait_played()).status == "cancelled"
            assert trio.current_time() == pytest.approx(1.0)

            response = await session.respond()
            assert (await response.wait_done()).status == "completed"
            began = trio.current_time()
            with trio.move_on_after(5):
                await response.wait_played()
            await session.interrupt()
            assert (await response.wait_played()).status == "completed"
            assert trio.current_time() - began <= 5.1

            response = await session.respond()
            await response.wait_done()
            nursery.start_soon(interrupt_later, session, 5)
            began = trio.current_time()
            await response.wait_played()
            assert 5 <= trio.current_time() - began <= 5.1
            nursery.cancel_scope.cancel()


async def interrupt_later(session: Session, seconds: float) -> None:
    await trio.sleep(seconds)
    await session.interrupt()


async def test_refused(autojump_clock: Clock) -> None:
    """The server's reason is the cause."""
    async with open_stage() as stage, await stage.session() as session:
        stage.simulator.refuse_next(CREATE, code="rate_limit_exceeded", message="slow down")
        response = await session.respond()
        with pytest.raises(RealtimeSessionClosed) as caught:
            await response.wait_done()
        assert "rate_limit_exceeded: slow down" in str(caught.value.__cause__)
        assert response.status == "failed"
        # An error about something else is not taken for its own.
        response = await session.respond()
        stage.simulator.refuse_next("conversation.item.create", code="invalid_value", message="no")
        await session.send_message("Hello")
        assert (await response.wait_done()).status == "completed"


async def test_never_answered(autojump_clock: Clock) -> None:
    """After the time limit it is lost, and says so."""
    async with open_stage() as stage, await stage.session(response_timeout=15.0) as session:
        stage.simulator.ignore_next(CREATE)
        response = await session.respond()
        with pytest.raises(RealtimeSessionClosed) as caught:
            await response.wait_played()
        assert "15" in str(caught.value.__cause__)


@pytest.mark.parametrize("how", ["closed", "dropped"])
async def test_the_session_ends_first(how: str, autojump_clock: Clock) -> None:
    """Whoever waits for a response hears of it: for one that is asked for, one that is active,
    and one that has ended and is not heard to its end."""
    reasons: list[BaseException | None] = []

    async def wait(response: RealtimeResponse) -> None:
        with pytest.raises(RealtimeSessionClosed) as caught:
            await response.wait_played()
        reasons.append(caught.value.__cause__)

    async def talk(stage: Stage) -> None:
        async with await stage.session() as session, trio.open_nursery() as nursery:
            ended = await session.respond()
            await ended.wait_done()
            active = await session.respond()
            await settle()
            for response in (ended, active, await session.respond()):
                nursery.start_soon(wait, response)
            await settle()
            if how == "closed":
                await session.aclose()
            else:
                await stage.server.drop()

    replies: list[Reply] = [Say("Unread.", audio_ms=9_000), Wait(99)]
    async with open_stage(responder=lambda turn: replies[turn.number], speed=1_000) as stage:
        if how == "closed":
            await talk(stage)
            assert reasons == [None] * 3
        else:
            with pytest.raises(RealtimeConnectionError) as caught:
                await talk(stage)
            assert reasons == [caught.value] * 3


async def test_a_request_that_was_not_sent(autojump_clock: Clock) -> None:
    """Is not waited for by anybody."""
    async with open_stage() as stage, await stage.session() as session:
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.respond()
        assert scope.cancelled_caught
        with pytest.raises(UserError):
            await session.create_response(input=[{"content": object()}])
        assert session._parts is not None
        assert not session._parts.responses._asked
        await settle()
        assert types(stage) == []


async def test_words_to_say(autojump_clock: Clock) -> None:
    """The model is asked to say them and to call nothing."""
    async with open_stage() as stage, await stage.session() as session:
        with pytest.raises(UserError):
            await session.say("")
        await (await session.say("Mind the gap.")).wait_done()
        (create,) = sent(stage, CREATE)
        assert create["response"]["instructions"].endswith("\n\nMind the gap.")
        assert create["response"]["tool_choice"] == "none"


# -- questions ------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    """What the caller wants."""

    loaves: int
    kind: Literal["rye", "wheat"]


def gives(answer: Any) -> CallFunction:
    return CallFunction("answer", {"answer": answer})


@pytest.mark.parametrize(
    ("output_type", "given", "answer"),
    [
        (Order, {"loaves": 2, "kind": "rye"}, Order(2, "rye")),
        (Literal["yes", "no"], "no", "no"),
        (list[int], [1, 2], [1, 2]),
        (bool, False, False),
    ],
)
async def test_typed_answers(
    output_type: Any, given: Any, answer: Any, autojump_clock: Clock
) -> None:
    """The model is made to answer in the form of the type, and the answer is of it."""
    async with (
        open_stage(responder=lambda _turn: gives(given)) as stage,
        await stage.session() as session,
    ):
        assert await session.ask("What is wanted?", output_type) == answer
        (create,) = sent(stage, CREATE)
        assert create["response"]["instructions"] == "What is wanted?"
        assert create["response"]["tool_choice"] == {"type": "function", "name": "answer"}
        assert len(create["response"]["tools"]) == 1
        assert len(session.history) == 0


@pytest.mark.parametrize("reply", [Text("In short."), Say("In short.")])
async def test_answers_in_words(reply: Reply, autojump_clock: Clock) -> None:
    """Written, however the session speaks, or else what was said."""
    async with open_stage(responder=lambda _turn: reply) as stage, await stage.session() as session:
        assert await session.ask("How?", with_history=False) == "In short."
        (create,) = sent(stage, CREATE)
        params = create["response"]
        assert params["input"][0]["content"] == [{"type": "input_text", "text": "How?"}]
        assert (params["output_modalities"], params["tool_choice"]) == (["text"], "none")
        assert "instructions" not in params


async def test_an_answer_that_is_spoken_after_all(autojump_clock: Clock) -> None:
    """Its transcript is the answer."""
    async with (
        open_stage(responder=lambda _turn: Wait(99)) as stage,
        await stage.session() as session,
    ):
        answers: list[str] = []

        async def ask() -> None:
            answers.append(await session.ask("How?"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await settle()
            (response_id,) = stage.server.active_responses
            parts = [{"type": "output_audio", "transcript": text} for text in ("Out ", "loud.")]
            item = {"id": "i", "type": "message", "role": "assistant", "content": parts}
            response = {
                "object": "realtime.response",
                "id": response_id,
                "status": "completed",
                "output": [{**item, "status": "completed"}],
            }
            await stage.server.send({"type": "response.done", "response": response})
        assert answers == ["Out loud."]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (gives("two"), ToolArgumentsError),
        (CallFunction("answer", "{"), ToolArgumentsError),
        (CallFunction("answer", {}), ToolArgumentsError),
        (CallFunction("other", {"answer": 2}), ModelBehaviorError),
        (Text("Two."), ModelBehaviorError),
        (None, ModelBehaviorError),
    ],
)
async def test_wrong_answers(reply: Reply, error: type[Exception], autojump_clock: Clock) -> None:
    """Raised where the question was asked; the session goes on."""
    async with open_stage(responder=lambda _turn: reply) as stage, await stage.session() as session:
        with pytest.raises(error):
            await session.ask("How many?", int)
        assert "error" not in kinds(session._events._events)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ([Text("Half an"), Incomplete("max_output_tokens")], r"incomplete \(max_output_tokens\)"),
        ([Text("Half an"), Fail("server_error", "boom")], r"failed \(server_error\)"),
    ],
)
async def test_half_an_answer(reply: Reply, why: str, autojump_clock: Clock) -> None:
    """Is none."""
    async with open_stage(responder=lambda _turn: reply) as stage, await stage.session() as session:
        with pytest.raises(ModelBehaviorError, match=why):
            await session.ask("How?")


async def test_an_answer_that_failed_without_a_word(autojump_clock: Clock) -> None:
    """Nothing is made up."""
    async with (
        open_stage(responder=lambda _turn: Wait(9)) as stage,
        await stage.session() as session,
    ):

        async def ask() -> None:
            with pytest.raises(ModelBehaviorError, match="was failed, so"):
                await session.ask("How?")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await settle()
            (response_id,) = stage.server.active_responses
            response = {"object": "realtime.response", "id": response_id, "status": "failed"}
            await stage.server.send({"type": "response.done", "response": response})


async def test_a_question_that_is_refused(autojump_clock: Clock) -> None:
    """The reason is the cause."""
    async with open_stage() as stage, await stage.session() as session:
        stage.simulator.refuse_next(CREATE, code="invalid_value", message="no")
        with pytest.raises(RealtimeSessionClosed) as caught:
            await session.ask("How?")
        assert "invalid_value" in str(caught.value.__cause__)


async def test_a_type_that_no_model_could_give(autojump_clock: Clock) -> None:
    """Said before anything is sent."""
    async with open_stage() as stage, await stage.session() as session:
        with pytest.raises(UserError):
            await session.ask("How?", object)
        await settle()
        assert types(stage) == []


async def test_questions_at_the_same_time(autojump_clock: Clock) -> None:
    """Also while the model speaks; each gets its own answer, and nothing of it is heard."""

    async def answer(turn: Turn) -> Reply:
        if not turn.out_of_band:
            return [Wait(20), Say("Said.")]
        number = int(turn.instructions)
        await trio.sleep(5 - number)  # the first asked is the last answered
        return gives(number)

    async with open_stage(responder=answer) as stage, await stage.session() as session:
        answers: dict[int, int] = {}

        async def ask(number: int) -> None:
            answers[number] = await session.ask(str(number), int)

        await session.send_message("Hello")
        seen = await until(session, "agent_start")
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(ask, number)
        assert answers == {0: 0, 1: 1, 2: 2, 3: 3}
        assert len(stage.server.active_responses) == 1
        seen += await until(session, "agent_end")
        assert {"tool_start", "error"}.isdisjoint(kinds(seen))
        assert len(session.history) == 2


async def test_a_question_given_up(autojump_clock: Clock) -> None:
    """The conversation is none the wiser."""
    async with open_stage(responder=lambda _turn: [Wait(9), Text("Late.")]) as stage:
        async with await stage.session() as session:
            with trio.move_on_after(1) as scope:
                await session.ask("How?")
            assert scope.cancelled_caught
            await trio.sleep(60)
            assert len(session.history) == 0
            assert await session.ask("How?") == "Late."


# -- goodbyes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1, 50])
async def test_hang_up_once_it_was_heard(speed: float, autojump_clock: Clock) -> None:
    """Not when it was generated: after the length of its audio."""
    async with open_stage(
        responder=lambda _turn: Say("Goodbye.", audio_ms=4_300), speed=speed
    ) as stage:
        async with await stage.session() as session, trio.open_nursery() as nursery:
            nursery.start_soon(read, session)
            goodbye = await session.say("Goodbye.")
            await session.end(after=goodbye)
            assert trio.current_time() == pytest.approx(4.3)
            with pytest.raises(RealtimeSessionClosed):
                await session.send_message("Wait")


async def test_hang_up_once_the_tracker_says_so(autojump_clock: Clock) -> None:
    """However slowly it is played."""
    tracker = RealtimePlaybackTracker()

    async def play(session: Session) -> None:
        """At half the speed, after two seconds of nothing."""
        await trio.sleep(2)
        async for event in session:
            if event.type == "audio":
                await trio.sleep(0.2)
                tracker.on_play_bytes(event.item_id, 0, event.audio.data)

    async with open_stage(
        responder=lambda _turn: Say("Goodbye.", audio_ms=3_000), speed=50
    ) as stage:
        async with (
            await stage.session(playback_tracker=tracker) as session,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(play, session)
            await session.end(after=await session.say("Goodbye."))
            assert trio.current_time() == pytest.approx(2 + 6, abs=0.1)


async def test_hang_up_at_once(autojump_clock: Clock) -> None:
    """Without a word."""
    async with open_stage(responder=lambda _turn: Say("On and on.", audio_ms=9_000)) as stage:
        async with await stage.session() as session:
            await session.respond()
            await session.end()
            assert trio.current_time() == 0


async def test_hang_up_where_there_is_no_goodbye(autojump_clock: Clock) -> None:
    """Refused, it is not waited for: the session ends all the same."""
    async with open_stage() as stage, await stage.session() as session:
        stage.simulator.refuse_next(CREATE, code="rate_limit_exceeded", message="no")
        await session.end(after=await session.say("Goodbye."))
        await session.wait_closed()


async def test_a_goodbye_that_is_cancelled(autojump_clock: Clock) -> None:
    """The session goes on."""
    async with open_stage(responder=lambda _turn: Say("Goodbye.", audio_ms=9_000)) as stage:
        async with await stage.session() as session:
            goodbye = await session.say("Goodbye.")
            with trio.move_on_after(1):
                await session.end(after=goodbye)
            assert (await goodbye.wait_done()).status == "completed"


# -- audio before the session is ready ------------------------------------------------------------


async def test_early_audio(autojump_clock: Clock) -> None:
    """What is said while the session connects goes first, in order; beyond ten seconds it waits."""
    pieces = [bytes([number]) * 96_000 for number in range(1, 8)]  # two seconds each
    kept: list[tuple[int, float]] = []
    async with open_stage() as stage:
        stage.simulator.plan_handshake(delay=3)
        session = await stage.session(initial_model_settings=PUSH)

        async def speak() -> None:
            for number, piece in enumerate(pieces):
                await session.send_audio(piece)
                kept.append((number, trio.current_time()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await settle()
            nursery.start_soon(speak)
            await trio.sleep(2)
            assert kept == [(number, 0.0) for number in range(5)]
            await trio.sleep(2)
            assert [at for _number, at in kept[5:]] == [3.0, 3.0]
            await settle()
            appended = [base64.b64decode(event["audio"]) for event in sent(stage, APPEND)]
            assert appended == pieces
            await session.aclose()


async def test_early_audio_of_a_session_that_fails(autojump_clock: Clock) -> None:
    """Whoever waits with more of it hears that the session is over."""
    async with open_stage() as stage:
        stage.simulator.plan_handshake(delay=3, status=503)
        session = await stage.session(initial_model_settings=PUSH)
        failures: list[BaseException] = []

        async def speak() -> None:
            try:
                await session.send_audio(bytes(480_002))
            except RealtimeSessionClosed as exc:
                failures.append(exc)

        async def run() -> None:
            try:
                await session.run()
            except RealtimeConnectionError as exc:
                failures.append(exc)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await settle()
            nursery.start_soon(speak)
        assert sorted(type(exc).__name__ for exc in failures) == [
            "RealtimeHandshakeError",
            "RealtimeSessionClosed",
        ]


# -- silence --------------------------------------------------------------------------------------


async def lifetime(stage: Stage, agent: Any = None, act: Any = None, **idle: Any) -> float:
    """Run a session with this idle policy until it ends by itself; how long it took."""
    began = trio.current_time()
    settings = PUSH if act is press else {}
    async with (
        await stage.session(agent, {"idle": idle}, initial_model_settings=settings) as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(read, session)
        if act is not None:
            await act(stage, session)
        await session.wait_closed()
    return trio.current_time() - began


async def press(stage: Stage, session: Session) -> None:
    """Hold the button for twenty seconds."""
    async with session.user_turn() as turn:
        for _ in range(20):
            await turn.send(LOUD)
            await trio.sleep(1)


async def write(stage: Stage, session: Session) -> None:
    await trio.sleep(4)
    await session.send_message("Hello")


async def speak(stage: Stage, session: Session) -> None:
    await trio.sleep(4)
    await session.send_audio(LOUD + SILENCE)


async def dial(stage: Stage, session: Session) -> None:
    await trio.sleep(4)
    key = {"event": "5", "received_at": 1}
    await stage.server.send({"type": "input_audio_buffer.dtmf_event_received", **key})


async def test_nudged_then_ended(autojump_clock: Clock) -> None:
    """After the silence; the silence after a nudge begins when the nudge was heard."""
    nudges: list[str] = []

    def answer(turn: Turn) -> Reply:
        nudges.append(turn.instructions)
        return Say("Are you there?", audio_ms=2_000)

    async with open_stage(responder=answer) as stage:
        lasted = await lifetime(
            stage, nudge_after=10.0, nudge="Ask for a sign.", nudges=2, end_after=20.0
        )
        assert nudges == ["Ask for a sign."] * 2
        # 10 s, a nudge of 2 s, 10 s, another, 20 s.
        assert lasted == pytest.approx(10 + 2 + 10 + 2 + 20, abs=0.75)


async def test_ended_without_a_nudge(autojump_clock: Clock) -> None:
    """Where none is asked for."""
    async with open_stage() as stage:
        assert await lifetime(stage, end_after=7.0) == pytest.approx(7.0)
        assert await lifetime(stage, nudge_after=1.0, nudges=0, end_after=7.0) == pytest.approx(7.0)
        assert sent(stage, CREATE) == []


@pytest.mark.parametrize("act", [write, speak, dial])
async def test_the_user_is_there(act: Any, autojump_clock: Clock) -> None:
    """A word, a message or a key begins the silence anew."""
    async with open_stage(responder=lambda _turn: Text("Yes.")) as stage:
        lasted = await lifetime(stage, act=act, end_after=5.0)
        assert lasted == pytest.approx(9.0, abs=0.5)


async def test_the_user_holds_the_button(autojump_clock: Clock) -> None:
    """Whoever speaks is not silent, though the server tells nobody."""
    async with open_stage(responder=lambda _turn: Text("Yes.")) as stage:
        lasted = await lifetime(stage, act=press, nudge_after=5.0, end_after=9.0)
        assert len(sent(stage, CREATE)) == 2  # the user's turn, and then a nudge
        assert lasted == pytest.approx(20 + 5 + 9, abs=0.75)


async def test_activity_allows_new_nudges(autojump_clock: Clock) -> None:
    """The policy begins anew with whoever comes back."""
    async with open_stage(responder=lambda _turn: Text("Yes?")) as stage:

        async def come_back(stage: Stage, session: Session) -> None:
            await trio.sleep(14)
            await session.send_message("Here")

        lasted = await lifetime(stage, act=come_back, nudge_after=10.0, end_after=10.0)
        assert lasted == pytest.approx(14 + 10 + 10, abs=0.75)
        assert len(sent(stage, CREATE)) == 3


async def test_not_while_the_model_is_heard(autojump_clock: Clock) -> None:
    """Long after it was generated."""
    async with open_stage(
        responder=lambda _turn: Say("A tale.", audio_ms=30_000), speed=100
    ) as stage:

        async def listen(stage: Stage, session: Session) -> None:
            await session.send_message("Tell")

        assert await lifetime(stage, act=listen, end_after=5.0) == pytest.approx(35, abs=0.5)


async def test_not_while_a_tool_runs(autojump_clock: Clock) -> None:
    """Somebody waits for it."""

    @function_tool
    async def search() -> str:
        """Search for long."""
        await trio.sleep(40)
        return "found"

    def answer(turn: Turn) -> Reply:
        return Text("Found.") if turn.tool_outputs else CallFunction("search")

    async with open_stage(responder=answer) as stage:

        async def ask(stage: Stage, session: Session) -> None:
            await session.send_message("Search")

        agent = RealtimeAgent("Clerk", tools=[search])
        assert await lifetime(stage, agent, ask, end_after=5.0) == pytest.approx(45, abs=0.75)


async def test_a_nudge_to_nobody(autojump_clock: Clock) -> None:
    """The server has closed cleanly while a tool still finishes: no failure comes of a nudge."""

    @function_tool
    async def search() -> str:
        """Search for long."""
        await trio.sleep(4)
        return "found"

    async with open_stage(responder=lambda _turn: CallFunction("search")) as stage:

        async def leave(stage: Stage, session: Session) -> None:
            await session.send_message("Search")
            await trio.sleep(1)
            assert session._parts is not None
            assert session._parts.idle is not None
            await stage.server.close(1000)
            session._start_task(partial(session._parts.idle._nudge, "Ask."))

        agent = RealtimeAgent("Clerk", tools=[search])
        assert await lifetime(stage, agent, leave, end_after=60.0) < 10


async def test_a_long_utterance_is_no_silence(autojump_clock: Clock) -> None:
    """While the server hears the user speak nobody is nudged, and nobody hung up on."""
    config = {"idle": {"end_after": 20.0}}
    async with open_stage() as stage, await stage.session(config=config) as session:
        start = trio.current_time()
        spoken = {"event_id": "e", "item_id": "u"}
        kind = "input_audio_buffer.speech_"
        await stage.server.send({"type": f"{kind}started", **spoken, "audio_start_ms": 0})
        await trio.sleep(100)
        await stage.server.send({"type": f"{kind}stopped", **spoken, "audio_end_ms": 100_000})
        await session.wait_closed()
        assert trio.current_time() - start == pytest.approx(120, abs=1)


async def test_speech_that_never_stops(autojump_clock: Clock) -> None:
    """A server that is sent no more audio says nothing; after two minutes that is silence too."""
    async with (
        open_stage() as stage,
        await stage.session(config={"idle": {"end_after": 20.0}}) as session,
    ):
        start = trio.current_time()
        kind = "input_audio_buffer.speech_started"
        await stage.server.send(
            {"type": kind, "event_id": "e", "item_id": "u", "audio_start_ms": 0}
        )
        await session.wait_closed()
        assert trio.current_time() - start == pytest.approx(140, abs=1)


# -- failures of the service -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            {"type": "failed", "error": {"type": "server_error", "message": "Too many requests."}},
            "Too many requests.",
        ),
        (None, "the server does not say why"),
    ],
)
async def test_a_failed_response_is_an_error_event(
    details: dict[str, Any] | None, words: str, autojump_clock: Clock
) -> None:
    """Of the default events, with the server's words; else it looks like an answer of no words."""
    async with (
        open_stage(responder=lambda _turn: Wait(9)) as scene,
        await scene.session() as session,
    ):
        await session.send_message("Hello")
        await settle()
        (response_id,) = scene.server.active_responses
        response = {"id": response_id, "status": "failed", "status_details": details}
        await scene.server.send({"type": "response.done", "response": response})
        error: Any = (await until(session, "error"))[-1]
        assert str(error.error.message) == f"response {response_id} failed: {words}"
        assert error.error.type == ("server_error" if details else "response_failed")


async def test_a_failed_transcription_is_an_error_event(autojump_clock: Clock) -> None:
    """Of the default events, with the server's words; else the history just has a gap."""
    async with open_stage() as scene, await scene.session() as session:
        failed = {"type": "conversation.item.input_audio_transcription.failed", "item_id": "u1"}
        problem = {"type": "x", "code": "model_not_found", "message": "No access."}
        await scene.server.send({**failed, "content_index": 0, "error": problem})
        error: Any = (await until(session, "error"))[-1]
        assert error.error.message == "the speech of item u1 was not transcribed: No access."
        assert error.error.code == "model_not_found"


async def test_a_response_that_was_cut_short_is_no_error(autojump_clock: Clock) -> None:
    """Cancelled and incomplete responses say what they are in ``response_done``."""
    async with open_stage(responder=lambda _turn: Wait(9)) as scene:
        async with await scene.session(config={"events": "all"}) as session:
            for status in ("cancelled", "incomplete"):
                await session.send_message("Hello")
                await settle()
                (response_id,) = scene.server.active_responses
                response = {"id": response_id, "status": status}
                await scene.server.send({"type": "response.done", "response": response})
                seen = await until(session, "response_done")
                assert "error" not in kinds(seen)


async def test_a_question_that_the_server_never_takes_up(autojump_clock: Clock) -> None:
    """The time limit for responses ends the wait, and says so."""
    async with open_stage() as scene, await scene.session() as session:
        scene.simulator.ignore_next(CREATE)
        with trio.fail_after(31), pytest.raises(RealtimeSessionClosed) as caught:
            await session.ask("How?")
        assert "did not answer response.create within 30" in str(caught.value.__cause__)
