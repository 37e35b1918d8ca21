"""`StreamTransport`: a WebSocket on a byte stream, whichever library knows its frames.

There is no reader task: `receive` reads the stream itself, so a message costs no hand-off between
tasks. Which bytes make which frames is the business of a `FrameCodec`.

Who writes. Data frames are written by `send` or `send_nowait`. Control frames (pongs, pings, the
close frame) are appended to a buffer: a write in progress writes them after its own data; otherwise
they are written at once. What the operating system does not take at once is written by a
short-lived child task. The reader never waits for a write, so a server that blocks on us reading is
always read, even while our own write is blocked on the server.
"""

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Final

import attrs
import trio

from .endings import CLOSED_HERE, TORN, Ending, check_close, lost
from .frame_codec import FrameCodec
from .tasks import Helpers
from .tcp_stream import PromptStream
from .text_transport import READ_SIZE, TextTransport, TransportSettings

LARGE_READ: Final = READ_SIZE // 2
"""Bytes after which it is likely that more have arrived already."""

MAX_REPLIES: Final = 4096
"""Bytes of unsent pongs kept; beyond, only the latest pings are answered (RFC 6455, 5.5.3)."""


@attrs.define(eq=False)
class StreamTransport(TextTransport):
    """See `TextTransport`."""

    helpers: Helpers
    _stream: trio.abc.Stream
    _codec: FrameCodec
    _settings: TransportSettings
    _prompt: PromptStream | None = attrs.field(init=False)
    """The stream, if it can send without waiting."""
    _ready: list[bytes] = attrs.field(factory=list[bytes], init=False)
    _ending: Ending | None = attrs.field(default=None, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    # Reading is done by `receive`, or by `aclose` while nobody is in `receive`.
    _reading: bool = attrs.field(default=False, init=False)
    _reader_left: trio.Event | None = attrs.field(default=None, init=False)
    _eof: bool = attrs.field(default=False, init=False)
    _behind: bool = attrs.field(default=False, init=False)
    """Whether more has probably arrived than was read."""
    # Writing is done by whoever set the flag; it also writes what others append meanwhile.
    _writing: bool = attrs.field(default=False, init=False)
    _writer_left: trio.Event | None = attrs.field(default=None, init=False)
    _replies: bytearray = attrs.field(factory=bytearray, init=False)
    _control: bytearray = attrs.field(factory=bytearray, init=False)
    _unwritable: Ending | None = attrs.field(default=None, init=False)
    _pings: dict[bytes, trio.Event] = attrs.field(factory=dict[bytes, trio.Event], init=False)
    _ping_count: int = attrs.field(default=0, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._prompt = self._stream if isinstance(self._stream, PromptStream) else None

    def take_early(self, data: bytes) -> None:
        """Feed what arrived together with the handshake's response."""
        self._ready = self._feed(data)

    # -- reading -----------------------------------------------------------------

    async def receive(self) -> Sequence[str | bytes]:
        """See `TextTransport.receive`. A batch is what one read of the stream completed."""
        if self._ready:
            await trio.lowlevel.checkpoint()
            batch, self._ready = self._ready, []
            return batch
        while (ending := self._ending) is None:
            if self._closing:
                await self._ended.wait()
                continue
            if self._behind:
                # Those who were woken by the last batch come before the next: an application has
                # taken the first of the audio before it is told that the audio was interrupted.
                self._behind = False
                await trio.lowlevel.checkpoint()
            messages = await self._read()
            if messages and not self._closing:
                return messages
        await trio.lowlevel.checkpoint()
        if ending.clean:
            return ()
        raise ending.error()

    async def _read(self) -> list[bytes]:
        """Read once. Nothing is awaited after the read, so no cancellation can lose it."""
        self._reading = True
        try:
            data = await self._stream.receive_some(READ_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._eof = True
            self._end(lost(error))
            return []
        finally:
            self._reading = False
            if self._reader_left is not None:
                self._reader_left.set()
        if not data:
            self._eof = True
            self._end(lost())
            return []
        return self._feed(data)

    def _feed(self, data: bytes | bytearray) -> list[bytes]:
        """The messages that these bytes complete. What else they bring is seen to."""
        self._behind = len(data) >= LARGE_READ
        messages = self._codec.feed(data)
        if self._codec.eventful:
            self._attend()
        return messages

    def _attend(self) -> None:
        """Act on control frames, and on the end of the connection if the last read held it."""
        codec = self._codec
        for payload in codec.pongs:
            self._pong(payload)
        codec.pongs.clear()
        if len(self._replies) > MAX_REPLIES:
            self._replies.clear()
        self._replies += codec.take_replies()
        if codec.ending is not None:
            self._end(codec.ending)
        if self._replies:
            self._write_control()

    def _end(self, ending: Ending) -> None:
        """Record the first end, and wake whoever waits for something that cannot come any more."""
        if self._ending is None:
            self._ending = Ending(by="us") if self._closing else ending
            self._ended.set()
            for waiting in self._pings.values():
                waiting.set()

    # -- writing -----------------------------------------------------------------

    async def send(self, messages: Sequence[str | bytes]) -> None:
        """See `TextTransport.send`. The messages of one call leave in one write."""
        await trio.lowlevel.checkpoint_if_cancelled()  # nothing is torn by a cancellation here
        self._check_open()
        data = self._codec.encode_text(messages)
        while self._writing:
            await self._writer_leaves()
            self._check_open()
        if not data:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._writing = True
        try:
            await self._write(self._stream.send_all(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise (self._over() or lost()).error() from error

    @property
    def can_send_nowait(self) -> bool:
        """See `TextTransport.can_send_nowait`."""
        return self._prompt is not None and not self._writing and self._over() is None

    def send_nowait(self, messages: Sequence[str | bytes]) -> None:
        """See `TextTransport.send_nowait`. The messages of one call leave in one write."""
        assert self._prompt is not None
        self._write_nowait(self._prompt, self._codec.encode_text(messages))

    def _over(self) -> Ending | None:
        """Why nothing can be sent any more, if that is so."""
        return self._ending or (CLOSED_HERE if self._closing else self._unwritable)

    def _check_open(self) -> None:
        ending = self._over()
        if ending is not None:
            raise ending.error()

    async def _writer_leaves(self) -> None:
        if self._writer_left is None:
            self._writer_left = trio.Event()
        await self._writer_left.wait()

    async def _write(self, first: Awaitable[None]) -> None:
        """Write, then what was appended meanwhile. The caller has set ``_writing``."""
        try:
            await first
            while self._replies or self._control:
                await self._stream.send_all(self._take_control())
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._unwritable = lost(error)
            raise
        except BaseException:
            self._unwritable = TORN
            raise
        finally:
            self._writing = False
            if self._writer_left is not None:
                self._writer_left.set()
                self._writer_left = None

    def _write_control(self) -> None:
        """Have the control frames written, without waiting for it."""
        if self._writing or self._unwritable is not None:
            return
        if self._prompt is not None:
            self._write_nowait(self._prompt, self._take_control())
        else:
            self._writing = True
            self.helpers.start_soon(self._write_in_background, None)

    def _write_nowait(self, prompt: PromptStream, data: bytes) -> None:
        if not prompt.send_nowait(data):
            self._writing = True
            self.helpers.start_soon(self._write_in_background, prompt)

    async def _write_in_background(self, prompt: PromptStream | None) -> None:
        """Write what a `PromptStream` has left, or else the control frames."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the reader reports it
            if prompt is not None:
                await self._write(prompt.send_rest())
            else:
                await self._write(self._stream.send_all(self._take_control()))

    def _take_control(self) -> bytes:
        data = bytes(self._replies + self._control)
        self._replies.clear()
        self._control.clear()
        return data

    # -- pings -------------------------------------------------------------------

    async def ping(self) -> None:
        """See `TextTransport.ping`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        self._ping_count += 1
        payload = self._ping_count.to_bytes(8, "big")
        ponged = self._pings[payload] = trio.Event()
        self._control += self._codec.encode_ping(payload)
        self._write_control()
        try:
            await ponged.wait()
        finally:
            unanswered = self._pings.pop(payload, None)
        if unanswered is not None:
            self._check_open()

    def _pong(self, payload: bytes) -> None:
        """A pong answers its ping and all before it (RFC 6455, section 5.5.3)."""
        while payload in self._pings:
            earliest = next(iter(self._pings))
            self._pings.pop(earliest).set()

    # -- closing -----------------------------------------------------------------

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See `TextTransport.aclose`."""
        reason = check_close(code, reason)
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._ready.clear()
        try:
            with trio.move_on_after(self._settings.close_timeout):
                try:
                    await self._closing_handshake(code, reason)
                finally:
                    with suppress(trio.BrokenResourceError):
                        await self._stream.aclose()
        finally:
            self._end(CLOSED_HERE)
            self._closed.set()

    async def _closing_handshake(self, code: int, reason: str) -> None:
        """Both close frames, then the server's end of stream unless it has answered ours."""
        codec = self._codec
        if self._ending is None and self._unwritable is None:
            self._control += codec.encode_close(code, reason)
            self._write_control()
        while self._unwritable is None and not self._eof:
            if codec.close_answered:
                return  # the server has answered, so our close frame has arrived
            if self._reading:
                self._reader_left = trio.Event()
                await self._reader_left.wait()
            else:
                await self._read()
        while self._writing:  # our part of a close that the server began
            await self._writer_leaves()
