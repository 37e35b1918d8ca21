"""Asking several guardrails about one text, all at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from ..._util.nurseries import open_bare_nursery
from ...agents.guardrails import InputGuardrail, OutputGuardrail
from ...events import RealtimeGuardrailFailed
from ..core.session_core import SessionCore

GuardrailT = TypeVar("GuardrailT", InputGuardrail[Any], OutputGuardrail[Any])
ResultT = TypeVar("ResultT")


async def ask_guardrails(
    core: SessionCore,
    guardrails: Sequence[GuardrailT],
    run: Callable[[GuardrailT], Awaitable[ResultT]],
    failed: Callable[[GuardrailT, Exception], ResultT],
) -> tuple[ResultT, ...]:
    """Call ``run`` for all guardrails at the same time; return the results in their order.

    If one raises, the application is told by a ``guardrail_failed`` event, and ``failed`` makes the
    result.
    """
    results: dict[int, ResultT] = {}

    async def ask(place: int, guardrail: GuardrailT) -> None:
        try:
            results[place] = await run(guardrail)
        except Exception as exc:  # noqa: BLE001 - the boundary for the application's guardrails
            core.events.put(
                RealtimeGuardrailFailed(
                    guardrail_name=guardrail.get_name(), error=exc, info=core.info
                )
            )
            results[place] = failed(guardrail, exc)

    async with open_bare_nursery() as start_soon:
        for place, guardrail in enumerate(guardrails):
            start_soon(ask, place, guardrail)
    return tuple(results[place] for place in range(len(guardrails)))


def without_doubles(guardrails: Sequence[GuardrailT]) -> tuple[GuardrailT, ...]:
    """The guardrails in their order, each only once, although agent and run may both have it."""
    return tuple({id(guardrail): guardrail for guardrail in guardrails}.values())
