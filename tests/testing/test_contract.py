"""The contract tests, run on the fake model and on the OpenAI model over every transport; and the
tools they are made of."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.models.inputs import RealtimeModelSendUserInput
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.testing import (
    FakeConnection,
    FakeRealtimeModel,
    Peer,
    RealtimeModelContract,
    RealtimeSimulator,
    Remote,
    SimulatedConnection,
    spoken_response,
)


@attrs.frozen
class FakeRemote(Remote):
    connection: FakeConnection

    async def send_audio(self, chunks: Sequence[bytes]) -> None:
        for number, chunk in enumerate(chunks):
            self.connection.emit(spoken_response(f"resp_{number}", "item", "", audio=chunk))

    async def wait_texts(self, count: int) -> Sequence[str]:
        while len(self.texts) < count:
            await self.connection.expect(RealtimeModelSendUserInput)
        return self.texts

    @property
    def texts(self) -> Sequence[str]:
        return [
            part.text
            for sent in self.connection.sent
            if isinstance(sent, RealtimeModelSendUserInput)
            for part in sent.content
        ]

    async def close(self) -> None:
        self.connection.close()

    async def drop(self) -> None:
        self.connection.drop()


class TestFakeModel(RealtimeModelContract):
    @asynccontextmanager
    async def peer(self) -> AsyncGenerator[Peer]:
        model = FakeRealtimeModel()

        async def accept() -> Remote:
            return FakeRemote(model.connections[-1])

        yield Peer(model=model, config=RealtimeModelConfig(), accept=accept)


@attrs.frozen
class SimulatedRemote(Remote):
    connection: SimulatedConnection

    async def send_audio(self, chunks: Sequence[bytes]) -> None:
        import base64

        for chunk in chunks:
            await self.connection.send(
                {
                    "type": "response.output_audio.delta",
                    "response_id": "resp",
                    "item_id": "item",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": base64.b64encode(chunk).decode(),
                }
            )

    async def wait_texts(self, count: int) -> Sequence[str]:
        await self.connection.wait_received("conversation.item.create", count)
        events = self.connection.received_of("conversation.item.create")
        return [event["item"]["content"][0]["text"] for event in events]

    async def close(self) -> None:
        await self.connection.close()

    async def drop(self) -> None:
        await self.connection.drop()


class OpenAIContract(RealtimeModelContract):
    transport = "auto"

    @asynccontextmanager
    async def peer(self) -> AsyncGenerator[Peer]:
        simulator = RealtimeSimulator()
        async with simulator.memory_dialer() as dial:
            model = OpenAIRealtimeWebSocketModel(stream_factory=dial, transport=self.transport)

            async def accept() -> Remote:
                await trio.testing.wait_all_tasks_blocked()
                return SimulatedRemote(simulator.connections[-1])

            config = RealtimeModelConfig(url="ws://simulator/v1/realtime", api_key="a key")
            yield Peer(model=model, config=config, accept=accept)


class TestOpenAIModelOverTrioWebSocket(OpenAIContract):
    transport = "trio-websocket"


class TestOpenAIModelOverWebSockets(OpenAIContract):
    transport = "websockets"
