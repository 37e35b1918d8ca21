"""Turns, history and usage, row by row: what is the same as in the SDK, and what is ours.

Each test is one row of the page "Coming from the OpenAI Agents SDK". The server's side is written
out where the simulator would not misbehave by itself.
"""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import Stage, kinds, open_stage, settle, until

from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeError,
    RealtimeProtocolError,
    RealtimeResponseDone,
    RealtimeSession,
    UserError,
    UserMessageItem,
)
from trio_realtime.testing.simulator import Fail, Heard, Incomplete, Say, Text, Wait

Clock = trio.testing.MockClock


def types(stage: Stage) -> list[str]:
    """What the server was sent, beside the settings."""
    return [e["type"] for e in stage.server.received if e["type"] != "session.update"]


async def tell(stage: Stage, kind: str, **fields: Any) -> None:
    """Let the server send an event of its own making."""
    await stage.server.send({"type": kind, "event_id": "event_made_up", **fields})
    await settle()


def response(response_id: str, status: str, **fields: Any) -> Mapping[str, Any]:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "conversation_id": "conv",
        **fields,
    }


def message(item_id: str, role: str, *content: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": role,
        "status": "completed",
        "content": list(content),
        **fields,
    }


async def test_a_message_is_an_item_and_a_create(autojump_clock: Clock) -> None:
    """In this order, when nothing is active."""
    async with open_stage() as stage, await stage.session() as session:
        await session.send_message("Hello")
        await settle()
        assert types(stage) == ["conversation.item.create", "response.create"]


async def test_messages_during_a_response_share_one(autojump_clock: Clock) -> None:
    """Two messages wait together; two manual creates each get a response; order is kept."""
    async with open_stage(responder=lambda _turn: [Wait(5), Say("Yes.")]) as stage:
        async with await stage.session() as session:
            await session.send_message("one")
            await until(session, "agent_start")
            await session.create_response(instructions="first")
            await session.send_message("two")
            await session.send_message("three")
            await session.create_response(instructions="second")
            await until(session, "agent_end", 4)
            creates = stage.server.received_of("response.create")
            assert [c.get("response", {}).get("instructions") for c in creates] == [
                None,
                "first",
                None,
                "second",
            ]
            await trio.sleep(60)
            assert len(stage.server.received_of("response.create")) == 4


async def test_a_refused_create_frees_the_slot(autojump_clock: Clock) -> None:
    """The error is the application's, and the next message gets its response."""
    async with open_stage() as stage:
        stage.simulator.refuse_next("response.create", code="rate_limit_exceeded", message="slow")
        async with await stage.session() as session:
            await session.send_message("one")
            events = await until(session, "error")
            assert isinstance(events[-1], RealtimeError)
            assert getattr(events[-1].error, "code", None) == "rate_limit_exceeded"
            await session.send_message("two")
            await until(session, "agent_end")


async def test_an_unrelated_error_does_not_free_it(autojump_clock: Clock) -> None:
    """While a response is active the next message still waits for its end."""
    async with open_stage(responder=lambda _turn: [Wait(5), Say("Yes.")]) as stage:
        async with await stage.session() as session:
            await session.send_message("one")
            await until(session, "agent_start")
            await tell(stage, "error", error={"type": "server_error", "message": "hm"})
            await session.send_message("two")
            await settle()
            assert types(stage).count("response.create") == 1
            await until(session, "agent_end", 2)


async def test_a_create_that_is_never_answered(autojump_clock: Clock) -> None:
    """After the limit it is reported, and the next message gets its response."""
    async with open_stage() as stage, await stage.session(response_timeout=15.0) as session:
        stage.simulator.ignore_next("response.create")
        asked = trio.current_time()
        await session.send_message("one")
        events = await until(session, "error")
        assert trio.current_time() - asked == pytest.approx(15.0)
        assert isinstance(events[-1], RealtimeError)
        assert isinstance(events[-1].error, RealtimeProtocolError)
        await session.send_message("two")
        await until(session, "agent_end")


