"""A conversation for a person: transcripts as they arrive, a meter while audio streams, tokens."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from ..context import Usage
from ..events import RealtimeAudio, RealtimeResponseDone, RealtimeSessionEvent
from .meter import Meter, bars_for
from .recordings import Answer
from .show import Show
from .terminal import Terminal
from .transcript import USER, Said, Transcript

_REDRAW_S = 0.04
"""Seconds between two drawings. Hundreds of deltas may come in a second, and nobody sees more than
25 pictures of them."""


@attrs.define(eq=False)
class Screen(Show):
    """Shows a conversation on a terminal, or as plain lines elsewhere."""

    _terminal: Terminal
    _transcript: Transcript = attrs.field(factory=Transcript)
    _quiet: bool = attrs.field(default=False, alias="quiet")
    _continuous: bool = attrs.field(default=False, alias="continuous")
    """A microphone is open: its meter stays in sight."""
    _interactive: bool = attrs.field(default=False, alias="interactive")
    """Lines are typed at this terminal."""
    _clock: Callable[[], float] = attrs.field(default=time.monotonic, alias="clock")
    _sending: Meter | None = attrs.field(default=None, init=False)
    _receiving: Meter | None = attrs.field(default=None, init=False)
    _drawn_at: float = attrs.field(default=-1.0, init=False)

    def notice(self, text: str) -> None:
        if self._quiet:
            print(text, file=sys.stderr)
        else:
            self._terminal.write([("note", text)])

    def event(self, event: RealtimeSessionEvent) -> None:
        self._transcript.event(event)
        if isinstance(event, RealtimeAudio):
            self._receiving = self._receiving or self._meter()
            self._receiving.feed(event.audio.data)
        elif isinstance(event, RealtimeResponseDone):
            self._receiving = None
        complete = self._transcript.take_complete()
        self._terminal.write(_lines(complete))
        self._draw(at_once=bool(complete))

    def problem(self, text: str) -> None:
        self._terminal.write([("error", text)])
        self._draw(at_once=True)

    def sent(self, pcm: bytes, *, of_seconds: float | None = None) -> None:
        self._sending = self._sending or self._meter(of_seconds)
        self._sending.feed(pcm)
        self._draw(at_once=False)

    def sent_all(self, name: str) -> None:
        meter, self._sending = self._sending, None
        if meter is not None and not self._quiet:
            self._terminal.write([("sent", f"{name}, {meter.summary()}")])
        self._draw(at_once=True)

    def prompt(self) -> None:
        if self._interactive:
            self._terminal.prompt(USER)

    def entered(self) -> None:
        self._terminal.entered()

    def end_of_input(self) -> None:
        self._terminal.end()

    def finish(self, usage: Usage, answer: Answer, saved: Path | None) -> None:
        lines = _lines(self._transcript.take_all())
        if not self._quiet:
            if answer.pcm:
                fate = f"saved to {saved}" if saved else "not saved (--save FILE does)"
                lines.append(("audio", f"{answer.seconds:.1f} s received, {fate}"))
            if usage.requests:
                lines.append(("tokens", describe_usage(usage)))
        self._terminal.end()
        self._terminal.write(lines)

    def _meter(self, of_seconds: float | None = None) -> Meter:
        return Meter(of_seconds=of_seconds, bars=bars_for(self._terminal.encoding))

    def _draw(self, *, at_once: bool) -> None:
        now = self._clock()
        if not at_once and now - self._drawn_at < _REDRAW_S:
            return
        self._drawn_at = now
        lines = _lines(self._transcript.open())
        if not self._quiet:
            if self._receiving is not None:
                lines.append(("audio", self._receiving.line()))
            if self._sending is not None:
                lines.append(("mic" if self._continuous else "sent", self._sending.line()))
        self._terminal.redraw(lines)


def describe_usage(usage: Usage) -> str:
    """Tokens by direction and modality, such as ``41 in (12 text, 29 audio), 9 out (9 audio)``."""
    into, out = usage.input_tokens_details, usage.output_tokens_details
    inputs = _counts(
        text=into.text_tokens,
        audio=into.audio_tokens,
        image=into.image_tokens,
        cached=into.cached_tokens,
    )
    outputs = _counts(text=out.text_tokens, audio=out.audio_tokens)
    return f"{usage.input_tokens} in{inputs}, {usage.output_tokens} out{outputs}"


def _counts(**counts: int) -> str:
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f" ({listed})" if listed else ""


def _lines(said: list[Said]) -> list[tuple[str, str]]:
    return [(each.who, each.text) for each in said]
