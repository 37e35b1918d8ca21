"""The server of paced sessions: 100 ms of audio to each of them every 100 ms, and the same back.

``python -m benchmarks.pacer [--cpu N] [--certificate PEM]`` prints two ports: one for sessions
(over TLS if there is a certificate), one for the client's commands. It serves until its standard
input closes, then prints what it measured as JSON. A command is a `Load` on one line. The answer,
when the load is over and all audio has arrived, is a line of numbers. When the command connection
closes, every session gets the end of its response.

The server has one core, and must need less of it than any client needs of the other. So it uses
sockets without an event loop, and TLS that reads and writes the socket by itself; asyncio's goes
through buffers in Python. New sessions are set up one at a time, while nothing is measured.
"""

import argparse
import base64
import json
import os
import random
import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from . import wire
from .load import Load, from_json, steady
from .measures import Numbers, cpu_seconds, percentiles, raise_file_limit
from .websocket import BULKY, CLOSE, TEXT, Frame, accepted, control_answer, frame_at, payload_of

STAMP: Final = struct.Struct("<qx")
"""When a chunk was due, in the nine bytes before its noise: twelve characters of base64."""
READ: Final = 1 << 16
SETTING_UP: Final = 10.0
"""Seconds for the handshakes of one session."""
SOON: Final = 0.001
"""Seconds; selectors round a timeout up to a whole millisecond, so a shorter wait is slept."""
AT_ONCE: Final = 16
"""Chunks that may be written, when they are due, before what has arrived is read."""


class Session:
    """One client, over a socket that does not block once the session is set up."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.number = 0
        """Which of the client's sessions this is; its URL says so."""
        self.unsent = b""
        self.closed = False
        self._received = bytearray()
        self._checked = False

    def set_up(self) -> None:
        """Do the opening handshake, and take what the client says up to ``response.create``."""
        self.sock.settimeout(SETTING_UP)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while b"\r\n\r\n" not in self._received:
            self._received += self._receive_waiting()
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received[:] = rest
        request = accepted(head)
        self.number = request.numbers["session"]
        self.sock.sendall(request.answer + wire.frames([wire.session("session.created")]))
        while (kind := self._next_event()) != "response.create":
            if kind == "session.update":
                self.sock.sendall(wire.frames([wire.session("session.updated")]))
        self.sock.sendall(wire.frames(wire.response_begins()))
        self.sock.setblocking(False)

    def _receive_waiting(self) -> bytes:
        data = self.sock.recv(READ)
        if not data:
            raise ConnectionError("the client left while its session was set up")
        return data

    def _next_event(self) -> str:
        while (frame := frame_at(self._received, 0)) is None:
            self._received += self._receive_waiting()
        event = json.loads(payload_of(self._received, frame))
        del self._received[: frame.end]
        return str(event["type"])

    def write(self, data: bytes) -> None:
        """Write what the socket takes; the rest waits in ``unsent``."""
        if self.unsent:
            self.unsent += data
            return
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            self.closed = True
            return
        self.unsent = data[sent:]

    def write_rest(self) -> None:
        """Go on with what waits."""
        data, self.unsent = self.unsent, b""
        self.write(data)

    def read(self) -> int:
        """Take what has arrived; how many frames of audio were complete with it."""
        chunks = 0
        try:
            data = self.sock.recv(READ)
            while data:
                chunks += self._take(data)
                if not isinstance(self.sock, ssl.SSLSocket) or not self.sock.pending():
                    return chunks
                data = self.sock.recv(READ)
        except (BlockingIOError, ssl.SSLWantReadError):
            return chunks
        except OSError:
            pass
        self.closed = True
        return chunks

    def _take(self, data: bytes) -> int:
        chunks = start = 0
        self._received += data
        while (frame := frame_at(self._received, start)) is not None:
            start = frame.end
            if frame.opcode == TEXT:
                chunks += self._is_audio(frame)
                continue
            answer = control_answer(frame.opcode, payload_of(self._received, frame))
            if answer is not None:
                self.write(answer)
            self.closed = self.closed or frame.opcode == CLOSE
        del self._received[:start]
        return chunks

    def _is_audio(self, frame: Frame) -> bool:
        if frame.size <= BULKY:
            return False
        if not self._checked:
            event = json.loads(payload_of(self._received, frame))
            pcm = base64.b64decode(event["audio"], validate=True)
            assert len(pcm) == wire.CHUNK_BYTES, len(pcm)
            self._checked = True
        return True


