"""Synthetic token counts."""

from trio_realtime.testing.simulator.conversation import Item, Part
from trio_realtime.testing.simulator.served_formats import PCM16
from trio_realtime.testing.simulator.usage import (
    Tokens,
    item_tokens,
    prompt_tokens,
    text_tokens,
    usage,
)


def message(*parts: Part) -> Item:
    return Item(id="m", type="message", status="completed", fields={}, parts=list(parts))


def audio(audio_ms: int, transcript: str) -> Part:
    fields = {"type": "output_audio", "transcript": transcript}
    return Part(fields=fields, audio=bytearray(audio_ms * 48), format=PCM16)


def test_text_is_a_token_per_four_characters() -> None:
    """Rounded up."""
    assert [text_tokens("x" * count) for count in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_prompts() -> None:
    """Instructions, declared tools and items; no tools cost nothing."""
    item = message(Part(fields={"type": "input_text", "text": "1234"}))
    assert prompt_tokens("12345678", [], [], set()) == (Tokens(text=2), Tokens())
    assert prompt_tokens("", [{"a": 1}], [item], set()) == (Tokens(text=4), Tokens())
    assert prompt_tokens("", [{"a": 1}], [item], {"m"}) == (Tokens(text=4), Tokens(text=1))


def test_items() -> None:
    """Audio costs by its length, twice as much when produced, and then its transcript too."""
    assert item_tokens(message(audio(950, "12345678"))) == Tokens(audio=10)
    assert item_tokens(message(audio(950, "12345678")), output=True) == Tokens(text=2, audio=19)
    image = Part(fields={"type": "input_image", "image_url": "data:"})
    text = Part(fields={"type": "input_text", "text": "1234"})
    assert item_tokens(message(image, text)) == Tokens(text=1, image=500)
    call = Item(
        id="f",
        type="function_call",
        status="completed",
        fields={"call_id": "c", "name": "look", "arguments": "{}  "},
    )
    assert item_tokens(call) == Tokens(text=2)


def test_the_usage_object() -> None:
    """Totals are sums of their details."""
    prompt = Tokens(text=10, audio=20, image=500)
    made = [message(audio(100, "1234"))]
    assert usage(prompt, Tokens(text=4, audio=5), made) == {
        "total_tokens": 533,
        "input_tokens": 530,
        "output_tokens": 3,
        "input_token_details": {
            "text_tokens": 10,
            "audio_tokens": 20,
            "image_tokens": 500,
            "cached_tokens": 9,
            "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 5, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 1, "audio_tokens": 2},
    }
