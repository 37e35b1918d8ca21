"""Every check of the project, each in an environment of its own: ``nox -l`` lists them.

Sessions run on the Python that nox runs on; ``nox -s tests -P 3.13`` takes another. `.ci/run` runs
all of them on a fresh machine.
"""

import json
import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nox
from nox.command import CommandFailed

PYPROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = "audio,azure,mcp,sip,talk,testing"
"""What the tests exercise; ``fast`` has a session to itself, since openai-agents pins websockets
below 17."""
COVERAGE_GATE = 97

nox.needs_version = ">=2025.2.9"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests"]
os.environ.pop("PYTHONPATH", None)  # would put another copy of the package before the installed one


def groups(*names: str) -> tuple[str, ...]:
    """The requirements of dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session
def talk(session: nox.Session) -> None:
    """Talk to the simulator: a question from a file, the answer into another."""
    session.install(".[talk]")
    arguments = session.posargs or ["--wav", "examples/question.wav", "--save", "answer.wav"]
    session.run("trio-realtime", "talk", *arguments)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with coverage, with the peers of the differential tests."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "peers"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:
        # Shown in full if it fails; otherwise pytest's closing lines are what one looks for.
        report = session.run("coverage", "report", f"--fail-under={COVERAGE_GATE}", silent=True)
        session.log(next(line for line in str(report).splitlines() if line.startswith("TOTAL")))


@nox.session
def fast(session: nox.Session) -> None:
    """Test the transports with the release of websockets that the ``fast`` extra asks for."""
    session.install("-e", ".[fast,testing]", *groups("test"))
    session.run("pytest", *(session.posargs or ["tests/models/transports"]))


@nox.session
def oldest(session: nox.Session) -> None:
    """Test with the oldest dependencies that the package says it works with."""
    session.install("-e", f".[{EXTRAS},fast]", *floors(), *groups("test", "wire"))
    session.run("pytest", *session.posargs)


def floors() -> list[str]:
    """Every requirement of the package and its extras, at its oldest release."""
    project = PYPROJECT["project"]
    requirements = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        requirements += extra
    pinned = {re.sub(r">=", "==", requirement, count=1) for requirement in requirements}
    return sorted(pinned)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Play random sessions with broken servers, 2,000 of each kind; FUZZ_EXAMPLES says how many."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "wire"))
    first = os.environ.get("FUZZ_SEED", str(random.randrange(10**9)))
    examples = os.environ.get("FUZZ_EXAMPLES", "2000")
    session.log(f"the first seed is {first}")
    environment = {"FUZZ_SEED": first, "FUZZ_EXAMPLES": examples}
    session.run("pytest", "tests/fuzz", *session.posargs, env=environment)


FOREIGN = {
    "openai-python": (["openai[realtime]"], "openai_client.py"),
    "openai-agents": (["openai-agents"], "openai_agents_client.py"),
    "pydantic-ai": (["pydantic-ai-slim[openai,realtime]"], "pydantic_ai_client.py"),
    "livekit": (["livekit-agents", "livekit-plugins-openai"], "livekit_client.py"),
    "pipecat": (["pipecat-ai[openai]"], "pipecat_client.py"),
    "openai-node": (["openai", "ws"], "openai_node.mjs"),  # over TLS, which it asks for
    "agents-node": (["@openai/agents-realtime", "ws", "zod"], "agents_node.mjs"),
}
"""Foreign clients: the packages they need, and their drivers in ``tests/foreign``."""


@nox.session
@nox.parametrize("client", list(FOREIGN))
def foreign(session: nox.Session, client: str) -> None:
    """Have other libraries talk to the simulator; keeps the table of the documentation.

    Each in an environment of its own; one that does not install is skipped, which is said.
    """
    packages, driver = FOREIGN[client]
    folder = Path(session.create_tmp()).resolve()
    drivers = Path("tests/foreign").resolve()
    session.install("-e", ".[testing]", "trustme")
    python = str(Path(session.bin) / "python")
    try:
        if driver.endswith(".mjs"):
            session.run(
                "npm", "install", "--silent", "--prefix", str(folder), *packages, external=True
            )
            for module in (driver, "support_driver.mjs"):
                shutil.copy(drivers / module, folder)
            command = ["node", str(folder / driver)]
        else:
            session.run("python", "-m", "venv", str(folder))
            theirs = str(folder / "bin" / "python")
            session.run(theirs, "-m", "pip", "install", "-q", *packages, external=True)
            command = [theirs, str(drivers / driver)]
    except CommandFailed:
        session.skip(f"{', '.join(packages)} did not install")
    options = ["--simulator", python, "--table", str(Path("docs/foreign-clients.csv").resolve())]
    environment: dict[str, str | None] = {}
    if client == "openai-node":
        session.run("python", "-m", "trustme", "-q", "-i", "127.0.0.1", "-d", str(folder))
        served = folder / "served.pem"
        served.write_bytes(
            b"".join((folder / f"server.{kind}").read_bytes() for kind in ("key", "pem"))
        )
        options += ["--tls", str(served)]
        environment["NODE_EXTRA_CA_CERTS"] = str(folder / "client.pem")
    session.run("python", str(drivers / "run_driver.py"), *options, *command, env=environment)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format; ``nox -s lint -- --fix`` repairs what can be."""
    session.install(*groups("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types: strictly, by mypy and pyright, and that none of the public API lacks any."""
    session.install("-e", f".[{EXTRAS},fast]", *groups("test", "wire", "typing"), "nox")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "trio_realtime", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation and run its doctests; warnings are errors."""
    session.install("-e", ".[talk,testing]", *groups("docs"))
    for builder in ("html", "doctest"):
        session.run(
            "sphinx-build",
            "-W",
            "--keep-going",
            "-q",
            "-b",
            builder,
            "docs",
            f"docs/_build/{builder}",
        )


@nox.session
def build(session: nox.Session) -> None:
    """Build the distributions, install the wheel where nothing else is, and test that."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")
    (wheel,) = Path("dist").resolve().glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        test_wheel(session, wheel, Path(folder).resolve())


def test_wheel(session: nox.Session, wheel: Path, folder: Path) -> None:
    """Install a wheel, and run it and the tests, in a folder from where no source can be seen."""
    session.run(sys.executable, "-m", "venv", str(folder), external=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    question = Path("examples/question.wav").resolve()
    suite = Path("tests").resolve()

    def run(program: str, *arguments: str) -> None:
        session.run(str(scripts / program), *arguments, external=True)

    def install(extras: str, *others: str) -> None:
        run("python", "-m", "pip", "install", "-q", f"{wheel}[{extras}]", *others)

    with session.chdir(folder):
        # First the package alone: what the tests need might hide that something is missing.
        install("talk")
        run("trio-realtime", "talk", "--wav", str(question), "--save", "answer.wav")
        install(f"{EXTRAS},fast", *groups("test", "wire"))
        run("python", "-c", f"import trio_realtime as t; assert {str(folder)!r} in t.__file__")
        run("pytest", "-c", str(suite.parent / "pyproject.toml"), *session.posargs, str(suite))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside the SDK and the floors; ``nox -s bench -- --quick`` takes ten minutes."""
    session.install("-e", ".", *groups("bench"))
    folder = Path(session.create_tmp()).resolve()
    options: list[str] = []
    # The SDK wants another release of websockets than the ``fast`` extra.
    for name, needs in (("fast", ("-e", ".[fast]")), ("peer", groups("peers"))):
        session.run("python", "-m", "venv", str(folder / name))
        python = str(folder / name / "bin" / "python")
        session.run(python, "-m", "pip", "install", "-q", *needs, external=True)
        options += ["--python", f"{name}={python}"]
    session.run("python", "-m", "benchmarks", *options, *session.posargs)


@nox.session
def instructions(session: nox.Session) -> None:
    """Gate the instruction counts of the hot paths; needs Valgrind.

    ``-- --against main`` compares with another revision instead of the counts that are kept, and
    ``-- --update`` keeps those of today.
    """
    if shutil.which("valgrind") is None:
        session.skip("Valgrind is not installed")
    session.install("-e", ".")
    if not session.posargs:  # counts are kept for these releases
        kept = json.loads(Path("benchmarks/instructions.json").read_text())[-1]["environment"]
        packages = ("attrs", "msgspec", "trio")
        session.install(*(f"{package}=={kept[package]}" for package in packages))
    session.run("python", "-m", "benchmarks.instructions", *session.posargs)


@nox.session
def changelog(session: nox.Session) -> None:
    """Write the news fragments into the changelog: ``nox -s changelog -- --version 0.2.0``."""
    session.install("towncrier")
    session.run("towncrier", "build", *(session.posargs or ["--draft", "--version", "next"]))
