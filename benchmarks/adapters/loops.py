"""The two event loops, each imported only by who runs on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from . import Loop, Task


def on_asyncio() -> Loop:
    """asyncio, as Python has it."""
    import asyncio

    def run(task: Task) -> Any:
        async def main() -> Any:
            return await task()

        return asyncio.run(main())

    @asynccontextmanager
    async def tasks() -> AsyncIterator[Callable[[Task], object]]:
        async with asyncio.TaskGroup() as group:

            async def awaited(task: Task) -> None:
                await task()

            yield lambda task: group.create_task(awaited(task))

    return Loop(run=run, tasks=tasks, sleep=asyncio.sleep)


def on_trio() -> Loop:
    """Trio."""
    import trio

    @asynccontextmanager
    async def tasks() -> AsyncIterator[Callable[[Task], object]]:
        async with trio.open_nursery() as nursery:
            yield nursery.start_soon

    return Loop(run=trio.run, tasks=tasks, sleep=trio.sleep)
