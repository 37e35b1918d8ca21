"""What a client does with the server's scripts, written once for every adapter.

A workload is measured in the client, or in the server (`scripts`) while the client only reacts.
"""

import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlencode

from .adapters import Adapter
from .measures import Measures, Numbers, Stopwatch, memory_mb
from .wire import CHUNK_BYTES

Sizes: TypeAlias = Mapping[str, int]
Play: TypeAlias = Callable[[Adapter, str, Sizes], Awaitable[Numbers]]


class Listener:
    """Takes audio as an application would: it looks at each chunk."""

    def __init__(self) -> None:
        self.chunks = self.bytes = self.mixed = 0

    def __call__(self, pcm: bytes) -> None:
        self.chunks += 1
        self.bytes += len(pcm)
        self.mixed ^= pcm[0]


async def stream(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Take one long response."""
    listener = Listener()
    async with adapter.connect(url) as client:
        watch = Stopwatch()
        await client.send_message("go")
        await client.consume(listener, 1)
        measured = watch.read(sum(sizes.values()))
    assert listener.chunks == sizes.get("audio", 0), listener.chunks
    assert listener.bytes == listener.chunks * CHUNK_BYTES, listener.bytes
    return measured


async def uplink(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Send audio as fast as it goes, until the server has all of it."""
    chunk = bytes(range(256)) * (CHUNK_BYTES // 256) + bytes(CHUNK_BYTES % 256)
    async with adapter.connect(url) as client:
        watch = Stopwatch()
        for _ in range(sizes["chunks"]):
            await client.send_audio(chunk)
        await client.consume(Listener(), 1)
        return watch.read(sizes["chunks"])


async def turns(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Message and response in turn; each is timed from the message to the response's end."""
    measures = Measures()
    listener = Listener()
    async with adapter.connect(url) as client:
        watch = Stopwatch()
        for _ in range(sizes["turns"]):
            began = time.monotonic_ns()
            await client.send_message("hello")
            await client.consume(listener, 1)
            measures.add_ns("turn_ms", time.monotonic_ns() - began)
        measured = watch.read(sizes["turns"])
    assert listener.chunks == sizes["turns"] * sizes["audio"], listener.chunks
    times = measures.samples["turn_ms"]
    edge = max(1, min(100, len(times) // 3))
    growth = sum(times[-edge:]) / sum(times[:edge])
    return {**measured, **measures.summary(), "growth": growth}


async def tools(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Answer tool calls; the server measures."""
    return await _react(adapter, url, sizes["calls"] + 1)


async def barge_in(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Be interrupted; the server measures."""
    return await _react(adapter, url, 2 * sizes["cycles"])


async def _react(adapter: Adapter, url: str, responses: int) -> Numbers:
    async with adapter.connect(url, tools=True) as client:
        watch = Stopwatch()
        await client.send_message("go")
        await client.consume(Listener(), responses)
        return watch.read(responses)


async def paced(adapter: Adapter, url: str, sizes: Sizes) -> Numbers:
    """Hold many sessions in this process, each with a chunk of audio every 100 ms.

    Measured from the first chunk to the last, when all are connected; a chunk is as late as its
    way from the server's write to the application took.
    """
    sent_at = struct.Struct("<q").unpack_from
    total = sizes["sessions"] * sizes["ticks"]
    before_mb = memory_mb(peak=False)
    watches: list[Stopwatch] = []
    measures = Measures()

    def on_audio(pcm: bytes) -> None:
        if not watches:
            watches.append(Stopwatch())
        measures.add_ns("late_ms", time.monotonic_ns() - sent_at(pcm)[0])
        if len(measures.samples["late_ms"]) == total:
            measures.numbers.update(watches[0].read(total))

    async def converse() -> None:
        async with adapter.connect(url) as client:
            await client.send_message("go")
            await client.consume(on_audio, 1)

    await adapter.gather([partial(converse)] * sizes["sessions"])
    measured = measures.summary()
    measured["cpu_ms_per_session_s"] = measured["cpu_us_each"] * 10 / 1e3
    grown_kb = (memory_mb(peak=True) - before_mb) * 1024
    return {**measured, "kb_per_session": grown_kb / sizes["sessions"]}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number of a workload that the tables show."""

    name: str
    unit: str
    more_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A client's part, the server's script, and how much of it."""

    title: str
    play: Play | None
    """``None`` for what no server takes part in."""
    script: str = ""
    sizes: Mapping[str, int]
    quick: Mapping[str, int]
    tiny: Mapping[str, int]
    """For the smoke test."""
    metrics: tuple[Metric, ...]
    """The first is the headline."""
    floors: bool = True
    """Whether a floor can do it: it has no agent, so no tools and no interruptions."""


_PER_SECOND = Metric(name="per_s", unit="events/s", more_is_better=True)
_CPU_EACH = Metric(name="cpu_us_each", unit="µs CPU per event")
_PEAK = Metric(name="peak_mb", unit="MiB peak")
_RATE = (_PER_SECOND, _CPU_EACH, _PEAK)
_PACED = (
    Metric(name="cpu_ms_per_session_s", unit="ms CPU per session and second"),
    Metric(name="late_ms_p50", unit="ms late, median"),
    Metric(name="late_ms_p99", unit="ms late, 99 %"),
    Metric(name="kb_per_session", unit="KiB per session"),
)
_START = (Metric(name="cpu_ms", unit="ms CPU"), Metric(name="grown_mb", unit="MiB"))


def _paced(sessions: int) -> Workload:
    return Workload(
        title=f"{sessions:,} paced sessions",
        play=paced,
        script="paced",
        sizes={"sessions": sessions, "ticks": 100},
        quick={"sessions": sessions // 5, "ticks": 20},
        tiny={"sessions": 5, "ticks": 2},
        metrics=_PACED,
    )


WORKLOADS: dict[str, Workload] = {
    "throughput": Workload(
        title="Audio deltas received",
        play=stream,
        script="stream",
        sizes={"audio": 20_000, "words": 5_000},
        quick={"audio": 4_000, "words": 1_000},
        tiny={"audio": 20, "words": 5},
        metrics=_RATE,
    ),
    "small": Workload(
        title="Transcript deltas received",
        play=stream,
        script="stream",
        sizes={"words": 20_000},
        quick={"words": 5_000},
        tiny={"words": 20},
        metrics=_RATE,
    ),
    "uplink": Workload(
        title="Audio chunks sent",
        play=uplink,
        script="uplink",
        sizes={"chunks": 20_000},
        quick={"chunks": 4_000},
        tiny={"chunks": 20},
        metrics=_RATE,
    ),
    "turn_latency": Workload(
        title="A turn: message to end of response",
        play=turns,
        script="turns",
        sizes={"turns": 300, "audio": 5, "words": 5},
        quick={"turns": 100, "audio": 5, "words": 5},
        tiny={"turns": 3, "audio": 1, "words": 1},
        metrics=(
            Metric(name="turn_ms_p50", unit="ms, median"),
            Metric(name="turn_ms_p99", unit="ms, 99 %"),
            Metric(name="cpu_us_each", unit="µs CPU per turn"),
        ),
    ),
    "tool_latency": Workload(
        title="A tool call: arguments to output",
        play=tools,
        script="tools",
        sizes={"calls": 300},
        quick={"calls": 100},
        tiny={"calls": 3},
        metrics=(
            Metric(name="output_ms_p50", unit="ms, median"),
            Metric(name="output_ms_p99", unit="ms, 99 %"),
            Metric(name="create_ms_p50", unit="ms to response.create, median"),
        ),
        floors=False,
    ),
    "barge_in": Workload(
        title="Barge-in behind 5 s of audio: speech to truncate",
        play=barge_in,
        script="barge_in",
        sizes={"cycles": 200},
        quick={"cycles": 50},
        tiny={"cycles": 2},
        metrics=(
            Metric(name="backlog_ms_p50", unit="ms, median"),
            Metric(name="backlog_ms_p99", unit="ms, 99 %"),
            Metric(name="idle_ms_p50", unit="ms when idle, median"),
        ),
        floors=False,
    ),
    "fanout200": _paced(200),
    "fanout500": _paced(500),
    "fanout1000": _paced(1_000),
    "long_session": Workload(
        title="2,000 turns in one session",
        play=turns,
        script="turns",
        sizes={"turns": 2_000, "audio": 0, "words": 10},
        quick={"turns": 500, "audio": 0, "words": 10},
        tiny={"turns": 6, "audio": 0, "words": 1},
        metrics=(
            Metric(name="wall_s", unit="s"),
            Metric(name="growth", unit="last turns to first ones"),
            _PEAK,
        ),
        floors=False,
    ),
    "import": Workload(title="Import", play=None, sizes={}, quick={}, tiny={}, metrics=_START),
}


def url_of(workload: Workload, port: int, sizes: Sizes) -> str:
    """Where the server plays this workload's script."""
    return f"ws://127.0.0.1:{port}/{workload.script}?{urlencode(dict[str, Any](sizes))}"
