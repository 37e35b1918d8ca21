"""The user's side of a conversation: a recording, typed lines, or a microphone.

Each function sends what the user says, waits for the answers, and returns when the user has nothing
more to say. Meanwhile another task of ``talk`` reads the events.
"""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any, Final

import attrs
import trio

from ..sessions.session import RealtimeSession
from .failures import CommandError
from .floor import Floor
from .recordings import BYTES_PER_MS, Recording
from .show import Show

CHUNK_MS: Final = 100
LEAST_SILENCE_MS: Final = 1000
"""Silence that always follows a recording, in ms, since events about its end may still arrive."""
MOST_SILENCE_MS: Final = 10_000
"""The most silence that follows a recording, in ms. Semantic turn detection waits for 8 s."""
LATE_S: Final = 5.0
"""Seconds to wait, after all the silence, for the server to report that it heard something."""


@attrs.define(eq=False, kw_only=True)
class Conversation:
    """What the functions of this module work with."""

    session: RealtimeSession[Any]
    floor: Floor
    show: Show


async def speak_recording(
    talk: Conversation, recording: Recording, *, name: str, pace: float, detected: bool
) -> None:
    """Send a recording as a microphone would, ``pace`` times as fast, and wait for the answer.

    If the server detects turns (``detected``), silence follows until it has noticed the end of the
    user's turn; otherwise the end of the recording is the end of the turn.
    """
    begun = trio.current_time()
    sent_ms = await _send(talk, recording, begun, pace)
    talk.show.sent_all(name)
    if detected:
        await _be_silent(talk, name, begun + sent_ms / 1000 / pace, pace)
    else:
        await talk.session.commit_audio()
        talk.floor.expect_answer()
        await talk.session.create_response()
    await talk.floor.wait_answered()


async def _send(talk: Conversation, recording: Recording, begun: float, pace: float) -> float:
    """Send a recording. Returns its duration in ms."""
    sent_ms = 0.0
    async with aclosing(recording.pieces(CHUNK_MS)) as pieces:
        async for chunk in pieces:
            await talk.session.send_audio(chunk)
            talk.show.sent(chunk, of_seconds=recording.seconds)
            sent_ms += len(chunk) / BYTES_PER_MS
            await trio.sleep_until(begun + sent_ms / 1000 / pace)
    return sent_ms


async def _be_silent(talk: Conversation, name: str, begun: float, pace: float) -> None:
    """Send silence until the server has noticed the end of the user's turn."""
    floor = talk.floor

    def heard() -> bool:
        return floor.turns_heard > 0 and not floor.speaking

    silence = bytes(CHUNK_MS * BYTES_PER_MS)
    sent_ms = 0
    while sent_ms < LEAST_SILENCE_MS or (sent_ms < MOST_SILENCE_MS and not heard()):
        await talk.session.send_audio(silence)
        sent_ms += CHUNK_MS
        await trio.sleep_until(begun + sent_ms / 1000 / pace)
    with trio.move_on_after(LATE_S):
        await floor.wait_until(heard)
    if not heard():
        raise CommandError(
            f"the server heard no speech in {name}; --turn-detection none sends it all the same"
        )


async def speak_lines(talk: Conversation, lines: AsyncGenerator[str]) -> None:
    """Send each line as a message, and wait for its answer before the next."""
    async with aclosing(lines):
        async for line in lines:
            talk.floor.expect_answer()
            await talk.session.send_message(line)
            await talk.floor.wait_answered()


async def given_lines(texts: Iterable[str]) -> AsyncGenerator[str]:
    """The messages of the command line."""
    for text in texts:
        yield text


async def typed_lines(fd: int, show: Show) -> AsyncGenerator[str]:
    """The lines of a file descriptor until its end, without blank ones.

    Cancelling abandons the thread that reads. It reads the descriptor and not ``sys.stdin``, whose
    buffer has a lock: a thread waiting there would keep the interpreter from exiting.
    """
    rest = b""
    while True:
        if b"\n" not in rest:
            show.prompt()
            piece = await trio.to_thread.run_sync(os.read, fd, 65_536, abandon_on_cancel=True)
            if piece:
                show.entered()
                rest += piece
                continue
            show.end_of_input()
            if not rest:
                return
            rest += b"\n"
        line, _, rest = rest.partition(b"\n")
        text = line.decode(errors="replace").strip()
        if text:
            yield text
