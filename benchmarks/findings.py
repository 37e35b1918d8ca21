"""What the tables say, in sentences, so that the page cannot say anything else."""

from collections.abc import Iterable

from .adapters import ADAPTERS, OURS, OURS_FAST, PEER
from .results import Ratio, Results
from .table import number
from .workloads import WORKLOADS

LEVEL = 0.05
"""A median this near to 1, or a spread that has 1 in it, is no difference."""
FLOORS = {OURS: "floor-trio-websocket", OURS_FAST: "floor-websockets"}
"""The floor over the same WebSocket library."""
CALLED = {OURS: "Over trio-websocket", OURS_FAST: "Over websockets (``[fast]``)"}


def in_rst(results: Results) -> str:
    """A list."""
    found = [*_capacities(results), *_compared(results), *_against_floors(results)]
    return "".join(f"* {sentence}\n" for sentence in found)


def difference(ratio: Ratio) -> str:
    """``better``, ``worse`` or ``level``."""
    if ratio.lowest < 1 < ratio.highest or abs(ratio.median - 1) < LEVEL:
        return "level"
    return "better" if ratio.median > 1 else "worse"


def _compared(results: Results) -> Iterable[str]:
    for adapter, called in CALLED.items():
        found = _sort_out(results, adapter, PEER)
        phrases = {
            "better": "better than the SDK",
            "worse": "worse than the SDK",
            "level": "level with the SDK",
        }
        for kind, phrase in phrases.items():
            if found[kind]:
                yield f"{called}, this library is {phrase} at {'; '.join(found[kind])}."


def _against_floors(results: Results) -> Iterable[str]:
    for adapter, floor in FLOORS.items():
        found = _sort_out(results, adapter, floor)
        if any(found.values()):
            better = "; ".join(found["better"]) or "nothing"
            yield f"{CALLED[adapter]}, it is better than that library's floor at {better}."


def _sort_out(results: Results, adapter: str, base: str) -> dict[str, list[str]]:
    """The titles of what is compared, by `difference`, each with its ratio."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "level": []}
    for name in results.workloads():
        for metric in WORKLOADS[name].compared():
            ratio = results.ratio(name, adapter, base, metric)
            if ratio is not None:
                found[difference(ratio)].append(f"“{metric.title}” ({ratio.median:.2f})")
    return found


def _capacities(results: Results) -> Iterable[str]:
    for name, line in (("capacity_tls", "Over TLS"), ("capacity", "Over plain TCP")):
        measured = results.adapters(name)
        if PEER not in measured:
            continue
        carried = "; ".join(_carried(results, name, adapter) for adapter in measured)
        busy = max(results.median(name, adapter, "server_busy") for adapter in measured)
        yield (
            f"{line}, one core carries this many sessions: {carried}. "
            f"The server used at most {busy:.0%} of its own core."
        )


def _carried(results: Results, name: str, adapter: str) -> str:
    """An adapter's sessions, and how many times the SDK's they are."""
    metric = WORKLOADS[name].metrics[0]
    sessions = f"{ADAPTERS[adapter].label} {number(results.median(name, adapter, metric.name))}"
    ratio = None if adapter == PEER else results.ratio(name, adapter, PEER, metric)
    return sessions if ratio is None else f"{sessions} ({ratio.median:.2f} times the SDK's)"
