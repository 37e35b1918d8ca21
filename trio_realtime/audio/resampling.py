"""Changing the sample rate of mono PCM16: in one go, or piece by piece for a stream.

Needs numpy and soxr, which come with ``trio-realtime[talk]`` and are imported when first used.
"""

from importlib import import_module
from typing import Any

from ..errors import UserError
from .samples import WholeSamples, check_samples


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Mono PCM16 at another sample rate, whole in one go. For a stream use `Resampler`.

    Equal rates need no packages and return ``pcm`` itself. Raises
    `~trio_realtime.errors.UserError` for half a sample, for a rate that is not positive, and when
    numpy or soxr is not installed.
    """
    check_samples(pcm)
    _check_rates(from_rate, to_rate)
    if from_rate == to_rate or not pcm:
        return pcm
    numpy, soxr = _resampling_packages()
    return _to_bytes(soxr.resample(_from_bytes(numpy, pcm), from_rate, to_rate))


class Resampler:
    """Mono PCM16 at another sample rate, piece by piece, without clicks between the pieces.

    What `feed` returns lags behind what it was given, by some milliseconds, which `flush` brings
    out. Pieces may end anywhere, also inside a sample. Equal rates need no packages. Raises
    `~trio_realtime.errors.UserError` as `resample` does.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        _check_rates(from_rate, to_rate)
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._samples = WholeSamples()
        self._stream: Any = None
        if from_rate != to_rate:
            self._numpy, soxr = _resampling_packages()
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16")

    def feed(self, pcm: bytes) -> bytes:
        """Take the next piece; return what is ready, which may be nothing."""
        return self._process(pcm, last=False)

    def flush(self) -> bytes:
        """End the sound and return the rest of it. The next `feed` starts another sound."""
        rest = self._process(b"", last=True)
        self._samples.clear()
        if self._stream is not None:
            self._stream.clear()
        return rest

    def _process(self, pcm: bytes, *, last: bool) -> bytes:
        whole = self._samples.feed(pcm)
        if self._stream is None:
            return whole
        return _to_bytes(self._stream.resample_chunk(_from_bytes(self._numpy, whole), last=last))


def _resampling_packages() -> tuple[Any, Any]:
    """numpy and soxr, untyped: soxr has no type hints, and numpy's would have to be installed."""
    try:
        return import_module("numpy"), import_module("soxr")
    except ImportError as error:
        raise UserError(
            "changing a sample rate needs numpy and soxr: pip install 'trio-realtime[talk]'"
        ) from error


def _from_bytes(numpy: Any, pcm: bytes) -> Any:
    return numpy.frombuffer(pcm, dtype="<i2").astype("int16", copy=False)


def _to_bytes(samples: Any) -> bytes:
    data: bytes = samples.astype("<i2", copy=False).tobytes()
    return data


def _check_rates(*rates: int) -> None:
    for rate in rates:
        if rate <= 0:
            raise UserError(f"a sample rate must be positive, not {rate!r}")
