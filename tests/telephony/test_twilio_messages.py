"""Twilio's messages, as its page of formats has them."""

import json
from typing import Any

import pytest

from trio_realtime.telephony.messages import (
    Clear,
    Connected,
    Dtmf,
    Mark,
    Media,
    MediaFormat,
    Start,
    StartBody,
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
    assert decoded.start == StartBody(
        stream_sid=STREAM,
        call_sid="CA1",
        account_sid="AC1",
        tracks=["inbound"],
        media_format=MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1),
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
        '{"event":"start","start":{}}',
        '"\ud800"',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_unknown_or_malformed_is_none(text: str | bytes) -> None:
    """Whatever arrives, nothing is raised."""
    assert decode(text) is None


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
