"""The pytest plugin: fixtures for tests of realtime sessions, and a check that nothing survives.

pytest loads it in every project that has `trio_realtime` installed, so it imports pytest alone;
everything else is imported by the fixtures that need it. Async fixtures and tests need pytest-trio;
without it, the plugin does no harm.
"""

import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from ..models.model_config import RealtimeModelConfig
    from ..models.openai.model import OpenAIRealtimeWebSocketModel
    from .fake_model import FakeRealtimeModel
    from .simulator import RealtimeSimulator

CHECK_SETTING = "trio_realtime_check_survivors"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini(
        CHECK_SETTING,
        "let each Trio test fail that leaves a task, socket or busy thread behind, "
        "as the fixture no_survivors does for a single one",
        type="bool",
        default=False,
    )


def pytest_configure() -> None:
    """Let the assertions of the contract tests explain themselves."""
    name = "trio_realtime.testing.contract"
    if name not in sys.modules:  # pytest warns of what is imported already
        pytest.register_assert_rewrite(name)


@pytest.fixture
def fake_model() -> "Generator[FakeRealtimeModel]":
    """A `FakeRealtimeModel` for the test to drive; ``fake_model.script = [...]`` scripts it.

    After a test that passed, a script must have been played to its end.
    """
    from .fake_model import FakeRealtimeModel

    model = FakeRealtimeModel()
    yield model
    model.assert_complete()


@pytest.fixture
def realtime_simulator() -> "RealtimeSimulator":
    """A simulator of the OpenAI Realtime API, as fast as its client reads.

    It serves `realtime_model` in memory. Set its ``responder``, ``hears`` and so on before the
    session connects.
    """
    from .simulator import RealtimeSimulator

    return RealtimeSimulator(speed=float("inf"))


@pytest.fixture
async def realtime_model(
    realtime_simulator: "RealtimeSimulator",
) -> "AsyncGenerator[OpenAIRealtimeWebSocketModel]":
    """The OpenAI model, connecting to `realtime_simulator` over memory streams."""
    from ..models.openai.model import OpenAIRealtimeWebSocketModel

    async with realtime_simulator.memory_dialer() as dial:
        yield OpenAIRealtimeWebSocketModel(stream_factory=dial)


@pytest.fixture
def realtime_model_config() -> "RealtimeModelConfig":
    """The config with which `realtime_model` reaches its simulator: a URL and a key."""
    from ..models.model_config import RealtimeModelConfig

    return RealtimeModelConfig(url="ws://simulator/v1/realtime", api_key="a key of tests")


@pytest.fixture
def no_survivors(request: pytest.FixtureRequest) -> None:
    """Let the test fail if a task, socket or busy thread that it began outlives it.

    Not so for tasks of its ``nursery`` fixture, which end after the test. The ini option
    ``trio_realtime_check_survivors`` does this for each Trio test.
    """
    if cast("pytest.Item", request.node).get_closest_marker("trio") is None:
        pytest.fail("no_survivors is for tests that pytest-trio runs", pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Put the check around the test function before pytest-trio takes it."""
    if isinstance(item, pytest.Function) and _wants_check(item):
        hypothesis = getattr(item.obj, "hypothesis", None)
        if hypothesis is not None:
            hypothesis.inner_test = _checked(hypothesis.inner_test)
        else:
            item.obj = _checked(item.obj)
    return (yield)


def _wants_check(item: pytest.Function) -> bool:
    return item.get_closest_marker("trio") is not None and (
        "no_survivors" in item.fixturenames or item.config.getini(CHECK_SETTING)
    )


def _checked(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    if not inspect.iscoroutinefunction(test):  # pytest-trio says what is wrong with that
        return test

    @wraps(test)
    async def checked_test(**arguments: Any) -> None:
        __tracebackhide__ = True
        import trio

        from .leaks import assert_nothing_survives

        nurseries = [each for each in arguments.values() if isinstance(each, trio.Nursery)]
        async with assert_nothing_survives(outside=nurseries):
            await test(**arguments)

    return checked_test
