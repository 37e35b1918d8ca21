"""The audio helpers: WAV files, sample rates, G.711, chunks, levels."""

import io
import math
import struct
import sys
import tracemalloc
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.audio import (
    Resampler,
    Wav,
    WavReader,
    alaw_decode,
    alaw_encode,
    chunks,
    level_dbfs,
    read_wav,
    resample,
    ulaw_decode,
    ulaw_encode,
    write_wav,
)
from trio_realtime.audio.samples import WholeSamples
from trio_realtime.errors import UserError

ALL_CODES = bytes(range(256))
EXTENSIBLE = 0xFFFE


def pcm(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def sine(hertz: float, rate: int, seconds: float, amplitude: float = 0.5) -> bytes:
    step = 2 * math.pi * hertz / rate
    return pcm(*(int(32767 * amplitude * math.sin(step * n)) for n in range(int(rate * seconds))))


def riff(*parts: tuple[bytes, bytes]) -> io.BytesIO:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in parts
    )
    return io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)


def header(encoding: int, bits: int, *, channels: int = 1, rate: int = 8000) -> tuple[bytes, bytes]:
    frame = channels * bits // 8
    return b"fmt ", struct.pack("<HHIIHH", encoding, channels, rate, rate * frame, frame, bits)


# WAV files


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_file_comes_back_as_it_was_written(
    tmp_path: Path, as_path: Callable[[Path], str | Path]
) -> None:
    path = as_path(tmp_path / "sound.wav")
    write_wav(path, pcm(1, -2, 32767, -32768))
    assert read_wav(path) == Wav(samples=pcm(1, -2, 32767, -32768), rate=24_000)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)


@given(st.binary(max_size=50).map(lambda data: data * 2), st.integers(1, 192_000))
def test_any_sound_survives_a_file_object(samples: bytes, rate: int) -> None:
    file = io.BytesIO()
    write_wav(file, samples, rate)
    file.seek(0)
    assert read_wav(file) == Wav(samples=samples, rate=rate)


def test_a_wav_knows_its_length_and_hides_its_samples() -> None:
    wav = Wav(samples=bytes(4800), rate=24_000)
    assert wav.duration_ms == 100
    assert repr(wav) == "Wav(samples=<4800 bytes>, rate=24000)"


@pytest.mark.parametrize(
    ("encoding", "bits", "data", "samples"),
    [
        (1, 8, bytes([0, 127, 128, 255]), [-32768, -256, 0, 32512]),
        (1, 16, pcm(-32768, -1, 0, 32767), [-32768, -1, 0, 32767]),
        (1, 24, bytes.fromhex("000080 ffffff 000000 ffff7f"), [-32768, -1, 0, 32767]),
        (1, 32, struct.pack("<4i", -(2**31), -1, 65536, 2**31 - 1), [-32768, -1, 1, 32767]),
        (3, 32, struct.pack("<5f", -1, 0, 0.5, 1, -7), [-32768, 0, 16384, 32767, -32768]),
        (3, 64, struct.pack("<3d", 0.25, math.inf, math.nan), [8192, 32767, 0]),
        (6, 8, b"\xd5\x55\xaa\x2a", [8, -8, 32256, -32256]),
        (7, 8, b"\xff\x7f\x80\x00", [0, 0, 32124, -32124]),
    ],
)
def test_encodings(encoding: int, bits: int, data: bytes, samples: list[int]) -> None:
    assert read_wav(riff(header(encoding, bits), (b"data", data))).samples == pcm(*samples)


def test_the_encoding_may_stand_in_an_extensible_header() -> None:
    name, plain = header(EXTENSIBLE, 24, channels=2, rate=48_000)
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    extended = plain + struct.pack("<HHI", 22, 24, 3) + guid
    data = bytes.fromhex("000001 000003")
    assert read_wav(riff((name, extended), (b"data", data))) == Wav(samples=pcm(512), rate=48_000)


