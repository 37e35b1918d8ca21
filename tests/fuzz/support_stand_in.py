"""A server that tells random stories: frames of every kind, all of them valid.

Pure: `StandIn.hears` takes the client's frames, and `StandIn.tells` gives the next frame to send,
or ``None`` when it waits for the client. What the frames go through on their way is in
`support_damage`.
"""

import base64
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, ClassVar, Final

import attrs

Frame = dict[str, Any]


WORDS: Final = ("Hello ", "there, ", "how ", "are ", "you? ", "\U0001f600 ", "bad words. ", "é")

TOOLS: Final = ("quick", "slow", "failing", "patient", "asks_first", "transfer_to_other", "unheard")
"""Functions that the model calls; the last one does not exist."""


@attrs.define(eq=False)
class StandIn:
    """One connection, from the server's side."""

    random: Random
    calm: bool = False
    """Whether it tells no stories any more, and answers with the client's messages since then."""
    messages: list[str] = attrs.field(factory=list[str])
    """What the client's messages say, from when it became calm."""
    answers: Counter[str] = attrs.field(factory=Counter[str])
    """How many outputs the client sent for each call id."""
    called: Counter[str] = attrs.field(factory=Counter[str])
    """How often the model made a call with each id."""
    _streams: deque[Iterator[Frame]] = attrs.field(factory=deque[Iterator[Frame]])
    """What is being told; the first of them mostly, since servers interleave a little."""
    _active: str | None = None
    _cancelled: set[str] = attrs.field(factory=set[str])
    _last_item: str | None = None
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def tells(self) -> Frame | None:
        """The next frame."""
        while self._streams:
            index = 0
            if len(self._streams) > 1 and self.random.random() < 0.3:
                index = self.random.randrange(len(self._streams))
            stream = self._streams[index]
            frame = next(stream, None)
            if frame is not None:
                return {**frame, "event_id": self._name("event")}
            self._streams.remove(stream)
        return None

    def hears(self, frame: Frame) -> None:
        """Take a frame of the client."""
        handle = self._HANDLERS.get(frame["type"])
        if handle is not None:
            handle(self, frame)

    def calm_down(self) -> None:
        """From now on, tell no more stories: what is being told ends at once."""
        self.calm = True
        self.messages.clear()
        if self._active is not None:
            self._cancelled.add(self._active)

    # -- what the client asks for ----------------------------------------------------
    def _session_update(self, frame: Frame) -> None:
        if self._last_item is None and not self._streams:
            self._tell({"type": "session.created", "session": {"id": "sess_1"}})
        self._tell({"type": "session.updated", "session": frame["session"]})

    def _item_create(self, frame: Frame) -> None:
        item = {"id": self._name("item"), "status": "completed", **frame["item"]}
        if item["type"] == "function_call_output":
            self.answers[item["call_id"]] += 1
        elif item["type"] == "message":
            self.messages.append(item["content"][0]["text"])
        self._tell(*self._in_conversation(item))

    def _response_create(self, frame: Frame) -> None:
        params = frame.get("response") or {}
        if params.get("conversation") == "none":
            self._streams.append(self._response(params))
        elif self._active is not None:
            self._refuse(frame, "conversation_already_has_active_response")
        elif not self.calm and self.random.random() < 0.05:
            self._refuse(frame, "rate_limit_exceeded")
        else:
            self._begin(params)

    def _response_cancel(self, frame: Frame) -> None:
        response_id = frame.get("response_id") or self._active
        if response_id is None or (response_id != self._active and self.random.random() < 0.5):
            self._refuse(frame, "response_cancel_not_active")
        else:
            self._cancelled.add(response_id)

    def _item_truncate(self, frame: Frame) -> None:
        keys = ("item_id", "content_index", "audio_end_ms")
        self._tell({"type": "conversation.item.truncated", **{key: frame[key] for key in keys}})

    def _item_delete(self, frame: Frame) -> None:
        self._tell({"type": "conversation.item.deleted", "item_id": frame["item_id"]})

    def _item_retrieve(self, frame: Frame) -> None:
        item = {"id": frame["item_id"], "type": "message", "role": "assistant", "content": []}
        self._tell({"type": "conversation.item.retrieved", "item": item})

    def _audio(self, _frame: Frame) -> None:
        if not self.calm and self.random.random() < 0.3:
            self._streams.append(self._user_speaks())

    def _commit(self, _frame: Frame) -> None:
        self._streams.append(self._user_item())

    def _clear(self, _frame: Frame) -> None:
        self._tell({"type": "input_audio_buffer.cleared"})

    _HANDLERS: ClassVar[Mapping[str, Callable[["StandIn", Frame], None]]] = {
        "session.update": _session_update,
        "conversation.item.create": _item_create,
        "conversation.item.truncate": _item_truncate,
        "conversation.item.delete": _item_delete,
        "conversation.item.retrieve": _item_retrieve,
        "response.create": _response_create,
        "response.cancel": _response_cancel,
        "input_audio_buffer.append": _audio,
        "input_audio_buffer.commit": _commit,
        "input_audio_buffer.clear": _clear,
    }

    # -- what it tells ---------------------------------------------------------------
    def _tell(self, *frames: Frame) -> None:
        self._streams.appendleft(iter(frames))

    def _name(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def _refuse(self, frame: Frame, code: str) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": "No."}
        if "event_id" in frame:
            error["event_id"] = frame["event_id"]
        self._tell({"type": "error", "error": error})

    def _in_conversation(self, item: Frame) -> Iterator[Frame]:
        """An item gets its place, and is final."""
        before, self._last_item = self._last_item, item["id"]
        for kind in ("added", "done"):
            yield {
                "type": f"conversation.item.{kind}",
                "item": item,
                "previous_item_id": before,
            }

    def _user_item(self) -> Iterator[Frame]:
        item_id = self._name("user")
        before = self._last_item
        yield {
            "type": "input_audio_buffer.committed",
            "item_id": item_id,
            "previous_item_id": before,
        }
        content = [{"type": "input_audio", "transcript": None}]
        yield from self._in_conversation(
            {"id": item_id, "type": "message", "role": "user", "content": content}
        )
        about = {"item_id": item_id, "content_index": 0}
        transcription = "conversation.item.input_audio_transcription"
        words = self.random.choices(WORDS, k=3)
        for word in words:
            yield {"type": f"{transcription}.delta", "delta": word, **about}
        if self.random.random() < 0.8:
            yield {"type": f"{transcription}.completed", "transcript": "".join(words), **about}
        else:
            error = {"type": "transcription_error", "code": "unintelligible", "message": "What?"}
            yield {"type": f"{transcription}.failed", "error": error, **about}

    def _user_speaks(self) -> Iterator[Frame]:
        """The server's turn detection: the user breaks in, and gets an answer."""
        about = {"item_id": self._name("speech")}
        yield {"type": "input_audio_buffer.speech_started", "audio_start_ms": 100, **about}
        if self._active is not None:
            self._cancelled.add(self._active)
        yield {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, **about}
        yield from self._user_item()
        if self._active is None and not self.calm:
            self._begin({})

    def _begin(self, params: Frame) -> None:
        """The conversation's one response."""
        response_id = self._active = self._name("resp")
        self._streams.appendleft(self._response(params, response_id))

    def _response(self, params: Frame, conversation: str | None = None) -> Iterator[Frame]:
        """One response; ``conversation`` is its id if it is one of the conversation."""
        response_id = conversation or self._name("resp")
        response: Frame = {
            "id": response_id,
            "conversation_id": None if conversation is None else "conv_1",
            "status": "in_progress",
            "output": [],
            "metadata": params.get("metadata"),
        }
        yield {"type": "response.created", "response": {**response}}
        output: list[Frame] = []
        makers = [StandIn._text] if self.calm else self.random.choices(self._MAKERS, k=3)
        for index, make in enumerate(makers):
            if response_id in self._cancelled:
                break
            about = {"response_id": response_id, "output_index": index}
            for frame in make(self, about):
                if conversation is not None or not frame["type"].startswith("conversation."):
                    yield frame
                if frame["type"] == "response.output_item.done":
                    output.append(frame["item"])
        cut = response_id in self._cancelled
        endings = ["completed"] if self.calm else ["completed"] * 8 + ["failed", "incomplete"]
        status = "cancelled" if cut else self.random.choice(endings)
        usage = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}
        response.update(status=status, output=output, usage=usage)
        if self._active == response_id:
            self._active = None
        yield {"type": "response.done", "response": response}
        yield {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "remaining": 1}]}

    def _pieces(self, about: Frame, item: Frame, part: Frame, kinds: list[str]) -> Iterator[Frame]:
        """A message with one part that comes in pieces of these kinds."""
        response_id = about["response_id"]
        added = {**item, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "item": added, **about}
        before, self._last_item = self._last_item, item["id"]
        place = {"previous_item_id": before}
        yield {"type": "conversation.item.added", "item": added, **place}
        where = {**about, "item_id": item["id"], "content_index": 0}
        yield {"type": "response.content_part.added", "part": {"type": part["type"]}, **where}
        said = ""
        for word in [" ".join(self.messages)] if self.calm else self.random.choices(WORDS, k=4):
            if response_id in self._cancelled:
                break
            said += word
            for kind in kinds:
                delta = word
                if kind == "response.output_audio":
                    pcm = self.random.randbytes(self.random.randrange(1, 2400))
                    delta = base64.b64encode(pcm).decode()
                yield {"type": f"{kind}.delta", "delta": delta, **where}
        for kind in kinds:
            yield {"type": f"{kind}.done", **where}
        status = "incomplete" if response_id in self._cancelled else "completed"
        name = "text" if part["type"] == "output_text" else "transcript"
        done = {**item, "status": status, "content": [{**part, name: said}]}
        yield {"type": "conversation.item.done", "item": done, **place}
        yield {"type": "response.output_item.done", "item": done, **about}

    def _message(self) -> Frame:
        return {"id": self._name("item"), "type": "message", "role": "assistant"}

    def _text(self, about: Frame) -> Iterator[Frame]:
        yield from self._pieces(
            about, self._message(), {"type": "output_text"}, ["response.output_text"]
        )

    def _speech(self, about: Frame) -> Iterator[Frame]:
        kinds = ["response.output_audio_transcript", "response.output_audio"]
        yield from self._pieces(about, self._message(), {"type": "output_audio"}, kinds)

    def _call(self, about: Frame) -> Iterator[Frame]:
        item = {
            "id": self._name("item"),
            "type": "function_call",
            "call_id": self._name("call"),
            "name": self.random.choice(TOOLS),
        }
        added = {**item, "status": "in_progress", "arguments": ""}
        yield {"type": "response.output_item.added", "item": added, **about}
        where = {**about, "item_id": item["id"], "call_id": item["call_id"]}
        yield {"type": "response.function_call_arguments.delta", "delta": "{}", **where}
        yield {"type": "response.function_call_arguments.done", "arguments": "{}", **where}
        cut = about["response_id"] in self._cancelled or self.random.random() < 0.1
        done = {**item, "status": "incomplete" if cut else "completed", "arguments": "{}"}
        if not cut:
            self.called[item["call_id"]] += 1
        yield from self._in_conversation(done)
        yield {"type": "response.output_item.done", "item": done, **about}

    def _approval(self, about: Frame) -> Iterator[Frame]:
        item = {
            "id": self._name("mcpr"),
            "type": "mcp_approval_request",
            "server_label": "docs",
            "name": "search",
            "arguments": "{}",
        }
        yield from self._in_conversation(item)
        yield {"type": "response.output_item.done", "item": item, **about}

    _MAKERS: ClassVar[tuple[Callable[["StandIn", Frame], Iterator[Frame]], ...]] = (
        _text,
        _speech,
        _speech,
        _call,
        _call,
        _approval,
    )