@pytest.mark.parametrize("with_event_id", [True, False])
async def test_a_response_the_server_began_first(
    with_event_id: bool, autojump_clock: Clock
) -> None:
    """The create is kept and sent after that response; no error reaches the application."""
    async with open_stage() as stage, await stage.session() as session:
        stage.simulator.ignore_next("response.create")
        await session.send_message("one")
        await settle()
        (create,) = stage.server.received_of("response.create")
        event_id = create["event_id"] if with_event_id else None
        await tell(stage, "response.created", response=response("resp_vad", "in_progress"))
        await tell(
            stage,
            "error",
            error={
                "type": "invalid_request_error",
                "code": "conversation_already_has_active_response",
                "message": "busy",
                "event_id": event_id,
            },
        )
        await tell(stage, "response.done", response=response("resp_vad", "completed"))
        events = await until(session, "agent_end", 2)
        assert "error" not in kinds(events)
        assert len(stage.server.received_of("response.create")) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        [],
        {"type": "message", "role": "user", "content": []},
        {"type": "message", "role": "assistant", "content": "x"},
        {"content": [{"type": "input_txt", "text": "x"}]},
        {"content": [{"type": "input_image"}]},
        {"text": "x"},
        [5],
        5,
    ],
)
async def test_odd_messages_are_errors(wrong: Any, autojump_clock: Clock) -> None:
    """Nothing is sent for a message that is empty or has a part that no message has."""
    async with open_stage() as stage, await stage.session() as session:
        with pytest.raises(UserError):
            await session.send_message(wrong)
        await settle()
        assert types(stage) == []


async def test_raw_messages(autojump_clock: Clock) -> None:
    """Unknown types are sent as they are; malformed known ones raise and are not sent."""
    async with open_stage() as stage, await stage.session() as session:
        await session.send_raw({"type": "x.y", "a": 1})
        with pytest.raises(UserError, match="item_id"):
            await session.send_raw({"type": "conversation.item.delete"})
        await settle()
        assert types(stage) == ["x.y"]


async def test_audio_and_commit(autojump_clock: Clock) -> None:
    """A commit makes a message and asks for no response."""
    pcm = bytes(9600)
    async with open_stage() as stage:
        settings = {"turn_detection": None}
        async with await stage.session(initial_model_settings=settings) as session:
            await session.send_audio(pcm)
            await session.send_audio(pcm, commit=True)
            await settle()
            append, commit = "input_audio_buffer.append", "input_audio_buffer.commit"
            assert types(stage) == [append, append, commit]
            assert base64.b64decode(stage.server.received_of(append)[0]["audio"]) == pcm
            await session.clear_audio()
            await session.send_audio(b"", commit=True)
            await session.commit_audio()
            await settle()
            assert types(stage)[3:] == ["input_audio_buffer.clear", commit, commit]


async def test_wrong_audio(autojump_clock: Clock) -> None:
    """Refused before anything is sent."""
    async with open_stage() as stage, await stage.session() as session:
        for wrong, words in [("x", "bytes"), (bytes(16 * 2**20), "15 MiB")]:
            with pytest.raises(UserError, match=words):
                await session.send_audio(wrong)  # type: ignore[arg-type]
        await settle()
        assert types(stage) == []


async def test_items_stand_where_the_server_says(autojump_clock: Clock) -> None:
    """Not in the order in which they are announced; a late one moves to its place."""
    async with open_stage() as stage, await stage.session() as session:
        for item_id, previous in [("c", "b"), ("a", None), ("b", "a"), ("d", "a")]:
            item = message(item_id, "user", {"type": "input_text", "text": item_id})
            await tell(stage, "conversation.item.added", previous_item_id=previous, item=item)
        assert [item.item_id for item in session.history] == ["a", "d", "b", "c"]
        assert session.history[1].previous_item_id == "a"


