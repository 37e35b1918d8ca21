"""A response from ``response.created`` to ``response.done``, as a generator of events.

:mod:`.responding` creates and interrupts responses; the shell plays them, which means to advance
:meth:`Response.play` and to wait where it says. The order of events is the service's: a message
is closed only when the function call after it has been written, so that the two interleave.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from trio_realtime.testing.simulator.conversation import STATELESS, Conversation, Item, Part
from trio_realtime.testing.simulator.model_traits import ModelTraits
from trio_realtime.testing.simulator.outlet import Outlet
from trio_realtime.testing.simulator.output_buffer import OutputBuffer
from trio_realtime.testing.simulator.replies import (
    AskMcpApproval,
    CallFunction,
    CallMcpTool,
    Fail,
    Incomplete,
    Piece,
    Say,
    Text,
    Turn,
    Wait,
)
from trio_realtime.testing.simulator.served_formats import AudioFormat
from trio_realtime.testing.simulator.usage import Tokens, item_tokens, usage
from trio_realtime.testing.simulator.voice import speak, spoken_ms

AUDIO_CHUNK_MS = 100
"""How much audio one delta holds."""

TEXT_DELTA_MS = 20
"""How long the model thinks about a word, before the simulator's speed."""

_ARGUMENTS_DELTA = 16  # characters


@attrs.frozen
class Pause:
    """Wait: ``media_ms`` of output at the simulator's speed, or ``seconds`` of the clock."""

    media_ms: int = 0
    seconds: float = attrs.field(default=0.0, kw_only=True)


@attrs.frozen(kw_only=True)
class Settings:
    """What a response took from the session and from ``response.create`` when it was created.

    ``effort`` is how hard the model is asked to reason; None leaves it to the model.
    """

    traits: ModelTraits
    output_modalities: list[str]
    audio_format: AudioFormat
    voice: str
    speed: float
    max_output_tokens: int | str
    metadata: dict[str, str] | None
    effort: str | None = None


