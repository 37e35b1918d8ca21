"""Reads descriptions from docstrings, in Google, NumPy, Sphinx or Epydoc style.

`docstring_parser` does the reading; it is imported only here, when the first docstring is read.
Used for tools (their parameters) and for the classes of their parameters (their fields).
"""

import inspect
from typing import Literal, TypeAlias

import attrs

DocstringStyle: TypeAlias = Literal["auto", "google", "numpy", "sphinx", "epydoc"]


@attrs.frozen(kw_only=True)
class Documentation:
    """The prose of a docstring, and what it says about each parameter or attribute, by name."""

    description: str = ""
    parameters: dict[str, str] = attrs.field(factory=dict[str, str])


def parse_docstring(text: str | None, style: DocstringStyle = "auto") -> Documentation:
    """Read a docstring, or None. Text that follows no style is all description."""
    if not text:
        return Documentation()
    import docstring_parser

    name = {"numpy": "NUMPYDOC", "sphinx": "REST"}.get(style, style.upper())
    chosen = docstring_parser.DocstringStyle[name]
    cleaned = inspect.cleandoc(text)
    try:
        parsed = docstring_parser.parse(cleaned, style=chosen)
    except docstring_parser.ParseError:
        return Documentation(description=cleaned)
    described = {p.arg_name.lstrip("*"): _flat(p.description or "") for p in parsed.params}
    return Documentation(
        description=(parsed.description or "").strip(),
        parameters={name: description for name, description in described.items() if description},
    )


def _flat(text: str) -> str:
    """Text whose lines were broken for the width of a page, as one line."""
    return " ".join(text.split())
