"""Where `talk` connects."""

import pytest

from trio_realtime.cli.arguments import Options
from trio_realtime.cli.servers import SIMULATOR_PACE, open_server


def talk_options(**given: object) -> Options:
    return Options(command="talk", **given)  # type: ignore[arg-type]


async def test_with_a_key_it_is_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    async with open_server(talk_options()) as server:
        assert (server.model_config, server.pace, server.notice) == ({}, 1.0, None)


async def test_a_url_is_taken_with_and_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    options = talk_options(url="ws://x/", pace=3.0)
    async with open_server(options) as server:
        assert server.model_config == {"url": "ws://x/", "headers": {}}
        assert (server.pace, server.notice) == (3.0, None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    async with open_server(options) as server:
        assert server.model_config == {"url": "ws://x/"}


async def test_without_a_key_it_is_the_simulator_on_the_loopback_interface() -> None:
    async with open_server(talk_options()) as server:
        assert server.model_config["url"].startswith("ws://127.0.0.1:")
        assert server.pace == SIMULATOR_PACE
        assert server.notice is not None
        assert "OPENAI_API_KEY is not set" in server.notice


async def test_the_simulator_asked_for_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    async with open_server(talk_options(simulate=True)) as server:
        assert server.model_config["headers"] == {}
        assert server.notice == (
            "Talking to the built-in simulator, which does not understand speech."
        )
