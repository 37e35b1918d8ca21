"""Items in order, and what may be done to them."""

import base64
from typing import Any

import pytest

from trio_realtime.testing.simulator.api_errors import ApiError
from trio_realtime.testing.simulator.conversation import Conversation, Item, Part
from trio_realtime.testing.simulator.served_formats import PCM16


def item(item_id: str, *parts: Part, role: str = "user") -> Item:
    return Item(
        id=item_id, type="message", status="completed", fields={"role": role}, parts=list(parts)
    )


def spoken(audio_ms: int) -> Part:
    fields = {"type": "output_audio", "transcript": "Hello you"}
    return Part(fields=fields, audio=bytearray(audio_ms * 48), format=PCM16)


@pytest.fixture
def conversation() -> Conversation:
    result = Conversation("conv")
    for item_id in ("a", "b", "c"):
        result.insert(item(item_id))
    return result


def ids(conversation: Conversation) -> list[str]:
    return [each.id for each in conversation.items]


@pytest.mark.parametrize(
    ("after", "order", "previous"),
    [
        (None, "abcx", "c"),
        ("", "abcx", "c"),
        ("root", "xabc", None),
        ("a", "axbc", "a"),
        ("c", "abcx", "c"),
    ],
)
def test_insertion(
    conversation: Conversation, after: str | None, order: str, previous: str | None
) -> None:
    """Last by default, first after root, else behind the item named."""
    assert conversation.insert(item("x"), after) == previous
    assert ids(conversation) == list(order)
    assert "x" in conversation


def test_an_empty_conversation() -> None:
    """The first item has none before it."""
    conversation = Conversation("conv")
    assert conversation.items == []
    assert conversation.insert(item("a")) is None


def test_deletion(conversation: Conversation) -> None:
    """A deleted item is gone for every purpose."""
    conversation.delete("b")
    assert ids(conversation) == ["a", "c"]
    assert conversation.find("b") is None


@pytest.mark.parametrize(
    ("doing", "participle"),
    [("delete", "deleting"), ("retrieve", "retrieving"), ("truncate", "truncating")],
)
def test_unknown_items(conversation: Conversation, doing: str, participle: str) -> None:
    """The service's wording and code, without a param."""
    with pytest.raises(ApiError) as caught:
        conversation.get("yo", doing=doing)
    assert caught.value.render("e1") == {
        "type": "invalid_request_error",
        "code": f"item_{doing}_invalid_item_id",
        "message": f"Error {participle} item: the item with id 'yo' does not exist.",
        "param": None,
        "event_id": "e1",
    }


@pytest.mark.parametrize(
    ("item_id", "after", "code"),
    [
        ("a", None, "item_create_duplicate_item_id"),
        ("x", "y", "item_create_invalid_previous_item_id"),
        (None, "y", "item_create_invalid_previous_item_id"),
    ],
)
def test_refused_insertions(
    conversation: Conversation, item_id: str | None, after: str | None, code: str
) -> None:
    """An id twice, or a place that is not there."""
    with pytest.raises(ApiError) as caught:
        conversation.check_insertion(item_id, after)
    assert caught.value.code == code


@pytest.mark.parametrize(("item_id", "after"), [(None, None), ("x", ""), ("x", "root"), ("x", "a")])
def test_allowed_insertions(
    conversation: Conversation, item_id: str | None, after: str | None
) -> None:
    """Everything else may be inserted."""
    conversation.check_insertion(item_id, after)


def test_truncation_cuts_audio_and_drops_the_transcript(conversation: Conversation) -> None:
    """Whole milliseconds remain, and no text that was not heard."""
    part = spoken(1_000)
    conversation.insert(item("s", part, role="assistant"))
    conversation.truncate("s", 0, 400)
    assert part.audio_ms == 400
    assert part.truncated
    assert conversation.items[-1].render()["content"] == [{"type": "output_audio"}]
    conversation.truncate("s", 0, 400)
    assert part.audio_ms == 400


@pytest.mark.parametrize(
    ("item_id", "index", "end_ms", "code", "message"),
    [
        ("z", 0, 10, "item_truncate_invalid_item_id", "Error truncating item"),
        ("a", 0, 10, "unsupported_content_type", "Only model output audio"),
        ("s", 1, 10, "unsupported_content_type", "Only model output audio"),
        ("t", 0, 10, "unsupported_content_type", "Only model output audio"),
        ("u", 0, 10, "unsupported_content_type", "Only model output audio"),
        ("f", 0, 10, "unsupported_content_type", "Only model output audio"),
        ("s", 0, 0, "unsupported_content_type", "Only model output audio"),
        ("s", 0, 1_001, "invalid_value", "Audio content of 1000ms is already shorter than 1001ms"),
    ],
)
def test_refused_truncations(
    conversation: Conversation, *, item_id: str, index: int, end_ms: int, code: str, message: str
) -> None:
    """Only the model's audio can be cut, and only to less than there is."""
    heard = Part(fields={"type": "input_audio"}, audio=bytearray(48_000), format=PCM16)
    written = Part(fields={"type": "output_text", "text": "Hello"})
    conversation.insert(item("s", spoken(1_000), role="assistant"))
    conversation.insert(item("t", written, role="assistant"))
    conversation.insert(item("u", heard))
    conversation.insert(Item(id="f", type="function_call", status="completed", fields={}))
    with pytest.raises(ApiError) as caught:
        conversation.truncate(item_id, index, end_ms)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_audio_is_shown_only_when_asked_for() -> None:
    """Events leave it out; a retrieved item has it."""
    part = Part(
        fields={"type": "input_audio", "transcript": None},
        audio=bytearray(b"\1\0"),
        format=PCM16,
        heard="Hello",
    )
    shown = item("u", part)
    bare: dict[str, Any] = {"type": "input_audio", "transcript": None}
    assert shown.render()["content"] == [bare]
    assert shown.render(with_audio=True)["content"] == [
        {**bare, "audio": base64.b64encode(b"\1\0").decode()}
    ]
    assert shown.describe()["content"] == [{"type": "input_audio", "transcript": "Hello"}]
    assert shown.render()["content"] == [bare]


def test_a_part_without_audio_has_no_length() -> None:
    """Text takes no time."""
    assert Part(fields={"type": "input_text", "text": "Hello"}).audio_ms == 0
