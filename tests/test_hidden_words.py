"""Nothing that was said is in a repr: reprs end in logs and tracebacks."""

import inspect
from types import ModuleType
from typing import Any, get_args

import attrs
import pytest

from trio_realtime import events, items
from trio_realtime._util.hidden_words import hidden
from trio_realtime.models import events as model_events
from trio_realtime.models import inputs

MODULES = [items, events, model_events, inputs]

SHOWN = {
    # Names and ids, the library's or the server's own words.
    *(
        "call_id",
        "client_secret_id",
        "code",
        "conversation_id",
        "detail",
        "event_id",
        "guardrail_name",
    ),
    *("id", "item_id", "message_type", "name", "param", "phase", "previous_item_id", "reason"),
    *("request_id", "response_id", "role", "server_label", "status", "tool_name", "type"),
    *("voice", "limit_type", "answers", "approval_request_id", "tool_choice"),
}
"""Fields of text whose value is no word of a user, a model or a tool."""

SERVERS_OWN = {("RealtimeServerError", "message"), ("RealtimeError", "error")}
"""What the server says of a problem is meant to be read."""


def classes() -> list[type[Any]]:
    """The attrs classes of the modules that carry what was said."""
    return [
        value
        for module in MODULES
        for _name, value in inspect.getmembers(module, inspect.isclass)
        if attrs.has(value) and value.__module__ == module.__name__
    ]


def holds_text(annotation: object) -> bool:
    """Whether a field may hold text, or anything at all."""
    if annotation in (str, bytes, Any, object):
        return True
    if "Mapping" in str(annotation) or "dict" in str(annotation):
        return True
    parts = get_args(annotation)
    return not str(annotation).startswith("typing.Literal") and str in parts


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_every_field_that_may_hold_words_hides_them(cls: type[Any]) -> None:
    """Each field of text is hidden, or is known to be a name, an id or the server's word."""
    attrs.resolve_types(cls)
    open_fields = {
        field.name
        for field in attrs.fields(cls)
        if field.repr is True
        and holds_text(field.type)
        and field.name not in SHOWN
        and (cls.__name__, field.name) not in SERVERS_OWN
    }
    assert open_fields == set()


def test_the_modules_were_found() -> None:
    """The test above is about many classes."""
    assert len(classes()) > 60
    assert all(isinstance(module, ModuleType) for module in MODULES)


def test_words_nested_in_items_and_events_are_hidden() -> None:
    """However deep they are."""
    said = items.UserMessageItem(item_id="i", content=(items.InputText(text="my words"),))
    call = items.RealtimeToolCallItem(
        item_id="i", call_id="c", name="pay", arguments='{"card": "my words"}', output="my words"
    )
    assert "my words" not in repr([said, call])
    assert "<8 characters>" in repr(said)
    assert "name='pay'" in repr(call)
    history: Any = (said, call)
    context: Any = None
    info = events.RealtimeEventInfo(context=context)
    assert "my words" not in repr(events.RealtimeHistoryUpdated(history=history, info=info))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("words", "<5 characters>"),
        (b"sound", "<5 bytes>"),
        ({"a": 1}, "<dict of 1>"),
        (1.5, "<float>"),
    ],
)
def test_what_is_hidden_is_described(value: object, shown: str) -> None:
    """By its length, or by its type."""
    assert hidden(value) == shown


def test_the_words_of_a_message_can_be_asked_for() -> None:
    """What was typed, said or written, one part to a line; what has no words is left out."""
    spoken = items.InputAudio(transcript="Good day.")
    typed = items.InputText(text="Hello.")
    silent = (items.InputAudio(), items.InputImage(image_url="data:image/png;base64,"))
    user = items.UserMessageItem(item_id="i", content=(typed, *silent, spoken))
    assert user.text == "Hello.\nGood day."
    answer = items.AssistantMessageItem(
        item_id="i",
        content=(items.AssistantAudio(transcript="Yes."), items.AssistantText(text="No.")),
    )
    assert answer.text == "Yes.\nNo."
    assert items.SystemMessageItem(item_id="i", content=(typed,)).text == "Hello."
    assert items.AssistantMessageItem(item_id="i").text == ""
