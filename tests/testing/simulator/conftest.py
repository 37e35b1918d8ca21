"""Fixtures of the simulator's tests."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def server_event() -> Any:
    """The authority on server events: the ``openai`` package's own type."""
    pytest.importorskip("openai")
    from openai.types.realtime import RealtimeServerEvent
    from pydantic import TypeAdapter

    return TypeAdapter(RealtimeServerEvent)
