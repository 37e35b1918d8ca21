"""What a client does with the server's scripts, written once for every adapter.

A play measures in the client, or lets the server measure (`scripts`) while the client only reacts.
"""

import time

from .adapters import Adapter
from .job import Job
from .measures import Measures, Numbers, Stopwatch
from .wire import CHUNK_BYTES

CHUNK = bytes(range(256)) * (CHUNK_BYTES // 256) + bytes(CHUNK_BYTES % 256)
"""100 ms of the user's audio."""


class Listener:
    """Takes audio as an application would: it looks at each chunk."""

    def __init__(self) -> None:
        self.chunks = self.bytes = self.mixed = 0

    def __call__(self, pcm: bytes) -> None:
        self.chunks += 1
        self.bytes += len(pcm)
        self.mixed ^= pcm[0]


async def stream(adapter: Adapter, job: Job) -> Numbers:
    """Take one long response."""
    listener = Listener()
    async with adapter.connect(job.url) as client:
        watch = Stopwatch()
        await client.send_message("go")
        await client.consume(listener, 1)
        measured = watch.read(sum(job.sizes.values()))
    assert listener.chunks == job.sizes.get("audio", 0), listener.chunks
    assert listener.bytes == listener.chunks * CHUNK_BYTES, listener.bytes
    return measured


async def uplink(adapter: Adapter, job: Job) -> Numbers:
    """Send audio as fast as it goes, until the server has all of it."""
    async with adapter.connect(job.url) as client:
        watch = Stopwatch()
        for _ in range(job.sizes["chunks"]):
            await client.send_audio(CHUNK)
        await client.consume(Listener(), 1)
        return watch.read(job.sizes["chunks"])


async def turns(adapter: Adapter, job: Job) -> Numbers:
    """Message and response in turn; each is timed from the message to the response's end."""
    measures = Measures()
    listener = Listener()
    async with adapter.connect(job.url) as client:
        watch = Stopwatch()
        for _ in range(job.sizes["turns"]):
            began = time.monotonic_ns()
            await client.send_message("hello")
            await client.consume(listener, 1)
            measures.add_ns("turn_ms", time.monotonic_ns() - began)
        measured = watch.read(job.sizes["turns"])
    assert listener.chunks == job.sizes["turns"] * job.sizes["audio"], listener.chunks
    times = measures.samples["turn_ms"]
    edge = max(1, min(100, len(times) // 3))
    growth = sum(times[-edge:]) / sum(times[:edge])
    return {**measured, **measures.summary(), "growth": growth}


async def tools(adapter: Adapter, job: Job) -> Numbers:
    """Answer tool calls; the server measures."""
    return await _react(adapter, job, job.sizes["calls"] + 1)


async def barge_in(adapter: Adapter, job: Job) -> Numbers:
    """Be interrupted; the server measures."""
    return await _react(adapter, job, 2 * job.sizes["cycles"])


async def _react(adapter: Adapter, job: Job, responses: int) -> Numbers:
    async with adapter.connect(job.url, tools=True) as client:
        watch = Stopwatch()
        await client.send_message("go")
        await client.consume(Listener(), responses)
        return watch.read(responses)
