"""An application that does random things, in a session with a stand-in over a real WebSocket.

`Case.run` is one story from the first frame to the last task, with everything that must hold of it.
"""

import importlib
import json
import math
from collections import Counter
from contextlib import suppress
from random import Random
from typing import Any, Final

import attrs
import trio
import trio.testing
from support_damage import Damage, Message
from support_stand_in import StandIn
from support_transports import BINARY, CLOSE, PING, PONG, TEXT, Peer, Scripted, close_frame, frame

from trio_realtime import (
    FunctionTool,
    GuardrailFunctionOutput,
    InputGuardrail,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    ToolContext,
)
from trio_realtime.errors import (
    ModelBehaviorError,
    RealtimeConnectionError,
    RealtimeSessionClosed,
    TrioRealtimeError,
    UserError,
)
from trio_realtime.models.events import RealtimeServerError
from trio_realtime.models.transports import TransportKind

BOUND: Final = 15.0
"""Seconds that leaving a session may take: its close timeout, the writer's and the goodbye's."""

PATIENCE: Final = 600.0
"""Seconds within which a good turn is taken: all that the session waits for on the way."""


_RUN: Final[Any] = importlib.import_module("trio._core._run")


class ApplicationError(Exception):
    """Raised by the application, and nobody else's business."""


