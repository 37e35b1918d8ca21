"""The seam between the connection and the WebSocket: text frames in, text frames out, close.

Holds the interface, its settings and the names its callers type with. The connection above reads
and writes through `TextTransport` alone and never learns which library runs; the implementations
are beside this module. Nothing here may touch a socket or import a WebSocket library.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import attrs
import trio

from trio_realtime._util.settings_base import Settings, at_their_fields
from trio_realtime._util.type_checks import Between, PositiveSeconds

from .tasks import Helpers

StreamFactory: TypeAlias = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Dials (host, port); the byte stream it returns takes the place of TCP. TLS is put on top."""

TransportKind: TypeAlias = Literal["auto", "trio-websocket", "websockets"]
"""The library below; ``auto`` is websockets where release 17 or later is installed."""

READ_SIZE: Final = 65_536
"""Bytes asked for in one read: about ten audio deltas of 100 ms. More costs more to allocate."""


class TextTransport(ABC):
    """One open WebSocket, seen as batches of text messages.

    One task calls `receive`, one task at a time calls `send`; `ping` and `aclose` may be called by
    any task at any time. Pings of the server are answered and closing is noticed while `receive`
    runs, so the caller drains: a transport that nobody reads answers no pings.
    """

    helpers: Helpers
    """Where its tasks run; whoever drives the transport may start some there too."""

    @abstractmethod
    async def receive(self) -> Sequence[str | bytes]:
        """Wait for text, and return every complete message that has already arrived, in order.

        A ``str`` is decoded; ``bytes`` are a text message whose UTF-8 has been checked and need not
        be decoded before parsing, or the unchecked payload of a binary message: the protocol above
        has none, so its JSON decoder is the one to report it, and the session goes on.

        An empty batch is the end: a close frame with 1000, 1001 or without a code arrived, or
        `aclose` was called here. Messages received before the end are always returned first, and
        calling again after it has the same outcome.

        Cancelling loses no message.

        Raises:
            RealtimeConnectionClosed: the server closed with another code; the connection dropped
                (1006); or the server broke the WebSocket protocol (1002), sent text that is not
                UTF-8 (1007) or a message above ``max_message_size`` (1009).
        """

    @abstractmethod
    async def send(self, messages: Sequence[str | bytes]) -> None:
        """Send each message as one text frame, in order, in one write where the library can.

        ``bytes`` must be UTF-8. Returns when all of it has been handed to the operating system,
        which is the backpressure. An empty batch is a checkpoint.

        Cancelled before the first byte is written, nothing is sent. Cancelled later, a frame may be
        cut in half: the transport sends nothing more, and `aclose` drops the connection without a
        close frame.

        Raises:
            RealtimeConnectionClosed: the connection is over, also after a clean close.
            RealtimeSessionClosed: `aclose` was called, or an earlier `send` was cut short.
        """

    @property
    def can_send_nowait(self) -> bool:
        """Whether `send_nowait` may be called now. Not by default, and not while a `send` runs."""
        return False

    def send_nowait(self, messages: Sequence[str | bytes]) -> None:
        """Send each message as one text frame, as `send` does, without waiting for anything.

        What the operating system does not take at once is sent in the background. A failure of
        sending is raised by the next `send`. Only while `can_send_nowait` is true.
        """
        raise NotImplementedError

    @abstractmethod
    async def ping(self) -> None:
        """Send a ping and wait for its pong, which arrives only while some task is in `receive`.

        Has no time limit; put it under ``trio.fail_after``. Cancelling it harms nothing.

        Raises:
            RealtimeConnectionClosed: the connection ended before the pong.
            RealtimeSessionClosed: `aclose` was or is called, or a `send` was cut short.
        """

    @abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame and wait for the server's, ``close_timeout`` seconds at most.

        Messages not yet received are dropped. Idempotent: a second call waits for the first.
        However it leaves, by return, time limit or cancellation, the byte stream is closed; when
        cancelled on entry that is all it does. Never raises because the connection is broken.

        ``code`` is 1000 or 3000-4999, or an RFC 6455 code that may be sent; ``reason`` is cut to
        the 123 bytes that fit a close frame.
        """


@attrs.frozen(kw_only=True, repr=False, field_transformer=at_their_fields)
class TransportSettings(Settings):
    """How long the WebSocket waits, and how much it takes. Times are seconds."""

    ping_interval: PositiveSeconds | None = 20.0
    """Between two keepalive pings; ``None`` sends none. The connection above the seam pings."""
    ping_timeout: PositiveSeconds | None = 20.0
    """For a pong, before the connection counts as lost; ``None`` waits for ever."""
    handshake_timeout: PositiveSeconds = 10.0
    """For name lookup, TCP, proxy, TLS and the WebSocket handshake together."""
    close_timeout: PositiveSeconds = 2.0
    """For the server's part of the close handshake, before the stream is closed regardless."""
    max_message_size: Annotated[int, Between(1)] = 16 * 1024 * 1024
    """Bytes of the largest message taken; a larger one closes the connection with 1009."""
