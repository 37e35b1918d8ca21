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
from typing import Any, TypeAlias

from .adapters import is_floor
from .measuring import Plan, Run, cores, versions
from .workloads import WORKLOADS, Metric

About: TypeAlias = Mapping[str, Any]
"""Circumstances: machine, day and releases, and (``workloads``) what was measured in them."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times better, over the rounds."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """All runs, and the circumstances. A workload's runs are all of the same circumstances."""

    about: Sequence[About]
    runs: Sequence[Run]

    def workloads(self) -> list[str]:
        """Those measured, in the order of `WORKLOADS`."""
        measured = {run.workload for run in self.runs}
        return [name for name in WORKLOADS if name in measured]

    def adapters(self, workload: str | None = None) -> list[str]:
        """Those measured (for one workload), in the order of the first round."""
        return list(
            dict.fromkeys(run.adapter for run in self.runs if workload in {None, run.workload})
        )

    def rounds(self, workload: str) -> int:
        """How often it was measured."""
        return 1 + max(run.round for run in self.runs if run.workload == workload)

    def median(self, workload: str, adapter: str, metric: str) -> float:
        """A number, over the rounds."""
        return statistics.median(self._by_round(workload, adapter, metric).values())

    def ratio(self, workload: str, adapter: str | None, base: str, metric: Metric) -> Ratio | None:
        """``adapter`` compared with ``base``; ``None`` where no round has both."""
        if adapter is None:
            return None
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

    def best_floor(self, workload: str, metric: Metric) -> str | None:
        """The floor that is best at a number."""
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

    def put_into(self, older: "Results") -> "Results":
        """These results, and of the older ones those of workloads that are not among them."""
        new = set(self.workloads())
        kept = [
            {**about, "workloads": remaining}
            for about in older.about
            if (remaining := [name for name in about["workloads"] if name not in new])
        ]
        return Results(
            about=[*self.about, *kept],
            runs=[*self.runs, *(run for run in older.runs if run.workload not in new)],
        )

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {"about": self.about, "runs": [asdict(run) for run in self.runs]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what `Results.save` wrote."""
    content = json.loads(path.read_text())
    return Results(about=content["about"], runs=[Run(**run) for run in content["runs"]])


def circumstances(plan: Plan) -> About:
    """The machine, the day, and what is to be measured."""
    return {
        "workloads": list(plan.workloads),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": cores() != (None, None),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "scale": plan.scale,
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
