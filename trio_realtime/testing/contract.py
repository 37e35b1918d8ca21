"""The tests that every `RealtimeModel` passes: what `RealtimeConnection` promises, tried out.

Authors of a model subclass `RealtimeModelContract` in their tests and give it a `Peer`: the model
together with the server's end of its connections. pytest-trio runs the tests; the tests of
`trio_realtime` run them on the fake model and on the OpenAI model::

    class TestMyModel(RealtimeModelContract):
        @asynccontextmanager
        async def peer(self):
            async with my_server() as server:
                yield Peer(model=MyModel(server.url), config=RealtimeModelConfig(), accept=...)
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, ClassVar, NoReturn, cast

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from ..errors import RealtimeConnectionError, RealtimeSessionClosed, UserError
from ..items import InputText
from ..models.events import RealtimeModelAudioEvent, RealtimeModelEvent
from ..models.inputs import (
    RealtimeModelInput,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)
from ..models.interface import RealtimeConnection, RealtimeModel
from ..models.model_config import RealtimeModelConfig
from .checkpoints import cancel_at_each_checkpoint
from .leaks import assert_nothing_survives

BOUND = 10.0
"""Seconds in which anything must have happened; only a test that would hang takes so long."""


class Remote(ABC):
    """The server's end of one connection, as the tests use it."""

    @abstractmethod
    async def send_audio(self, chunks: Sequence[bytes]) -> None:
        """Let the model speak: the connection is to yield a `RealtimeModelAudioEvent` for each
        chunk (mono PCM16 at 24 kHz, an even number of bytes), among whatever other events.

        Returns once the chunks are on their way, before anybody has read them."""

    @abstractmethod
    async def wait_texts(self, count: int) -> Sequence[str]:
        """Wait until so many user messages have arrived in all; their texts, in order."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection as the server does when all is well, after what was sent before.

        May wait until the client has gone along with it."""

    @abstractmethod
    async def drop(self) -> None:
        """Break the connection without a closing handshake, but after what was sent before."""


@attrs.frozen(kw_only=True)
class Peer:
    """A model and what it connects to."""

    model: RealtimeModel
    config: RealtimeModelConfig
    accept: Callable[[], Awaitable[Remote]]
    """The server's end of the connection that was opened last."""


CHUNKS = tuple(bytes([number, 0]) * 240 for number in range(1, 6))
"""Five pieces of audio, 10 ms each, to be told apart."""


def message(text: str) -> RealtimeModelSendUserInput:
    """A user message that asks for no answer."""
    return RealtimeModelSendUserInput(content=(InputText(text=text),), start_response=False)


async def read_audio(connection: RealtimeConnection, count: int) -> list[bytes]:
    """The audio of the next so many audio events."""
    heard: list[bytes] = []
    with trio.fail_after(BOUND):
        while len(heard) < count:
            event = await anext(aiter(connection))
            if isinstance(event, RealtimeModelAudioEvent):
                heard.append(event.data)
    return heard


async def read_to_the_end(connection: RealtimeConnection) -> list[bytes]:
    """The audio of all further audio events. Raises what the iteration raises."""
    with trio.fail_after(BOUND):
        return [e.data async for e in connection if isinstance(e, RealtimeModelAudioEvent)]


