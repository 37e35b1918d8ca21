"""WAV files in and out."""

import io
import wave
from pathlib import Path

import pytest
from support_cli import QUESTION, audio, done

from trio_realtime.audio import read_wav, write_wav
from trio_realtime.cli.failures import CommandError
from trio_realtime.cli.recordings import Answer, check_can_save, open_recording


def test_the_recording_in_the_repository_is_short_speech() -> None:
    with wave.open(str(QUESTION)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
    assert QUESTION.stat().st_size < 200_000
    with open_recording(QUESTION) as recording:
        assert recording.seconds is not None
        assert 2 < recording.seconds < 4


async def test_any_rate_and_channel_count_will_do(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(b"\x00\x10\x00\x10" * 44_100)
    with open_recording(path) as recording:
        assert recording.seconds == pytest.approx(1.0, abs=0.001)
        pieces = [piece async for piece in recording.pieces(100)]
    assert len(b"".join(pieces)) == pytest.approx(48_000, abs=48)
    assert {len(piece) for piece in pieces[:-1]} == {4_800}


async def test_a_recording_is_read_piece_by_piece(tmp_path: Path) -> None:
    """Whatever the length of a reading and of a piece, together they are the recording."""
    sound = b"".join(sample.to_bytes(2, "little") for sample in range(12_345))
    write_wav(tmp_path / "long.wav", sound, 24_000)
    for read_seconds in (0.013, 0.1, 10):
        with open_recording(tmp_path / "long.wav", read_seconds) as recording:
            pieces = [piece async for piece in recording.pieces(20)]
        assert b"".join(pieces) == sound
        assert {len(piece) for piece in pieces[:-1]} == {960}


async def test_a_recording_without_a_length_is_read_to_its_end(tmp_path: Path) -> None:
    """As a recorder leaves it that wrote into a pipe; how long it is, is not known before."""
    write_wav(tmp_path / "pipe.wav", bytes(96_000), 24_000)
    whole = (tmp_path / "pipe.wav").read_bytes()
    (tmp_path / "pipe.wav").write_bytes(whole[:40] + b"\xff" * 4 + whole[44:])
    with open_recording(tmp_path / "pipe.wav") as recording:
        assert recording.seconds is None
        pieces = [piece async for piece in recording.pieces(100)]
    assert len(b"".join(pieces)) == 96_000


async def test_a_disk_that_fails_in_the_middle_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the beginning of the recording has been sent."""
    write_wav(tmp_path / "a.wav", bytes(96_000), 24_000)
    with open_recording(tmp_path / "a.wav") as recording:

        def fail(*_arguments: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("trio_realtime.audio.wav.WavReader.read", fail)
        with pytest.raises(CommandError, match=r"cannot read .*a.wav: Input/output error"):
            _ = [piece async for piece in recording.pieces(100)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot read .*: No such file"), (b"RIFFxxxx", "this is no WAV file")],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "question.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=complaint) as caught, open_recording(path):
        pass
    assert str(path) in str(caught.value)


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", b"", 24_000)
    with (
        pytest.raises(CommandError, match="there is no sound in it"),
        open_recording(tmp_path / "empty.wav"),
    ):
        pass


def test_without_the_packages_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    with pytest.raises(CommandError, match=r"trio-realtime\[talk\]"), open_recording(QUESTION):
        pass


def test_where_an_answer_cannot_be_saved_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_can_save(tmp_path / "answer.wav")
    with pytest.raises(CommandError, match="it is a directory"):
        check_can_save(tmp_path)
    with pytest.raises(CommandError, match="there is no directory"):
        check_can_save(tmp_path / "nowhere" / "answer.wav")
    asked: list[Path] = []

    def forbid(path: Path, _mode: int) -> bool:
        asked.append(path)
        return False

    monkeypatch.setattr("os.access", forbid)
    existing = tmp_path / "old.wav"
    existing.touch()
    for path in (existing, tmp_path / "new.wav"):
        with pytest.raises(CommandError, match="permission denied"):
            check_can_save(path)
    assert asked == [existing, tmp_path]


def test_an_answer_is_saved_as_received(tmp_path: Path) -> None:
    answer = Answer()
    for event in (audio(b"\x01\x02" * 1200), done(), audio(b"\x03\x04" * 1200)):
        answer.take(event)
    assert answer.seconds == 0.1
    answer.save(tmp_path / "answer.wav")
    wav = read_wav(tmp_path / "answer.wav")
    assert (wav.rate, wav.samples) == (24_000, b"\x01\x02" * 1200 + b"\x03\x04" * 1200)
    with pytest.raises(CommandError, match=r"cannot write .*: Is a directory"):
        answer.save(tmp_path)


def test_an_answer_can_be_streamed_into_any_file() -> None:
    file = io.BytesIO()
    write_wav(file, b"\x01\x02")
    assert file.getvalue().endswith(b"\x01\x02")
