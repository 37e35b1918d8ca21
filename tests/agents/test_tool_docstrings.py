"""`trio_realtime.agents.docstrings`: descriptions from docstrings of every style."""

from typing import Any

import docstring_parser
import pytest

from trio_realtime.agents.docstrings import DocstringStyle, Documentation, parse_docstring

GOOGLE = """Book a stay.

    Only in summer.

    Args:
        city: Where to stay,
            by name.
        nights (int): How many.
        unsaid:

    Returns:
        A number.
    """
NUMPY = """Book a stay.

    Only in summer.

    Parameters
    ----------
    city : str
        Where to stay,
        by name.
    nights : int
        How many.
    """
SPHINX = """Book a stay.

    Only in summer.

    :param city: Where to stay,
        by name.
    :param int nights: How many.
    :returns: A number.
    """
EPYDOC = """Book a stay.

    Only in summer.

    @param city: Where to stay,
        by name.
    @param nights: How many.
    """


@pytest.mark.parametrize(
    ("style", "text"),
    [("google", GOOGLE), ("numpy", NUMPY), ("sphinx", SPHINX), ("epydoc", EPYDOC)],
)
def test_every_style_is_read_and_recognised(style: DocstringStyle, text: str) -> None:
    expected = Documentation(
        description="Book a stay.\n\nOnly in summer.",
        parameters={"city": "Where to stay, by name.", "nights": "How many."},
    )
    assert parse_docstring(text, style) == expected
    assert parse_docstring(text) == expected


def test_a_style_that_is_asked_for_is_the_only_one() -> None:
    assert parse_docstring(SPHINX, "google").parameters == {}


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_says_nothing(text: str | None) -> None:
    assert parse_docstring(text) == Documentation()


def test_text_the_parser_refuses_is_description(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise docstring_parser.ParseError

    monkeypatch.setattr(docstring_parser, "parse", refuse)
    assert parse_docstring("Book:\n    a stay.") == Documentation(description="Book:\na stay.")
