"""The door of the transports: what is refused before dialling, and which library runs."""

import subprocess
import sys
import traceback
from collections.abc import Generator
from importlib import metadata
from typing import Any

import pytest

from trio_realtime.errors import SettingsError, UserError
from trio_realtime.models.transports import TransportSettings, open_transport
from trio_realtime.models.transports.endings import Ending
from trio_realtime.models.transports.opening import choose, websockets_release
from trio_realtime.models.transports.target import parse_target


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Generator[dict[str, str | None]]:
    """Makes a version of websockets the installed one; None uninstalls it."""
    versions: dict[str, str | None] = {}

    def version(name: str) -> str:
        found = versions[name]
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)
    websockets_release.cache_clear()
    yield versions
    websockets_release.cache_clear()


# -- the URL and the headers -----------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header", "resource"),
    [
        ("wss://api.test/v1/r?model=m", "api.test", 443, "api.test", "/v1/r?model=m"),
        ("WSS://API.test", "api.test", 443, "api.test", "/"),
        ("ws://api.test?x=%20", "api.test", 80, "api.test", "/?x=%20"),
        ("ws://api.test:443/", "api.test", 443, "api.test:443", "/"),
        ("wss://[::1]:8443/", "::1", 8443, "[::1]:8443", "/"),
        ("ws://[::1]/", "::1", 80, "[::1]", "/"),
    ],
)
def test_a_url_is_taken_apart(
    url: str, host: str, port: int, host_header: str, resource: str
) -> None:
    target = parse_target(url, {"A": "b"})
    assert (target.host, target.port, target.host_header, target.resource) == (
        host,
        port,
        host_header,
        resource,
    )
    assert target.headers == (("A", "b"),)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://api.test/", "must begin with wss:// or ws://, not https://"),
        ("api.test", "must begin with"),
        ("wss://", "must name a host"),
        ("wss://api.test:0/", "port other than 0"),
        ("wss://api.test:99999/", "impossible host or port"),
        ("wss://api.test:x/", "impossible host or port"),
        ("wss://[::1/", "impossible host or port"),
        ("wss://user:secret@api.test/", "credentials"),
        ("wss://api.test/#secret", "fragment"),
        ("wss://user:secret/more@api.test/", "impossible host or port"),
        ("wss://user:secret?more@api.test/", "impossible host or port"),
        ("secret://api.test/", "must begin with"),
        ("wss://[secret]/", "impossible host or port"),
        ("wss://api.test/a secret", "percent-encode"),
        ("wss://api.test/\nsecret", "percent-encode"),
        ("wss://äpi.test/", "percent-encode"),
        ("", "percent-encode"),
    ],
)
def test_an_impossible_url_is_refused_without_repeating_it(url: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_transport(url, headers={})
    assert "secret" not in "".join(traceback.format_exception(caught.value, limit=0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "ä"),
        ("Authorization: Bearer secret", ""),
        ("Bearer secret", ""),
        ("", "secret"),
        ("A B", "secret"),
        ("A:", "secret"),
        ("Ä", "secret"),
        ("Host", "secret"),
        ("sec-websocket-protocol", "secret"),
        ("UPGRADE", "secret"),
        ("X", "secret\r\nY: 1"),
        ("X", " secret"),
        ("X", "secret\n"),
        ("X", "secret\0"),
        ("X", "secreü"),
    ],
)
def test_an_impossible_header_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(UserError) as caught:
        open_transport("wss://api.test/", headers={name: value})
    assert "secre" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Authorization": "Bearer s\n"}, "'Authorization' has a line feed .* at its end"),
        (
            {"A": "b", "B": "s\u2019"},
            "header 2 of 2 has the character U.2019 .right single quo",
        ),
        ({"Authorization": "s "}, "'Authorization' has a blank at its beginning or end"),
        ({"A b": "s"}, "the name of header 1 of 1 has a blank"),
        ({"": "s"}, "the name of header 1 of 1 has no characters"),
    ],
)
def test_a_refused_header_is_told_by_its_name_or_number_and_the_stray_character(
    headers: dict[str, str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        open_transport("wss://api.test/", headers=headers)


def test_an_ssl_context_for_a_plain_url_is_refused() -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(UserError, match="only for wss"):
        open_transport("ws://api.test/", headers={}, ssl_context=context)


# -- settings --------------------------------------------------------------------------


def test_the_defaults_of_the_settings() -> None:
    settings = TransportSettings()
    assert settings.close_timeout == 2
    assert settings.max_message_size == 16 * 2**20
    assert TransportSettings(ping_interval=None, ping_timeout=None).ping_interval is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("ping_interval", "ping_timeout", "handshake_timeout", "close_timeout")
        for value in (0, -1, float("nan"), float("inf"), "1", True)
    ]
    + [("handshake_timeout", None), ("close_timeout", None)]
    + [("max_message_size", value) for value in (0, -1, 1.5, "1", None, True)],
)
def test_impossible_settings_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        TransportSettings(**{name: value})
    assert caught.value.path == name


# -- which library ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, "trio-websocket"),
        ("16.1.1", "trio-websocket"),
        ("17.0", "websockets"),
        ("18.1", "websockets"),
        ("unknown", "trio-websocket"),
    ],
)
def test_websockets_is_chosen_where_it_is_new_enough(
    installed: dict[str, str | None], version: str | None, expected: str
) -> None:
    installed["websockets"] = version
    assert choose("auto") == expected
    assert choose("trio-websocket") == "trio-websocket"


@pytest.mark.parametrize("version", [None, "14.2"])
def test_websockets_asked_for_and_not_there(
    installed: dict[str, str | None], version: str | None
) -> None:
    installed["websockets"] = version
    with pytest.raises(UserError, match=r"trio-realtime\[fast\]"):
        open_transport("ws://api.test/", headers={}, kind="websockets")


def test_websockets_of_an_older_release_runs_when_asked_for(
    installed: dict[str, str | None],
) -> None:
    installed["websockets"] = "15.0.1"
    assert choose("websockets") == "websockets"


def test_an_unknown_library_is_refused() -> None:
    kind: Any = "picows"
    with pytest.raises(UserError, match="no transport 'picows'"):
        open_transport("ws://api.test/", headers={}, kind=kind)


def test_importing_the_seam_imports_no_library() -> None:
    code = (
        "import sys, trio_realtime.models.transports;"
        "print([m for m in ('trio_websocket', 'websockets', 'wsproto', 'h11', 'cattrs',"
        " 'urllib.request') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


# -- endings ---------------------------------------------------------------------------


def test_every_fault_has_a_message() -> None:
    assert str(Ending(by="fault", code=1011).error()) == "the connection failed with code 1011"
    assert str(Ending(by="server", code=1008).error()) == (
        "the server closed the connection with code 1008"
    )
