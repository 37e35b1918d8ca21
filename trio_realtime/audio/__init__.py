"""Audio helpers: WAV files, sample rates, G.711, chunks, levels.

For applications and the command line; the session itself never converts audio. Everything works on
``bytes`` of mono PCM16 little-endian, which is what sessions speak by default (at 24 kHz), and
everything is a plain function: nothing waits except for the disk, so inside Trio read and write
long files through ``trio.to_thread.run_sync``.

Only resampling needs packages, numpy and soxr, which come with ``trio-realtime[talk]`` and are
imported when first used.
"""

from .g711 import alaw_decode as alaw_decode
from .g711 import alaw_encode as alaw_encode
from .g711 import ulaw_decode as ulaw_decode
from .g711 import ulaw_encode as ulaw_encode
from .resampling import Resampler as Resampler
from .resampling import resample as resample
from .samples import MODEL_RATE as MODEL_RATE
from .samples import chunks as chunks
from .samples import level_dbfs as level_dbfs
from .wav import Wav as Wav
from .wav import WavReader as WavReader
from .wav import read_wav as read_wav
from .wav import write_wav as write_wav
