"""`trio_realtime._util.maybe_async`: values, functions and async functions alike."""

from collections.abc import Callable
from typing import Any

import pytest

from trio_realtime._util.maybe_async import call, resolve


async def add_async(a: int, b: int) -> int:
    return a + b


class Adder:
    async def __call__(self, a: int, b: int) -> int:
        return a + b


@pytest.mark.parametrize("function", [lambda a, b: a + b, add_async, Adder()])
async def test_call_awaits_what_is_awaitable(function: Callable[..., Any]) -> None:
    assert await call(function, 1, 2) == 3
    assert await resolve(function, 1, 2) == 3


async def test_a_value_is_its_own_result() -> None:
    assert await resolve("text", 1, 2) == "text"
