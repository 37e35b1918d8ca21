"""Code in the documentation that no test runs: it is Python, and its names exist."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import trio_realtime

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.rglob("*.rst"))


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """The code blocks of a page that may be Python, each with the number of its first line."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        directive = re.match(r"\s*\.\. code-block:: (\w+)$", line)
        literal = line.rstrip().endswith("::") and not line.lstrip().startswith("..")
        if not literal and (directive is None or directive[1] != "python"):
            continue
        indent = len(line) - len(line.lstrip())
        block: list[str] = []
        for inner in lines[number:]:
            if inner.strip() and len(inner) - len(inner.lstrip()) <= indent:
                break
            block.append(inner)
        yield number + 1, textwrap.dedent("\n".join(block)).strip("\n")


def parsed(code: str) -> ast.AST | None:
    """The syntax tree of Python code, which may await outside of a function; None for others."""
    for source in (code, "async def main():\n" + textwrap.indent(code, "    ")):
        try:
            return ast.parse(source)
        except SyntaxError:
            continue
    return None


def unknown_names(tree: ast.AST) -> Iterator[str]:
    """What the code says of the library that the library does not have."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="session"), attr=name):
                if not hasattr(trio_realtime.RealtimeSession, name):
                    yield f"session.{name}"
            case ast.ImportFrom(module=str(module), names=names) if "trio_realtime" in module:
                exports = importlib.import_module(module)
                yield from (each.name for each in names if not hasattr(exports, each.name))
            case ast.Call(func=ast.Name(id=name), keywords=given) if hasattr(trio_realtime, name):
                known = inspect.signature(getattr(trio_realtime, name)).parameters
                if not any(each.kind is each.VAR_KEYWORD for each in known.values()):
                    yield from (f"{name}({k.arg}=)" for k in given if k.arg and k.arg not in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_code_on_a_page_uses_names_that_exist(page: Path) -> None:
    """Methods of sessions, what is imported, and the arguments of what is called by its name."""
    trees = [(line, tree) for line, code in blocks(page) if (tree := parsed(code)) is not None]
    assert [(line, name) for line, tree in trees for name in unknown_names(tree)] == []


def test_most_code_is_looked_at() -> None:
    """The pages have many blocks, and few of them are no Python."""
    found = [parsed(code) for page in PAGES for _, code in blocks(page)]
    assert len(found) > 30
    assert found.count(None) < len(found) / 4
