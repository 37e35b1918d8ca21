"""Requests are known to be Twilio's by their signature."""

import pytest

from trio_realtime import UserError
from trio_realtime.telephony.twilio import is_from_twilio, sign_as_twilio

FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+12349013030",
    "Digits": "1234",
    "From": "+12349013030",
    "To": "+18005551212",
}
WEBHOOK = "https://mycompany.com/myapp.php?foo=1&bar=2"
STREAM = "wss://phone.example/calls"


def test_the_published_example_is_signed_as_published() -> None:
    """The request, token and signature of Twilio's page "Webhooks Security"."""
    assert sign_as_twilio("12345", WEBHOOK, FORM) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    assert is_from_twilio("12345", WEBHOOK, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", FORM)


@pytest.mark.parametrize(
    ("token", "url", "form"),
    [
        ("54321", WEBHOOK, FORM),
        ("12345", WEBHOOK + "3", FORM),
        ("12345", WEBHOOK, {**FORM, "Digits": "1235"}),
        ("12345", WEBHOOK, None),
        ("12345", WEBHOOK.replace("https", "http"), FORM),
    ],
)
def test_what_differs_in_anything_is_not_twilio_s(
    token: str, url: str, form: dict[str, str] | None
) -> None:
    """Another account, another URL, another form."""
    signature = sign_as_twilio("12345", WEBHOOK, FORM)
    assert not is_from_twilio(token, url, signature, form)


@pytest.mark.parametrize(
    "signed",
    [STREAM, STREAM + "/", "wss://phone.example:443/calls", "wss://phone.example:443/calls/"],
)
def test_a_stream_may_be_signed_with_its_port_or_a_slash(signed: str) -> None:
    """Twilio signs the URL as one part of it or another wrote it."""
    signature = sign_as_twilio("t", signed)
    assert is_from_twilio("t", STREAM, signature)
    assert is_from_twilio("t", "wss://phone.example:443/calls", signature.encode())
    assert not is_from_twilio("t", "wss://phone.example:8443/calls", signature)


@pytest.mark.parametrize("signature", [None, "", b"", "x", "é"])
def test_no_signature_is_no_proof(signature: str | bytes | None) -> None:
    """Missing, empty, or not even in base64."""
    assert not is_from_twilio("t", STREAM, signature)


def test_a_value_that_comes_twice_is_signed_once() -> None:
    """A field of a form may have several values, which are signed in order without doubles."""
    once = sign_as_twilio("t", WEBHOOK, {"a": ["1", "2"]})
    assert is_from_twilio("t", WEBHOOK, once, {"a": ["2", "1", "2"]})


def test_an_empty_token_is_refused() -> None:
    """Anybody could sign with it."""
    with pytest.raises(UserError, match="auth_token is empty"):
        is_from_twilio("", STREAM, "x")
