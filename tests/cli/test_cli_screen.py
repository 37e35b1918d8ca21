"""A conversation as a person sees it."""

import io
from pathlib import Path

import pytest
from support_cli import INFO, FakeTerminal, audio, done, heard

from trio_realtime import (
    InputTokensDetails,
    OutputTokensDetails,
    RealtimeUserSpeechStarted,
    RealtimeUserTranscriptCompleted,
    Usage,
)
from trio_realtime.cli.recordings import Answer
from trio_realtime.cli.screen import Screen, describe_usage
from trio_realtime.cli.terminal import Terminal

PCM = b"\x00\x10" * 2400  # 100 ms
USAGE = Usage(
    requests=1,
    input_tokens=41,
    output_tokens=9,
    input_tokens_details=InputTokensDetails(text_tokens=12, audio_tokens=29, cached_tokens=4),
    output_tokens_details=OutputTokensDetails(text_tokens=2, audio_tokens=7),
)


class Clock:
    """Every look at it is a tenth of a second after the one before, unless it stands."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step = 0.1

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_spoken_turn_from_the_first_word_to_the_tokens() -> None:
    out = FakeTerminal()
    screen = Screen(Terminal(out), clock=Clock())
    screen.notice("Talking to a simulator.")
    screen.sent(PCM, of_seconds=0.2)
    assert out.rows[1:] == ["sent   0.1 of 0.2 s -18 dB ▅"]
    screen.event(RealtimeUserSpeechStarted(item_id="u1", audio_start_ms=0, info=INFO))
    screen.sent(PCM, of_seconds=0.2)
    assert out.rows[1:] == ["you    …", "sent   0.2 of 0.2 s -18 dB ▅▅"]
    screen.sent_all("question.wav")
    assert out.rows[1:] == ["sent   question.wav, 0.2 s at -18 dB", "you    …"]
    screen.event(heard("We "))
    screen.event(audio(PCM))
    assert out.rows[2:] == ["you    …", "agent  We", "audio  0.1 s -18 dB ▅"]
    question = RealtimeUserTranscriptCompleted(
        item_id="u1", content_index=0, transcript="When?", info=INFO
    )
    screen.event(question)
    screen.event(heard("do."))
    assert out.rows[2:] == ["you    When?", "agent  We do.", "audio  0.1 s -18 dB ▅"]
    screen.event(done())
    assert out.rows[2:] == ["you    When?", "agent  We do.", ""]
    screen.finish(USAGE, Answer(bytearray(PCM)), Path("answer.wav"))
    assert out.rows[4:] == [
        "audio  0.1 s received, saved to answer.wav",
        "tokens 41 in (12 text, 29 audio, 4 cached), 9 out (2 text, 7 audio)",
        "",
    ]


def test_pictures_that_nobody_could_see_are_not_drawn() -> None:
    out = FakeTerminal()
    clock = Clock()
    screen = Screen(Terminal(out), clock=clock)
    screen.event(heard("We "))
    clock.step = 0.0
    drawn = out.getvalue()
    for _ in range(1000):
        screen.event(heard("and "))
    assert out.getvalue() == drawn
    clock.step = 0.1
    screen.event(heard("you"))
    assert out.rows[-1].endswith("and you")


def test_a_microphone_has_its_meter_in_sight() -> None:
    out = FakeTerminal()
    screen = Screen(Terminal(out), continuous=True, clock=Clock())
    screen.sent(PCM)
    screen.problem("odd")
    assert out.rows == ["error  odd", "mic    0.1 s -18 dB ▅"]


def test_elsewhere_than_on_a_terminal_there_are_lines_only() -> None:
    out = io.StringIO()
    screen = Screen(Terminal(out), interactive=True)
    screen.sent(PCM)
    screen.prompt()
    screen.entered()
    screen.event(heard("We do."))
    screen.event(audio(PCM))
    screen.event(done())
    screen.end_of_input()
    screen.finish(Usage(), Answer(bytearray(PCM)), None)
    assert out.getvalue() == (
        "agent  We do.\naudio  0.1 s received, not saved (--save FILE does)\n"
    )


def test_quiet_is_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    out = FakeTerminal()
    screen = Screen(Terminal(out), quiet=True, clock=Clock())
    screen.notice("Talking to a simulator.")
    screen.sent(PCM)
    assert out.rows == [""]
    screen.sent_all("question.wav")
    screen.event(audio(PCM))
    screen.event(heard("We"))
    screen.finish(USAGE, Answer(bytearray(PCM)), Path("answer.wav"))
    assert out.rows == ["agent  We …", ""]
    assert capsys.readouterr().err == "Talking to a simulator.\n"


def test_nothing_sent_and_nothing_received_are_not_mentioned() -> None:
    out = FakeTerminal()
    screen = Screen(Terminal(out))
    screen.sent_all("empty.wav")
    screen.finish(Usage(), Answer(), None)
    assert out.getvalue() == ""


def test_a_prompt_is_for_who_types_here() -> None:
    out = FakeTerminal()
    Screen(Terminal(out)).prompt()
    assert out.rows == [""]
    Screen(Terminal(out), interactive=True).prompt()
    assert out.rows == ["you"]


def test_modalities_without_tokens_are_left_out() -> None:
    assert describe_usage(Usage(input_tokens=3)) == "3 in, 0 out"
    image = Usage(input_tokens=3, input_tokens_details=InputTokensDetails(image_tokens=3))
    assert describe_usage(image) == "3 in (3 image), 0 out"
