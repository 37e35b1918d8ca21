"""Calls over the REST API: what is asked, what refusals become, and what stays secret."""

import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

import hypercorn.config
import hypercorn.trio
import pytest
import trio
import trio.testing
from support_calls import KEY, RestServer, as_openai_says, httpx, said

from trio_realtime import (
    RealtimeConnectionError,
    RealtimeRequestError,
    RealtimeSessionModelSettings,
    SettingsError,
    UserError,
)
from trio_realtime._version import __version__
from trio_realtime.models.openai.rest.call import Call
from trio_realtime.models.openai.rest.client import KEPT_BODY, OpenAIRestClient

CALL_ID = "rtc_u1_9c65"
PAYLOAD = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief."}

REQUESTS: list[Any] = [
    pytest.param(
        lambda call: call.accept(PAYLOAD),
        lambda openai: openai.realtime.calls.accept(CALL_ID, **PAYLOAD),
        id="accept",
    ),
    pytest.param(
        lambda call: call.reject(486),
        lambda openai: openai.realtime.calls.reject(CALL_ID, status_code=486),
        id="reject",
    ),
    pytest.param(
        lambda call: call.refer("tel:+14155550123"),
        lambda openai: openai.realtime.calls.refer(CALL_ID, target_uri="tel:+14155550123"),
        id="refer",
    ),
    pytest.param(
        lambda call: call.hang_up(),
        lambda openai: openai.realtime.calls.hangup(CALL_ID),
        id="hang_up",
    ),
]


# -- what is asked -------------------------------------------------------------------------------
@pytest.mark.parametrize(("ours", "theirs"), REQUESTS)
async def test_requests_are_those_of_the_openai_package(
    ours: Callable[[Call], Any], theirs: Callable[[Any], object]
) -> None:
    """Method, path and body, for each thing that can be done with a call."""
    server = RestServer()
    async with server.client() as client:
        await ours(Call(client, CALL_ID))
    assert said(server.request) == as_openai_says(theirs)


async def test_requests_show_the_key_and_who_asks() -> None:
    server = RestServer()
    async with server.client() as client:
        await Call(client, CALL_ID).accept(PAYLOAD)
    headers = server.request.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"trio-realtime/{__version__}"


async def test_reject_declines_unless_told_otherwise() -> None:
    server = RestServer()
    async with server.client() as client:
        await Call(client, CALL_ID).reject()
    assert said(server.request)[2] == {"status_code": 603}


async def test_settings_are_accepted_as_well_as_payloads() -> None:
    """Settings become the wire's session object, without trace settings."""
    server = RestServer()
    settings = RealtimeSessionModelSettings(model_name="gpt-realtime-2.1", voice="cedar")
    async with server.client() as client:
        await Call(client, CALL_ID).accept(settings)
    body = said(server.request)[2]
    assert body["type"] == "realtime"
    assert body["model"] == "gpt-realtime-2.1"
    assert body["audio"]["output"]["voice"] == "cedar"
    assert "tracing" not in body


async def test_a_call_id_cannot_lead_elsewhere() -> None:
    """Whatever an id holds stays one segment of the path."""
    server = RestServer()
    async with server.client() as client:
        await Call(client, "../../files?x=1").hang_up()
    path = said(server.request)[1]
    assert path == "/v1/realtime/calls/..%2F..%2Ffiles%3Fx%3D1/hangup"


# -- the door ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda call: call.accept({"instructions": "Hi"}), "wire form"),
        (lambda call: call.accept({"type": "transcription"}), "wire form"),
        (lambda call: call.accept("Hi"), "session: expected a mapping"),
        (lambda call: call.accept({"type": "realtime", "x": {1}}), "JSON"),
        (lambda call: call.accept({"type": "realtime", "x": float("nan")}), "JSON"),
        (lambda call: call.reject(200), "400 to 699"),
        (lambda call: call.reject("486"), "status_code"),
        (lambda call: call.refer("+14155550123"), "tel:, sip: or sips:"),
        (lambda call: call.refer("sip:a@b\r\nEvil: 1"), "tel:, sip: or sips:"),
        (lambda call: call.refer(None), "target_uri"),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(
    wrong: Callable[[Call], Any], complaint: str
) -> None:
    server = RestServer()
    async with server.client() as client:
        with pytest.raises(UserError, match=complaint):
            await wrong(Call(client, CALL_ID))
    assert server.requests == []


@pytest.mark.parametrize("call_id", ["", None, 7])
async def test_a_call_needs_an_id(call_id: Any) -> None:
    async with RestServer().client() as client:
        with pytest.raises(UserError, match="call_id"):
            Call(client, call_id)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"base_url": "api.openai.com/v1"}, "https://"),
        ({"base_url": "ftp://api.openai.com/v1"}, "https://"),
        ({"base_url": "https://api.openai.com/v1?key=hush"}, "query"),
        ({"base_url": "https://user:hush@host/v1"}, "credentials"),
        ({"base_url": 7}, "base_url"),
        ({"timeout": -1.0}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"api_key": 7}, "api_key"),
        ({"headers": {"X-Key": "hush\n"}}, "X-Key"),
    ],
)
def test_a_client_that_cannot_work_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        OpenAIRestClient(**options)
    assert "hush" not in str(caught.value)


