"""The names that docstrings mention exist: a module or function that moved leaves none behind."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent.parent / "trio_realtime"
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def identifiers() -> frozenset[str]:
    """Every name that the code of the package uses, and those of its modules and folders."""
    names: set[str] = {"None"}
    for module in MODULES:
        names |= {module.stem, module.parent.name}
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                    names.add(name)
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                    names.add(name)
                case ast.alias(name=name):
                    names.update(name.split("."))
                case ast.Constant(value=str(text)) if text.isidentifier():
                    names.add(text)  # types of events, keys
                case _:
                    pass
    return frozenset(names)


def mentioned(module: Path) -> Iterator[str]:
    """The names in single backticks in the docstrings of a module."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield from re.findall(r"(?<![`:\w])`~?([A-Za-z_][\w.]*)`(?!`)", text)
            case _:
                pass


def is_importable(name: str) -> bool:
    """Whether a dotted name leads to something outside of the package."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_name_that_a_docstring_mentions_exists(module: Path) -> None:
    unknown = {
        name
        for name in mentioned(module)
        if not set(name.split(".")) <= identifiers() and not is_importable(name)
    }
    assert unknown == set()


@pytest.mark.parametrize("package", ["", "agents", "cli", "telephony"])
def test_the_map_of_a_package_has_modules_that_exist(package: str) -> None:
    """Its docstring lists them, one a line."""
    folder = PACKAGE / package
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    for name in re.findall(r"^[*-] ``(\w+)``", text, flags=re.MULTILINE):
        assert (folder / f"{name}.py").exists() or (folder / name).is_dir(), name
