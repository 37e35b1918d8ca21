"""Instruction counts of the hot paths: ``nox -s instructions``.

``python -m benchmarks.instructions`` is the command itself.
Counting, unlike timing, comes to the same result on a busy machine, so a change of it can be gated.
The counter is callgrind, of Valgrind; the cases are in `instruction_cases`.

A count means something only beside one made with the same Python and the same packages.
``instructions.json`` has counts for those it names; ``--against REVISION`` counts an earlier
revision instead, on any machine that can count at all.
"""

import argparse
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from .instruction_cases import CASES

ROOT = Path(__file__).parent.parent
BASELINES = Path(__file__).with_name("instructions.json")
LIMIT = 1.10
"""How many times its baseline a count may be."""
PACKAGES = ("attrs", "msgspec", "trio")
"""What the counted code consists of, besides Python and this library."""
TOTAL = re.compile(r"^summary: (\d+)$", re.MULTILINE)

Counts: TypeAlias = Mapping[str, float]
"""Instructions for one delta, or one turn, by case."""


class CannotCountError(Exception):
    """There is no counter, or nothing to compare with."""


def count(cases: Sequence[str], library: Path = ROOT) -> dict[str, float]:
    """Count the cases' instructions, with the package that is in the folder ``library``.

    Raises `CannotCountError` where Valgrind is not installed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCountError("Valgrind is not installed (Debian's package is called valgrind)")
    with TemporaryDirectory() as folder:
        stage = Path(folder)
        (stage / "benchmarks").symlink_to(Path(__file__).parent)
        (stage / "trio_realtime").symlink_to(library / "trio_realtime")
        subprocess.run(
            [
                valgrind,
                "--quiet",
                "--tool=callgrind",
                "--dump-before=getppid",  # see `instruction_cases.mark`
                "--callgrind-out-file=counts",
                sys.executable,
                "-m",
                "benchmarks.instruction_cases",
                *cases,
            ],
            cwd=stage,
            # String hashes, and the size of the environment, move what is where in memory.
            env={"PYTHONHASHSEED": "0", "PATH": os.environ["PATH"]},
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return {case: _cost(stage, case, 3 * place) for place, case in enumerate(cases)}


def _cost(folder: Path, case: str, marks_before: int) -> float:
    """What doing twice the work cost more than doing it once, for each delta or turn of it."""

    def total(mark: int) -> int:
        found = TOTAL.search((folder / f"counts.{marks_before + mark}").read_text())
        assert found is not None
        return int(found[1])

    return (total(3) - total(2)) / CASES[case].times / CASES[case].pieces


def environment() -> dict[str, str]:
    """What counts depend on."""
    return {
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
        "machine": platform.machine(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def baseline() -> Counts:
    """The counts kept for this environment. Raises `CannotCountError` where there are none."""
    here = environment()
    kept = json.loads(BASELINES.read_text())
    for entry in kept:
        if entry["environment"] == here:
            counts: Counts = entry["counts"]
            return counts
    different = sorted(
        {
            f"{name} {here[name]} (kept: {entry['environment'][name]})"
            for entry in kept
            for name in here
            if entry["environment"][name] != here[name]
        }
    )
    raise CannotCountError(f"no counts are kept for {', '.join(different)}")


def keep(counts: Counts) -> None:
    """Make these the baseline of this environment."""
    here = environment()
    kept = json.loads(BASELINES.read_text()) if BASELINES.exists() else []
    others = [entry for entry in kept if entry["environment"] != here]
    rounded = {case: round(cost) for case, cost in counts.items()}
    content = [*others, {"environment": here, "counts": rounded}]
    BASELINES.write_text(json.dumps(content, indent=2) + "\n")


def count_revision(revision: str, cases: Sequence[str]) -> dict[str, float]:
    """Count the cases with the library as it was at a revision of the repository."""
    archive = subprocess.run(
        ["git", "archive", revision, "trio_realtime"], cwd=ROOT, capture_output=True, check=True
    )
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        return count(cases, Path(folder))


def compare(counts: Counts, base: Counts) -> tuple[list[str], bool]:
    """Lines to print, and whether no count is above its limit. A case without a base is none."""
    lines: list[str] = []
    fine = True
    for case, cost in counts.items():
        if case not in base:
            lines.append(f"{case:16} {cost:12,.0f}   new")
            continue
        ratio = cost / base[case]
        verdict = "" if ratio <= LIMIT else f"   ABOVE THE LIMIT OF {LIMIT - 1:+.0%}"
        fine = fine and ratio <= LIMIT
        lines.append(f"{case:16} {cost:12,.0f} {ratio - 1:+8.1%}{verdict}")
    return lines, fine


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, compare and print; 1 if a count is too high."""
    parser = argparse.ArgumentParser(
        prog="instructions", description="Count the instructions of the hot paths."
    )
    parser.add_argument("cases", nargs="*", help=f"some of {', '.join(CASES)}")
    parser.add_argument("--update", action="store_true", help="keep the counts as the baseline")
    parser.add_argument("--against", metavar="REVISION", help="compare with a revision of git")
    options = parser.parse_args(arguments)
    cases: list[str] = options.cases or list(CASES)
    try:
        if options.update:
            counts = count(cases)
            keep(counts)
            base: Counts = counts
        elif options.against is not None:
            base = count_revision(options.against, cases)
            counts = count(cases)
        else:
            base = baseline()
            counts = count(cases)
    except CannotCountError as reason:
        print(f"instructions are not counted: {reason}")
        return 0
    lines, fine = compare(counts, base)
    print("\n".join(lines))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
