"""The input buffer: what is kept, what is taken, and at which offsets."""

from support_simulator import silence, speech

from trio_realtime.testing.simulator.input_audio import KEPT_IDLE_MS, InputAudio
from trio_realtime.testing.simulator.served_formats import G711_ULAW, PCM16
from trio_realtime.testing.simulator.vad import SpeechStarted, SpeechStopped, VadSettings


def listening() -> InputAudio:
    buffer = InputAudio()
    buffer.configure(PCM16, VadSettings())
    return buffer


def test_without_vad_nothing_is_found() -> None:
    """Audio only piles up."""
    buffer = InputAudio()
    assert buffer.append(speech(200) + silence(800)) == []
    assert (buffer.appended_ms, buffer.buffered_ms) == (1_000, 1_000.0)
    assert buffer.take_all() == speech(200) + silence(800)
    assert buffer.buffered_ms == 0


def test_speech_before_vad_was_on_does_not_count() -> None:
    """Turned on in the middle of speech, it starts there."""
    buffer = InputAudio()
    buffer.append(speech(500))
    buffer.configure(PCM16, VadSettings())
    assert buffer.append(speech(100)) == [SpeechStarted(500)]


def test_vad_takes_the_segment_and_what_follows_stays() -> None:
    """The audio between start and end is exactly the utterance with its padding."""
    buffer = listening()
    assert buffer.append(silence(1_000) + speech(400) + silence(600)) == [
        SpeechStarted(700),
        SpeechStopped(1_900),
    ]
    assert buffer.take(700, 1_900) == silence(300) + speech(400) + silence(500)
    assert buffer.buffered_ms == 100


def test_settings_may_change_while_listening() -> None:
    """Other settings do not disturb speech in progress."""
    buffer = listening()
    assert buffer.append(speech(100)) == [SpeechStarted(0)]
    buffer.configure(PCM16, VadSettings(silence_duration_ms=200))
    assert buffer.append(silence(200)) == [SpeechStopped(300)]


def test_clear_forgets_audio_and_speech() -> None:
    """Offsets go on counting."""
    buffer = listening()
    buffer.append(speech(200))
    buffer.clear()
    assert (buffer.appended_ms, buffer.buffered_ms) == (200, 0)
    assert buffer.append(silence(500) + speech(100)) == [SpeechStarted(400)]


def test_long_silence_is_not_kept() -> None:
    """An hour of it costs no more than the longest idle timeout."""
    buffer = listening()
    for _ in range(60):
        buffer.append(silence(1_000))
    assert buffer.appended_ms == 60_000
    assert buffer.buffered_ms == KEPT_IDLE_MS


def test_taking_what_is_no_longer_there() -> None:
    """It gives what is left of it."""
    buffer = listening()
    buffer.append(silence(500))
    assert buffer.take(100, 300) == silence(200)
    assert buffer.take(0, 400) == silence(100)
    assert buffer.take(0, 400) == b""
    assert buffer.buffered_ms == 100


def test_another_format_empties_the_buffer_and_keeps_the_time() -> None:
    """Offsets are milliseconds, in whatever format they passed."""
    buffer = listening()
    buffer.append(silence(1_000))
    buffer.configure(G711_ULAW, VadSettings())
    assert (buffer.appended_ms, buffer.buffered_ms) == (1_000, 0)
    assert buffer.append(silence(500, G711_ULAW) + speech(100, G711_ULAW)) == [SpeechStarted(1_200)]
    assert buffer.take(1_500, 1_600) == speech(100, G711_ULAW)
