"""What the benchmark server sends: events of the Realtime API, as WebSocket frames made beforehand.

The shapes are those of ``openai.types.realtime``. Every id ends in a number of fixed width, so that
`numbered` can make a script's next turn of bytes that are there already: the server must never be
what a measurement waits for.
"""

import base64
import json
import random
from collections.abc import Iterable

NUMBER = "00000000"
RESPONSE, ITEM, QUESTION, CALL = (f"{kind}_{NUMBER}" for kind in ("resp", "item", "user", "call"))
CHUNK_BYTES = 4_800
"""100 ms of mono PCM16 at 24 kHz."""

Event = dict[str, object]

_PART = {"response_id": RESPONSE, "item_id": ITEM, "output_index": 0, "content_index": 0}
_PCM = {"type": "audio/pcm", "rate": 24000}


def event(kind: str, **fields: object) -> Event:
    """An event of the server."""
    return {"type": kind, "event_id": f"event_{NUMBER}", **fields}


def frame(what: Event) -> bytes:
    """The event as one unmasked text frame (RFC 6455, 5.2)."""
    payload = json.dumps(what, separators=(",", ":")).encode()
    size = len(payload)
    if size < 126:
        header = bytes([0x81, size])
    elif size < 1 << 16:
        header = b"\x81\x7e" + size.to_bytes(2, "big")
    else:
        header = b"\x81\x7f" + size.to_bytes(8, "big")
    return header + payload


def frames(events: Iterable[Event]) -> bytes:
    """Several events, back to back."""
    return b"".join(map(frame, events))


def numbered(block: bytes, number: int) -> bytes:
    """The same frames, with ids of their own."""
    return block.replace(NUMBER.encode(), b"%08d" % number)


def session(kind: str) -> Event:
    """``session.created`` or ``session.updated``, with the API's defaults."""
    turn_detection = {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    audio = {
        "input": {
            "format": _PCM,
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": turn_detection,
        },
        "output": {"format": _PCM, "voice": "ash", "speed": 1.0},
    }
    return event(
        kind,
        session={
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_1",
            "model": "gpt-realtime",
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "truncation": "auto",
            "prompt": None,
            "tracing": None,
            "include": None,
            "audio": audio,
        },
    )


def question() -> list[Event]:
    """The user's message, as the conversation announces it."""
    item = {
        "id": QUESTION,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "hello"}],
    }
    return [
        event("conversation.item.added", previous_item_id=None, item=item),
        event("conversation.item.done", previous_item_id=None, item=item),
    ]


def audio_delta(pcm: bytes | None = None) -> Event:
    """A chunk of speech; noise where none is given."""
    pcm = random.Random(24).randbytes(CHUNK_BYTES) if pcm is None else pcm
    delta = base64.b64encode(pcm).decode()
    return event("response.output_audio.delta", **_PART, delta=delta)


def transcript_delta() -> Event:
    """A word of what is said."""
    return event(
        "response.output_audio_transcript.delta", **_PART, delta=" word", obfuscation="Qe7pL0"
    )


def response_begins() -> list[Event]:
    """A spoken response up to its first delta."""
    item = _message("in_progress", said=None)
    return [
        event("response.created", response=_response("in_progress", [])),
        event("response.output_item.added", response_id=RESPONSE, output_index=0, item=item),
        event("conversation.item.added", previous_item_id=QUESTION, item=item),
        event("response.content_part.added", **_PART, part={"type": "audio", "transcript": ""}),
    ]


def response_ends(status: str = "completed") -> list[Event]:
    """A spoken response after its last delta."""
    said = "hello to you"
    item = _message("completed" if status == "completed" else "incomplete", said)
    limits = {"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}
    return [
        event("response.output_audio.done", **_PART),
        event("response.output_audio_transcript.done", **_PART, transcript=said),
        event("response.content_part.done", **_PART, part={"type": "audio", "transcript": said}),
        event("conversation.item.done", previous_item_id=QUESTION, item=item),
        event("response.output_item.done", response_id=RESPONSE, output_index=0, item=item),
        event("response.done", response=_response(status, [item])),
        event("rate_limits.updated", rate_limits=[limits]),
    ]


def tool_call_begins() -> list[Event]:
    """A response that calls ``add_one``, up to the arguments' end."""
    item = _tool_call("in_progress", "")
    return [
        event("response.created", response=_response("in_progress", [])),
        event("response.output_item.added", response_id=RESPONSE, output_index=0, item=item),
        event("response.function_call_arguments.delta", **_CALL_IDS, delta=_ARGUMENTS),
    ]


def tool_call_ends() -> list[Event]:
    """The rest of `tool_call_begins`."""
    item = _tool_call("completed", _ARGUMENTS)
    return [
        event(
            "response.function_call_arguments.done",
            **_CALL_IDS,
            arguments=_ARGUMENTS,
            name="add_one",
        ),
        event("response.output_item.done", response_id=RESPONSE, output_index=0, item=item),
        event("response.done", response=_response("completed", [item])),
    ]


def speech_started() -> Event:
    """The user speaks."""
    return event("input_audio_buffer.speech_started", audio_start_ms=1000, item_id=QUESTION)


def truncated() -> Event:
    """The server has cut the spoken item where the client said."""
    return event("conversation.item.truncated", item_id=ITEM, content_index=0, audio_end_ms=100)


def deleted() -> Event:
    """The conversation has forgotten the spoken item."""
    return event("conversation.item.deleted", item_id=ITEM)


def one_of_each() -> list[Event]:
    """An event of every shape there is here."""
    return [
        session("session.created"),
        session("session.updated"),
        *question(),
        *response_begins(),
        audio_delta(),
        transcript_delta(),
        *response_ends(),
        *tool_call_begins(),
        *tool_call_ends(),
        speech_started(),
        truncated(),
        deleted(),
    ]


_ARGUMENTS = '{"x":41}'
_CALL_IDS = {"response_id": RESPONSE, "item_id": ITEM, "output_index": 0, "call_id": CALL}


def _message(status: str, said: str | None) -> Event:
    return {
        "id": ITEM,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [] if said is None else [{"type": "output_audio", "transcript": said}],
    }


def _tool_call(status: str, arguments: str) -> Event:
    return {
        "id": ITEM,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "name": "add_one",
        "call_id": CALL,
        "arguments": arguments,
    }


def _response(status: str, output: list[Event]) -> Event:
    usage = {
        "total_tokens": 150,
        "input_tokens": 100,
        "output_tokens": 50,
        "input_token_details": {
            "text_tokens": 60,
            "audio_tokens": 40,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
    }
    return {
        "object": "realtime.response",
        "id": RESPONSE,
        "status": status,
        "status_details": None,
        "output": output,
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "metadata": None,
        "audio": {"output": {"format": _PCM, "voice": "ash"}},
        "usage": None if status == "in_progress" else usage,
    }
