"""The fold of model events: what an application finds in the history, whatever the order."""

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.models import events as model
from trio_realtime.sessions.history.history_fold import MAX_PARTS, UPDATED, Added, Change, History


def assistant(*content: Any, item_id: str = "a", **fields: Any) -> AssistantMessageItem:
    return AssistantMessageItem(item_id=item_id, content=content, **fields)


def user(*content: Any, item_id: str = "u", **fields: Any) -> UserMessageItem:
    return UserMessageItem(item_id=item_id, content=content, **fields)


def call(item_id: str = "c", **fields: Any) -> RealtimeToolCallItem:
    return RealtimeToolCallItem(
        item_id=item_id, **{"call_id": "call_1", "name": "weather", "arguments": "{}"} | fields
    )


def updated(item: RealtimeItem, **fields: Any) -> model.RealtimeModelItemUpdatedEvent:
    return model.RealtimeModelItemUpdatedEvent(item=item, **fields)


def announced(item: RealtimeItem) -> model.RealtimeModelItemUpdatedEvent:
    return updated(item, announced=True)


def said(
    delta: str, item_id: str = "a", index: int = 0, response_id: str = "r"
) -> model.RealtimeModelTranscriptDeltaEvent:
    return model.RealtimeModelTranscriptDeltaEvent(
        item_id=item_id, delta=delta, response_id=response_id, content_index=index
    )


def wrote(
    delta: str, item_id: str = "a", index: int = 0
) -> model.RealtimeModelOutputTextDeltaEvent:
    return model.RealtimeModelOutputTextDeltaEvent(
        item_id=item_id, delta=delta, response_id="r", content_index=index
    )


def heard_user(
    transcript: str, item_id: str = "u", index: int = 0
) -> model.RealtimeModelInputAudioTranscriptionCompletedEvent:
    return model.RealtimeModelInputAudioTranscriptionCompletedEvent(
        item_id=item_id, transcript=transcript, content_index=index
    )


def deleted(item_id: str) -> model.RealtimeModelItemDeletedEvent:
    return model.RealtimeModelItemDeletedEvent(item_id=item_id)


def ended(response_id: str | None = "r") -> model.RealtimeModelTurnEndedEvent:
    return model.RealtimeModelTurnEndedEvent(response_id=response_id)


def history_of(*events: Any) -> History:
    history = History()
    for event in events:
        history.apply(event)
    return history


def items(history: History) -> list[RealtimeItem]:
    return list(history.snapshot())


def only(history: History) -> Any:
    (item,) = history.snapshot()
    return item


# Where items stand


def test_items_stand_where_the_server_says_not_where_they_arrived() -> None:
    history = history_of(
        announced(user(InputText(text="one"), item_id="u1")),
        updated(assistant(item_id="a1"), response_id="r"),
        announced(user(InputAudio(), item_id="u2", previous_item_id="a1")),
        announced(assistant(item_id="a1", previous_item_id="u1")),
    )
    assert [item.item_id for item in items(history)] == ["u1", "a1", "u2"]


def test_a_place_without_an_item_is_kept_for_it() -> None:
    """User audio is committed, the answer to it begins, and only then the item is announced."""
    placed = model.RealtimeModelItemPlacedEvent
    history = history_of(
        announced(user(InputText(text="one"), item_id="u1")),
        placed(item_id="u2", previous_item_id="u1"),
        announced(assistant(item_id="a", previous_item_id="u2")),
    )
    assert [item.item_id for item in items(history)] == ["u1", "a"]
    assert history.apply(placed(item_id="u3", previous_item_id="a")) is None
    history.apply(heard_user("late", item_id="u2"))
    assert [item.item_id for item in items(history)] == ["u1", "u2", "a"]


def test_where_an_item_stands_is_not_forgotten_when_it_is_mentioned_again() -> None:
    history = history_of(
        announced(user(item_id="u")),
        announced(assistant(item_id="a", previous_item_id="u")),
        updated(assistant(AssistantText(text="x"), item_id="a")),
    )
    assert items(history)[1].previous_item_id == "u"


# What is reported


