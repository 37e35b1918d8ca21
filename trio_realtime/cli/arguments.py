"""The parser of the command line, and `Options`, its result."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NoReturn

import attrs

from .._version import __version__
from .failures import USAGE

_EPILOG: Final = """\
exit status:
  0    everything went well
  1    something failed; one line on stderr says what
  2    the command line is wrong
  130  interrupted with Ctrl-C

The API key is read from the environment variable OPENAI_API_KEY.
"""

_TALK: Final = """\
Hold a conversation: with a recording (--wav), with lines from the keyboard or
a pipe, or with microphone and speaker (--mic). With an API key it talks to
OpenAI; without one to a simulator in this process, over a WebSocket on the
loopback interface.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and leaves the usage to ``--help``."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


@attrs.frozen(kw_only=True)
class Options:
    """What the command line says. Options that a command does not have keep their defaults."""

    command: Literal["talk", "simulate", "doctor"]
    debug: bool = False
    # talk
    wav: Path | None = None
    text: Sequence[str] | None = None
    mic: bool = False
    save: Path | None = None
    model: str | None = None
    voice: str | None = None
    instructions: str = ""
    turn_detection: Literal["server", "semantic", "none"] = "server"
    url: str | None = None
    simulate: bool = False
    pace: float | None = None
    timeout: float = 60.0
    json: bool = False
    raw: bool = False
    quiet: bool = False
    color: bool = True
    # simulate
    host: str = "127.0.0.1"
    port: int = 0
    key: str | None = attrs.field(default=None, repr=False)
    certificate: Path | None = None


def parse(argv: Sequence[str] | None) -> Options:
    """Parse a command line without the program's name. Exits as argparse does."""
    parser = _parser()
    found = vars(parser.parse_args(argv))
    own: argparse.ArgumentParser = found.pop("parser", parser)
    if found["command"] is None:
        parser.error("say what to do: talk, simulate or doctor")
    options = Options(**found)
    if options.raw and not options.json:
        own.error("--raw goes with --json")
    if options.mic and options.turn_detection == "none":
        own.error("--mic needs turn detection: without it nobody says when you have finished")
    return options


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    debug = _Parser(add_help=False)
    debug.add_argument("--debug", action="store_true", help="on failure, show the traceback too")
    parser = _Parser(
        prog="trio-realtime",
        description="Realtime spoken agents for Trio, from the command line.",
        epilog=_EPILOG,
        formatter_class=shape,
    )
    parser.add_argument("--version", action="version", version=f"trio-realtime {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    talk = commands.add_parser(
        "talk",
        parents=[debug],
        help="hold a conversation",
        description=_TALK,
        epilog=_EPILOG,
        formatter_class=shape,
    )
    talk.set_defaults(parser=talk)
    _add_talk(talk)
    simulate = commands.add_parser(
        "simulate",
        parents=[debug],
        help="serve the simulator until Ctrl-C, for other clients",
        description="Serve the simulator of the OpenAI Realtime API until Ctrl-C.",
        epilog=_EPILOG,
        formatter_class=shape,
    )
    _add_simulate(simulate)
    commands.add_parser(
        "doctor",
        parents=[debug],
        help="show versions, extras and whether a key is set",
        description="Show what is installed and what would be used.",
    )
    return parser


def _add_talk(talk: argparse.ArgumentParser) -> None:
    user = talk.add_argument_group("what you say (default: lines from standard input)")
    source = user.add_mutually_exclusive_group()
    source.add_argument("--wav", type=Path, metavar="FILE", help="a recording, of any sample rate")
    source.add_argument(
        "--text", type=_words, action="append", metavar="TEXT", help="a message (repeatable)"
    )
    source.add_argument(
        "--mic", action="store_true", help="speak; needs trio-realtime[audio], and headphones"
    )
    user.add_argument(
        "--turn-detection",
        choices=("server", "semantic", "none"),
        default="server",
        help="how the server tells that you have finished: by loudness (the default), by meaning, "
        "or not at all: the end of the recording is the end of your turn",
    )
    user.add_argument(
        "--pace",
        type=_positive,
        metavar="N",
        help="send the recording N times faster than real time; the simulator answers as fast "
        "(default: 1, with the simulator 4)",
    )
    agent = talk.add_argument_group("whom you talk to")
    server = agent.add_mutually_exclusive_group()
    server.add_argument(
        "--url", help="a compatible server, as ws:// or wss://; the API key, if set, is sent to it"
    )
    server.add_argument(
        "--simulate", action="store_true", help="the simulator, even if there is a key"
    )
    agent.add_argument("--model", metavar="NAME", help="the realtime model")
    agent.add_argument("--voice", metavar="NAME", help="the voice of the answers")
    agent.add_argument(
        "--instructions",
        metavar="TEXT",
        default="You are a friendly voice assistant. Answer briefly.",
        help="what the agent is told to be",
    )
    agent.add_argument(
        "--timeout",
        type=_positive,
        default=60.0,
        metavar="SECONDS",
        help="give up when the server says nothing for so long (default: %(default)g)",
    )
    output = talk.add_argument_group("what you get")
    output.add_argument(
        "--save", type=Path, metavar="FILE", help="write the answers' audio to a WAV file"
    )
    output.add_argument("--json", action="store_true", help="print events as JSON lines")
    output.add_argument(
        "--raw", action="store_true", help="with --json: also the server's own events, in full"
    )
    output.add_argument("--quiet", action="store_true", help="print only what is said")
    output.add_argument(
        "--no-color", dest="color", action="store_false", help="no colours (or set NO_COLOR)"
    )


def _add_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    simulate.add_argument(
        "--port", type=_port, default=0, help="default: 0, which takes a free one"
    )
    simulate.add_argument(
        "--tls",
        dest="certificate",
        type=Path,
        metavar="FILE",
        help="serve over TLS (wss), with the certificate and the private key in this PEM file",
    )
    simulate.add_argument("--key", help="the API key clients must show (default: any, or none)")
    simulate.add_argument(
        "--pace",
        type=_positive,
        metavar="N",
        help="answer N times faster than real time (default: 4)",
    )


def _words(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("there is nothing in it")
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
