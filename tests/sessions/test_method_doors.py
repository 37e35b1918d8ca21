"""The methods of a session check what they are given: `UserError`, before anything is sent."""

import inspect
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import REACH, open_stage

from trio_realtime import (
    InputImage,
    InputText,
    ModelBehaviorError,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionClosed,
    UserError,
)
from trio_realtime.models import inputs
from trio_realtime.sessions.asking.user_audio import MAX_AUDIO_BYTES
from trio_realtime.testing import FakeRealtimeModel

Clock = trio.testing.MockClock
Session = RealtimeSession[None]


def nested(depth: int) -> Any:
    """A mapping so deep that nobody can follow it."""
    value: Any = "bottom"
    for _ in range(depth):
        value = {"inside": value}
    return value


def itself() -> Any:
    """A mapping that contains itself."""
    value: dict[str, Any] = {"type": "x"}
    value["inside"] = value
    return value


NO_TEXT: list[Any] = [5, None, b"text", ["text"], math.nan, object(), len]
NO_BOOL: list[Any] = ["yes", 1, None]
NO_MAPPING: list[Any] = [5, "text", b"", None, [("type", "x")], len]


def released() -> memoryview:
    """A view of nothing any more."""
    view = memoryview(bytes(480))
    view.release()
    return view


def with_values(
    method: Callable[[Session, Any], Awaitable[Any]], values: list[Any], name: str
) -> list[Any]:
    return [pytest.param(method, value, id=f"{name}-{index}") for index, value in enumerate(values)]


WRONG = [
    *with_values(
        lambda s, v: s.send_message(v), [5, None, b"", "", [], [5], {}, nested(3)], "message"
    ),
    *with_values(
        lambda s, v: s.send_message({"type": "message", "content": [v]}),
        [
            *(5, {"type": "x"}, {"type": "input_text", "text": 5}, {"type": ["input_text"]}, {}),
            *(InputText(text="\ud800"), {"type": "input_text", "text": "\ud800"}),
        ],
        "part",
    ),
    *with_values(
        lambda s, v: s.send_message([InputImage(image_url=v)]),
        [
            *(
                None,
                5,
                "",
                "photo.png",
                "/tmp/photo.png",
                "file:///tmp/photo.png",
                "https:",
                "http://",
            ),
            *("data:", "data:image/png", "data:image/png;base64,", "data:text/plain;base64,YQ=="),
            *("data:image/png,YQ==", "\ud800"),
        ],
        "image_url",
    ),
    *with_values(
        lambda s, v: s.send_message([InputImage(image_url="https://x/y.png", detail=v)]),
        [5, "lowest", ["low"]],
        "detail",
    ),
    *with_values(
        lambda s, v: s.send_audio(v),
        [
            *(5, None, "text", [0, 0], bytes(MAX_AUDIO_BYTES + 1)),
            memoryview(bytes(480)).cast("h"),
            memoryview(bytes(480)).cast("d"),
            memoryview(bytes(480)).cast("B", (2, 240)),
            memoryview(bytes(480))[::2],
            released(),
        ],
        "audio",
    ),
    *with_values(lambda s, v: s.send_audio(bytes(480), commit=v), NO_BOOL, "commit"),
    *with_values(
        lambda s, v: s.create_response(instructions=v), [5, b"x", ["x"], "\ud800"], "instructions"
    ),
    *with_values(
        lambda s, v: s.create_response(tools=v), [5, "look", [len], ["look"], {}, [{}]], "tools"
    ),
    *with_values(
        lambda s, v: s.create_response(tool_choice=v),
        [5, ["auto"], len, "", {}, {"type": "x"}, {"type": "function"}, nested(3)],
        "tool_choice",
    ),
    *with_values(
        lambda s, v: s.create_response(conversation=v), [None, 5, "new", ["none"]], "conversation"
    ),
    *with_values(
        lambda s, v: s.create_response(input=v),
        [
            5,
            "text",
            [5],
            [nested(5_000)],
            [itself()],
            [{"x": math.inf}],
            [{"x": {1}}],
            [{"x": b""}],
        ],
        "input",
    ),
    *with_values(
        lambda s, v: s.create_response(metadata=v),
        [5, "text", {"a": 5}, {1: "a"}, {str(n): "" for n in range(16)}, [("a", "b")]],
        "metadata",
    ),
    *with_values(
        lambda s, v: s.create_response(output_modalities=v),
        [5, "text", ["video"], ["text", "audio"], []],
        "output_modalities",
    ),
    *with_values(
        lambda s, v: s.create_response(max_output_tokens=v),
        [0, -1, 4097, 1.5, True, "all", 10**30],
        "max_output_tokens",
    ),
    *with_values(lambda s, v: s.respond(v), [5, b"x", ["x"]], "respond"),
    *with_values(lambda s, v: s.say(v), [*NO_TEXT, ""], "say"),
    *with_values(lambda s, v: s.ask(v), [*NO_TEXT, ""], "ask"),
    *with_values(lambda s, v: s.ask("How?", v), [5, object(), len, "", "str", {}], "output_type"),
    *with_values(lambda s, v: s.ask("How?", with_history=v), NO_BOOL, "with_history"),
    *with_values(lambda s, v: s.end(after=v), [5, "response", True, object()], "end"),
    *with_values(lambda s, v: s.update_agent(v), [5, None, "agent"], "update_agent"),
    *with_values(
        lambda s, v: s.send_raw(v),
        [
            *(*NO_MAPPING, {}, {"type": 5}, {"type": None}, {"type": "x", 5: 5}),
            *({"type": "x", "y": nested(5_000)}, itself(), {"type": "x", "y": math.nan}),
            *({"type": "x", "y": {1, 2}}, {"type": "x", "y": "\ud800"}),
        ],
        "send_raw",
    ),
    *with_values(lambda s, v: s.approve_tool_call(v), [*NO_TEXT, "no such call"], "approve"),
    *with_values(lambda s, v: s.approve_tool_call("c", always=v), NO_BOOL, "always"),
    *with_values(lambda s, v: s.reject_tool_call(v), [*NO_TEXT, "no such call"], "reject"),
    *with_values(lambda s, v: s.reject_tool_call("c", always=v), NO_BOOL, "reject always"),
    *with_values(
        lambda s, v: s.reject_tool_call("c", rejection_message=v), [5, b"no"], "rejection_message"
    ),
    *with_values(lambda s, v: s.answer_mcp_approval(v, approve=True), [*NO_TEXT, ""], "request_id"),
    *with_values(lambda s, v: s.answer_mcp_approval("r", approve=v), NO_BOOL, "approve"),
    *with_values(
        lambda s, v: s.answer_mcp_approval("r", approve=False, reason=v), [5, b"no"], "reason"
    ),
]


