"""The two event loops, each imported only by who runs on it."""

from collections.abc import Sequence
from typing import Any

from . import Task


def asyncio_run(task: Task) -> Any:
    """Run it to its end."""
    import asyncio

    async def main() -> Any:
        return await task()

    return asyncio.run(main())


async def asyncio_gather(tasks: Sequence[Task]) -> None:
    """Run all of them at once."""
    import asyncio

    await asyncio.gather(*(task() for task in tasks))


def trio_run(task: Task) -> Any:
    """Run it to its end."""
    import trio

    return trio.run(task)


async def trio_gather(tasks: Sequence[Task]) -> None:
    """Run all of them at once."""
    import trio

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
