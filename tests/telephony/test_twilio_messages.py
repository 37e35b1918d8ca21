"""Twilio's messages, as its page of formats has them."""

import json
from typing import Any

import pytest

from trio_realtime import RealtimeProtocolError
from trio_realtime.telephony.call_start import TwilioStart, read_start
from trio_realtime.telephony.messages import (
    Clear,
    Connected,
    Dtmf,
    Mark,
    Media,
    Start,
    Stop,
    decode,
    encode_clear,
    encode_mark,
    encode_media,
)

STREAM = "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"


def test_a_start_says_which_call_it_is() -> None:
    """All of it, custom parameters included."""
    start: dict[str, Any] = {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "AC1",
            "streamSid": STREAM,
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"FirstName": "Jane"},
        },
        "streamSid": STREAM,
    }
    decoded = decode(json.dumps(start))
    assert isinstance(decoded, Start)
    assert read_start(decoded) == TwilioStart(
        stream_sid=STREAM,
        call_sid="CA1",
        account_sid="AC1",
        custom_parameters={"FirstName": "Jane"},
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"event":"connected","protocol":"Call","version":"1.0.0"}', Connected),
        ('{"event":"stop","sequenceNumber":"5","stop":{"callSid":"CA1"}}', Stop),
        ('{"event":"clear","streamSid":"MZ1"}', Clear),
    ],
)
def test_messages_of_which_only_the_kind_matters(text: str, kind: type) -> None:
    """Their bodies may say anything."""
    assert isinstance(decode(text), kind)


def test_what_the_other_messages_carry() -> None:
    """Audio is decoded; keys and marks are names."""
    media = decode(
        '{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2",'
        '"timestamp":"5","payload":"//8A"},"streamSid":"MZ1"}'
    )
    assert isinstance(media, Media)
    assert (media.media.payload, media.media.track) == (b"\xff\xff\x00", "inbound")
    assert media.media.timestamp == "5"
    key = decode('{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"#"}}')
    assert isinstance(key, Dtmf)
    assert key.dtmf.digit == "#"
    mark = decode(b'{"event":"mark","mark":{"name":"my label"}}')
    assert isinstance(mark, Mark)
    assert mark.mark.name == "my label"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "no JSON",
        b"\xff",
        '{"event":"warp"}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"!"}}',
        '{"event":"mark","mark":{"name":1}}',
        '{"event":"start","start":7}',
        '"\ud800"',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_unknown_or_malformed_is_none(text: str | bytes) -> None:
    """Whatever arrives, nothing is raised."""
    assert decode(text) is None


def start_message(beside: dict[str, Any] | None = None, **body: Any) -> Start:
    """A ``start`` message with this body, and these fields beside it."""
    decoded = decode(json.dumps({"event": "start", "start": body, **(beside or {})}))
    assert isinstance(decoded, Start)
    return decoded


@pytest.mark.parametrize(
    "body",
    [
        {"customParameters": None},
        {"customParameters": [1, 2]},
        {"callSid": None, "accountSid": None},
        {"tracks": "inbound"},
        {"tracks": None},
        {"mediaFormat": None},
        {"mediaFormat": {}},
        {"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"}},
        {"mediaFormat": {"encoding": "PCMU", "sampleRate": 8000.0}},
        {"mediaFormat": {"sampleRate": None, "channels": None}},
        {"somethingElse": {"deep": [None]}},
    ],
    ids=repr,
)
def test_what_nobody_needs_does_not_refuse_a_call(body: dict[str, Any]) -> None:
    """Providers that imitate Twilio leave out, write null, and write numbers as text."""
    assert read_start(start_message(streamSid=STREAM, **body)) == TwilioStart(stream_sid=STREAM)


def test_parameters_are_text_whatever_they_were() -> None:
    """Numbers become their digits; what has no value is left out."""
    start = read_start(
        start_message(streamSid="MZ1", customParameters={"a": 5, "b": "x", "c": None, "d": True})
    )
    assert start.custom_parameters == {"a": "5", "b": "x", "d": "true"}


def test_the_stream_is_named_inside_or_beside_the_body() -> None:
    """As in every other message of Twilio's, the id may stand beside it, and may be a number."""
    assert read_start(start_message({"streamSid": "MZ1"})).stream_sid == "MZ1"
    assert read_start(start_message({"streamSid": "MZ2"}, streamSid=7)).stream_sid == "7"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "has no streamSid"),
        ({"streamSid": ""}, "has no streamSid"),
        ({"streamSid": STREAM, "mediaFormat": {"encoding": "audio/l16"}}, "is not mono"),
        ({"streamSid": STREAM, "mediaFormat": {"sampleRate": 16_000}}, "is not mono"),
        ({"streamSid": STREAM, "mediaFormat": {"sampleRate": "16000"}}, "is not mono"),
        ({"streamSid": STREAM, "mediaFormat": {"channels": 2}}, "is not mono"),
    ],
)
def test_a_call_that_cannot_be_conducted_is_refused(body: dict[str, Any], complaint: str) -> None:
    """Without a stream there is nowhere to send; another format would be noise."""
    with pytest.raises(RealtimeProtocolError, match=complaint):
        read_start(start_message(**body))


@pytest.mark.parametrize(
    ("timestamp", "ms"),
    [
        ("5", 5),
        (20, 20),
        ("0", 0),
        (None, None),
        ("", None),
        ("-20", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("٣", None),
        ("9" * 5_000, None),
        (10**30, None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_timestamp_is_a_number_or_nothing(timestamp: object, ms: int | None) -> None:
    """Whatever stands there, the audio of the message is not lost."""
    body = {"payload": "//8A", "timestamp": timestamp}
    media = decode(json.dumps({"event": "media", "media": body}))
    assert media is None or isinstance(media, Media)
    assert (None if media is None else media.media.timestamp_ms) == ms


@pytest.mark.parametrize(
    ("digit", "is_key"),
    [
        *((key, True) for key in "0123456789*#ABCD"),
        ("", False),
        ("12", False),
        ("x" * 33_000, False),
    ],
    ids=lambda value: repr(value)[:6],
)
def test_a_key_is_one_of_sixteen(digit: str, is_key: bool) -> None:
    """Any other text is not what somebody pressed."""
    message = decode(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}))
    assert isinstance(message, Dtmf)
    assert message.dtmf.is_key is is_key


def test_what_is_sent_has_the_published_form() -> None:
    """And nothing else is in it."""
    assert json.loads(encode_media(STREAM, b"\xff\xff\x00")) == {
        "event": "media",
        "streamSid": STREAM,
        "media": {"payload": "//8A"},
    }
    assert json.loads(encode_mark(STREAM, "7")) == {
        "event": "mark",
        "streamSid": STREAM,
        "mark": {"name": "7"},
    }
    assert json.loads(encode_clear(STREAM)) == {"event": "clear", "streamSid": STREAM}
