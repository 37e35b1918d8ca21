"""Random sessions with good and broken servers, and applications that do anything at any time."""

import pytest
from support_application import Case, play
from support_fuzz import seeds
from support_transports import each_kind

from trio_realtime.models.transports import TransportKind


@each_kind
@pytest.mark.parametrize("seed", seeds(30))
def test_whatever_happens_a_session_keeps_its_promises(seed: int, kind: TransportKind) -> None:
    """It understands the next good turn, answers every call once, and ends with all its tasks."""
    play(Case(seed, kind))
