"""Playing a script: what a session sent against what was expected, and how a mismatch is told.

Pure: the time comes in as ``now``, in seconds of any monotonic clock. `fake_model` feeds it. A
mismatch shows inputs as they are, since that is what the author of a test must see.
"""

import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from ..models.inputs import RealtimeModelInput
from .script import (
    INPUT_TYPES,
    Close,
    Delay,
    Emit,
    Expect,
    Matcher,
    Raise,
    Step,
    describe,
    describe_step,
    matches,
    spelled_out,
)

_COLUMN: Final = 46
"""Characters of each column; two of them fit an ordinary terminal."""


class ScriptMismatch(AssertionError):  # noqa: N818 - as in errors: what happened
    """A session sent something else than was expected, or did not send what was.

    The message lists what was expected and what came, side by side.
    """


@attrs.define(eq=False)
class Log:
    """What was expected of one connection and what came, as the rows of a table."""

    _rows: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])

    def note(self, expected: str, actual: str = "") -> None:
        """Add a row that is in order."""
        self._rows.append((expected, actual))

    def mismatch(
        self, problem: str, expected: str, actual: str = "", later: Iterable[str] = ()
    ) -> ScriptMismatch:
        """The exception for a row that is not in order; ``later`` was still to come."""
        rows = [*self._rows, (expected, actual), *((each, "") for each in later)]
        return ScriptMismatch(f"{problem}\n\n{_table(rows, wrong=len(self._rows))}")

    def accepts(
        self,
        matcher: Matcher,
        sent: RealtimeModelInput,
        *,
        strict: bool,
        later: Sequence[str] = (),
    ) -> bool:
        """Note an input, and whether it is the expected one; raise if it had to be and is not."""
        expected, actual = describe(matcher), spelled_out(sent)
        try:
            accepted = matches(matcher, sent)
        except Exception as error:
            problem = f"{expected.removeprefix('what ').removesuffix(' accepts')} raised {error!r}"
            raise self.mismatch(problem, expected, actual, later) from error
        if not accepted and strict:
            problem = f"the session did not send what was expected{_difference(matcher, sent)}"
            raise self.mismatch(problem, expected, actual, later)
        self.note(expected if accepted else "(passed over)", actual)
        return accepted


Action: TypeAlias = Emit | Raise | Close


@attrs.define(eq=False)
class ScriptRun:
    """A script being played to one connection.

    It goes as far as it can each time: what follows an input has happened when `take` returns.
    """

    _steps: tuple[Step, ...]
    _strict: bool
    _perform: Callable[[Action], None]
    log: Log = attrs.field(factory=Log)
    deadline: float | None = attrs.field(default=None, init=False)
    """When to call `advance`, if nothing is taken before."""
    _inputs: deque[RealtimeModelInput] = attrs.field(factory=deque[RealtimeModelInput], init=False)
    _position: int = attrs.field(default=0, init=False)

    @property
    def left(self) -> list[str]:
        """The steps that were not played, in words."""
        return [describe_step(step) for step in self._steps[self._position :]]

    def take(self, sent: RealtimeModelInput, now: float) -> None:
        """The session sent this. Raises `ScriptMismatch` where that was not to happen."""
        self._inputs.append(sent)
        self.advance(now)

    def advance(self, now: float) -> None:
        """Play every step that can be played now.

        Raises `ScriptMismatch` for a wrong input, and for one that did not come in time.
        """
        while self._position < len(self._steps):
            step = self._steps[self._position]
            match step:
                case Expect():
                    if not self._expect(step, now):
                        return
                case Delay(seconds=seconds):
                    if not self._is_over(seconds, now):
                        return
                    self.log.note(describe_step(step))
                case _:
                    self._perform(step)
                    self.log.note(describe_step(step))
            self._position += 1
            self.deadline = None
        if self._strict and self._inputs:
            raise self.log.mismatch(
                "the session sent more than was expected",
                "nothing more",
                spelled_out(self._inputs[0]),
            )

    def _expect(self, step: Expect, now: float) -> bool:
        later = self.left[1:]
        while self._inputs:
            sent = self._inputs.popleft()
            if self.log.accepts(step.matcher, sent, strict=self._strict, later=later):
                return True
        if step.within is not None and self._is_over(step.within, now):
            problem = f"the session sent nothing that was expected within {step.within:g} s"
            raise self.log.mismatch(problem, describe(step.matcher), later=later)
        return False

    def _is_over(self, seconds: float, now: float) -> bool:
        """Whether this step has lasted so long; it begins when this is first asked."""
        if self.deadline is None:
            self.deadline = now + seconds
        return now >= self.deadline


def _difference(matcher: Matcher, sent: RealtimeModelInput) -> str:
    """In which fields an input differs from the one expected; empty for other expectations."""
    if not isinstance(matcher, INPUT_TYPES) or type(matcher) is not type(sent):
        return ""
    fields = attrs.fields(type(sent))
    names = [f.name for f in fields if getattr(matcher, f.name) != getattr(sent, f.name)]
    return f": it differs in {', '.join(names)}"


def _table(rows: Iterable[tuple[str, str]], *, wrong: int) -> str:
    lines = [_line("", "expected", "actual")]
    for index, (expected, actual) in enumerate(rows):
        left, right = _wrap(expected), _wrap(actual)
        height = max(len(left), len(right))
        left += [""] * (height - len(left))
        right += [""] * (height - len(right))
        marks = [">" if index == wrong else "", *[""] * (height - 1)]
        lines += map(_line, marks, left, right)
    return "\n".join(lines)


def _line(mark: str, expected: str, actual: str) -> str:
    return f"{mark:2}{expected:{_COLUMN}} | {actual}".rstrip()


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _COLUMN) or [""]
