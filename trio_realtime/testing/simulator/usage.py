"""Token counts for ``response.done``: made up, but deterministic and of the right order.

Used by :mod:`.responding`, :mod:`.response_playing` and :mod:`.listening`. Text counts a token per
four characters, audio in 10 tokens a second, audio out 20, as the service's price list has it; an
image counts 500. Input that an earlier response of the connection has read already counts as
cached.
"""

import json
import math
from collections.abc import Container, Iterable, Sequence
from typing import Any

import attrs

from trio_realtime.testing.simulator.conversation import Item, Part

_CHARACTERS_PER_TOKEN = 4
_INPUT_MS_PER_TOKEN = 100
_OUTPUT_MS_PER_TOKEN = 50
_TOKENS_PER_IMAGE = 500


@attrs.frozen
class Tokens:
    """Tokens by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio + self.image


def text_tokens(text: str) -> int:
    """A quarter of the characters, rounded up."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def prompt_tokens(
    instructions: str, tools: Sequence[Any], context: Iterable[Item], seen: Container[str]
) -> tuple[Tokens, Tokens]:
    """What a prompt costs in all, and what of it the items ``seen`` before (by id) cost."""
    declared = json.dumps(tools) if tools else ""
    cached = Tokens()
    new = Tokens(text=text_tokens(instructions) + text_tokens(declared))
    for item in context:
        if item.id in seen:
            cached += item_tokens(item)
        else:
            new += item_tokens(item)
    return new + cached, cached


def item_tokens(item: Item, *, output: bool = False) -> Tokens:
    """What an item costs, read as input or made as output."""
    if item.parts is None:
        words = (item.fields.get(name) or "" for name in ("name", "arguments", "output"))
        return Tokens(text=text_tokens("".join(words)))
    return sum((_part_tokens(part, output=output) for part in item.parts), Tokens())


def usage(
    prompt: Tokens, cached: Tokens, produced: Iterable[Item], *, reasoning: int = 0
) -> dict[str, Any]:
    """The ``usage`` object of a response; ``cached`` is the part of ``prompt`` seen before.

    ``reasoning`` is how many tokens the model thought for. They count as text; a response without
    any does not mention them.
    """
    made = sum((item_tokens(item, output=True) for item in produced), Tokens(text=reasoning))
    details = {"text_tokens": made.text, "audio_tokens": made.audio}
    if reasoning:
        details["reasoning_tokens"] = reasoning
    return {
        "total_tokens": prompt.total + made.total,
        "input_tokens": prompt.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": prompt.text,
            "audio_tokens": prompt.audio,
            "image_tokens": prompt.image,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": cached.image,
            },
        },
        "output_token_details": details,
    }


def transcription_usage(audio_ms: int, text: str, *, in_tokens: bool) -> dict[str, Any]:
    """The ``usage`` object of a transcript: whole seconds of audio, or tokens.

    Where nothing was said, nothing was transcribed, and no second counts.
    """
    if not in_tokens:
        return {"type": "duration", "seconds": math.ceil(audio_ms / 1_000) if text else 0}
    read, written = math.ceil(audio_ms / _INPUT_MS_PER_TOKEN), text_tokens(text)
    return {
        "type": "tokens",
        "total_tokens": read + written,
        "input_tokens": read,
        "input_token_details": {"text_tokens": 0, "audio_tokens": read},
        "output_tokens": written,
    }


def _part_tokens(part: Part, *, output: bool) -> Tokens:
    if part.fields["type"] == "input_image":
        return Tokens(image=_TOKENS_PER_IMAGE)
    per_token = _OUTPUT_MS_PER_TOKEN if output else _INPUT_MS_PER_TOKEN
    words = part.fields.get("text") or (part.fields.get("transcript") if output else None) or ""
    return Tokens(text=text_tokens(words), audio=math.ceil(part.audio_ms / per_token))