@pytest.mark.parametrize(("method", "value"), WRONG)
async def test_a_wrong_argument_is_a_user_error_and_nothing_is_sent(
    method: Callable[[Session, Any], Awaitable[Any]], value: Any, fake_model: FakeRealtimeModel
) -> None:
    """Never an error from within; and the session goes on."""
    runner = RealtimeRunner(RealtimeAgent[None]("A"), model=fake_model)
    async with await runner.run() as session:
        with pytest.raises(UserError):
            await method(session, value)
        assert fake_model.connection.sent == []
        await session.send_message("Hello")
        assert len(fake_model.connection.sent) == 1


class Unruly(Mapping[str, Any]):
    """A mapping of the application's that fails when it is looked at."""

    def __getitem__(self, key: str) -> Any:
        raise LookupError(key)

    def __iter__(self) -> Any:
        raise RuntimeError("not now")

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        raise RuntimeError("not now")


def endless_list() -> list[Any]:
    """A list that contains itself."""
    value: list[Any] = []
    value.append(value)
    return value


STRANGE: dict[str, Any] = {
    "a number": 7,
    "no number": math.nan,
    "infinity": -math.inf,
    "too large a number": 10**5_000,
    "nothing": None,
    "bytes": b"bytes",
    "a view of nothing": released(),
    "half a character": "\ud800",
    "a deep mapping": nested(5_000),
    "a list of deep mappings": [nested(5_000)],
    "a mapping in itself": itself(),
    "a list in itself": endless_list(),
    "large numbers inside": {"type": "x", "content": [10**5_000]},
    "deep values of the keys": {"type": nested(5_000), "role": nested(5_000)},
    "keys that are no text": {7: "x", None: "y"},
    "a set": {"x"},
    "a function": len,
    "a class": Unruly,
    "an unruly mapping": Unruly(),
    "a list of unruly mappings": [Unruly()],
    "an unruly mapping inside": {"type": "x", "content": Unruly()},
    "an unruly part": [InputText(text=Unruly())],  # type: ignore[arg-type]
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "send_message": {"message": "Hello"},
    "send_audio": {"pcm": bytes(480), "commit": False},
    "create_response": dict.fromkeys(
        (
            *("instructions", "tools", "tool_choice", "input", "metadata"),
            *("output_modalities", "max_output_tokens"),
        )
    )
    | {"conversation": "auto"},
    "respond": {"instructions": None},
    "say": {"text": "Hello"},
    "ask": {"prompt": "How?", "output_type": str, "with_history": True},
    "end": {"after": None},
    "update_agent": {"agent": RealtimeAgent[None]("B")},
    "send_raw": {"event": {"type": "x"}},
    "approve_tool_call": {"call_id": "c", "always": False},
    "reject_tool_call": {"call_id": "c", "always": False, "rejection_message": None},
    "answer_mcp_approval": {"request_id": "r", "approve": True, "reason": None},
}
"""Every method that takes arguments, with good ones."""


