"""The benchmark server: a Realtime API that plays one script to each client, as fast as it can.

``python -m benchmarks.server [--cpu N]`` prints its port, serves until its standard input closes,
then prints what it measured as JSON. The path of a client's URL names the script in `scripts`, its
query the script's sizes: ``/turns?turns=300&audio=5``.

Only the standard library, so that it runs beside any client. A script is a generator, resumed at
once when what it waits for arrives: no task is woken between a client's frame and the answer.
"""

import argparse
import asyncio
import base64
import json
import os
import sys
import time
from collections import deque
from typing import cast

from . import scripts, wire
from .measures import Measures, cpu_seconds, raise_file_limit
from .websocket import BULKY, CLOSE, TEXT, Frame, accepted, control_answer, frame_at, payload_of

WRITE_BUFFER = 1 << 20

GREETING = wire.frames([wire.session("session.created")])
SETTINGS_TAKEN = wire.frames([wire.session("session.updated")])


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._loop = asyncio.get_running_loop()
        self._bytes = bytearray()
        self._inbox: deque[scripts.Arrival] = deque()
        self._script: scripts.Script | None = None
        self._want: scripts.Want = 0.0
        self._has_room = True
        self._audio_checked = False

    # -- what asyncio calls ------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def pause_writing(self) -> None:
        self._has_room = False

    def resume_writing(self) -> None:
        self._has_room = True
        if self._want is None:
            self._go_on(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        if self._script is not None:
            self._script.close()

    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic_ns()
        self._bytes += data
        if self._script is None and not self._shake_hands():
            return
        start = 0
        while (frame := frame_at(self._bytes, start)) is not None:
            self._frame(frame, arrived)
            start = frame.end
        del self._bytes[:start]

    # -- the WebSocket -----------------------------------------------------------------
    def _shake_hands(self) -> bool:
        """Answer the request, if it is there. False also for what comes after the script."""
        head, complete, rest = bytes(self._bytes).partition(b"\r\n\r\n")
        if not complete:
            return False
        request = accepted(head)
        self._transport.write(request.answer + GREETING)
        self._bytes[:] = rest
        script = scripts.SCRIPTS[request.path]
        self._script = script(self._transport.write, request.numbers, self._measures)
        self._go_on(None)
        return True

    def _frame(self, frame: Frame, arrived: int) -> None:
        if frame.opcode == TEXT and frame.size > BULKY and self._audio_checked:
            self._arrived(scripts.Arrival(arrived, {"type": "input_audio_buffer.append"}))
            return
        payload = payload_of(self._bytes, frame)
        if frame.opcode == TEXT:
            self._text(json.loads(payload), arrived)
            return
        answer = control_answer(frame.opcode, payload)
        if answer is not None:
            self._transport.write(answer)
        if frame.opcode == CLOSE:
            self._transport.close()

    def _text(self, event: dict[str, object], arrived: int) -> None:
        if event["type"] == "session.update":
            self._transport.write(SETTINGS_TAKEN)
            return
        if event["type"] == "input_audio_buffer.append":
            assert len(base64.b64decode(cast("str", event["audio"]), validate=True)) > 1000
            self._audio_checked = True
        self._arrived(scripts.Arrival(arrived, event))

    # -- the script --------------------------------------------------------------------
    def _arrived(self, arrival: scripts.Arrival) -> None:
        self._inbox.append(arrival)
        if isinstance(self._want, str | tuple) and (wanted := self._next(self._want)) is not None:
            self._go_on(wanted)

    def _next(self, want: str | tuple[str, ...]) -> scripts.Arrival | None:
        """The first arrival that is wanted; those before it are nobody's."""
        kinds = (want,) if isinstance(want, str) else want
        while self._inbox:
            arrival = self._inbox.popleft()
            if arrival.event["type"] in kinds:
                return arrival
        return None

    def _go_on(self, arrival: scripts.Arrival | None) -> None:
        """Resume the script until it wants what is not there yet."""
        script = self._script
        if script is None or self._transport.is_closing():
            return
        try:
            while True:
                want = self._want = script.send(arrival)
                arrival = None
                if isinstance(want, str | tuple):
                    arrival = self._next(want)
                    if arrival is None:
                        return
                elif want is not None:
                    self._loop.call_later(want, self._go_on, None)
                    return
                elif not self._has_room:
                    return
        except StopIteration:
            self._want = 0.0  # nothing any more; the connection stays until the client leaves
        except BaseException:
            self._transport.abort()  # the client fails at once, rather than wait
            raise


async def serve() -> None:
    """Serve until standard input closes."""
    measures = Measures()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(measures), "127.0.0.1", 0, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    print(json.dumps({**measures.summary(), "server_cpu_s": cpu_seconds()}), flush=True)
    os._exit(0)  # clients may still be there; nobody waits for them


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="The server of the benchmarks.")
    parser.add_argument("--cpu", type=int, help="run on this core alone")
    cpu: int | None = parser.parse_args().cpu
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    raise_file_limit()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
