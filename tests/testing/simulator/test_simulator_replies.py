"""The vocabulary of scenarios, and the default answers."""

from typing import Any

import pytest

from trio_realtime.testing.simulator import (
    CallFunction,
    Heard,
    Reply,
    Say,
    Text,
    ToolOutput,
    Turn,
    Utterance,
    Wait,
    default_responder,
)
from trio_realtime.testing.simulator.replies import hearing, pieces

TOOLS: list[dict[str, Any]] = [
    {"type": "mcp", "server_label": "docs"},
    {"type": "function", "name": "look"},
]


def turn(*items: dict[str, Any], **settings: Any) -> Turn:
    defaults: dict[str, Any] = {
        "number": 0,
        "response_id": "r",
        "cause": "client",
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "output_modalities": ["audio"],
        "metadata": None,
        "out_of_band": False,
    }
    return Turn(items=items, **{**defaults, **settings})


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content)}


def typed(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def spoken(transcript: str | None) -> dict[str, Any]:
    return {"type": "input_audio", "transcript": transcript}


IMAGE = {"type": "input_image", "image_url": "data:"}
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]}
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "nothing"}
STRAY = {"type": "function_call_output", "call_id": "c2", "output": "something"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (None, []),
        ("Hello", [Say("Hello")]),
        (Text("Hello"), [Text("Hello")]),
        (["Hello", Wait(1.0)], [Say("Hello"), Wait(1.0)]),
        ((), []),
    ],
)
def test_replies_are_pieces(reply: Reply, expected: list[Any]) -> None:
    """A string is spoken; nothing is an empty response."""
    assert pieces(reply) == expected


def test_call_ids_are_as_short_as_the_api_has_them() -> None:
    """A scenario that plays what no server would send is refused."""
    assert CallFunction("f", call_id="c" * 32).call_id == "c" * 32
    with pytest.raises(ValueError, match="call_id"):
        CallFunction("f", call_id="c" * 33)


def utterance(number: int) -> Utterance:
    return Utterance(number=number, item_id="i", audio=b"", format="audio/pcm", audio_ms=1_250)


def test_what_is_heard_in_sequence() -> None:
    """Where the sequence has ended, the words say that they are simulated."""
    hear = hearing(["One", Heard("Two", delay=1.0)])
    assert hear(utterance(0)) == Heard("One")
    assert hear(utterance(1)) == Heard("Two", delay=1.0)
    assert hear(utterance(2)) == Heard("(simulated: 1.2 s of speech)")


def test_what_is_heard_once() -> None:
    """A string is not a sequence of letters."""
    hear = hearing("Hello")
    assert [hear(utterance(number)).text for number in range(2)] == [
        "Hello",
        "(simulated: 1.2 s of speech)",
    ]


def test_what_is_heard_by_a_function() -> None:
    """It sees the utterance."""
    hear = hearing(lambda utterance: f"number {utterance.number}")
    assert hear(utterance(7)) == Heard("number 7")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((), ""),
        ((ANSWER,), ""),
        ((user(typed("A")), ANSWER), "A"),
        ((user(typed("A")), user(typed("B"), spoken("C"), spoken(None), IMAGE)), "B C"),
    ],
)
def test_user_text(items: tuple[dict[str, Any], ...], expected: str) -> None:
    """What the last user message says, in whatever way."""
    assert turn(*items).user_text == expected


WITH_PARAMETERS = [
    {
        "type": "function",
        "name": "see",
        "parameters": {
            "type": "object",
            "properties": {"what": {"type": "string"}, "how": {"type": "string"}},
            "required": ["what"],
        },
    }
]


def test_tool_outputs_since_the_last_message() -> None:
    """Older outputs were answered before; unknown calls have no name."""
    assert turn(CALL, OUTPUT, ANSWER).tool_outputs == []
    assert turn(user(typed("A")), CALL, OUTPUT, STRAY).tool_outputs == [
        ToolOutput("c1", "look", "nothing"),
        ToolOutput("c2", "", "something"),
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (turn(), "Hello, this is the simulator."),
        (turn(ANSWER), "Hello, this is the simulator."),
        (turn(cause="idle"), "Are you still there?"),
        (turn(user(typed("Hi"), typed("you"))), "You wrote: Hi you"),
        (
            turn(user(spoken("Good day"))),
            "I cannot understand speech; the scenario says you said: Good day",
        ),
        (
            turn(user(spoken(""))),
            "I cannot understand speech; the scenario says you said: nothing",
        ),
        (turn(user(typed("Look"), IMAGE)), "You wrote: Look I count 1 image."),
        (turn(user(IMAGE, IMAGE)), "I count 2 images."),
        (turn(CALL, OUTPUT), "The function look returned: nothing."),
        (turn(tools=TOOLS, tool_choice="required"), CallFunction("look")),
        (
            turn(user(typed("Please call see.")), tools=WITH_PARAMETERS),
            CallFunction("see", {"what": "example"}),
        ),
        (
            turn(user(typed("Please call nobody")), tools=WITH_PARAMETERS),
            "You wrote: Please call nobody",
        ),
        (
            turn(user(typed("Please call see")), tools=WITH_PARAMETERS, tool_choice="none"),
            "You wrote: Please call see",
        ),
        (turn(tools=[], tool_choice="required"), "Hello, this is the simulator."),
        (turn(tool_choice={"type": "function", "name": "see"}), CallFunction("see")),
        (
            turn(tools=WITH_PARAMETERS, tool_choice={"type": "function", "name": "see"}),
            CallFunction("see", {"what": "example"}),
        ),
        (
            turn(tools=WITH_PARAMETERS, tool_choice="required"),
            CallFunction("see", {"what": "example"}),
        ),
        (
            turn(user(typed("A")), tool_choice={"type": "mcp", "server_label": "docs"}),
            "You wrote: A",
        ),
    ],
)
def test_default_answers(asked: Turn, expected: Reply) -> None:
    """They follow what can be known without understanding."""
    assert default_responder(asked) == expected
