"""What the documentation shows, made of its JSON: ``python -m benchmarks.report [FOLDER]``.

Reads ``benchmarks.json`` in the folder (``docs/_static``). Writes beside it the tables, the
sentences that say what is in them, and the plots.
"""

import sys
from pathlib import Path

from . import capacity_plot, findings, plot, results, table
from .results import Results

FOLDER = Path(__file__).parent.parent / "docs" / "_static"


def files(found: Results) -> dict[str, str]:
    """The content of each file, by its name."""
    return {
        "benchmarks.txt": table.in_rst(found),
        "benchmarks-findings.txt": findings.in_rst(found),
        "benchmarks.svg": plot.in_svg(found),
        "benchmarks-capacity.svg": capacity_plot.in_svg(found),
    }


def write(folder: Path) -> None:
    """Make the files of the JSON in a folder."""
    for name, content in files(results.load(folder / "benchmarks.json")).items():
        (folder / name).write_text(content)


def update(folder: Path, found: Results) -> None:
    """Put results into the JSON in a folder, and make the files anew."""
    kept = folder / "benchmarks.json"
    if kept.exists():
        found = found.put_into(results.load(kept))
    found.save(kept)
    write(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
