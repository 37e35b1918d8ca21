"""Answers phone calls: a webhook comes, the call is accepted, an agent talks, and hangs up.

With OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET set it serves webhooks on port 8000 (or PORT), which a
public HTTPS URL has to lead to; otherwise it answers one call from stand-ins on this machine.
Needs httpx and hypercorn: pip install "trio-realtime[sip]" "hypercorn[trio]"
"""

# pyright: basic
# hypercorn is typed in parts only.

import os
from collections.abc import Callable
from typing import Any

import attrs
import hypercorn.config
import hypercorn.trio
import trio

from trio_realtime import (
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeRunner,
    RunContext,
    TrioRealtimeError,
    WebhookReplayError,
    WebhookVerificationError,
    function_tool,
)
from trio_realtime.calls import Call, IncomingCall, OpenAIRestClient, WebhookVerifier

MODEL = "gpt-realtime-2.1"


@function_tool
def opening_hours() -> str:
    """When the shop is open."""
    return "Monday to Saturday, 9 to 18 o'clock"


@function_tool
async def hang_up(ctx: RunContext[Call]) -> str:
    """End the call, after the caller has said goodbye."""
    await ctx.context.hang_up()
    return "The call is over."


AGENT = RealtimeAgent[Call](
    "Receptionist",
    instructions="You answer the phone of a bicycle shop. Be brief, and say goodbye at the end.",
    tools=[opening_hours, hang_up],
)


@attrs.define
class Reception:
    """Takes webhooks, and runs a session for each call. What is about calls is all in here."""

    nursery: trio.Nursery
    client: OpenAIRestClient
    verifier: WebhookVerifier
    runner: RealtimeRunner[Call] = attrs.field(
        factory=lambda: RealtimeRunner(AGENT, model=OpenAIRealtimeSIPModel())
    )
    model_config: dict[str, Any] = attrs.field(factory=dict[str, Any])

    def take(self, request: "Request") -> int:
        """A request came to the webhook's URL. The HTTP status it is to be answered with."""
        try:
            incoming = self.verifier.incoming_call(request.body, request.headers)
        except WebhookReplayError:
            return 200
        except WebhookVerificationError as exc:
            print(f"refused: {exc}")
            return 400
        if incoming is not None:
            # OpenAI waits for the answer to its webhook, so the call gets a task of its own.
            self.nursery.start_soon(self.answer, incoming)
        return 200

    async def answer(self, incoming: IncomingCall) -> None:
        """Accept the call and talk until it is over. One bad call does not end the others."""
        try:
            await self.talk(Call(self.client, incoming.call_id))
        except TrioRealtimeError as exc:
            print(f"the call {incoming.call_id} failed: {exc}")

    async def talk(self, call: Call) -> None:
        """One call, from ringing to hanging up."""
        payload = await OpenAIRealtimeSIPModel.build_initial_session_payload(
            AGENT, context=call, overrides={"model_name": MODEL}
        )
        await call.accept(payload)
        print(f"accepted {call.call_id}")
        session = await self.runner.run(
            context=call, model_config=call.model_config(**self.model_config)
        )
        async with session:
            await session.create_response(instructions="Greet the caller.")
            async for event in session:
                if event.type == "tool_start":
                    print(f"the model calls {event.tool.name}")
                elif event.type == "error":
                    print(f"error: {event.error}")
        for item in session.history:
            if item.type == "message":
                print(f"{item.role}: {[getattr(part, 'transcript', '') for part in item.content]}")
        print(f"{call.call_id} is over")


@attrs.frozen
class Request:
    """An HTTP request."""

    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def serve(
    handle: Callable[[Request], int],
    port: int = 0,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer POSTs with the status that ``handle`` gives; ``nursery.start`` returns the URL.

    The least there is: an ASGI application on hypercorn. Any framework that runs on Trio will do.
    """

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
        status = 405
        if scope["method"] == "POST":
            status = handle(Request(scope["path"], scope["headers"], body))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    config.graceful_timeout = 0.1
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(
            lambda task_status: hypercorn.trio.serve(app, config, task_status=task_status)
        )
        task_status.started(binds[0])


async def answer_the_phone() -> None:
    """The real thing."""
    async with OpenAIRestClient() as client, trio.open_nursery() as nursery:
        reception = Reception(nursery, client, WebhookVerifier())
        url = await nursery.start(serve, reception.take, int(os.environ.get("PORT", "8000")))
        print(f"waiting for webhooks at {url}")


async def answer_a_stand_in() -> None:
    """One call, from and to this machine."""
    from sip_stand_in import SECRET, StandIn

    async with (
        trio.open_nursery() as nursery,
        StandIn.serving(serve) as openai,
        OpenAIRestClient(base_url=openai.base_url, api_key="sk-any") as client,
    ):
        async with trio.open_nursery() as calls:
            reach = {"url": openai.realtime_url}
            reception = Reception(calls, client, WebhookVerifier(SECRET), model_config=reach)
            await openai.ring(await nursery.start(serve, reception.take))
            await openai.call_over.wait()
        nursery.cancel_scope.cancel()


async def main() -> None:
    if os.environ.get("OPENAI_API_KEY") and os.environ.get("OPENAI_WEBHOOK_SECRET"):
        await answer_the_phone()
    else:
        await answer_a_stand_in()


if __name__ == "__main__":
    trio.run(main)