def test_the_first_time_is_reported_as_added_and_a_change_as_updated() -> None:
    history, item = History(), user(InputText(text="hi"))
    assert history.apply(announced(item)) == Added(item)
    assert history.apply(announced(item)) is UPDATED
    assert history.apply(updated(item)) is None
    changed = attrs.evolve(item, status="completed")
    assert history.apply(updated(changed)) is UPDATED


def test_an_item_whose_deltas_came_first_is_added_when_it_is_announced() -> None:
    history = history_of(said("Hel"))
    assert only(history) == assistant(AssistantAudio(transcript="Hel"), status="in_progress")
    history.apply(said("lo"))
    change = history.apply(updated(assistant(status="in_progress"), response_id="r"))
    assert change == Added(assistant(AssistantAudio(transcript="Hello"), status="in_progress"))
    assert history.apply(announced(assistant(status="in_progress"))) is UPDATED


def test_an_item_that_deltas_took_for_the_models_is_what_the_server_announces() -> None:
    history, item = history_of(said("?", "u")), user(InputText(text="hi"))
    assert history.apply(announced(item)) == Added(item)
    assert items(history) == [item]


def test_events_that_do_not_concern_the_history_change_nothing() -> None:
    history = History()
    assert history.apply(model.RealtimeModelDtmfEvent(key="1")) is None
    assert items(history) == []


def test_deltas_are_not_reported() -> None:
    assert History().apply(said("x")) is None
    assert History().apply(wrote("x")) is None


# What the model says


def test_deltas_grow_the_item_in_place_and_keep_its_status() -> None:
    history = history_of(
        updated(assistant(status="in_progress"), response_id="r"), said("Hel"), said("lo")
    )
    assert only(history) == assistant(AssistantAudio(transcript="Hello"), status="in_progress")
    assert history.get("a") == only(history)
    history.apply(said(" there"))
    assert history.get("a") == assistant(
        AssistantAudio(transcript="Hello there"), status="in_progress"
    )


def test_content_parts_are_kept_apart() -> None:
    history = history_of(
        said("spoken", index=1), wrote("written", index=2), said(" on", index=1), wrote("!", "b")
    )
    assert history.get("a") == assistant(
        AssistantAudio(),
        AssistantAudio(transcript="spoken on"),
        AssistantText(text="written"),
        status="in_progress",
    )
    assert history.get("b") == assistant(AssistantText(text="!"), item_id="b", status="in_progress")


def test_deltas_do_not_put_words_into_a_users_mouth() -> None:
    item = user(InputText(text="mine"))
    assert items(history_of(announced(item), said("never", "u"))) == [item]


@pytest.mark.parametrize("index", [-1, MAX_PARTS, 10**12])
def test_an_impossible_content_index_costs_nothing(index: int) -> None:
    item = assistant(AssistantAudio(transcript="fine"))
    history = history_of(announced(item), said("x", index=index), wrote("x", index=index))
    history.heard("a", index, 100)
    assert only(history) == item
    history = history_of(heard_user("said", index=index))
    assert only(history) == user(InputAudio(transcript="said"), status="completed")


def test_the_final_text_replaces_what_the_deltas_made() -> None:
    history = history_of(
        said("Helo"), updated(assistant(AssistantAudio(transcript="Hello"), status="completed"))
    )
    assert only(history) == assistant(AssistantAudio(transcript="Hello"), status="completed")


def test_an_item_that_is_over_is_not_in_progress_again() -> None:
    history = history_of(
        announced(assistant(status="completed")),
        announced(assistant(status="in_progress")),
        updated(assistant()),
    )
    assert only(history).status == "completed"
    history.apply(updated(assistant(status="incomplete")))
    assert only(history).status == "incomplete"


