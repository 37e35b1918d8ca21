"""What a message of the user may be, and what is said of one that is not."""

from types import MappingProxyType
from typing import Any

import pytest

from trio_realtime.errors import UserError
from trio_realtime.items import InputAudio, InputImage, InputText
from trio_realtime.sessions.asking.user_message import content_parts

TEXT = {"type": "input_text", "text": "look"}
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
PARTS = (
    InputText(text="look"),
    InputImage(image_url="data:image/png;base64,AA==", detail="low"),
)


@pytest.mark.parametrize(
    "message",
    [
        list(PARTS),
        PARTS,
        [TEXT, IMAGE],
        [PARTS[0], MappingProxyType(IMAGE)],
        {"type": "message", "role": "user", "content": [TEXT, IMAGE]},
        {"content": PARTS},
    ],
    ids=["parts", "tuple", "wire", "mixed", "sdk", "content"],
)
def test_a_message_may_be_written_in_many_ways(message: Any) -> None:
    assert content_parts(message) == PARTS


def test_text_is_one_part() -> None:
    assert content_parts("hello") == (InputText(text="hello"),)


def test_an_image_needs_no_detail() -> None:
    url = "https://example.org/cat.png"
    expected = (InputImage(image_url=url),)
    assert content_parts([{"type": "input_image", "image_url": url}]) == expected
    assert content_parts([InputImage(image_url=url)]) == expected


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("", "the message: text must not be empty"),
        ([], "must have at least one part"),
        ({"content": []}, "must have at least one part"),
        ({}, "must have at least one part"),
        (5, "must be text, a sequence of parts, or a mapping.*not int"),
        (None, "not NoneType"),
        (b"bytes", "not bytes"),
        (bytearray(b"bytes"), "not bytearray"),
        (InputText(text="alone"), "not InputText"),
        ({"content": "text"}, "not str"),
        ({"content": None}, "not NoneType"),
        ({"content": [TEXT], "id": "x"}, "a message has type, role and content, but not 'id'"),
        ({"content": [TEXT], 5: "x", "y": 1}, "but not int"),
        ({"type": "massage", "content": [TEXT]}, "type of a message is 'message', not 'massage'"),
        ({"role": "system", "content": [TEXT]}, "role must not be 'system'"),
        ([TEXT, 5], r"content\[1\] must be an InputText, an InputImage or a mapping, not int"),
        ([InputAudio()], r"content\[0\] must be .* not InputAudio"),
        ([{"type": "text", "text": "x"}], r"not 'text'; did you mean 'input_text'\?"),
        ([{"type": "image_url"}], r"did you mean 'input_image'\?"),
        ([{"type": "zzz"}], "not 'zzz'$"),
        ([{"text": "x"}], "not NoneType$"),
        ([{"type": "input_text"}], r"content\[0\]: text must be a string, not NoneType"),
        ([InputText()], r"content\[0\]: text must not be empty"),
        ([TEXT, {"type": "input_image"}], r"content\[1\]: image_url must be a string: a data URL"),
        ([InputImage(image_url="")], "image_url must be"),
        ([IMAGE | {"detail": "huge"}], "detail must be one of auto, low, high, not 'huge'"),
        ([IMAGE | {"detail": []}], "detail must be one of"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(message: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        content_parts(message)


def test_no_complaint_repeats_what_the_user_said() -> None:
    secret = "my secret words"
    for message in ([{"type": "input_text", "text": [secret]}], [secret], {"content": secret}):
        with pytest.raises(UserError) as caught:
            content_parts(message)  # type: ignore[arg-type]
        assert secret not in str(caught.value)
