"""What a run of the benchmarks found: kept as JSON, read as ratios.

A ratio compares two adapters in the same round and is above 1 where the first is better, whatever
the number's direction. Over the rounds, the median is given with the lowest and highest.
"""

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .adapters import is_floor
from .measuring import Plan, Run, cores, versions
from .workloads import WORKLOADS, Metric


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times better, over the rounds."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """All runs, and the circumstances."""

    about: Mapping[str, Any]
    runs: Sequence[Run]

    def workloads(self) -> list[str]:
        """Those measured, in order."""
        return list(dict.fromkeys(run.workload for run in self.runs))

    def adapters(self, workload: str | None = None) -> list[str]:
        """Those measured (for one workload), in the order of the first round."""
        return list(
            dict.fromkeys(run.adapter for run in self.runs if workload in {None, run.workload})
        )

    def median(self, workload: str, adapter: str, metric: str) -> float:
        """A number, over the rounds."""
        return statistics.median(self._by_round(workload, adapter, metric).values())

    def ratio(self, workload: str, adapter: str, base: str, metric: Metric) -> Ratio | None:
        """``adapter`` compared with ``base``; ``None`` where no round has both."""
        ours = self._by_round(workload, adapter, metric.name)
        theirs = self._by_round(workload, base, metric.name)
        ratios = [
            value / theirs[number] if metric.more_is_better else theirs[number] / value
            for number, value in ours.items()
            if number in theirs
        ]
        if not ratios:
            return None
        return Ratio(median=statistics.median(ratios), lowest=min(ratios), highest=max(ratios))

    def best_floor(self, workload: str) -> str | None:
        """The floor with the best headline."""
        metric = WORKLOADS[workload].metrics[0]
        floors = [name for name in self.adapters(workload) if is_floor(name)]
        choose = max if metric.more_is_better else min
        return choose(
            floors, key=lambda name: self.median(workload, name, metric.name), default=None
        )

    def _by_round(self, workload: str, adapter: str, metric: str) -> dict[int, float]:
        return {
            run.round: run.numbers[metric]
            for run in self.runs
            if (run.workload, run.adapter) == (workload, adapter)
        }

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {"about": self.about, "runs": [asdict(run) for run in self.runs]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what `Results.save` wrote."""
    content = json.loads(path.read_text())
    return Results(about=content["about"], runs=[Run(**run) for run in content["runs"]])


def circumstances(plan: Plan) -> dict[str, Any]:
    """The machine, the day, and what was measured."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": cores() != (None, None),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "scale": plan.scale,
        "repeats": plan.repeats,
        "versions": versions(plan),
    }


def _processor() -> str:
    """Its name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
