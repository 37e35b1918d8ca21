"""Runs the driver of one foreign client against ``trio-realtime simulate``, and keeps the results.

``nox -s foreign`` calls it once for each client. The simulator is a process of its own, run by a
Python that has ``trio_realtime``; the driver is another, in the environment of its client. A driver
prints a line of JSON for each step (``step``, ``ok``, ``detail``) and one with its ``client`` and
``version``; see `support_driver`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STEPS = {
    "connect": "connect",
    "text": "text turn",
    "speech": "spoken turn",
    "tool": "tool round",
    "barge_in": "barge-in",
}
"""The steps of a driver, by their names, as the heads of the table's columns."""

MARKS = {True: "yes", False: "no", None: "has none"}
TIME_LIMIT = 150
"""Seconds; the steps of a driver have 20 each."""


@contextmanager
def simulator(python: str, *options: str) -> Iterator[str]:
    """The URL of a simulator that runs in real time for the length of the block."""
    command = [python, "-u", "-m", "trio_realtime", "simulate", "--pace", "1", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            yield next(word for word in words if "://" in word)
        finally:
            process.kill()


def drive(command: list[str], url: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Run a driver: its client, and its results by step. What it prints is shown."""
    environment = {**os.environ, "OPENAI_API_KEY": "sk-test"}
    done = subprocess.run(
        [*command, url],
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
        env=environment,
    )
    sys.stdout.write(done.stdout)
    client: dict[str, Any] = {}
    results: dict[str, dict[str, Any]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            if "step" in told:
                results[told["step"]] = told
            else:
                client = told
    return client, results


def note(table: Path, client: dict[str, Any], results: dict[str, dict[str, Any]]) -> None:
    """Put the row of this client into the table, in the place of its last one."""
    head = ["client", "version", *STEPS.values()]
    rows: list[list[str]] = []
    if table.exists():
        with table.open(newline="", encoding="utf-8") as file:
            _head, *rows = csv.reader(file)
    name = str(client["client"])
    marks = [MARKS[results[step]["ok"]] for step in STEPS]
    rows = [row for row in rows if row[0] != name]
    rows.append([name, str(client["version"]), *marks])
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *sorted(rows)])


def main() -> int:
    """The exit status: 0 when the driver did all steps that its client has."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--simulator", required=True, help="a Python that has trio_realtime")
    parser.add_argument("--table", type=Path, help="a CSV file that takes the results")
    parser.add_argument("--tls", help="a PEM file, for clients that want TLS")
    parser.add_argument("command", nargs="+", help="the driver; the URL is added to it")
    options = parser.parse_args()
    tls = [] if options.tls is None else ["--tls", options.tls]
    with simulator(options.simulator, *tls) as url:
        client, results = drive(options.command, url)
    missing = [step for step in STEPS if step not in results]
    if missing or not client:
        sys.stderr.write(f"the driver did not get to its end; missing: {', '.join(missing)}\n")
        return 1
    if options.table is not None:
        note(options.table, client, results)
    return 1 if any(result["ok"] is False for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
