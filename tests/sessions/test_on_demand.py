"""A task on demand: none before there is work, one for all of it, and owned by the session."""

import gc

import pytest
import trio
import trio.testing

from trio_realtime.sessions.core.on_demand import OnDemand


class Server:
    """Takes down what it is handed; `go_on` lets it take each piece of work."""

    def __init__(self) -> None:
        self.started = 0
        self.ended = 0
        self.done: list[int] = []
        self.go_on = trio.Event()
        self.go_on.set()

    async def serve(self, work: trio.MemoryReceiveChannel[int]) -> None:
        self.started += 1
        try:
            async for number in work:
                await self.go_on.wait()
                self.done.append(number)
        finally:
            self.ended += 1


def channels() -> int:
    gc.collect()
    return sum(type(thing) is trio.MemorySendChannel for thing in gc.get_objects())


async def test_without_work_there_is_neither_a_task_nor_a_channel() -> None:
    server, before = Server(), channels()
    async with trio.open_nursery() as nursery:
        task = OnDemand(nursery.start_soon, server.serve)
        assert channels() == before
        assert not nursery.child_tasks
        task.put(1)
        assert channels() == before + 1
        assert len(nursery.child_tasks) == 1
        nursery.cancel_scope.cancel()


async def test_one_task_and_one_channel_serve_all_work_in_its_order() -> None:
    server, before = Server(), channels()
    async with trio.open_nursery() as nursery:
        task = OnDemand(nursery.start_soon, server.serve)
        task.put(0)
        task.put(1)  # before the task has run at all
        await trio.testing.wait_all_tasks_blocked()
        task.put(2)
        await trio.testing.wait_all_tasks_blocked()
        task.put(3)
        task.put(4)
        assert channels() == before + 1
        assert len(nursery.child_tasks) == 1
        await trio.testing.wait_all_tasks_blocked()
        assert server.done == [0, 1, 2, 3, 4]
        nursery.cancel_scope.cancel()
    assert server.started == 1


async def test_putting_does_not_wait_however_slow_the_task_is() -> None:
    server = Server()
    server.go_on = trio.Event()
    async with trio.open_nursery() as nursery:
        task = OnDemand(nursery.start_soon, server.serve)
        task.put(0)
        await trio.testing.wait_all_tasks_blocked()
        with trio.testing.assert_no_checkpoints():
            for number in range(1, 1000):
                task.put(number)
        assert not server.done
        server.go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert server.done == list(range(1000))
        nursery.cancel_scope.cancel()


async def test_what_the_task_raises_goes_where_it_was_started() -> None:
    """Not to who puts, who may be another part of the session."""
    failure = ValueError("in the task")

    async def serve(work: trio.MemoryReceiveChannel[int]) -> None:
        assert await work.receive() == 1
        raise failure

    async with trio.open_nursery() as others:

        @others.start_soon
        async def own_session() -> None:
            with pytest.raises(ExceptionGroup) as caught:
                async with trio.open_nursery() as nursery:
                    tasks.append(OnDemand(nursery.start_soon, serve))
                    await trio.sleep_forever()
            assert caught.value.exceptions == (failure,)
            failed.set()

        tasks = list[OnDemand[int]]()
        failed = trio.Event()
        await trio.testing.wait_all_tasks_blocked()
        tasks[0].put(1)
        await failed.wait()
        tasks[0].put(2)  # the session ends: nobody does it, nobody minds


async def test_the_task_is_cancelled_with_the_nursery_it_was_started_in() -> None:
    server = Server()
    async with trio.open_nursery() as nursery:
        OnDemand(nursery.start_soon, server.serve).put(1)
        await trio.testing.wait_all_tasks_blocked()
        assert (server.started, server.ended) == (1, 0)
        nursery.cancel_scope.cancel()
    assert (server.done, server.ended) == ([1], 1)


async def test_two_of_them_share_nothing() -> None:
    one, other = Server(), Server()
    async with trio.open_nursery() as nursery:
        first = OnDemand(nursery.start_soon, one.serve)
        OnDemand(nursery.start_soon, other.serve).put(2)
        await trio.testing.wait_all_tasks_blocked()
        assert (one.started, other.started) == (0, 1)
        first.put(1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (one.done, other.done) == ([1], [2])
