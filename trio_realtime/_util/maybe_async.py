"""Calling what the application gave us where it may be a value, a function or an async function."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

T = TypeVar("T")

MaybeAwaitable: TypeAlias = T | Awaitable[T]
"""What a function returns that may be sync or async."""


async def call(function: Callable[..., MaybeAwaitable[T]], *args: Any) -> T:
    """The result of ``function(*args)``, awaited if it is awaitable.

    Asks the result rather than the function, so that objects with an async ``__call__`` work.
    A checkpoint only if the function has one.
    """
    result = function(*args)
    if inspect.isawaitable(result):
        return await result
    return result


async def resolve(value: T | Callable[..., MaybeAwaitable[T]], *args: Any) -> T:
    """``value`` itself, or what it returns for ``args`` if it is callable, awaited if need be."""
    if callable(value):
        return await call(cast("Callable[..., MaybeAwaitable[Any]]", value), *args)
    return value
