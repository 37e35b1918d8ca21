"""What can go wrong with `trio-realtime talk`: one line on stderr, and a status."""

import math
import sys
from pathlib import Path

import pytest
import trio
from support_cli import QUESTION, run_main

from trio_realtime.cli import main
from trio_realtime.testing.simulator import Fail, RealtimeSimulator, Text, Turn

Capture = pytest.CaptureFixture[str]


def complaint(capsys: Capture) -> str:
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("trio-realtime: ")
    return err.removeprefix("trio-realtime: ").rstrip("\n")


def test_files_that_cannot_be_read(tmp_path: Path, capsys: Capture) -> None:
    missing = tmp_path / "missing.wav"
    assert main(["talk", "--wav", str(missing)]) == 1
    assert complaint(capsys) == f"cannot read {missing}: No such file or directory"
    text = tmp_path / "text.wav"
    text.write_text("hello")
    assert main(["talk", "--wav", str(text)]) == 1
    assert complaint(capsys).startswith(f"{text}: this is no WAV file")


def test_an_answer_that_could_not_be_saved_is_not_asked_for(
    tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "nowhere" / "answer.wav"
    assert main(["talk", "--wav", str(QUESTION), "--save", str(target)]) == 1
    assert complaint(capsys).startswith(f"cannot write {target}: there is no directory")


def test_a_server_that_is_not_there(capsys: Capture) -> None:
    assert main(["talk", "--url", "ws://127.0.0.1:1/v1/realtime", "--text", "Hello"]) == 1
    assert complaint(capsys) == "could not connect to 127.0.0.1:1: Connection refused"


def test_a_url_that_is_none(capsys: Capture) -> None:
    assert main(["talk", "--url", "http://127.0.0.1/", "--text", "Hello"]) == 2
    assert complaint(capsys) == "the URL must begin with wss:// or ws://, not http://"


async def test_a_key_that_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    async with RealtimeSimulator(api_key="sk-right").serve() as url:
        assert await run_main("talk", "--url", url, "--wav", str(QUESTION)) == 1
    said = complaint(capsys)
    assert said == "the server refused the API key: check OPENAI_API_KEY"


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["talk", "--simulate"]) == 1
    assert complaint(capsys) == "there is no standard input; use --wav or --text"


def test_a_setting_the_server_refuses(capsys: Capture) -> None:
    assert main(["talk", "--text", "Hello", "--voice", "donald"]) == 1
    said = complaint(capsys)
    assert said.startswith(
        "the server refused the opening settings because of session.audio.output"
    )
    assert "Invalid value: 'donald'" in said


async def test_an_answer_that_fails(capsys: Capture) -> None:
    simulator = RealtimeSimulator(lambda _turn: Fail(message="overloaded"))
    async with simulator.serve() as url:
        assert await run_main("talk", "--url", url, "--text", "Hello") == 1
    assert complaint(capsys) == (
        "the server reported an error: response resp_sim000001 failed: overloaded"
    )


async def test_an_answer_without_audio_is_not_saved(tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "answer.wav"
    async with RealtimeSimulator(lambda _turn: Text("In writing.")).serve() as url:
        arguments = ("--url", url, "--text", "Hello", "--save", str(target))
        assert await run_main("talk", *arguments) == 1
    assert complaint(capsys) == f"no audio came, so {target} was not written"
    assert not target.exists()


async def test_a_connection_that_breaks(capsys: Capture) -> None:
    simulator = RealtimeSimulator()

    async def drop(_turn: Turn) -> str:
        await simulator.connections[0].drop()
        return "never heard"

    simulator.responder = drop
    async with simulator.serve() as url:
        assert await run_main("talk", "--url", url, "--text", "Hello") == 1
    assert complaint(capsys).startswith("the connection to the server was lost")


async def test_a_server_that_leaves(tmp_path: Path, capsys: Capture) -> None:
    """What came before is saved all the same."""
    target = tmp_path / "answer.wav"
    simulator = RealtimeSimulator(lambda _turn: "A long answer. " * 10, speed=1000.0)
    async with simulator.serve() as url, trio.open_nursery() as nursery:

        async def leave() -> None:
            connection = await simulator.wait_connected()
            await connection.wait_received("response.create")
            await trio.sleep(0.01)
            await connection.close(1001, "the end")

        nursery.start_soon(leave)
        arguments = ("--url", url, "--text", "Hello", "--save", str(target))
        assert await run_main("talk", *arguments) == 1
    assert complaint(capsys) == "the server ended the session"


async def test_a_server_that_falls_silent(capsys: Capture) -> None:
    async def never(_turn: Turn) -> str:
        await trio.sleep_forever()
        raise AssertionError

    async with RealtimeSimulator(never, speed=math.inf).serve() as url:
        arguments = ("--url", url, "--text", "Hello", "--timeout", "0.05")
        assert await run_main("talk", *arguments) == 1
    assert complaint(capsys) == "the server has said nothing for 0.05 s (--timeout)"
