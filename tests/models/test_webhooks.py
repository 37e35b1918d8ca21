"""Webhooks: only genuine ones pass, each once, and what they say of a call."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime import (
    RealtimeProtocolError,
    UserError,
    WebhookReplayError,
    WebhookVerificationError,
)
from trio_realtime.models.openai.rest import webhooks
from trio_realtime.models.openai.rest.webhooks import (
    IncomingCall,
    WebhookVerifier,
    parse_incoming_call,
    sign_webhook,
    verify_webhook,
)

SECRET = "whsec_" + base64.b64encode(b"a secret of some bytes").decode()
NOW = 1_750_287_078
EVENT = {
    "object": "event",
    "id": "evt_685343a1381c819085d44c354e1b330e",
    "type": "realtime.call.incoming",
    "created_at": 1_750_287_018,
    "data": {
        "call_id": "rtc_u1_9c65",
        "sip_headers": [
            {"name": "From", "value": "sip:+142555512112@sip.example.com"},
            {"name": "To", "value": "sip:+18005551212@sip.example.com"},
            {"name": "X-Empty", "value": ""},
            {"name": "from", "value": "sip:second@example.com"},
        ],
        "sip_media_security": "srtp",
    },
}
BODY = json.dumps(EVENT).encode()


def signed(body: bytes | str = BODY, **changes: Any) -> dict[str, str]:
    """The headers of a genuine webhook, sent now."""
    about = {"secret": SECRET, "webhook_id": "wh_1", "timestamp": NOW, **changes}
    return sign_webhook(body, **about)


def verify(body: bytes | str, headers: webhooks.Headers, **options: Any) -> str:
    return verify_webhook(body, headers, **{"secret": SECRET, "now": NOW, **options})


# -- signatures ----------------------------------------------------------------------------------
def test_the_example_of_the_scheme() -> None:
    """The vector that the Standard Webhooks libraries share."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = '{"test": 2432232314}'
    assert verify_webhook(body, headers, secret=secret, now=1614265330.0) == headers["webhook-id"]


