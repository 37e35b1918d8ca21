"""What broken servers and bad networks make of frames: lost, doubled, late, wrong in every field.

Pure: `Damage.of` takes a frame of the story and gives the messages that arrive instead of it.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, ClassVar, Final, TypeAlias

import attrs

Message: TypeAlias = str | bytes
"""A text message, or a binary one."""

WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0.5,
    10**400,
    -(2**63),
    2**64,
    float("nan"),
    float("inf"),
    "",
    "?",
    "\ud83d",
    "x\udc00y",
    "9" * 30,
    [],
    [[]],
    [None],
    {},
    {"type": None},
    {"id": {"id": []}},
)
"""Values that nobody expects. Python's JSON writes those that JSON does not have, too."""

GARBAGE: Final[tuple[Message, ...]] = (
    "",
    "null",
    "[]",
    '"text"',
    "{",
    '{"type":',
    '{"type": 7}',
    "hello",
    "[" * 2000,
    '{"type":"response.done","response":' + "[" * 2000 + "]" * 2000 + "}",
    '{"type":"unheard.of","response_id":null}',
    '{"type":"error","error":{"event_id":"unheard_of"}}',
    b"\x00\x01\x02",
    b"\xff\xfe{}",
    b"",
)
"""Messages that are no frame at all."""


@attrs.define(eq=False)
class Damage:
    """Breaks one frame in ``one_in``, each in one way or several."""

    random: Random
    one_in: int = 6
    _late: list[Message] = attrs.field(factory=list[Message])

    def of(self, frame: Mapping[str, Any]) -> Iterator[Message]:
        """The messages that arrive when this one is sent."""
        if self.random.randrange(self.one_in):
            yield json.dumps(frame)
        else:
            yield from self.random.choice(self._WAYS)(self, dict(frame))
        while self._late and self.random.random() < 0.2:
            yield self._late.pop(self.random.randrange(len(self._late)))

    def rest(self) -> Iterator[Message]:
        """What is still under way."""
        while self._late:
            yield self._late.pop()

    def _lost(self, _frame: dict[str, Any]) -> Iterator[Message]:
        return iter(())

    def _doubled(self, frame: dict[str, Any]) -> Iterator[Message]:
        yield from [json.dumps(frame)] * self.random.randrange(2, 4)

    def _delayed(self, frame: dict[str, Any]) -> Iterator[Message]:
        self._late.append(json.dumps(frame))
        return iter(())

    def _binary(self, frame: dict[str, Any]) -> Iterator[Message]:
        yield json.dumps(frame).encode()

    def _garbage(self, frame: dict[str, Any]) -> Iterator[Message]:
        yield self.random.choice(GARBAGE)
        yield json.dumps(frame)

    def _torn(self, frame: dict[str, Any]) -> Iterator[Message]:
        text = json.dumps(frame)
        at = self.random.randrange(len(text))
        yield text[:at] + self.random.choice(["", "\\", "\\ud8", '"', "}", "\x00"]) + text[at + 1 :]

    def _renamed(self, frame: dict[str, Any]) -> Iterator[Message]:
        beta = frame["type"].replace("response.output_audio", "response.audio")
        yield json.dumps({**frame, "type": self.random.choice([beta, "unheard.of", "", None])})

    def _mistyped(self, frame: dict[str, Any]) -> Iterator[Message]:
        frame = json.loads(json.dumps(frame))
        for _ in range(self.random.randrange(1, 4)):
            self._spoil_one_field(frame)
        yield json.dumps(frame)

    def _spoil_one_field(self, frame: dict[str, Any]) -> None:
        place: Any = frame
        while True:
            if not place:
                return
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = self.random.choice(keys)
            if isinstance(place[key], dict | list) and self.random.random() < 0.7:
                place = place[key]
                continue
            break
        if key == "type" and place is frame:
            return
        if self.random.random() < 0.4:
            del place[key]
        else:
            place[key] = copy.deepcopy(self.random.choice(WRONG))

    _WAYS: ClassVar[tuple[Callable[["Damage", dict[str, Any]], Iterator[Message]], ...]] = (
        _lost,
        _doubled,
        _delayed,
        _binary,
        _garbage,
        _torn,
        _renamed,
        _mistyped,
        _mistyped,
        _mistyped,
        _mistyped,
    )
