"""`trio_realtime.agents.tool_signature`: what a function says about itself as a tool."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from trio_realtime.agents.tool_signature import read_signature
from trio_realtime.context import RunContext, RunContextWrapper, ToolContext
from trio_realtime.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass
class Address:
    street: str
    zip_code: str | None = None


def book(  # noqa: PLR0917
    city: str,
    nights: int,
    kind: Literal["room", "suite"],
    address: Address,
    tags: list[str],
    note: str = "none",
) -> str:
    """Book a stay.

    Args:
        city: Where to stay.
        nights: How many nights.
    """
    return "booked"


STRICT = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where to stay."},
        "nights": {"type": "integer", "description": "How many nights."},
        "kind": {"enum": ["room", "suite"], "type": "string"},
        "address": {
            "type": "object",
            "properties": {
                "street": {"type": "string"},
                "zip_code": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["street", "zip_code"],
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string", "default": "none"},
    },
    "required": ["city", "nights", "kind", "address", "tags", "note"],
    "additionalProperties": False,
}
LOOSE = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where to stay."},
        "nights": {"type": "integer", "description": "How many nights."},
        "kind": {"enum": ["room", "suite"], "type": "string"},
        "address": {
            "type": "object",
            "properties": {
                "street": {"type": "string"},
                "zip_code": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            },
            "required": ["street"],
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string", "default": "none"},
    },
    "required": ["city", "nights", "kind", "address", "tags"],
}


@pytest.mark.parametrize(("strict", "schema"), [(True, STRICT), (False, LOOSE)])
def test_a_function_as_the_agents_sdk_describes_it(strict: bool, schema: dict[str, Any]) -> None:
    signature = read_signature(book, "book", strict=strict)
    assert signature.schema == schema
    assert signature.description == "Book a stay."
    assert not signature.takes_context


def test_arguments_are_read_by_name_and_defaults_left_to_the_function() -> None:
    arguments = read_signature(book, "book").reader.read(
        '{"city": "X", "nights": 2, "kind": "room", "address": {"street": "S"}, "tags": []}'
    )
    assert arguments == {
        "city": "X",
        "nights": 2,
        "kind": "room",
        "address": Address("S"),
        "tags": [],
    }


def run_context(ctx: RunContext[int], city: str) -> None: ...
def wrapper(ctx: RunContextWrapper[int], city: str) -> None: ...
def tool_context(ctx: ToolContext[int], city: str) -> None: ...
def bare(ctx: ToolContext, city: str) -> None: ...
def quoted(ctx: "ToolContext[int]", city: "str") -> "Hashable": ...
def noted(ctx: Annotated[ToolContext[int], "x"], city: str) -> None: ...
def positional(ctx: RunContext[int], /, city: str) -> None: ...
def optional(ctx: RunContext[int] | None, city: str) -> None: ...


@pytest.mark.parametrize(
    "function", [run_context, wrapper, tool_context, bare, quoted, noted, positional, optional]
)
def test_a_first_parameter_for_the_context_is_not_shown(function: Callable[..., None]) -> None:
    signature = read_signature(function, "it")
    assert signature.takes_context
    assert [*signature.schema["properties"]] == ["city"]


def test_no_docstring_no_description() -> None:
    assert read_signature(run_context, "it").description == ""


def test_a_docstring_can_be_ignored_or_be_of_one_style() -> None:
    unread = read_signature(book, "book", use_docstring_info=False)
    assert unread.description == ""
    assert unread.schema["properties"]["city"] == {"type": "string"}
    as_sphinx = read_signature(book, "book", docstring_style="sphinx")
    assert "Args:" in as_sphinx.description
    assert as_sphinx.schema["properties"]["city"] == {"type": "string"}


def test_a_docstring_wins_over_an_annotation() -> None:
    def both(city: Annotated[str, "From the type."], day: Annotated[str, "From the type."]) -> None:
        """Do it.

        Args:
            city: From the docstring.
        """

    properties = read_signature(both, "both").schema["properties"]
    assert properties["city"]["description"] == "From the docstring."
    assert properties["day"]["description"] == "From the type."


class Bookings:
    def book(self, city: str) -> None:
        """By method."""

    async def __call__(self, city: str) -> None:
        """By call."""


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapped


@decorated
def wrapped(city: "str") -> None:
    """By wrapper."""


def two(ctx: RunContext[Any], city: "str") -> None:
    """By partial."""


@pytest.mark.parametrize(
    ("function", "description"),
    [
        (Bookings().book, "By method."),
        (Bookings(), "By call."),
        (wrapped, "By wrapper."),
        (functools.partial(two, RunContext(None)), "By partial."),
    ],
)
def test_whatever_can_be_called(function: Callable[..., Any], description: str) -> None:
    signature = read_signature(function, "it")
    assert signature.description == description
    assert signature.schema["properties"] == {"city": {"type": "string"}}
    assert not signature.takes_context


def without(city) -> None: ...  # type: ignore[no-untyped-def]
def of_any(city: Any) -> None: ...
def listed(*cities: str) -> None: ...
def keywords(**cities: str) -> None: ...
def positional_only(city: str, /) -> None: ...
def second(city: str, ctx: RunContext[int]) -> None: ...
def by_keyword(*, ctx: RunContext[int]) -> None: ...
def unknown(city: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def broken(city: "list[") -> None: ...  # type: ignore[valid-type]  # noqa: F722
def unsupported(city: complex) -> None: ...
def nested(city: list[dict[str, complex]]) -> None: ...
def generator(city: str) -> Iterator[str]:
    yield city


async def async_generator(city: str) -> AsyncIterator[str]:
    yield city


@pytest.mark.parametrize(
    ("function", "strict", "message"),
    [
        (
            without,
            True,
            "tool 'it', parameter 'city' has no annotation; annotate it, or use strict_mode=False",
        ),
        (
            of_any,
            True,
            "tool 'it', parameters.city: a value of any type is not possible in a strict",
        ),
        (listed, False, "tool 'it', parameter 'cities' has no names the model could use"),
        (keywords, False, "tool 'it', parameter 'cities' has no names the model could use"),
        (positional_only, True, "tool 'it', parameter 'city' is positional-only"),
        (second, True, "tool 'it', parameter 'ctx': the context can only be the first"),
        (by_keyword, True, "tool 'it': the context is passed by position"),
        (
            unknown,
            True,
            "tool 'it', parameter 'city': its annotation cannot be read: name 'Missing'",
        ),
        (broken, True, "tool 'it', parameter 'city': its annotation cannot be read"),
        (unsupported, True, "tool 'it', parameters.city: complex cannot become a JSON schema"),
        (nested, False, "tool 'it', parameters.city[][]: complex cannot become a JSON schema"),
        (generator, True, "tool 'it': a generator function returns no single output"),
        (async_generator, True, "tool 'it': a generator function returns no single output"),
        (dict, True, "tool 'it': its signature cannot be read"),
    ],
)
def test_a_function_that_cannot_be_a_tool(
    function: Callable[..., Any], strict: bool, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_signature(function, "it", strict=strict)
    assert str(caught.value).startswith(message)


def test_without_strict_a_parameter_needs_no_annotation() -> None:
    signature = read_signature(without, "it", strict=False)
    assert signature.schema["properties"] == {"city": {}}
    assert signature.reader.read('{"city": [1]}') == {"city": [1]}