async def test_done_is_honoured(autojump_clock: Clock) -> None:
    """What only `conversation.item.done` says is in the history."""
    async with open_stage() as stage, await stage.session() as session:
        added = message("a", "assistant", status="in_progress")
        await tell(stage, "conversation.item.added", previous_item_id=None, item=added)
        done = message("a", "assistant", {"type": "output_text", "text": "Hi"})
        await tell(stage, "conversation.item.done", previous_item_id=None, item=done)
        (item,) = session.history
        assert item == AssistantMessageItem(
            item_id="a", status="completed", content=(AssistantText(text="Hi"),)
        )


async def test_deltas_keep_status_and_parts_apart(autojump_clock: Clock) -> None:
    """Text and transcript grow in place, each in its part."""
    async with open_stage() as stage, await stage.session() as session:
        added = message("a", "assistant", status="in_progress")
        await tell(stage, "conversation.item.added", previous_item_id=None, item=added)
        place = {"response_id": "r", "item_id": "a", "output_index": 0}
        for delta in ("Hel", "lo"):
            await tell(
                stage,
                "response.output_audio_transcript.delta",
                **place,
                content_index=0,
                delta=delta,
            )
            await tell(stage, "response.output_text.delta", **place, content_index=1, delta=delta)
        assert session.history == [
            AssistantMessageItem(
                item_id="a",
                status="in_progress",
                content=(AssistantAudio(transcript="Hello"), AssistantText(text="Hello")),
            )
        ]


async def test_a_call_announced_again_keeps_its_output(autojump_clock: Clock) -> None:
    """Neither status nor output are lost."""
    call = {"id": "fc", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"id": "fo", "type": "function_call_output", "call_id": "c", "output": "4"}
    async with open_stage() as stage, await stage.session() as session:
        for item in (call, output, call):
            await tell(
                stage,
                "conversation.item.added",
                previous_item_id=None,
                item={**item, "status": "completed"},
            )
        (known,) = session.history
        assert (getattr(known, "status", ""), getattr(known, "output", "")) == ("completed", "4")


async def test_only_the_item_named_is_retrieved(autojump_clock: Clock) -> None:
    """After a truncation; a user's transcript retrieves nothing."""
    async with open_stage() as stage, await stage.session() as session:
        await tell(
            stage, "conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=9
        )
        await tell(
            stage,
            "conversation.item.input_audio_transcription.completed",
            item_id="u",
            content_index=0,
            transcript="Hi",
            usage={"type": "duration", "seconds": 1.0},
        )
        retrieved = stage.server.received_of("conversation.item.retrieve")
        assert [event["item_id"] for event in retrieved] == ["a"]
        assert session.history == [
            UserMessageItem(item_id="u", status="completed", content=(InputAudio(transcript="Hi"),))
        ]


