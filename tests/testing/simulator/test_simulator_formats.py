"""Samples in and out of the three wire formats."""

import struct

import pytest

from trio_realtime.testing.simulator.served_formats import (
    FORMATS,
    G711_ALAW,
    G711_ULAW,
    PCM16,
    AudioFormat,
)


def test_bytes_per_millisecond_and_names() -> None:
    """100 ms of PCM16 is 4,800 bytes, of G.711 800."""
    assert {name: each.bytes_per_ms for name, each in FORMATS.items()} == {
        "audio/pcm": 48,
        "audio/pcmu": 8,
        "audio/pcma": 8,
    }
    assert PCM16.render() == {"type": "audio/pcm", "rate": 24_000}
    assert G711_ULAW.render() == {"type": "audio/pcmu"}


def test_pcm_samples_are_read_at_8_khz() -> None:
    """Every third sample is looked at, little-endian."""
    audio = struct.pack("<6h", 1, 2, 3, -4, 5, 6)
    assert list(PCM16.samples(audio)) == [1, -4]
    assert PCM16.encode([1, 2, 3, -4, 5, 6]) == audio


@pytest.mark.parametrize(
    ("audio_format", "byte", "amplitude"),
    [
        (G711_ULAW, 0xFF, 0),
        (G711_ULAW, 0x80, 32_124),
        (G711_ULAW, 0x00, -32_124),
        (G711_ULAW, 0xEF, 132),
        (G711_ALAW, 0xD5, 8),
        (G711_ALAW, 0x55, -8),
        (G711_ALAW, 0xAA, 32_256),
        (G711_ALAW, 0x2A, -32_256),
        (G711_ALAW, 0xC5, 264),
    ],
)
def test_g711_points_of_the_standard(audio_format: AudioFormat, byte: int, amplitude: int) -> None:
    """Codes expand as ITU-T G.711 tabulates, and their amplitudes go back to them."""
    assert audio_format.samples(bytes([byte])) == [amplitude]
    assert audio_format.encode([amplitude]) == bytes([byte])


@pytest.mark.parametrize("audio_format", [G711_ULAW, G711_ALAW])
def test_g711_takes_the_nearest_code(audio_format: AudioFormat) -> None:
    """Companding is off by at most half a step, and clips at the ends."""
    for amplitude in (*range(-32_768, 32_768, 997), -32_768, 32_767, 1, -1):
        (back,) = audio_format.samples(audio_format.encode([amplitude]))
        assert abs(back - amplitude) <= max(8, abs(amplitude) // 16)
