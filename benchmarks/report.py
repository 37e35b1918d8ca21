"""The documentation's table and plot, made of a JSON file: ``python -m benchmarks.report [DIR]``.

Reads ``benchmarks.json`` in the directory (``docs/_static``) and writes ``benchmarks.txt`` and
``benchmarks.svg`` beside it.
"""

import sys
from pathlib import Path

from . import results
from .plot import in_svg
from .table import in_rst

FOLDER = Path(__file__).parent.parent / "docs" / "_static"


def write(folder: Path) -> None:
    """Make table and plot of the results in a folder."""
    found = results.load(folder / "benchmarks.json")
    (folder / "benchmarks.txt").write_text(in_rst(found))
    (folder / "benchmarks.svg").write_text(in_svg(found))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
