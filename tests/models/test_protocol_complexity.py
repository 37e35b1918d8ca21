"""No server can make the protocol slow: four times the frames are about four times the work."""

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from support_protocol import make
from support_steps import steps_of

from trio_realtime import RealtimePlaybackTracker
from trio_realtime.models import inputs
from trio_realtime.models.events import RealtimeModelAudioEvent
from trio_realtime.models.openai.protocol.out_of_band import REQUEST_KEY
from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol
from trio_realtime.models.openai.wire.decode import decode, raw_data
from trio_realtime.models.playback.ledger import PlaybackLedger

Frame: TypeAlias = dict[str, Any]
Story: TypeAlias = Iterator[Frame | inputs.RealtimeModelInput]

SOUND = base64.b64encode(bytes(480)).decode()
"""10 ms of PCM16."""


def audio(item_id: str, index: int = 0, response_id: str = "r1") -> Frame:
    return {
        "type": "response.output_audio.delta",
        "response_id": response_id,
        "item_id": item_id,
        "content_index": index,
        "delta": SOUND,
    }


def begun(response_id: str = "r1", **fields: Any) -> Frame:
    return {"type": "response.created", "response": {"id": response_id, **fields}}


def ended(response_id: str = "r1", **fields: Any) -> Frame:
    return {"type": "response.done", "response": {"id": response_id, **fields}}


SPEECH: Frame = {"type": "input_audio_buffer.speech_started", "item_id": "u"}


def truncated(item_id: str) -> Frame:
    return {"type": "conversation.item.truncated", "item_id": item_id, "audio_end_ms": 1}


# -- what a server may do ----------------------------------------------------------------


