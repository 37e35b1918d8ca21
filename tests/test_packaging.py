"""What the package promises as a whole: documented names, light imports, no asyncio."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import trio_realtime
import trio_realtime.audio
import trio_realtime.testing
from trio_realtime.audio import formats, g711, resampling, samples, wav
from trio_realtime.models import events, inputs

PACKAGE = Path(trio_realtime.__file__).parent
ROOT = Path(__file__).parent.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
OPTIONAL = {
    "agents",
    "cattrs",
    "httpx",
    "mcp",
    "numpy",
    "openai",
    "opentelemetry",
    "pydantic",
    "pytest",
    "sounddevice",
    "soxr",
    "trio_websocket",
    "websockets",
    "wsproto",
}
"""What importing the package must not import: optional, or heavy and not always needed."""

PROGRAM = """
import sys
import trio
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner
from trio_realtime.testing import {name}

async def converse(model, config):
    runner = RealtimeRunner(RealtimeAgent("a"), model=model)
    async with await runner.run(model_config=config) as session:
        await session.send_message("Hello")
        async for event in session:
            if event.type == {until!r}:
                break

async def fake():
    await converse(FakeRealtimeModel(), dict())

async def simulated():
    async with RealtimeSimulator(speed=1_000).serve() as url:
        await converse(
            OpenAIRealtimeWebSocketModel(transport={transport!r}), dict(url=url, api_key="x")
        )

trio.run({main})
print([name for name in sys.modules if name.partition(".")[0] == "asyncio"])
"""


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The names a module says are public: those it imports under the same name, or defines."""
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [alias.asname for alias in node.names if alias.asname == alias.name]
            yield from ((name, getattr(module, name)) for name in names if name)


def is_documentable(value: object) -> bool:
    """Whether a value can have a docstring of its own: aliases and constants have none."""
    return inspect.isclass(value) or inspect.isfunction(value)


def documented(name: str, value: object) -> Iterator[str]:
    """The public parts of a class (or a function itself) that have no docstring."""
    if not (inspect.getdoc(value) or "").strip():
        yield name
    if not inspect.isclass(value):
        return
    for attribute, part in vars(value).items():
        function = part.fget if isinstance(part, property) else part
        if attribute.startswith("_") or not inspect.isfunction(function):
            continue
        if not (inspect.getdoc(getattr(value, attribute)) or "").strip():
            yield f"{name}.{attribute}"


@pytest.mark.parametrize(
    "module", [trio_realtime, trio_realtime.testing], ids=lambda module: module.__name__
)
def test_every_public_name_has_a_docstring(module: ModuleType) -> None:
    """Classes, their public methods and properties, and functions."""
    names = {name: value for name, value in public(module) if is_documentable(value)}
    assert len(names) > 20
    assert [each for name, value in names.items() for each in documented(name, value)] == []


@pytest.mark.parametrize(
    "module",
    [events, inputs, formats, g711, resampling, samples, wav],
    ids=lambda module: module.__name__,
)
def test_every_name_for_authors_of_models_has_a_docstring(module: ModuleType) -> None:
    """Those modules are public as a whole."""
    names = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and is_documentable(value)
        and getattr(value, "__module__", "") == module.__name__
    }
    assert names
    assert [each for name, value in names.items() for each in documented(name, value)] == []


@pytest.mark.parametrize(
    "module", [trio_realtime, trio_realtime.testing], ids=lambda module: module.__name__
)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    """Somewhere in the documentation there is an autodoc directive for it."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.rst"))
    listed = set(re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)$", pages, flags=re.MULTILINE))
    assert {name for name, _ in public(module) if not name.startswith("_")} - listed == set()


def test_every_module_says_what_it_holds() -> None:
    """A docstring at the top of each."""
    silent = [
        source.relative_to(PACKAGE)
        for source in SOURCES
        if not ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    ]
    assert silent == []


def imported(source: Path) -> set[str]:
    """The top-level packages that a module imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_asyncio(source: Path) -> None:
    """Nor anything that is a layer over it."""
    assert imported(source) & {"asyncio", "anyio", "sniffio", "aiohttp", "uvloop"} == set()


def test_every_import_is_declared() -> None:
    """What a module imports is the standard library, the package, a dependency or an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {
        (re.match(r"[\w-]+", requirement) or [""])[0].replace("-", "_").lower()
        for requirement in requirements
    }
    # Distributions whose modules have another name, and what a dependency always brings along.
    names |= {"opentelemetry", "httpx2"}
    for source in SOURCES:
        assert imported(source) <= {*sys.stdlib_module_names, "trio_realtime", *names}, source


def run_python(program: str) -> str:
    """What a program prints, in a fresh interpreter in which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_optional() -> None:
    """Nor asyncio, nor what is heavy."""
    modules = run_python("import sys, trio_realtime; print(*sys.modules)").split()
    assert {name.partition(".")[0] for name in modules} & {*OPTIONAL, "asyncio"} == set()
    assert "trio_realtime.models.openai" not in modules
    assert not any(name.startswith("trio_realtime.testing") for name in modules)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            PROGRAM.format(
                name="FakeRealtimeModel", main="fake", until="history_updated", transport="auto"
            ),
            id="fake model",
        ),
        pytest.param(
            PROGRAM.format(
                name="RealtimeSimulator",
                main="simulated",
                until="agent_end",
                transport="trio-websocket",
            ),
            id="simulator",
        ),
    ],
)
def test_a_session_needs_no_asyncio(program: str) -> None:
    """Not even a third party imports it on the way."""
    assert run_python(program) == "[]"


def test_the_lazy_names_are_those_for_type_checkers() -> None:
    """What `__getattr__` finds and what TYPE_CHECKING declares are the same names."""
    for module in (trio_realtime, trio_realtime.testing):
        for name, value in public(module):
            assert value is not None
            assert getattr(importlib.import_module(module.__name__), name) is value
        with pytest.raises(AttributeError, match="nothing_of_this_name"):
            _ = module.nothing_of_this_name


def test_the_version_is_the_distribution_s() -> None:
    """There is one place where it is written."""
    assert trio_realtime.__version__ == metadata.version("trio-realtime")


def test_the_package_is_typed() -> None:
    """Type checkers look for this file."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_command_is_installed() -> None:
    """`trio-realtime` and `python -m trio_realtime` are the same."""
    (entry,) = metadata.entry_points(group="console_scripts", name="trio-realtime")
    assert entry.load() is importlib.import_module("trio_realtime.cli").main
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "trio_realtime", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == f"trio-realtime {trio_realtime.__version__}"