def test_the_end_of_the_response_leaves_no_item_in_progress() -> None:
    """What the server did not say stays unknown; items of other responses go on."""
    history = history_of(
        updated(assistant(item_id="done", status="completed"), response_id="r"),
        updated(assistant(item_id="open", status="in_progress"), response_id="r"),
        said("by deltas", "deltas"),
        said("other", "other", response_id="other"),
        updated(assistant(item_id="ended", status="in_progress"), response_id="r"),
        announced(assistant(item_id="ended", status="incomplete")),
        updated(call(), response_id="r"),
        updated(assistant(item_id="gone", status="in_progress"), response_id="r"),
        deleted("gone"),
    )
    assert history.apply(ended()) is None
    assert {item.item_id: getattr(item, "status", None) for item in history.snapshot()} == {
        "done": "completed",
        "open": None,
        "deltas": None,
        "other": "in_progress",
        "ended": "incomplete",
        "c": "in_progress",
    }
    history.apply(ended(None))
    assert history.get("other").status == "in_progress"  # type: ignore[union-attr]


# What the user heard


def test_a_truncation_notes_how_much_was_heard_and_keeps_the_transcript() -> None:
    history = history_of(
        announced(assistant(AssistantText(text="t"), AssistantAudio(transcript="Hello")))
    )
    truncated = model.RealtimeModelItemTruncatedEvent(
        item_id="a", content_index=1, audio_end_ms=700
    )
    assert history.apply(truncated) is None
    expected = assistant(AssistantText(text="t"), AssistantAudio(transcript="Hello", heard_ms=700))
    assert only(history) == expected
    history.apply(updated(assistant(AssistantText(text="t"), AssistantAudio())))
    assert only(history) == expected


def test_what_was_heard_is_noted_on_spoken_parts_only() -> None:
    before: list[RealtimeItem] = [assistant(AssistantText(text="t")), user(InputAudio())]
    history = history_of(*map(announced, before))
    for item_id, index in [("a", 0), ("a", 1), ("u", 0), ("unknown", 0)]:
        history.heard(item_id, index, 100)
    assert items(history) == before


# What the user says


def test_a_late_transcript_goes_into_the_part_it_is_of() -> None:
    history = history_of(
        announced(user(InputText(text="look"), InputAudio(), InputAudio(), status="in_progress"))
    )
    assert history.apply(heard_user("second", index=2)) is UPDATED
    assert only(history) == user(
        InputText(text="look"),
        InputAudio(),
        InputAudio(transcript="second"),
        status="completed",
    )
    history.apply(heard_user("a wrong part, so the first without", index=0))
    assert only(history).content[1] == InputAudio(transcript="a wrong part, so the first without")


def test_a_transcript_may_come_before_its_item() -> None:
    history = History()
    item = user(InputAudio(transcript="hello"), status="completed")
    assert history.apply(heard_user("hello")) == Added(item)
    assert history.apply(announced(user(InputAudio(), status="in_progress"))) is UPDATED
    assert only(history) == item


def test_transcripts_of_several_parts_may_come_before_the_item_in_any_order() -> None:
    history = history_of(heard_user("second", index=1), heard_user("first", index=0))
    history.apply(announced(user(InputAudio(), InputAudio(), InputText(text="and"))))
    assert only(history).content == (
        InputAudio(transcript="first"),
        InputAudio(transcript="second"),
        InputText(text="and"),
    )


def test_a_transcript_before_an_item_with_audio_elsewhere_finds_it() -> None:
    history = history_of(heard_user("hello", index=0))
    history.apply(announced(user(InputText(text="look"), InputAudio())))
    assert only(history).content == (InputText(text="look"), InputAudio(transcript="hello"))


def test_a_transcript_for_which_the_item_has_no_part_is_kept_at_its_end() -> None:
    history = history_of(heard_user("hello", index=0))
    history.apply(announced(user(InputText(text="look"))))
    assert only(history).content == (InputText(text="look"), InputAudio(transcript="hello"))
    history = history_of(announced(user(InputText(text="look"))), heard_user("hello", index=0))
    assert only(history).content == (InputText(text="look"), InputAudio(transcript="hello"))


def test_a_failed_transcription_leaves_the_item_as_it_is() -> None:
    item = user(InputAudio(), status="completed")
    history = history_of(announced(item))
    failed = model.RealtimeModelInputAudioTranscriptionFailedEvent(
        item_id="u", error=model.RealtimeServerError(message="unintelligible", type="x")
    )
    assert history.apply(failed) is None
    assert only(history) == item


