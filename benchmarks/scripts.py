"""What the benchmark server does with a client: one generator for each script.

A script yields what it waits for (`Want`) and is resumed with it. ``write`` hands bytes to the
socket without waiting. Times are `time.monotonic_ns`, which client and server share.
"""

import time
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple, TypeAlias, cast

from . import wire
from .measures import Measures


class Arrival(NamedTuple):
    """A client event, and when its bytes arrived."""

    ns: int
    event: Mapping[str, object]


Want: TypeAlias = str | tuple[str, ...] | float | None
"""A client event of this type (or of one of these), so many seconds, or (``None``) room in the
socket's buffer."""
Script: TypeAlias = Generator[Want, Arrival | None, None]
Write: TypeAlias = Callable[[bytes], None]
Sizes: TypeAlias = Mapping[str, int]

BLOCK = 128 * 1024
"""About how many bytes a stream of deltas is written in."""


def stream(write: Write, sizes: Sizes, _measures: Measures) -> Script:
    """One response of ``audio`` and ``words`` deltas, evenly mixed, as fast as the client reads."""
    audio, words = sizes.get("audio", 0), sizes.get("words", 0)
    rounds = min(n for n in (audio, words) if n)
    one = wire.frames(
        [wire.audio_delta()] * (audio // rounds) + [wire.transcript_delta()] * (words // rounds)
    )
    per_block = max(1, BLOCK // len(one))
    block = one * per_block
    yield "response.create"
    write(wire.frames(wire.response_begins()))
    for _ in range(rounds // per_block):
        write(block)
        yield None
    write(one * (rounds % per_block) + wire.frames(wire.response_ends()))


def uplink(write: Write, sizes: Sizes, _measures: Measures) -> Script:
    """Take ``chunks`` of audio, then give the response that tells the client they are here."""
    for _ in range(sizes["chunks"]):
        yield "input_audio_buffer.append"
    write(wire.frames([*wire.response_begins(), *wire.response_ends()]))


def turns(write: Write, sizes: Sizes, _measures: Measures) -> Script:
    """Answer ``turns`` messages, each by ``audio`` and ``words`` deltas."""
    question = wire.frames(wire.question())
    answer = wire.frames(
        [
            *wire.response_begins(),
            *[wire.audio_delta()] * sizes["audio"],
            *[wire.transcript_delta()] * sizes["words"],
            *wire.response_ends(),
        ]
    )
    for number in range(1, sizes["turns"] + 1):
        numbered_answer = wire.numbered(answer, number)
        yield "conversation.item.create"
        write(wire.numbered(question, number))
        yield "response.create"
        write(numbered_answer)


def tools(write: Write, sizes: Sizes, measures: Measures) -> Script:
    """Call a tool ``calls`` times; measure until its output and the next request are here."""
    begin, end = wire.frames(wire.tool_call_begins()), wire.frames(wire.tool_call_ends())
    calls = sizes["calls"]
    yield "response.create"
    for number in range(1, calls + 1):
        write(wire.numbered(begin, number))
        finish = wire.numbered(end, number)
        yield 0.001  # the client is idle when the call is complete
        sent = time.monotonic_ns()
        write(finish)
        output = cast("Arrival", (yield "conversation.item.create"))
        item = cast("Mapping[str, object]", output.event["item"])
        assert item["call_id"] == f"call_{number:08d}", item
        assert item["output"] == "42", item
        measures.add_ns("output_ms", output.ns - sent)
        follow_up = cast("Arrival", (yield "response.create"))
        measures.add_ns("create_ms", follow_up.ns - sent)
    write(wire.numbered(wire.frames([*wire.response_begins(), *wire.response_ends()]), calls + 1))


def barge_in(write: Write, sizes: Sizes, measures: Measures) -> Script:
    """Speak over ``cycles`` responses; measure until the client has cut what was being said.

    In turn behind five seconds of audio just sent (backlog), and when the client has had time to
    take all of a second of audio (idle). A client whose user has heard nothing yet may delete the
    item instead of truncating it.
    """
    second = [wire.audio_delta()] * 10
    short = wire.frames([*wire.response_begins(), *second])
    long = wire.frames([*wire.response_begins(), *second * 5])
    speech = wire.frames([wire.speech_started()])
    cancelled = wire.response_ends("cancelled")
    ends = {
        "conversation.item.truncate": wire.frames([wire.truncated(), *cancelled]),
        "conversation.item.delete": wire.frames([wire.deleted(), *cancelled]),
    }
    yield "response.create"
    for number in range(1, sizes["cycles"] + 1):
        for state, said in (("backlog", long), ("idle", short)):
            place = 2 * number + (state == "idle")
            interruption = wire.numbered(speech, place)
            write(wire.numbered(said, place))
            if state == "idle":
                yield 0.01
            sent = time.monotonic_ns()
            write(interruption)
            cut = cast("Arrival", (yield tuple(ends)))
            kind = str(cut.event["type"])
            assert cut.event["item_id"] == f"item_{place:08d}", cut.event
            measures.add_ns(f"{state}_ms", cut.ns - sent)
            measures.count(kind)
            write(wire.numbered(ends[kind], place))
            yield 0.004


SCRIPTS: dict[str, Callable[[Write, Sizes, Measures], Script]] = {
    "stream": stream,
    "uplink": uplink,
    "turns": turns,
    "tools": tools,
    "barge_in": barge_in,
}
