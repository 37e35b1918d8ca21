"""The user's side of a conversation: a recording, typed lines, or a microphone.

Each function sends what the user says, waits for what it has to wait for, and returns when the
user has nothing more to say. They run beside the task of ``talk`` that reads events.
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
"""Sent after a recording in any case: the server's news of its last words may be on the way."""
MOST_SILENCE_MS: Final = 10_000
"""Semantic turn detection waits for 8 s at most."""
LATE_S: Final = 5.0
"""Seconds to wait, when all silence was sent, for the server to say that it heard something."""


@attrs.define(eq=False, kw_only=True)
class Conversation:
    """What the user's side works with."""

    session: RealtimeSession[Any]
    floor: Floor
    show: Show


async def speak_recording(
    talk: Conversation, recording: Recording, *, name: str, pace: float, detected: bool
) -> None:
    """Send a recording as a microphone would, ``pace`` times as fast, and wait for the answer.

    Where turns are ``detected`` by the server, silence follows until it has heard the end of what
    was said; otherwise the end of the recording is the end of the turn.
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
    """Send a recording; returns how many ms it was."""
    sent_ms = 0.0
    async with aclosing(recording.pieces(CHUNK_MS)) as pieces:
        async for chunk in pieces:
            await talk.session.send_audio(chunk)
            talk.show.sent(chunk, of_seconds=recording.seconds)
            sent_ms += len(chunk) / BYTES_PER_MS
            await trio.sleep_until(begun + sent_ms / 1000 / pace)
    return sent_ms


async def _be_silent(talk: Conversation, name: str, begun: float, pace: float) -> None:
    """Send silence until the server has heard the end of the user's turn."""
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
    """The lines of a file descriptor, blank ones left out, until its end.

    Cancelling abandons the thread that reads. It reads the descriptor itself: a thread stuck in
    Python's buffered stdin would hold a lock that the interpreter needs to exit.
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
