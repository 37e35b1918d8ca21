"""`stand_in_call`: Twilio's side of a call, for tests and demonstrations.

It speaks Twilio's published message formats over any WebSocket, or over `memory_sockets` without a
network, and goes by Trio's clock, so tests can use a virtual one. It models the line, which carries
20 ms of audio every 20 ms, silence included, and the play-out buffer, which plays in real time,
returns each mark when the audio before it has been played, and on ``clear`` drops its audio and
returns its marks at once.
"""

import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import msgspec
import trio

from .._util.nurseries import open_quiet_nursery
from ..audio.formats import PCMU
from . import messages
from .playout import FRAME_BYTES, FRAME_MS
from .sockets import TwilioSocket, as_twilio_socket

CLOSE_SECONDS: Final = 5.0
"""The time limit for hanging up, in seconds."""

_SILENCE: Final = PCMU.silence(FRAME_MS)
_GONE: Final = (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.define(eq=False)
class _MemorySocket:
    _to_peer: "trio.MemorySendChannel[str]"
    _from_peer: "trio.MemoryReceiveChannel[str]"

    async def receive(self) -> str:
        return await self._from_peer.receive()

    async def send(self, message: str) -> None:
        await self._to_peer.send(message)

    async def aclose(self) -> None:
        self._to_peer.close()
        self._from_peer.close()
        await trio.lowlevel.checkpoint()


def memory_sockets(size: int = 64) -> tuple[TwilioSocket, TwilioSocket]:
    """The two ends of a WebSocket in memory; ``size`` messages fit in each direction."""
    near_send, far_receive = trio.open_memory_channel[str](size)
    far_send, near_receive = trio.open_memory_channel[str](size)
    return _MemorySocket(near_send, near_receive), _MemorySocket(far_send, far_receive)


@attrs.define(eq=False, kw_only=True, repr=False)
class StandInCall:
    """The caller's and Twilio's side of a call; made by `stand_in_call`."""

    socket: TwilioSocket
    custom_parameters: Mapping[str, str] = attrs.field(factory=dict[str, str])
    stream_sid: str = "MZ00000000000000000000000000000001"
    call_sid: str = "CA00000000000000000000000000000001"
    account_sid: str = "AC00000000000000000000000000000001"
    heard: bytearray = attrs.field(factory=bytearray, init=False)
    """What was played to the caller: µ-law at 8 kHz. A frame is added when it has been played."""
    clears: int = attrs.field(default=0, init=False)
    """How often the buffer was cleared."""
    waiting_ms: float = attrs.field(default=0.0, init=False)
    """How much audio is in the play-out buffer, in ms, the frame being played included."""
    most_waiting_ms: float = attrs.field(default=0.0, init=False)
    """The largest value that ``waiting_ms`` had."""
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the call is over, whoever hung up."""
    _to_say: bytearray = attrs.field(factory=bytearray, init=False)
    _buffer: deque[bytes | str] = attrs.field(factory=deque[bytes | str], init=False)
    """What is still to be played: audio, and the names of marks."""
    _outgoing: deque[str] = attrs.field(factory=deque[str], init=False)
    _sequence: int = attrs.field(default=0, init=False)
    _playing: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    # -- what the caller does ------------------------------------------------------------
    async def say(self, audio: bytes) -> None:
        """Say this after what is being said: µ-law at 8 kHz. Returns when it has been said.

        Raises `trio.EndOfChannel` if the call ends first.
        """
        self._to_say += audio
        await self._wait(lambda: not self._to_say)

    def press(self, digit: str) -> None:
        """Press a key."""
        self._post("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def wait_heard(self, ms: float) -> None:
        """Wait until the caller has heard ``ms`` milliseconds of audio in all.

        Raises `trio.EndOfChannel` if the call ends first.
        """
        await self._wait(lambda: len(self.heard) >= PCMU.nbytes(ms))

    async def hang_up(self) -> None:
        """End the call as Twilio does: a ``stop`` message, then the WebSocket's close."""
        if not self.ended.is_set():
            body = {"accountSid": self.account_sid, "callSid": self.call_sid}
            self._post("stop", stop=body)
            with contextlib.suppress(trio.EndOfChannel), trio.move_on_after(CLOSE_SECONDS):
                await self._wait_sent()
        await self.socket.aclose()
        self._end()

    async def send_text(self, text: str) -> None:
        """Send any message, well-formed or not; returns when it is sent."""
        self._outgoing.append(text)
        self._changed.unpark_all()
        await self._wait_sent()

    # -- what Twilio does ----------------------------------------------------------------
    def begin(self) -> None:
        """Announce the call."""
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        self._outgoing.append(msgspec.json.encode(connected).decode())
        start = {
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self.custom_parameters),
        }
        self._post("start", start=start)

    async def carry_line(self) -> None:
        """Send what the caller says, or silence: 20 ms every 20 ms."""
        began = trio.current_time()
        chunk = 0
        while True:
            frame = bytes(self._to_say[:FRAME_BYTES])
            del self._to_say[:FRAME_BYTES]
            chunk += 1
            media = {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str((chunk - 1) * FRAME_MS),
                "payload": frame + _SILENCE[len(frame) :],
            }
            self._post("media", media=media)
            await trio.sleep_until(began + chunk * FRAME_MS / 1000)

    async def take_messages(self) -> None:
        """Read what the application sends until the call ends."""
        try:
            while True:
                self._take(messages.decode(await self.socket.receive()))
        except _GONE:
            self._end()

    def _take(self, message: messages.TwilioMessage | None) -> None:
        match message:
            case messages.Media(media=media):
                self._buffer.append(media.payload)
                self.waiting_ms += PCMU.duration_ms(len(media.payload))
                self.most_waiting_ms = max(self.most_waiting_ms, self.waiting_ms)
            case messages.Mark(mark=mark):
                self._buffer.append(mark.name)
            case messages.Clear():
                self._cleared()
            case _:
                raise AssertionError(f"an application does not send {message!r}")
        self._changed.unpark_all()

    def _cleared(self) -> None:
        self.clears += 1
        dropped, self._buffer = self._buffer, deque()
        self.waiting_ms = 0.0
        self._playing.cancel()
        for name in dropped:
            if isinstance(name, str):
                self._post("mark", mark={"name": name})

    async def play(self) -> None:
        """Play the buffer, in real time."""
        plays_until = -math.inf
        while True:
            if not self._buffer:
                plays_until = -math.inf
                await self._changed.park()
                continue
            piece = self._buffer[0]
            if isinstance(piece, str):
                self._buffer.popleft()
                self._post("mark", mark={"name": piece})
                continue
            ms = PCMU.duration_ms(len(piece))
            if plays_until == -math.inf:
                plays_until = trio.current_time()
            plays_until += ms / 1000
            with trio.CancelScope() as scope:
                self._playing = scope
                await trio.sleep_until(plays_until)
            if scope.cancel_called:
                plays_until = -math.inf
                continue
            self._buffer.popleft()
            self.waiting_ms -= ms
            self.heard += piece
            self._changed.unpark_all()

    # -- messages ------------------------------------------------------------------------
    async def send_messages(self) -> None:
        """Send the messages that wait, in order."""
        try:
            while True:
                while self._outgoing:
                    await self.socket.send(self._outgoing[0])
                    self._outgoing.popleft()
                self._changed.unpark_all()
                await self._changed.park()
        except _GONE:
            self._end()

    def _post(self, event: str, **body: Any) -> None:
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            "streamSid": self.stream_sid,
            **body,
        }
        self._outgoing.append(msgspec.json.encode(message).decode())
        self._changed.unpark_all()

    # -- waiting -------------------------------------------------------------------------
    async def _wait(self, condition: Callable[[], bool]) -> None:
        await trio.lowlevel.checkpoint()
        while not condition():
            if self.ended.is_set():
                raise trio.EndOfChannel("the call is over")
            await self._changed.park()

    async def _wait_sent(self) -> None:
        await self._wait(lambda: not self._outgoing)

    def _end(self) -> None:
        self.ended.set()
        self._changed.unpark_all()


@asynccontextmanager
async def stand_in_call(
    websocket: object, *, custom_parameters: Mapping[str, str] | None = None
) -> AsyncGenerator[StandInCall]:
    """Call the application at the other end of a WebSocket, and hang up when the block ends.

    ``websocket`` is whatever `~trio_realtime.telephony.twilio.bridge_twilio` takes, as a client.
    """
    call = StandInCall(
        socket=as_twilio_socket(websocket), custom_parameters=custom_parameters or {}
    )
    call.begin()
    async with open_quiet_nursery() as nursery:
        for task in (call.take_messages, call.send_messages, call.carry_line, call.play):
            nursery.start_soon(task)
        try:
            yield call
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await call.hang_up()
