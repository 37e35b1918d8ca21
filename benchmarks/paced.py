"""Many paced sessions in one client process; the server is `pacer`.

`hold` keeps a given number of them; `capacity` searches the largest number that is carried.
Sessions are carried when the 99th percentile of the lateness is below a limit, both of the audio
that they get and of the audio that they send. Audio to a session is late by the time from when it
was due at the server to when the application has it. Audio from a session is late by the time from
when it was due at the application to when the server has it. So a late server counts against the
client.
"""

import json
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from .adapters import Adapter, Client, Task
from .job import Job
from .load import Load, steady
from .measures import Numbers, Stopwatch, memory_mb, percentiles
from .plays import CHUNK
from .search import Search

AT_ONCE = 20
"""Sessions that are opened at the same time; none then waits long enough to give up."""
LEAD_NS = 300_000_000
"""From the command to the first chunk."""
POLL = 0.01
"""Seconds between looks at whether something is over."""


class PacedSessions:
    """The sessions of this process, and the command connection to the server."""

    def __init__(self, adapter: Adapter, job: Job, start: Callable[[Task], object]) -> None:
        self._adapter = adapter
        self._url = job.url
        self._start = start
        self._clients: dict[int, Client] = {}
        self._late_ms: list[float] = []
        _, port = job.ports
        self._commands = socket.create_connection(("127.0.0.1", port))
        self._commands.setblocking(False)
        self._stamp = struct.Struct("<q").unpack_from

    @property
    def opened(self) -> int:
        """How many there are."""
        return len(self._clients)

    async def open(self, count: int) -> None:
        """Open sessions until there are so many."""
        while self.opened < count:
            some = range(self.opened, min(count, self.opened + AT_ONCE))
            for number in some:
                self._start(partial(self._converse, number))
            while self.opened < some.stop:
                await self._adapter.loop.sleep(POLL)

    async def hold(self, sessions: int, ticks: int, *, both_ways: bool) -> Numbers:
        """Put a load on the first ``sessions`` of them, and measure it until all audio is there."""
        load = Load(
            sessions=sessions,
            ticks=ticks,
            begin_ns=time.monotonic_ns() + LEAD_NS,
            both_ways=both_ways,
        )
        self._late_ms = []
        self._commands.sendall(load.in_json())
        for number in range(sessions if both_ways else 0):
            self._start(partial(self._speak, number, load))
        await self._adapter.loop.sleep((load.begin_ns - time.monotonic_ns()) / 1e9)
        watch = Stopwatch()
        while len(self._late_ms) < load.chunks:
            await self._adapter.loop.sleep(POLL)
        measured = watch.read(load.chunks)
        measured |= percentiles("late_ms", steady(self._late_ms))
        measured["busy"] = measured["cpu_s"] / load.seconds
        measured["cpu_ms_per_session_s"] = measured["busy"] / sessions * 1e3
        return measured | await self._answer()

    def end(self) -> None:
        """Let the server end every session's response."""
        self._commands.close()

    async def _converse(self, number: int) -> None:
        async with self._adapter.connect(f"{self._url}&session={number}") as client:
            await client.send_message("go")
            self._clients[number] = client
            await client.consume(self._on_audio, 1)

    def _on_audio(self, pcm: bytes) -> None:
        self._late_ms.append((time.monotonic_ns() - self._stamp(pcm)[0]) / 1e6)

    async def _speak(self, number: int, load: Load) -> None:
        """What a session's microphone does: a task of its own that sends audio when it is due."""
        client, sleep = self._clients[number], self._adapter.loop.sleep
        for tick in range(load.ticks):
            due = load.up_due(number, tick)
            await sleep(max(0, due - time.monotonic_ns()) / 1e9)
            await client.send_audio(CHUNK)

    async def _answer(self) -> Numbers:
        """What the server measured; it answers when it has all audio."""
        line = b""
        while not line.endswith(b"\n"):
            try:
                received = self._commands.recv(1 << 16)
            except BlockingIOError:
                await self._adapter.loop.sleep(POLL)
                continue
            if not received:
                raise ConnectionError("the server gave up")
            line += received
        numbers: Numbers = json.loads(line)
        return numbers


async def hold(adapter: Adapter, job: Job) -> Numbers:
    """Hold ``sessions`` sessions that get audio and send none, for ``ticks`` ticks."""
    before_mb = memory_mb(peak=False)
    async with adapter.loop.tasks() as start:
        paced = PacedSessions(adapter, job, start)
        await paced.open(job.sizes["sessions"])
        measured = await paced.hold(job.sizes["sessions"], job.sizes["ticks"], both_ways=False)
        paced.end()
    return measured | _memory(before_mb, paced)


async def capacity(adapter: Adapter, job: Job) -> Numbers:
    """Search how many sessions are carried that get and send audio, in at most ``loads`` tries.

    Sessions that were opened for a larger load stay open and silent in a smaller one.
    """
    before_mb = memory_mb(peak=False)
    search = Search(
        first=job.sizes["first"], most=job.sizes["most"], within=job.sizes["within_percent"] / 100
    )
    best: Numbers = {}
    measured: Numbers = {}
    loads = 0
    async with adapter.loop.tasks() as start:
        paced = PacedSessions(adapter, job, start)
        while loads < job.sizes["loads"] and (size := search.size()) is not None:
            await paced.open(size)
            measured = await paced.hold(size, job.sizes["ticks"], both_ways=True)
            loads += 1
            latest = max(measured["late_ms_p99"], measured["up_late_ms_p99"])
            punctual = latest < job.sizes["limit_ms"]
            if punctual and size > search.carried:
                best = measured
            search.tell(size, punctual=punctual, busy=measured["busy"])
        paced.end()
    found = {"sessions": search.carried, "loads": loads, "opened": paced.opened}
    return (best or measured) | found | _memory(before_mb, paced)


def _memory(before_mb: float, paced: PacedSessions) -> Numbers:
    """Memory at its peak, for each session."""
    return {"kb_per_session": (memory_mb(peak=True) - before_mb) * 1024 / paced.opened}
