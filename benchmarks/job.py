"""What a client process is told to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

Sizes: TypeAlias = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One measurement."""

    adapter: str
    workload: str
    script: str
    """What the server does; see `scripts` and `pacer`."""
    sizes: Sizes
    ports: Sequence[int]
    """What the server printed: the port of sessions, and others of its own."""
    secure: bool = False
    """Whether the server speaks TLS."""
    cpu: int | None = None
    """The core to run on; ``None`` leaves that to the system."""

    @property
    def url(self) -> str:
        """Where the server plays the script, with the sizes as its query."""
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://127.0.0.1:{self.ports[0]}/{self.script}?{urlencode(dict(self.sizes))}"
