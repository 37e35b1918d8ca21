"""The table of a session's phases: every pair of a phase and a step."""

import itertools

import pytest

from trio_realtime.sessions.phase import TABLE, Phase, Step, WrongStepError, next_phase

ALLOWED: dict[Phase, dict[Step, Phase]] = {
    Phase.NEW: {Step.START: Phase.OPENING, Step.END: Phase.CLOSED},
    Phase.OPENING: {Step.OPENED: Phase.OPEN, Step.END: Phase.CLOSING},
    Phase.OPEN: {Step.RENEW: Phase.RENEWING, Step.END: Phase.CLOSING},
    Phase.RENEWING: {Step.RENEWED: Phase.OPEN, Step.END: Phase.CLOSING},
    Phase.CLOSING: {
        Step.OPENED: Phase.CLOSING,
        Step.RENEW: Phase.CLOSING,
        Step.RENEWED: Phase.CLOSING,
        Step.END: Phase.CLOSING,
        Step.GONE: Phase.CLOSED,
    },
    Phase.CLOSED: {Step.END: Phase.CLOSED},
}


@pytest.mark.parametrize(("phase", "step"), list(itertools.product(Phase, Step)))
def test_every_pair_of_a_phase_and_a_step(phase: Phase, step: Step) -> None:
    """A pair leads to the phase that is written here, or is an error that names both."""
    expected = ALLOWED[phase].get(step)
    if expected is not None:
        assert next_phase(phase, step) is expected
        return
    with pytest.raises(WrongStepError, match=f"'{step.value}' .* is {phase.value}"):
        next_phase(phase, step)


def test_the_end_can_come_in_every_phase() -> None:
    """Whoever ends a session need not ask where it is."""
    assert {phase for phase, step in TABLE if step is Step.END} == set(Phase)


def test_nothing_leads_back_to_the_beginning() -> None:
    """A session is used once, and what is closed stays closed."""
    assert Phase.NEW not in TABLE.values()
    assert {after for (phase, _), after in TABLE.items() if phase is Phase.CLOSED} == {Phase.CLOSED}


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_can_be_reached_and_left_for_good(phase: Phase) -> None:
    """From the beginning there is a way to each phase, and from each one to the end."""
    assert phase in reachable(Phase.NEW)
    assert Phase.CLOSED in reachable(phase)


def reachable(start: Phase) -> set[Phase]:
    """The phases that some row of steps leads to, the first included."""
    found, new = {start}, {start}
    while new:
        new = {after for (before, _), after in TABLE.items() if before in new} - found
        found |= new
    return found
