"""Recorded sessions with real servers, and what an application has to see when they are replayed.

The recordings are not part of this project: they are read from ``../shared/recordings`` where that
folder is beside the checkout. `SHAPES` are short sessions of the same shapes, written for these
tests, so that every machine tests each dialect.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

RECORDINGS = Path(__file__).parent.parent.parent / "shared" / "recordings"

Line = tuple[str, dict[str, Any]]
"""Who spoke, ``client`` or ``server``, and the frame."""

AUDIO_DELTAS = {"response.output_audio.delta", "response.audio.delta"}
WORD_DELTAS = {
    "response.output_audio_transcript.delta",
    "response.audio_transcript.delta",
    "response.output_text.delta",
    "response.text.delta",
}


def recorded_sessions() -> Iterator[tuple[str, list[Line]]]:
    """The connections that were recorded with servers of this protocol, with a name for each."""
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        if "google" in path.name:
            continue
        connection: list[Line] = []
        number = 1
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if line["dir"] == "close":
                yield f"{path.stem} {number}", connection
                connection, number = [], number + 1
            else:
                connection.append((line["dir"], line["frame"]))
        if connection:
            yield f"{path.stem} {number}", connection


@attrs.define
class Expected:
    """What a recording says that an application sees."""

    lines: list[Line]

    def server(self, *kinds: str) -> list[dict[str, Any]]:
        """The server's frames of these types."""
        return [frame for who, frame in self.lines if who == "server" and frame["type"] in kinds]

    @property
    def audio(self) -> bytes:
        """All audio in whole samples of two bytes, in the order in which it came.

        Half a sample at the end of a delta goes with the next delta of its content part, and is
        left out if there is none.
        """
        halves: dict[tuple[str, int], bytes] = {}
        whole = b""
        for each in self.server(*AUDIO_DELTAS):
            part = (each.get("item_id", ""), each.get("content_index", 0))
            audio = halves.pop(part, b"") + base64.b64decode(each["delta"])
            whole_bytes = len(audio) - len(audio) % 2
            halves[part] = audio[whole_bytes:]
            whole += audio[:whole_bytes]
        return whole

    @property
    def words(self) -> str:
        """All that the model said or wrote."""
        return "".join(each["delta"] for each in self.server(*WORD_DELTAS))

    @property
    def user_words(self) -> list[str]:
        """What the user said, turn by turn."""
        kind = "conversation.item.input_audio_transcription.completed"
        return [each["transcript"] for each in self.server(kind)]

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The name and the arguments of every function call that the model finished."""
        items = [each["item"] for each in self.server("response.output_item.done")]
        return [
            (item["name"], item["arguments"]) for item in items if item["type"] == "function_call"
        ]

    @property
    def outputs(self) -> dict[str, str]:
        """What the recorded client answered to each call."""
        items = [frame.get("item", {}) for who, frame in self.lines if who == "client"]
        return {
            item["call_id"]: item["output"]
            for item in items
            if item.get("type") == "function_call_output"
        }

    @property
    def items(self) -> list[str]:
        """The ids of the items that history shows, in the order in which they were announced."""
        kinds = ("conversation.item.added", "conversation.item.created")
        shown = ("message", "function_call")
        items = [each["item"] for each in self.server(*kinds)]
        return list(dict.fromkeys(item["id"] for item in items if item["type"] in shown))

    @property
    def places(self) -> dict[str, str | None]:
        """For each of these items the one that it follows, as its announcement says."""
        announced = self.server("conversation.item.added", "conversation.item.created")
        places = {each["item"]["id"]: each["previous_item_id"] for each in announced}
        return {item_id: places[item_id] for item_id in self.items}

    @property
    def usage(self) -> tuple[int, int, int]:
        """Responses that reported tokens, and how many they read and wrote."""
        dones = self.server("response.done")
        usages = [each["response"].get("usage") or each.get("usage") for each in dones]
        known = [usage for usage in usages if usage]
        return (
            len(known),
            sum(usage["input_tokens"] for usage in known),
            sum(usage["output_tokens"] for usage in known),
        )

    @property
    def statuses(self) -> list[str]:
        """How the responses ended."""
        return [each["response"]["status"] for each in self.server("response.done")]


# -- sessions of our own -----------------------------------------------------------------------


def _message(role: str, item_id: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    item = {"id": item_id, "type": "message", "role": role, "content": list(parts)}
    return {"status": "completed", **item, **fields}


def _call(status: str, arguments: str, **fields: Any) -> dict[str, Any]:
    item = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look_up"}
    return {**item, "status": status, "arguments": arguments, **fields}


_ASKED = _message("user", "u1", {"type": "input_text", "text": "Open on Sunday?"})
_ASKS: list[Line] = [
    (
        "client",
        {
            "type": "conversation.item.create",
            "item": {k: _ASKED[k] for k in ("type", "role", "content")},
        },
    ),
    ("client", {"type": "response.create"}),
]
_ANSWERS: list[Line] = [
    (
        "client",
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c1", "output": "9 to 18"},
        },
    ),
    ("client", {"type": "response.create"}),
]
_PCM = base64.b64encode(bytes(range(32))).decode()


def _server(kind: str, **fields: Any) -> Line:
    return "server", {"type": kind, "event_id": f"event_{kind}", **fields}


def _azure_voice_live() -> list[Line]:
    """Azure Voice Live: the names and the flat session of the beta, voice as an object."""
    session = {
        "id": "sess",
        "model": "gpt-realtime",
        "modalities": ["text", "audio"],
        "voice": {"name": "alloy", "type": "openai"},
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_sampling_rate": 24000,
        "turn_detection": {"type": "server_vad", "interrupt_response": True},
    }
    place = {"response_id": "r1", "item_id": "m1", "output_index": 0, "content_index": 0}
    item = _message("assistant", "m1", object="realtime.item", status="in_progress")
    done = _message("assistant", "m1", {"type": "audio", "transcript": "Yes."})
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
    response = {"id": "r1", "status": "completed", "output": [done], "usage": usage}
    return [
        _server("session.created", session=session),
        ("client", {"type": "session.update"}),
        _server("session.updated", session=session),
        *_ASKS,
        _server("conversation.item.created", previous_item_id=None, item=_ASKED),
        _server("response.created", response={"id": "r1", "status": "in_progress"}),
        _server("response.output_item.added", response_id="r1", output_index=0, item=item),
        _server("conversation.item.created", previous_item_id="u1", item=item),
        _server("response.content_part.added", part={"type": "audio"}, **place),
        _server("response.audio_transcript.delta", delta="Yes", **place),
        _server("response.audio.delta", delta=_PCM, **place),
        _server("response.audio_transcript.delta", delta=".", **place),
        _server("response.audio.done", **place),
        _server("response.audio_transcript.done", transcript="Yes.", **place),
        _server("response.output_item.done", response_id="r1", output_index=0, item=done),
        _server("response.done", response=response),
    ]


def _xai() -> list[Line]:
    """xAI: pings, turn detection at the top of the session, no ``item.done``, usage beside."""
    audio_format = {"type": "audio/pcm", "rate": 24000}
    session = {
        "model": "grok-voice-latest",
        "turn_detection": {"type": "server_vad"},
        "input_audio_format": "not specified",
        "output_audio_format": "not specified",
        "audio": {"input": {"format": audio_format}, "output": {"format": audio_format}},
    }
    off = {"id": "s", "turn_detection": {"type": None}, "model": "grok"}
    place = {"response_id": "r1", "item_id": "m1", "output_index": 0, "content_index": 0}
    item = _message("assistant", "m1", status="in_progress")
    done = _message("assistant", "m1", {"type": "audio", "transcript": "Hm."})
    usage = {
        "input_tokens": 7,
        "input_token_details": {"text_tokens": 7, "grok_tokens": 0},
        "output_tokens": 83,
        "total_tokens": 90,
        "output_audio_seconds": 1.51,
    }

    def response(response_id: str, *output: dict[str, Any]) -> dict[str, Any]:
        ended = {"status": "completed", "status_details": "unimplemented", "usage": {}}
        return {"id": response_id, "output": list(output), **ended}

    return [
        _server("session.created", session=off),
        ("client", {"type": "session.update"}),
        _server("conversation.created", conversation={"id": "conv"}, previous_item_id=None),
        _server("ping", timestamp=1785457278220),
        _server("session.updated", session=session),
        *_ASKS,
        _server("conversation.item.added", previous_item_id=None, item=_ASKED),
        _server("response.created", response={"id": "r1", "status": "in_progress"}),
        _server("response.output_item.added", response_id="r1", item=item, output_index=0),
        _server("conversation.item.added", item=item, previous_item_id="u1"),
        _server("response.output_audio.delta", delta=_PCM, audio_duration_ms=1, **place),
        _server("response.output_audio_transcript.delta", delta="Hm.", start_time=0.1, **place),
        _server("response.output_audio.done", **place),
        _server("response.output_item.done", response_id="r1", item=done, output_index=0),
        _server(
            "response.output_item.added",
            response_id="r1",
            item=_call("in_progress", "", role="user"),
            output_index=1,
        ),
        _server(
            "conversation.item.added",
            item=_call("in_progress", "", role="tool"),
            previous_item_id="m1",
        ),
        _server(
            "response.output_item.done",
            response_id="r1",
            item=_call("completed", '{"day":"Sunday"}', role="user"),
            output_index=1,
        ),
        _server(
            "response.done",
            response=response("r1", done, _call("completed", '{"day":"Sunday"}')),
            usage=usage,
        ),
        *_ANSWERS,
        _server(
            "conversation.item.added",
            previous_item_id="f1",
            item={"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "9 to 18"},
        ),
        _server("response.created", response={"id": "r2", "status": "in_progress"}),
        _server("response.done", response=response("r2"), usage=usage),
    ]


def _openai() -> list[Line]:
    """The service: items interleave, and ``item.done`` says null where ``added`` named an item."""
    session = {"type": "realtime", "id": "sess", "model": "gpt-realtime-2.1"}
    item = _message("assistant", "m1", phase="commentary", status="in_progress")
    done = _message("assistant", "m1", {"type": "output_text", "text": "Hm."}, phase="commentary")
    text = {"response_id": "r1", "item_id": "m1", "output_index": 0, "content_index": 0}
    call = _call("completed", '{ \n "day": "Sunday" } ')
    usage = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "output_token_details": {"text_tokens": 4, "audio_tokens": 0, "reasoning_tokens": 6},
    }
    response = {"id": "r1", "status": "completed", "output": [done, call], "usage": usage}
    return [
        _server("session.created", session=session),
        ("client", {"type": "session.update"}),
        _server("session.updated", session=session),
        *_ASKS,
        _server("conversation.item.added", previous_item_id=None, item=_ASKED),
        _server("conversation.item.done", previous_item_id=None, item=_ASKED),
        _server("response.created", response={"id": "r1", "status": "in_progress"}),
        _server("response.output_item.added", response_id="r1", output_index=0, item=item),
        _server("conversation.item.added", previous_item_id="u1", item=item),
        _server("response.output_text.delta", delta="Hm", obfuscation="x", **text),
        _server(
            "response.output_item.added",
            response_id="r1",
            output_index=1,
            item=_call("in_progress", ""),
        ),
        _server("conversation.item.added", previous_item_id="m1", item=_call("in_progress", "")),
        _server("response.output_text.delta", delta=".", obfuscation="y", **text),
        _server("conversation.item.done", previous_item_id=None, item=done),
        _server("response.output_item.done", response_id="r1", output_index=0, item=done),
        _server("conversation.item.done", previous_item_id=None, item=call),
        _server("response.output_item.done", response_id="r1", output_index=1, item=call),
        _server("response.done", response=response),
        *_ANSWERS,
        _server("response.created", response={"id": "r2", "status": "in_progress"}),
        _server("response.done", response={**response, "id": "r2", "output": []}),
        _server("rate_limits.updated", rate_limits=[{"name": "tokens", "remaining": 5}]),
    ]


SHAPES = {"azure voice live": _azure_voice_live(), "xai": _xai(), "openai": _openai()}
"""A session in the shape of each dialect."""
