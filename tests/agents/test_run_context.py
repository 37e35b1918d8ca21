"""`trio_realtime.context`: usage adds up, contexts hold what tools need and show no secrets."""

import trio
import trio.testing

from trio_realtime.context import (
    InputTokensDetails,
    OutputTokensDetails,
    RunContext,
    RunContextWrapper,
    ToolContext,
    Usage,
)


def response_usage() -> Usage:
    return Usage(
        requests=1,
        input_tokens=100,
        output_tokens=20,
        total_tokens=120,
        input_tokens_details=InputTokensDetails(
            cached_tokens=64,
            text_tokens=30,
            audio_tokens=60,
            image_tokens=10,
            cached_text_tokens=20,
            cached_audio_tokens=40,
            cached_image_tokens=4,
        ),
        output_tokens_details=OutputTokensDetails(text_tokens=5, audio_tokens=15),
    )


def test_usage_adds_in_place_by_modality() -> None:
    total = Usage()
    total.add(response_usage())
    total.add(response_usage())
    assert total == Usage(
        requests=2,
        input_tokens=200,
        output_tokens=40,
        total_tokens=240,
        input_tokens_details=InputTokensDetails(
            cached_tokens=128,
            text_tokens=60,
            audio_tokens=120,
            image_tokens=20,
            cached_text_tokens=40,
            cached_audio_tokens=80,
            cached_image_tokens=8,
        ),
        output_tokens_details=OutputTokensDetails(text_tokens=10, audio_tokens=30),
    )


def test_a_snapshot_does_not_change_with_the_total() -> None:
    total = response_usage()
    before = total.snapshot()
    total.add(response_usage())
    assert before == response_usage()


def test_a_run_context_holds_the_very_objects_it_was_given() -> None:
    state = {"secret": "hunter2"}
    usage = Usage()
    context = RunContext(state, usage)
    assert context.context is state
    assert context.usage is usage
    assert "hunter2" not in repr(context)
    assert RunContextWrapper is RunContext


async def test_progress_calls_what_the_session_gave() -> None:
    reports: list[str] = []

    async def report(text: str) -> None:
        await trio.lowlevel.checkpoint()
        reports.append(text)

    context = ToolContext(
        None,
        tool_name="book",
        tool_call_id="call_1",
        tool_arguments='{"pin": 1234}',
        on_progress=report,
    )
    await context.progress("half way")
    assert reports == ["half way"]
    assert "1234" not in repr(context)


async def test_progress_without_a_session_is_a_checkpoint() -> None:
    context = ToolContext(None, tool_name="book", tool_call_id="call_1", tool_arguments="{}")
    with trio.testing.assert_checkpoints():
        await context.progress("half way")