class Pacer:
    """All sessions, and the connection that commands come over."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[int, Session] = {}
        self._listener, self._commands = _listen(), _listen()
        self._head, self._tail = _around_the_stamp()
        self._over = False

    def ports(self) -> tuple[int, int]:
        """Of sessions, and of commands."""
        return self._listener.getsockname()[1], self._commands.getsockname()[1]

    def serve(self) -> None:
        """Serve until standard input closes."""
        watch = partial(self._selector.register, events=selectors.EVENT_READ)
        watch(self._listener, data=self._admit)
        watch(self._commands, data=self._take_commands)
        watch(sys.stdin, data=self._end)
        while not self._over:
            for key, events in self._selector.select():
                if isinstance(key.data, Session):
                    self._move(key.data, events)
                else:
                    key.data()

    def _admit(self) -> None:
        sock, _ = self._listener.accept()
        if self._tls is not None:
            sock.settimeout(SETTING_UP)
            sock = self._tls.wrap_socket(sock, server_side=True)
        session = Session(sock)
        session.set_up()
        self._sessions[session.number] = session
        self._selector.register(sock, selectors.EVENT_READ, session)

    def _take_commands(self) -> None:
        self._selector.unregister(self._commands)
        commands, _ = self._commands.accept()
        lines = commands.makefile("rb")

        def obey() -> None:
            if line := lines.readline():
                numbers = self._hold(from_json(line))
                commands.sendall(json.dumps(numbers).encode() + b"\n")
            else:
                self._selector.unregister(commands)
                self._say_goodbye()

        self._selector.register(commands, selectors.EVENT_READ, obey)

    def _end(self) -> None:
        self._over = True

    def _say_goodbye(self) -> None:
        end = wire.frames(wire.response_ends())
        for session in self._sessions.values():
            self._write(session, end)

    def _move(self, session: Session, events: int) -> int:
        """Read and write what can be; how many chunks of audio have arrived."""
        chunks = session.read() if events & selectors.EVENT_READ else 0
        if events & selectors.EVENT_WRITE:
            session.write_rest()
        if session.closed:
            self._selector.unregister(session.sock)
            session.sock.close()
        elif events & selectors.EVENT_WRITE and not session.unsent:
            self._selector.modify(session.sock, selectors.EVENT_READ, session)
        return chunks

    def _write(self, session: Session, data: bytes) -> None:
        if session.closed:
            return
        waited = bool(session.unsent)
        session.write(data)
        if session.unsent and not waited:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(session.sock, both, session)

    def _hold(self, load: Load) -> Numbers:
        """Send the load's chunks when they are due, and take the client's, until both are over."""
        sessions = [self._sessions[number] for number in range(load.sessions)]
        arrived = dict.fromkeys(sessions, 0)
        own_late: list[float] = []
        up_late: list[float] = []
        expected = load.chunks if load.both_ways else 0
        cpu = cpu_seconds()
        while True:
            wait = self._write_due(sessions, load, own_late)
            if len(own_late) == load.chunks and len(up_late) >= expected:
                break
            for key, events in self._wait(wait):
                session = key.data
                if not isinstance(session, Session):
                    continue
                for _ in range(self._move(session, events)):
                    due = load.up_due(session.number, arrived[session])
                    arrived[session] += 1
                    up_late.append((time.monotonic_ns() - due) / 1e6)
                if session.closed:
                    raise ConnectionError("a client left during a load")
        numbers = percentiles("server_late_ms", steady(own_late))
        if up_late:
            numbers |= percentiles("up_late_ms", steady(up_late))
        return {**numbers, "server_busy": (cpu_seconds() - cpu) / load.seconds}

    def _write_due(self, sessions: Sequence[Session], load: Load, late: list[float]) -> float:
        """Write chunks that are due; seconds until the next one is."""
        for _ in range(AT_ONCE):
            chunk = len(late)
            if chunk == load.chunks:
                return SETTING_UP
            due = load.down_due(chunk)
            now = time.monotonic_ns()
            if due > now:
                return (due - now) / 1e9
            stamped = self._head + base64.b64encode(STAMP.pack(due)) + self._tail
            self._write(sessions[chunk % load.sessions], stamped)
            late.append((now - due) / 1e6)
        return 0.0

    def _wait(self, seconds: float) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written, at once or within this time."""
        if seconds > SOON:
            return self._selector.select(seconds - SOON)
        if seconds:
            time.sleep(seconds)
        return self._selector.select(0)


def _listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    listener.settimeout(SETTING_UP)
    return listener


def _around_the_stamp() -> tuple[bytes, bytes]:
    """A frame of 100 ms of audio, without the characters that stand for its stamp."""
    noise = random.Random(24).randbytes(wire.CHUNK_BYTES - STAMP.size)
    whole = wire.frame(wire.audio_delta(bytes(STAMP.size) + noise))
    begin = whole.index(b'"delta":"') + len(b'"delta":"')
    return whole[:begin], whole[begin + 12 :]


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="The server of paced sessions.")
    parser.add_argument("--cpu", type=int, help="run on this core alone")
    parser.add_argument("--certificate", type=Path, help="serve TLS, with this chain and key")
    options = parser.parse_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    raise_file_limit()
    tls: ssl.SSLContext | None = None
    if options.certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate)
    pacer = Pacer(tls)
    print(*pacer.ports(), flush=True)
    pacer.serve()
    print(json.dumps({"server_cpu_s": cpu_seconds()}), flush=True)
    os._exit(0)  # clients may still be there; nobody waits for them


if __name__ == "__main__":
    main()
