"""Hot paths to count instructions of: ``python -m benchmarks.instruction_cases [CASE]...``

`instructions` runs this under a counter that looks whenever `mark` is called. A case does the same
work so many times; it runs once to warm up, then N times the work, then twice that, so that what it
takes to begin and to end cancels out of the difference. No socket and no real clock takes part, for
neither can be counted on.
"""

import gc
import json
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from . import wire

BATCH = 32
"""Frames that a transport hands on together, as it does when it is behind."""


def payloads(events: Sequence[wire.Event]) -> list[bytes]:
    """Frames as a transport hands them on: JSON text in UTF-8."""
    return [json.dumps(event, separators=(",", ":")).encode() for event in events]


def decode_audio(times: int) -> None:
    """The codec: 100 ms of audio."""
    _decode(payloads([wire.audio_delta()] * BATCH), times)


def decode_words(times: int) -> None:
    """The codec: transcript deltas."""
    _decode(payloads([wire.transcript_delta()] * BATCH), times)


def decode_turn(times: int) -> None:
    """The codec: all there is in a turn but its deltas."""
    _decode(payloads([*wire.question(), *wire.response_begins(), *wire.response_ends()]), times)


def _decode(frames: list[bytes], times: int) -> None:
    from trio_realtime.models.openai.wire.decode import decode

    _settle()
    for _ in range(times):
        for frame in frames:
            decode(frame)