async def test_a_client_works_inside_its_block_only() -> None:
    client = OpenAIRestClient(api_key=KEY)
    with pytest.raises(UserError, match="async with"):
        await Call(client, CALL_ID).hang_up()
    async with client:
        with pytest.raises(UserError, match="open already"):
            await client.__aenter__()
    with pytest.raises(UserError, match="async with"):
        await Call(client, CALL_ID).hang_up()


async def test_the_callers_http_client_stays_open() -> None:
    server = RestServer()
    async with httpx.AsyncClient(transport=httpx.MockTransport(server.handle)) as http_client:
        async with OpenAIRestClient(api_key=KEY, http_client=http_client) as client:
            await Call(client, CALL_ID).hang_up()
        assert not http_client.is_closed


async def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(UserError, match=r"trio-realtime\[sip\]"):
        async with OpenAIRestClient(api_key=KEY):
            pass


# -- keys ----------------------------------------------------------------------------------------
async def test_the_key_may_come_from_a_function_at_each_request() -> None:
    keys = iter(["first", "second"])

    async def next_key() -> str:
        await trio.lowlevel.checkpoint()
        return next(keys)

    server = RestServer()
    async with server.client(api_key=next_key) as client:
        await Call(client, CALL_ID).hang_up()
        await Call(client, CALL_ID).hang_up()
    shown = [request.headers["authorization"] for request in server.requests]
    assert shown == ["Bearer first", "Bearer second"]


async def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    server = RestServer()
    async with server.client(api_key=None) as client:
        await Call(client, CALL_ID).hang_up()
    assert server.request.headers["authorization"] == "Bearer sk-env"


async def test_no_key_is_an_error_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = RestServer()
    async with server.client(api_key=None) as client:
        with pytest.raises(UserError, match="OPENAI_API_KEY"):
            await Call(client, CALL_ID).hang_up()
    assert server.requests == []


async def test_a_key_with_a_line_end_is_refused_unshown() -> None:
    """A key read from a file often has one; httpx's own error would show the key."""
    server = RestServer()
    async with server.client(api_key="sk-hush\n") as client:
        with pytest.raises(UserError, match="api_key has a line feed") as caught:
            await Call(client, CALL_ID).hang_up()
    assert "hush" not in str(caught.value)
    assert server.requests == []


async def test_headers_of_the_callers_own_stand_for_themselves() -> None:
    server = RestServer()
    async with server.client(headers={"api-key": "k", "user-agent": "me"}) as client:
        await Call(client, CALL_ID).hang_up()
    headers = server.request.headers
    assert "authorization" not in headers
    assert (headers["api-key"], headers["user-agent"]) == ("k", "me")


async def test_nothing_secret_is_shown() -> None:
    async with RestServer().client(headers={"api-key": "hush"}, api_key="sk-hush") as client:
        call = Call(client, CALL_ID)
        for shown in (repr(client), repr(call), repr(call.model_config())):
            assert "hush" not in shown


# -- answers -------------------------------------------------------------------------------------
REFUSAL = b'{"error": {"message": "Bad key sk-t*", "type": "invalid_request_error", "code": "%s"}}'


async def test_a_refusal_has_status_code_and_body_but_no_message_of_the_servers() -> None:
    body = REFUSAL % b"call_not_found"
    server = RestServer(404, {"X-Request-Id": "req_1"}, body)
    async with server.client() as client:
        with pytest.raises(RealtimeRequestError) as caught:
            await Call(client, CALL_ID).accept(PAYLOAD)
    error = caught.value
    assert str(error) == "accepting the call was refused with 404 (call_not_found)"
    assert (error.status, error.code, error.body) == (404, "call_not_found", body)
    assert error.headers["x-request-id"] == "req_1"
    assert isinstance(error, RealtimeConnectionError)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"error": {"code": null, "type": "server_error"}}', "server_error"),
        (b'{"error": {"code": "Hello, sk-test-secret!"}}', None),
        (b'{"error": {"code": 7}}', None),
        (b'{"error": "no"}', None),
        (b'{"detail": 1}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"", None),
        (b"\xff", None),
    ],
)
async def test_whatever_the_body_of_a_refusal_is(content: bytes, code: str | None) -> None:
    server = RestServer(500, {}, content)
    async with server.client() as client:
        with pytest.raises(RealtimeRequestError, match="refused with 500") as caught:
            await Call(client, CALL_ID).hang_up()
    assert caught.value.code == code
    assert KEY not in str(caught.value)