class RealtimeModelContract(ABC):
    """Subclass it under a name that pytest collects, and implement `peer`."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.trio

    @abstractmethod
    def peer(self) -> AbstractAsyncContextManager[Peer]:
        """A new model and server for one test."""

    # -- opening and leaving -------------------------------------------------------
    async def test_nothing_survives_a_connection(self) -> None:
        """Leaving the block ends every task and closes every socket."""
        async with self.peer() as peer, assert_nothing_survives(), peer.model.connect(peer.config):
            await (await peer.accept()).send_audio(CHUNKS)

    async def test_an_exception_of_the_block_leaves_unchanged(self) -> None:
        """The very object the block raised, neither wrapped nor rebuilt."""
        raised = KeyError("the block's own")
        async with self.peer() as peer:
            assert await _leave_with(peer, raised) is raised

    async def test_an_exception_group_of_the_block_leaves_unchanged(self) -> None:
        """The same group, with the same exceptions in it."""
        inner = KeyError("the block's own")
        raised = ExceptionGroup("the block's own", [inner])
        async with self.peer() as peer:
            assert await _leave_with(peer, raised) is raised
            assert raised.exceptions == (inner,)

    async def test_leaving_when_cancelled_is_bounded(self) -> None:
        """A cancelled block closes the connection and ends; what it ran is gone."""
        async with self.peer() as peer:
            async with assert_nothing_survives():
                with trio.fail_after(BOUND), trio.CancelScope() as scope:
                    async with peer.model.connect(peer.config):
                        await peer.accept()
                        scope.cancel()
                        await trio.sleep_forever()
            assert scope.cancelled_caught

    async def test_leaving_sends_what_was_taken(self) -> None:
        """Inputs sent just before the end of the block arrive."""
        texts = [f"message {number}" for number in range(20)]
        async with self.peer() as peer:
            async with peer.model.connect(peer.config) as connection:
                remote = await peer.accept()
                for text in texts:
                    await connection.send(message(text))
            assert await _texts(remote, len(texts)) == texts

    async def test_opening_and_leaving_can_be_cancelled_anywhere(self) -> None:
        """Cancelled at each checkpoint of its life, a connection leaves nothing behind."""
        async with self.peer() as peer:

            async def converse() -> None:
                async with peer.model.connect(peer.config) as connection:
                    await connection.send(message("hello"))

            with trio.fail_after(BOUND):
                assert await cancel_at_each_checkpoint(converse) > 1

    async def test_connections_of_one_model_are_independent(self) -> None:
        """Two at once: each has its own events, its own inputs and its own end."""
        async with self.peer() as peer, peer.model.connect(peer.config) as first:
            first_remote = await peer.accept()
            async with peer.model.connect(peer.config) as second:
                second_remote = await peer.accept()
                await first.send(message("to the first"))
                await second.send(message("to the second"))
                assert await _texts(first_remote, 1) == ["to the first"]
                assert await _texts(second_remote, 1) == ["to the second"]
                await second_remote.send_audio(CHUNKS[:2])
                await first_remote.send_audio(CHUNKS[2:])
                assert await read_audio(second, 2) == list(CHUNKS[:2])
            await first.send(message("still here"))
            assert await _texts(first_remote, 2) == ["to the first", "still here"]
            assert await read_audio(first, 3) == list(CHUNKS[2:])

    # -- receiving -----------------------------------------------------------------
    async def test_events_arrive_in_order(self) -> None:
        """What the server sends is yielded in the order it was sent."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            await (await peer.accept()).send_audio(CHUNKS)
            assert await read_audio(connection, len(CHUNKS)) == list(CHUNKS)

    async def test_cancelling_the_iteration_loses_no_event(self) -> None:
        """A reader that is cancelled while it waits goes on where it was."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            heard: list[bytes] = []
            for chunk in CHUNKS:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_read_into, heard, connection)
                    await wait_all_tasks_blocked()
                    await remote.send_audio([chunk])
                    # Now at the latest: in the middle of what this very reader is to get.
                    nursery.cancel_scope.cancel()
            heard += await read_audio(connection, len(CHUNKS) - len(heard))
            assert heard == list(CHUNKS)

    async def test_events_are_delivered_in_order(self) -> None:
        """`deliver` hands over what iterating would yield, and returns at a clean close."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            heard: list[bytes] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_and, remote, remote.close)
                with trio.fail_after(BOUND):
                    await connection.deliver(partial(_note_audio, heard))
            assert heard == list(CHUNKS)

    async def test_cancelling_a_delivery_loses_no_event(self) -> None:
        """One that is cancelled while it waits goes on where it was."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            heard: list[bytes] = []
            for chunk in CHUNKS:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(connection.deliver, partial(_note_audio, heard))
                    await wait_all_tasks_blocked()
                    await remote.send_audio([chunk])
                    nursery.cancel_scope.cancel()
            heard += await read_audio(connection, len(CHUNKS) - len(heard))
            assert heard == list(CHUNKS)

    async def test_a_handler_that_raises_ends_the_delivery(self) -> None:
        """The very exception comes out, and the events after that one are still to be had."""
        raised = KeyError("the handler's own")

        def fail_at_audio(event: RealtimeModelEvent) -> None:
            if isinstance(event, RealtimeModelAudioEvent):
                raise raised

        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            await (await peer.accept()).send_audio(CHUNKS)
            with trio.fail_after(BOUND), pytest.raises(KeyError) as out:
                await connection.deliver(fail_at_audio)
            assert out.value is raised
            assert await read_audio(connection, len(CHUNKS) - 1) == list(CHUNKS[1:])

    async def test_a_clean_close_ends_the_iteration(self) -> None:
        """Unread events are delivered, then the iteration ends; so does one begun after that."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_and, remote, remote.close)
                assert await read_to_the_end(connection) == list(CHUNKS)
            assert await read_to_the_end(connection) == []

    async def test_a_drop_is_raised_after_the_events_before_it(self) -> None:
        """Unread events are delivered, then `RealtimeConnectionError` is raised."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            await _send_and(remote, remote.drop)
            assert await read_audio(connection, len(CHUNKS)) == list(CHUNKS)
            with pytest.raises(RealtimeConnectionError):
                await read_to_the_end(connection)

    # -- sending -------------------------------------------------------------------
    async def test_inputs_of_one_task_arrive_in_order(self) -> None:
        """They arrive in the order they were sent, while the block goes on."""
        texts = [f"message {number}" for number in range(20)]
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            for text in texts:
                await connection.send(message(text))
            assert await _texts(remote, len(texts)) == texts

    async def test_tasks_send_at_the_same_time(self) -> None:
        """Every input of every task arrives, those of each task in order."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()

            async def send_five(task: int) -> None:
                for number in range(5):
                    await connection.send(message(f"{task} {number}"))

            async with trio.open_nursery() as nursery:
                for task in range(5):
                    nursery.start_soon(send_five, task)
            texts = await _texts(remote, 25)
            for task in range(5):
                mine = [text for text in texts if text.startswith(f"{task} ")]
                assert mine == [f"{task} {number}" for number in range(5)]

    async def test_sending_when_cancelled_sends_nothing(self) -> None:
        """An input is taken whole or not at all."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            with trio.CancelScope() as scope:
                scope.cancel()
                await connection.send(message("never sent"))
            assert scope.cancelled_caught
            await connection.send(message("sent"))
            assert await _texts(remote, 1) == ["sent"]

    async def test_a_wrong_input_is_refused_without_harm(self) -> None:
        """`UserError` at the door; the connection goes on."""
        wrong = (RealtimeModelSendRawMessage(message={"no": "type"}), object())
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            for each in wrong:
                with pytest.raises(UserError):
                    await connection.send(cast("RealtimeModelInput", each))
            await connection.send(message("right"))
            assert await _texts(remote, 1) == ["right"]

    async def test_sending_after_the_block_is_refused(self) -> None:
        """A connection that was left says that it is closed."""
        async with self.peer() as peer:
            async with peer.model.connect(peer.config) as connection:
                await peer.accept()
            with pytest.raises(RealtimeSessionClosed):
                await connection.send(message("too late"))

    async def test_sending_after_a_clean_close_is_refused(self) -> None:
        """Once the iteration has ended, nothing can be sent."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(remote.close)
                await read_to_the_end(connection)
            with pytest.raises(RealtimeSessionClosed):
                await connection.send(message("too late"))

    async def test_sending_after_a_drop_tells_the_failure(self) -> None:
        """The connection error is raised, or is the cause of what is raised."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            await (await peer.accept()).drop()
            with pytest.raises(RealtimeConnectionError) as broken:
                await read_to_the_end(connection)
            with pytest.raises((RealtimeSessionClosed, RealtimeConnectionError)) as refused:
                await connection.send(message("too late"))
            assert broken.value in (refused.value, refused.value.__cause__)

    async def test_sending_while_the_server_closes_is_no_failure(self) -> None:
        """Whoever sends before the end was read may lose that input; the end stays a clean one."""
        async with self.peer() as peer, peer.model.connect(peer.config) as connection:
            remote = await peer.accept()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_and, remote, remote.close)
                nursery.start_soon(_send_until_closed, connection)
                await wait_all_tasks_blocked()
                assert await read_to_the_end(connection) == list(CHUNKS)


# -- what the tests are made of ------------------------------------------------------------------


async def _leave_with(peer: Peer, error: Exception) -> Exception:
    """What comes out of a connection whose block raises this."""

    def fail() -> NoReturn:
        raise error

    try:
        async with peer.model.connect(peer.config):
            await peer.accept()
            fail()
    except Exception as out:  # noqa: BLE001 - whatever it is, the test looks at it
        return out


async def _texts(remote: Remote, count: int) -> list[str]:
    with trio.fail_after(BOUND):
        return list(await remote.wait_texts(count))


def _note_audio(heard: list[bytes], event: RealtimeModelEvent) -> None:
    if isinstance(event, RealtimeModelAudioEvent):
        heard.append(event.data)


async def _read_into(heard: list[bytes], connection: RealtimeConnection) -> None:
    async for event in connection:
        if isinstance(event, RealtimeModelAudioEvent):
            heard.append(event.data)  # noqa: PERF401 - a cancelled comprehension keeps nothing


async def _send_and(remote: Remote, end: Callable[[], Awaitable[Any]]) -> None:
    await remote.send_audio(CHUNKS)
    await end()


async def _send_until_closed(connection: RealtimeConnection) -> None:
    for number in range(10):
        try:
            await connection.send(message(f"message {number}"))
        except RealtimeSessionClosed:
            return
