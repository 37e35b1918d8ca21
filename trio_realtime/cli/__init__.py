"""The ``trio-realtime`` command.

``arguments`` is the parser, and each command is a module of its own: ``talk``, ``simulate``,
``doctor``. ``talk`` uses ``servers`` (where to connect), ``recordings`` (WAV files), ``speaking``
(the user's side: a recording, lines, a microphone), ``sound_card``, ``floor`` (whose turn it is),
and one of two ways to show a conversation: ``screen`` with ``transcript``, ``meter`` and
``terminal``, or ``jsonl``. ``failures`` turns exceptions into one line and an exit status.

This module holds what all commands share: exceptions and Ctrl-C become an exit status.
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
    except SystemExit as exit_:  # argparse has printed its message
        return exit_.code if isinstance(exit_.code, int) else FAILED
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Characters that the terminal does not have are replaced, instead of raising.
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
    """Run a command. Ctrl-C cancels it, so that it closes its connections, and then raises
    KeyboardInterrupt."""
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
    """Ctrl-C as a stream; None outside the main thread, which alone may handle signals."""
    if threading.current_thread() is threading.main_thread():
        return trio.open_signal_receiver(signal.SIGINT)
    return nullcontext()


def _failed(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, in one line, and return the exit status."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output has closed it. Python would complain when it flushes at exit.
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
