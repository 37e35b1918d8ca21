"""Which measurements, in which order: rounds in which the adapters alternate.

Whatever disturbs the machine for a while disturbs neighbours alike, so `results` compares runs of
the same round. Each measurement is a client process and a server process, on cores of their own
where there are two; the round's order turns round each time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from .adapters import ADAPTERS, is_floor
from .job import Job
from .measures import Numbers
from .workloads import SCALES, WORKLOADS, Workload

ROOT = Path(__file__).parent.parent
TIMEOUT = 180.0
"""Seconds for one measurement."""

Interpreters = Mapping[str, str]
"""``default``, ``fast`` (with the ``fast`` extra) and ``peer`` (with openai-agents, which wants
another release of websockets): the Python of the environment that has the packages."""


class MeasurementError(Exception):
    """A client did not finish; holds what it had to say."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    adapters: Sequence[str]
    workloads: Sequence[str]
    repeats: int | None = None
    """Rounds; ``None`` for as many as each workload asks for."""
    scale: str = "full"
    """One of `workloads.SCALES`."""
    interpreters: Interpreters = field(default_factory=dict[str, str])

    def adapters_for(self, workload: Workload) -> list[str]:
        """Those that can do it."""
        return [name for name in self.adapters if workload.floors or not is_floor(name)]

    def rounds(self, workload: Workload) -> int:
        """How often to measure it with each adapter."""
        return self.repeats or workload.rounds[SCALES.index(self.scale)]

    def python_of(self, adapter: str) -> str:
        """The interpreter that has an adapter's packages."""
        default = self.interpreters.get("default", sys.executable)
        return self.interpreters.get(ADAPTERS[adapter].interpreter, default)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement and what came of it."""

    workload: str
    adapter: str
    round: int
    numbers: Numbers


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One measurement of which nothing came."""

    workload: str
    adapter: str
    reason: str


def measure_all(plan: Plan) -> Iterator[Run | Failure]:
    """Make every measurement of a plan; one that fails does not keep the others from being made."""
    for name in plan.workloads:
        workload = WORKLOADS[name]
        adapters = plan.adapters_for(workload)
        for number in range(plan.rounds(workload)):
            for adapter in adapters if number % 2 == 0 else reversed(adapters):
                try:
                    numbers = _measure(plan.python_of(adapter), adapter, name, plan.scale)
                except MeasurementError as failure:
                    yield Failure(workload=name, adapter=adapter, reason=str(failure))
                else:
                    yield Run(workload=name, adapter=adapter, round=number, numbers=numbers)


def cores() -> tuple[int, int] | tuple[None, None]:
    """A core for the client and one for the server, where there are two and they can be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    client, *others = sorted(os.sched_getaffinity(0))
    return (client, others[0]) if others else (None, None)


def _measure(python: str, adapter: str, name: str, scale: str) -> Numbers:
    workload = WORKLOADS[name]
    client_core, server_core = cores()
    if workload.play is None:
        script = str(Path(__file__).with_name("import_cost.py"))
        return _run([python, "-I", script, ADAPTERS[adapter].imports])
    with ExitStack() as stack:
        tls = stack.enter_context(_certificates()) if workload.secure else None
        server = stack.enter_context(_server(workload, server_core, tls))
        assert server.stdin is not None
        assert server.stdout is not None
        job = Job(
            adapter=adapter,
            workload=name,
            script=workload.script,
            sizes=workload.sizes_at(scale),
            ports=[int(port) for port in server.stdout.readline().split()],
            secure=workload.secure,
            cpu=client_core,
        )
        trust = {} if tls is None else {"SSL_CERT_FILE": str(tls.authority)}
        numbers = _run([python, "-m", "benchmarks.client", json.dumps(asdict(job))], trust)
        server.stdin.close()
        return {**numbers, **json.loads(server.stdout.read())}


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files of a certificate authority that exists for one measurement."""

    authority: Path
    """What clients trust; OpenSSL reads its name from the environment, so this needs no adapter's
    help."""
    server: Path
    """The server's certificate and its key."""


@contextmanager
def _certificates() -> Iterator[Certificates]:
    try:
        import trustme
    except ImportError:
        raise MeasurementError("a server that speaks TLS needs the package trustme") from None
    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        files = Certificates(
            authority=Path(folder, "authority.pem"), server=Path(folder, "server.pem")
        )
        authority.cert_pem.write_to_path(str(files.authority))
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(files.server))
        yield files


@contextmanager
def _server(
    workload: Workload, core: int | None, tls: Certificates | None
) -> Iterator[subprocess.Popen[str]]:
    options = [] if core is None else ["--cpu", str(core)]
    if tls is not None:
        options += ["--certificate", str(tls.server)]
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{workload.server}", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def _run(arguments: list[str], variables: Mapping[str, str] | None = None) -> Numbers:
    """Run a process that prints one JSON object, with more environment variables than here."""
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            cwd=ROOT,
            env={**os.environ, **(variables or {})},
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"no result within {TIMEOUT:g} s") from None
    except subprocess.CalledProcessError as error:
        raise MeasurementError(str(error.stderr).strip()) from None
    numbers: Numbers = json.loads(done.stdout)
    return numbers


_ASK_VERSIONS = """
import json, platform, sys
from importlib import metadata
print(json.dumps({name: metadata.version(name) for name in sys.argv[1:]}
    | {"python": platform.python_version()}))
"""


def versions(plan: Plan) -> dict[str, dict[str, str]]:
    """For each adapter, the releases of what it consists of."""
    found: dict[str, dict[str, str]] = {}
    for adapter in plan.adapters:
        packages = ADAPTERS[adapter].packages
        asked = subprocess.run(
            [plan.python_of(adapter), "-I", "-c", _ASK_VERSIONS, *packages],
            capture_output=True,
            text=True,
            check=True,
        )
        found[adapter] = json.loads(asked.stdout)
    return found
