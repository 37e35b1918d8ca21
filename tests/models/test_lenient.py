"""What servers send a little wrong: read all the same, and never at the price of the event."""

import copy
import json
from typing import Any

import pytest
import support_wire as support
from hypothesis import given
from hypothesis import strategies as st
from support_protocol import Client, asked, make

from trio_realtime.models import events as model
from trio_realtime.models.openai.wire.decode import SplitText, decode, raw_data
from trio_realtime.models.openai.wire.lenient_json import lenient_object
from trio_realtime.models.openai.wire.server_events import ResponseDone

SAMPLES = support.samples()
DONE = {"type": "response.done", "response": {"id": "r1", "status": "completed"}}


def with_text(text: str) -> str:
    """The end of a response whose transcript is this piece of JSON text, escapes included."""
    part = {"type": "output_audio", "transcript": "@"}
    item = {"id": "m1", "type": "message", "role": "assistant", "content": [part]}
    response = {"id": "r1", "status": "completed", "output": [item]}
    return json.dumps({"type": "response.done", "response": response}).replace("@", text)


def with_delta(kind: str, item_id: str, text: str) -> str:
    """A piece of text, given as JSON text."""
    return json.dumps({"type": kind, "item_id": item_id, "delta": "@"}).replace("@", text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hi \\ud83d", "Hi \ufffd"),
        ("\\ude00 there", "\ufffd there"),
        ("a \\ud83d b", "a \ufffd b"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("cut \\ud8", "cut \ufffd"),
        ("cut \\u", "cut \ufffd"),
        ("it\\'s", "it's"),
        ("two\nlines\tand \x01", "two\nlines\tand \x01"),
        ("back\\\\ud83d", "back\\ud83d"),
        ("raw \ud83d", "raw \ufffd"),
    ],
)
def test_characters_that_no_json_has_cost_themselves_only(written: str, read: str) -> None:
    """Whatever stands in a string, the event comes through with the rest of its text."""
    event = decode(with_text(written))
    assert isinstance(event, ResponseDone)
    assert event.response.id == "r1"
    assert event.response.output is not None
    (part,) = event.response.output[0].content or ()
    assert part.transcript == read


@pytest.mark.parametrize(
    "extra",
    [
        b'"x":NaN',
        b'"x":-Infinity',
        b'"x":1e999',
        b'"x":' + b"9" * 5000,
        b'"x":"\xff\xfe"',
        b'"x":' + b"[" * 100_000 + b"]" * 100_000,
        b'"x":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'"x":["]","[",{"\\"":' + b"[" * 5_000 + b'"]"' + b"]" * 5_000 + b"}]",
    ],
)
def test_values_that_no_program_reads_cost_nothing(extra: bytes) -> None:
    """Numbers that are none, bytes that are no text, and depths are left out of a known event."""
    frame = json.dumps(DONE).encode()[:-1] + b"," + extra + b"}"
    event = decode(frame)
    assert isinstance(event, ResponseDone)
    assert event.response.id == "r1"
    seen = raw_data(frame)
    assert isinstance(seen, dict)
    assert seen["response"] == DONE["response"]


@pytest.mark.parametrize("text", ["[]", "5", "", "{", '{"a":', '{"a":' + "[" * 5000])
def test_what_is_no_object_is_refused(text: str) -> None:
    """Lenience has an end where there is no event."""
    with pytest.raises(ValueError, match=r"."):
        lenient_object(text)


def test_a_byte_order_mark_is_passed_over() -> None:
    """Some programs put one before everything that they write."""
    assert isinstance(decode("\ufeff" + json.dumps(DONE)), ResponseDone)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"error": "not now"}, "not now"),
        ({"error": {"message": "not now"}}, "not now"),
        ({"error": {"detail": "not now"}}, "not now"),
        ({"error": None, "message": "not now"}, "not now"),
        ({"message": "not now", "code": 5}, "not now"),
        ({"detail": "not now"}, "not now"),
        ({"error": {"message": {"en": "not now"}}}, "not now"),
        ({"error": ["not now"]}, "not now"),
        ({"error": {"code": 500, "type": None}}, "500"),
        ({"error": {}}, "no reason"),
        ({"error": 7}, "7"),
        ({}, "no reason"),
    ],
)
def test_an_error_in_any_form_is_told_with_its_words(event: dict[str, Any], words: str) -> None:
    """Gateways and compatible servers put an error's words in many places."""
    (seen,) = make().hears("error", **event)
    assert isinstance(seen.error, model.RealtimeServerError)
    assert words in seen.error.message


def test_an_emoji_cut_between_two_deltas_comes_out_whole() -> None:
    """The half at the end of one piece waits for the next; nothing around it is lost."""
    client = make()
    client.begins()
    kind = "response.output_audio_transcript.delta"
    said: list[str] = []
    for piece in ("Hi \\ud83d", "\\ude00 there \\ud83d", "\\ud83d\\ude00!", "\\ud83d", "x"):
        said += [event.delta for event in client.hears_frame(with_delta(kind, "m1", piece))]
    assert "".join(said) == "Hi \U0001f600 there \U0001f600!x"


def test_halves_of_characters_are_not_mixed_up_between_texts() -> None:
    """Two texts that grow at the same time are two, and few halves are remembered."""
    client = make()
    client.begins()
    kind = "response.output_text.delta"
    for number in range(40):
        assert client.hears_frame(with_delta(kind, f"m{number}", "\\ud83d")) == []
    (seen,) = client.hears_frame(with_delta(kind, "m39", "\\ude00"))
    assert seen.delta == "\U0001f600"
    (seen,) = client.hears_frame(with_delta(kind, "m0", "\\ude00"))
    assert seen.delta == "\ufffd"


