"""The search for the largest load that is still carried, in few tries."""

import math
from dataclasses import dataclass, field

TRIES = 2
"""How often a size must fail to be too large: something else may disturb the machine for a moment,
which makes a load late but never makes one punctual."""


@dataclass(kw_only=True)
class Search:
    """First up, by what the last try says about the processor; then between the known bounds."""

    first: int
    most: int
    """Ends here: no larger size is tried."""
    within: float
    """Ends when the smallest size that failed is at most this share above the largest carried."""
    carried: int = 0
    """The largest size that was carried so far."""
    failed: int | None = None
    """The smallest size that is too large."""
    _busy: float = 1.0
    _failures: dict[int, int] = field(default_factory=dict[int, int])

    def size(self) -> int | None:
        """What to try next; ``None`` when the search is over."""
        if self.failed is None:
            return self._upwards() if self.carried < self.most else None
        if self.failed <= 1 + self.carried * (1 + self.within):
            return None
        if not self.carried:
            return self.failed // 2
        middle = max(math.sqrt(self.carried * self.failed), 0.85 * self.failed)
        return min(max(round(middle), self.carried + 1), self.failed - 1)

    def tell(self, size: int, *, punctual: bool, busy: float) -> None:
        """What came of a try: ``busy`` is the share of one processor that the client took."""
        if punctual:
            self.carried = max(self.carried, size)
            self._busy = busy
            return
        self._failures[size] = self._failures.get(size, 0) + 1
        if self._failures[size] == TRIES:
            self.failed = size if self.failed is None else min(self.failed, size)

    def _upwards(self) -> int:
        retried = [size for size in self._failures if size > self.carried]
        if retried:
            return min(retried)
        if not self.carried:
            return min(self.first, self.most)
        step = min(4.0, max(1 + 2 * self.within, 0.95 / self._busy))
        return min(self.most, max(self.carried + 1, round(self.carried * step)))