@pytest.mark.parametrize(
    ("channels", "data", "samples"),
    [
        (2, pcm(100, 300, -32768, -32768, 32767, 32767), [200, -32768, 32767]),
        (3, pcm(1, 2, 6), [3]),
        (2, b"", []),
    ],
)
def test_channels_are_mixed_to_one(channels: int, data: bytes, samples: list[int]) -> None:
    wav = read_wav(riff(header(1, 16, channels=channels), (b"data", data)))
    assert wav.samples == pcm(*samples)


def test_other_chunks_are_passed_over() -> None:
    file = riff(
        (b"LIST", b"odd"), header(1, 16), (b"fact", b"1234"), (b"data", pcm(7)), (b"data", b"")
    )
    assert read_wav(file).samples == pcm(7)


@pytest.mark.parametrize("torn", [b"", b"\x01", b"\x01\x02\x03"])
def test_a_file_that_was_never_closed_is_read_to_its_end(torn: bytes) -> None:
    endless = (
        riff(header(1, 16, channels=2)).getvalue() + b"data\xff\xff\xff\xff" + pcm(4, 8) + torn
    )
    assert read_wav(io.BytesIO(endless)).samples == pcm(6)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(b""), "no WAV file"),
        (io.BytesIO(b"ID3\4 some music"), "no WAV file"),
        (io.BytesIO(b"RIFF\0\0\0\0AVI LIST"), "no WAV file"),
        (riff((b"data", b"")), "broken"),
        (riff(header(1, 16)), "broken"),
        (riff((b"fmt ", b"\1\0"), (b"data", b"")), "broken"),
        (riff(header(0x55, 16), (b"data", b"")), "encoding 0x0055 with 16 bits"),
        (riff(header(1, 12), (b"data", b"")), "encoding 0x0001 with 12 bits"),
        (riff(header(EXTENSIBLE, 16), (b"data", b"")), "encoding 0xfffe"),
        (riff(header(1, 16, channels=0), (b"data", b"")), "0 channels at 8000 Hz"),
        (riff(header(1, 16, rate=0), (b"data", b"")), "1 channels at 0 Hz"),
    ],
)
def test_what_cannot_be_read_is_refused(file: io.BytesIO, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_wav(file)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "nothing.wav")


def without_size(file: io.BytesIO, size: bytes) -> bytes:
    """A file whose data chunk says this size, in little-endian bytes, whatever it holds."""
    whole = file.getvalue()
    place = whole.index(b"data") + 4
    return whole[:place] + size + whole[place + 4 :]


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"])
@pytest.mark.parametrize("riff_size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x24\0\0\0"])
def test_a_size_that_was_never_written_means_to_the_end(size: bytes, riff_size: bytes) -> None:
    """Recorders that write into a pipe leave 0, or the most that fits."""
    sound = pcm(*range(1, 999))
    data = without_size(riff(header(1, 16), (b"data", sound)), size)
    data = data[:4] + riff_size + data[8:]
    assert read_wav(io.BytesIO(data)).samples == sound
    assert WavReader(io.BytesIO(data)).duration_ms is None or size.endswith(b"\x7f")


@pytest.mark.parametrize(
    "behind", [(), ((b"LIST", b"INFOINAM"),), ((b"LIST", b"odd"), (b"id3 ", b"12"))], ids=len
)
def test_an_empty_recording_may_have_a_title(behind: tuple[tuple[bytes, bytes], ...]) -> None:
    """Chunks behind a chunk of 0 bytes of sound are no sound."""
    assert read_wav(riff(header(1, 16), (b"data", b""), *behind)).samples == b""