def test_signing_follows_the_scheme() -> None:
    """Against the formula, spelt out."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, b"wh_1.1750287078." + BODY, hashlib.sha256).digest()
    assert signed() == {
        "webhook-id": "wh_1",
        "webhook-timestamp": "1750287078",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda headers: headers, id="mapping"),
        pytest.param(
            lambda headers: {name.title(): value for name, value in headers.items()}, id="cased"
        ),
        pytest.param(lambda headers: list(headers.items()), id="pairs"),
        pytest.param(
            lambda headers: [
                (b"Host", b"\xff"),
                *((name.upper().encode(), value.encode()) for name, value in headers.items()),
            ],
            id="bytes",
        ),
    ],
)
def test_headers_come_in_any_form(form: Any) -> None:
    assert verify(BODY, form(signed())) == "wh_1"


def test_a_body_may_be_text() -> None:
    assert verify(BODY.decode(), signed()) == "wh_1"
    assert verify("né", signed("né".encode())) == "wh_1"


def test_a_body_need_not_be_text() -> None:
    assert verify(b"\xff\x00", signed(b"\xff\x00")) == "wh_1"


def test_a_secret_without_prefix_is_the_key_itself() -> None:
    assert verify(BODY, signed(secret="plain"), secret="plain") == "wh_1"


def test_one_of_several_signatures_is_enough() -> None:
    """OpenAI signs with both secrets while one replaces another."""
    other = signed(secret="whsec_b3RoZXI=")["webhook-signature"]
    headers = signed()
    headers["webhook-signature"] = f"v1a,x {other} {headers['webhook-signature']}"
    assert verify(BODY, headers) == "wh_1"


def test_one_of_several_secrets_is_enough() -> None:
    assert verify(BODY, signed(), secret=["whsec_b3RoZXI=", SECRET]) == "wh_1"


def _with(**changes: str | None) -> dict[str, str]:
    named = {f"webhook-{name}": value for name, value in changes.items()}
    return {name: value for name, value in {**signed(), **named}.items() if value is not None}


@pytest.mark.parametrize(
    ("body", "headers", "complaint"),
    [
        pytest.param(BODY + b" ", signed(), "does not match", id="body"),
        pytest.param(BODY, _with(id="wh_2"), "does not match", id="id"),
        pytest.param(BODY, _with(timestamp=str(NOW + 1)), "does not match", id="time"),
        pytest.param(BODY, signed(secret="other"), "does not match", id="secret"),
        pytest.param(BODY, _with(signature="v1,"), "does not match", id="empty"),
        pytest.param(BODY, _with(signature="v1,\xe9\udcff"), "does not match", id="not-ascii"),
        pytest.param(BODY, _with(signature=" "), "does not match", id="blank"),
        pytest.param(
            BODY,
            _with(signature=signed()["webhook-signature"].replace("v1,", "v2,")),
            "does not match",
            id="version",
        ),
        pytest.param(
            BODY,
            _with(signature=signed()["webhook-signature"].removeprefix("v1,")),
            "does not match",
            id="no-version",
        ),
        pytest.param(BODY, _with(signature=None), "no header webhook-signature", id="unsigned"),
        pytest.param(BODY, _with(timestamp=None), "no header webhook-timestamp", id="no-time"),
        pytest.param(BODY, _with(id=""), "no header webhook-id", id="no-id"),
        pytest.param(BODY, _with(timestamp="soon"), "not a number", id="not-a-time"),
        pytest.param(BODY, _with(timestamp="-1"), "not a number", id="negative"),
        pytest.param(BODY, _with(timestamp="٣"), "not a number", id="other-digits"),
        pytest.param(
            BODY, [*signed().items(), ("Webhook-Id", "wh_2")], "two headers webhook-id", id="twice"
        ),
    ],
)
def test_anything_else_is_refused(body: bytes, headers: Any, complaint: str) -> None:
    with pytest.raises(WebhookVerificationError, match=complaint) as caught:
        verify(body, headers)
    assert "whsec_" not in str(caught.value)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_within_the_tolerance(age: int) -> None:
    assert verify(BODY, signed(), now=NOW + age) == "wh_1"


@pytest.mark.parametrize(("age", "complaint"), [(300.5, "too old"), (-300.5, "from the future")])
def test_beyond_the_tolerance(age: float, complaint: str) -> None:
    with pytest.raises(WebhookVerificationError, match=complaint):
        verify(BODY, signed(), now=NOW + age)


def test_the_tolerance_can_be_set_and_the_clock_is_the_systems() -> None:
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify(BODY, signed(), now=NOW + 11, tolerance=10)
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify_webhook(BODY, signed(), secret=SECRET)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair goes through `hmac.compare_digest`, a match not ending it."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(expected: bytes, offered: bytes) -> bool:
        compared.append((expected, offered))
        return expected == offered

    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = signed()
    headers["webhook-signature"] += " v1,AAAA"
    verify(BODY, headers, secret=[SECRET, "other"])
    assert len(compared) == 4


@pytest.mark.parametrize("secret", ["", [], [""], "whsec_", "whsec_not*base64", "whsec_\xe9"])
def test_a_secret_that_is_none(secret: Any) -> None:
    with pytest.raises(UserError, match="webhook secret"):
        verify(BODY, signed(), secret=secret)


def test_a_secret_of_the_wrong_type() -> None:
    with pytest.raises(UserError, match="secret: expected a string, got bytes"):
        WebhookVerifier([b"hush"])  # type: ignore[list-item]


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    assert verify(BODY, signed(), secret=None) == "wh_1"
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET")
    with pytest.raises(UserError, match="OPENAI_WEBHOOK_SECRET"):
        verify(BODY, signed(), secret=None)


# -- against the openai package ------------------------------------------------------------------
def openai_accepts(body: bytes, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    openai: Any = pytest.importorskip("openai")
    checker: Any = pytest.importorskip("openai.lib._webhooks")
    monkeypatch.setattr(checker.time, "time", lambda: NOW)
    with openai.OpenAI(api_key="sk-test", webhook_secret=SECRET) as client:
        try:
            client.webhooks.verify_signature(body, headers)
        except (openai.InvalidWebhookSignatureError, ValueError):
            return False
    return True


def accepts(body: bytes, headers: dict[str, str]) -> bool:
    try:
        verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@given(
    body=st.text(st.characters(codec="utf-8")),
    webhook_id=st.text("abcdefwh_.0123", min_size=1),
    age=st.sampled_from([0, 299, 300, 301, -300, -301]),
    secret=st.sampled_from([SECRET, "other"]),
    spoilt=st.sampled_from(["nothing", "body", "id", "timestamp", "signature", "missing"]),
    more=st.lists(st.sampled_from(["v1,AAAA", "v2,AAAA", "v1a,x", "v1,"])),
)
@settings(max_examples=60, deadline=None)
def test_both_judge_alike(
    *, body: str, webhook_id: str, age: int, secret: str, spoilt: str, more: list[str]
) -> None:
    """Genuine, spoilt, old and early ones: what we take the ``openai`` package takes."""
    headers = signed(body, webhook_id=webhook_id, timestamp=NOW - age, secret=secret)
    headers["webhook-signature"] = " ".join([*more, headers["webhook-signature"]])
    if spoilt == "missing":
        del headers["webhook-id"]
    elif spoilt == "body":
        body += " "
    elif spoilt != "nothing":
        headers[f"webhook-{spoilt}"] += "0"
    with pytest.MonkeyPatch.context() as monkeypatch:
        theirs = openai_accepts(body.encode(), headers, monkeypatch)
    assert accepts(body.encode(), headers) == theirs
    assert theirs == (spoilt == "nothing" and secret == SECRET and abs(age) <= 300)


# -- each once -----------------------------------------------------------------------------------
class Clock:
    """Unix time, by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


