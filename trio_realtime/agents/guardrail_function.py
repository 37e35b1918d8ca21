"""What all guardrails have in common: a function of the application's, and a name.

The guardrails of what is said are in `guardrails`, those of single tools in `tool_guardrails`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from .._util.maybe_async import call
from .declaration_checks import check_function, function_name, kind

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
AnswerT = TypeVar("AnswerT")
GuardrailT = TypeVar("GuardrailT", bound="Guardrail[Any]")


@attrs.define(eq=False, kw_only=True)
class Guardrail(Generic[FunctionT]):
    """A check that the application declares. Its function may be sync or async."""

    decorator: ClassVar[str]
    """The name of the decorator that makes one of a function."""

    guardrail_function: FunctionT
    name: str | None = None

    def __attrs_post_init__(self) -> None:
        check_function("guardrail_function", self.guardrail_function)

    def get_name(self) -> str:
        """``name``, or that of the function."""
        return self.name or function_name(self.guardrail_function)

    async def _ask(self, answer: type[AnswerT], *args: Any) -> AnswerT:
        """What the function answers to ``args``.

        Raises what the function raises, and `TypeError` if it returns something that is no
        ``answer``.
        """
        given = await call(self.guardrail_function, *args)
        if not isinstance(given, answer):
            raise TypeError(
                f"guardrail {self.get_name()!r} must return a {answer.__name__}, got {kind(given)}"
            )
        return given


def declare(
    guardrail: Callable[..., GuardrailT], function: Callable[..., Any] | None, name: str | None
) -> Any:
    """What a guardrail's decorator returns: the guardrail, or without a function a decorator."""

    def decorate(function: Callable[..., Any]) -> GuardrailT:
        return guardrail(guardrail_function=function, name=name)

    return decorate if function is None else decorate(function)
