"""The quiet nursery: the block's exception is the block's, and a lone task's comes out bare."""

import gc
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
import trio.testing

from trio_realtime._util.nurseries import open_bare_nursery, open_quiet_nursery


class Stop(BaseException):
    """Neither an `Exception` nor known to anybody."""


def failing(exc: BaseException) -> Callable[[], Coroutine[Any, Any, None]]:
    async def fail() -> None:
        raise exc

    return fail


async def failing_when_cancelled(exc: BaseException) -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise exc


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("plain"),
        Stop("base"),
        KeyboardInterrupt(),
        ExceptionGroup("the user's own", [ValueError("one"), KeyError("two")]),
        ExceptionGroup("of one", [ExceptionGroup("nested", [ValueError("leaf")])]),
        BaseExceptionGroup("base", [Stop("in a group")]),
        StopIteration("awkward"),
        StopAsyncIteration("awkward too"),
    ],
    ids=repr,
)
async def test_the_blocks_exception_comes_out_as_the_same_object(exc: BaseException) -> None:
    context = exc.__context__
    with pytest.raises(type(exc)) as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise exc
    assert caught.value is exc
    assert exc.__context__ is context
    assert not hasattr(exc, "__notes__")


async def test_the_end_of_the_block_cancels_the_tasks_and_waits_for_them() -> None:
    ended: list[str] = []

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            ended.append("task")

    async with open_quiet_nursery() as nursery:
        nursery.start_soon(task)
        await trio.testing.wait_all_tasks_blocked()
    assert ended == ["task"]


async def test_a_task_that_fails_cancels_the_block_and_comes_out_bare() -> None:
    failure = ValueError("in a task")
    with pytest.raises(ValueError, match="in a task") as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing(failure))
            await trio.sleep_forever()
    assert caught.value is failure
    assert failure.__context__ is None
    assert failure.__cause__ is None


async def test_a_base_exception_of_a_task_comes_out_bare_from_any_depth() -> None:
    """Nurseries inside the task wrap it once each; none of them was the caller's."""
    failure = Stop("deep")

    async def nested() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing(failure))
            nursery.start_soon(trio.sleep_forever)

    with pytest.raises(Stop) as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(nested)
            await trio.sleep_forever()
    assert caught.value is failure


async def test_a_task_that_fails_while_the_block_ends_comes_out_bare() -> None:
    failure = ValueError("on the way out")
    with pytest.raises(ValueError, match="on the way out") as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing_when_cancelled, failure)
            await trio.testing.wait_all_tasks_blocked()
    assert caught.value is failure


async def test_several_failing_tasks_stay_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing(ValueError("one")))
            nursery.start_soon(failing(KeyError("two")))
            await trio.sleep_forever()
    assert {type(exc) for exc in caught.value.exceptions} == {ValueError, KeyError}


async def test_a_group_that_a_task_raised_comes_out_without_the_nurserys_around_it() -> None:
    """Whatever was cancelled beside it, and however deep it was raised."""
    group = BaseExceptionGroup("the task's", [Stop("one"), ValueError("two")])
    with pytest.raises(BaseExceptionGroup, match="the task's") as caught:
        async with open_quiet_nursery() as outer, open_quiet_nursery() as inner:
            outer.start_soon(trio.sleep_forever)
            inner.start_soon(failing(group))
            await trio.sleep_forever()
    assert [type(exc) for exc in caught.value.exceptions] == [Stop, ValueError]


@pytest.mark.parametrize("grouped", [False, True])
async def test_the_blocks_exception_comes_before_a_tasks_which_is_noted_on_it(
    grouped: bool,
) -> None:
    own: Exception = KeyError("the block's")
    if grouped:
        own = ExceptionGroup("the block's", [own])
    with pytest.raises(type(own)) as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing_when_cancelled, ValueError("the task's"))
            await trio.testing.wait_all_tasks_blocked()
            raise own
    assert caught.value is own
    assert own.__notes__ == ['while closing: ValueError("the task\'s")']


async def test_a_block_that_turns_its_cancellation_into_an_error_raises_that() -> None:
    own = KeyError("the block's")
    with pytest.raises(KeyError) as caught:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing(ValueError("the task's")))
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                raise own from None
    assert caught.value is own
    assert "the task's" in own.__notes__[0]


@pytest.mark.parametrize("tasks", [0, 1, 3])
async def test_an_outer_cancellation_passes_through(tasks: int) -> None:
    with trio.CancelScope() as scope:
        async with open_quiet_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_an_outer_cancellation_during_an_exception_leaves_the_exception() -> None:
    own = ValueError("the block's")
    with pytest.raises(ValueError, match="the block's") as caught, trio.CancelScope() as scope:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            raise own
    assert caught.value is own
    assert not hasattr(own, "__notes__")


