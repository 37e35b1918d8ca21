"""When a function call of the model counts as finished, whichever events announce it."""

from typing import Any

import pytest
from support_protocol import Client, make

from trio_realtime.items import RealtimeToolCallItem
from trio_realtime.models import events as model


def call(status: str | None = "completed", **fields: Any) -> dict[str, Any]:
    """A function call item."""
    item = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "pay", "arguments": "{}"}
    return {**item, **({} if status is None else {"status": status}), **fields}


def begun() -> Client:
    """A client of a server that gives a response."""
    client = make()
    client.begins()
    return client


def added(client: Client, item: dict[str, Any], response_id: str = "r1") -> list[Any]:
    """The model begins an item."""
    return client.hears("response.output_item.added", response_id=response_id, item=item)


def written(client: Client, response_id: str = "r1", **fields: Any) -> list[Any]:
    """The arguments of a call are complete."""
    event = {"item_id": "f1", "call_id": "c1", "name": "pay", "arguments": "{}", **fields}
    kind = "response.function_call_arguments.done"
    return client.hears(kind, response_id=response_id, **event)


def done(client: Client, item: dict[str, Any], response_id: str = "r1") -> list[Any]:
    """The model has finished an item."""
    return client.hears("response.output_item.done", response_id=response_id, item=item)


def calls(events: list[Any]) -> list[tuple[str, str, str]]:
    """The calls to run among what a client told."""
    found = [each for each in events if isinstance(each, model.RealtimeModelToolCallEvent)]
    return [(each.call_id, each.name, each.arguments) for each in found]


@pytest.mark.parametrize("status", ["completed", None, "something new"])
def test_a_finished_item_is_a_call_to_run_at_once(status: str | None) -> None:
    """Its status says so, or nothing says otherwise."""
    assert calls(done(begun(), call(status))) == [("c1", "pay", "{}")]


@pytest.mark.parametrize("how", ["cancelled", "incomplete", "failed", "completed"])
@pytest.mark.parametrize("arguments", ["", '{"amount": 1', "{}"])
def test_an_incomplete_call_is_never_run(how: str, arguments: str) -> None:
    """Whatever its arguments look like, and however its response ends."""
    client = begun()
    item = call("incomplete", arguments=arguments)
    events = [
        *added(client, call("in_progress", arguments="")),
        *written(client, arguments=arguments),
        *done(client, item),
        *client.ends(status=how, output=[item]),
        *done(client, item),
    ]
    assert calls(events) == []
    items = [e.item for e in events if isinstance(e, model.RealtimeModelItemUpdatedEvent)]
    assert {e.status for e in items if isinstance(e, RealtimeToolCallItem)} == {"incomplete"}


@pytest.mark.parametrize("how", ["cancelled", "incomplete", "failed"])
def test_a_call_that_no_item_finished_is_not_run_when_its_response_was_cut(how: str) -> None:
    """Its written arguments prove nothing: the item might have been incomplete."""
    client = begun()
    written(client)
    assert calls(client.ends(status=how, output=[call()])) == []
    assert calls(client.ends(status="completed")) == []


def test_a_call_that_only_its_arguments_announce_is_run_when_the_response_has_ended() -> None:
    """And before the end of the response is told, like any call."""
    client = begun()
    assert written(client) == []
    events = client.ends()
    assert calls(events) == [("c1", "pay", "{}")]
    assert isinstance(events[-1], model.RealtimeModelTurnEndedEvent)


def test_the_name_of_a_call_may_come_with_its_beginning_only() -> None:
    """Not every server repeats it."""
    client = begun()
    added(client, call("in_progress", arguments=""))
    written(client, name=None)
    assert calls(client.ends()) == [("c1", "pay", "{}")]
    client = begun()
    added(client, call("in_progress", arguments=""))
    assert calls(done(client, call(name=None))) == [("c1", "pay", "{}")]


def test_a_call_that_only_the_end_of_the_response_mentions_is_run() -> None:
    """Its output holds finished items."""
    assert calls(begun().ends(output=[call()])) == [("c1", "pay", "{}")]


def test_a_call_without_a_name_is_not_guessed_from_arguments_alone() -> None:
    """There is nothing to run then; of a finished item at least the failure is told."""
    client = begun()
    written(client, name=None)
    assert calls(client.ends()) == []


def test_an_item_said_to_be_done_but_in_progress_waits_for_the_end_of_its_response() -> None:
    """The two contradict each other; the end of the response decides."""
    client = begun()
    assert calls(done(client, call("in_progress"))) == []
    assert calls(client.ends(output=[call()])) == [("c1", "pay", "{}")]


def test_a_call_is_run_once_in_a_response_however_often_it_is_announced() -> None:
    """Gateways repeat events, also after the end."""
    client = begun()
    events = [
        *(event for _ in range(2) for event in done(client, call())),
        *written(client),
        *client.ends(output=[call(), call()]),
        *done(client, call()),
        *client.ends(output=[call()]),
    ]
    assert calls(events) == [("c1", "pay", "{}")]


def test_the_next_response_may_use_the_same_ids() -> None:
    """Some servers number their calls anew in each."""
    client = begun()
    events = done(client, call())
    client.ends()
    client.begins("r2")
    assert calls([*events, *done(client, call(), "r2")]) == [("c1", "pay", "{}")] * 2


def test_two_calls_of_one_response_are_two() -> None:
    """Each by its own ids, or by the only id it has."""
    client = begun()
    events = [
        *done(client, call(id=None, call_id="c1")),
        *done(client, call(id=None, call_id="c2")),
        *done(client, call(id="f3", call_id=None)),
    ]
    assert [each[0] for each in calls(events)] == ["c1", "c2", "f3"]


def test_ids_that_are_missing_in_one_announcement_do_not_make_it_another_call() -> None:
    """The item id or the call id is enough to know a call by."""
    client = begun()
    first = done(client, call(id=None))
    assert calls([*first, *done(client, call())]) == [("c1", "pay", "{}")]
    client = begun()
    first = done(client, call())
    assert calls([*first, *done(client, call(id=None))]) == [("c1", "pay", "{}")]


def test_two_items_with_one_call_id_are_left_to_the_session() -> None:
    """It reports the model's mistake."""
    client = begun()
    events = [*done(client, call()), *done(client, call(id="f2"))]
    assert calls(events) == [("c1", "pay", "{}")] * 2


def test_arguments_may_be_an_object() -> None:
    """Then its JSON is the text that the API would have sent."""
    events = done(begun(), call(arguments={"amount": 1}))
    assert calls(events) == [("c1", "pay", '{"amount": 1}')]
    assert calls(done(begun(), call(arguments=None))) == [("c1", "pay", "")]


def test_a_call_of_a_response_outside_the_conversation_is_not_run() -> None:
    """It could not be answered there."""
    client = make()
    client.begins("oob", metadata={"trio_realtime_request": "x"}, conversation_id=None)
    events = [*written(client, "oob"), *done(client, call(), "oob")]
    events += client.ends("oob", output=[call()])
    assert calls(events) == []


def test_calls_of_many_responses_cost_no_memory() -> None:
    """Only the latest responses are remembered."""
    client = make()
    for number in range(200):
        client.begins(f"r{number}")
        done(client, call(id=f"f{number}"), f"r{number}")
        client.ends(f"r{number}")
    held = client.protocol._calls._responses
    assert len(held) <= 64
    assert not any(each.written for each in held.values())
