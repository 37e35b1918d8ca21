"""Frames in whatever shape: decoded right, or refused with a reason that tells no secrets."""

import json
from typing import Any

import pytest
import support_wire as support
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.errors import RealtimeProtocolError
from trio_realtime.models.openai.wire.beta_events import BETA_EVENTS
from trio_realtime.models.openai.wire.decode import (
    MalformedFrame,
    SplitText,
    UnknownEvent,
    decode,
    raw_data,
    raw_dict,
)
from trio_realtime.models.openai.wire.lenient_json import sound_text
from trio_realtime.models.openai.wire.server_events import (
    Error,
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)

SAMPLES = support.samples()
KNOWN = {*SAMPLES, *BETA_EVENTS}
SPACE = st.text(" \t\r\n", max_size=2)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def json_strings(draw: st.DrawFn, text: str) -> str:
    """One of the ways to write ``text`` in JSON."""
    if draw(st.booleans()):
        return json.dumps(text, ensure_ascii=draw(st.booleans()))
    at = draw(st.integers(0, len(text)))
    units = text[at : at + 3].encode("utf-16-be").hex(" ", 2).split()
    escaped = "".join(f"\\u{unit}" for unit in units)
    return json.dumps(text[:at])[:-1] + escaped + json.dumps(text[at + 3 :])[1:]


@st.composite
def json_texts(draw: st.DrawFn, value: Any, extra: bool = False) -> str:
    """One of the ways to write ``value`` in JSON; with ``extra`` also fields nobody knows."""
    before, after = draw(SPACE), draw(SPACE)
    if isinstance(value, dict):
        pairs = draw(st.permutations(list(value.items())))
        if extra:
            noise = st.sampled_from([{"type": "error"}, [{"type": 1}], {"x": {"type": "y"}}])
            pairs.insert(draw(st.integers(0, len(pairs))), ("unheard_of", draw(noise | VALUES)))
        members = [draw(json_strings(key)) + ":" + draw(json_texts(item)) for key, item in pairs]
        text = "{" + ",".join(members) + "}"
    elif isinstance(value, list):
        text = "[" + ",".join(draw(json_texts(item)) for item in value) + "]"
    elif isinstance(value, str) and len(value) < 200:
        text = draw(json_strings(value))
    else:
        text = json.dumps(value)
    return before + text + after


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_every_spelling_of_an_event_is_the_same_event(data: st.DataObject, kind: str) -> None:
    """Key order, whitespace, escapes and unknown fields change nothing; str or bytes neither."""
    plain = json.dumps(SAMPLES[kind])
    text = data.draw(json_texts(SAMPLES[kind], extra=True))
    decoded = decode(text)
    assert isinstance(decoded, ServerEvent)
    assert decoded.type == kind
    assert decoded == decode(plain) == decode(text.encode()) == decode(plain.encode())
    assert raw_dict(text)["type"] == raw_dict(text.encode())["type"] == kind


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_the_last_of_equal_keys_counts(data: st.DataObject, kind: str) -> None:
    """Duplicate keys mean what a JSON parser says they mean, the type included."""
    event = SAMPLES[kind]
    noise = data.draw(st.dictionaries(st.sampled_from(sorted(event)), VALUES, min_size=1))
    first = data.draw(st.sampled_from([noise, {"type": "error"}, {"type": "unheard.of"}]))
    text = json.dumps(first)[:-1] + "," + json.dumps(event)[1:]
    assert decode(text) == decode(text.encode()) == decode(json.dumps(event))


def test_the_last_type_counts_after_the_fields() -> None:
    """A second type may make the event another one, unknown, or none."""
    text = json.dumps(SAMPLES["response.output_text.delta"])[:-1]
    assert type(decode(text + ',"type":"response.output_text.delta"}')) is ResponseOutputTextDelta
    audio = decode(text + ',"delta":"AAA=","type":"response.output_audio.delta"}')
    assert isinstance(audio, ResponseOutputAudioDelta)
    assert audio.delta == b"\0\0"
    assert decode(text + ',"type":"unheard.of"}') == UnknownEvent(type="unheard.of")
    assert isinstance(decode(text + ',"type":null}'), MalformedFrame)


@given(st.text().filter(lambda kind: kind not in KNOWN), st.dictionaries(st.text(), VALUES))
def test_unknown_types_pass(kind: str, fields: dict[str, Any]) -> None:
    """Whatever an unknown event holds, it is an unknown event."""
    frame = json.dumps({**fields, "type": kind})
    assert decode(frame) == decode(frame.encode()) == UnknownEvent(type=kind)


@pytest.mark.parametrize(
    "kind",
    [
        "conversation.item.create",
        "response.cancel",
        "session.update",
    ],
)
def test_client_types_are_unknown(kind: str) -> None:
    """What a client sends is no event of the server."""
    assert decode(json.dumps({"type": kind, "delta": 5})) == UnknownEvent(type=kind)


def test_whole_floats_are_integers() -> None:
    """JSON has one kind of number."""
    event = support.sample("input_audio_buffer.speech_started", audio_start_ms=1e3)
    decoded = decode(json.dumps(event))
    assert isinstance(decoded, InputAudioBufferSpeechStarted)
    assert decoded.audio_start_ms == 1000
    assert type(decoded.audio_start_ms) is int