async def test_a_task_that_fails_under_an_outer_cancellation_is_not_swallowed() -> None:
    failure = ValueError("the task's")
    with pytest.raises(ValueError, match="the task's") as caught, trio.CancelScope() as scope:
        async with open_quiet_nursery() as nursery:
            nursery.start_soon(failing_when_cancelled, failure)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            await trio.sleep_forever()
    assert caught.value is failure


async def test_cancelling_the_nurserys_own_scope_ends_the_block_quietly() -> None:
    """Whoever has the nursery may end it; no cancellation without an owner leaks."""
    async with open_quiet_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.cancel_scope.cancel()
        await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()


async def test_a_group_of_the_block_with_a_cancellation_of_the_nursery_loses_only_that() -> None:
    own = ValueError("the block's")
    with pytest.raises(ValueError, match="the block's") as caught:
        async with open_quiet_nursery() as nursery, trio.open_nursery() as inner:
            inner.start_soon(trio.sleep_forever)
            inner.start_soon(failing_when_cancelled, own)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert caught.value is own


async def test_it_works_as_one_block_of_a_hand_written_lifecycle() -> None:
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(open_quiet_nursery())
        await nursery.start(_started)
    assert not nursery.child_tasks


async def _started(*, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await trio.sleep_forever()


async def test_what_the_block_raised_is_not_kept_alive() -> None:
    class TracedError(Exception):
        """Can be referred to weakly."""

    async def block() -> "weakref.ref[TracedError]":
        try:
            async with open_quiet_nursery():
                raise TracedError
        except TracedError as exc:
            return weakref.ref(exc)

    gc.collect()
    gc.disable()
    try:
        ref = await block()
        assert ref() is None
    finally:
        gc.enable()


async def test_a_group_of_the_block_keeps_a_cancellation_from_outside() -> None:
    """The group is the same object, and the scope outside takes its cancellation out of it."""
    own = ValueError("the block's")
    seen: list[BaseException] = []
    with pytest.RaisesGroup(ValueError), trio.CancelScope() as scope:
        try:
            async with open_quiet_nursery():
                try:
                    async with trio.open_nursery() as inner:
                        inner.start_soon(failing_when_cancelled, own)
                        await trio.testing.wait_all_tasks_blocked()
                        scope.cancel()
                except BaseException as exc:
                    seen.append(exc)
                    raise
        except BaseException as exc:
            seen.append(exc)
            raise
    assert seen[0] is seen[1]
    assert own.__context__ is not None  # its own cancellation


# -- the bare nursery -----------------------------------------------------------------


BARE = [
    ValueError("plain"),
    Stop("base"),
    KeyboardInterrupt(),
    SystemExit(3),
    ExceptionGroup("the user's own", [ValueError("one")]),
    BaseExceptionGroup("base", [Stop("in a group"), ValueError("beside it")]),
]


@pytest.mark.parametrize("exc", BARE, ids=repr)
@pytest.mark.parametrize("in_task", [True, False])
@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_bare_nursery_raises_the_same_object(
    exc: BaseException, in_task: bool, cancelled: bool
) -> None:
    """Of a task or of the block, also where a cancellation from outside arrives with it."""
    with trio.CancelScope() as scope, pytest.raises(type(exc)) as caught:
        async with open_bare_nursery() as start_soon:
            start_soon(trio.sleep_forever)
            if cancelled:
                scope.cancel()
            if in_task:
                start_soon(failing(exc))
            else:
                raise exc
    assert caught.value is exc


async def test_a_bare_nursery_waits_for_its_tasks() -> None:
    """As a plain nursery does, and passes arguments on."""
    done: list[int] = []

    async def work(number: int) -> None:
        await trio.lowlevel.checkpoint()
        done.append(number)

    async with open_bare_nursery() as start_soon:
        start_soon(work, 1)
        start_soon(work, 2)
    assert sorted(done) == [1, 2]


async def test_later_failures_in_a_bare_nursery_are_notes() -> None:
    """The first cancels the others; what these raise meanwhile is not lost."""
    with pytest.raises(ValueError, match="first") as caught:
        async with open_bare_nursery() as start_soon:
            start_soon(failing_when_cancelled, KeyError("second"))
            await trio.testing.wait_all_tasks_blocked()
            start_soon(failing(ValueError("first")))
    assert caught.value.__notes__ == ["also: KeyError('second')"]


@pytest.mark.parametrize("tasks", [0, 3])
async def test_a_cancellation_passes_through_a_bare_nursery(tasks: int) -> None:
    """It belongs to the scope outside."""
    with trio.CancelScope() as scope:
        async with open_bare_nursery() as start_soon:
            for _ in range(tasks):
                start_soon(trio.sleep_forever)
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
