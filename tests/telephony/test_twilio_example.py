"""The example's demonstration: a real server on loopback, and the stand-in calling it."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "twilio_bridge.py"


def test_the_demonstration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A greeting, an interruption, a key, an answer, and the end of the call."""
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "--demo"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    patterns = [
        "Ada calls",
        r"interrupted after \d+ ms",
        "the caller pressed 1",
        r"the caller said: Hello\?",
        r"the caller hung up after hearing \d\.\d s",
    ]
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line)
