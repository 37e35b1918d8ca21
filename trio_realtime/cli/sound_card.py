"""Microphone and speaker, through sounddevice (the ``[audio]`` extra).

PortAudio calls back in threads of its own, which must never wait. Audio of the microphone goes to
Trio through a bounded channel. Audio for the speaker waits in a queue, whose lock is held only
while some of it is copied, and the playback tracker is told how much was played.
"""

from collections import deque
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from threading import Lock
from typing import Any, Final

import attrs
import trio

from ..audio import MODEL_RATE
from ..events import RealtimeAudio, RealtimeAudioInterrupted, RealtimeSessionEvent
from ..models.playback.tracker import RealtimePlaybackTracker
from ..sessions.session import RealtimeSession
from .failures import CommandError
from .show import Show

BLOCK_MS: Final = 40
_BLOCK_FRAMES: Final = MODEL_RATE * BLOCK_MS // 1000
_WAITING_BLOCKS: Final = 250
"""How many blocks may wait for a slow network: 10 s of speech. Later ones are dropped."""


@attrs.define(eq=False)
class Speaker:
    """Audio waiting to be played. `fill` is called by PortAudio, the rest by Trio."""

    tracker: RealtimePlaybackTracker = attrs.field(factory=RealtimePlaybackTracker)
    _lock: Lock = attrs.field(factory=Lock)
    _waiting: deque[tuple[str, int, bytes]] = attrs.field(factory=deque[tuple[str, int, bytes]])

    def put(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Play this after the audio that waits already."""
        with self._lock:
            self._waiting.append((item_id, content_index, pcm))

    def drop(self, item_id: str) -> None:
        """Drop the audio of this item that was not played; other items are still played."""
        with self._lock:
            self._waiting = deque(piece for piece in self._waiting if piece[0] != item_id)

    def fill(self, out: Any, _frames: int, _time: object, _status: object) -> None:
        """Fill a buffer of PortAudio with the next audio, and silence if there is too little."""
        room = len(out)
        at = 0
        with self._lock:
            while self._waiting and at < room:
                item_id, content_index, pcm = self._waiting.popleft()
                piece, rest = pcm[: room - at], pcm[room - at :]
                out[at : at + len(piece)] = piece
                at += len(piece)
                if rest:
                    self._waiting.appendleft((item_id, content_index, rest))
                self.tracker.on_play_bytes(item_id, content_index, piece)
        out[at:room] = bytes(room - at)


@attrs.define(eq=False)
class SoundCard:
    """The default microphone and speaker, not yet started."""

    _sounddevice: Any
    _speaker: Speaker = attrs.field(factory=Speaker)

    @property
    def tracker(self) -> RealtimePlaybackTracker:
        """Knows what the user has heard."""
        return self._speaker.tracker

    def describe(self) -> str:
        """The names of the devices. Raises `CommandError` when there are none."""
        query = self._sounddevice.query_devices
        try:
            microphone, speaker = (query(kind=kind)["name"] for kind in ("input", "output"))
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise CommandError(f"no microphone and speaker: {error}") from error
        return f"microphone {microphone!r}, speaker {speaker!r}"

    def take(self, event: RealtimeSessionEvent) -> None:
        """Play the audio of an event that has some; an interruption stops it."""
        if isinstance(event, RealtimeAudio):
            self._speaker.put(event.item_id, event.content_index, event.audio.data)
        elif isinstance(event, RealtimeAudioInterrupted):
            self._speaker.drop(event.item_id)

    async def speak(self, session: RealtimeSession[Any], show: Show) -> None:
        """Play what is given to `take`, and send what the microphone hears, until cancelled."""
        blocks_in, blocks_out = trio.open_memory_channel[bytes](_WAITING_BLOCKS)
        token = trio.lowlevel.current_trio_token()

        def offer(block: bytes) -> None:
            # If the network is too slow, this block is dropped; what is sent stays in order.
            with suppress(trio.WouldBlock):
                blocks_in.send_nowait(block)

        def heard(data: Any, _frames: int, _time: object, _status: object) -> None:
            # Trio may be done before PortAudio has stopped.
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(offer, bytes(data))

        with self._streams(heard):
            async for block in blocks_out:
                await session.send_audio(block)
                show.sent(block)

    @contextmanager
    def _streams(self, heard: Any) -> Generator[None]:
        format_ = {
            "samplerate": MODEL_RATE,
            "channels": 1,
            "dtype": "int16",
            "blocksize": _BLOCK_FRAMES,
        }
        with ExitStack() as stack:
            try:
                module = self._sounddevice
                stack.enter_context(module.RawOutputStream(callback=self._speaker.fill, **format_))
                stack.enter_context(module.RawInputStream(callback=heard, **format_))
            except self._sounddevice.PortAudioError as error:
                raise CommandError(f"cannot use microphone and speaker: {error}") from error
            yield


def find_sound_card() -> SoundCard:
    """The sound card of this machine. Raises `CommandError` when nothing could be played."""
    try:
        module = import_module("sounddevice")
    except ImportError as error:
        raise CommandError("--mic needs sounddevice: pip install 'trio-realtime[audio]'") from error
    except OSError as error:
        raise CommandError(
            f"--mic needs the PortAudio library (Debian: apt install libportaudio2): {error}"
        ) from error
    return SoundCard(module)
