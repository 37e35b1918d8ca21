"""The support desk of the examples goes as its transcript in the documentation says."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("mcp")

ROOT = Path(__file__).parent.parent


def test_the_transcript(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line, with a real MCP server in a child process."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    runpy.run_path(str(ROOT / "examples" / "support_desk.py"), run_name="__main__")
    expected = (ROOT / "docs" / "programs" / "support_desk.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == expected
