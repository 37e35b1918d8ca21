"""The load of paced sessions: how many, for how long, and when each chunk is due.

Client (`paced`) and server (`pacer`) are on one machine and share `time.monotonic_ns`, so both know
when a chunk was due without telling each other.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

TICK_NS = 100_000_000
"""Each session gets 100 ms of audio, and sends 100 ms, in each tick of 100 ms."""
STEADY = 0.2
"""The share of the samples, at the beginning, that are left out: there the load sets in."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Chunks for so many sessions, evenly spread over each tick."""

    sessions: int
    ticks: int
    begin_ns: int
    both_ways: bool
    """Whether the client sends audio too, or only gets it."""

    @property
    def chunks(self) -> int:
        """How many chunks the server sends; also how many the client sends, if it does."""
        return self.sessions * self.ticks

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.ticks * TICK_NS / 1e9

    def down_due(self, chunk: int) -> int:
        """When the server's chunk is due: chunk 0 is for session 0, chunk 1 for session 1."""
        return self.begin_ns + chunk * TICK_NS // self.sessions

    def up_due(self, session: int, tick: int) -> int:
        """When a session's chunk of this tick is due at the client, between two of the server's."""
        return self.down_due(tick * self.sessions + session) + TICK_NS // self.sessions // 2

    def in_json(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def from_json(line: bytes) -> Load:
    """Read what `Load.in_json` wrote."""
    return Load(**json.loads(line))


def steady(samples: Sequence[float]) -> Sequence[float]:
    """Samples, in the order in which they came, without those of the beginning."""
    return samples[int(STEADY * len(samples)) :]