def test_a_file_above_4_gib_is_read_by_its_64_bit_sizes() -> None:
    """RF64 and BW64 have a chunk for them; what stands behind the sound is not read."""
    sound = pcm(1, 2, 3, 4)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, len(sound), 4, 0)
    for magic in (b"RF64", b"BW64"):
        name, fmt = header(1, 16)
        body = sizes + name + struct.pack("<I", len(fmt)) + fmt + b"data\xff\xff\xff\xff" + sound
        file = io.BytesIO(magic + b"\xff\xff\xff\xffWAVE" + body + b"LIST\4\0\0\0text")
        assert read_wav(file).samples == sound


class Pipe(io.RawIOBase):
    """A file that cannot be sought and brings a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size > 12 else size)


def test_a_pipe_is_read_as_it_comes() -> None:
    """Without seeking, chunks that nobody needs are read and left; 0 means to the end."""
    sound = pcm(*range(100))
    parts = ((b"LIST", b"title"), header(1, 16), (b"fact", bytes(100_000)), (b"data", sound))
    assert read_wav(Pipe(riff(*parts).getvalue())).samples == sound  # type: ignore[arg-type]
    unsized = without_size(riff(header(1, 16), (b"data", sound)), b"\0\0\0\0")
    assert read_wav(Pipe(unsized)).samples == sound  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", [1, 7, 100, 10_000])
def test_a_reader_gives_any_number_of_samples(samples: int) -> None:
    """Together they are the sound; less than a frame at the end is left out."""
    data = pcm(*range(1_000)) + b"\1"
    reader = WavReader(riff(header(1, 16, channels=2, rate=16_000), (b"data", data)))
    assert reader.rate == 16_000
    assert reader.duration_ms == pytest.approx(500 / 16, abs=0.1)
    pieces: list[bytes] = []
    while piece := reader.read(samples):
        pieces.append(piece)
        assert len(piece) <= 2 * samples
    assert reader.at_end
    assert b"".join(pieces) == pcm(*range(0, 1_000, 2))


def test_reading_a_long_file_takes_little_memory(tmp_path: Path) -> None:
    """Of 1.6 MB of stereo floats no more is in memory than a few pieces."""
    frames = 200_000
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        start = riff(header(3, 32, channels=2), (b"data", b"")).getvalue()
        file.write(start[:-4] + struct.pack("<I", 8 * frames))
        file.truncate(len(start) + 8 * frames)
    tracemalloc.start()
    try:
        with WavReader(path) as reader:
            total = 0
            while piece := reader.read(4_096):
                total += len(piece)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 2 * frames
    assert peak < 1_000_000


def test_a_reader_closes_what_it_opened_alone(tmp_path: Path) -> None:
    """Also when there is no WAV file in it; a file of the caller's stays open."""
    path = tmp_path / "no.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(UserError, match="no WAV file"):
        WavReader(path)  # an open file would be a ResourceWarning, and so an error
    given = riff(header(1, 16), (b"data", pcm(1)))
    with WavReader(given) as reader:
        assert reader.read(5) == pcm(1)
    assert not given.closed


@given(pieces=st.lists(st.binary(max_size=7)), width=st.sampled_from([1, 2]))
def test_pieces_of_any_length_become_whole_samples(pieces: list[bytes], width: int) -> None:
    """No piece that comes out holds half a sample, and nothing but the last half is missing."""
    whole = WholeSamples()
    out = [whole.feed(piece, width) for piece in pieces]
    assert all(len(piece) % width == 0 for piece in out)
    everything = b"".join(pieces)
    assert b"".join(out) == everything[: len(everything) // width * width]
    whole.clear()
    assert whole.feed(b"\1\2", width) == b"\1\2"


# Half a sample


@pytest.mark.parametrize(
    "use",
    [
        lambda odd: write_wav(io.BytesIO(), odd),
        lambda odd: resample(odd, 8000, 8000),
        ulaw_encode,
        alaw_encode,
        level_dbfs,
    ],
)
def test_half_a_sample_is_refused(use: Callable[[bytes], object]) -> None:
    with pytest.raises(UserError, match="3 bytes is an odd number"):
        use(b"\0\0\0")


# Sample rates


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)


