"""Getting a value from the application: given as it is, or by a function that may be async."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

T = TypeVar("T")

MaybeAwaitable: TypeAlias = T | Awaitable[T]
"""What a function returns that may be sync or async."""


async def maybe_await(value: MaybeAwaitable[T]) -> T:
    """Return ``value``, awaited if it is awaitable. A checkpoint only if awaiting it is one."""
    if inspect.isawaitable(value):
        return await value
    return value


async def call(function: Callable[..., MaybeAwaitable[T]], *args: Any) -> T:
    """Return what ``function(*args)`` returns, awaited if it is awaitable.

    The result decides, not the function, so that objects with an async ``__call__`` work.
    A checkpoint only if the function has one.
    """
    return await maybe_await(function(*args))


async def resolve(value: T | Callable[..., MaybeAwaitable[T]], *args: Any) -> T:
    """Return ``value``, or if it is callable what it returns for ``args``, awaited if need be."""
    if callable(value):
        return await call(cast("Callable[..., MaybeAwaitable[Any]]", value), *args)
    return value
