"""A line about audio that streams: how much there was, and how loud the last pieces were. Pure."""

import math
from collections import deque

import attrs

from ..audio import level_dbfs
from .recordings import BYTES_PER_MS

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.:-=+*#"
_SILENT_DB = -96.0
"""The lowest level that 16 bits can represent, in dB below full scale."""
_LOWEST_BAR_DB = -48.0
_WIDTH = 24


def bars_for(encoding: str | None) -> str:
    """The bars to draw with on a stream of this encoding, lowest first."""
    try:
        BARS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN_BARS
    return BARS


@attrs.define(eq=False, kw_only=True)
class Meter:
    """Measures audio of one direction: PCM16 mono 24 kHz."""

    of_seconds: float | None = None
    """How much audio is expected, in seconds, if that is known."""
    bars: str = BARS
    _bytes: int = 0
    _energy: float = 0.0
    _levels: deque[float] = attrs.field(factory=lambda: deque[float](maxlen=_WIDTH))

    def feed(self, pcm: bytes) -> None:
        """Measure the next piece, which must not be empty."""
        level = max(level_dbfs(pcm), _SILENT_DB)
        self._levels.append(level)
        self._energy += 10 ** (level / 10) * len(pcm)
        self._bytes += len(pcm)

    @property
    def seconds(self) -> float:
        return self._bytes / BYTES_PER_MS / 1000

    def line(self) -> str:
        """Seconds so far, the last level in dB below full scale, and those before it as bars."""
        bars = "".join(self._bar(level) for level in self._levels)
        total = "" if self.of_seconds is None else f" of {self.of_seconds:.1f}"
        return f"{self.seconds:.1f}{total} s {round(self._levels[-1])} dB {bars}"

    def summary(self) -> str:
        """How long it was, and how loud on average."""
        level = 10 * math.log10(self._energy / self._bytes)
        return f"{self.seconds:.1f} s at {round(level)} dB"

    def _bar(self, level: float) -> str:
        share = 1 - max(level, _LOWEST_BAR_DB) / _LOWEST_BAR_DB
        return self.bars[min(int(share * len(self.bars)), len(self.bars) - 1)]
