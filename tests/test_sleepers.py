"""Tasks that wait to be woken: in their order, each once, and none that has gone."""

import signal
from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.lowlevel import Abort, RaiseCancelT

from trio_realtime._util.wait_queue import Sleepers


class Dormitory:
    """Sleeping tasks by name: who was woken and who was cancelled."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.sleepers = Sleepers()
        self.woken: list[str] = []
        self.cancelled: list[str] = []
        self._nursery = nursery
        self._scopes: dict[str, trio.CancelScope] = {}

    @property
    def asleep(self) -> int:
        return len(self.sleepers.tasks)

    async def put_to_bed(self, *names: str) -> None:
        """The tasks sleep when this returns, in this order."""
        for name in names:
            self._nursery.start_soon(self._sleep, name)
            await trio.testing.wait_all_tasks_blocked()

    async def _sleep(self, name: str) -> None:
        with trio.CancelScope() as self._scopes[name]:
            await self.sleepers.sleep()
            self.woken.append(name)
            return
        self.cancelled.append(name)

    def cancel(self, name: str) -> None:
        self._scopes[name].cancel()


async def test_the_task_that_has_slept_longest_is_woken_first() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b", "c")
        for expected in (["a"], ["a", "b"], ["a", "b", "c"]):
            beds.sleepers.wake_one()
            await trio.testing.wait_all_tasks_blocked()
            assert beds.woken == expected


async def test_a_task_that_sleeps_again_comes_last() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b")
        beds.sleepers.wake_one()
        await beds.put_to_bed("a again")
        beds.sleepers.wake_one()
        await trio.testing.wait_all_tasks_blocked()
        assert beds.woken == ["a", "b"]
        beds.sleepers.wake_all()


async def test_those_that_sleep_are_counted_until_they_are_woken() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        assert beds.asleep == 0
        await beds.put_to_bed("a", "b")
        assert beds.asleep == 2
        beds.sleepers.wake_one()
        assert beds.asleep == 1  # before the woken task has run
        beds.sleepers.wake_one()
        assert beds.asleep == 0


async def test_all_are_woken_at_once() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b", "c")
        beds.sleepers.wake_all()
        assert beds.asleep == 0
    assert sorted(beds.woken) == ["a", "b", "c"]


async def test_waking_all_of_none_is_nothing() -> None:
    sleepers = Sleepers()
    sleepers.wake_all()
    assert not sleepers.tasks


async def test_a_cancelled_sleeper_is_neither_counted_nor_woken() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a")
        beds.cancel("a")
        assert beds.asleep == 0  # before the cancelled task has run
        beds.sleepers.wake_all()
    assert (beds.woken, beds.cancelled) == ([], ["a"])


async def test_a_cancelled_sleeper_between_two_others_leaves_them_in_order() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b", "c")
        beds.cancel("b")
        assert beds.asleep == 2
        for expected in (["a"], ["a", "c"]):
            beds.sleepers.wake_one()
            await trio.testing.wait_all_tasks_blocked()
            assert beds.woken == expected
    assert beds.cancelled == ["b"]


async def test_who_is_cancelled_already_does_not_sleep() -> None:
    sleepers = Sleepers()
    with trio.CancelScope() as scope:
        scope.cancel()
        await sleepers.sleep()
    assert scope.cancelled_caught
    assert not sleepers.tasks


async def test_a_task_that_is_woken_and_then_cancelled_in_the_same_moment_was_woken() -> None:
    """What it was woken for would be lost, and the next sleeper not told."""
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b")
        beds.sleepers.wake_one()
        beds.cancel("a")
        await trio.testing.wait_all_tasks_blocked()
        assert (beds.woken, beds.cancelled) == (["a"], [])
        assert beds.asleep == 1
        beds.sleepers.wake_one()
    assert beds.woken == ["a", "b"]


async def test_a_wake_goes_past_a_task_that_was_cancelled_in_the_same_moment() -> None:
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        await beds.put_to_bed("a", "b")
        beds.cancel("a")
        beds.sleepers.wake_one()
    assert (beds.woken, beds.cancelled) == (["b"], ["a"])


def test_a_task_interrupted_by_ctrl_c_as_it_falls_asleep_is_not_a_sleeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waking it would be an internal error of Trio."""
    sleepers = Sleepers()
    wait = trio.lowlevel.wait_task_rescheduled

    async def wait_interrupted(abort: Callable[[RaiseCancelT], Abort]) -> object:
        signal.raise_signal(signal.SIGINT)
        return await wait(abort)

    monkeypatch.setattr(trio.lowlevel, "wait_task_rescheduled", wait_interrupted)
    with pytest.raises(KeyboardInterrupt):
        trio.run(sleepers.sleep)
    assert not sleepers.tasks


@settings(deadline=None)
@given(st.lists(st.sampled_from(["sleep", "wake", "wake all"]) | st.integers(0, 9), max_size=20))
async def test_whatever_happens_they_are_woken_in_order(steps: list[str | int]) -> None:
    """An integer cancels the sleeper at that place."""
    asleep, woken, cancelled = list[str](), list[str](), list[str]()
    async with trio.open_nursery() as nursery:
        beds = Dormitory(nursery)
        for number, step in enumerate(steps):
            match step:
                case "sleep":
                    await beds.put_to_bed(str(number))
                    asleep.append(str(number))
                case "wake" if asleep:
                    beds.sleepers.wake_one()
                    woken.append(asleep.pop(0))
                case "wake all":
                    beds.sleepers.wake_all()
                    woken += asleep
                    asleep.clear()
                case int(place) if place < len(asleep):
                    beds.cancel(asleep[place])
                    cancelled.append(asleep.pop(place))
            assert beds.asleep == len(asleep)
            await trio.testing.wait_all_tasks_blocked()
            # Trio runs tasks that were woken together in any order.
            assert sorted(beds.woken) == sorted(woken)
            assert beds.cancelled == cancelled
        beds.sleepers.wake_all()