async def test_of_a_long_body_the_beginning_is_kept() -> None:
    async with RestServer(502, {}, b"x" * 9000).client() as client:
        with pytest.raises(RealtimeRequestError) as caught:
            await Call(client, CALL_ID).hang_up()
    assert caught.value.body == b"x" * KEPT_BODY


async def test_a_redirect_is_a_refusal() -> None:
    """The key is for the server that was named."""
    server = RestServer(307, {"location": "https://elsewhere.example/"})
    async with server.client() as client:
        with pytest.raises(RealtimeRequestError, match="307"):
            await Call(client, CALL_ID).hang_up()
    assert len(server.requests) == 1


async def test_a_failed_request_is_a_connection_error_and_not_tried_again() -> None:
    async def fail(request: Any) -> Any:
        raise httpx.ConnectError("nobody there", request=request)

    server = RestServer(answer=fail)
    async with server.client() as client:
        with pytest.raises(RealtimeConnectionError, match="hanging up: ConnectError") as caught:
            await Call(client, CALL_ID).hang_up()
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert len(server.requests) == 1


async def test_an_answer_that_does_not_come_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def sleep(_request: Any) -> Any:
        await trio.sleep_forever()

    async with RestServer(answer=sleep).client(timeout=7) as client:
        began = trio.current_time()
        with pytest.raises(RealtimeConnectionError, match="hanging up: no answer within 7 s"):
            await Call(client, CALL_ID).hang_up()
        assert trio.current_time() - began == pytest.approx(7)


async def test_a_cancelled_request_leaves_the_client_usable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first = True

    async def answer(_request: Any) -> Any:
        nonlocal first
        if first:
            first = False
            await trio.sleep_forever()
        return httpx.Response(200)

    async with RestServer(answer=answer).client() as client:
        call = Call(client, CALL_ID)
        with trio.move_on_after(1) as scope:
            await call.hang_up()
        assert scope.cancelled_caught
        await call.hang_up()


# -- a session attaches to it --------------------------------------------------------------------
async def test_the_model_config_leads_to_the_same_server_with_the_same_key() -> None:
    async with RestServer().client(base_url="https://eu.api.openai.com/v1/") as client:
        config = Call(client, CALL_ID).model_config(response_timeout=5.0)
    assert config.url == "wss://eu.api.openai.com/v1/realtime"
    assert config.call_id == CALL_ID
    assert config.api_key == KEY
    assert config.response_timeout == 5.0


async def test_a_call_has_its_model_already() -> None:
    async with RestServer().client() as client:
        with pytest.raises(SettingsError, match="model_name"):
            Call(client, CALL_ID).model_config(initial_model_settings={"model_name": "gpt"})


# -- over a network ------------------------------------------------------------------------------
async def test_over_loopback_to_a_server_of_another_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets: two requests over one connection, which is closed with the block."""
    monkeypatch.setenv("NO_PROXY", "*")
    seen: list[tuple[str, bytes, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for change in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{change}.complete"})
            return
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part["body"], part["more_body"]
        seen.append((scope["path"], body, scope["client"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:0"]
    config.loglevel = "ERROR"
    config.graceful_timeout = 0.1
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(
            lambda task_status: hypercorn.trio.serve(app, config, task_status=task_status)
        )
        async with OpenAIRestClient(base_url=f"{binds[0]}/v1", api_key=KEY) as client:
            await Call(client, CALL_ID).refer("sip:agent@example.com")
            await Call(client, CALL_ID).hang_up()
        nursery.cancel_scope.cancel()
    paths = [path for path, _, _ in seen]
    assert paths == [f"/v1/realtime/calls/{CALL_ID}/{verb}" for verb in ("refer", "hangup")]
    assert seen[0][1] == b'{"target_uri":"sip:agent@example.com"}'
    assert seen[0][2] == seen[1][2]


# -- answers without end ---------------------------------------------------------------------------


async def endless() -> AsyncGenerator[bytes]:
    while True:
        await trio.lowlevel.checkpoint()
        yield bytes(65_536)


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    """It costs no more memory than the longest that is possible."""

    async def answer(_request: Any) -> Any:
        return httpx.Response(200, content=endless())

    async with RestServer(answer=answer).client() as client:
        with pytest.raises(RealtimeConnectionError, match="longer than 1048576 bytes"):
            await client.post("/realtime/calls", doing="asking")


async def test_a_refusal_without_end_is_a_refusal() -> None:
    """Its status and its headers are what counts."""

    async def answer(_request: Any) -> Any:
        return httpx.Response(429, headers={"Retry-After": "7"}, content=endless())

    async with RestServer(answer=answer).client() as client:
        with pytest.raises(RealtimeRequestError) as caught:
            await client.post("/realtime/calls", doing="asking")
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "7")
    assert len(caught.value.body) == KEPT_BODY


async def test_answers_are_asked_for_unpacked() -> None:
    """What is packed may have any size unpacked."""
    server = RestServer()
    async with server.client() as client:
        await client.post("/realtime/calls", doing="asking")
    assert server.request.headers["accept-encoding"] == "identity"
