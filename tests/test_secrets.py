"""What may be shown of URLs, headers and keys: never a part that may be a secret."""

import pytest

from trio_realtime._util.secrets import check_key, shown_headers, shown_url, stray_character
from trio_realtime.errors import UserError

SECRET = "sk-secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://api.test/v1/realtime", "wss://api.test/v1/realtime"),
        ("wss://api.test:8443/v1?key=sk-secret", "wss://api.test:8443/v1"),
        ("wss://api.test/v1#sk-secret", "wss://api.test/v1"),
        ("wss://api.test?sk-secret", "wss://api.test"),
        ("wss://user:sk-secret@api.test/v1", "wss://api.test/v1"),
        ("wss://user:sk-secret/more@api.test/v1", "wss://api.test/v1"),
        ("wss://user:sk-secret@more@api.test/v1", "wss://api.test/v1"),
        ("wss://user:sk-secret?more@api.test/v1", "wss://..."),
        ("wss://user:sk-secret#more@api.test/v1", "wss://..."),
        ("wss://api.test/v1?mail=a@sk-secret", "wss://..."),
        ("https://user:sk-secret@api.test/", "https://api.test/"),
        ("sk-secret", "..."),
        ("sk-secret://api.test/", "..."),
        ("", "..."),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert SECRET not in shown_url(url)


def test_headers_are_shown_by_well_known_names_alone() -> None:
    """Any other name may be a key that was written in its place."""
    headers = {"Authorization": SECRET, "API-Key": SECRET, SECRET: "", f"X: {SECRET}": ""}
    assert shown_headers(headers) == "{'Authorization': ..., 'API-Key': ..., ...: ..., ...: ...}"
    assert shown_headers({"X-Tenant-Name": SECRET}) == "{'X-Tenant-Name': ...}"
    assert SECRET not in shown_headers({f"x-{SECRET}": "", "x-0a1b": ""})
    assert shown_headers({}) == "{}"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sk-secret\n", r"has a line feed \(U\+000A\) at its end"),
        ("sk-secret\r\n", r"has a carriage return \(U\+000D\) at its end"),
        (" sk-secret", r"has a blank at its beginning or end"),
        ("sk-secret ", r"has a blank at its beginning or end"),
        ("sk-secret\t", r"has a tab"),
        ("“sk-secret”", r"has the character U\+201C \(left double quotation mark\) at its beg"),
        ("sk-secret\x00", r"has the character U\+0000 at its end"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_with_its_source(key: str, words: str) -> None:
    with pytest.raises(UserError, match=f"the environment variable KEY {words}") as caught:
        check_key(key, "the environment variable KEY")
    assert "secret" not in str(caught.value)


def test_a_key_that_can_be_sent_stays_as_it_is() -> None:
    assert check_key(SECRET, "api_key") == SECRET
    assert stray_character(SECRET, r"\x21-\x7e") is None
