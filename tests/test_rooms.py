"""The rooms of the package: which may import which, what does not wait, how long a part is.

`docs/topics/design` draws the same rooms. A room is a folder of the package, or a module beside
them. An arrow is an import of one room by another; what is imported for type checkers alone counts
as no arrow.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import trio_realtime

PACKAGE = Path(trio_realtime.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

ARROWS: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "_util": {"errors"},
    "items": {"errors", "_util"},
    "context": {"errors", "_util"},
    "audio": {"errors", "_util"},
    "agents": {"errors", "_util", "items", "context"},
    "models": {"errors", "_util", "items", "context", "audio", "agents", "_version"},
    "events": {"errors", "_util", "items", "context", "audio", "agents", "models"},
}
"""What each room may import. The lower rooms are written out; each of the upper ones may import
every lower room and what is named in `UPPER`."""

LOWER = frozenset(ARROWS)
UPPER: dict[str, set[str]] = {
    "sessions": set(),
    "config": {"sessions"},
    "config_dicts": set(),  # types of mappings; nothing is imported for them at run time
    "recording": set(),
    "calls": {"sessions"},
    "telephony": {"sessions", "recording", "calls"},
    "observe": {"sessions"},
    "testing": set(),  # what proves a model needs no session
    "fleet": {"sessions", "calls", "observe"},
    "cli": {"sessions", "config", "recording", "calls", "telephony", "testing", "observe"},
    "__main__": {"cli"},
}
ALLOWED = ARROWS | {room: LOWER | others for room, others in UPPER.items()}

PURE = [
    "models/openai/protocol",
    "models/openai/wire",
    "models/playback",
    "sessions/guardrails/growing_text.py",
    "sessions/guardrails/held_audio.py",
    "sessions/guardrails/watched_responses.py",
    "sessions/history",
    "sessions/link/early_audio.py",
    "sessions/phase.py",
    "sessions/tools/call_ledger.py",
    "testing/simulator/server_protocol.py",
]
"""Modules, and folders of modules, that decide without waiting."""

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
TABLES: dict[str, str] = {
    # Modules that are longer because they are a table, with the reason.
    "events.py": "one class per event of a session",
    "models/openai/wire/server_events.py": "one class per server event of the API",
}


def room_of(parts: tuple[str, ...]) -> str:
    """The room that a module belongs to, by the parts of its path or dotted name."""
    return parts[0] if parts else "__init__"


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a module except those that only type checkers see."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from runtime_nodes(child)


def rooms_imported(source: Path) -> set[str]:
    """The rooms of the package that a module imports, at its top or within a function."""
    place = source.relative_to(PACKAGE).parent.parts
    targets: list[tuple[str, ...]] = []
    for node in runtime_nodes(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
            targets += [name[1:] for name in names if name[0] == "trio_realtime" and name[1:]]
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = place[: len(place) - node.level + 1] + module
            elif module[:1] == ("trio_realtime",):
                module = module[1:]
            else:
                continue
            targets += [module] if module else [(alias.name,) for alias in node.names]
    return {room_of(target) for target in targets}


def names_imported(source: Path) -> set[str]:
    """The top-level packages that a module imports."""
    names: set[str] = set()
    for node in runtime_nodes(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


def name_in_package(source: Path) -> str:
    """The path of a module within the package, with forward slashes."""
    return source.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("source", SOURCES, ids=name_in_package)
def test_arrows_between_rooms_never_run_back_up(source: Path) -> None:
    """A module imports rooms below its own and no others; `__init__` gathers all names."""
    path = source.relative_to(PACKAGE)
    room = path.parts[0].removesuffix(".py")
    if room == "__init__":
        return
    assert rooms_imported(source) - {room} <= ALLOWED[room]


def test_the_arrows_make_no_circle() -> None:
    """Following the arrows always ends, so there is an order from the bottom to the top."""
    left = dict(ALLOWED)
    while left:
        bottom = [room for room, below in left.items() if not below & left.keys()]
        assert bottom, f"a circle among {sorted(left)}"
        for room in bottom:
            del left[room]


@pytest.mark.parametrize("source", SOURCES, ids=name_in_package)
def test_no_module_of_the_sessions_names_a_provider(source: Path) -> None:
    """Sessions ask for capabilities; which provider it is they never ask."""
    if name_in_package(source).startswith("sessions/"):
        text = source.read_text(encoding="utf-8").lower()
        assert not [
            name
            for name in ("openai", "gemini", "azure")
            if name in text.replace("openai agents sdk", "")
        ]


@pytest.mark.parametrize("name", PURE)
def test_what_decides_does_not_wait(name: str) -> None:
    """The pure modules have no await, and no Trio to await."""
    place = PACKAGE / name
    sources = sorted(place.glob("*.py")) if place.is_dir() else [place]
    assert sources
    for source in sources:
        assert "trio" not in names_imported(source), source
        tree = ast.parse(source.read_text(encoding="utf-8"))
        waits = [n for n in ast.walk(tree) if isinstance(n, ast.Await | ast.AsyncFunctionDef)]
        assert not waits, source


@pytest.mark.parametrize("source", SOURCES, ids=name_in_package)
def test_modules_and_functions_are_short(source: Path) -> None:
    """A module is one idea; past 400 lines it is two. A function fits on a screen."""
    text = source.read_text(encoding="utf-8")
    if name_in_package(source) in TABLES:
        return
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_no_two_modules_have_one_name() -> None:
    """A module's name says its idea, so one name has one meaning. Package roots are no modules."""
    places: dict[str, list[str]] = {}
    for source in SOURCES:
        if not source.name.startswith("__"):
            places.setdefault(source.name, []).append(name_in_package(source))
    doubled = {name: where for name, where in places.items() if len(where) > 1}
    # Both are public import paths: what a session tells, and what a model tells it.
    assert doubled.pop("events.py") == ["events.py", "models/events.py"]
    assert doubled == {}
