"""`SessionRecorder`: both sides of a conversation in a stereo WAV file, as they were heard.

For applications. `placement` decides where in the recording each piece of audio stands, `wav_file`
writes the bytes, and the task between the two is here. Giving the recorder audio never waits: what
the disk cannot write in time is replaced by silence, and counted in ``dropped_ms``.
"""

import math
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Final, Self

import attrs
import trio

from .._util.nurseries import open_quiet_nursery
from ..audio.formats import AudioFormat, audio_format
from ..audio.samples import WholeSamples
from ..errors import UserError
from ..events import RealtimeAudio, RealtimeAudioInterrupted, RealtimeSessionEvent
from .placement import Silence, Slab, Timeline
from .wav_file import RecordingFile

BUFFER_MS: Final = 30_000
"""How much audio may wait for the disk, in ms: about 3 MB of memory at 24 kHz."""

_HIGHEST_RATE: Final = 96_000

WRITE_EVERY: Final = 0.5
"""Seconds between two writes. Each takes a thread for a moment, and if the process dies, what was
not written is lost."""


@attrs.define(eq=False)
class SessionRecorder:
    """Records while its ``async with`` block lasts::

        async with SessionRecorder("call.wav") as recorder, session:
            ...
            recorder.user(pcm)      # as well as session.send_audio(pcm)
            recorder.event(event)   # each event of the session

    The file is PCM16 at 24 kHz (8 kHz if both formats are G.711; 48 kHz if one is at 16 kHz and the
    other at 24), with the user on the left and the model on the right. The model's audio stands
    where it was heard: after the audio that was played before it, and cut where it was interrupted.
    The file can be played at any time while it is written.

    `event` assumes that audio is played from the moment its event is given to the recorder. An
    application that knows when audio was really played calls `heard` instead, as `bridge_twilio`
    does for its ``recorder``.

    One recorder serves one session, and only one block. When the disk fails the conversation goes
    on; the block raises the OSError at its end, unless it raises something else.
    """

    path: str | os.PathLike[str]
    user_format: AudioFormat = attrs.field(default=None, converter=audio_format, kw_only=True)
    """The format of the user's audio, in any spelling: the session's input format."""
    model_format: AudioFormat = attrs.field(default=None, converter=audio_format, kw_only=True)
    """The session's output format."""
    dropped_ms: float = attrs.field(default=0.0, init=False)
    """How much of the recording is silent because the disk was too slow, or failed, in ms."""
    _user_audio: WholeSamples = attrs.field(factory=WholeSamples, init=False, repr=False)
    """Keeps half a sample until the next piece brings the other half; so does the next field."""
    _model_audio: WholeSamples = attrs.field(factory=WholeSamples, init=False, repr=False)
    _part: tuple[str, int] | None = attrs.field(default=None, init=False, repr=False)
    """The content part that ``_model_audio`` belongs to."""
    _timeline: Timeline | None = attrs.field(default=None, init=False, repr=False)
    _batch: list[Slab | Silence] = attrs.field(factory=list[Slab | Silence], init=False, repr=False)
    """What the timeline handed out, until it is known to be written."""
    # A limiter of its own, since the program may use all threads of Trio's default limiter.
    _thread: trio.CapacityLimiter = attrs.field(
        factory=lambda: trio.CapacityLimiter(1), init=False, repr=False
    )
    _failure: OSError | None = attrs.field(default=None, init=False, repr=False)
    _started: bool = attrs.field(default=False, init=False, repr=False)
    _manager: AbstractAsyncContextManager[None] | None = attrs.field(
        default=None, init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        if self.rate > _HIGHEST_RATE:
            raise UserError(
                f"no rate fits both {self.user_format} and {self.model_format}: one should be a "
                "multiple of the other"
            )

    @property
    def rate(self) -> int:
        """Frames a second of the file, in Hz: the least common multiple of both formats' rates."""
        return math.lcm(self.user_format.rate, self.model_format.rate)

    @property
    def formats(self) -> tuple[AudioFormat, AudioFormat]:
        """The formats of the user's and the model's audio."""
        return self.user_format, self.model_format

    # -- what happened: no waiting ----------------------------------------------------
    def user(self, audio: bytes, *, at: float | None = None) -> None:
        """Record audio of the user, which ended now, or began ``at`` a time of Trio's clock.

        Audio that continues the piece before it follows it directly, so that network jitter makes
        no gaps.
        """
        now = trio.current_time()
        self._open(now).said(self._user_audio.feed(audio, self.user_format.sample_width), now, at)

    def heard(self, audio: bytes, *, at: float | None = None) -> None:
        """Record audio of the model that was played: until now, or from ``at``, by Trio's clock."""
        now = trio.current_time()
        whole = self._model_audio.feed(audio, self.model_format.sample_width)
        self._open(now).heard(whole, now, at)

    def event(self, event: RealtimeSessionEvent) -> None:
        """Record what an event of the session says of the model's audio; others are ignored."""
        now = trio.current_time()
        timeline = self._open(now)
        if isinstance(event, RealtimeAudio):
            part = (event.item_id, event.content_index)
            if part != self._part:
                self._part = part
                self._model_audio.clear()
            whole = self._model_audio.feed(event.audio.data, self.model_format.sample_width)
            timeline.plays(*part, whole, now)
        elif isinstance(event, RealtimeAudioInterrupted):
            timeline.interrupted(event.item_id, event.content_index, event.heard_ms, now)

    def _open(self, now: float) -> Timeline:
        """The timeline. If too much waits for the disk, it is dropped from the recording first."""
        if self._timeline is None:
            raise UserError("the recorder is not open: use `async with recorder:`")
        if self._timeline.waiting_ms(now) > BUFFER_MS:
            self._drop(self._timeline.advance(now))
        return self._timeline

    def _drop(self, news: Sequence[Slab | Silence]) -> None:
        slabs = [each for each in news if isinstance(each, Slab)]
        self.dropped_ms += sum(slab.end - slab.start for slab in slabs) / self.rate * 1000

    # -- writing -------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        """Create the file. Raises OSError as the file system does."""
        manager = self._opened()
        await manager.__aenter__()
        self._manager = manager
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Write what is left and close the file, also when cancelled: waits for the disk."""
        assert self._manager is not None
        return await self._manager.__aexit__(exc_type, exc, traceback)

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[None]:
        if self._started:
            raise UserError("a recorder records once; make another")
        self._started = True
        file = await trio.to_thread.run_sync(self._create, limiter=self._thread)
        self._timeline = Timeline(
            began=trio.current_time(),
            rate=self.rate,
            user_format=self.user_format,
            model_format=self.model_format,
        )
        try:
            async with open_quiet_nursery() as nursery:
                nursery.start_soon(self._write, file)
                yield
        except BaseException as exc:
            await self._finish(file)
            if self._failure is not None:
                exc.add_note(f"also: the recording failed: {self._failure!r}")
            raise
        await self._finish(file)
        if self._failure is not None:
            raise self._failure

    def _create(self) -> RecordingFile:
        return RecordingFile.create(
            self.path,
            rate=self.rate,
            user_format=self.user_format,
            model_format=self.model_format,
        )

    async def _write(self, file: RecordingFile) -> None:
        """Write what is ready every `WRITE_EVERY` seconds, until cancelled or the disk fails."""
        while self._failure is None:
            await trio.sleep(WRITE_EVERY)
            timeline = self._timeline
            assert timeline is not None
            # The batch is kept until it is written, so that cancelling the write does not lose it.
            self._batch = timeline.advance(trio.current_time())
            if self._batch:
                await self._in_thread(file.write)

    async def _in_thread(self, write: Callable[[list[Slab | Silence]], None]) -> None:
        try:
            await trio.to_thread.run_sync(write, self._batch, limiter=self._thread)
        except OSError as exc:
            self._failure = self._failure or exc
            self._drop(self._batch)
        self._batch = []

    async def _finish(self, file: RecordingFile) -> None:
        """Write the end of the recording. Shielded, so that cancelling does not lose it."""
        timeline, self._timeline = self._timeline, None
        assert timeline is not None
        frames, last = timeline.finish(trio.current_time())
        if self._failure is None:
            self._batch += last
        else:
            self._drop(last)
        with trio.CancelScope(shield=True):
            await self._in_thread(partial(file.finish, frames))
