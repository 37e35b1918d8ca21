"""`trio-realtime talk`, in this process, with a simulator on the loopback interface."""

import json
import math
import os
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support_cli import QUESTION, FakeTerminal, run_main

from trio_realtime.audio import read_wav, resample
from trio_realtime.cli import main
from trio_realtime.testing.simulator import Fail, RealtimeSimulator, Turn
from trio_realtime.testing.simulator.served_formats import PCM16
from trio_realtime.testing.simulator.voice import speak, spoken_ms

ASKED = "What time do you open on Saturday?"
ANSWERED = "We open at nine."
PACE = ("--pace", "500")

Capture = pytest.CaptureFixture[str]


def answer_nine(_turn: Turn) -> str:
    return ANSWERED


def a_simulator(**scenario: Any) -> RealtimeSimulator:
    return RealtimeSimulator(
        **{"responder": answer_nine, "hears": [ASKED], "speed": math.inf, **scenario}
    )


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give the command something to read."""
    reading, writing = os.pipe()
    with open(reading) as file:
        monkeypatch.setattr(sys, "stdin", file)

        def give(text: str) -> None:
            os.write(writing, text.encode())
            os.close(writing)

        yield give


async def test_a_question_from_a_wav_file(tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "answer.wav"
    simulator = a_simulator()
    async with simulator.serve() as url:
        status = await run_main(
            "talk", "--url", url, "--wav", str(QUESTION), "--save", str(target), *PACE
        )
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"sent   {QUESTION}, 2.6 s at -20 dB"
    assert lines[1:3] == [f"you    {ASKED}", f"agent  {ANSWERED}"]
    assert lines[3].startswith("audio  1.0 s received, saved to ")
    assert lines[4].startswith("tokens ")
    assert "28 audio" in lines[4]
    duration = spoken_ms(ANSWERED)
    voice = b"".join(speak(ANSWERED, PCM16, duration_ms=duration, chunk_ms=100))
    saved = read_wav(target)
    assert (saved.rate, saved.samples) == (24_000, voice)


async def test_a_stereo_recording_of_another_rate(tmp_path: Path, capsys: Capture) -> None:
    wav = read_wav(QUESTION)
    mono = resample(wav.samples, wav.rate, 44_100)
    pairs = bytearray(2 * len(mono))
    for at in (0, 1):
        pairs[at::4] = pairs[at + 2 :: 4] = mono[at::2]
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(pairs))
    async with a_simulator().serve() as url:
        assert await run_main("talk", "--url", url, "--wav", str(path), *PACE) == 0
    assert f"you    {ASKED}" in capsys.readouterr().out


def test_without_a_key_the_simulator_answers_and_says_so(tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "answer.wav"
    assert main(["talk", "--wav", str(QUESTION), "--save", str(target), *PACE]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(
        "note   No API key (OPENAI_API_KEY is not set): talking to the built-in simulator, which "
        "does not understand speech.\n"
    )
    assert "agent  I cannot understand speech" in out
    assert read_wav(target).duration_ms > 1000


def test_the_simulator_can_be_asked_for_and_is_shown_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert main(["talk", "--simulate", "--text", "Hello", "--quiet", *PACE]) == 0
    out, err = capsys.readouterr()
    assert out == "you    Hello\nagent  You wrote: Hello\n"
    assert err == "Talking to the built-in simulator, which does not understand speech.\n"


async def test_the_key_is_shown_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    simulator = a_simulator(api_key="sk-test")
    async with simulator.serve() as url:
        assert await run_main("talk", "--url", url, "--text", "Hello") == 0


async def test_settings_reach_the_server(capsys: Capture) -> None:
    simulator = a_simulator()
    line = "--model m1 --voice marin --instructions Rhyme. --turn-detection semantic"
    async with simulator.serve() as url:
        assert await run_main("talk", "--url", url, "--text", "Hello", *line.split()) == 0
    update = simulator.connections[0].received[0]
    assert update["type"] == "session.update"
    session = update["session"]
    assert (session["model"], session["instructions"]) == ("m1", "Rhyme.")
    assert session["audio"]["output"]["voice"] == "marin"
    assert session["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


async def test_without_turn_detection(capsys: Capture) -> None:
    simulator = a_simulator()
    options = ("--turn-detection", "none", *PACE)
    async with simulator.serve() as url:
        assert await run_main("talk", "--url", url, "--wav", str(QUESTION), *options) == 0
    session = simulator.connections[0].received[0]["session"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert f"agent  {ANSWERED}" in capsys.readouterr().out


def test_piped_lines(stdin: Callable[[str], None], capsys: Capture) -> None:
    stdin("one\ntwo\n")
    assert main(["talk", *PACE]) == 0
    said = "you    one\nagent  You wrote: one\nyou    two\nagent  You wrote: two\n"
    assert said in capsys.readouterr().out


def test_no_lines_at_all(stdin: Callable[[str], None], capsys: Capture) -> None:
    stdin("")
    assert main(["talk"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_json_lines(capsys: Capture) -> None:
    assert main(["talk", "--wav", str(QUESTION), "--json", *PACE]) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["type"] for event in events]
    for kind in ("user_speech_started", "user_transcript_completed", "transcript_delta", "audio"):
        assert kind in kinds
    assert "raw_model_event" not in kinds
    done = next(event for event in events if event["type"] == "response_done")
    assert done["status"] == "completed"
    assert done["usage"]["total_tokens"] > 0
    sizes = [event["audio"]["bytes"] for event in events if event["type"] == "audio"]
    assert sum(sizes) / 48_000 > 1
    assert err.startswith("No API key")


def test_json_lines_with_the_servers_own_events(capsys: Capture) -> None:
    assert main(["talk", "--text", "Hello", "--json", "--raw", *PACE]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    raw = [event["data"]["type"] for event in events if event["type"] == "raw_model_event"]
    assert raw[:2] == ["session.created", "session.updated"]
    assert "response.output_audio.delta" in raw


class Keyboard:
    """Standard input that says it is a terminal."""

    def __init__(self, text: bytes) -> None:
        self.fd, writing = os.pipe()
        os.write(writing, text)
        os.close(writing)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.fd


async def test_at_a_terminal_an_error_does_not_end_the_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keyboard = Keyboard(b"one\ntwo\nthree\n")
    monkeypatch.setattr(sys, "stdin", keyboard)
    out = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", out)
    simulator = a_simulator(
        responder=lambda turn: Fail(message="overloaded") if turn.number == 0 else ANSWERED
    )
    async with simulator.serve() as url:
        simulator.refuse_next("response.create", code="busy", message="not now")
        assert await run_main("talk", "--url", url, "--no-color") == 0
    os.close(keyboard.fd)
    # This terminal does not echo what is typed, so each prompt is on the row of what follows.
    assert [row.removeprefix("you    ") for row in out.rows[:4]] == [
        "error  the server reported an error: not now",
        "error  the server reported an error: response resp_sim000001 failed: overloaded",
        f"agent  {ANSWERED}",
        "you",
    ]


async def test_an_error_beside_an_answer_is_shown(capsys: Capture) -> None:
    simulator = a_simulator()
    async with simulator.serve() as url:

        async def disturb(_turn: Turn) -> str:
            event = {"type": "error", "error": {"type": "server_error", "message": "hiccup"}}
            await simulator.connections[0].send(event)
            return ANSWERED

        simulator.responder = disturb
        assert await run_main("talk", "--url", url, "--text", "Hello") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["you    Hello", "error  hiccup", f"agent  {ANSWERED}"]
