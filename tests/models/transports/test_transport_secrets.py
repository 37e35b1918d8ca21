"""No log record, whatever its logger and level, holds a key or what was said."""

import logging
from collections.abc import Generator
from contextlib import suppress

import pytest
import trio
import trio_websocket
from support_transports import each_kind

from trio_realtime.errors import RealtimeHandshakeError, UserError
from trio_realtime.models.transports import TransportKind, open_transport

pytestmark = each_kind

SECRET = "sk-secret"
SPOKEN = "said in confidence"


class Records(logging.Handler):
    """Keeps every record as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r} {record.exc_info!r}")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Generator[Records]:
    """Everything that any logger says at any level."""
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    handler = Records()
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    loggers = [logging.root, logging.getLogger("trio-websocket"), *known]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


async def greet(request: trio_websocket.WebSocketRequest) -> None:
    """Refuse the path /refused; otherwise echo one message and close."""
    if request.path.startswith("/refused"):
        await request.reject(401, body=SECRET.encode())
        return
    connection = await request.accept()
    with suppress(trio_websocket.ConnectionClosed):
        await connection.send_message(await connection.get_message())
        await connection.aclose(4000, SPOKEN)


async def test_a_connection_and_a_refusal_log_no_secret(
    kind: TransportKind, records: Records
) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "X-Own": SECRET}
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: trio_websocket.serve_websocket(
                greet, "127.0.0.1", 0, None, task_status=task_status
            )
        )
        host = f"ws://127.0.0.1:{server.port}"
        async with open_transport(
            f"{host}/v1?key={SECRET}", headers=headers, kind=kind
        ) as transport:
            await transport.send([SPOKEN])
            assert len(await transport.receive()) == 1
        with pytest.raises(RealtimeHandshakeError):
            async with open_transport(f"{host}/refused?{SECRET}", headers=headers, kind=kind):
                raise AssertionError("never opened")
        nursery.cancel_scope.cancel()
    assert records.lines  # the server's own, at least
    assert not [line for line in records.lines if SECRET in line or SPOKEN in line]


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (f"ws://user:{SECRET}@api.test/", {}),
        (f"ws://user:{SECRET}/more@api.test/", {}),
        (f"ws://api.test/#{SECRET}", {}),
        ("ws://api.test/", {f"Bearer {SECRET}": ""}),
        ("ws://api.test/", {SECRET: "ä"}),
    ],
)
async def test_what_is_refused_at_the_door_logs_no_secret(
    kind: TransportKind, records: Records, url: str, headers: dict[str, str]
) -> None:
    with pytest.raises(UserError) as caught:
        open_transport(url, headers=headers, kind=kind)
    assert SECRET not in str(caught.value)
    assert not [line for line in records.lines if SECRET in line]
