"""What the command line accepts, and what it says of the rest."""

from pathlib import Path

import pytest

from trio_realtime import __version__
from trio_realtime.cli import main
from trio_realtime.cli.arguments import parse


def test_talk_has_its_defaults() -> None:
    options = parse(["talk"])
    assert (options.command, options.wav, options.text, options.mic) == ("talk", None, None, False)
    assert (options.turn_detection, options.pace, options.timeout) == ("server", None, 60.0)
    assert options.color
    assert not any((options.json, options.raw, options.quiet, options.debug))
    assert "voice assistant" in options.instructions


def test_every_option_of_talk_arrives() -> None:
    line = (
        "talk --wav q.wav --save a.wav --voice marin --model m --instructions i --url ws://x/"
        " --turn-detection semantic --pace 2.5 --timeout 7 --json --raw --quiet --no-color --debug"
    )
    options = parse(line.split())
    assert (options.wav, options.save) == (Path("q.wav"), Path("a.wav"))
    assert (options.voice, options.model, options.instructions) == ("marin", "m", "i")
    assert (options.url, options.turn_detection) == ("ws://x/", "semantic")
    assert (options.pace, options.timeout) == (2.5, 7.0)
    assert options.json
    assert options.raw
    assert options.quiet
    assert options.debug
    assert not options.color


def test_messages_are_collected_in_order() -> None:
    assert parse(["talk", "--text", "one", "--text", "two"]).text == ["one", "two"]


def test_the_key_of_the_simulator_stays_out_of_the_repr() -> None:
    options = parse(["simulate", "--key", "hush", "--port", "8080", "--host", "::1"])
    assert (options.key, options.port, options.host) == ("hush", 8080, "::1")
    assert "hush" not in repr(options)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "trio-realtime: say what to do: talk, simulate or doctor"),
        ("sing", "trio-realtime: argument COMMAND: invalid choice: 'sing'"),
        ("talk --wav a --mic", "trio-realtime talk: argument --mic: not allowed with"),
        ("talk --url ws://x/ --simulate", "argument --simulate: not allowed with argument --url"),
        ("talk --pace fast", "argument --pace: 'fast' is not a number above 0"),
        ("talk --pace 0", "argument --pace: '0' is not a number above 0"),
        ("talk --timeout inf", "argument --timeout: 'inf' is not a number above 0"),
        ("talk --text", "argument --text: expected one argument"),
        ("talk --text=", "argument --text: there is nothing in it"),
        ("talk --raw", "trio-realtime talk: --raw goes with --json"),
        ("talk --mic --turn-detection none", "trio-realtime talk: --mic needs turn detection"),
        ("simulate --port 65536", "argument --port: '65536' is not a port"),
        ("simulate --port -1", "argument --port"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    line: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert err.count("\n") == 1
    assert "--help)" in err
    assert out == ""


def test_help_says_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["talk"], ["simulate"]):
        assert main([*command, "--help"]) == 0
        out = capsys.readouterr().out
        assert "130  interrupted with Ctrl-C" in out
        assert max(map(len, out.splitlines())) <= 80


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trio-realtime {__version__}\n"