@attrs.define(eq=False, kw_only=True)
class Response:
    """One response. ``conversation`` is None when it is out of band.

    ``on_done`` is called once, when it has ended in whatever way. With a ``buffer`` its audio is
    played by the server; without one the client gets it.
    """

    id: str
    turn: Turn
    settings: Settings
    conversation: Conversation | None
    prompt: Tokens
    cached: Tokens
    on_done: Callable[["Response"], None]
    _outlet: Outlet = attrs.field(alias="outlet")
    _buffer: OutputBuffer | None = attrs.field(alias="buffer", default=None)
    status: str = attrs.field(init=False, default="in_progress")
    _status_details: dict[str, Any] | None = attrs.field(init=False, default=None)
    _output: list[Item] = attrs.field(init=False, factory=list[Item])
    _open: list[Item] = attrs.field(init=False, factory=list[Item])
    # Whether a function call follows what is being said, which makes it a commentary.
    _calls_follow: bool = attrs.field(init=False, default=False)

    @property
    def audio_ms(self) -> int:
        """How much audio it has produced."""
        return sum(part.audio_ms for item in self._output for part in item.parts or ())

    @property
    def tokens_used(self) -> int:
        """How many tokens it has cost so far, read and written."""
        total: int = self._usage()["total_tokens"]
        return total

    def render(self) -> dict[str, Any]:
        """The response object."""
        done = self.status != "in_progress"
        settings = self.settings
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self._status_details,
            "output": [item.render() for item in self._output] if done else [],
            "conversation_id": self.conversation.id if self.conversation else None,
            "output_modalities": settings.output_modalities,
            "max_output_tokens": settings.max_output_tokens,
            "audio": {
                "output": {"format": settings.audio_format.render(), "voice": settings.voice}
            },
            "usage": self._usage() if done else None,
            "metadata": settings.metadata,
        }

    def _usage(self) -> dict[str, Any]:
        reasoning = self.settings.traits.reasoning_tokens(self.settings.effort)
        return usage(
            self.prompt, self.cached, self._output, reasoning=reasoning if self._output else 0
        )

    def begin(self) -> None:
        """Announce it."""
        self._outlet.send("response.created", response=self.render())

    def play(self, pieces: list[Piece]) -> Iterator[Pause]:
        """Produce the pieces. It stops by itself if the response was ended during a pause."""
        if self.status != "in_progress":
            return
        for pause in self._perform(pieces):
            yield pause
            if self.status != "in_progress":
                return

    def _perform(self, pieces: list[Piece]) -> Iterator[Pause]:
        for number, piece in enumerate(pieces):
            match piece:
                case Wait(seconds):
                    yield Pause(seconds=seconds)
                    continue
                case Fail(code, message):
                    error = {"type": "server_error", "code": code, "message": message}
                    self.finish("failed", error=error)
                    return
                case Incomplete(reason):
                    self.finish("incomplete", reason=reason)
                    return
                case CallFunction():
                    self._complete("function_call")
                case _:
                    self._complete("message", "function_call")
                    following = pieces[number + 1 :]
                    self._calls_follow = any(isinstance(each, CallFunction) for each in following)
            for pause in self._produce(piece):
                yield pause
                if self._over_limit():
                    self.finish("incomplete", reason="max_output_tokens")
                    return
            if isinstance(piece, CallFunction):
                self._complete("message")
        self.finish("completed")

    def finish(self, status: str, **details: Any) -> None:
        """End it: closes what is open, then ``response.done``. ``details`` say why."""
        for item in self._open:
            whole = status == "completed" or item is not self._output[-1]
            self._close_item(item, "completed" if whole else "incomplete")
        self._open.clear()
        self.status = status
        self._status_details = {"type": status, **details} if details else None
        self._outlet.send("response.done", response=self.render())
        self.on_done(self)

    def _over_limit(self) -> bool:
        limit = self.settings.max_output_tokens
        if not isinstance(limit, int):
            return False
        return sum(item_tokens(item, output=True).total for item in self._output) > limit

    def _produce(
        self, piece: Say | Text | CallFunction | CallMcpTool | AskMcpApproval
    ) -> Iterator[Pause]:
        if isinstance(piece, CallFunction):
            return self._call(piece)
        if isinstance(piece, CallMcpTool):
            return self._call_mcp(piece)
        if isinstance(piece, AskMcpApproval):
            return self._ask_approval(piece)
        if isinstance(piece, Say) and self.settings.output_modalities == ["audio"]:
            return self._speak(piece)
        return self._write(piece.text)

    def _speak(self, piece: Say) -> Iterator[Pause]:
        settings = self.settings
        duration_ms = piece.audio_ms
        if duration_ms is None:
            duration_ms = spoken_ms(piece.text, speed=settings.speed)
        fields = {"type": "output_audio", "transcript": ""}
        part = Part(fields=fields, audio=bytearray(), format=settings.audio_format)
        where = self._open_message(part, {"type": "audio", "transcript": ""})
        words = _words(piece.text)
        begun = spoken = 0
        chunks = speak(
            piece.text, settings.audio_format, duration_ms=duration_ms, chunk_ms=AUDIO_CHUNK_MS
        )
        for chunk in chunks:
            spoken += AUDIO_CHUNK_MS
            # A word is shown when the audio reaches it, all of them by the last chunk.
            while words and (
                spoken >= duration_ms or begun * duration_ms < spoken * len(piece.text)
            ):
                delta = words.pop(0)
                begun += len(delta)
                self._transcribe(part, delta, where)
            if not part.truncated and part.audio is not None:
                part.audio += chunk
            self._send_audio(chunk, where)
            yield Pause(AUDIO_CHUNK_MS)
        for delta in words:
            self._transcribe(part, delta, where)

    def _send_audio(self, chunk: bytes, where: dict[str, Any]) -> None:
        """Give the audio to the client, or to the buffer that plays it."""
        if self._buffer is not None:
            self._buffer.begin(self.id)
            return
        encoded = base64.b64encode(chunk).decode()
        self._outlet.send("response.output_audio.delta", **where, delta=encoded)

    def _transcribe(self, part: Part, delta: str, where: dict[str, Any]) -> None:
        if not part.truncated:
            part.fields["transcript"] += delta
        self._outlet.send_delta("response.output_audio_transcript.delta", **where, delta=delta)

    def _write(self, text: str) -> Iterator[Pause]:
        part = Part(fields={"type": "output_text", "text": ""})
        where = self._open_message(part, {"type": "text", "text": ""})
        for delta in _words(text):
            part.fields["text"] += delta
            self._outlet.send_delta("response.output_text.delta", **where, delta=delta)
            yield Pause(TEXT_DELTA_MS)

    def _call(self, piece: CallFunction) -> Iterator[Pause]:
        call_id = piece.call_id or self._outlet.ids.new("call")
        fields = {"name": piece.name, "call_id": call_id, "arguments": ""}
        item = self._open_item("function_call", fields)
        where = {**self._where(item), "call_id": call_id}
        text = self.settings.traits.arguments_text(piece.arguments)
        for at in range(0, len(text), _ARGUMENTS_DELTA):
            delta = text[at : at + _ARGUMENTS_DELTA]
            item.fields["arguments"] += delta
            self._outlet.send_delta("response.function_call_arguments.delta", **where, delta=delta)
            yield Pause(TEXT_DELTA_MS)

    def _call_mcp(self, piece: CallMcpTool) -> Iterator[Pause]:
        text = self.settings.traits.arguments_text(piece.arguments)
        fields = {
            "server_label": piece.server_label,
            "name": piece.name,
            "arguments": "",
            "approval_request_id": piece.approval_request_id,
            "output": None,
            "error": None,
        }
        item = self._open_item("mcp_call", fields)
        where = self._where(item)
        item.fields["arguments"] = text
        self._outlet.send_delta("response.mcp_call_arguments.delta", **where, delta=text)
        self._outlet.send("response.mcp_call_arguments.done", **where, arguments=text)
        place = {"item_id": item.id, "output_index": where["output_index"]}
        self._outlet.send("response.mcp_call.in_progress", **place)
        yield Pause(TEXT_DELTA_MS)
        if piece.error is None:
            item.fields["output"] = piece.output
            self._outlet.send("response.mcp_call.completed", **place)
        else:
            item.fields["error"] = {"type": "tool_execution_error", "message": piece.error}
            self._outlet.send("response.mcp_call.failed", **place)
        self._complete("mcp_call")

    def _ask_approval(self, piece: AskMcpApproval) -> Iterator[Pause]:
        fields = {
            "server_label": piece.server_label,
            "name": piece.name,
            "arguments": self.settings.traits.arguments_text(piece.arguments),
        }
        self._open_item("mcp_approval_request", fields)
        self._complete("mcp_approval_request")
        yield Pause(TEXT_DELTA_MS)

    def _open_message(self, part: Part, shown: dict[str, Any]) -> dict[str, Any]:
        """Begin a message with one part; returns the fields that locate the part."""
        item = self._open_item("message", {"role": "assistant"})
        where = {**self._where(item), "content_index": 0}
        item.parts = [part]
        self._outlet.send("response.content_part.added", **where, part=shown)
        return where

    def _open_item(self, kind: str, fields: dict[str, Any]) -> Item:
        item = Item(
            id=self._outlet.ids.new("item"),
            type=kind,
            status=None if kind in STATELESS else "in_progress",
            fields=fields,
            parts=[] if kind == "message" else None,
            phase=self._phase() if kind == "message" else None,
        )
        self._output.append(item)
        self._open.append(item)
        self._outlet.send(
            "response.output_item.added",
            response_id=self.id,
            output_index=len(self._output) - 1,
            item=item.render(),
        )
        if self.conversation is not None:
            previous_id = self.conversation.insert(item)
            self._outlet.send(
                "conversation.item.added", previous_item_id=previous_id, item=item.render()
            )
        return item

    def _phase(self) -> str | None:
        """What a message is to say of itself, by models that do."""
        if not self.settings.traits.reasons:
            return None
        return "commentary" if self._calls_follow else "final_answer"

    def _where(self, item: Item) -> dict[str, Any]:
        return {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": self._output.index(item),
        }

    def _complete(self, *kinds: str) -> None:
        """Close the open items of these types; they have been produced in full."""
        for item in [each for each in self._open if each.type in kinds]:
            self._open.remove(item)
            self._close_item(item, "completed")

    def _close_item(self, item: Item, status: str) -> None:
        """Send all the events that close an item."""
        where = self._where(item)
        for part in item.parts or ():
            self._close_part(part, {**where, "content_index": 0})
        if item.type == "function_call":
            self._outlet.send(
                "response.function_call_arguments.done",
                **where,
                call_id=item.fields["call_id"],
                name=item.fields["name"],
                arguments=item.fields["arguments"],
            )
        item.status = None if item.type in STATELESS else status
        if self.conversation is not None and item.id in self.conversation:
            previous_id = self.conversation.previous_id_when_done(item.id)
            self._outlet.send(
                "conversation.item.done", previous_item_id=previous_id, item=item.render()
            )
        self._outlet.send(
            "response.output_item.done",
            response_id=self.id,
            output_index=where["output_index"],
            item=item.render(),
        )

    def _close_part(self, part: Part, where: dict[str, Any]) -> None:
        if part.audio is None:
            text = part.fields["text"]
            self._outlet.send("response.output_text.done", **where, text=text)
            shown = {"type": "text", "text": text}
        else:
            transcript = part.fields.get("transcript", "")
            self._outlet.send("response.output_audio.done", **where)
            self._outlet.send(
                "response.output_audio_transcript.done", **where, transcript=transcript
            )
            shown = {"type": "audio", "transcript": transcript}
        self._outlet.send("response.content_part.done", **where, part=shown)


def _words(text: str) -> list[str]:
    """The text in deltas: words with the space that follows them."""
    return re.findall(r"\S+\s*|\s+", text)
