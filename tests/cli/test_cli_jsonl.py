"""Session events as JSON lines."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from support_cli import INFO, audio, done

from trio_realtime import (
    InputImage,
    RealtimeAgent,
    RealtimeError,
    RealtimeHistoryUpdated,
    RealtimeRateLimitsUpdated,
    RealtimeRawModelEvent,
    RealtimeToolEnd,
    Usage,
    UserError,
    UserMessageItem,
    function_tool,
)
from trio_realtime.cli.jsonl import JsonLines, describe_event
from trio_realtime.cli.recordings import Answer
from trio_realtime.models.events import (
    RealtimeModelItemDeletedEvent,
    RealtimeModelRateLimit,
    RealtimeModelRawServerEvent,
    RealtimeServerError,
)


@function_tool
def weather(city: str) -> str:
    """The weather.

    Args:
        city: where
    """
    return city


def tool_end(output: object) -> dict[str, Any] | None:
    return describe_event(
        RealtimeToolEnd(
            agent=RealtimeAgent[Any](name="Ann"),
            tool=weather,
            arguments="{}",
            output=output,
            call_id="c1",
            info=INFO,
        )
    )


def test_audio_is_its_length() -> None:
    assert describe_event(audio(bytes(4800))) == {
        "type": "audio",
        "item_id": "a1",
        "content_index": 0,
        "response_id": "r",
        "audio": {"bytes": 4800, "ms": 100.0},
    }


def test_the_history_is_its_length() -> None:
    item = UserMessageItem(item_id="u1", content=(InputImage(),))
    event = RealtimeHistoryUpdated(history=(item,), info=INFO)
    assert describe_event(event) == {"type": "history_updated", "history": {"items": 1}}


def test_agents_and_tools_are_their_names() -> None:
    assert tool_end("sunny") == {
        "type": "tool_end",
        "agent": "Ann",
        "tool": "weather",
        "arguments": "{}",
        "output": "sunny",
        "call_id": "c1",
    }


@pytest.mark.parametrize(
    ("output", "plain"),
    [
        ({1: [True, None, 1.5]}, {"1": [True, None, 1.5]}),
        ((b"\x00",), ["b'\\x00'"]),
        ({"a"}, "{'a'}"),
    ],
)
def test_anything_a_tool_returns_has_a_form(output: object, plain: object) -> None:
    described = tool_end(output)
    assert described is not None
    assert described["output"] == plain
    assert json.loads(json.dumps(described)) == described


def test_errors_say_what_they_are() -> None:
    assert describe_event(RealtimeError(error=UserError("odd"), info=INFO)) == {
        "type": "error",
        "error": {"type": "UserError", "message": "odd"},
    }
    failed = describe_event(done("failed", error=RealtimeServerError(message="m", type="t")))
    assert failed is not None
    assert failed["error"]["message"] == "m"


def test_values_are_objects_of_their_fields() -> None:
    limit = RealtimeModelRateLimit(name="tokens", remaining=3)
    event = RealtimeRateLimitsUpdated(rate_limits=(limit,), info=INFO)
    assert describe_event(event) == {
        "type": "rate_limits_updated",
        "rate_limits": [
            {"name": "tokens", "limit": None, "remaining": 3, "reset_seconds": None},
        ],
    }


def test_a_raw_event_is_the_servers_own() -> None:
    data = RealtimeModelRawServerEvent('{"type": "x"}', json.loads)
    assert describe_event(RealtimeRawModelEvent(data=data, info=INFO)) == {
        "type": "raw_model_event",
        "data": {"type": "x"},
    }
    other = RealtimeModelItemDeletedEvent(item_id="x")
    assert describe_event(RealtimeRawModelEvent(data=other, info=INFO)) is None


def test_only_events_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    show = JsonLines(out)
    show.notice("Talking to a simulator.")
    show.event(RealtimeError(error=UserError("où?"), info=INFO))
    other = RealtimeModelItemDeletedEvent(item_id="x")
    show.event(RealtimeRawModelEvent(data=other, info=INFO))
    show.problem("x")
    show.sent(b"")
    show.sent_all("x")
    show.prompt()
    show.entered()
    show.end_of_input()
    show.finish(Usage(), Answer(), Path("a.wav"))
    error = '{"type": "UserError", "message": "où?"}'
    assert out.getvalue() == f'{{"type": "error", "error": {error}}}\n'
    assert capsys.readouterr() == ("", "Talking to a simulator.\n")
