"""The server's conversation holds what was heard and no more, whatever crosses on the way.

The client's side of the protocol and the simulator's, both pure, back to back: frames wait in two
queues, and Hypothesis says what happens next.
"""

import base64
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime import RealtimePlaybackTracker, RealtimeSessionModelSettings
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.openai.protocol.receiving import RealtimeProtocol
from trio_realtime.models.openai.protocol.response_audio import SpokenAudio
from trio_realtime.models.openai.wire import server_events as wire
from trio_realtime.models.playback.ledger import PlaybackLedger
from trio_realtime.testing.simulator.outlet import Outlet, Send, Start, Stop
from trio_realtime.testing.simulator.replies import Say, hearing
from trio_realtime.testing.simulator.server_protocol import Protocol

LOUD = bytes([0x00, 0x80]) * 400
"""100 ms of noise in G.711, which takes a sixth of what PCM16 does."""

QUIET = bytes([0xFF]) * 4_800
"""600 ms of silence, which ends a turn."""


@attrs.define
class World:
    """A client, a server, the wire between them, and somebody who listens."""

    interrupts: bool
    """Whether the server cancels by itself."""
    tracker: RealtimePlaybackTracker | None
    now: float = 1_000.0
    client: RealtimeProtocol = attrs.field(init=False)
    ledger: PlaybackLedger = attrs.field(init=False)
    server: Protocol = attrs.field(init=False)
    up: deque[bytes] = attrs.field(factory=deque)
    down: deque[str] = attrs.field(factory=deque)
    unread: list[model.RealtimeModelAudioEvent] = attrs.field(factory=list)
    taken_ms: dict[str, float] = attrs.field(factory=dict)
    replies: dict[str, Iterator[object]] = attrs.field(factory=dict)
    truncated: list[str] = attrs.field(factory=list)
    interrupted: dict[str, int] = attrs.field(factory=dict)
    """Items the application heard were interrupted, and where."""

    def __attrs_post_init__(self) -> None:
        self.ledger = PlaybackLedger(tracker=self.tracker)
        self.client = RealtimeProtocol(playback=self.ledger)
        self.server = Protocol(Outlet(), hearing(()))
        law = "g711_ulaw"
        detection = {"type": "server_vad", "interrupt_response": self.interrupts}
        asked = RealtimeSessionModelSettings(
            input_audio_format=law, output_audio_format=law, turn_detection=detection
        )
        self.server.begin()
        self.client.open(asked)
        self.settle()

    # -- what happens ------------------------------------------------------------
    def wait(self, ms: int) -> None:
        self.now += ms / 1000

    def ask(self, _n: int) -> None:
        self.tell(inputs.RealtimeModelCreateResponse(options=inputs.ResponseOptions()))

    def speak(self, _n: int) -> None:
        """The user speaks."""
        self.tell(inputs.RealtimeModelSendAudio(audio=LOUD))

    def stop_speaking(self, _n: int) -> None:
        self.tell(inputs.RealtimeModelSendAudio(audio=QUIET))

    def interrupt(self, _n: int) -> None:
        """The application says stop."""
        self.tell(inputs.RealtimeModelSendInterrupt())

    def generate(self, n: int) -> None:
        """The model goes on by so many pieces of audio."""
        for reply in tuple(self.replies.values()):
            for _ in range(1 + n // 50):
                next(reply, None)
        self.perform()

    def send_up(self, n: int) -> None:
        for _ in range(min(len(self.up), 1 + n // 50)):
            self.arrive(self.up.popleft())

    def send_down(self, n: int) -> None:
        for _ in range(min(len(self.down), 1 + n // 8)):
            out: deque[model.RealtimeModelEvent] = deque()
            self.client.receive(self.down.popleft(), self.now, out)
            self.take_in(out)

    def take(self, n: int) -> None:
        """The application reads audio, and plays it."""
        for _ in range(min(len(self.unread), 1 + n // 50)):
            event = self.unread.pop(0)
            self.taken_ms[event.item_id] = self.taken_ms.get(event.item_id, 0) + len(event.data) / 8
            self.client.delivered(event.item_id, event.content_index, len(event.data), self.now)

    def report(self, ms: int) -> None:
        """The tracker says that so much of what is being played was; it may exaggerate."""
        playing = [item for item in self.taken_ms if item not in self.interrupted]
        if self.tracker is not None and playing:
            self.tracker.on_play_ms(playing[-1], 0, ms)

    # -- the wire ----------------------------------------------------------------
    def tell(self, given: inputs.RealtimeModelInput) -> None:
        out: deque[model.RealtimeModelEvent] = deque()
        self.client.send(given, self.now, out)
        self.take_in(out)

    def take_in(self, out: deque[model.RealtimeModelEvent]) -> None:
        self.up += self.client.data_to_send()
        for event in out:
            if isinstance(event, model.RealtimeModelAudioEvent):
                assert event.item_id not in self.interrupted, "late audio reached the application"
                self.unread.append(event)
            elif isinstance(event, model.RealtimeModelAudioInterruptedEvent):
                assert event.item_id not in self.interrupted, "interrupted twice"
                self.interrupted[event.item_id] = event.heard_ms
                self.unread = [each for each in self.unread if each.item_id != event.item_id]

    def arrive(self, frame: bytes) -> None:
        event: dict[str, Any] = json.loads(frame)
        self.server.receive(frame)
        errors = self.perform()
        if event["type"] == "conversation.item.truncate":
            assert errors == [], "a truncation was refused"
            self.truncated.append(event["item_id"])
        elif event["type"] == "conversation.item.delete":
            assert errors == [], "a deletion was refused"

    def perform(self) -> list[Any]:
        """Send what the server has to say; returns its errors."""
        errors: list[Any] = []
        for effect in self.server.outlet.take():
            match effect:
                case Send(event):
                    self.down.append(json.dumps(event))
                    if event["type"] == "error":
                        errors.append(event)
                case Start(response):
                    words = [Say("First of all.", audio_ms=350), Say("Then.", audio_ms=220)]
                    self.replies[response.id] = iter(response.play(list(words)))
                case Stop(response):
                    self.replies.pop(response.id, None)
                case _:
                    pass
        return errors

    def settle(self) -> None:
        """Everything on the way arrives, and every answer is finished."""
        self.up += self.client.data_to_send()
        while self.up or self.down or self.server.active:
            self.send_up(10_000)
            self.generate(10_000)
            self.send_down(10_000)

    # -- what must hold ----------------------------------------------------------
    def check(self) -> None:
        assert len(self.truncated) == len(set(self.truncated)), "truncated twice"
        for item_id in self.taken_ms:
            position = self.ledger.position(item_id, 0, self.now)
            assert position is not None
            assert position.heard_ms <= position.received_ms
            assert position.heard_bytes <= position.received_bytes
            if self.tracker is None:
                assert position.heard_ms <= self.taken_ms[item_id] + 1e-6

    def play_out(self) -> None:
        """The listener hears all that is left."""
        self.take(10**9)
        if self.tracker is not None:
            for item_id in self.taken_ms:
                if item_id not in self.interrupted:
                    self.tracker.on_play_ms(item_id, 0, 1_000)
                    self.ledger.position(item_id, 0, self.now)
        self.wait(60_000)

    def heard(self) -> dict[str, int]:
        """What was heard of each item, by what the application was told; in ms."""
        return {
            item_id: self.interrupted.get(item_id, round(ms))
            for item_id, ms in self.taken_ms.items()
        }

    def kept(self) -> dict[str, int]:
        """What the server's conversation holds of what the model said; in ms."""
        return {
            item.id: sum(part.audio_ms for part in item.parts or ())
            for item in self.server.conversation.items
            if item.fields.get("role") == "assistant"
        }


STEPS = (
    World.wait,
    World.ask,
    World.speak,
    World.stop_speaking,
    World.interrupt,
    World.generate,
    World.send_up,
    World.send_down,
    World.take,
    World.report,
)
OFTEN = (World.generate, World.send_up, World.send_down, World.take)

story = st.lists(
    st.tuples(st.sampled_from(STEPS + OFTEN + OFTEN), st.integers(0, 250)),
    min_size=10,
    max_size=60,
)


@settings(deadline=None, max_examples=100)
@given(story=story, interrupts=st.booleans(), tracked=st.booleans())
def test_whatever_crosses_on_the_way(
    story: list[tuple[Any, int]], interrupts: bool, tracked: bool
) -> None:
    """For any interleaving of deltas, playback reports, speech starts, cancels and dones: every
    truncate and delete is accepted, at most one truncate per item, never more heard than
    received, nothing stale delivered; and in the end the server has what was heard."""
    world = World(interrupts, RealtimePlaybackTracker() if tracked else None)
    for step, n in [(World.ask, 0), *story]:
        step(world, n)
        world.check()
    world.settle()
    world.check()
    world.play_out()
    world.check()
    heard = world.heard()
    for item_id, ms in world.kept().items():
        assert ms == heard.get(item_id, 0), item_id
    assert all(ms == 0 for item_id, ms in heard.items() if item_id not in world.kept())


def frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": "e", **fields})


def detecting(interrupts: bool | None) -> dict[str, Any] | None:
    """Turn detection in wire form; ``None``: there is none."""
    if interrupts is None:
        return None
    return {"type": "semantic_vad", "interrupt_response": interrupts}


@pytest.mark.parametrize("asked", [True, False, None])
@pytest.mark.parametrize("echoed", [True, False, None, "not at all"])
def test_who_cancels(asked: bool | None, echoed: Any) -> None:
    """The client cancels where the server says that it does not, or, as long as the server has
    said nothing, where it was asked not to."""
    client = RealtimeProtocol()
    out: deque[model.RealtimeModelEvent] = deque()
    client.open(RealtimeSessionModelSettings(turn_detection=detecting(asked)))
    if echoed != "not at all":
        session = {"type": "realtime", "audio": {"input": {"turn_detection": detecting(echoed)}}}
        client.receive(frame("session.updated", session=session), 0.0, out)
    response = {"object": "realtime.response", "id": "r1", "status": "in_progress"}
    client.receive(frame("response.created", response=response), 0.0, out)
    client.data_to_send()
    speech = frame("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    client.receive(speech, 0.0, out)
    in_force = asked if echoed == "not at all" else echoed
    sent = [json.loads(each) for each in client.data_to_send()]
    assert [event.get("response_id") for event in sent] == ([] if in_force else ["r1"])


def test_only_so_many_responses_are_remembered() -> None:
    """A session of hours costs no more memory than one of minutes."""
    audio = SpokenAudio(PlaybackLedger())
    for number in range(600):
        delta = wire.ResponseOutputAudioDelta(
            response_id=f"r{number}",
            item_id=f"i{number}",
            output_index=0,
            content_index=0,
            delta=bytes(48),
        )
        assert audio.received(delta, 48, 0.0, out_of_band=False)
    assert audio.response_of("i599") == ("r599", True)
    assert audio.response_of("i0") == (None, True)


@attrs.define
class Client:
    """A client that a test speaks to in frames."""

    protocol: RealtimeProtocol = attrs.field(factory=RealtimeProtocol)

    def hears(self, kind: str, **fields: Any) -> list[str]:
        """A server event; returns what it means, beside the raw event."""
        out: deque[model.RealtimeModelEvent] = deque()
        self.protocol.receive(frame(kind, **fields), 0.0, out)
        return [type(event).__name__ for event in out][1:]

    def delta(self, response_id: str, item_id: str) -> list[str]:
        place = {"response_id": response_id, "item_id": item_id}
        audio = base64.b64encode(bytes(480)).decode()
        kind = "response.output_audio.delta"
        return self.hears(kind, **place, output_index=0, content_index=0, delta=audio)

    def says(self, given: inputs.RealtimeModelInput) -> list[dict[str, Any]]:
        """An input; returns the events it sends."""
        self.protocol.send(given, 0.0, deque())
        return self.sent()

    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.protocol.data_to_send()]

    def begins(self, response_id: str, **fields: Any) -> None:
        response = {"object": "realtime.response", "id": response_id, "status": "in_progress"}
        self.hears("response.created", response={**response, **fields})

    def ends(self, response_id: str) -> None:
        response = {"object": "realtime.response", "id": response_id, "status": "cancelled"}
        self.hears("response.done", response=response)


def test_late_audio_beside_the_conversation() -> None:
    """Nobody hears it, and the server has no item of it to forget."""
    client = Client()
    asked = inputs.RealtimeModelCreateResponse(options=inputs.ResponseOptions(), out_of_band=True)
    (create,) = client.says(asked)
    client.begins("r1", metadata=create["response"]["metadata"])
    assert client.delta("r1", "i1") == ["RealtimeModelAudioEvent"]
    (cancel,) = client.says(inputs.RealtimeModelSendInterrupt(response_id="r1"))
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
    assert client.delta("r1", "i1") == client.delta("r1", "i2") == []
    client.ends("r1")
    (create,) = client.says(inputs.RealtimeModelCreateResponse(options=inputs.ResponseOptions()))
    assert create["type"] == "response.create"


def test_items_that_came_too_late_are_forgotten_once() -> None:
    """When their response is over, and before the next one begins."""
    client = Client()
    client.begins("r1")
    client.delta("r1", "i1")
    client.says(inputs.RealtimeModelSendInterrupt())
    for item_id in ("i1", "i2", "i2", "i3"):
        assert client.delta("r1", item_id) == []
    assert client.says(inputs.RealtimeModelCreateResponse(options=inputs.ResponseOptions())) == []
    client.ends("r1")
    sent = [(event["type"], event.get("item_id")) for event in client.sent()]
    assert sent == [
        ("conversation.item.delete", "i2"),
        ("conversation.item.delete", "i3"),
        ("response.create", None),
    ]


def test_audio_of_an_item_the_application_cut_itself() -> None:
    """Is stale, though its response was not interrupted."""
    client = Client()
    client.begins("r1")
    client.delta("r1", "i1")
    raw = {"type": "conversation.item.delete", "item_id": "i1"}
    client.says(inputs.RealtimeModelSendRawMessage(message=raw))
    assert client.delta("r1", "i1") == []
    assert client.delta("r1", "i2") == ["RealtimeModelAudioEvent"]


@pytest.mark.parametrize(
    ("kind", "reported"), [("invalid_request_error", False), ("server_error", True)]
)
def test_what_nobody_asked_for_may_be_refused(kind: str, reported: bool) -> None:
    """The item was gone before our delete came: that is no error of the application's. One that
    is not about the request is."""
    client = Client()
    client.begins("r1")
    client.delta("r1", "i1")
    *_, delete = client.says(inputs.RealtimeModelSendInterrupt())
    assert delete["type"] == "conversation.item.delete"
    error = {"type": kind, "message": "no", "event_id": delete["event_id"]}
    assert client.hears("error", error=error) == (["RealtimeModelErrorEvent"] if reported else [])


def test_a_response_nobody_saw_begin() -> None:
    """Cancelled by its id, it is silent from then on like any other."""
    client = Client()
    code = "conversation_already_has_active_response"
    client.hears("error", error={"type": "invalid_request_error", "code": code, "message": ""})
    (cancel,) = client.says(inputs.RealtimeModelSendInterrupt(response_id="r1"))
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
    assert client.delta("r1", "i1") == []


def test_a_response_that_ended_without_saying_that_its_audio_did() -> None:
    """What was heard of it was heard to its end: there is nothing to cut."""
    client = Client()
    client.begins("r1")
    client.delta("r1", "i1")
    client.protocol.delivered("i1", 0, 480, 0.0)
    client.ends("r1")
    client.protocol.send(inputs.RealtimeModelSendInterrupt(), 1.0, deque())
    assert client.sent() == []