@pytest.mark.usefixtures("without_packages")
def test_equal_rates_need_no_packages() -> None:
    sound = sine(440, 24_000, 0.1)
    assert resample(sound, 24_000, 24_000) is sound
    resampler = Resampler(24_000, 24_000)
    assert resampler.feed(sound[:101]) == sound[:100]
    assert resampler.feed(sound[101:]) == sound[100:]
    assert resampler.flush() == b""


@pytest.mark.usefixtures("without_packages")
@pytest.mark.parametrize(
    "convert", [lambda: resample(bytes(2), 8000, 16000), lambda: Resampler(1, 2)]
)
def test_without_the_packages_the_error_names_the_extra(convert: Callable[[], object]) -> None:
    with pytest.raises(UserError, match=r"pip install 'trio-realtime\[talk\]'"):
        convert()


@pytest.mark.parametrize("rates", [(0, 8000), (8000, 0), (-1, 8000)])
def test_a_rate_that_is_not_positive_is_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="must be positive"):
        resample(b"", *rates)
    with pytest.raises(UserError, match="must be positive"):
        Resampler(*rates)


def test_nothing_stays_nothing() -> None:
    assert resample(b"", 8000, 24_000) == b""


def difference(first: bytes, second: bytes) -> int:
    """The largest difference of two sounds of about the same length."""
    count = min(len(first), len(second)) // 2
    left: tuple[int, ...] = struct.unpack(f"<{count}h", first[: 2 * count])
    right: tuple[int, ...] = struct.unpack(f"<{count}h", second[: 2 * count])
    return max(abs(one - other) for one, other in zip(left, right, strict=True))


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(8000, 24_000), (24_000, 8000), (44_100, 24_000)]
)
def test_a_tone_stays_the_tone_it_was(from_rate: int, to_rate: int) -> None:
    pytest.importorskip("soxr")
    sound = resample(sine(440, from_rate, 0.5), from_rate, to_rate)
    expected = sine(440, to_rate, 0.5)
    assert len(sound) == len(expected)
    middle = slice(len(expected) // 4 // 2 * 2, len(expected) // 2)
    assert difference(sound[middle], expected[middle]) < 40


@pytest.mark.parametrize("size", [160, 961])
def test_pieces_sound_like_the_whole(size: int) -> None:
    pytest.importorskip("soxr")
    sound = sine(300, 8000, 0.5)
    resampler = Resampler(8000, 24_000)
    for _ in range(2):
        pieces = [resampler.feed(sound[at : at + size]) for at in range(0, len(sound), size)]
        pieces.append(resampler.flush())
        whole = resample(sound, 8000, 24_000)
        assert len(b"".join(pieces)) == len(whole)
        assert difference(b"".join(pieces), whole) <= 2


def test_half_a_sample_at_the_end_is_dropped() -> None:
    resampler = Resampler(8000, 8000)
    assert resampler.feed(b"\1") == b""
    assert resampler.flush() == b""
    assert resampler.feed(b"\2\0") == b"\2\0"


# G.711


@pytest.mark.parametrize(
    ("code", "sample"),
    [(0x00, -32124), (0x0F, -16764), (0x7E, -8), (0x7F, 0), (0x80, 32124), (0xFE, 8), (0xFF, 0)],
)
def test_ulaw_values(code: int, sample: int) -> None:
    assert ulaw_decode(bytes([code])) == pcm(sample)


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        (0x2A, -32256),
        (0x55, -8),
        (0x54, -24),
        (0x00, -5504),
        (0x80, 5504),
        (0xD5, 8),
        (0xAA, 32256),
    ],
)
def test_alaw_values(code: int, sample: int) -> None:
    assert alaw_decode(bytes([code])) == pcm(sample)


