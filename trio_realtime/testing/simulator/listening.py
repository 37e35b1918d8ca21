"""The ears of one connection: the input audio buffer, turn detection and transcription.

Used by :mod:`.server_protocol`, which passes on the ``input_audio_buffer.*`` events and is told
through callbacks that the user began or ended a turn. What was said comes from the scenario:
nothing here understands audio, and where the scenario is silent the transcript says so.
"""

import re
from collections.abc import Callable
from typing import Any

import attrs

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import Conversation, Item, Part
from trio_realtime.testing.simulator.input_audio import LEAST_COMMIT_MS, InputAudio
from trio_realtime.testing.simulator.model_traits import (
    bills_tokens,
    transcribes_while_listening,
)
from trio_realtime.testing.simulator.outlet import Later, Outlet, StopWatching, WatchIdle
from trio_realtime.testing.simulator.replies import Heard, Utterance
from trio_realtime.testing.simulator.served_session import Session, input_format, vad_settings
from trio_realtime.testing.simulator.usage import transcription_usage
from trio_realtime.testing.simulator.vad import SpeechStarted

_NOBODY_SPOKE = (
    "The user has said nothing for a while. The next message of the user is that silence."
)
"""What the idle timeout tells the model. The service words it differently."""


@attrs.define(eq=False, kw_only=True)
class Listening:
    """Hears the user.

    ``on_speech_started`` is called when turn detection hears speech begin, ``on_turn_ended`` with
    the cause ("speech" or "idle") when it has committed a user message.
    """

    _conversation: Conversation = attrs.field(alias="conversation")
    _outlet: Outlet = attrs.field(alias="outlet")
    _hear: Callable[[Utterance], Heard] = attrs.field(alias="hear")
    _on_speech_started: Callable[[], None] = attrs.field(alias="on_speech_started")
    _on_turn_ended: Callable[[str], None] = attrs.field(alias="on_turn_ended")
    _audio: InputAudio = attrs.field(init=False, factory=InputAudio)
    _transcription: dict[str, Any] | None = attrs.field(init=False, default=None)
    _idle_timeout_ms: int | None = attrs.field(init=False, default=None)
    # The id announced for the message that will hold the speech in progress.
    _item_id: str | None = attrs.field(init=False, default=None)
    _start_ms: int = attrs.field(init=False, default=0)
    _quiet_since_ms: int = attrs.field(init=False, default=0)
    _utterances: int = attrs.field(init=False, default=0)

    def configure(self, session: Session) -> None:
        """Take over the session's audio input settings."""
        settings = session["audio"]["input"]
        self._transcription = settings["transcription"]
        detection: dict[str, Any] = settings["turn_detection"] or {}
        self._idle_timeout_ms = detection.get("idle_timeout_ms")
        if self._idle_timeout_ms is None:
            self._outlet.add(StopWatching())
        self._audio.configure(input_format(session), vad_settings(session))

    def append(self, audio: bytes) -> None:
        """Add audio to the buffer, and act on the speech in it."""
        for boundary in self._audio.append(audio):
            if isinstance(boundary, SpeechStarted):
                self._speech_started(boundary.audio_start_ms)
            else:
                self._speech_stopped(boundary.audio_end_ms)

    def commit(self) -> None:
        """Make a user message of what is buffered; never triggers a response."""
        if self._audio.buffered_ms < LEAST_COMMIT_MS:
            raise ApiError(
                "Error committing input audio buffer: buffer too small. Expected at least"
                f" {LEAST_COMMIT_MS}ms of audio, but buffer only has"
                f" {self._audio.buffered_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = self._item_id or self._outlet.ids.new("item")
        part = self._spoken(self._audio.take_all())
        heard = self.hear(item_id, part)
        sent = self._transcribe_early(item_id, heard)
        self._add_message(item_id, part)
        self._transcribe(item_id, part, heard, sent)

    def clear(self) -> None:
        """Forget what is buffered."""
        self._audio.clear()
        self._item_id = None
        self._outlet.send("input_audio_buffer.cleared")

    def watch_idle(self, playback_ms: int) -> None:
        """A response is done: expect the user within the idle timeout after its playback."""
        speaking = self._item_id is not None
        if self._idle_timeout_ms is not None and not speaking:
            watch = WatchIdle(
                playback_s=playback_ms / 1_000,
                timeout_s=self._idle_timeout_ms / 1_000,
                quiet=self._note_quiet,
                expired=self._idle_timeout,
            )
            self._outlet.add(watch)

    def hear(self, item_id: str, part: Part) -> Heard:
        """Ask the scenario what an utterance says, and keep it with the part."""
        assert part.audio is not None
        assert part.format is not None
        utterance = Utterance(
            number=self._utterances,
            item_id=item_id,
            audio=bytes(part.audio),
            format=part.format.name,
            audio_ms=part.audio_ms,
        )
        self._utterances += 1
        heard = self._hear(utterance)
        part.heard = heard.text
        return heard

    def _speech_started(self, audio_start_ms: int) -> None:
        self._item_id = self._outlet.ids.new("item")
        self._start_ms = audio_start_ms
        self._outlet.send(
            "input_audio_buffer.speech_started",
            audio_start_ms=audio_start_ms,
            item_id=self._item_id,
        )
        self._on_speech_started()
        self._outlet.add(StopWatching())

    def _speech_stopped(self, audio_end_ms: int) -> None:
        item_id = self._item_id or self._outlet.ids.new("item")
        part = self._spoken(self._audio.take(self._start_ms, audio_end_ms))
        heard = self.hear(item_id, part)
        sent = self._transcribe_early(item_id, heard)
        self._outlet.send(
            "input_audio_buffer.speech_stopped", audio_end_ms=audio_end_ms, item_id=item_id
        )
        self._add_message(item_id, part)
        self._on_turn_ended("speech")
        self._transcribe(item_id, part, heard, sent)

    def _note_quiet(self) -> None:
        self._quiet_since_ms = self._audio.appended_ms

    def _idle_timeout(self) -> None:
        """Nobody spoke: say so to the model, commit the silence, and have the model say something.

        The silence is transcribed like speech, as nothing.
        """
        item_id = self._outlet.ids.new("item")
        end_ms = self._audio.appended_ms
        self._outlet.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=self._quiet_since_ms,
            audio_end_ms=end_ms,
            item_id=item_id,
        )
        self._add(
            Item(
                id=self._outlet.ids.new("item"),
                type="message",
                status="completed",
                fields={"role": "system"},
                parts=[Part(fields={"type": "input_text", "text": _NOBODY_SPOKE})],
            )
        )
        part = self._spoken(self._audio.take(self._quiet_since_ms, end_ms))
        part.heard = f"(simulated: {part.audio_ms / 1_000:.1f} s of silence)"
        self._add_message(item_id, part)
        self._on_turn_ended("idle")
        self._transcribe(item_id, part, Heard(""), 0)

    def _spoken(self, audio: bytes) -> Part:
        return Part(
            fields={"type": "input_audio", "transcript": None},
            audio=bytearray(audio),
            format=self._audio.format,
        )

    def _add_message(self, item_id: str, part: Part) -> None:
        """Commit this audio as a user message."""
        item = Item(
            id=item_id, type="message", status="completed", fields={"role": "user"}, parts=[part]
        )
        self._item_id = None
        self._add(item, announce="input_audio_buffer.committed")

    def _add(self, item: Item, *, announce: str | None = None) -> None:
        previous_id = self._conversation.insert(item)
        if announce is not None:
            self._outlet.send(announce, previous_item_id=previous_id, item_id=item.id)
        for event in ("conversation.item.added", "conversation.item.done"):
            self._outlet.send(event, previous_item_id=previous_id, item=item.render())

    def _transcribe_early(self, item_id: str, heard: Heard) -> int:
        """Send the first half of a transcript before its item exists, by models that do.

        Returns how many deltas were sent.
        """
        if self._transcription is None or heard.failure is not None:
            return 0
        if not transcribes_while_listening(self._transcription.get("model", "")):
            return 0
        deltas = _deltas(heard.text)
        early = deltas[: (len(deltas) + 1) // 2]
        for delta in early:
            self._send_delta(item_id, delta)
        return len(early)

    def _transcribe(self, item_id: str, part: Part, heard: Heard, sent: int) -> None:
        """Send the transcript, now or later, if the session asks for transcripts.

        ``sent`` is how many of its deltas have been sent already.
        """
        if self._transcription is None:
            return
        in_tokens = bills_tokens(self._transcription.get("model", ""))

        def send_transcript() -> None:
            if item_id not in self._conversation:
                return
            if heard.failure is not None:
                self._send_failure(item_id, heard.failure)
                return
            for delta in _deltas(heard.text)[sent:]:
                self._send_delta(item_id, delta)
            part.fields["transcript"] = heard.text
            self._outlet.send(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=heard.text,
                usage=transcription_usage(part.audio_ms, heard.text, in_tokens=in_tokens),
            )

        if heard.delay:
            self._outlet.add(Later(heard.delay, send_transcript))
        else:
            send_transcript()

    def _send_delta(self, item_id: str, delta: str) -> None:
        self._outlet.send_delta(
            "conversation.item.input_audio_transcription.delta",
            item_id=item_id,
            content_index=0,
            delta=delta,
        )

    def _send_failure(self, item_id: str, message: str) -> None:
        self._outlet.send(
            "conversation.item.input_audio_transcription.failed",
            item_id=item_id,
            content_index=0,
            error={
                "type": "transcription_error",
                "code": "audio_unintelligible",
                "message": message,
                "param": None,
            },
        )


def _deltas(text: str) -> list[str]:
    """A transcript in deltas: words with the space before them."""
    return re.findall(r"\s*\S+|\s+", text)
