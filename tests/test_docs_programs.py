"""The programs of the documentation, the examples and the README do what the text says."""

import re
import runpy
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PROGRAMS = ROOT / "docs" / "programs"

OUTPUT = {
    PROGRAMS / "first_turn.py": [
        r"user: Hello, is that the bakery\?",
        r"assistant: You wrote: Hello, is that the bakery\?",
    ],
    PROGRAMS / "a_tool.py": [
        r'called with \{"kind":"rye"\}',
        "returned 3",
        r"assistant: There are 3 loaves\.",
    ],
    PROGRAMS / "speech.py": [
        "the user speaks",
        r"the user said: Good day\.",
        r"the model spoke for 0\.8 s, at -\d+ dB: completed",
    ],
    PROGRAMS / "ends.py": ["time was up", "the server closed", "lost, with code 1006"],
    PROGRAMS / "nursery_inside.py": [
        "the call is over: Realtime(ConnectionClosed|SessionClosed)",
    ],
    EXAMPLES / "hello.py": [r"user: Hello, I am Ada\.", r"assistant: You wrote: Hello, I am Ada\."],
    EXAMPLES / "tools.py": [
        r'the model calls in_stock with \{"product":"tea"\}',
        "the tool returns '12 left'",
        r"the model says: .*Of tea we have 12 left\.",
    ],
    EXAMPLES / "many_sessions.py": ["50 of 50 callers had an answer"],
    EXAMPLES / "speech_turn.py": [r"\d+ tokens of answer", r"\d+\.\d s of answer in answer\.wav"],
}
"""What each program prints, line by line, as patterns."""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder, without a key, and as if started from the command line."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["program"])


def test_no_program_is_forgotten() -> None:
    """Each has its expected output here, is a test itself, or is named in another test."""
    programs = {*EXAMPLES.glob("*.py"), *PROGRAMS.glob("*.py")}
    unnamed = {each for each in programs if not each.name.startswith("test_")} - set(OUTPUT)
    tests = "".join(
        each.read_text(encoding="utf-8") for each in Path(__file__).parent.rglob("*.py")
    )
    assert {each.name for each in unnamed if each.stem not in tests} == set()


@pytest.mark.parametrize("program", OUTPUT, ids=lambda path: path.stem)
def test_program(
    program: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """It runs without a key and prints what is expected."""
    if program.stem == "speech_turn":
        pytest.importorskip("soxr")
    runpy.run_path(str(program), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(OUTPUT[program]), lines
    for line, pattern in zip(lines, OUTPUT[program], strict=True):
        assert re.match(pattern, line)


def test_what_the_tutorial_says_that_its_programs_print() -> None:
    """Is what they print."""
    text = (ROOT / "docs" / "tutorial.rst").read_text(encoding="utf-8")
    printed: dict[str, list[str]] = {}
    program = ""
    for block in re.split(r"\n\n(?=\S)", text):
        if included := re.match(r"\.\. literalinclude:: programs/(\w+\.py)", block):
            program = included[1]
        elif re.search(r"\bprints( as)?::\n", block):
            lines = block.partition("::\n")[2].strip("\n").splitlines()
            printed[program] = [line.strip() for line in lines]
    assert printed.keys() == {"first_turn.py", "a_tool.py"}
    for name, lines in printed.items():
        patterns = OUTPUT[PROGRAMS / name]
        assert len(lines) == len(patterns)
        for line, pattern in zip(lines, patterns, strict=True):
            assert re.fullmatch(pattern, line)


def test_the_answer_is_a_wav_file(tmp_path: Path) -> None:
    """`speech_turn.py` takes its two files from the command line."""
    pytest.importorskip("soxr")
    answer = tmp_path / "said.wav"
    sys.argv = ["speech_turn.py", str(EXAMPLES / "question.wav"), str(answer)]
    runpy.run_path(str(EXAMPLES / "speech_turn.py"), run_name="__main__")
    with wave.open(str(answer)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.getnframes() > 24_000


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("test_*.py")), ids=lambda path: path.stem)
def test_tests_of_the_documentation(program: Path) -> None:
    """They pass without waiting, in a project with nothing but pytest-trio and its mode set."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    options = ["-o", "trio_mode=true", "-W", "error", "--durations=1", "--durations-min=4"]
    done = subprocess.run(
        [*command, *options, str(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)
    assert not re.search(r"^\d\S*s call", done.stdout, flags=re.MULTILINE), "slow: " + done.stdout


def readme_blocks(language: str) -> list[str]:
    """The code blocks of the README in a language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_program_of_the_readme(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is short, it runs, and it says what the README says it says."""
    (program,) = readme_blocks("python")
    (output,) = readme_blocks("text")
    assert len(program.splitlines()) <= 25
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out == output


def test_the_two_commands_of_the_readme() -> None:
    """`.ci/run` finds them by how they begin, and runs them as they stand there."""
    (block,) = readme_blocks("sh")
    commands = [line for line in block.splitlines() if not line.startswith("#")]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall("^python3 -m venv .*$", text, flags=re.MULTILINE) == commands
    main_job, tests = commands
    assert main_job.endswith("--wav examples/question.wav --save answer.wav")
    assert tests.endswith("nox -s tests")
