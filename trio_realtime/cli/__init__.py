"""The ``trio-realtime`` command.

``arguments`` says what can be asked for, and each command is a module of its own: ``talk``,
``simulate``, ``doctor``. Under ``talk``: ``servers`` (where to connect), ``recordings`` (WAV
files), ``speaking`` (the user's side: a recording, lines, a microphone), ``sound_card``, ``floor``
(whose turn it is), and the two ways to show a conversation: ``screen`` over ``transcript``,
``meter`` and ``terminal``, or ``jsonl``. ``failures`` turns exceptions into one line and a status.

Here is only what holds for every command: exceptions and Ctrl-C become an exit status.
"""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from io import TextIOWrapper

import trio

from .arguments import Options, parse
from .failures import FAILED, INTERRUPTED, OK, explain, first_failure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status. Raises nothing.

    ``argv`` is without the program's name; None is the process's own.
    """
    try:
        options = parse(argv)
    except SystemExit as exit_:  # argparse has said what there is to say
        return exit_.code if isinstance(exit_.code, int) else FAILED
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What was said is shown as well as the terminal can, rather than not at all.
            stream.reconfigure(errors="replace")
    try:
        _command(options)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the last place where anything can be caught
        return _failed(first_failure(error), debug=options.debug)
    return OK


def _command(options: Options) -> None:
    if options.command == "doctor":
        from .doctor import examine

        examine()
    elif options.command == "simulate":
        from .simulate import simulate

        trio.run(_until_interrupted, partial(simulate, options))
    else:
        from .talk import talk

        trio.run(_until_interrupted, partial(talk, options))


async def _until_interrupted(command: Callable[[], Awaitable[None]]) -> None:
    """Run a command; Ctrl-C cancels it, so that it says goodbye, then raises KeyboardInterrupt."""
    interrupted = False

    async def watch(signals: AsyncIterable[int], scope: trio.CancelScope) -> None:
        nonlocal interrupted
        async for _ in signals:
            interrupted = True
            scope.cancel()

    with _interrupts() as signals:
        async with trio.open_nursery() as nursery:
            if signals is not None:
                nursery.start_soon(watch, signals, nursery.cancel_scope)
            await command()
            nursery.cancel_scope.cancel()
    if interrupted:
        raise KeyboardInterrupt


def _interrupts() -> AbstractContextManager[AsyncIterable[int] | None]:
    """Ctrl-C as a stream. Only the main thread may handle signals; others hear of none."""
    if threading.current_thread() is threading.main_thread():
        return trio.open_signal_receiver(signal.SIGINT)
    return nullcontext()


def _failed(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong, in one line, and return the status."""
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if debug:
        import traceback

        traceback.print_exception(error)
    status, line = explain(error)
    print(f"trio-realtime: {line}", file=sys.stderr)
    return status