NO_TYPE = "Object missing required field `type`, a string"
TOO_DEEP = b'{"type":"error","x":' + b"[" * 100_000
TEXT_DELTA = json.dumps(support.sample("response.output_text.delta", delta="@"))
AUDIO_DELTA = json.dumps(support.sample("response.output_audio.delta", delta="@"))


@pytest.mark.parametrize(
    ("frame", "reason", "kind"),
    [
        ("", "truncated", None),
        ("hello", "malformed", None),
        ('\ud83d{"type":', "Text has an unpaired surrogate (character 0)", None),
        ('{"type":"unheard.of","x":"\\', "", None),
        (b"\x00\x01\x02", "malformed", None),
        ('{"type":"error"', "truncated", None),
        ('{"type":"error"}{', "trailing characters (byte 17)", None),
        ('{"type":"unheard.of",]', "malformed", None),
        ("5", "Expected `object`, got `int`", None),
        ("null", "Expected `object`, got `null`", None),
        ('["type","error"]', "Expected `object`, got `array`", None),
        ("{}", NO_TYPE, None),
        ('{"type":null}', NO_TYPE, None),
        ('{"type":7}', NO_TYPE, None),
        ('{"a":{"type":"error"}}', NO_TYPE, None),
        ("{'type':'error'}", "malformed", None),
        (TEXT_DELTA.replace('"@"', "true"), "Expected a string - at `$.delta`", None),
        (AUDIO_DELTA, "Invalid base64 encoded string - at `$.delta`", None),
        (b"\xff", "Text is not UTF-8 (byte 0)", None),
        (TOO_DEEP, "nested too deeply", None),
    ],
)
def test_malformed_frames(frame: str | bytes, reason: str, kind: str | None) -> None:
    """Refused with the reason, and the type where the frame has one."""
    decoded = decode(frame)
    assert isinstance(decoded, MalformedFrame)
    assert reason in decoded.reason
    if isinstance(frame, str) and '"type": "response' in frame:
        kind = json.loads(frame)["type"]
    assert decoded.type == kind


def test_reasons_repeat_no_content() -> None:
    """Wherever a secret stands in a frame that is refused, the reason does not tell it."""
    refused = 0
    for event in SAMPLES.values():
        for frame in frames_with(event, "SECRET"):
            decoded = decode(frame)
            if isinstance(decoded, MalformedFrame):
                refused += 1
                assert "SECRET" not in decoded.reason
    assert refused > 500


def frames_with(event: dict[str, Any], secret: str) -> list[str]:
    """Frames with the secret as a value, in an array, as a key and as a broken end of JSON."""
    text = json.dumps(event)
    frames = [text[:at] + secret + text[at:] for at in range(0, len(text), 7)]
    for name in event:
        for value in (secret, [secret], {secret: secret}, [{secret: [secret]}], f"\ud800{secret}"):
            frames.append(json.dumps({**event, name: value}))
            frames.append(json.dumps({**event, name: value}, ensure_ascii=False))
    return frames


@given(st.binary() | st.text() | st.text(st.characters(categories=["Cs", "L", "P"])))
def test_never_raises_on_garbage(frame: bytes | str) -> None:
    """Arbitrary bytes and text are refused, unless by luck they are JSON objects with a type."""
    decoded = decode(frame)
    raw = raw_data(frame)
    if isinstance(decoded, MalformedFrame):
        assert decoded.type is None
    else:
        assert isinstance(raw, dict)
    if isinstance(raw, str):
        assert raw == (frame if isinstance(frame, str) else str(frame, "utf-8", "replace"))


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_never_raises_on_damage(data: st.DataObject, kind: str) -> None:
    """A damaged frame is refused, or else the raw event agrees on what it is."""
    frame = bytearray(json.dumps(SAMPLES[kind]), "utf-8")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2))
    decoded = decode(bytes(frame))
    if isinstance(decoded, SplitText):
        decoded = decoded.event
    if not isinstance(decoded, MalformedFrame):
        raw = raw_data(bytes(frame))
        assert isinstance(raw, dict)
        assert sound_text(raw["type"]) == decoded.type


def test_raw_dict_is_the_whole_frame() -> None:
    """Nothing is left out or changed, audio included."""
    for event in SAMPLES.values():
        assert raw_dict(json.dumps(event)) == raw_dict(json.dumps(event).encode()) == event


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("hello", "malformed"),
        ("[]", "got `array`"),
        (b'{"a":"\xff"}', "Text is not UTF-8"),
        ('{"a":"\ud800"}', "unpaired surrogate"),
        ('{"type":"unheard.of","a":1e999}', "out of range"),
        (TOO_DEEP, "nested too deeply"),
    ],
)
def test_raw_dict_refuses(frame: bytes | str, reason: str) -> None:
    """What is no JSON object, or too big for Python, is a protocol error."""
    with pytest.raises(RealtimeProtocolError, match=reason) as caught:
        raw_dict(frame)
    assert caught.value.__cause__ is None


def test_raw_data_falls_back_to_text() -> None:
    """Where there is no dict, there is the text."""
    assert raw_data('{"a":1}') == {"a": 1}
    assert raw_data("hello") == "hello"
    assert raw_data(b"h\xffllo") == "h\ufffdllo"


def test_error_event_is_an_event() -> None:
    """The server's own errors are decoded like any event."""
    decoded = decode(json.dumps(support.sample("error")))
    assert isinstance(decoded, Error)
    assert decoded.error.event_id == "event_of_client"