def test_what_the_user_says_is_put_together_too() -> None:
    """Transcripts of the user are cut in the same places."""
    kind = "conversation.item.input_audio_transcription.delta"
    client = make()
    assert client.hears_frame(with_delta(kind, "u1", "\\ud83d")) == []
    (seen,) = client.hears_frame(with_delta(kind, "u1", "\\ude00"))
    assert seen.delta == "\U0001f600"


def test_audio_is_read_in_every_base64() -> None:
    """Without padding, with line breaks, with the alphabet of URLs; nothing is told of nothing."""
    client = make()
    client.begins()
    for text, pcm in (("-_8", b"\xfb\xff"), ("AQAB\r\nAAEA", b"\1\0\1\0\1\0"), ("AQA=", b"\1\0")):
        (seen,) = client.hears("response.output_audio.delta", item_id="m1", delta=text)
        assert (seen.data, seen.response_id, seen.content_index) == (pcm, "r1", 0)
    for nothing in ("", None):
        assert client.hears("response.output_audio.delta", item_id="m1", delta=nothing) == []


MATTERS = {
    # What the client decides by; everything else it can do without.
    *((kind, name) for kind, fields in support.NEEDED.items() for name in fields),
    ("response.created", "response"),
    ("response.done", "response"),
    ("session.created", "session"),
    ("session.updated", "session"),
    ("response.output_audio.delta", "content_index"),
    ("response.output_audio.done", "content_index"),
    ("conversation.item.truncated", "content_index"),
    ("conversation.item.truncated", "audio_end_ms"),
    ("conversation.item.input_audio_transcription.delta", "delta"),
    *((f"conversation.item.{kind}", "previous_item_id") for kind in ("created", "added", "done")),
    ("input_audio_buffer.committed", "previous_item_id"),
}


def outcome(frame: str) -> tuple[Any, ...]:
    """What a client does about a frame while it waits to go on after an interrupted response."""
    client = make()
    client.begins()
    client.speaks()
    client.says(asked())
    client.sent()
    seen = client.hears_frame(frame)
    errors = [each for each in seen if isinstance(each, model.RealtimeModelErrorEvent)]
    after = client.sent()
    client.ends()
    return [type(each) for each in seen], errors, after, client.sent(), client.protocol.deadline


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_no_field_that_is_not_needed_changes_what_is_done(data: st.DataObject, kind: str) -> None:
    """Any of them may be missing, null or of another type: the same is told and sent."""
    event = dict(SAMPLES[kind])
    optional = sorted(name for name in event if name != "type" and (kind, name) not in MATTERS)
    for name in data.draw(st.sets(st.sampled_from(optional or ["event_id"]))):
        wrong: Any = data.draw(st.sampled_from([..., None, True, [], {}, [[]], {"x": 1}, 1.5, "?"]))
        if wrong is ...:
            event.pop(name, None)
        else:
            event[name] = wrong
    seen, errors, *done = outcome(json.dumps(event))
    seen_whole, errors_whole, *done_whole = outcome(json.dumps(support.samples()[kind]))
    assert errors == errors_whole
    assert done == done_whole
    assert seen == seen_whole


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where an event holds values below its own fields."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, ...]] = []
    for key, member in inside:
        if len(path) >= 1:
            found.append((*path, key))
        if isinstance(member, dict | list):
            found += places(member, (*path, key))
    return found


INSIDE = [(kind, place) for kind in sorted(SAMPLES) for place in places(SAMPLES[kind])]


@given(st.sampled_from(INSIDE), st.sampled_from([..., None, True, [], {}, [[]], 1.5, "?"]))
def test_nothing_inside_an_object_costs_the_event(
    inside: tuple[str, tuple[Any, ...]], wrong: Any
) -> None:
    """Items, responses, usage, errors and sessions may hold anything: the event is an event."""
    kind, path = inside
    event = copy.deepcopy(SAMPLES[kind])
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    if wrong is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = wrong
    client = make()
    client.begins()
    for seen in client.hears_frame(json.dumps(event)):
        if isinstance(seen, model.RealtimeModelErrorEvent):
            of_the_format = "format" in path and "has a format or a rate" in str(seen.error)
            assert of_the_format or isinstance(seen.error, model.RealtimeServerError)


def test_the_beta_names_of_events_mean_what_todays_mean() -> None:
    """A server that kept them is heard as any other is."""
    names = {
        "response.audio.delta": "response.output_audio.delta",
        "response.audio.done": "response.output_audio.done",
        "response.audio_transcript.delta": "response.output_audio_transcript.delta",
        "response.audio_transcript.done": "response.output_audio_transcript.done",
        "response.text.delta": "response.output_text.delta",
        "response.text.done": "response.output_text.done",
        "transcription_session.created": "session.created",
        "transcription_session.updated": "session.updated",
    }

    def heard(client: Client, event: dict[str, Any]) -> list[Any]:
        client.begins("resp_1")
        return client.hears_frame(json.dumps(event))

    for beta, current in names.items():
        event = SAMPLES[current]
        seen, expected = (heard(make(), {**event, "type": kind}) for kind in (beta, current))
        assert list(map(repr, seen)) == list(map(repr, expected))
        decoded = decode(json.dumps({**event, "type": beta}))
        assert not isinstance(decoded, SplitText)
        assert decoded.type == beta