def many_items_and_a_barge_in(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio(f"i{i}")
    yield SPEECH


def many_parts_and_a_barge_in(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio("i", i)
    yield SPEECH


def two_items_by_turns(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio(f"i{i % 2}")
    yield SPEECH


def parts_in_reverse(n: int) -> Story:
    yield begun()
    for i in reversed(range(n)):
        yield audio("i", i)
    yield SPEECH


def items_behind_one_of_many_parts(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio("i", i)
    for i in range(n):
        yield audio(f"i{i}")
    yield ended()


def one_item_of_many_parts_truncated_again_and_again(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio("i", i)
    for _ in range(n):
        yield truncated("i")


def every_item_deleted(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio(f"i{i}")
    for i in range(n):
        yield {"type": "conversation.item.deleted", "item_id": f"i{i}"}


def a_response_of_many_items_that_ends_again_and_again(n: int) -> Story:
    yield begun()
    for i in range(n):
        yield audio(f"i{i}")
    for _ in range(n):
        yield ended()


def a_barge_in_after_each_piece(n: int) -> Story:
    for i in range(n):
        yield begun(f"r{i}")
        yield audio(f"i{i}", 0, f"r{i}")
        yield SPEECH


def stale_audio_of_many_items(n: int) -> Story:
    yield begun()
    yield audio("i")
    yield SPEECH
    for i in range(n):
        yield audio(f"i{i}")
    yield ended()


def responses_beside_the_conversation_that_never_end(n: int) -> Story:
    for i in range(n):
        yield begun(f"r{i}", metadata={REQUEST_KEY: "x"}, output_modalities=["audio"])
        yield SPEECH


def silent_responses_beside_the_conversation(n: int) -> Story:
    for i in range(n):
        yield begun(f"r{i}", metadata={REQUEST_KEY: "x"})
        yield SPEECH


def requests_beside_the_conversation_and_errors(n: int) -> Story:
    for _ in range(n):
        yield inputs.RealtimeModelCreateResponse(out_of_band=True)
    for _ in range(n):
        yield {"type": "error", "error": {"message": "No."}}


def requests_that_wait(n: int) -> Story:
    yield begun()
    for _ in range(n):
        yield inputs.RealtimeModelCreateResponse()
        yield inputs.RealtimeModelCreateResponse(automatic=True)
    yield ended()


def automatic_requests_behind_manual_ones(n: int) -> Story:
    yield begun()
    for _ in range(n):
        yield inputs.RealtimeModelCreateResponse()
    for _ in range(n):
        yield inputs.RealtimeModelCreateResponse(automatic=True)
    yield ended()


def requests_that_wait_and_a_busy_server(n: int) -> Story:
    for _ in range(n):
        yield inputs.RealtimeModelCreateResponse()
    for i in range(n):
        yield {
            "type": "error",
            "error": {"code": "conversation_already_has_active_response", "message": "No."},
        }
        yield ended(f"r{i}")


def calls_announced_in_every_way(n: int) -> Story:
    yield begun()
    items = []
    for i in range(n):
        item = {"id": f"c{i}", "type": "function_call", "call_id": f"call{i}", "name": "t"}
        yield {"type": "response.output_item.added", "response_id": "r1", "item": item}
        about = {"response_id": "r1", "item_id": f"c{i}", "call_id": f"call{i}"}
        yield {"type": "response.function_call_arguments.done", "arguments": "{}", **about}
        items.append({**item, "arguments": "{}"})
    yield ended(output=items)


def many_responses_that_never_end(n: int) -> Story:
    for i in range(n):
        yield begun(f"r{i}")
        yield audio(f"i{i}", 0, f"r{i}")


def halves_of_characters(n: int) -> Story:
    yield begun()
    for i in range(n):
        about = {"response_id": "r1", "item_id": f"i{i}"}
        yield {"type": "response.output_text.delta", "delta": "\ud83d", **about}
    for i in reversed(range(n)):
        about = {"response_id": "r1", "item_id": f"i{i}"}
        yield {"type": "response.output_text.delta", "delta": "\ude00", **about}


def errors_about_nothing(n: int) -> Story:
    for i in range(n):
        yield {"type": "error", "error": {"message": "No.", "event_id": f"own_{i}"}}


STORIES: list[Callable[[int], Story]] = [
    many_items_and_a_barge_in,
    many_parts_and_a_barge_in,
    two_items_by_turns,
    parts_in_reverse,
    items_behind_one_of_many_parts,
    one_item_of_many_parts_truncated_again_and_again,
    every_item_deleted,
    a_response_of_many_items_that_ends_again_and_again,
    a_barge_in_after_each_piece,
    stale_audio_of_many_items,
    responses_beside_the_conversation_that_never_end,
    silent_responses_beside_the_conversation,
    requests_beside_the_conversation_and_errors,
    requests_that_wait,
    automatic_requests_behind_manual_ones,
    requests_that_wait_and_a_busy_server,
    calls_announced_in_every_way,
    many_responses_that_never_end,
    halves_of_characters,
    errors_about_nothing,
]


def take_none(protocol: RealtimeProtocol, event: RealtimeModelAudioEvent, now: float) -> None:
    """Leave the audio where it is."""


def take_all(protocol: RealtimeProtocol, event: RealtimeModelAudioEvent, now: float) -> None:
    """Play the audio as soon as it comes."""
    protocol.delivered(event.item_id, event.content_index, len(event.data), now)


def plays(story: Story, take: Callable[..., None], tracker: RealtimePlaybackTracker | None) -> int:
    """How much work the client has with a story."""
    protocol = make(playback=PlaybackLedger(tracker=tracker)).protocol
    steps = list(story)
    frames = [json.dumps(step) if isinstance(step, dict) else step for step in steps]

    def play() -> None:
        now = 100.0
        for frame in frames:
            now += 0.001
            out: deque[Any] = deque()
            if isinstance(frame, str):
                protocol.receive(frame, now, out)
            else:
                protocol.send(frame, now, out)
            for event in out:
                if isinstance(event, RealtimeModelAudioEvent):
                    take(protocol, event, now)
                    if tracker is not None:
                        tracker.on_play_ms(event.item_id, event.content_index, 1)
            protocol.data_to_send()
            protocol.deadline  # noqa: B018 - the connection asks after each frame

    return steps_of(play)


@pytest.mark.parametrize("take", [take_none, take_all])
@pytest.mark.parametrize("tracked", [False, True], ids=["", "tracked"])
@pytest.mark.parametrize("story", STORIES)
def test_four_times_the_frames_are_about_four_times_the_work(
    story: Callable[[int], Story], tracked: bool, take: Callable[..., None]
) -> None:
    """Whatever a server says, whether or not the application plays it."""
    few, many = (
        plays(story(n), take, RealtimePlaybackTracker() if tracked else None) for n in (75, 300)
    )
    assert many < 5.5 * few


# -- one frame ------------------------------------------------------------------------------


def items_of_wrong_types(n: int) -> str:
    items = [{"id": number, "type": "message", "content": "x"} for number in range(n)]
    return json.dumps({"type": "response.done", "response": {"id": 5, "output": items}})


def parts_of_wrong_types(n: int) -> str:
    item = {"id": 7, "content": [{"type": "text", "text": number} for number in range(n)]}
    return json.dumps({"type": "conversation.item.added", "item": item})


def many_halves_of_characters(n: int) -> str:
    return '{"type":"error","error":"' + "\\ud83d\\x\\u12" * n + '"}'


def great_depths(n: int) -> str:
    return '{"type":"error","x":' + "[" * 10 * n + "]" * 10 * n + "}"


def many_depths(n: int) -> str:
    return '{"type":"error","x":[' + ",".join(["[" * 70 + "]" * 70] * n) + "]}"


def names_that_nobody_knows(n: int) -> str:
    return json.dumps({"type": "error", "error": {f"x{number}": "\ud83d" for number in range(n)}})


@pytest.mark.parametrize(
    "write",
    [
        items_of_wrong_types,
        parts_of_wrong_types,
        many_halves_of_characters,
        great_depths,
        many_depths,
        names_that_nobody_knows,
    ],
)
def test_a_frame_four_times_as_long_is_about_four_times_the_work(
    write: Callable[[int], str],
) -> None:
    """However much has to be salvaged of it."""

    def reads(frame: str) -> int:
        return steps_of(lambda: (decode(frame), raw_data(frame)))

    assert reads(write(400)) < 5.5 * reads(write(100)) + 200


def test_how_long_a_response_goes_on_is_asked_in_proportion_to_its_items() -> None:
    """Whoever waits for its end asks ten times a second."""

    def asks(n: int) -> int:
        client = make()
        for frame in many_items_and_a_barge_in(n):
            if frame is not SPEECH:
                client.hears_frame(json.dumps(frame))
        return steps_of(lambda: client.protocol.remaining_ms("r1", client.now))

    assert asks(400) < 5.5 * asks(100)
