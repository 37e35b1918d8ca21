"""The push-to-talk example, from the first press of the button to the goodbye."""

import re
import runpy
import wave
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

pytest.importorskip("soxr")

PROGRAM = Path(__file__).parent.parent / "examples" / "push_to_talk.py"

OUTPUT = r"""the button is pressed
the button is released after (?P<first>\d\.\d) s
the button is pressed
the model is interrupted: (?P<heard>\d\.\d) s of it were heard
the button is released after (?P<second>\d\.\d) s
the goodbye was heard
"""


@pytest.mark.parametrize("own", [False, True])
def test_the_example(
    own: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With the file beside it, and with one of the user's; twenty times as fast as it would go."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    files: list[Path] = []
    if own:
        files.append(tmp_path / "mine.wav")
        with wave.open(str(files[0]), "wb") as file:
            file.setparams((1, 2, 24_000, 0, "NONE", ""))
            file.writeframes(bytes(48 * 400))
    main = runpy.run_path(str(PROGRAM))["main"]
    clock = MockClock(rate=20)
    trio.run(main, *files, clock=clock)
    lines = capsys.readouterr().out.splitlines(keepends=True)
    answers = [line for line in lines if line.startswith("the answer is")]
    found = re.fullmatch(OUTPUT, "".join(line for line in lines if line not in answers))
    assert found is not None
    assert len(answers) == 3
    assert answers[1:] == ["the answer is completed\n"] * 2
    assert found["first"] == found["second"] == ("0.4" if own else "2.6")
    # It is pressed a second after the answer began to be heard; a slow machine adds to it.
    assert 1.0 <= float(found["heard"]) < 3.0
    assert clock.current_time() > 2 * float(found["first"]) + 1