@pytest.mark.parametrize(
    ("sample", "ulaw", "alaw"),
    [
        (0, 0xFF, 0xD5),
        (-1, 0x7F, 0x55),
        (1000, 0xCE, 0xFA),
        (-1000, 0x4E, 0x7A),
        (10_000, 0x9C, 0xB6),
        (-10_000, 0x1C, 0x36),
        (32_767, 0x80, 0xAA),
        (-32_768, 0x00, 0x2A),
    ],
)
def test_encoded_values(sample: int, ulaw: int, alaw: int) -> None:
    assert ulaw_encode(pcm(sample)) == bytes([ulaw])
    assert alaw_encode(pcm(sample)) == bytes([alaw])


def test_every_code_survives() -> None:
    assert alaw_encode(alaw_decode(ALL_CODES)) == ALL_CODES
    # µ-law has two zeros; the negative one becomes the positive.
    assert ulaw_encode(ulaw_decode(ALL_CODES)) == ALL_CODES.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
@given(samples=st.lists(st.integers(-32768, 32767)))
def test_a_sample_survives_within_the_step_of_its_law(
    encode: Callable[[bytes], bytes], decode: Callable[[bytes], bytes], samples: list[int]
) -> None:
    codes = encode(pcm(*samples))
    assert len(codes) == len(samples)
    decoded = struct.unpack(f"<{len(samples)}h", decode(codes))
    for sample, back in zip(samples, decoded, strict=True):
        # Both laws have 16 steps to an octave, so half a step is at most 1/32, and no step is
        # finer than that of the quietest samples.
        assert abs(sample - back) <= max(16, abs(sample) / 32 + 4)
    assert encode(decode(codes)) == (
        codes.replace(b"\x7f", b"\xff") if encode is ulaw_encode else codes
    )


@pytest.mark.parametrize(("encode", "loudest_first"), [(ulaw_encode, True), (alaw_encode, False)])
def test_the_laws_are_mirror_images(encode: Callable[[bytes], bytes], loudest_first: bool) -> None:
    samples = range(0, 32768, 37)
    above = encode(pcm(*samples))
    below = encode(pcm(*(~sample for sample in samples)))
    assert bytes(code ^ 0x80 for code in above) == below
    assert (above == bytes(sorted(above, reverse=True))) == loudest_first


# Chunks and levels


@pytest.mark.parametrize(
    ("audio", "ms", "rate", "width", "sizes"),
    [
        (bytes(4800), 20, 24_000, 2, [960] * 5),
        (bytes(1000), 20, 24_000, 2, [960, 40]),
        (bytes(400), 20, 8000, 1, [160, 160, 80]),
        (bytes(1764), 2.5, 44_100, 2, [220] * 8 + [4]),
        (b"", 20, 24_000, 2, []),
    ],
)
def test_chunks(audio: bytes, ms: float, rate: int, width: int, sizes: list[int]) -> None:
    pieces = list(chunks(audio, ms, rate, width=width))
    assert [len(piece) for piece in pieces] == sizes
    assert b"".join(pieces) == audio


def test_chunks_are_20_ms_of_the_models_pcm_unless_told() -> None:
    assert [len(piece) for piece in chunks(bytes(1920))] == [960, 960]


@pytest.mark.parametrize("ms", [0, -20, 0.01])
def test_chunks_of_less_than_a_sample_are_refused_at_once(ms: float) -> None:
    with pytest.raises(UserError, match="less than one sample"):
        chunks(bytes(100), ms)


@pytest.mark.parametrize(
    ("sound", "level"),
    [
        (pcm(-32768, -32768), 0.0),
        (pcm(16384, -16384), -6.02),
        (sine(100, 8000, 1, amplitude=1.0), -3.01),
        (pcm(1), -90.31),
        (pcm(0, 0), -math.inf),
        (b"", -math.inf),
    ],
)
def test_levels(sound: bytes, level: float) -> None:
    assert level_dbfs(sound) == pytest.approx(level, abs=0.01)
