"""The public API as applications use it: type-checked, never executed."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, assert_never, assert_type

import trio

import trio_realtime as rt
from trio_realtime import testing
from trio_realtime.models.events import RealtimeModelEvent, RealtimeModelTranscriptDeltaEvent
from trio_realtime.models.inputs import RealtimeModelInput, RealtimeModelSendUserInput


@dataclass
class App:
    """The context of an application."""

    caller: str


@rt.function_tool(timeout=2)
async def look_up(ctx: rt.ToolContext[App], order: int) -> str:
    """Look up an order."""
    return f"{ctx.context.caller} {order}"


agent = rt.RealtimeAgent[App]("clerk", tools=[look_up])
assert_type(look_up, rt.FunctionTool[App])
assert_type(agent.clone(name="other"), rt.RealtimeAgent[App])

# -- settings: objects, mappings, and both at once ------------------------------------------------

as_objects = rt.RealtimeRunConfig(
    model_settings=rt.RealtimeSessionModelSettings(
        output_modalities=["text"],
        audio=rt.RealtimeAudioConfig(
            input=rt.RealtimeAudioInputConfig(
                format="pcm16",
                noise_reduction=rt.RealtimeInputAudioNoiseReductionConfig(type="near_field"),
                transcription=rt.RealtimeInputAudioTranscriptionConfig(language="en"),
                turn_detection=rt.RealtimeTurnDetectionConfig(type="server_vad", threshold=0.5),
            ),
            output=rt.RealtimeAudioOutputConfig(voice="ash", speed=1.2),
        ),
        prompt=rt.RealtimePrompt(id="pmpt_1"),
        reasoning=rt.RealtimeReasoningConfig(effort="low"),
        tracing=rt.RealtimeModelTracingConfig(workflow_name="calls"),
        truncation=rt.RealtimeTruncationConfig(retention_ratio=0.8),
    ),
    guardrails_settings=rt.RealtimeGuardrailsSettings(debounce_text_length=50),
    tool_execution=rt.RealtimeToolExecutionConfig(max_concurrent_calls=4),
    events="all",
)
as_mappings = rt.RealtimeRunConfig(
    model_settings={"turn_detection": None, "audio": {"output": {"voice": "ash"}}},
    guardrails_settings={"debounce_text_length": 50},
    tool_execution={"max_concurrent_calls": 4},
    events=["audio", "response_done"],
)
settings = rt.RealtimeSessionModelSettings(turn_detection=None, voice={"id": "voice_1"})

runner = rt.RealtimeRunner(agent, config=as_objects)
assert_type(runner, rt.RealtimeRunner[App])
rt.RealtimeRunner(agent, config={"model_settings": {"voice": "ash"}})
rt.RealtimeRunner(
    agent, model=rt.OpenAIRealtimeWebSocketModel(transport="trio-websocket"), config=as_mappings
)
rt.RealtimeModelConfig(
    api_key=lambda: "key",
    url="wss://example.org/v1/realtime",
    headers={"api-key": "key"},
    transport=rt.TransportSettings(ping_interval=None),
    playback_tracker=rt.RealtimePlaybackTracker(),
    response_timeout=None,
)


model_config: rt.RealtimeModelConfigDict = {
    "api_key": "key",
    "headers": {"X-Tenant": "bakery"},
    "initial_model_settings": {"voice": "ash", "turn_detection": {"type": "server_vad"}},
    "playback_tracker": rt.RealtimePlaybackTracker(),
}
run_config: rt.RealtimeRunConfigDict = {
    "model_settings": {"output_modalities": ["text"], "max_output_tokens": "inf"},
    "guardrails_settings": {"debounce_text_length": 50},
    "events": "all",
}
misspelt: rt.RealtimeModelConfigDict = {"apikey": "key"}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]


async def mappings_are_annotated() -> None:
    """The annotated mappings are taken where the settings are."""
    await rt.RealtimeRunner(agent, config=run_config).run(model_config=model_config)


# -- sessions -------------------------------------------------------------------------------------


async def one_block() -> None:
    """Run, as in the SDK."""
    async with await runner.run(context=App("Ada")) as session:
        assert_type(session, rt.RealtimeSession[App])
        assert_type(session.context, App)
        assert_type(session.usage, rt.Usage)
        assert_type(session.current_agent, rt.RealtimeAgent[App])
        history: rt.RealtimeHistory = session.history
        assert_type(history[0], rt.RealtimeItem)
        await session.send_message("Hello")
        await session.send_message([rt.InputText(text="Look:"), rt.InputImage(image_url="data:")])
        await session.send_message({"type": "message", "role": "user", "content": []})
        await session.send_audio(b"", commit=True)
        await session.commit_audio()
        await session.clear_audio()
        await session.interrupt()
        await session.create_response(
            instructions="Be brief.", metadata={"a": "b"}, conversation="none", max_output_tokens=9
        )
        await session.update_agent(agent)
        await session.send_raw({"type": "input_audio_buffer.clear"})
        await session.approve_tool_call("call_1", always=True)
        await session.reject_tool_call("call_1", rejection_message="no")
        assert_type(await session.receive(), rt.RealtimeSessionEvent)
        async for event in session:
            assert_type(event, rt.RealtimeSessionEvent)
        await session.aclose()
        await session.wait_closed()


async def own_nursery() -> None:
    """Run in a nursery of the application's."""
    session = await runner.run(context=App("Ada"), model_config={"url": "ws://localhost"})
    async with trio.open_nursery() as nursery:
        started = await nursery.start(session.run)
        assert_type(started, Any)
        nursery.cancel_scope.cancel()


