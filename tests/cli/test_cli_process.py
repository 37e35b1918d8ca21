"""The command as a process of its own, the way a person runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support_cli import QUESTION

from trio_realtime.audio import read_wav

COMMAND = [sys.executable, "-m", "trio_realtime"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1"}


def test_the_command_of_the_readme(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "talk", "--wav", QUESTION, "--save", "answer.wav", "--pace", "50"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nagent  I cannot understand speech" in done.stdout
    assert read_wav(tmp_path / "answer.wav").duration_ms > 1000


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_at_the_prompt_ends_it_cleanly() -> None:
    process = subprocess.Popen(
        [*COMMAND, "talk", "--simulate", "--pace", "50"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        encoding="utf-8",
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("Hello\n")
        process.stdin.flush()
        while process.stdout.readline() != "agent  You wrote: Hello\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == ""
        assert "tokens " in rest