def test_every_argument_of_every_method_is_tried_below() -> None:
    """A new method, or a new argument, has to be added to the table."""
    methods = {
        name: [*inspect.signature(method).parameters][1:]
        for name, method in inspect.getmembers(RealtimeSession, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "run"
    }
    taking = {name: arguments for name, arguments in methods.items() if arguments}
    assert taking.keys() == ARGUMENTS.keys()
    for name, arguments in taking.items():
        assert sorted(arguments) == sorted(ARGUMENTS[name]), name


@pytest.mark.parametrize("made", ["by the fake", "by the service's protocol"])
@pytest.mark.parametrize(
    ("method", "argument"),
    [(method, argument) for method, given in ARGUMENTS.items() for argument in given],
)
async def test_nothing_but_a_user_error_comes_out_whatever_is_given(
    method: str, argument: str, made: str, autojump_clock: Clock
) -> None:
    """Where the value is good after all, nothing comes out, or that the answer was not good."""
    async with open_stage() as stage:
        model = FakeRealtimeModel() if made == "by the fake" else stage.model
        for name, value in STRANGE.items():
            runner = RealtimeRunner(RealtimeAgent[None]("A"), model=model)
            async with await runner.run(model_config=REACH) as session:
                given = ARGUMENTS[method] | {argument: value}
                raised = None
                try:
                    with trio.move_on_after(1):
                        await getattr(session, method)(**given)
                except Exception as error:
                    raised = error
                assert raised is None or isinstance(raised, UserError | ModelBehaviorError), name


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,YQ==",
        "DATA:image/jpeg;charset=x;base64,YQ==",
        "https://example.com/a.png",
        "http://localhost/a",
    ],
)
async def test_images_are_data_or_somewhere_in_the_web(
    url: str, fake_model: FakeRealtimeModel
) -> None:
    """Any of the forms that a model can follow."""
    runner = RealtimeRunner(RealtimeAgent[None]("A"), model=fake_model)
    async with await runner.run() as session:
        await session.send_message([InputText(text="See."), InputImage(image_url=url)])
        (sent,) = fake_model.connection.sent
        assert isinstance(sent, inputs.RealtimeModelSendUserInput)
        assert sent.content[1] == InputImage(image_url=url)


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b"")])
async def test_an_empty_chunk_does_nothing(empty: Any, fake_model: FakeRealtimeModel) -> None:
    """Resamplers and muted microphones hand it over now and then; it is a checkpoint still."""
    runner = RealtimeRunner(RealtimeAgent[None]("A"), model=fake_model)
    session = await runner.run()
    async with session:
        with trio.testing.assert_checkpoints():
            await session.send_audio(empty)
        assert fake_model.connection.sent == []
        await session.send_audio(empty, commit=True)
        assert fake_model.connection.sent == [inputs.RealtimeModelCommitAudio()]
    with pytest.raises(RealtimeSessionClosed):
        await session.send_audio(empty)


async def test_an_empty_chunk_while_the_session_opens_is_not_kept(
    fake_model: FakeRealtimeModel,
) -> None:
    """What comes after it is."""
    go_on = trio.Event()

    async def instructions(*_: Any) -> str:
        await go_on.wait()
        return "Be brief."

    session = await RealtimeRunner(
        RealtimeAgent[None]("A", instructions=instructions), model=fake_model
    ).run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await trio.testing.wait_all_tasks_blocked()
        await session.send_audio(b"")
        await session.send_audio(bytes(480))
        go_on.set()
        await fake_model.expect(inputs.RealtimeModelSendAudio(audio=bytes(480)))
        await session.aclose()


async def test_audio_is_counted_in_bytes(fake_model: FakeRealtimeModel) -> None:
    """Of a view, too; one of samples says how it becomes one of bytes."""
    runner = RealtimeRunner(RealtimeAgent[None]("A"), model=fake_model)
    async with await runner.run() as session:
        view = memoryview(bytearray(range(8)))
        await session.send_audio(view[2:4])
        await session.send_audio(view.cast("b"))
        with pytest.raises(
            UserError, match=r"2-byte elements \(format 'H'\); use view.cast\('B'\)"
        ):
            await session.send_audio(view.cast("H"))
        assert [each.audio for each in fake_model.connection.sent] == [  # type: ignore[union-attr]
            bytes([2, 3]),
            bytes(range(8)),
        ]
