"""A TCP stream that waits before it reads when it knows that nothing is there, and sends at once.

Trio's own tries to read first and waits when that was in vain. On a voice connection it nearly
always is: what arrives in a moment is taken in one read. The vain try costs a system call and an
exception, a tenth of all that a connection costs that gets a piece of audio now and then.
"""

import socket
from abc import abstractmethod
from typing import Final

import trio

_DEFAULT_SIZE: Final = 65_536
"""Bytes asked for by a reader who does not say; the same as Trio's."""


async def open_patient_stream(host: str, port: int) -> "PatientStream":
    """Connect to a TCP server, as `trio.open_tcp_stream` does."""
    return PatientStream(await trio.open_tcp_stream(host, port))


class PromptStream(trio.abc.Stream):
    """A byte stream that can also send without waiting.

    Whoever has called `send_nowait`, and was told that something is left, calls `send_rest` before
    anything else is sent.
    """

    __slots__ = ()

    @abstractmethod
    def send_nowait(self, data: bytes) -> bool:
        """Send as much of ``data`` as goes without waiting; keep the rest for `send_rest`.

        Returns whether nothing is left. Never raises: where sending fails, all that was not sent is
        left, and `send_rest` raises the reason. Nobody may be sending at the time.
        """

    @abstractmethod
    async def send_rest(self) -> None:
        """Send what is left. Waits, raises and can be cancelled as `send_all`."""


class PatientStream(PromptStream, trio.abc.HalfCloseableStream):
    """Takes over a connected stream, and does as `trio.SocketStream` does."""

    __slots__ = ("_drained", "_socket", "_stream", "_unsent")

    def __init__(self, stream: trio.SocketStream) -> None:
        # Trio's sockets read with a checkpoint after the read, so the plain one is needed as well.
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(self._socket))
        self._drained = False
        self._unsent = b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream.receive_some`."""
        size = _DEFAULT_SIZE if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError(f"max_bytes must be >= 1, not {size}")
        if self._drained:
            data = await self._wait_and_read(size)
        else:
            data = bytes(await self._stream.receive_some(size))
        self._drained = len(data) < size
        return data

    async def _wait_and_read(self, size: int) -> bytes:
        """Nothing is awaited after the read, so no cancellation can lose it."""
        while True:
            self._check_not_closed()
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(size)
            except BlockingIOError:
                continue  # somebody was woken for nothing, as an operating system may do
            except OSError as error:
                self._check_not_closed()
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error

    def _check_not_closed(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this stream was already closed")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream.send_all`."""
        await self._stream.send_all(data)

    def send_nowait(self, data: bytes) -> bool:
        """See `PromptStream.send_nowait`."""
        try:
            sent = self._socket.send(data)
        except OSError:  # the socket is full, or broken
            sent = 0
        self._unsent = data[sent:]
        return not self._unsent

    async def send_rest(self) -> None:
        """See `PromptStream.send_rest`."""
        data, self._unsent = self._unsent, b""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream.wait_send_all_might_not_block`."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """See `trio.abc.HalfCloseableStream.send_eof`."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource.aclose`."""
        await self._stream.aclose()
