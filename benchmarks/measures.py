"""What is measured, in the client and in the server: time, processor time, memory, samples."""

import resource
import time
from collections.abc import Sequence
from pathlib import Path

Numbers = dict[str, float]


def cpu_seconds() -> float:
    """Processor time of this process so far, its own and the kernel's for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mb(*, peak: bool) -> float:
    """Resident memory in MiB, now or at its peak; 0 where the system does not say."""
    field = "VmHWM:" if peak else "VmRSS:"
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def raise_file_limit() -> None:
    """Let this process have as many sockets as the system allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def percentiles(name: str, samples: Sequence[float]) -> Numbers:
    """Median, 99th percentile and maximum."""
    ordered = sorted(samples)
    last = len(ordered) - 1
    return {
        f"{name}_p50": ordered[last // 2],
        f"{name}_p99": ordered[min(last, len(ordered) * 99 // 100)],
        f"{name}_max": ordered[last],
    }


class Stopwatch:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._cpu = cpu_seconds()
        self._wall = time.perf_counter()

    def read(self, count: int) -> Numbers:
        """Both, in seconds, and per piece of ``count`` pieces of work."""
        wall = time.perf_counter() - self._wall
        cpu = cpu_seconds() - self._cpu
        return {
            "wall_s": wall,
            "cpu_s": cpu,
            "per_s": count / wall,
            "cpu_us_each": cpu / count * 1e6,
        }


class Measures:
    """Samples by name, in milliseconds, and single numbers."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {}
        self.numbers: Numbers = {}

    def add_ns(self, name: str, nanoseconds: float) -> None:
        """One sample."""
        self.samples.setdefault(name, []).append(nanoseconds / 1e6)

    def count(self, name: str) -> None:
        """One more of these."""
        self.numbers[name] = self.numbers.get(name, 0) + 1

    def summary(self) -> Numbers:
        """The numbers, and the percentiles of all samples."""
        found = dict(self.numbers)
        for name, samples in self.samples.items():
            found |= percentiles(name, samples)
        return found
