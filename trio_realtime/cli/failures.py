"""Turns exceptions into one line for stderr and an exit status. Used by the command's ``main``."""

import json
import os
import ssl
from collections.abc import Iterator
from typing import Any, Final, cast

from ..errors import (
    RealtimeConnectionError,
    RealtimeHandshakeError,
    RealtimeSessionClosed,
    TrioRealtimeError,
    UserError,
)

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
"""What shells report for a command that SIGINT ended: 128 and the signal's number."""


class CommandError(Exception):
    """The command cannot go on. Its message is the line to show. Raised in ``cli`` only."""


def first_failure(error: BaseException) -> BaseException:
    """The exception to report: of a group, the one that says most."""
    return min(_leaves(error), key=_rank)


def explain(error: BaseException) -> tuple[int, str]:
    """The exit status for an exception, and the line that tells a person what happened."""
    status, text = FAILED, str(error)
    if isinstance(error, RealtimeHandshakeError):
        text = _refusal(error)
    elif isinstance(error, RealtimeConnectionError):
        text = _connection(error)
    elif isinstance(error, UserError):
        status = USAGE
    elif isinstance(error, OSError):
        text = error.strerror or text
        if error.filename is not None:
            text = f"{error.filename}: {text}"
    elif not isinstance(error, TrioRealtimeError | CommandError):
        text = f"internal error: {type(error).__name__}: {text} (--debug shows where)"
    return status, " ".join(text.split()) or type(error).__name__


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(each)
    elif isinstance(error, RealtimeSessionClosed) and error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    else:
        yield error


def _rank(error: BaseException) -> int:
    """The order in which exceptions explain the end of a command, the best first."""
    telling = (KeyboardInterrupt, CommandError)
    for rank, kind in enumerate(telling):
        if isinstance(error, kind):
            return rank
    return len(telling) + isinstance(error, RealtimeSessionClosed)


_KEY_CODES: Final = frozenset({"invalid_api_key", "missing_api_key"})
"""Error codes of servers that refuse a key only after the WebSocket was opened."""

_KEY_CLOSE: Final = 3000
"""The close code that goes with them (IANA's registry: unauthorized)."""

_REFUSALS: Final = {
    401: "the server refused the API key (HTTP 401): check OPENAI_API_KEY",
    403: "the server does not allow this API key to do that (HTTP 403)",
}
"""What is shown in place of the response's body, which may quote the key."""


def _refusal(error: RealtimeHandshakeError) -> str:
    if error.status in _REFUSALS:
        return _REFUSALS[error.status]
    if error.code in _KEY_CODES or error.close_code == _KEY_CLOSE:
        return "the server refused the API key: check OPENAI_API_KEY"
    said = _message(error.body)
    return f"{error}: {said}" if said else str(error)


def _message(body: bytes) -> str | None:
    """The ``error.message`` of a JSON body, where OpenAI says why."""
    try:
        found: Any = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _connection(error: RealtimeConnectionError) -> str:
    """The message, with the operating system's own reason where there is one."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLError):
            return str(error)  # its errno is OpenSSL's, not the operating system's
        if isinstance(each, OSError) and each.errno:
            # Trio's message has the address in place of the reason. Errors of resolvers have
            # numbers below 0, which os.strerror does not know.
            reason = os.strerror(each.errno) if each.errno > 0 else each.strerror
            return f"{str(error).partition(': ')[0]}: {reason}"
    return str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield from _leaves(cause)
        cause = cause.__cause__
