"""The workloads: for each of them the client's part, the server's, how much of it, what is shown.

A new workload is one entry of `WORKLOADS`: with a function of `plays` or `paced` for the client and
a script of `scripts` for the server, or new ones of those.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from . import paced, plays
from .adapters import Adapter
from .job import Job, Sizes
from .measures import Numbers

Play: TypeAlias = Callable[[Adapter, Job], Awaitable[Numbers]]

SCALES = ("full", "quick", "tiny")
"""How much work: ``tiny`` is for the smoke test."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number of a workload that the table of numbers shows."""

    name: str
    unit: str
    more_is_better: bool = False
    title: str = ""
    """Where there is one, the number is also compared with the SDK's, in the table of ratios and
    in the plot, under this title."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """See the module's docstring."""

    title: str
    metrics: tuple[Metric, ...]
    """The first is the headline, and has a title."""
    play: Play | None = None
    """The client's part; ``None`` for what no server takes part in."""
    server: str = "server"
    """The module that is the server."""
    script: str = ""
    """What the server does."""
    secure: bool = False
    """Whether the server speaks TLS."""
    sizes: Mapping[str, tuple[int, int, int]]
    """How much of each thing, at each of the `SCALES`."""
    cpu: str = "cpu_s"
    """The number that holds the processor time of the same work in every run."""
    rounds: tuple[int, int, int] = (5, 2, 1)
    """How many rounds to measure, at each of the `SCALES`."""
    floors: bool = True
    """Whether a floor can do it: it has no agent, so no tools and no interruptions."""

    def sizes_at(self, scale: str) -> Sizes:
        """How much of each thing, at one of the `SCALES`."""
        place = SCALES.index(scale)
        return {name: amounts[place] for name, amounts in self.sizes.items()}

    def compared(self) -> list[Metric]:
        """The numbers that are compared with the SDK's."""
        return [metric for metric in self.metrics if metric.title]


_CPU_EACH = Metric(name="cpu_us_each", unit="µs CPU per event")
_PEAK = Metric(name="peak_mb", unit="MiB peak")


def _stream(title: str, **sizes: tuple[int, int, int]) -> Workload:
    """One response, or one utterance, as fast as it goes."""
    rate = Metric(name="per_s", unit="events/s", more_is_better=True, title=title)
    upwards = "chunks" in sizes
    return Workload(
        title=title,
        play=plays.uplink if upwards else plays.stream,
        script="uplink" if upwards else "stream",
        sizes=sizes,
        metrics=(rate, _CPU_EACH, _PEAK),
    )


def _paced(sessions: int, *extra_titles: str) -> Workload:
    """So many sessions that get audio; the titles say what is compared beside processor time."""
    title = f"{sessions:,} paced sessions"
    late, memory = (f"{title}: {name}" if name in extra_titles else "" for name in _PACED_TITLES)
    return Workload(
        title=title,
        play=paced.hold,
        server="pacer",
        script="paced",
        sizes={"sessions": (sessions, sessions, 5), "ticks": (100, 20, 2)},
        metrics=(
            Metric(
                name="cpu_ms_per_session_s",
                unit="ms CPU per session and second",
                title=f"{title}: processor time",
            ),
            Metric(name="late_ms_p50", unit="ms late, median"),
            Metric(name="late_ms_p99", unit="ms late, 99 %", title=late),
            Metric(name="server_late_ms_p99", unit="ms late at the server, 99 %"),
            Metric(name="kb_per_session", unit="KiB per session", title=memory),
        ),
    )


_PACED_TITLES = ("lateness, 99 %", "memory")


