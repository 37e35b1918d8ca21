"""The contract tests, run on the fake model and on the OpenAI model over every transport; and the
tools they are made of."""

import base64
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import attrs
import pytest
import trio

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.items import InputText
from trio_realtime.models.inputs import RealtimeModelSendUserInput
from trio_realtime.models.openai.model import OpenAIRealtimeWebSocketModel
from trio_realtime.models.transports import TransportKind
from trio_realtime.testing import (
    FakeConnection,
    FakeRealtimeModel,
    LostExceptionError,
    Peer,
    RealtimeModelContract,
    RealtimeSimulator,
    Remote,
    SimulatedConnection,
    SurvivorsError,
    assert_nothing_survives,
    cancel_at_each_checkpoint,
    leaks,
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
            if isinstance(part, InputText)
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
    transport: TransportKind = "auto"

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
    transport: TransportKind = "trio-websocket"


class TestOpenAIModelOverWebSockets(OpenAIContract):
    transport: TransportKind = "websockets"


# -- the tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["trio-websocket", "websockets"])
async def test_no_stream_survives_a_connection(transport: TransportKind) -> None:
    """Wherever it is cancelled, a stream that was dialled is closed."""
    simulator = RealtimeSimulator()
    dialled: list[trio.abc.Stream] = []
    async with simulator.memory_dialer() as dial:

        async def dial_and_note(host: str, port: int) -> trio.abc.Stream:
            dialled.append(await dial(host, port))
            return dialled[-1]

        model = OpenAIRealtimeWebSocketModel(stream_factory=dial_and_note, transport=transport)
        config = RealtimeModelConfig(url="ws://simulator/v1/realtime", api_key="a key")

        async def connect() -> None:
            async with model.connect(config):
                pass

        assert await cancel_at_each_checkpoint(connect) > 5
        assert len(dialled) > 5
        for stream in dialled:
            with pytest.raises(trio.ClosedResourceError):
                await stream.send_all(b"x")


async def test_a_walk_meets_every_checkpoint() -> None:
    """Each wait is cancelled in its turn, whether its task was already waiting or not."""
    reached: list[str] = []

    async def child() -> None:
        reached.append("child")
        await trio.lowlevel.checkpoint()
        reached.append("child's end")

    async def two_tasks() -> None:
        reached.append("begin")
        await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
        reached.append("end")

    runs = await cancel_at_each_checkpoint(two_tasks)
    assert reached.count("begin") == runs + 1
    assert 1 < reached.count("child") < runs
    assert reached.count("end") >= 1


async def test_a_walk_cancels_checkpoints_that_do_not_wait() -> None:
    """`checkpoint_if_cancelled` is no step of its own; the cancellation is there already."""
    passed: list[int] = []

    async def one_of_each() -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        passed.append(1)
        await trio.lowlevel.cancel_shielded_checkpoint()
        passed.append(2)
        await trio.lowlevel.checkpoint_if_cancelled()
        passed.append(3)

    assert await cancel_at_each_checkpoint(one_of_each) == 3
    # Cancelled before it begins; while it waits; when it goes on after waiting; not at all.
    assert passed == [*[], *[1, 2], *[1, 2], *[1, 2, 3]]


async def test_a_walk_leaves_others_alone() -> None:
    """Tasks of nurseries that were open before are neither counted nor cancelled."""
    async with trio.open_nursery() as nursery:

        async def spin() -> None:
            while True:
                await trio.lowlevel.checkpoint()

        nursery.start_soon(spin)
        assert await cancel_at_each_checkpoint(trio.lowlevel.checkpoint) == 3
        assert len(nursery.child_tasks) == 1
        nursery.cancel_scope.cancel()


async def test_a_walk_finds_what_a_cancellation_leaves_behind() -> None:
    """And says at which step."""

    async def leak_when_cancelled() -> None:
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            trio.lowlevel.spawn_system_task(trio.sleep, 1)
            raise

    with pytest.raises(SurvivorsError, match=r"trio\.sleep") as raised:
        await cancel_at_each_checkpoint(leak_when_cancelled)
    assert raised.value.__notes__ == ["when cancelled at step 0"]


async def test_a_walk_raises_what_the_function_raises() -> None:
    """With the step where it was cancelled, and without one where it was not."""

    async def fail_when_cancelled() -> None:
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            raise KeyError("from cleaning up") from None

    with pytest.raises(KeyError) as raised:
        await cancel_at_each_checkpoint(fail_when_cancelled)
    assert raised.value.__notes__ == ["when cancelled at step 0"]

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("always")

    with pytest.raises(KeyError, match="always") as raised:
        await cancel_at_each_checkpoint(fail)
    assert not hasattr(raised.value, "__notes__") or "step 2" in raised.value.__notes__[0]


RAISED = [KeyError("plain"), KeyboardInterrupt(), ExceptionGroup("a group", [KeyError("in it")])]


@pytest.mark.parametrize("raised", RAISED, ids=repr)
async def test_a_walk_demands_that_what_a_block_raises_comes_out(raised: BaseException) -> None:
    """A context manager that lets it through passes; the walk meets its closing as well."""

    @asynccontextmanager
    async def careful() -> AsyncIterator[None]:
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()

    async def use() -> None:
        async with careful():
            await trio.lowlevel.checkpoint()
            raise raised

    assert await cancel_at_each_checkpoint(use, raises=raised) == 5


@pytest.mark.parametrize("raised", RAISED, ids=repr)
async def test_a_walk_finds_an_exception_that_a_cancellation_replaces(
    raised: BaseException,
) -> None:
    """A checkpoint in the closing of a context manager raises `Cancelled` over it."""

    @asynccontextmanager
    async def careless() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await trio.lowlevel.checkpoint()

    async def use() -> None:
        async with careless():
            raise raised

    with pytest.raises(LostExceptionError, match="Cancelled.* came out") as lost:
        await cancel_at_each_checkpoint(use, raises=raised)
    assert lost.value.__notes__ == ["when cancelled at step 0"]


@asynccontextmanager
async def suppressing(kind: type[BaseException]) -> AsyncIterator[None]:
    """`contextlib.suppress`, to be used with ``async with``."""
    with suppress(kind):
        yield


@pytest.mark.parametrize(
    ("manager", "instead"),
    [(trio.open_nursery, "ExceptionGroup"), (lambda: suppressing(KeyError), "nothing")],
)
async def test_a_walk_finds_an_exception_that_is_wrapped_or_swallowed(
    manager: Callable[[], AbstractAsyncContextManager[object]], instead: str
) -> None:
    """The message says what came out in its place."""
    raised = KeyError("mine")

    async def use() -> None:
        async with manager():
            raise raised

    with pytest.raises(LostExceptionError, match=f"{instead}.* came out"):
        await cancel_at_each_checkpoint(use, raises=raised)


async def test_a_walk_demands_that_the_exception_is_raised_at_all() -> None:
    """Else the walk would have tested nothing."""
    with pytest.raises(LostExceptionError, match="was not raised"):
        await cancel_at_each_checkpoint(trio.lowlevel.checkpoint, raises=KeyError("mine"))


async def test_nothing_survives_an_orderly_block() -> None:
    """Tasks, sockets and threads that end within the block are nobody's business."""
    async with assert_nothing_survives():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)
        listener = trio.socket.socket()
        listener.close()
        await trio.to_thread.run_sync(len, "abc")


