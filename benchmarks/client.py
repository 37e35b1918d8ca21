"""One measurement: ``python -m benchmarks.client JOB`` prints its numbers as JSON.

``JOB`` is a `Job` as JSON. A process of its own for each, so that memory, caches and imports begin
alike.
"""

import json
import os
import sys
from functools import partial

from .adapters import load
from .job import Job
from .measures import memory_mb, raise_file_limit
from .workloads import WORKLOADS


def main() -> None:
    """See the module's docstring."""
    job = Job(**json.loads(sys.argv[1]))
    if job.cpu is not None:
        os.sched_setaffinity(0, {job.cpu})
    raise_file_limit()
    play = WORKLOADS[job.workload].play
    assert play is not None
    adapter = load(job.adapter)
    numbers = adapter.loop.run(partial(play, adapter, job))
    print(json.dumps({**numbers, "peak_mb": memory_mb(peak=True)}))


if __name__ == "__main__":
    main()
