"""The command: ``python -m benchmarks``; in environments of their own by ``nox -s bench``."""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from . import report
from .adapters import ADAPTERS, PEER
from .measuring import Failure, Plan, Run, measure_all
from .results import Results, circumstances
from .table import in_markdown, number
from .workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables as Markdown, write the JSON."""
    options = _parser().parse_args(arguments)
    plan = Plan(
        adapters=_chosen(options.adapters, ADAPTERS),
        workloads=_chosen(options.workloads, WORKLOADS),
        repeats=options.repeats,
        scale=options.scale,
        interpreters=dict(pair.split("=", 1) for pair in options.python),
    )
    if PEER not in plan.adapters:
        print(f"without {PEER} there are no ratios to it", file=sys.stderr)
    about = circumstances(plan)
    runs: list[Run] = []
    failures: list[Failure] = []
    for outcome in measure_all(plan):
        if isinstance(outcome, Failure):
            failures.append(outcome)
            print(f"{outcome.workload} {outcome.adapter} FAILED: {outcome.reason}", file=sys.stderr)
        else:
            runs.append(outcome)
            print(_progress(outcome), file=sys.stderr)
    if not runs:
        return 1
    results = Results(about=[about], runs=runs)
    if options.docs:
        report.update(options.docs, results)
    else:
        results.save(options.out)
    print(in_markdown(results))
    for failure in failures:
        print(f"- FAILED: {failure.workload} {failure.adapter}")
    return 1 if failures else 0


def _progress(run: Run) -> str:
    headline = WORKLOADS[run.workload].metrics[0]
    value = number(run.numbers[headline.name])
    return f"{run.round + 1}  {run.workload:13} {run.adapter:21} {value:>8} {headline.unit}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measure trio_realtime beside the OpenAI Agents SDK."
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--quick",
        dest="scale",
        action="store_const",
        const="quick",
        default="full",
        help="a fifth of the work, one or two rounds: under ten minutes for everything",
    )
    scale.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="no work to speak of"
    )
    parser.add_argument(
        "--repeats", type=int, help="rounds (default: 5, or 2 if quick; 3 or 1 where one is long)"
    )
    parser.add_argument("--adapters", help=f"some of {','.join(ADAPTERS)}")
    parser.add_argument("--workloads", help=f"some of {','.join(WORKLOADS)}")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="ENVIRONMENT=PATH",
        help="the interpreter of the environment default, fast or peer (default: this one)",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks.json"), metavar="JSON")
    parser.add_argument(
        "--docs",
        type=Path,
        nargs="?",
        const=report.FOLDER,
        metavar="FOLDER",
        help="put the results into the documentation's JSON instead, where those of workloads "
        "that are not measured now stay, and make its tables and plots anew (in %(const)s)",
    )
    return parser


def _chosen(names: str | None, known: Collection[str]) -> list[str]:
    chosen = list(known) if names is None else names.split(",")
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
