"""TLS over a connection that the library has dialled, cheaper than `trio.SSLStream`.

On a voice connection a piece of audio comes alone, in one TLS record, and leaves in another. Here
that takes one read of the socket and one call of OpenSSL, or one of each to write, and a write need
not wait (see `PromptStream`). `trio.SSLStream` takes locks, several rounds of the scheduler and a
read for each record.

It does what a WebSocket needs and no more: it is a client, it shakes hands before anything else,
and a peer may end the connection without saying so in TLS, since a WebSocket has its own close.
"""

import ssl
from typing import Final

import trio

from .tcp_stream import PatientStream, PromptStream

READ_SIZE: Final = 65_536
"""Bytes asked of the socket in one read."""

RECORD: Final = 16_384
"""The most bytes of plain text that a record holds (RFC 8446, section 5.1)."""


class TlsStream(PromptStream):
    """Speaks TLS as a client, over a TCP stream that it owns from now on."""

    __slots__ = ("_ended", "_failure", "_incoming", "_outgoing", "_plain", "_tcp", "_tls")

    def __init__(self, tcp: PatientStream, context: ssl.SSLContext, host: str) -> None:
        self._tcp = tcp
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._plain = b""
        self._ended = False  # no more will come
        self._failure: BaseException | None = None  # of TLS, or of a write that was cut short

    async def do_handshake(self) -> None:
        """Shake hands. Nothing else may be called before this has returned; again, it does nothing.

        Raises:
            trio.BrokenResourceError: the connection broke, or the peers do not agree; then the
                cause is an `ssl.SSLError`, and the peer is told.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._tcp.send_all(self._outgoing.read())
                await self._take_more()
            except ssl.SSLError as error:
                self._tcp.send_nowait(self._outgoing.read())
                raise trio.BrokenResourceError from error
            else:
                await self._tcp.send_all(self._outgoing.read())
                return

    async def _take_more(self) -> None:
        data = await self._tcp.receive_some(READ_SIZE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The text of all records that one read of the socket completes, up to ``max_bytes``.

        Cancelling loses nothing. Raises `trio.BrokenResourceError` if the connection broke, also
        in the middle of a record; otherwise see `trio.abc.ReceiveStream.receive_some`.
        """
        size = READ_SIZE if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError(f"max_bytes must be >= 1, not {size}")
        if self._plain or self._ended or self._failure is not None:
            await trio.lowlevel.checkpoint()
        while not self._plain and not self._ended:
            self._check()
            await self._take_more()
            self._plain = self._decrypted()
        data, self._plain = self._plain[:size], self._plain[size:]
        return data

    def _decrypted(self) -> bytes:
        """The text of the records that have arrived in full."""
        records: list[bytes] = []
        try:
            while record := self._tls.read(RECORD):
                records.append(record)
                if not self._incoming.pending and not self._tls.pending():
                    break  # to be told so by an exception would cost as much as to decrypt
            else:
                self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLEOFError:  # the peer ended the connection without saying so in TLS
            self._ended = True
        except ssl.SSLError as error:
            self._failure = error
        return b"".join(records)

    def _check(self) -> None:
        if self._failure is not None:
            raise trio.BrokenResourceError from self._failure

    def _encrypted(self, data: bytes | bytearray | memoryview) -> bytes:
        """The records of this text, behind what TLS has to say of its own."""
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += self._tls.write(view[written:])
        return self._outgoing.read()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream.send_all`. Cancelled, the stream sends nothing any more."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check()
        try:
            await self._tcp.send_all(self._encrypted(data))
        except ssl.SSLError as error:
            self._failure = error
            self._check()
        except BaseException as error:
            self._failure = error
            raise

    def send_nowait(self, data: bytes) -> bool:
        """See `PromptStream.send_nowait`."""
        if self._failure is not None:
            return False
        try:
            return self._tcp.send_nowait(self._encrypted(data))
        except ssl.SSLError as error:
            self._failure = error
            return False

    async def send_rest(self) -> None:
        """See `PromptStream.send_rest`."""
        self._check()
        try:
            await self._tcp.send_rest()
        except BaseException as error:
            self._failure = error
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream.wait_send_all_might_not_block`."""
        await self._tcp.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource.aclose`."""
        await self._tcp.aclose()
