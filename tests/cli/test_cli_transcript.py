"""What was said, in the order in which it was said."""

import pytest
from support_cli import INFO, done, heard

from trio_realtime import (
    InputAudio,
    InputImage,
    InputText,
    RealtimeAudioInterrupted,
    RealtimeHistoryAdded,
    RealtimeUserSpeechStarted,
    RealtimeUserTranscriptCompleted,
    RealtimeUserTranscriptDelta,
    RealtimeUserTranscriptFailed,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.cli.transcript import MOST_OPEN, Said, Transcript, printable
from trio_realtime.models.events import RealtimeServerError


def speech(item_id: str) -> RealtimeUserSpeechStarted:
    return RealtimeUserSpeechStarted(item_id=item_id, audio_start_ms=0, info=INFO)


def transcribed(item_id: str, text: str) -> RealtimeUserTranscriptCompleted:
    return RealtimeUserTranscriptCompleted(
        item_id=item_id, content_index=0, transcript=text, info=INFO
    )


def added(*content: InputText | InputAudio | InputImage) -> RealtimeHistoryAdded:
    item = UserMessageItem(item_id="u1", content=content)
    return RealtimeHistoryAdded(item=item, info=INFO)


def test_a_late_transcript_of_the_user_still_comes_first() -> None:
    transcript = Transcript()
    transcript.event(speech("u1"))
    transcript.event(heard("We open "))
    transcript.event(heard("at nine."))
    transcript.event(done())
    assert transcript.take_complete() == []
    assert transcript.open() == [Said("you", "…"), Said("agent", "We open at nine.")]
    delta = RealtimeUserTranscriptDelta(item_id="u1", content_index=0, delta="When", info=INFO)
    transcript.event(delta)
    assert transcript.open()[0] == Said("you", "When")
    transcript.event(transcribed("u1", "When do you open?"))
    assert transcript.take_complete() == [
        Said("you", "When do you open?"),
        Said("agent", "We open at nine."),
    ]
    assert transcript.open() == []


def test_a_cough_leaves_no_line() -> None:
    transcript = Transcript()
    transcript.event(speech("u1"))
    transcript.event(transcribed("u1", " "))
    assert transcript.take_complete() == []
    assert transcript.open() == []


def test_a_failed_transcript_says_so() -> None:
    transcript = Transcript()
    error = RealtimeServerError(message="m", type="t")
    failed = RealtimeUserTranscriptFailed(item_id="u1", content_index=0, error=error, info=INFO)
    transcript.event(failed)
    assert transcript.take_complete() == [Said("you", "(not understood by the transcription)")]


def test_a_transcript_that_never_comes_holds_up_a_few_lines_only() -> None:
    transcript = Transcript()
    transcript.event(speech("u0"))
    for number in range(MOST_OPEN):
        assert transcript.take_complete() == []
        transcript.event(heard("yes", f"a{number}"))
        transcript.event(done())
    taken = transcript.take_complete()
    assert taken == [Said("you", "(no transcript)")] + [Said("agent", "yes")] * MOST_OPEN


@pytest.mark.parametrize(
    ("ending", "remark"),
    [
        (done("cancelled", "turn_detected"), "(interrupted)"),
        (done("incomplete", "max_output_tokens"), "(cut off: max_output_tokens)"),
        (done("failed"), "(failed)"),
    ],
)
def test_an_answer_that_did_not_end_well_says_so(ending: object, remark: str) -> None:
    transcript = Transcript()
    transcript.event(heard("We open"))
    transcript.event(ending)  # type: ignore[arg-type]
    assert transcript.take_complete() == [Said("agent", f"We open {remark}")]


def test_an_interruption_is_told_once() -> None:
    transcript = Transcript()
    cut = RealtimeAudioInterrupted(item_id="a1", content_index=0, heard_ms=1, info=INFO)
    transcript.event(cut)  # of an answer that is printed already
    transcript.event(heard("We open"))
    transcript.event(cut)
    transcript.event(cut)
    transcript.event(done("cancelled"))
    assert transcript.take_complete() == [Said("agent", "We open (interrupted)")]


def test_typed_messages_are_shown_unless_the_terminal_did() -> None:
    shown, hidden = Transcript(), Transcript(echo_typed=False)
    for transcript in (shown, hidden):
        transcript.event(added(InputText(text="Hello"), InputImage()))
    assert shown.take_complete() == [Said("you", "Hello")]
    assert hidden.take_complete() == []
    assert hidden.open() == []


def test_committed_audio_is_awaited() -> None:
    transcript = Transcript()
    transcript.event(added(InputAudio()))
    system = SystemMessageItem(item_id="s1", content=(InputText(text="rules"),))
    transcript.event(RealtimeHistoryAdded(item=system, info=INFO))
    assert transcript.open() == [Said("you", "…")]


def test_what_is_left_at_the_end_is_shown() -> None:
    transcript = Transcript()
    transcript.event(speech("u1"))
    transcript.event(heard("We"))
    transcript.event(speech("u2"))
    transcript.event(transcribed("u2", ""))
    assert transcript.take_all() == [Said("you", "(no transcript)"), Said("agent", "We …")]
    assert transcript.take_all() == []


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\n c\u2028d\x07 é") == "a [2Jb c d é"
