"""The two libraries under comparison. Their sessions look the same, so one client fits both."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Literal

from . import Adapter, Client, Connect, OnAudio, loops

CONFIG = {"tracing_disabled": True}


class SessionClient:
    """A session of either library. Typed loosely: only one of them is installed beside it."""

    def __init__(self, session: Any) -> None:
        self.send_message = session.send_message
        self.send_audio = session.send_audio
        self._events = aiter(session)

    async def consume(self, on_audio: OnAudio, responses: int) -> None:
        """See `Client.consume`."""
        async for event in self._events:
            kind = event.type
            if kind == "audio":
                on_audio(event.audio.data)
            elif kind == "agent_end":
                responses -= 1
                if not responses:
                    return
            elif kind == "error":
                raise RuntimeError(event.error)
        raise RuntimeError("the session ended early")


def openai_agents() -> Adapter:
    """The peer, with its own WebSocket library, on asyncio."""
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
    sdk = import_module("agents")
    realtime = import_module("agents.realtime")
    connect = _connect(realtime.RealtimeAgent, realtime.RealtimeRunner, sdk.function_tool)
    return Adapter(connect=connect, loop=loops.on_asyncio())


def trio_realtime() -> Adapter:
    """This library, over trio-websocket."""
    return _ours("trio-websocket")


def trio_realtime_fast() -> Adapter:
    """This library, over websockets."""
    return _ours("websockets")


def _ours(transport: Literal["trio-websocket", "websockets"]) -> Adapter:
    import trio_realtime as ours

    model = ours.OpenAIRealtimeWebSocketModel(transport=transport)
    connect = _connect(ours.RealtimeAgent, ours.RealtimeRunner, ours.function_tool, model=model)
    return Adapter(connect=connect, loop=loops.on_trio())


def _connect(agent_type: Any, runner_type: Any, function_tool: Any, **how: Any) -> Connect:
    @function_tool  # type: ignore[untyped-decorator]
    def add_one(x: int) -> str:
        """Add one."""
        return str(x + 1)

    @asynccontextmanager
    async def connect(url: str, *, tools: bool = False) -> AsyncIterator[Client]:
        agent = agent_type(name="bench", instructions="", tools=[add_one] if tools else [])
        runner = runner_type(agent, config=CONFIG, **how)
        where = {"url": url, "api_key": "none"}
        async with await runner.run(model_config=where) as session:
            yield SessionClient(session)

    return connect
