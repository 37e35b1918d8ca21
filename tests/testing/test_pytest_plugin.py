"""The pytest plugin, run on small projects of its own."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import trio_realtime.testing as package
from trio_realtime.testing import contract

pytest_plugins = "pytester"

TRIO_MODE = "[pytest]\ntrio_mode = true\n"
CHECKED = f"{TRIO_MODE}trio_realtime_check_survivors = true\n"

LEAKING_TEST = """
    import trio

    async def sleeper():
        await trio.sleep_forever()

    async def test_leak({arguments}):
        trio.lowlevel.spawn_system_task(sleeper)
"""


def run(pytester: pytest.Pytester, code: str, ini: str = TRIO_MODE) -> pytest.RunResult:
    pytester.makeini(ini)
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess()


def test_the_fake_model_is_checked_after_the_test(pytester: pytest.Pytester) -> None:
    """A script that was not played to its end is an error of the test."""
    result = run(
        pytester,
        """
        from trio_realtime.config import RealtimeModelConfig
        from trio_realtime.models.inputs import RealtimeModelCommitAudio
        from trio_realtime.testing import Expect

        async def test_played(fake_model):
            fake_model.script = [Expect(RealtimeModelCommitAudio)]
            async with fake_model.connect(RealtimeModelConfig()) as connection:
                await connection.send(RealtimeModelCommitAudio())

        async def test_not_played(fake_model):
            fake_model.script = [Expect(RealtimeModelCommitAudio)]
            async with fake_model.connect(RealtimeModelConfig()):
                pass
        """,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ScriptMismatch: connection 1: the script was not played*"])


def test_the_model_talks_to_the_simulator(pytester: pytest.Pytester) -> None:
    """In memory, with a responder of the test's own; each test has its own server."""
    result = run(
        pytester,
        """
        import pytest
        from trio_realtime.items import InputText
        from trio_realtime.models.inputs import RealtimeModelSendUserInput

        @pytest.mark.parametrize("answer", ["one", "two"])
        async def test_talk(
            realtime_model, realtime_model_config, realtime_simulator, no_survivors, answer
        ):
            realtime_simulator.responder = lambda turn: f"{turn.user_text} {answer}"
            async with realtime_model.connect(realtime_model_config) as connection:
                hello = RealtimeModelSendUserInput(content=(InputText(text="hello"),))
                await connection.send(hello)
                said = ""
                async for event in connection:
                    said += event.delta if event.type == "transcript_delta" else ""
                    if event.type == "turn_ended":
                        break
            assert said == f"hello {answer}"
            assert len(realtime_simulator.connections) == 1
        """,
    )
    result.assert_outcomes(passed=2)


def test_survivors_fail_a_test_that_asks(pytester: pytest.Pytester) -> None:
    """With the fixture; the failure names the task and where it waits."""
    result = run(pytester, LEAKING_TEST.format(arguments="no_survivors"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*SurvivorsError: these survived:", "*task *sleeper, in *:*"])


def test_survivors_go_unnoticed_unless_asked_for(pytester: pytest.Pytester) -> None:
    """The plugin changes nothing for projects that do not use it."""
    run(pytester, LEAKING_TEST.format(arguments="")).assert_outcomes(passed=1)


def test_survivors_fail_every_test_of_a_project_that_asks(pytester: pytest.Pytester) -> None:
    """With the ini option; tests under Hypothesis too, and plain ones are left alone."""
    code = LEAKING_TEST.format(arguments="") + (
        """
    from hypothesis import given, settings, strategies

    @given(strategies.just(1))
    @settings(max_examples=1, database=None)
    async def test_leak_of_an_example(number):
        trio.lowlevel.spawn_system_task(sleeper)

    @given(strategies.just(1))
    @settings(max_examples=1, database=None)
    async def test_example(number):
        await trio.sleep(0)

    async def test_tidy(nursery):
        nursery.start_soon(sleeper)
        await trio.sleep(0)

    def test_plain():
        pass
    """
    )
    result = run(pytester, code, CHECKED)
    result.assert_outcomes(failed=2, passed=3)


def test_a_failing_test_keeps_its_own_exception(pytester: pytest.Pytester) -> None:
    """What survived it is a note."""
    code = LEAKING_TEST.format(arguments="no_survivors") + "        assert trio is None\n"
    result = run(pytester, code)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError*", "*these survived:*", "*sleeper*"])


def test_only_trio_tests_can_be_checked(pytester: pytest.Pytester) -> None:
    """A plain test that asks is told."""
    result = run(pytester, "def test_plain(no_survivors): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no_survivors is for tests that pytest-trio runs*"])


def test_a_trio_test_that_is_not_async_is_for_pytest_trio_to_refuse(
    pytester: pytest.Pytester,
) -> None:
    """The plugin stays out of it."""
    code = "import pytest\n\n@pytest.mark.trio\ndef test_plain(): pass"
    result = run(pytester, code, CHECKED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is marked trio but is not async*"])


def test_contract_tests_explain_their_assertions() -> None:
    """As if they stood in the test file."""
    assert type(contract.__loader__).__name__ == "AssertionRewritingHook"


def test_projects_without_pytest_trio_notice_nothing(pytester: pytest.Pytester) -> None:
    """Their tests run, and the plain fixture works."""
    pytester.makepyfile(
        """
        def test_plain(fake_model):
            assert fake_model.connections == []
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:trio")
    result.assert_outcomes(passed=1)


def test_the_plugin_imports_nothing_that_is_not_there() -> None:
    """Projects that do not use it pay for pytest and the bare package, which they have."""
    code = (
        "import sys, pytest, trio_realtime\n"
        "before = set(sys.modules)\n"
        "import trio_realtime.testing.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(
        ["trio_realtime.testing", "trio_realtime.testing.pytest_plugin"]
    )


def test_the_names_of_the_package_are_all_there() -> None:
    """They are imported when first used; `__getattr__` and the type checkers' list agree."""
    source = inspect.getsource(package)
    for name, module in package._MODULES.items():
        assert getattr(package, name) is getattr(
            import_module(f"{package.__name__}.{module}"), name
        )
        assert f"    from .{module} import {name} as {name}\n" in source
    assert source.count(" as ") == len(package._MODULES)
    assert set(package._MODULES) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = package.nonsense
