"""Random stories of good and broken frames, through the client's protocol without a socket."""

import json
from random import Random
from typing import Any

import attrs
import pytest
from support_damage import Damage
from support_fuzz import seeds
from support_protocol import Client, asked, make
from support_stand_in import StandIn
from support_steps import steps_of

from trio_realtime import RealtimeSessionModelSettings
from trio_realtime.models import events as model
from trio_realtime.models import inputs
from trio_realtime.models.openai.protocol.response_slot import CREATE_TIMEOUT, SILENCES
from trio_realtime.sessions.history.history_fold import History


@attrs.define(eq=False)
class Story:
    """A client, a server, and damage on the way from the one to the other."""

    random: Random
    client: Client
    server: StandIn
    damage: Damage
    events: list[Any] = attrs.field(factory=list[Any])
    delivered: list[str | bytes] = attrs.field(factory=list[str | bytes])

    def deliver(self, message: str | bytes) -> None:
        self.delivered.append(message)
        self.events += self.client.hears_frame(message)
        self.exchange()

    def exchange(self) -> None:
        """Have the server hear what the client sends."""
        for frame in self.client.sent():
            self.server.hears(frame)

    def asks(self, given: inputs.RealtimeModelInput) -> None:
        self.events += self.client.says(given)
        self.exchange()

    def passes(self, seconds: float) -> None:
        self.client.now += seconds
        deadline = self.client.protocol.deadline
        if deadline is not None and self.client.now >= deadline:
            self.events += self.client.time_passes()
            self.exchange()

    def goes_on(self) -> None:
        """One frame of the server, or something that the application wants."""
        chance = self.random.random()
        if chance < 0.05:
            self.asks(self.some_input())
        elif chance < 0.07:
            self.passes(self.random.choice([0.1, 5.0, 2 * SILENCES * CREATE_TIMEOUT]))
        frame = self.server.tells()
        if frame is None:
            self.asks(self.some_input())
            self.passes(1.0)
            return
        for message in self.damage.of(frame):
            self.deliver(message)
        self.passes(0.02)

    def some_input(self) -> inputs.RealtimeModelInput:
        metadata = {str(number): "x" for number in range(self.random.choice([1, 16]))}
        some: list[inputs.RealtimeModelInput] = [
            asked(),
            asked(),
            inputs.RealtimeModelCreateResponse(),
            inputs.RealtimeModelCreateResponse(automatic=True),
            inputs.RealtimeModelCreateResponse(out_of_band=True),
            inputs.RealtimeModelCreateResponse(
                out_of_band=True, options=inputs.ResponseOptions(metadata=metadata)
            ),
            inputs.RealtimeModelSendInterrupt(),
            inputs.RealtimeModelSendAudio(audio=bytes(self.random.randrange(1, 99))),
            inputs.RealtimeModelCommitAudio(),
            inputs.RealtimeModelClearAudio(),
            inputs.RealtimeModelSendSessionUpdate(
                session_settings=RealtimeSessionModelSettings(instructions="Go on.")
            ),
            inputs.RealtimeModelSendRawMessage(message={"type": "response.cancel"}),
        ]
        return self.random.choice(some)

    def takes_a_good_turn(self) -> bool:
        """Whether a message is answered when the server has become a good one."""
        self.server.calm_down()
        for message in self.damage.rest():
            self.deliver(message)
        self.tell_the_rest()
        self.events.clear()
        self.asks(asked())
        for _ in range(50):
            self.tell_the_rest()
            if "hi" in said(self.events).split():
                return True
            self.passes(CREATE_TIMEOUT)
        return False

    def tell_the_rest(self) -> None:
        while (frame := self.server.tells()) is not None:
            self.deliver(json.dumps(frame))


def said(events: list[Any]) -> str:
    """What the model wrote."""
    texts = model.RealtimeModelOutputTextDeltaEvent
    return " ".join(each.delta for each in events if isinstance(each, texts))


def story(seed: int, *, one_in: int = 6) -> Story:
    """The beginning of the story with this seed."""
    random = Random(seed)
    return Story(random, make(), StandIn(random), Damage(random, one_in))


@pytest.mark.parametrize("seed", seeds(100))
def test_after_any_story_the_next_good_turn_is_taken(seed: int) -> None:
    """No frame raises, none makes the client deaf, and errors are those of the library."""
    tale = story(seed)
    for _ in range(200):
        tale.goes_on()
    errors = [each.error for each in tale.events if isinstance(each, model.RealtimeModelErrorEvent)]
    assert all(isinstance(e, model.RealtimeServerError | Exception) for e in errors)
    assert tale.takes_a_good_turn()


@pytest.mark.parametrize("seed", seeds(3))
def test_frames_are_no_more_work_later_than_earlier(seed: int) -> None:
    """Neither the protocol nor the history slows down, whatever frames went before."""
    tale = story(seed)
    while len(tale.delivered) < 4000:
        tale.goes_on()
    client, history = make(), History()

    def hears(messages: list[str | bytes]) -> None:
        for message in messages:
            client.now += 0.02
            for event in client.hears_frame(message):
                history.apply(event)
            history.snapshot()
            client.sent()

    first = steps_of(lambda: hears(tale.delivered[:1000]))
    hears(tale.delivered[1000:3000])
    assert steps_of(lambda: hears(tale.delivered[3000:4000])) < 2 * first
