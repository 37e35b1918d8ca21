"""A test that never ends is ended by the time limit of the project's own settings."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

NEVER_ENDING = {
    "waits": "await trio.sleep_forever()",
    "spins": "while True: await trio.lowlevel.checkpoint()",
    "never_yields": "while True: pass",
}
"""Bodies of async tests that hang, each in another way."""


@pytest.mark.parametrize("body", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_a_test_that_hangs_ends_the_run(tmp_path: Path, body: str) -> None:
    """The run fails, and the stack of the test that hung is shown."""
    program = tmp_path / "test_hanging.py"
    program.write_text(f"import trio\n\nasync def test_hangs():\n    {body}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    settings = ["-c", str(ROOT / "pyproject.toml"), "-o", "timeout=0.2", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        [*command, *settings, str(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode != 0
    assert "Timeout" in run.stdout + run.stderr
    assert "test_hanging.py" in run.stdout + run.stderr


def test_every_test_has_a_generous_limit(pytestconfig: pytest.Config) -> None:
    """Long enough for a slow machine, and short enough that somebody still waits for the result."""
    assert 60 <= float(pytestconfig.getini("timeout")) <= 300