def _capacity(title: str, *, secure: bool) -> Workload:
    """The most sessions that one core carries."""
    return Workload(
        title=title,
        play=paced.capacity,
        server="pacer",
        script="paced",
        secure=secure,
        sizes={
            "first": (100, 100, 2),
            "most": (4_000, 4_000, 4),
            "ticks": (40, 20, 2),
            "within_percent": (2, 4, 10),
            "loads": (14, 10, 4),
            "limit_ms": (20, 20, 60_000),
        },
        metrics=(
            Metric(name="sessions", unit="sessions", more_is_better=True, title=title),
            Metric(name="late_ms_p99", unit="ms late to the application, 99 %"),
            Metric(name="up_late_ms_p99", unit="ms late to the server, 99 %"),
            Metric(name="server_late_ms_p99", unit="ms late at the server, 99 %"),
            Metric(name="server_busy", unit="of the server's core in use"),
            Metric(name="cpu_ms_per_session_s", unit="ms CPU per session and second"),
            Metric(name="kb_per_session", unit="KiB per session"),
        ),
        cpu="cpu_ms_per_session_s",
        rounds=(3, 1, 1),
    )


WORKLOADS: dict[str, Workload] = {
    "capacity_tls": _capacity("Sessions that one core carries: TLS", secure=True),
    "capacity": _capacity("Sessions that one core carries: plain TCP", secure=False),
    "throughput": _stream(
        "Audio deltas received", audio=(20_000, 4_000, 20), words=(5_000, 1_000, 5)
    ),
    "small": _stream("Transcript deltas received", words=(20_000, 5_000, 20)),
    "uplink": _stream("Audio chunks sent", chunks=(20_000, 4_000, 20)),
    "turn_latency": Workload(
        title="A turn",
        play=plays.turns,
        script="turns",
        sizes={"turns": (300, 100, 3), "audio": (5, 5, 1), "words": (5, 5, 1)},
        metrics=(
            Metric(
                name="turn_ms_p50", unit="ms, median", title="A turn: message to end of response"
            ),
            Metric(name="turn_ms_p99", unit="ms, 99 %"),
            Metric(name="cpu_us_each", unit="µs CPU per turn"),
        ),
    ),
    "tool_latency": Workload(
        title="A tool call",
        play=plays.tools,
        script="tools",
        sizes={"calls": (300, 100, 3)},
        metrics=(
            Metric(
                name="output_ms_p50", unit="ms, median", title="A tool call: arguments to output"
            ),
            Metric(name="output_ms_p99", unit="ms, 99 %"),
            Metric(name="create_ms_p50", unit="ms to response.create, median"),
        ),
        floors=False,
    ),
    "barge_in": Workload(
        title="Barge-in",
        play=plays.barge_in,
        script="barge_in",
        sizes={"cycles": (200, 50, 2)},
        metrics=(
            Metric(
                name="backlog_ms_p50",
                unit="ms behind 5 s of audio, median",
                title="Barge-in behind 5 s of audio: speech to truncate",
            ),
            Metric(name="backlog_ms_p99", unit="ms behind 5 s of audio, 99 %"),
            Metric(
                name="idle_ms_p50",
                unit="ms when idle, median",
                title="Barge-in, client idle: speech to truncate",
            ),
            Metric(name="idle_ms_p99", unit="ms when idle, 99 %"),
        ),
        floors=False,
    ),
    "fanout200": _paced(200),
    "fanout500": _paced(500),
    "fanout1000": _paced(1_000, *_PACED_TITLES),
    "long_session": Workload(
        title="A long conversation",
        play=plays.turns,
        script="turns",
        sizes={"turns": (2_000, 500, 6), "audio": (0, 0, 0), "words": (10, 10, 1)},
        metrics=(
            Metric(name="wall_s", unit="s", title="A long conversation"),
            Metric(name="growth", unit="last turns to first ones"),
            _PEAK,
        ),
        floors=False,
    ),
    "import": Workload(
        title="Import",
        sizes={},
        metrics=(
            Metric(name="cpu_ms", unit="ms CPU", title="Import: processor time"),
            Metric(name="grown_mb", unit="MiB", title="Import: memory"),
        ),
        cpu="cpu_ms",
    ),
}