def test_a_transcript_of_an_item_that_is_not_the_users_is_not_followed() -> None:
    item = assistant(AssistantText(text="mine"))
    history = history_of(announced(item))
    assert history.apply(heard_user("not mine", "a")) is None
    assert items(history) == [item]


# What is known stays known


@pytest.mark.parametrize(
    ("known", "update", "expected"),
    [
        (InputAudio(transcript="said"), InputAudio(), InputAudio(transcript="said")),
        (
            InputImage(image_url="data:", detail="low"),
            InputImage(),
            InputImage(image_url="data:", detail="low"),
        ),
        (InputImage(image_url="data:"), InputImage(detail="high"), None),
        (InputAudio(transcript="a"), InputAudio(transcript="b"), InputAudio(transcript="b")),
        (InputText(text="a"), InputText(text="b"), InputText(text="b")),
        (InputText(text="a"), InputText(), InputText(text="a")),
    ],
)
def test_a_users_part_keeps_what_the_server_leaves_out(
    known: Any, update: Any, expected: Any
) -> None:
    history = history_of(announced(user(known)), announced(user(update)))
    if expected is None:
        expected = InputImage(image_url="data:", detail="high")
    assert only(history).content == (expected,)


def test_an_item_announced_again_without_content_keeps_it() -> None:
    parts = (AssistantAudio(transcript="one"), AssistantText(text="two"))
    history = history_of(
        announced(assistant(*parts)),
        announced(assistant()),
        announced(assistant(AssistantAudio())),
    )
    assert only(history).content == parts


def test_parts_of_other_kinds_than_deltas_padded_with_are_taken_over() -> None:
    history = history_of(
        wrote("written", index=1),
        announced(assistant(AssistantAudio(transcript="spoken"), AssistantText())),
    )
    assert only(history).content == (
        AssistantAudio(transcript="spoken"),
        AssistantText(text="written"),
    )


def test_an_image_the_server_puts_elsewhere_keeps_its_url() -> None:
    history = history_of(
        announced(user(InputImage(image_url="data:"), InputText(text="look"))),
        announced(user(InputText(text="look"), InputImage())),
    )
    assert only(history).content == (InputText(text="look"), InputImage(image_url="data:"))


def test_an_item_of_another_kind_under_a_known_id_is_not_followed() -> None:
    item = user(InputText(text="hi"))
    history = history_of(announced(item))
    assert history.apply(announced(assistant(item_id="u"))) is None
    assert items(history) == [item]


def test_a_system_message_is_replaced() -> None:
    def message(text: str) -> SystemMessageItem:
        return SystemMessageItem(item_id="s", content=(InputText(text=text),))

    history = history_of(announced(message("one")), announced(message("two")))
    assert only(history) == message("two")


# Tool calls


def test_a_call_gets_its_output_once() -> None:
    history = history_of(updated(call(), response_id="r"))
    assert history.tool_output("call_1", "rain") is UPDATED
    assert history.tool_output("call_1", "rain") is None
    assert only(history) == call(status="completed", output="rain")


def test_a_finished_call_keeps_its_output_however_often_it_is_announced() -> None:
    history = history_of(updated(call()))
    history.tool_output("call_1", "rain")
    for event in (announced(call(previous_item_id="x")), updated(call(call_id=None))):
        history.apply(event)
        assert only(history).output == "rain"
        assert only(history).status == "completed"


def test_the_output_the_conversation_announces_counts_and_has_a_place() -> None:
    history = history_of(
        announced(call()),
        model.RealtimeModelToolOutputEvent(
            item_id="o", call_id="call_1", output="rain", previous_item_id="c"
        ),
        announced(user(InputText(text="next"), previous_item_id="o")),
        announced(assistant(previous_item_id="c")),
    )
    assert [item.item_id for item in items(history)] == ["c", "a", "u"]
    assert history.get("c") == call(status="completed", output="rain")


def test_an_output_of_a_call_nobody_knows_changes_nothing() -> None:
    history = history_of(announced(call()), deleted("c"))
    assert history.tool_output("unknown", "x") is None
    assert history.tool_output("call_1", "x") is None
    assert items(history) == []


