"""The user's side, against the simulator over memory and under a clock that jumps."""

import io
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from support_cli import Recorded, Talk, open_talk

from trio_realtime.audio import Resampler, WavReader, write_wav
from trio_realtime.cli.failures import CommandError
from trio_realtime.cli.floor import Floor
from trio_realtime.cli.recordings import Recording
from trio_realtime.cli.speaking import (
    Conversation,
    given_lines,
    speak_lines,
    speak_recording,
    typed_lines,
)
from trio_realtime.testing.simulator import Turn, Wait

TONE = (b"\x00\x30" * 12 + b"\x00\xd0" * 12) * 1000  # 1 s of 1 kHz at 24 kHz
SILENCE = bytes(48_000)


@asynccontextmanager
async def conversing(talk: Talk) -> AsyncGenerator[tuple[Conversation, Recorded]]:
    show = Recorded()
    conversation = Conversation(session=talk.session, floor=Floor(60), show=show)

    async def listen() -> None:
        async for event in talk.session:
            conversation.floor.take(event)
            show.event(event)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        yield conversation, show
        nursery.cancel_scope.cancel()


async def speak(conversation: Conversation, pcm: bytes, *, detected: bool = True) -> None:
    file = io.BytesIO()
    write_wav(file, pcm)
    file.seek(0)
    reader = WavReader(file)
    # Read whole at the beginning: a thread would have the clock jump.
    whole = reader.read(len(pcm))
    recording = Recording(Path("a.wav"), reader, Resampler(24_000, 24_000), whole, 1)
    await speak_recording(conversation, recording, name="a.wav", pace=1.0, detected=detected)


async def test_a_recording_is_sent_as_fast_as_it_was_spoken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_talk(hears=["When?"]) as talk, conversing(talk) as (conversation, show):
        begun = trio.current_time()
        await speak(conversation, TONE)
        pieces = [detail for name, detail in show.shown if name == "sent"]
        assert b"".join(pieces) == TONE  # type: ignore[arg-type]
        assert {len(piece) for piece in pieces} == {4800}  # type: ignore[arg-type]
        # A second of silence follows, so that the server's turn detection can tell the end.
        assert trio.current_time() - begun == pytest.approx(2.0)
        assert ("sent_all", "a.wav") in show.shown
        assert ("event", "response_done") in show.shown
        assert ("event", "user_transcript_completed") in show.shown


async def test_every_turn_of_a_recording_is_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_talk(speed=1000) as talk, conversing(talk) as (conversation, show):
        await speak(conversation, TONE + SILENCE + TONE)
        assert conversation.floor.turns_heard == 2
        assert show.shown.count(("event", "response_done")) == 2


async def test_without_turn_detection_the_end_of_the_recording_is_the_end_of_the_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        open_talk(detection=None) as talk,
        conversing(talk) as (conversation, show),
    ):
        await speak(conversation, SILENCE, detected=False)
        assert ("event", "response_done") in show.shown
        connection = await talk.simulator.wait_connected()
        kinds = [event["type"] for event in connection.received]
        assert kinds[-2:] == ["input_audio_buffer.commit", "response.create"]


async def test_a_recording_without_speech_is_not_waited_for_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_talk() as talk, conversing(talk) as (conversation, _):
        with pytest.raises(CommandError, match=r"no speech in a\.wav; --turn-detection none"):
            await speak(conversation, SILENCE)
        assert trio.current_time() < 60


async def test_a_line_waits_for_the_answer_to_the_one_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    def slowly(turn: Turn) -> list[Wait | str]:
        return [Wait(5), f"{turn.user_text}!"]

    async with open_talk(responder=slowly) as talk, conversing(talk) as (conversation, show):
        await speak_lines(conversation, given_lines(["one", "two"]))
        wanted = {"history_added", "response_done"}
        kinds = [detail for _, detail in show.shown if detail in wanted]
        # Each: the message, the answer, the end of the answer.
        assert kinds == ["history_added", "history_added", "response_done"] * 2


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


async def collect(fd: int, show: Recorded) -> list[str]:
    return [line async for line in typed_lines(fd, show)]


async def test_lines_of_a_pipe(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, "one\n\n  \ntwo ünf\r\nthree".encode() + b"\xff")
    os.close(writing)
    show = Recorded()
    assert await collect(reading, show) == ["one", "two ünf", "three\ufffd"]
    assert show.shown[-1] == ("end_of_input", None)
    os.close(reading)


async def test_each_line_is_prompted_for(pipe: tuple[int, int], nursery: trio.Nursery) -> None:
    reading, writing = pipe
    show = Recorded()
    lines = typed_lines(reading, show)
    os.write(writing, b"one\n")
    assert await anext(lines) == "one"
    assert [name for name, _ in show.shown] == ["prompt", "entered"]
    os.close(writing)
    assert [line async for line in lines] == []
    assert [name for name, _ in show.shown[2:]] == ["prompt", "end_of_input"]
    os.close(reading)


async def test_cancelling_leaves_a_prompt_at_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    show = Recorded()
    with trio.move_on_after(0.01) as scope:
        await collect(reading, show)
    assert scope.cancelled_caught
    os.close(writing)  # which ends the abandoned read
