"""Exceptions as one line and an exit status."""

import errno
import os
import signal
import ssl
import sys
from typing import Any

import pytest
import trio

from trio_realtime import (
    RealtimeConnectionClosed,
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeSessionClosed,
    UserError,
)
from trio_realtime.cli import main
from trio_realtime.cli.arguments import Options
from trio_realtime.cli.failures import CommandError, explain, first_failure


def handshake(status: int, body: bytes = b"") -> RealtimeHandshakeError:
    return RealtimeHandshakeError("x:1 refused the WebSocket", status=status, body=body)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CommandError("no such\n  thing"), 1, "no such thing"),
        (UserError("the URL is odd"), 2, "the URL is odd"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.wav"), 1, "a.wav: No such file"),
        (OSError("odd"), 1, "odd"),
        (OSError(), 1, "OSError"),
        (RealtimeConnectionClosed("closed with 1011", code=1011), 1, "closed with 1011"),
        (ZeroDivisionError("by 0"), 1, "internal error: ZeroDivisionError: by 0"),
        (handshake(500), 1, "x:1 refused the WebSocket"),
        (handshake(500, b"<html>"), 1, "x:1 refused the WebSocket"),
        (handshake(500, b'{"error": {"message": 5}}'), 1, "x:1 refused the WebSocket"),
        (handshake(429, b'{"error": {"message": "Slow"}}'), 1, "x:1 refused the WebSocket: Slow"),
    ],
)
def test_an_exception_is_a_status_and_a_line(error: Exception, status: int, line: str) -> None:
    assert explain(error)[0] == status
    assert explain(error)[1].removesuffix(" (--debug shows where)") == line


def test_tls_that_failed_is_told_in_the_words_of_the_error() -> None:
    """An `ssl.SSLError` has a number of OpenSSL's where other OSErrors have the system's."""
    error = RealtimeConnectionError("TLS with x:1 failed: is the URL to begin with ws://?")
    error.__cause__ = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    assert explain(error) == (1, "TLS with x:1 failed: is the URL to begin with ws://?")


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": "invalid_api_key"},
        {"code": "missing_api_key"},
        {"code": "invalid_request_error", "close_code": 3000},
    ],
)
def test_a_key_refused_on_the_open_websocket(refusal: dict[str, Any]) -> None:
    """Such a server answers the handshake with 101, then sends an error, or closes with 3000."""
    error = RealtimeHandshakeError("the server refused the session", status=101, **refusal)
    assert explain(error) == (1, "the server refused the API key: check OPENAI_API_KEY")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_over_the_key_never_shows_what_the_server_quotes(status: int) -> None:
    _, line = explain(handshake(status, b'{"error": {"message": "Wrong: sk-123"}}'))
    assert "API key" in line
    assert str(status) in line
    assert "sk-" not in line


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Error connecting to ('h', 1)"), "refused"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
    ],
)
def test_a_failed_connection_names_the_systems_own_reason(reason: OSError, line: str) -> None:
    several = OSError("all attempts to connect to h:1 failed")
    several.__cause__ = ExceptionGroup("attempts", [reason])
    error = RealtimeConnectionError(f"could not connect to h:1: {several}")
    error.__cause__ = several
    text = explain(error)[1]
    assert text.startswith("could not connect to h:1: ")
    assert text.endswith(line)
    assert "attempts" not in text


def test_a_group_is_explained_by_the_exception_that_says_most() -> None:
    broken = RealtimeConnectionClosed("lost", code=1006)
    closed = RealtimeSessionClosed("the session is over")
    after_failure = RealtimeSessionClosed("the session is over")
    after_failure.__cause__ = broken
    spoken = CommandError("the answer failed")
    assert first_failure(ExceptionGroup("", [closed, broken])) is broken
    assert first_failure(after_failure) is broken
    assert first_failure(ExceptionGroup("", [broken, ExceptionGroup("", [spoken])])) is spoken
    ctrl_c = KeyboardInterrupt()
    assert first_failure(BaseExceptionGroup("", [spoken, ctrl_c])) is ctrl_c


def simulate_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def fail(_options: Options) -> None:
        raise error

    monkeypatch.setattr("trio_realtime.cli.simulate.simulate", fail)


def test_a_defect_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate_with(monkeypatch, ZeroDivisionError("by 0"))
    assert main(["simulate"]) == 1
    err = capsys.readouterr().err
    assert err == "trio-realtime: internal error: ZeroDivisionError: by 0 (--debug shows where)\n"


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate_with(monkeypatch, ZeroDivisionError("by 0"))
    assert main(["simulate", "--debug"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "in fail" in err


def test_ctrl_c_lets_the_command_say_goodbye(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[str] = []

    async def wait(_options: Options) -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            await trio.sleep_forever()
        finally:
            ended.append("properly")

    monkeypatch.setattr("trio_realtime.cli.simulate.simulate", wait)
    assert main(["simulate"]) == 130
    assert ended == ["properly"]
    assert capsys.readouterr() == ("", "")


def test_a_closed_pipe_ends_the_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["doctor"]) == 1
        assert capsys.readouterr().err == ""
        pipe.write("what Python does at exit")
        pipe.flush()


def test_exits_with_a_text_count_as_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_argv: object) -> Options:
        raise SystemExit("no")

    monkeypatch.setattr("trio_realtime.cli.parse", leave)
    assert main([]) == 1
