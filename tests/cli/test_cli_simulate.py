"""`trio-realtime simulate` and `trio-realtime doctor`."""

import re
import socket
from pathlib import Path

import pytest
import trio
import trustme
from support_cli import run_main

from trio_realtime.cli import main
from trio_realtime.cli.arguments import parse
from trio_realtime.cli.simulate import simulate

Capture = pytest.CaptureFixture[str]


async def test_other_clients_can_talk_to_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    nursery.start_soon(simulate, parse(["simulate", "--key", "sk-own", "--pace", "1000"]))
    await trio.testing.wait_all_tasks_blocked()
    out = capsys.readouterr().out
    url = re.search(r"at (ws://127\.0\.0\.1:\d+/v1/realtime) until Ctrl-C", out)
    assert url is not None
    assert await run_main("talk", "--url", url[1], "--text", "Hello") == 0
    out = capsys.readouterr().out
    assert "session 1 began\n" in out
    assert "agent  You wrote: Hello\n" in out
    monkeypatch.delenv("OPENAI_API_KEY")
    assert await run_main("talk", "--url", url[1], "--text", "Hello") == 1
    nursery.cancel_scope.cancel()


async def test_it_serves_over_tls(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """With a certificate of the caller's; clients that ask for TLS always are served too."""
    authority = trustme.CA()
    certificate, trusted = tmp_path / "served.pem", tmp_path / "trusted.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    nursery.start_soon(simulate, parse(["simulate", "--tls", str(certificate), "--pace", "1000"]))
    await trio.testing.wait_all_tasks_blocked()
    url = re.search(r"at (wss://127\.0\.0\.1:\d+/v1/realtime) until", capsys.readouterr().out)
    assert url is not None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    assert await run_main("talk", "--url", url[1], "--text", "Hello") == 0
    assert "agent  You wrote: Hello\n" in capsys.readouterr().out
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_is_none(content: str | None, capsys: Capture, tmp_path: Path) -> None:
    """A file that is missing, or holds something else: one line says so."""
    certificate = tmp_path / "served.pem"
    if content is not None:
        certificate.write_text(content)
    assert main(["simulate", "--tls", str(certificate)]) == 1
    assert f"cannot use {certificate} for TLS: it must be a PEM file" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["simulate", "--port", str(port)]) == 1
    err = capsys.readouterr().err
    assert err == f"trio-realtime: cannot listen at 127.0.0.1:{port}: Address already in use\n"


def test_doctor_never_shows_the_key(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["doctor"]) == 0
    assert "OPENAI_API_KEY is not set" in capsys.readouterr().out
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "OPENAI_API_KEY is set" in out
    assert "sk-secret" not in out


def test_doctor_says_what_is_missing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        if name == "soxr":
            from importlib.metadata import PackageNotFoundError

            raise PackageNotFoundError(name)
        return "1.2"

    monkeypatch.setattr("trio_realtime.cli.doctor.metadata.version", find)
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "[talk]          missing soxr" in lines
    assert "[mcp]           mcp 1.2" in lines
    assert "sound           --mic needs sounddevice: pip install 'trio-realtime[audio]'" in lines


def test_doctor_names_the_devices(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        def describe(self) -> str:
            return "microphone 'm', speaker 's'"

    monkeypatch.setattr("trio_realtime.cli.sound_card.find_sound_card", Card)
    assert main(["doctor"]) == 0
    assert "sound           microphone 'm', speaker 's'\n" in capsys.readouterr().out
