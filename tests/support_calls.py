"""A REST server in memory, which remembers what was asked and answers what the test says."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

import attrs
import pytest

from trio_realtime.models.openai.rest.client import OpenAIRestClient

httpx: Any = pytest.importorskip("httpx")

KEY = "sk-test-secret"


@attrs.define
class RestServer:
    """Answers every request with ``status``, ``headers`` and ``content``, or as ``answer`` does."""

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    content: bytes = b""
    answer: Callable[[Any], Awaitable[Any]] | None = None
    requests: list[Any] = attrs.field(factory=list)

    async def handle(self, request: Any) -> Any:
        self.requests.append(request)
        if self.answer is not None:
            return await self.answer(request)
        return httpx.Response(self.status, headers=self.headers, content=self.content)

    @property
    def request(self) -> Any:
        """The only request there was."""
        (request,) = self.requests
        return request

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncGenerator[OpenAIRestClient]:
        """A client that reaches this server, whatever its base URL."""
        options = {"api_key": KEY, **options}
        transport = httpx.MockTransport(self.handle)
        async with (
            httpx.AsyncClient(transport=transport) as http_client,
            OpenAIRestClient(http_client=http_client, **options) as client,
        ):
            yield client


def form_parts(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The parts of a multipart/form-data body: name -> (content type, content)."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    found = {}
    for part in message.get_payload():
        assert not isinstance(part, str)
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = (part.get_content_type(), part.get_payload(decode=True))
    return found  # type: ignore[return-value]


def said(request: Any) -> tuple[str, str, Any]:
    """What a request says: its method, its path and its body."""
    content_type = request.headers.get("content-type", "")
    body: Any = request.content
    if content_type.startswith("multipart/"):
        parts = form_parts(content_type, body)
        body = {
            name: (kind, json.loads(data) if kind == "application/json" else data)
            for name, (kind, data) in parts.items()
        }
    elif body:
        body = json.loads(body)
    return request.method, request.url.raw_path.decode(), body


def as_openai_says(call: Callable[[Any], object], answer: Any = None) -> tuple[str, str, Any]:
    """The request that the ``openai`` package makes for the same."""
    openai = pytest.importorskip("openai")
    httpx2 = pytest.importorskip("httpx2")
    asked: list[Any] = []

    def handle(request: Any) -> Any:
        request.read()
        asked.append(request)
        return httpx2.Response(200, json=answer or {})

    with (
        httpx2.Client(transport=httpx2.MockTransport(handle)) as http_client,
        openai.OpenAI(api_key=KEY, http_client=http_client) as client,
    ):
        call(client)
    (request,) = asked
    return said(request)
