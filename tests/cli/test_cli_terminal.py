"""Lines that stay, and rows that are redrawn below them."""

import io

import pytest
from support_cli import FakeTerminal

from trio_realtime.cli.terminal import Terminal, columns, wrap


def size(monkeypatch: pytest.MonkeyPatch, columns_: int, lines: int = 24) -> None:
    monkeypatch.setenv("COLUMNS", str(columns_))
    monkeypatch.setenv("LINES", str(lines))


def test_redrawn_rows_give_way_to_finished_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    size(monkeypatch, 30)
    out = FakeTerminal(30)
    terminal = Terminal(out)
    terminal.redraw([("you", "…"), ("agent", "one two three four five six seven")])
    assert out.rows == ["you    …", "agent  one two three four", "       five six seven"]
    terminal.redraw([("you", "…")])
    assert out.rows == ["you    …"]
    terminal.write([("you", "Hello")])
    terminal.redraw([("agent", "Hi")])
    assert out.rows == ["you    Hello", "agent  Hi"]
    terminal.redraw([])
    assert out.rows == ["you    Hello", ""]
    terminal.redraw([])
    terminal.write([])
    assert out.rows == ["you    Hello", ""]


def test_rows_beyond_the_height_are_not_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    size(monkeypatch, 20, 4)
    out = FakeTerminal(20)
    terminal = Terminal(out, color=False)
    words = " ".join(f"word{number:02}" for number in range(10))
    terminal.redraw([("agent", words)])
    assert out.rows == ["       word07", "       word08", "       word09"]
    terminal.write([("agent", words)])
    assert out.rows[0] == "agent  word00"
    assert len(out.rows) == 11


def test_labels_have_colours_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(*, color: bool) -> str:
        out = FakeTerminal()
        Terminal(out, color=color).write([("you", "Hello")])
        return out.getvalue()

    assert written(color=True) == "\x1b[1;36myou    \x1b[0mHello\n"
    assert written(color=False) == "you    Hello\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert written(color=True) == "you    Hello\n"


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    terminal.redraw([("agent", "half")])
    terminal.prompt("you")
    terminal.write([("agent", "word " * 100)])
    terminal.end()
    assert out.getvalue() == "agent  " + ("word " * 100).rstrip() + "\n"


def test_a_dumb_terminal_is_prompted_but_never_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = FakeTerminal()
    terminal = Terminal(out)
    terminal.redraw([("agent", "half")])
    terminal.prompt("you")
    assert out.getvalue() == "you    "


def test_news_during_a_prompt_comes_before_the_prompt_again() -> None:
    out = FakeTerminal()
    terminal = Terminal(out)
    terminal.prompt("you")
    terminal.write([("error", "lost")])
    assert out.rows == ["you", "error  lost", "you"]
    out.write("Hello\n")
    terminal.entered()
    terminal.write([("agent", "Hi")])
    terminal.prompt("you")
    terminal.end()
    assert out.rows[2:] == ["you    Hello", "agent  Hi", "you", ""]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("x abcdefghijkl", ["x", "abcdefgh", "ijkl"]),
        ("日本語日本語", ["日本語日", "本語"]),
    ],
)
def test_text_is_wrapped_at_blanks(text: str, rows: list[str]) -> None:
    assert wrap(text, 8) == rows


def test_columns_are_not_characters() -> None:
    assert columns("abc") == 3
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
