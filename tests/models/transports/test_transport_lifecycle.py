"""The life that both transports share, where only an interrupt can make it go wrong."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from trio_realtime.models.transports import TextTransport
from trio_realtime.models.transports.scope import transport_scope
from trio_realtime.models.transports.tasks import Helpers


class Silent(TextTransport):
    """Does nothing but count its closes."""

    closes = 0

    async def receive(self) -> Sequence[str | bytes]:
        raise AssertionError("not asked for")

    async def send(self, messages: Sequence[str | bytes]) -> None:
        raise AssertionError("not asked for")

    async def ping(self) -> None:
        raise AssertionError("not asked for")

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self.closes += 1
        await trio.lowlevel.checkpoint()


async def interrupted() -> None:
    """What a helper looks like that runs when the user presses Control-C."""
    raise KeyboardInterrupt


async def test_an_interrupt_of_a_helper_leaves_as_itself() -> None:
    transport = Silent()

    async def connect(helpers: Helpers) -> TextTransport:
        helpers.start_soon(interrupted)
        return transport

    with pytest.raises(KeyboardInterrupt):
        async with transport_scope(connect):
            await trio.sleep_forever()
    assert transport.closes == 1
    await trio.lowlevel.checkpoint()  # and no cancellation is left over


async def test_an_interrupt_of_a_helper_while_connecting() -> None:
    async def connect(helpers: Helpers) -> TextTransport:
        helpers.start_soon(interrupted)
        await trio.sleep_forever()
        raise AssertionError("cancelled before")

    with pytest.raises(KeyboardInterrupt):
        async with transport_scope(connect):
            raise AssertionError("never opened")


async def test_the_bodys_own_failure_is_better_than_an_interrupt_of_a_helper() -> None:
    async def connect(helpers: Helpers) -> TextTransport:
        helpers.start_soon(interrupted)
        return Silent()

    with pytest.raises(ValueError, match="mine"):
        async with transport_scope(connect):
            raise ValueError("mine")


async def test_helpers_outlive_a_cancelled_body_and_end_with_the_block() -> None:
    """Also one that is started when all is over."""
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    async def finish() -> None:
        ended.append("by itself")

    class Parting(Silent):
        async def aclose(self, code: int = 1000, reason: str = "") -> None:
            assert ended == ["by itself"]
            helpers[0].start_soon(wait, "second")

    helpers: list[Helpers] = []

    async def connect(given: Helpers) -> TextTransport:
        helpers.append(given)
        given.start_soon(wait, "first")
        given.start_soon(finish)
        await trio.testing.wait_all_tasks_blocked()
        return Parting()

    with trio.CancelScope() as scope:
        async with transport_scope(connect):
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert sorted(ended) == ["by itself", "first", "second"]