# Deletion


def test_a_deletion_is_reported_even_of_an_item_that_was_never_shown() -> None:
    history = history_of(announced(user()))
    assert history.apply(deleted("u")) is UPDATED
    assert history.apply(deleted("unknown")) is UPDATED
    assert items(history) == []


def test_what_comes_late_does_not_bring_a_deleted_item_back() -> None:
    """An answer nobody heard is deleted while the server still finishes it."""
    history = history_of(said("never heard"), said("other", "b"), deleted("a"), deleted("u"))
    for event in (
        said("late"),
        wrote("late", index=3),
        updated(assistant(AssistantAudio(transcript="late"), status="incomplete")),
        heard_user("late"),
        ended(),
    ):
        assert history.apply(event) is None
        assert [item.item_id for item in items(history)] == ["b"]


def test_an_item_the_conversation_adds_anew_is_back() -> None:
    item = user(InputText(text="again"))
    history = history_of(announced(user(InputText(text="once"))), deleted("u"))
    assert history.apply(announced(item)) == Added(item)
    assert items(history) == [item]


# Cost


def test_pieces_are_put_together_only_when_somebody_looks() -> None:
    history = history_of(announced(assistant(status="in_progress")))
    before = history.snapshot()
    for _ in range(1000):
        history.apply(said("x"))
    ((item_id, parts),) = history._pieces.items()
    ((index, pieces),) = parts.items()
    assert (item_id, index) == ("a", 0)
    assert len(pieces.deltas) == 1000
    assert only(history).content == (AssistantAudio(transcript="x" * 1000),)
    assert not history._pieces
    assert list(before) == [assistant(status="in_progress")]


# Any order


def story() -> list[Any]:
    """All that happens to one user item of three parts and one answer, without what is known."""
    shapes = [
        user(InputAudio(), InputImage(image_url="data:x"), InputAudio(), status="in_progress"),
        user(InputAudio(), InputImage(), InputAudio(), status="completed"),
        user(),
        user(InputAudio()),
    ]
    answers = [
        assistant(status="in_progress"),
        assistant(AssistantAudio(), status="in_progress"),
        assistant(AssistantAudio(), AssistantText(), status="incomplete"),
    ]
    return [
        *map(announced, shapes),
        *map(updated, shapes),
        *map(announced, answers),
        *(updated(answer, response_id="r") for answer in answers),
        heard_user("first", index=0),
        heard_user("second", index=2),
        said("spoken"),
        wrote("written", index=1),
        model.RealtimeModelItemPlacedEvent(item_id="u"),
        model.RealtimeModelItemTruncatedEvent(item_id="a", content_index=0, audio_end_ms=5),
        ended(),
        ended(None),
    ]


def known_of(item: RealtimeItem | None) -> set[str]:
    """Transcripts, texts and images of an item."""
    parts = getattr(item, "content", ())
    fields = ("transcript", "text", "image_url")
    return {value for part in parts for name in fields if (value := getattr(part, name, None))}


@given(st.permutations(story()), st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_no_order_of_an_items_events_loses_a_transcript_or_an_image(
    events: list[Any], look_every: int
) -> None:
    history = History()
    ever: set[str] = set()
    for number, event in enumerate(events):
        history.apply(event)
        if look_every and number % look_every == 0:
            known = known_of(history.get("u")) | known_of(history.get("a"))
            assert known >= ever
            ever = known
    assert known_of(history.get("u")) == {"first", "second", "data:x"}
    assert known_of(history.get("a")) == {"spoken", "written"}
    assert len(items(history)) == 2


@given(st.permutations(story()))
@settings(max_examples=60, deadline=None)
def test_looking_changes_nothing(events: list[Any]) -> None:
    looked_at, left_alone = History(), History()
    changes: list[tuple[Change, Change]] = []
    for event in events:
        looked_at.snapshot()
        changes.append((looked_at.apply(event), left_alone.apply(event)))
    assert looked_at.snapshot() == left_alone.snapshot()
    assert all(one == other for one, other in changes)
