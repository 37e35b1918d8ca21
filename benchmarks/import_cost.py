"""What an import costs: run by path, isolated, with the statement as its argument.

Not a module of the package when it runs, and with next to nothing imported: what the benchmarks
themselves need would otherwise be free for what is measured.
"""

import os
import sys
import time


def resident_mb() -> float:
    """Resident memory in MiB, read without any import."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Import, and print what it cost as JSON."""
    before, modules = resident_mb(), len(sys.modules)
    wall, cpu = time.perf_counter(), time.process_time()
    exec(sys.argv[1], {})
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    found = {
        "cpu_ms": cpu * 1e3,
        "wall_ms": wall * 1e3,
        "grown_mb": resident_mb() - before,
        "modules": len(sys.modules) - modules,
    }
    import json

    print(json.dumps(found))


if __name__ == "__main__":
    main()
