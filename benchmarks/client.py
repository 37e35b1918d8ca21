"""One measurement: ``python -m benchmarks.client`` with one JSON object, prints another.

A process of its own for each, so that memory, caches and imports begin alike.
"""

import json
import os
import sys
from functools import partial

from .adapters import load
from .measures import memory_mb, raise_file_limit
from .workloads import WORKLOADS, url_of


def main() -> None:
    """See the module's docstring; `measuring.Job` has the fields."""
    job = json.loads(sys.argv[1])
    if job["cpu"] is not None:
        os.sched_setaffinity(0, {job["cpu"]})
    raise_file_limit()
    workload = WORKLOADS[job["workload"]]
    assert workload.play is not None
    adapter = load(job["adapter"])
    url = url_of(workload, job["port"], job["sizes"])
    numbers = adapter.run(partial(workload.play, adapter, url, job["sizes"]))
    print(json.dumps({**numbers, "peak_mb": memory_mb(peak=True)}))


if __name__ == "__main__":
    main()
