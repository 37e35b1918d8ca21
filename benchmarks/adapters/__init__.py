"""What is measured: each adapter drives one client library the same way.

An adapter is made by the function that `ADAPTERS` names, in a process of its own. Names that begin
with ``floor`` are not libraries: they do the least that yields audio, and give a scale.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias, cast

OnAudio: TypeAlias = Callable[[bytes], object]


class Client(Protocol):
    """One open session, as an application would use it."""

    async def send_message(self, text: str) -> None:
        """Send a message of the user, and ask for a response."""

    async def send_audio(self, pcm: bytes) -> None:
        """Send a chunk of the user's audio."""

    async def consume(self, on_audio: OnAudio, responses: int) -> None:
        """Take events until so many responses have ended; each audio delta goes to ``on_audio``."""


class Connect(Protocol):
    """Opens sessions."""

    def __call__(self, url: str, *, tools: bool = False) -> AbstractAsyncContextManager[Client]:
        """A session with the server at ``url``, with the tool ``add_one`` or without tools."""


Task: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """An event loop."""

    run: Callable[[Task], Any]
    """Runs an async function to its end."""
    tasks: Callable[[], AbstractAsyncContextManager[Callable[[Task], object]]]
    """Gives a function that starts a task. The end of the block waits for all of them."""
    sleep: Callable[[float], Awaitable[object]]
    """Waits so many seconds."""


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A client library, and the event loop that it runs on."""

    connect: Connect
    loop: Loop


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where an adapter is, and what it needs."""

    make: str
    label: str
    """What the plots call it."""
    interpreter: str = "default"
    """Which of the interpreters has its packages; see `measuring.Interpreters`."""
    imports: str
    """What an application imports to begin; the workload ``import`` measures it."""
    packages: tuple[str, ...]
    """Distributions whose releases are kept with the results."""


OURS, OURS_FAST, PEER = "trio_realtime", "trio_realtime-fast", "openai-agents"

ADAPTERS: dict[str, Entry] = {
    PEER: Entry(
        make="agents:openai_agents",
        label="OpenAI Agents SDK",
        interpreter="peer",
        imports="import agents.realtime",
        packages=("openai-agents", "openai", "websockets"),
    ),
    OURS: Entry(
        make="agents:trio_realtime",
        label="trio_realtime",
        imports="import trio_realtime; trio_realtime.OpenAIRealtimeWebSocketModel",
        packages=("trio-realtime", "trio", "trio-websocket", "msgspec"),
    ),
    OURS_FAST: Entry(
        make="agents:trio_realtime_fast",
        label="trio_realtime[fast]",
        interpreter="fast",
        imports="import trio_realtime; trio_realtime.OpenAIRealtimeWebSocketModel",
        packages=("trio-realtime", "trio", "websockets", "msgspec"),
    ),
    "floor-trio-websocket": Entry(
        make="floors:trio_websocket",
        label="floor over trio-websocket",
        imports="import trio, trio_websocket, msgspec",
        packages=("trio", "trio-websocket", "msgspec"),
    ),
    "floor-websockets": Entry(
        make="floors:websockets",
        label="floor over websockets",
        interpreter="fast",
        imports="import trio, websockets.client, msgspec",
        packages=("trio", "websockets", "msgspec"),
    ),
}


def is_floor(name: str) -> bool:
    """Whether an adapter is a floor."""
    return name.startswith("floor")


def load(name: str) -> Adapter:
    """Import what an adapter needs, and make it."""
    module, _, function = ADAPTERS[name].make.partition(":")
    return cast("Adapter", getattr(import_module(f"{__name__}.{module}"), function)())