def encode_audio(times: int) -> None:
    """The codec the other way: 100 ms of audio."""
    from trio_realtime.models.inputs import RealtimeModelSendAudio

    protocol, out = _protocol()
    pcm = bytes(range(256)) * (wire.CHUNK_BYTES // 256)
    _settle()
    for _ in range(times):
        for _ in range(BATCH):
            protocol.send(RealtimeModelSendAudio(audio=pcm), 0.0, out)
        protocol.data_to_send()


def protocol_audio(times: int) -> None:
    """The protocol, from frame to model event: audio."""
    _receive(payloads([wire.audio_delta()] * BATCH), times)


def protocol_words(times: int) -> None:
    """The protocol: transcript deltas."""
    _receive(payloads([wire.transcript_delta()] * BATCH), times)


def _receive(frames: list[bytes], times: int) -> None:
    protocol, out = _protocol()
    for frame in payloads(wire.response_begins()):
        protocol.receive(frame, 0.0, out)
    _settle()
    for _ in range(times):
        for frame in frames:
            protocol.receive(frame, 0.0, out)
        out.clear()


def fold_words(times: int) -> None:
    """The history: transcript deltas, looked at after each batch."""
    _fold(payloads([wire.transcript_delta()] * BATCH), times)


def fold_turn(times: int) -> None:
    """The history: all of a turn, which it has seen before."""
    events = [
        *wire.question(),
        *wire.response_begins(),
        *[wire.transcript_delta()] * 5,
        *wire.response_ends(),
    ]
    _fold(payloads(events), times)


def _fold(frames: list[bytes], times: int) -> None:
    from trio_realtime.sessions.history.history_fold import History

    protocol, out = _protocol()
    for frame in frames:
        protocol.receive(frame, 0.0, out)
    events = list(out)
    history = History()
    _settle()
    for _ in range(times):
        for event in events:
            history.apply(event)
        history.snapshot()


def session_audio(times: int) -> None:
    """A session, from frame to the application's loop: audio."""
    _converse(
        [
            payloads(wire.response_begins()),
            *[payloads([wire.audio_delta()] * BATCH)] * times,
            payloads(wire.response_ends()),
        ]
    )


def session_words(times: int) -> None:
    """A session: transcript deltas."""
    _converse(
        [
            payloads(wire.response_begins()),
            *[payloads([wire.transcript_delta()] * BATCH)] * times,
            payloads(wire.response_ends()),
        ]
    )


def session_turn(times: int) -> None:
    """A session: turns, each with five deltas of audio and of words."""
    deltas = [wire.audio_delta(), wire.transcript_delta()] * 5
    events = [*wire.question(), *wire.response_begins(), *deltas, *wire.response_ends()]
    frames = payloads(events)
    _converse(
        [[wire.numbered(frame, number) for frame in frames] for number in range(1, times + 1)]
    )


def _protocol() -> tuple[Any, deque[Any]]:
    """A protocol whose session is set up, and where to put what it makes known."""
    from trio_realtime.config import RealtimeSessionModelSettings
    from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol

    protocol = RealtimeProtocol()
    out: deque[Any] = deque()
    protocol.open(RealtimeSessionModelSettings())
    protocol.data_to_send()
    for frame in payloads([wire.session("session.created"), wire.session("session.updated")]):
        protocol.receive(frame, 0.0, out)
    out.clear()
    return protocol, out


def _converse(batches: Sequence[list[bytes]]) -> None:
    """Run a session on a transport that hands these batches on.

    The clock goes on by the length of a batch's audio, so that it is heard before the next.
    """
    import trio
    from trio.testing import MockClock

    from trio_realtime import RealtimeAgent, RealtimeModel, RealtimeRunner
    from trio_realtime.models.interface import RealtimeConnection
    from trio_realtime.models.transports import TextTransport, TransportSettings
    from trio_realtime.models.transports.scope import transport_scope
    from trio_realtime.models.transports.tasks import Helpers
    from trio_realtime.models.websocket_connection import WebSocketConnection

    clock = MockClock()

    class Canned(TextTransport):
        def __init__(self, helpers: Helpers) -> None:
            self.helpers = helpers
            self._batches = iter(batches)

        async def receive(self) -> Sequence[str | bytes]:
            await trio.lowlevel.checkpoint()
            clock.jump(BATCH / 10)
            return next(self._batches, ())

        async def send(self, messages: Sequence[str | bytes]) -> None:  # noqa: ARG002
            await trio.lowlevel.checkpoint()

        async def ping(self) -> None:
            raise AssertionError("no pings are asked for")

        async def aclose(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002
            await trio.lowlevel.checkpoint()

    class CannedModel(RealtimeModel):
        @asynccontextmanager
        async def connect(self, config: Any) -> AsyncIterator[RealtimeConnection]:  # noqa: ARG002
            async def open_canned(helpers: Helpers) -> TextTransport:
                return Canned(helpers)

            protocol, _ = _protocol()
            async with transport_scope(open_canned) as transport:
                settings = TransportSettings(ping_interval=None)
                connection = WebSocketConnection(transport, protocol, settings)
                yield connection
                await connection.flush()

    async def main() -> None:
        runner = RealtimeRunner(RealtimeAgent(name="bench"), model=CannedModel())
        _settle()
        async with await runner.run() as session:
            async for _ in session:
                pass

    trio.run(main, clock=clock)


def _settle() -> None:
    """What there is by now is not looked at by the garbage collector again."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Case:
    """Work to count."""

    run: Callable[[int], None]
    times: int
    """How often it does its work: enough to count, little enough to wait for."""
    pieces: int = BATCH
    """Deltas, or turns, in its work once."""


CASES: dict[str, Case] = {
    "decode_audio": Case(decode_audio, 8),
    "decode_words": Case(decode_words, 50),
    "decode_turn": Case(decode_turn, 80, pieces=1),
    "encode_audio": Case(encode_audio, 8),
    "protocol_audio": Case(protocol_audio, 8),
    "protocol_words": Case(protocol_words, 30),
    "fold_words": Case(fold_words, 50),
    "fold_turn": Case(fold_turn, 50, pieces=1),
    "session_audio": Case(session_audio, 8),
    "session_words": Case(session_words, 20),
    "session_turn": Case(session_turn, 20, pieces=1),
}


def mark() -> None:
    """Let the counter look: it waits for calls of this function of the C library."""
    os.getppid()


def main() -> None:
    """See the module's docstring."""
    for name in sys.argv[1:] or CASES:
        case = CASES[name]
        for times in (case.times, case.times, 2 * case.times):
            case.run(times)
            mark()


if __name__ == "__main__":
    main()