async def test_a_known_transcript_and_image_are_kept(autojump_clock: Clock) -> None:
    """An update without them does not lose them."""
    full = [
        {"type": "input_audio", "transcript": "Look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
    ]
    bare = [{"type": "input_audio", "transcript": None}, {"type": "input_image"}]
    async with open_stage() as stage, await stage.session() as session:
        for content in (full, bare):
            await tell(stage, "conversation.item.retrieved", item=message("u", "user", *content))
        (item,) = session.history
        assert item.content == (  # type: ignore[union-attr]
            InputAudio(transcript="Look"),
            InputImage(image_url="data:image/png;base64,AA=="),
        )


async def test_structured_messages(autojump_clock: Clock) -> None:
    """Text and images, as objects or in wire form."""
    async with open_stage() as stage, await stage.session() as session:
        await session.send_message(
            [
                InputText(text="See"),
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
            ]
        )
        await settle()
        (event,) = stage.server.received_of("conversation.item.create")
        assert event["item"]["content"] == [
            {"type": "input_text", "text": "See"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        ]


async def test_usage_sums(autojump_clock: Clock) -> None:
    """By modality; a response without usage is no request."""
    async with open_stage() as stage, await stage.session() as session:
        for word in ("one", "two"):
            await session.send_message(word)
            await until(session, "agent_end")
        usage = session.usage
        assert usage.requests == 2
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        assert usage.output_tokens_details.audio_tokens > 0
        before = usage.snapshot()
        await tell(stage, "response.created", response=response("r", "in_progress"))
        await tell(stage, "response.done", response=response("r", "completed", usage=None))
        assert session.usage == before


async def test_idle_timeout(autojump_clock: Clock) -> None:
    """An event of its own."""
    settings = {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}
    async with (
        open_stage() as stage,
        await stage.session(initial_model_settings=settings) as session,
    ):
        await session.send_message("Hello")
        await until(session, "input_audio_timeout_triggered")


# -- what the SDK drops -------------------------------------------------------------------


async def done(session: RealtimeSession[Any]) -> RealtimeResponseDone:
    events = await until(session, "response_done")
    assert isinstance(events[-1], RealtimeResponseDone)
    return events[-1]


async def test_how_responses_end(autojump_clock: Clock) -> None:
    """Completed, incomplete, failed and cancelled, with the reason."""
    replies: list[Any] = [
        "Fine.",
        [Say("Well"), Incomplete("content_filter")],
        Fail("server_error", "boom"),
        [Wait(50), Say("Never heard.")],
    ]
    async with open_stage(responder=lambda turn: replies[turn.number]) as stage:
        async with await stage.session(config={"events": "all"}) as session:
            ends: list[tuple[object, ...]] = []
            for number in range(4):
                await session.send_message("Go")
                if number == 3:
                    await until(session, "agent_start")
                    await session.interrupt()
                end = await done(session)
                ends.append((end.status, end.reason, end.error and end.error.code))
            assert ends == [
                ("completed", None, None),
                ("incomplete", "content_filter", None),
                ("failed", None, "server_error"),
                ("cancelled", "client_cancelled", None),
            ]


async def test_the_users_speech_as_events(autojump_clock: Clock) -> None:
    """Started, stopped, partial and final transcript, and a transcript that fails."""
    loud = (b"\x00\x40" + b"\x00\xc0") * 24 * 300  # 300 ms of a loud square wave at 12 kHz
    speech = b"".join(b"\x00\x40" * 30 + b"\x00\xc0" * 30 for _ in range(240))
    settings = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}
    hears = ["Good morning", Heard("", failure="too noisy")]
    async with open_stage(hears=hears) as stage:
        config = {"events": "all"}
        async with await stage.session(config=config, initial_model_settings=settings) as session:
            seen: list[str] = []
            for _ in range(2):
                await session.send_audio(speech + loud + bytes(48 * 1000))
                seen += kinds(await until(session, "response_done"))
                await trio.sleep(5)
            await session.aclose()
            seen += kinds([event async for event in session])
            wanted = [
                "user_speech_started",
                "user_speech_stopped",
                "user_transcript_delta",
                "user_transcript_completed",
                "user_transcript_failed",
                "rate_limits_updated",
                "transcript_delta",
            ]
            assert [kind for kind in wanted if kind not in seen] == []


async def test_text_answers(autojump_clock: Clock) -> None:
    """What the model writes is in the history and in the deltas."""
    async with open_stage(responder=lambda _turn: Text("In writing.")) as stage:
        async with await stage.session(config={"events": "all"}) as session:
            await session.send_message("Write")
            events = await until(session, "agent_end")
            deltas = [e for e in events if e.type == "transcript_delta"]
            assert "".join(e.delta for e in deltas) == "In writing."
            assert not any(e.spoken for e in deltas)
            assert session.history[-1].content == (AssistantText(text="In writing."),)  # type: ignore[union-attr]


async def test_only_the_events_asked_for(autojump_clock: Clock) -> None:
    """A collection of types is what the stream carries."""
    async with open_stage() as stage:
        async with await stage.session(
            config={"events": ["agent_end", "response_done"]}
        ) as session:
            await session.send_message("Hello")
            events = await until(session, "response_done")
            assert [event.type for event in events] == ["agent_end", "response_done"]
