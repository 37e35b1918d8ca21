"""How many random stories the tests play, and which: from the environment, or few and always the
same.

``FUZZ_EXAMPLES`` is how many of each kind, ``FUZZ_SEED`` the seed of the first. The seed of a story
stands in the name of its test, so ``FUZZ_SEED=1234 FUZZ_EXAMPLES=1`` plays that one again.
"""

import os
from typing import Final

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "0"))
FIRST_SEED: Final = int(os.environ.get("FUZZ_SEED", "0"))


def seeds(few: int) -> range:
    """The seeds of the stories to play; ``few`` of them unless the environment says otherwise."""
    return range(FIRST_SEED, FIRST_SEED + (EXAMPLES or few))
