"""Scripts for the fake model: what their steps are, and what an expectation accepts.

Tests write them; `script_run` plays them. Values and pure functions only.
"""

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, cast, get_args

import attrs

from ..errors import UserError
from ..models.events import RealtimeModelEvent
from ..models.inputs import RealtimeModelInput

Matcher: TypeAlias = RealtimeModelInput | type[Any] | types.UnionType | Callable[[Any], object]
"""What an expectation accepts: an equal input, an input of this type (or of one of a union), or an
input of which a function of one argument is true."""

Events: TypeAlias = RealtimeModelEvent | Iterable[RealtimeModelEvent]
"""One event, or several: what the functions of `builders` return."""

INPUT_TYPES: Final = cast("tuple[type[Any], ...]", get_args(RealtimeModelInput))
EVENT_TYPES: Final = cast("tuple[type[Any], ...]", get_args(RealtimeModelEvent))


# -- steps -----------------------------------------------------------------------------------------


def _check_matcher(_step: object, _attribute: object, matcher: Any) -> None:
    check_matcher(matcher)


def _check_exception(_step: object, _attribute: object, error: Any) -> None:
    if not isinstance(error, Exception):
        raise UserError(f"a step raises an instance of an Exception, not {error!r}")


@attrs.frozen
class Expect:
    """Wait for the next input, which must match.

    In a strict script the very next input must; in a lenient one, others are passed over. With
    ``within``, waiting longer than so many seconds (of Trio's clock) is a mismatch.
    """

    matcher: Matcher = attrs.field(validator=_check_matcher)
    within: float | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(init=False)
class Emit:
    """Emit these events, at once and in order; sequences of events may be among them."""

    events: tuple[RealtimeModelEvent, ...]

    def __init__(self, *events: Events) -> None:
        object.__setattr__(self, "events", flatten(events))


@attrs.frozen
class Raise:
    """Break the connection: iteration raises this once it has delivered what was emitted.

    What is not a `RealtimeConnectionError` becomes the cause of one.
    """

    error: Exception = attrs.field(validator=_check_exception)


@attrs.frozen
class Close:
    """End the connection as a server does. Codes other than 1000 and 1001 are a failure."""

    code: int = 1000
    reason: str = ""


@attrs.frozen
class Delay:
    """Do nothing for so many seconds of Trio's clock."""

    seconds: float


Step: TypeAlias = Expect | Emit | Raise | Close | Delay
"""One step of a script."""


def check_steps(steps: object) -> tuple[Step, ...]:
    """The steps of a script. Raises `UserError` for what is none."""
    if not isinstance(steps, Iterable):
        raise UserError(f"a script is a sequence of steps, not {steps!r}")
    checked: list[Step] = []
    for number, step in enumerate(cast("Iterable[object]", steps), 1):
        if not isinstance(step, Step):
            raise UserError(
                f"step {number} of the script is {step!r}; "
                "steps are Expect, Emit, Raise, Close and Delay"
            )
        checked.append(step)
    return tuple(checked)


def flatten(events: Iterable[object]) -> tuple[RealtimeModelEvent, ...]:
    """Events and sequences of events as one tuple. Raises `UserError` for what is neither."""
    return tuple(_each_event(events))


def _each_event(events: Iterable[object]) -> Iterator[RealtimeModelEvent]:
    for event in events:
        if isinstance(event, EVENT_TYPES):
            yield cast("RealtimeModelEvent", event)
        elif isinstance(event, Iterable) and not isinstance(event, str | bytes):
            yield from _each_event(cast("Iterable[object]", event))
        else:
            raise UserError(f"{event!r} is no model event, nor a sequence of them")


# -- matching --------------------------------------------------------------------------------------


def check_matcher(matcher: object) -> None:
    """Raise `UserError` for what cannot match any input."""
    if isinstance(matcher, (*INPUT_TYPES, types.UnionType)) or callable(matcher):
        return
    raise UserError(
        f"cannot expect {matcher!r}; expect a model input, a type of them, or a function that "
        "says whether an input is the right one"
    )


def matches(matcher: Matcher, sent: RealtimeModelInput) -> bool:
    """Whether this is what was expected. What a function raises is raised."""
    if isinstance(matcher, type | types.UnionType):
        return isinstance(sent, matcher)
    if isinstance(matcher, INPUT_TYPES):
        return bool(matcher == sent)
    return bool(cast("Callable[[Any], object]", matcher)(sent))


def describe(matcher: Matcher) -> str:
    """An expectation in words."""
    if isinstance(matcher, type):
        return f"any {matcher.__name__}"
    if isinstance(matcher, types.UnionType):
        return "any " + " or ".join(each.__name__ for each in get_args(matcher))
    if isinstance(matcher, INPUT_TYPES):
        return spelled_out(matcher)
    return f"what {getattr(matcher, '__qualname__', repr(matcher))} accepts"


def spelled_out(value: object) -> str:
    """A model input with its words, which its repr hides: in a test they are the tester's own."""
    if attrs.has(type(value)):
        fields = attrs.fields(cast("Any", type(value)))
        shown = [f"{field.name}={spelled_out(getattr(value, field.name))}" for field in fields]
        return f"{type(value).__name__}({', '.join(shown)})"
    if isinstance(value, tuple):
        parts = [spelled_out(each) for each in cast("tuple[object, ...]", value)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return repr(value)


def describe_step(step: Step) -> str:
    """A step in words."""
    match step:
        case Expect(matcher=matcher):
            return describe(matcher)
        case Emit(events=events):
            return f"(emit {len(events)} event{'' if len(events) == 1 else 's'})"
        case Raise(error=error):
            return f"(break with {type(error).__name__})"
        case Close(code=code):
            return f"(close with {code})"
        case _:
            return f"(wait {step.seconds:g} s)"