def narrowing(event: rt.RealtimeSessionEvent) -> bytes | str | None:
    """`type` tells the events apart, for `if` and for `match`."""
    if event.type == "audio":
        assert_type(event, rt.RealtimeAudio)
        return event.audio.data
    match event.type:
        case "tool_start" | "tool_end":
            assert_type(event.tool, rt.FunctionTool[Any])
            return event.call_id
        case "handoff":
            return event.to_agent.name
        case "error":
            return str(event.error)
        case "response_done":
            assert_type(event.status, Literal["completed", "cancelled", "failed", "incomplete"])
            return event.reason
        case _:
            return None


def handle_all_of_the_sdk(event: rt.SdkSessionEvent) -> str:
    """Code that moves here and handles every event is still checked to handle every event."""
    match event.type:
        case "agent_start" | "agent_end":
            return event.agent.name
        case "tool_start" | "tool_end" | "tool_approval_required":
            return event.tool.name
        case "audio" | "audio_end" | "audio_interrupted":
            return event.item_id
        case "history_added" | "history_updated" | "guardrail_tripped":
            return event.type
        case "raw_model_event" | "error" | "handoff" | "input_audio_timeout_triggered":
            return event.type
        case _:
            assert_never(event)


def handle_some_by_class(event: rt.SdkSessionEvent) -> str:
    """Classes tell the events apart as well as `type` does; one forgotten is one left over."""
    if isinstance(event, rt.RealtimeAgentStartEvent | rt.RealtimeAgentEndEvent):
        return event.agent.name
    if isinstance(event, rt.RealtimeToolStart | rt.RealtimeToolEnd):
        return event.call_id
    if isinstance(event, rt.RealtimeAudio | rt.RealtimeAudioEnd | rt.RealtimeAudioInterrupted):
        return event.item_id
    assert_type(
        event,
        rt.RealtimeHandoffEvent
        | rt.RealtimeToolApprovalRequired
        | rt.RealtimeRawModelEvent
        | rt.RealtimeError
        | rt.RealtimeHistoryUpdated
        | rt.RealtimeHistoryAdded
        | rt.RealtimeGuardrailTripped
        | rt.RealtimeInputAudioTimeoutTriggered,
    )
    return event.type


async def events_of_the_sdk_only(session: rt.RealtimeSession[App]) -> None:
    """The alias narrows what a session delivers, for type checkers and when it runs."""
    async for event in session:
        if isinstance(event, rt.SdkSessionEvent):
            handle_all_of_the_sdk(event)


def items(history: Sequence[rt.RealtimeItem]) -> list[str]:
    """Items are told apart by type and role, their parts by type."""
    said: list[str] = []
    for item in history:
        if item.type == "function_call":
            assert_type(item, rt.RealtimeToolCallItem)
            said.append(item.output or "")
        elif item.role == "assistant":
            assert_type(item, rt.AssistantMessageItem)
            for part in item.content:
                if part.type == "text":
                    said.append(part.text)
                elif part.type == "audio":
                    said.append(part.transcript or "")
                else:
                    assert_never(part)
        elif item.role == "user":
            assert_type(item.content[0], rt.InputText | rt.InputAudio | rt.InputImage)
        else:
            assert_type(item, rt.SystemMessageItem)
    return said


def failures(error: rt.TrioRealtimeError) -> int | str | float:
    """What errors say beside their message."""
    if isinstance(error, rt.RealtimeHandshakeError):
        return error.status
    if isinstance(error, rt.RealtimeConnectionClosed):
        return error.code
    if isinstance(error, rt.SettingsError):
        return error.path
    if isinstance(error, rt.ToolTimeoutError):
        return error.timeout
    return 0


# -- a model of one's own, and tests --------------------------------------------------------------


class MyConnection(rt.RealtimeConnection):
    """The least there is to it."""

    def __init__(self, events: AsyncIterator[RealtimeModelEvent]) -> None:
        self.events = events

    async def send(self, input: RealtimeModelInput) -> None:
        await trio.lowlevel.checkpoint()

    def __aiter__(self) -> AsyncIterator[RealtimeModelEvent]:
        return self.events


class MyModel(rt.RealtimeModel):
    """A recipe for connections."""

    @asynccontextmanager
    async def connect(self, config: rt.RealtimeModelConfig) -> AsyncGenerator[MyConnection]:
        """Connect."""

        async def events() -> AsyncGenerator[RealtimeModelEvent]:
            for delta in ("Hello", "."):
                yield RealtimeModelTranscriptDeltaEvent(item_id="i", delta=delta, response_id="r")

        async with aclosing(events()) as stream:
            yield MyConnection(stream)


def with_a_model_of_ones_own() -> None:
    """The runner takes it."""
    rt.RealtimeRunner(agent, model=MyModel())


async def test_with_a_fake(fake_model: testing.FakeRealtimeModel) -> None:
    """Interactive use of the fake model."""
    async with await rt.RealtimeRunner(agent, model=fake_model).run(context=App("Ada")):
        fake_model.emit(testing.spoken_response("r", "i", "Hello."))
        fake_model.close(1000)


def scripted() -> None:
    """A script, and a scenario of the simulator."""
    testing.FakeRealtimeModel(
        [
            testing.Expect(RealtimeModelSendUserInput),
            testing.Emit(testing.tool_call("r", "i", "look_up", {"order": 1})),
            testing.Delay(1),
            testing.Close(),
        ]
    )

    def responder(turn: testing.Turn) -> testing.Reply:
        return [testing.Say(turn.user_text), testing.CallFunction("look_up", {"order": 1})]

    testing.RealtimeSimulator(responder, hears=["hello"], speed=4)
