"""No server can make the history slow: twice the events are twice the work, in every order."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import pytest
from support_steps import steps_of

from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    UserMessageItem,
)
from trio_realtime.models import events as model
from trio_realtime.sessions.history.history_fold import History

Events = Iterator[model.RealtimeModelEvent]


# -- events ---------------------------------------------------------------------------


def announced(item: RealtimeItem) -> model.RealtimeModelItemUpdatedEvent:
    return model.RealtimeModelItemUpdatedEvent(item=item, response_id=None, announced=True)


def answer(
    item_id: str, *content: AssistantText | AssistantAudio, previous: str | None = None
) -> RealtimeItem:
    return AssistantMessageItem(
        item_id=item_id, previous_item_id=previous, status="in_progress", content=content
    )


def delta(item_id: str, index: int = 0) -> model.RealtimeModelTranscriptDeltaEvent:
    return model.RealtimeModelTranscriptDeltaEvent(
        delta="x", response_id="r", item_id=item_id, content_index=index
    )


def transcript(item_id: str, index: int) -> model.RealtimeModelEvent:
    return model.RealtimeModelInputAudioTranscriptionCompletedEvent(
        item_id=item_id, content_index=index, transcript="words"
    )


def texts(count: int) -> list[AssistantText]:
    return [AssistantText(text=f"t{number}") for number in range(count)]


def spoken(count: int) -> list[AssistantAudio]:
    return [AssistantAudio(transcript=f"u{number}") for number in range(count)]


# -- what a server may do --------------------------------------------------------------


def in_order(n: int) -> Events:
    for i in range(n):
        yield announced(answer(f"i{i}", previous=f"i{i - 1}" if i else None))


def in_reverse(n: int) -> Events:
    for i in reversed(range(n)):
        yield announced(answer(f"i{i}", previous=f"i{i - 1}" if i else None))


def evens_then_odds(n: int) -> Events:
    for i in (*range(0, n, 2), *range(1, n, 2)):
        yield announced(answer(f"i{i}", previous=f"i{i - 1}" if i else None))


def all_behind_one(n: int) -> Events:
    yield announced(answer("first"))
    for i in range(n):
        yield announced(answer(f"i{i}", previous="first"))


def all_behind_one_that_comes_last(n: int) -> Events:
    for i in range(n):
        yield announced(answer(f"i{i}", previous="last"))
    yield announced(answer("last"))


def a_long_chain_that_moves_to_and_fro(n: int) -> Events:
    yield from in_order(n)
    yield announced(answer("a"))
    yield announced(answer("b"))
    for _, parent in zip(range(n), itertools.cycle("ab"), strict=False):
        yield announced(answer("i0", previous=parent))


def each_behind_the_last_of_a_chain(n: int) -> Events:
    """A circle is asked for again and again."""
    yield from in_order(n)
    for _ in range(n):
        yield announced(answer("i0", previous=f"i{n - 1}"))


def deltas_of_many_items(n: int) -> Events:
    for i in range(n):
        yield delta(f"i{i}")


def deltas_then_deletes(n: int) -> Events:
    yield from deltas_of_many_items(n)
    for i in range(n):
        yield model.RealtimeModelItemDeletedEvent(item_id=f"i{i}")


def deltas_then_truncations(n: int) -> Events:
    yield from deltas_of_many_items(n)
    for i in range(n):
        yield model.RealtimeModelItemTruncatedEvent(
            item_id=f"i{i}", content_index=0, audio_end_ms=5
        )


def deltas_of_one_response_that_ends(n: int) -> Events:
    yield from deltas_of_many_items(n)
    yield model.RealtimeModelTurnEndedEvent(response_id="r", status="completed")


def deltas_of_many_parts(n: int) -> Events:
    for i in range(n):
        yield delta("i", i)
    yield announced(answer("i"))


def parts_that_change_their_kind(n: int) -> Events:
    """Two frames about one item."""
    yield announced(answer("i", *texts(n)))
    yield announced(answer("i", *spoken(n)))


def parts_that_come_back_shorter(n: int) -> Events:
    yield announced(answer("i", *texts(n)))
    for _ in range(n):
        yield announced(answer("i"))


def empty_parts_for_known_ones(n: int) -> Events:
    yield announced(answer("i", *texts(n), *spoken(n)))
    yield announced(answer("i", *[AssistantAudio()] * n, *[AssistantText()] * n))


def transcripts_that_find_no_part(n: int) -> Events:
    parts = [InputText(text=f"t{number}") for number in range(n)]
    yield announced(UserMessageItem(item_id="u", content=tuple(parts)))
    for _ in range(n):
        yield transcript("u", 0)


def transcripts_before_their_item(n: int) -> Events:
    for i in range(n):
        yield transcript("u", i)


def transcripts_of_many_parts(n: int) -> Events:
    yield announced(UserMessageItem(item_id="u", content=(InputAudio(),) * n))
    for i in range(n):
        yield transcript("u", i)


def calls_and_their_outputs(n: int) -> Events:
    for i in range(n):
        yield announced(
            RealtimeToolCallItem(item_id=f"c{i}", call_id=f"call{i}", name="t", arguments="{}")
        )
    for i in reversed(range(n)):
        yield model.RealtimeModelToolOutputEvent(
            item_id=f"o{i}", call_id=f"call{i}", output="done", previous_item_id=f"c{i}"
        )


def places_without_items(n: int) -> Events:
    for i in reversed(range(n)):
        yield model.RealtimeModelItemPlacedEvent(item_id=f"i{i}", previous_item_id=f"i{i - 1}")


STREAMS: list[Callable[[int], Events]] = [
    in_order,
    in_reverse,
    evens_then_odds,
    all_behind_one,
    all_behind_one_that_comes_last,
    a_long_chain_that_moves_to_and_fro,
    each_behind_the_last_of_a_chain,
    deltas_of_many_items,
    deltas_then_deletes,
    deltas_then_truncations,
    deltas_of_one_response_that_ends,
    deltas_of_many_parts,
    parts_that_change_their_kind,
    parts_that_come_back_shorter,
    empty_parts_for_known_ones,
    transcripts_that_find_no_part,
    transcripts_before_their_item,
    transcripts_of_many_parts,
    calls_and_their_outputs,
    places_without_items,
]


def fold(events: Iterable[model.RealtimeModelEvent], *, look: bool) -> None:
    history = History()
    for event in events:
        history.apply(event)
        if look:
            history.snapshot()
    history.snapshot()


@pytest.mark.parametrize("look", [False, True], ids=["", "looking at each step"])
@pytest.mark.parametrize("stream", STREAMS)
def test_twice_the_events_are_about_twice_the_work(
    stream: Callable[[int], Events], look: bool
) -> None:
    """Also for an application that looks at the history after every event."""
    few, many = list(stream(400)), list(stream(800))
    steps = steps_of(lambda: fold(few, look=look))
    assert steps_of(lambda: fold(many, look=look)) < 2.5 * steps