@attrs.define(eq=False)
class Wire:
    """The stand-in at the other end of a stream."""

    random: Random
    server: StandIn
    damage: Damage
    over: trio.Event = attrs.field(factory=trio.Event)
    """The client has closed, or the stream is gone."""
    peer: Peer | None = None
    _news: trio.Event = attrs.field(factory=trio.Event)
    _writing: trio.Lock = attrs.field(factory=trio.Lock)

    async def serve(self, peer: Peer) -> None:
        self.peer = peer
        await peer.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell)
            await self._listen(peer)
            self.over.set()
            nursery.cancel_scope.cancel()

    async def _listen(self, peer: Peer) -> None:
        with suppress(EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
            while (received := await peer.read()).opcode != CLOSE:
                if received.opcode == TEXT:
                    self.server.hears(json.loads(received.payload))
                    self._news.set()
                elif received.opcode == PING:
                    await self._write(frame(PONG, received.payload))
            await self._write(frame(CLOSE, received.payload))
            await peer.stream.aclose()

    async def _tell(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                server_frame = self.server.tells()
                if server_frame is None:
                    self._news = trio.Event()
                    await self._news.wait()
                    continue
                for message in self._arriving(server_frame):
                    await self.send(message)
                await trio.sleep(self.random.choice([0, 0, 0.01, 0.2]))

    def _arriving(self, server_frame: dict[str, Any]) -> list[Message]:
        if self.server.calm:
            return [*self.damage.rest(), json.dumps(server_frame)]
        return list(self.damage.of(server_frame))

    async def send(self, message: Message) -> None:
        if isinstance(message, str):
            await self._write(frame(TEXT, message.encode()))
        else:
            await self._write(frame(BINARY, message))

    async def _write(self, data: bytes) -> None:
        assert self.peer is not None
        async with self._writing:
            await self.peer.send(data)

    async def end(self, how: str) -> None:
        """End the connection from the server's side."""
        assert self.peer is not None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if how == "drop":
                await self.peer.stream.aclose()
            elif how == "no text":
                await self._write(frame(TEXT, b"\xff"))
            else:
                await self._write(close_frame(int(how), "It is over."))


ARE_YOU_THERE: Final = "Are you there?"

BY_APPLICATION: Final = ("leave", "close", "cancel", "raise")
BY_SERVER: Final = ("1000", "1001", "1011", "drop", "no text")
ENDINGS: Final = BY_APPLICATION + BY_SERVER
"""How a story ends: by the application, or by the server's code or fault."""

CLEAN: Final = ("1000", "1001")


@attrs.define(eq=False)
class Case:
    """One session with everything random."""

    seed: int
    kind: TransportKind
    random: Random = attrs.field(init=False)
    wire: Wire = attrs.field(init=False)
    ending: str = attrs.field(init=False)
    ran: Counter[str] = attrs.field(factory=Counter[str], init=False)
    """How often a tool ran for each call id."""
    waiting: list[str] = attrs.field(factory=list[str], init=False)
    """The calls that wait for an approval."""
    said: str = attrs.field(default="", init=False)
    """What the model has said."""
    said_more: trio.Event = attrs.field(factory=trio.Event, init=False)
    failures: list[BaseException] = attrs.field(factory=list[BaseException], init=False)
    """What ended the iteration."""
    faults: list[object] = attrs.field(factory=list[object], init=False)
    """What must not be."""

    def __attrs_post_init__(self) -> None:
        self.random = Random(self.seed)
        self.wire = Wire(self.random, StandIn(self.random), Damage(self.random))
        self.ending = self.random.choice(ENDINGS)

    async def run(self) -> None:
        """Play the story, and check everything."""
        before = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            dial = Scripted(nursery, self.wire.serve).dial
            model = OpenAIRealtimeWebSocketModel(stream_factory=dial, transport=self.kind)
            runner = RealtimeRunner(self.agent(), model=model, config=self.config())
            session = await runner.run(model_config={"url": "ws://server.test/", "api_key": "k"})
            await self.talk(session)
            await self.wire.over.wait()
        assert not self.faults, (self.ending, self.faults)
        assert trio.lowlevel.current_statistics().tasks_living == before
        self.check_history(session)
        self.check_calls()

    # -- what is declared -----------------------------------------------------------------
    def config(self) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "events": "all",
            "async_tool_calls": pick([True, True, False]),
            "tool_execution": {"approval_timeout": pick([None, 0.5])},
            "guardrails_settings": {
                "guardrail_mode": pick(["interrupt", "hold"]),
                "input_guardrail_mode": pick(["parallel", "strict"]),
                "debounce_text_length": pick([1, 20]),
            },
        }

    def agent(self) -> RealtimeAgent[Any]:
        """An agent with tools of every temper, and another to hand over to and back."""
        guardrails: dict[str, Any] = {
            "output_guardrails": [OutputGuardrail(guardrail_function=self.bad_words)],
            "input_guardrails": [InputGuardrail(guardrail_function=self.bad_words)],
        }
        tools: list[Any] = [
            self.tool("quick", 0.0),
            self.tool("slow", 3.0, on_interrupt="cancel"),
            self.tool("patient", 9.0),
            self.tool("failing", 0.1, error=ValueError("no")),
            self.tool("asks_first", 0.1, needs_approval=True),
        ]
        other = RealtimeAgent("Other", instructions="Go on.", tools=tools, **guardrails)
        first = RealtimeAgent("First", tools=tools, handoffs=[other], **guardrails)
        other.handoffs.append(first)
        return first

    def tool(
        self, name: str, seconds: float, *, error: Exception | None = None, **options: Any
    ) -> FunctionTool[Any]:
        async def run(context: ToolContext[Any], _arguments: str) -> str:
            self.ran[context.tool_call_id] += 1
            await trio.sleep(seconds)
            if error is not None:
                raise error
            return "done"

        return FunctionTool(
            name=name,
            description=f"Is {name}.",
            params_json_schema={"type": "object", "properties": {}},
            on_invoke_tool=run,
            **options,
        )

    async def bad_words(
        self, _context: Any, _agent: RealtimeAgent[Any], words: str
    ) -> GuardrailFunctionOutput:
        await trio.sleep(self.random.choice([0, 0.3]))
        return GuardrailFunctionOutput(tripwire_triggered="bad words" in words)

    # -- what is done ---------------------------------------------------------------------
    async def talk(self, session: RealtimeSession[Any]) -> None:
        """Open the session, do things, take a good turn, and leave in one of the ways."""
        raised: BaseException | None = None
        failure = ApplicationError()
        left_at = -math.inf
        with trio.CancelScope() as scope:
            try:
                async with session:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self.read, session)
                        await self.do_things(session)
                        nursery.cancel_scope.cancel()
                    left_at = trio.current_time()
                    match self.ending:
                        case "close":
                            await session.aclose()
                        case "cancel":
                            scope.cancel()
                            await trio.sleep_forever()
                        case "raise":
                            raise failure
                        case _:
                            pass
            except Exception as exc:
                raised = exc
        took = trio.current_time() - left_at
        if took > BOUND:
            self.faults.append(f"leaving took {took} s")
        expected = failure if self.ending == "raise" else None
        if raised is not expected and raised not in self.failures:
            self.failures.append(raised or ApplicationError("lost"))
        broken = self.ending in BY_SERVER and self.ending not in CLEAN
        allowed = RealtimeConnectionError if broken else ()
        self.faults += [each for each in self.failures if not isinstance(each, allowed)]

    async def do_things(self, session: RealtimeSession[Any]) -> None:
        for _ in range(self.random.randrange(3, 25)):
            await self.act(session)
            await trio.sleep(self.random.choice([0, 0.05, 0.5]))
        if self.ending in BY_SERVER:
            await self.wire.end(self.ending)
            with trio.fail_after(BOUND):
                await session.wait_closed()
            await self.act(session)
        else:
            await self.take_a_good_turn(session)

    async def act(self, session: RealtimeSession[Any]) -> None:
        """Do one thing, and note any error that the method does not document."""
        action = self.random.choice(ACTIONS)
        try:
            with trio.move_on_after(self.random.choice([0, 0.1, 20])):
                await action(self, session)
        except UserError as exc:
            if action not in {Case.approve, Case.reject, Case.push_to_talk}:
                self.faults.append(exc)
        except RealtimeSessionClosed as exc:
            if action is not Case.ask and self.ending not in BY_SERVER:
                self.faults.append(exc)
        except ModelBehaviorError as exc:
            if action is not Case.ask:
                self.faults.append(exc)
        except Exception as exc:
            self.faults.append(exc)

    async def message(self, session: RealtimeSession[Any]) -> None:
        await session.send_message(self.random.choice(["Hello.", "Some bad words."]))

    async def speak(self, session: RealtimeSession[Any]) -> None:
        await session.send_audio(bytes(self.random.randrange(1, 500)))

    async def commit(self, session: RealtimeSession[Any]) -> None:
        await session.commit_audio()

    async def clear(self, session: RealtimeSession[Any]) -> None:
        await session.clear_audio()

    async def interrupt(self, session: RealtimeSession[Any]) -> None:
        await session.interrupt()

    async def respond(self, session: RealtimeSession[Any]) -> None:
        response = await session.respond()
        with suppress(RealtimeSessionClosed):  # refused, or the session is over
            await response.wait_done()

    async def ask(self, session: RealtimeSession[Any]) -> None:
        await session.ask("How is the user?")

    async def say(self, session: RealtimeSession[Any]) -> None:
        response = await session.say("Good morning.")
        with suppress(RealtimeSessionClosed):
            await response.wait_played()

    async def switch(self, session: RealtimeSession[Any]) -> None:
        await session.update_agent(self.agent())

    async def send_raw(self, session: RealtimeSession[Any]) -> None:
        kind = self.random.choice(["response.cancel", "response.create", "unheard.of"])
        await session.send_raw({"type": kind})

    async def push_to_talk(self, session: RealtimeSession[Any]) -> None:
        async with session.user_turn() as turn:
            await turn.send(bytes(480))

    async def approve(self, session: RealtimeSession[Any]) -> None:
        await session.approve_tool_call(self.one_that_waits(), always=self.random.random() < 0.1)

    async def reject(self, session: RealtimeSession[Any]) -> None:
        await session.reject_tool_call(self.one_that_waits())

    def one_that_waits(self) -> str:
        return self.waiting.pop() if self.waiting else "unheard_of"

    async def take_a_good_turn(self, session: RealtimeSession[Any]) -> None:
        """Have the server be a good one from now on; it must be understood."""
        self.wire.server.calm_down()
        await trio.sleep(20)  # tools and guardrails finish, which may cancel responses yet
        await session.send_message(ARE_YOU_THERE)
        with trio.move_on_after(PATIENCE):
            while ARE_YOU_THERE not in self.said:
                await self.said_more.wait()
            return
        self.faults.append("the good turn was not taken")

    async def read(self, session: RealtimeSession[Any]) -> None:
        """Take every event, as applications should."""
        try:
            async for event in session:
                self.take(session, event)
        except Exception as exc:
            self.failures.append(exc)

    def take(self, session: RealtimeSession[Any], event: RealtimeSessionEvent) -> None:
        match event.type:
            case "tool_approval_required":
                self.waiting.append(event.call_id)
            case "transcript_delta":
                self.said += event.delta
                self.said_more.set()
                self.said_more = trio.Event()
            case "audio":
                if not event.audio.data or len(event.audio.data) % 2:
                    self.faults.append(f"{len(event.audio.data)} bytes of PCM16")
            case "error":
                if not isinstance(event.error, RealtimeServerError | TrioRealtimeError):
                    self.faults.append(event.error)
            case "history_added" | "history_updated":
                self.check_history(session)
            case _:
                pass

    # -- what must hold --------------------------------------------------------------------
    def check_history(self, session: RealtimeSession[Any]) -> None:
        """Every item is there once, and behind the one that it says it follows."""
        items = session.history
        places: dict[str | None, int] = {item.item_id: place for place, item in enumerate(items)}
        assert len(places) == len(items), f"an item is there twice: {list(items)}"
        for place, item in enumerate(items):
            before = places.get(item.previous_item_id)
            assert before is None or before < place, f"{item} stands before {items[before]}"

    def check_calls(self) -> None:
        """Every call that ran was answered once, unless the connection ended before."""
        answers = self.wire.server.answers
        for call_id, times in answers.items():
            assert times <= max(1, self.ran[call_id])
        if self.ending not in BY_SERVER:
            for call_id, times in self.ran.items():
                assert answers[call_id] == times


ACTIONS: Final = (
    Case.message,
    Case.message,
    Case.message,
    Case.speak,
    Case.speak,
    Case.commit,
    Case.clear,
    Case.interrupt,
    Case.respond,
    Case.ask,
    Case.say,
    Case.switch,
    Case.send_raw,
    Case.push_to_talk,
    Case.approve,
    Case.approve,
    Case.reject,
)


def play(case: Case) -> None:
    """Play a story from its beginning, the same each time."""
    _RUN._r.seed(case.seed)  # in which order tasks run is part of the story

    async def in_time() -> None:
        with trio.fail_after(5000):
            await case.run()

    trio.run(in_time, clock=trio.testing.MockClock(autojump_threshold=0))