def test_a_replayed_webhook_is_refused_as_long_as_it_would_pass() -> None:
    clock = Clock()
    verifier = WebhookVerifier(SECRET, clock=clock)
    assert verifier.verify(BODY, signed(timestamp=NOW + 300)) == "wh_1"
    clock.now = NOW + 600
    with pytest.raises(WebhookReplayError):
        verifier.verify(BODY, signed(timestamp=NOW + 300))
    clock.now = NOW + 600.1
    with pytest.raises(WebhookVerificationError, match="too old"):
        verifier.verify(BODY, signed(timestamp=NOW + 300))


def test_a_repeated_delivery_is_known_and_cannot_be_replayed_either() -> None:
    """OpenAI repeats with the same id and a new time, which counts from then on."""
    clock = Clock()
    verifier = WebhookVerifier(SECRET, clock=clock)
    verifier.verify(BODY, signed())
    clock.now = NOW + 250
    again = signed(timestamp=NOW + 250)
    with pytest.raises(WebhookReplayError):
        verifier.verify(BODY, again)
    clock.now = NOW + 500
    with pytest.raises(WebhookReplayError):
        verifier.verify(BODY, again)


def test_a_forged_webhook_does_not_use_up_an_id() -> None:
    verifier = WebhookVerifier(SECRET, clock=Clock())
    with pytest.raises(WebhookVerificationError, match="does not match"):
        verifier.verify(BODY + b" ", signed())
    assert verifier.verify(BODY, signed()) == "wh_1"


def test_a_webhook_that_could_not_be_handled_may_come_again() -> None:
    verifier = WebhookVerifier(SECRET, clock=Clock())
    verifier.forget(verifier.verify(BODY, signed()))
    verifier.forget("wh_never_seen")
    assert verifier.verify(BODY, signed()) == "wh_1"


def test_ids_are_forgotten_when_they_could_not_pass_again() -> None:
    """Memory is bounded by what comes in two tolerances."""
    clock = Clock()
    verifier = WebhookVerifier(SECRET, tolerance=60, clock=clock)
    for number in range(100):
        clock.now = NOW + 10 * number
        verifier.verify(BODY, signed(webhook_id=f"wh_{number}", timestamp=int(clock.now)))
    assert len(verifier._seen) == 7
    assert "whsec_" not in repr(verifier)
    assert "secret of" not in repr(verifier)


# -- what they say -------------------------------------------------------------------------------
def test_an_incoming_call() -> None:
    call = WebhookVerifier(SECRET, clock=Clock()).incoming_call(BODY, signed())
    assert call == IncomingCall(
        call_id="rtc_u1_9c65",
        sip_headers=(
            ("From", "sip:+142555512112@sip.example.com"),
            ("To", "sip:+18005551212@sip.example.com"),
            ("X-Empty", ""),
            ("from", "sip:second@example.com"),
        ),
        media_security="srtp",
        event_id="evt_685343a1381c819085d44c354e1b330e",
        created_at=1_750_287_018,
    )
    assert call is not None
    assert call.header("FROM") == "sip:+142555512112@sip.example.com"
    assert call.header("x-empty") == ""
    assert call.header("Via") is None
    assert "+1" not in repr(call)


def test_the_example_is_one_of_the_openai_package() -> None:
    """Our sample event is valid there, so the field names are right."""
    types: Any = pytest.importorskip("openai.types.webhooks")
    event = types.RealtimeCallIncomingWebhookEvent.model_validate(EVENT)
    assert event.data.call_id == "rtc_u1_9c65"
    assert not event.model_extra
    assert not event.data.model_extra


def test_an_unverified_body_is_not_parsed() -> None:
    verifier = WebhookVerifier(SECRET, clock=Clock())
    with pytest.raises(WebhookVerificationError):
        verifier.incoming_call(b"not JSON", {})


def test_other_webhooks_are_no_calls() -> None:
    assert parse_incoming_call('{"type": "batch.completed", "data": {"id": "batch_1"}}') is None


def test_little_is_needed_of_a_call() -> None:
    body = {"type": "realtime.call.incoming", "data": {"call_id": "rtc_1", "sip_headers": None}}
    assert parse_incoming_call(json.dumps(body)) == IncomingCall(call_id="rtc_1")


@pytest.mark.parametrize(
    "body",
    [
        b"not JSON",
        b"\xff",
        b"[]",
        b"{}",
        b'{"type": "realtime.call.incoming"}',
        b'{"type": "realtime.call.incoming", "data": {"sip_headers": []}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": ""}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": 7}}',
        b'{"type": "realtime.call.incoming", "data": []}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": "a", "sip_headers": [7]}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": "a", "sip_headers": [{}]}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": "a", "sip_media_security": 1}}',
        b'{"type": "realtime.call.incoming", "created_at": "x", "data": {"call_id": "a"}}',
        b'{"type": "realtime.call.incoming", "id": 1, "data": {"call_id": "a"}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": "a", "sip_headers": [{}, 1]}}',
    ],
)
def test_a_malformed_webhook_is_one_error(body: bytes) -> None:
    with pytest.raises(RealtimeProtocolError, match="webhook is malformed"):
        parse_incoming_call(body)