async def test_a_task_that_is_on_its_way_out_may_end() -> None:
    """Others run until they all wait, before anything is said."""
    async with trio.open_nursery() as nursery, assert_nothing_survives():
        nursery.start_soon(trio.lowlevel.checkpoint)


async def test_surviving_tasks_are_named() -> None:
    """With the place where they wait; those of an excepted nursery may live."""
    async with trio.open_nursery() as nursery:
        async with assert_nothing_survives(outside=[nursery]):
            nursery.start_soon(trio.sleep_forever)
        with pytest.raises(SurvivorsError, match=r"task trio\.sleep_forever, in .*_timeouts.py:\d"):
            async with assert_nothing_survives():
                nursery.start_soon(trio.sleep_forever)
        nursery.cancel_scope.cancel()


async def test_surviving_sockets_are_named() -> None:
    """By their file descriptor."""
    sockets: list[trio.socket.SocketType] = []
    with pytest.raises(SurvivorsError, match="socket with file descriptor"):
        async with assert_nothing_survives():
            sockets.append(trio.socket.socket())
    sockets[0].close()


async def test_surviving_threads_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trio names a thread after what it runs; an idle one in Trio's cache does not count."""
    monkeypatch.setattr(leaks, "_PATIENCE", 0.01)
    release = threading.Event()
    scope = trio.CancelScope()

    def wait_for_release() -> None:
        trio.from_thread.run_sync(scope.cancel)
        release.wait()

    async def abandon_a_thread() -> None:
        with scope:
            await trio.to_thread.run_sync(wait_for_release, abandon_on_cancel=True)

    with pytest.raises(SurvivorsError, match="thread wait_for_release from"):
        async with assert_nothing_survives():
            await abandon_a_thread()
    release.set()


async def test_an_exception_of_the_block_gets_the_survivors_as_a_note() -> None:
    """It leaves as the same object; without survivors it gets no note."""
    async with trio.open_nursery() as nursery:
        for survives in (False, True):
            own = KeyError("the block's own")
            with pytest.raises(KeyError) as raised:
                await _fail_in_block(own, nursery if survives else None)
            assert raised.value is own
            assert hasattr(own, "__notes__") == survives
        nursery.cancel_scope.cancel()


async def _fail_in_block(error: Exception, nursery: trio.Nursery | None) -> None:
    async with assert_nothing_survives():
        if nursery is not None:
            nursery.start_soon(trio.sleep_forever)
        raise error


def test_platforms_that_list_no_files_have_no_sockets_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows; the other checks still work there."""
    monkeypatch.setattr(leaks, "_DESCRIPTORS", ("/nowhere",))
    with socket.socket():
        assert leaks.open_sockets() == {}
