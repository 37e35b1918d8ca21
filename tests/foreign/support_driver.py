"""What the drivers of foreign Python clients share: sounds, and a report of the steps.

Imports nothing outside the standard library, because each driver runs in the environment of its
own client.
"""

import asyncio
import json
import struct
import sys
from collections.abc import Awaitable, Callable
from importlib import metadata

PATIENCE = 20.0
"""Seconds that a step may take."""

GREETING = "Good morning"
LONG = "Please repeat every word of this sentence to me, slowly and in order. " * 6
"""About 400 characters, which the simulator takes many seconds to say."""

RATE = 24_000
PIECE = RATE // 50
"""Samples of 20 ms."""


def loud(seconds: float) -> bytes:
    """A square wave of 200 Hz, PCM16 at 24 kHz: what the turn detection takes for speech."""
    half = RATE // 400
    wave = [12_000] * half + [-12_000] * half
    count = int(seconds * RATE)
    samples = (wave * (count // len(wave) + 1))[:count]
    return struct.pack(f"<{count}h", *samples)


def silence(seconds: float) -> bytes:
    """Silence, PCM16 at 24 kHz."""
    return bytes(2 * int(seconds * RATE))


async def speak(send: Callable[[bytes], Awaitable[object]], audio: bytes) -> None:
    """Send audio in pieces of 20 ms, in real time, as a microphone does."""
    for start in range(0, len(audio), 2 * PIECE):
        await send(audio[start : start + 2 * PIECE])
        await asyncio.sleep(PIECE / RATE)


def report(step: str, *, ok: bool | None, detail: str) -> None:
    """Print what became of a step, as one line of JSON."""
    line = {"step": step, "ok": ok, "detail": " ".join(detail.split())[:300]}
    print(json.dumps(line), flush=True)


async def run_steps(
    package: str, steps: dict[str, Callable[[str], Awaitable[str]]], url: str
) -> None:
    """Do the steps in order, each within its time limit. Each returns what it saw."""
    for name, step in steps.items():
        try:
            async with asyncio.timeout(PATIENCE):
                seen = await step(url)
        except NotImplementedError as exc:
            report(name, ok=None, detail=str(exc))
        except Exception as exc:
            report(name, ok=False, detail=f"{type(exc).__name__}: {exc}")
        else:
            report(name, ok=True, detail=seen)
    print(json.dumps({"client": package, "version": metadata.version(package)}), flush=True)


def main(package: str, steps: dict[str, Callable[[str], Awaitable[str]]]) -> None:
    """Run a driver: ``python DRIVER URL``."""
    asyncio.run(run_steps(package, steps, sys.argv[1]))


def expect(condition: object, problem: str) -> None:
    """Raise with what was wrong, unless the condition holds."""
    if not condition:
        raise RuntimeError(problem)
