"""Finding what survived: tasks, sockets and threads that a block began and did not end.

`assert_nothing_survives` is for any test; the pytest plugin puts it around tests that ask for it.
"""

import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

_DESCRIPTORS: Final = ("/proc/self/fd", "/dev/fd")
"""Where Linux and the BSDs (macOS too) list the open files of a process; Windows lists none."""

_IDLE_THREAD: Final = "Trio thread "
"""How the names of Trio's cached threads begin while they have nothing to do."""

_ROUNDS: Final = 100
"""How many steps each task gets, to finish what it is about to finish."""

_PATIENCE: Final = 0.5
"""Real seconds that a thread gets to lay down its tools after it has handed in its result."""


class SurvivorsError(AssertionError):
    """Something survived; the message names it, one thing to a line."""


@attrs.frozen(kw_only=True)
class Alive:
    """What is alive at one moment, with names to show."""

    tasks: dict[trio.lowlevel.Task, str]
    sockets: dict[tuple[int, int], str]
    threads: dict[int, str]

    def since(self, before: "Alive") -> list[str]:
        """What is alive now and was not before, in words."""
        return [
            *(name for task, name in self.tasks.items() if task not in before.tasks),
            *(name for key, name in self.sockets.items() if key not in before.sockets),
            *(name for key, name in self.threads.items() if key not in before.threads),
        ]


def what_is_alive(*, outside: Iterable[trio.Nursery] = ()) -> Alive:
    """The tasks (all of Trio's, except those in these nurseries), open sockets and busy threads."""
    return Alive(
        tasks={task: f"task {_place(task)}" for task in _tasks(frozenset(outside))},
        sockets=open_sockets(),
        threads=busy_threads(),
    )


@asynccontextmanager
async def assert_nothing_survives(*, outside: Iterable[trio.Nursery] = ()) -> AsyncGenerator[None]:
    """Raise `SurvivorsError` if a task, socket or busy thread of the block outlives it.

    Tasks in the nurseries of ``outside`` may live on. What is about to end anyway (in a test's own
    server, say) gets some steps to do so; Trio's clock stands still meanwhile. An exception of the
    block leaves unchanged, with a note of what survived.
    """
    outside = tuple(outside)
    before = what_is_alive(outside=outside)
    try:
        yield
    except Exception as error:
        survivors = what_is_alive(outside=outside).since(before)
        if survivors:
            error.add_note(_report(survivors))
        raise
    survivors = what_is_alive(outside=outside).since(before)
    rounds = 0
    while survivors and rounds < _ROUNDS:
        await trio.lowlevel.checkpoint()
        rounds += 1
        survivors = what_is_alive(outside=outside).since(before)
    patience = time.monotonic() + _PATIENCE
    while busy_threads().keys() - before.threads.keys() and time.monotonic() < patience:
        time.sleep(0.001)  # noqa: ASYNC251 - threads end in real time, whatever Trio's clock says
        survivors = what_is_alive(outside=outside).since(before)
    if survivors:
        raise SurvivorsError(_report(survivors))


def _report(survivors: list[str]) -> str:
    return "\n".join(["these survived:", *(f"  {each}" for each in survivors)])


# -- tasks -----------------------------------------------------------------------------------------


def _tasks(outside: frozenset[trio.Nursery]) -> Iterator[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    waiting = [root] if root is not None else []
    while waiting:
        task = waiting.pop()
        yield task
        for nursery in task.child_nurseries:
            if nursery not in outside:
                waiting.extend(nursery.child_tasks)


def _place(task: trio.lowlevel.Task) -> str:
    """A task's name, and the line it waits at."""
    frame, line = next(task.iter_await_frames())
    return f"{task.name}, in {frame.f_code.co_filename}:{line}"


# -- sockets ---------------------------------------------------------------------------------------


def open_sockets() -> dict[tuple[int, int], str]:
    """The sockets this process has open, by descriptor and inode; none where nothing lists them."""
    for folder in _DESCRIPTORS:
        if Path(folder).is_dir():
            return dict(_sockets(int(name) for name in os.listdir(folder)))
    return {}


def _sockets(descriptors: Iterable[int]) -> Iterator[tuple[tuple[int, int], str]]:
    for descriptor in descriptors:
        try:
            status = os.fstat(descriptor)
        except OSError:  # it was open for the listing itself
            continue
        if stat.S_ISSOCK(status.st_mode):
            yield (descriptor, status.st_ino), f"socket with file descriptor {descriptor}"


# -- threads ---------------------------------------------------------------------------------------


def busy_threads() -> dict[int, str]:
    """The threads of this process, except those that Trio keeps for later, by their ident."""
    return {
        thread.ident or 0: f"thread {thread.name}"
        for thread in threading.enumerate()
        if not thread.name.startswith(_IDLE_THREAD)
    }
