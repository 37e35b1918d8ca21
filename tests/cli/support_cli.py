"""What the tests of the command line share: events made by hand, a screen to look at, a session."""

import io
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeEventInfo,
    RealtimeResponseDone,
    RealtimeRunner,
    RealtimeSession,
    RealtimeTranscriptDelta,
    RunContext,
    Usage,
)
from trio_realtime.cli import main
from trio_realtime.cli.recordings import Answer
from trio_realtime.cli.show import Show
from trio_realtime.events import RealtimeSessionEvent
from trio_realtime.models.events import RealtimeModelAudioEvent, ResponseStatus
from trio_realtime.testing.simulator import RealtimeSimulator

QUESTION = Path(__file__).parents[2] / "examples" / "question.wav"
INFO = RealtimeEventInfo(context=RunContext(None))


async def run_main(*argv: str) -> int:
    """The command in a thread, so that a simulator may run beside it."""
    return await trio.to_thread.run_sync(main, argv)


def heard(delta: str, item_id: str = "a1") -> RealtimeTranscriptDelta:
    return RealtimeTranscriptDelta(
        item_id=item_id, content_index=0, delta=delta, response_id="r", spoken=True, info=INFO
    )


def audio(pcm: bytes, item_id: str = "a1") -> RealtimeAudio:
    data = RealtimeModelAudioEvent(data=pcm, response_id="r", item_id=item_id, content_index=0)
    return RealtimeAudio(audio=data, item_id=item_id, content_index=0, info=INFO)


def done(
    status: ResponseStatus = "completed", reason: str | None = None, error: Any = None
) -> RealtimeResponseDone:
    return RealtimeResponseDone(
        response_id="r", status=status, reason=reason, error=error, usage=None, info=INFO
    )


class Recorded(Show):
    """Notes what it is told, as (what, detail)."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, object]] = []

    def count(self, what: str) -> int:
        return sum(name == what for name, _ in self.shown)

    def notice(self, text: str) -> None:
        self.shown.append(("notice", text))

    def event(self, event: RealtimeSessionEvent) -> None:
        self.shown.append(("event", event.type))

    def problem(self, text: str) -> None:
        self.shown.append(("problem", text))

    def sent(self, pcm: bytes, *, of_seconds: float | None = None) -> None:
        self.shown.append(("sent", pcm))

    def sent_all(self, name: str) -> None:
        self.shown.append(("sent_all", name))

    def prompt(self) -> None:
        self.shown.append(("prompt", None))

    def entered(self) -> None:
        self.shown.append(("entered", None))

    def end_of_input(self) -> None:
        self.shown.append(("end_of_input", None))

    def finish(self, usage: Usage, answer: Answer, saved: Path | None) -> None:
        self.shown.append(("finish", saved))


class FakeTerminal(io.StringIO):
    """A terminal without limits to its height, which knows the sequences the screen uses.

    A row is never longer than ``columns``: writing over its end is an error here, since a real
    terminal would wrap and the count of rows would be wrong.
    """

    def __init__(self, columns: int = 80) -> None:
        super().__init__()
        self.columns = columns

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def rows(self) -> list[str]:
        rows, row, column = [""], 0, 0
        text = self.getvalue()
        while text:
            if text.startswith("\x1b["):
                end = next(at for at in range(2, len(text)) if text[at].isalpha())
                count, letter, text = text[2:end], text[end], text[end + 1 :]
                if letter == "A":
                    assert int(count) <= row, "above the screen"
                    row -= int(count)
                elif letter == "J":
                    rows[row:] = [rows[row][:column]]
                else:
                    assert letter == "m", letter
                continue
            character, text = text[0], text[1:]
            if character == "\r":
                column = 0
            elif character == "\n":
                row, column = row + 1, 0
                rows += [""] if row == len(rows) else []
            else:
                rows[row] = rows[row][:column].ljust(column) + character + rows[row][column + 1 :]
                column += 1
                assert column < self.columns, "a row is too long"
        return [each.rstrip() for each in rows]


@attrs.frozen
class Talk:
    """A session with a simulator over memory, under a clock that jumps."""

    session: RealtimeSession[Any]
    simulator: RealtimeSimulator


@asynccontextmanager
async def open_talk(
    *, detection: str | None = "server_vad", **scenario: Any
) -> AsyncGenerator[Talk]:
    simulator = RealtimeSimulator(**{"speed": math.inf, **scenario})
    settings = {"turn_detection": None if detection is None else {"type": detection}}
    async with simulator.memory_dialer() as dial:
        runner = RealtimeRunner(
            RealtimeAgent[Any](name="agent"),
            model=OpenAIRealtimeWebSocketModel(stream_factory=dial),
            config={"events": "all", "model_settings": settings},
        )
        config = {"url": "ws://simulator/v1/realtime", "headers": {}}
        async with await runner.run(model_config=config) as session:
            yield Talk(session, simulator)
