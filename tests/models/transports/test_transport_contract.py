"""What every transport promises, against scripted servers that send exactly chosen bytes."""

import math
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from support_transports import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Peer,
    Received,
    as_bytes,
    close_frame,
    each_kind,
    frame,
    receive_all,
    scripted,
    text,
)

from trio_realtime.errors import RealtimeConnectionClosed, RealtimeSessionClosed, UserError
from trio_realtime.models.transports import TextTransport, TransportKind, TransportSettings

pytestmark = each_kind


async def receive_count(transport: TextTransport, count: int) -> list[bytes]:
    """At least ``count`` messages; batches are not to be relied on."""
    messages: list[bytes] = []
    while len(messages) < count:
        messages += as_bytes(list(await transport.receive()))
    return messages


def sending(*writes: bytes) -> Callable[[Peer], Awaitable[None]]:
    """A script that accepts, sends these writes one by one, and takes part in the close."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        for data in writes:
            await peer.send(data)
            await trio.testing.wait_all_tasks_blocked()
        await peer.finish()

    return script


# -- receiving -----------------------------------------------------------------------


async def test_messages_arrive_whole_and_in_order(kind: TransportKind) -> None:
    messages = [b'{"n":%d}' % n for n in range(100)]
    data = b"".join(frame(TEXT, m) for m in messages)

    async with scripted(sending(data), kind) as transport:
        assert await receive_count(transport, 100) == messages


async def test_messages_of_every_length_form(kind: TransportKind) -> None:
    """The three ways a frame header states a length, at their borders."""
    messages = [b"x" * n for n in (0, 125, 126, 65_535, 65_536)]

    async with scripted(sending(*(frame(TEXT, m) for m in messages)), kind) as transport:
        assert await receive_count(transport, 5) == messages


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
async def test_bytes_may_be_cut_anywhere(kind: TransportKind, size: int) -> None:
    messages = [b"a" * 3, b"b" * 130, "grüße".encode()]
    data = b"".join(frame(TEXT, m) for m in messages)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]

    async with scripted(sending(*pieces), kind) as transport:
        assert await receive_count(transport, 3) == messages


async def test_frames_in_the_segment_of_the_handshake_response(kind: TransportKind) -> None:
    """Also half a frame, whose other half comes later."""
    second = text("second")

    async def script(peer: Peer) -> None:
        await peer.accept(then=text("first") + second[:4])
        await peer.send(second[4:])
        await peer.finish()

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 2) == [b"first", b"second"]


async def test_a_close_in_the_segment_of_the_handshake_response(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=text("only") + close_frame(1000))
        assert (await peer.read()).opcode == CLOSE
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        assert await receive_all(transport) == [b"only"]


async def test_fragments_are_joined(kind: TransportKind) -> None:
    """Also where a fragment ends within a character."""
    first, rest = "grü".encode()[:-1], "grü".encode()[-1:] + b"n"
    fragments = frame(TEXT, first, fin=False) + frame(CONT, b"", fin=False) + frame(CONT, rest)

    async with scripted(sending(fragments + text("next")), kind) as transport:
        assert await receive_count(transport, 2) == ["grün".encode(), b"next"]


async def test_a_ping_between_fragments_is_answered_before_the_message_ends(
    kind: TransportKind,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=frame(TEXT, b"to", fin=False) + frame(PING, b"now"))
        pong = await peer.read()
        assert (pong.opcode, pong.payload) == (PONG, b"now")
        await peer.send(frame(CONT, b"gether"))
        await peer.finish()

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"together"]


async def test_pings_are_answered_while_receive_waits(kind: TransportKind) -> None:
    pongs: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        for payload in (b"", b"two"):
            await peer.send(frame(PING, payload))
            pongs.append(await peer.read())
        await peer.send(text("after"))
        await peer.finish()

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"after"]
    assert [(p.opcode, p.payload, p.masked) for p in pongs] == [
        (PONG, b"", True),
        (PONG, b"two", True),
    ]


async def test_a_pong_nobody_asked_for_is_ignored(kind: TransportKind) -> None:
    async with scripted(sending(frame(PONG, b"?") + text("x")), kind) as transport:
        assert await receive_count(transport, 1) == [b"x"]


async def test_a_binary_message_comes_as_its_bytes_and_the_connection_goes_on(
    kind: TransportKind,
) -> None:
    data = frame(BINARY, b"\xff\x00") + frame(BINARY, b"\xfe", fin=False) + frame(CONT, b"\xfd")

    async with scripted(sending(data + text("on")), kind) as transport:
        messages = await receive_count(transport, 3)
        assert messages == [b"\xff\x00", b"\xfe\xfd", b"on"]


async def test_cancelling_receive_loses_no_message(kind: TransportKind) -> None:
    """Cancelled before, while and just as messages arrive, receive still yields every one."""
    first, second = text("first"), text("second")

    async def script(peer: Peer) -> None:
        await peer.accept()
        for piece in (first, second[:3], second[3:]):
            await trio.testing.wait_all_tasks_blocked()
            await peer.send(piece)
        await peer.finish()

    got: list[bytes] = []
    async with scripted(script, kind) as transport:
        for turns in range(12):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:

                    async def cancel_soon(
                        turns: int = turns, scope: trio.CancelScope = scope
                    ) -> None:
                        for _ in range(turns):
                            await trio.lowlevel.checkpoint()
                        scope.cancel()

                    nursery.start_soon(cancel_soon)
                    got += as_bytes(list(await transport.receive()))
                    nursery.cancel_scope.cancel()
        got += await receive_count(transport, 2 - len(got))
    assert got == [b"first", b"second"]


# -- ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_clean_close_is_an_empty_batch_after_the_messages(
    kind: TransportKind, code: int
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("last") + close_frame(code, "bye"))
        echo = await peer.read()
        assert (echo.opcode, echo.code, echo.masked) == (CLOSE, code, True)
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        assert await receive_all(transport) == [b"last"]
        assert list(await transport.receive()) == []
        with pytest.raises(RealtimeConnectionClosed) as caught:
            await transport.send(["late"])
        assert (caught.value.code, caught.value.reason) == (code, "bye")
        with pytest.raises(RealtimeConnectionClosed):
            await transport.ping()


async def test_a_close_frame_without_a_code_is_a_clean_end(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(CLOSE))
        assert (await peer.read()).payload == b""
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        assert await receive_all(transport) == []


async def test_an_unclean_close_is_an_error_after_the_messages(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("last") + close_frame(4001, "no credit"))
        assert (await peer.read()).code == 4001
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"last"]
        for _ in range(2):
            with pytest.raises(RealtimeConnectionClosed) as caught:
                await transport.receive()
            assert (caught.value.code, caught.value.reason) == (4001, "no credit")
            assert str(caught.value) == "the server closed the connection with code 4001: no credit"


@pytest.mark.parametrize("rest", [b"", text("cut off")[:5]])
async def test_an_abrupt_drop_is_1006_after_the_messages(kind: TransportKind, rest: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("last") + rest)
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"last"]
        with pytest.raises(RealtimeConnectionClosed, match="lost") as caught:
            await transport.receive()
        assert caught.value.code == 1006
        with pytest.raises(RealtimeConnectionClosed):
            await transport.send(["late"])


BAD_FRAMES = {
    "reserved bit": frame(TEXT, b"x", first_bits=0x40),
    "unknown opcode": frame(0x3, b"x"),
    "masked": b"\x81\x81\x00\x00\x00\x00x",
    "continuation of nothing": frame(CONT, b"x"),
    "text within a fragmented message": frame(TEXT, b"x", fin=False) + text("y"),
    "fragmented ping": frame(PING, b"x", fin=False),
    "close code out of range": close_frame(999),
    "close frame of one byte": frame(CLOSE, b"x"),
}


@pytest.mark.parametrize("bad", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
async def test_a_broken_frame_is_1002_after_the_messages(kind: TransportKind, bad: bytes) -> None:
    """The server is told, and what follows the fault is not read."""
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("fine") + bad + text("never"))
        closes.append(await peer.finish())

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"fine"]
        with pytest.raises(RealtimeConnectionClosed, match="protocol") as caught:
            await transport.receive()
        assert caught.value.code == 1002
    assert closes[0].code == 1002


@pytest.mark.parametrize(
    "bad",
    [
        frame(TEXT, b'{"a":"\xff"}'),
        frame(TEXT, b'{"a":"\xc3', fin=False) + frame(CONT, b'"}'),
        frame(TEXT, b"\xed\xa0\x80"),
    ],
    ids=["invalid byte", "across fragments", "surrogate"],
)
async def test_text_that_is_not_utf8_is_1007_after_the_messages(
    kind: TransportKind, bad: bytes
) -> None:
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("fine") + bad + text("never"))
        closes.append(await peer.finish())

    async with scripted(script, kind) as transport:
        assert await receive_count(transport, 1) == [b"fine"]
        with pytest.raises(RealtimeConnectionClosed, match="UTF-8") as caught:
            await transport.receive()
        assert caught.value.code == 1007
    assert closes[0].code == 1007


@pytest.mark.parametrize(
    "bad",
    [
        text("x" * 101),
        frame(TEXT, b"x" * 60, fin=False) + frame(CONT, b"x" * 60),
        text("x" * 400),
    ],
    ids=["one frame", "fragments", "longer length form"],
)
async def test_a_message_above_the_limit_is_1009_after_the_messages(
    kind: TransportKind, bad: bytes
) -> None:
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept(then=text("x" * 100) + text("small") + bad + text("never"))
        closes.append(await peer.finish())

    settings = TransportSettings(max_message_size=100)
    async with scripted(script, kind, settings=settings) as transport:
        await trio.testing.wait_all_tasks_blocked()
        assert await receive_count(transport, 2) == [b"x" * 100, b"small"]
        with pytest.raises(RealtimeConnectionClosed, match="max_message_size=100 bytes") as caught:
            await transport.receive()
        assert caught.value.code == 1009
    assert closes[0].code == 1009


async def test_a_server_in_the_middle_of_sending_hears_of_its_fault(kind: TransportKind) -> None:
    """What it goes on to send is read and dropped, so that it gets to reading our close frame."""
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("x" * 101))
        for _ in range(5):
            await peer.send(b"more" * 100)
        closes.append(await peer.read())
        await peer.stream.aclose()

    settings = TransportSettings(max_message_size=100)
    async with scripted(script, kind, settings=settings) as transport:
        with pytest.raises(RealtimeConnectionClosed) as caught:
            await transport.receive()
        assert caught.value.code == 1009
    assert closes[0].code == 1009


# -- sending -------------------------------------------------------------------------


async def test_each_message_is_one_masked_text_frame(kind: TransportKind) -> None:
    received: list[Received] = []
    messages: list[str | bytes] = ["", "a", b"b" * 126, "ü" * 40_000]
    wire: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        received.extend([await peer.read() for _ in messages])
        wire.append(bytes(peer.sent))
        await peer.finish()

    async with scripted(script, kind) as transport:
        await transport.send(messages)
    assert [r.payload for r in received] == as_bytes(messages)
    assert {(r.opcode, r.masked, r.fin) for r in received} == {(TEXT, True, True)}
    assert b"b" * 126 not in wire[0]


async def test_every_frame_has_a_mask_of_its_own(kind: TransportKind) -> None:
    masks: set[bytes] = set()

    async def script(peer: Peer) -> None:
        await peer.accept()
        for _ in range(50):
            await peer.read()
            masks.add(bytes(peer.sent[2:6]))
            peer.sent.clear()
        await peer.finish()

    async with scripted(script, kind) as transport:
        await transport.send(["same"] * 50)
    assert len(masks) > 45  # two of 50 random masks being equal is rare, five are not random


async def test_an_empty_batch_sends_nothing_and_is_a_checkpoint(kind: TransportKind) -> None:
    async with scripted(sending(), kind) as transport:
        with trio.testing.assert_checkpoints():
            await transport.send([])
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.send([])
        assert scope.cancelled_caught


async def test_send_waits_for_a_server_that_does_not_read(kind: TransportKind) -> None:
    """That is the backpressure; and the server's messages are received meanwhile."""
    go_on = trio.Event()
    payload = "x" * 10_000

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(text("hello"))
        await go_on.wait()
        assert (await peer.read()).payload == payload.encode()
        await peer.finish()

    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport, trio.open_nursery() as nursery:
        sent = trio.Event()

        async def send() -> None:
            await transport.send([payload])
            sent.set()

        nursery.start_soon(send)
        assert await receive_count(transport, 1) == [b"hello"]
        await trio.testing.wait_all_tasks_blocked()
        assert not sent.is_set()
        go_on.set()
        await sent.wait()


async def test_a_pong_waits_for_a_write_in_progress(kind: TransportKind) -> None:
    """Frames never interleave: the pong comes after the message that is being written."""
    frames: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(frame(PING, b"p"))
        await trio.testing.wait_all_tasks_blocked()
        frames.extend([await peer.read(), await peer.read()])
        await peer.finish()

    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(transport.send, ["x" * 5000])
        nursery.start_soon(transport.receive)
        await trio.testing.wait_all_tasks_blocked()
        while len(frames) < 2:
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(f.opcode, len(f.payload)) for f in frames] == [(TEXT, 5000), (PONG, 1)]


async def test_a_send_cut_short_makes_the_transport_unusable(kind: TransportKind) -> None:
    """Half a frame may be out, so nothing follows it; closing drops the connection at once."""
    rest: list[bytes] = []
    torn = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        await torn.wait()
        while data := await peer.stream.receive_some():
            rest.append(bytes(data))

    pair = trio.testing.lockstep_stream_pair
    async with scripted(script, kind, pair=pair) as transport:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.send, ["x" * 5000])
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        torn.set()
        with pytest.raises(RealtimeSessionClosed, match="cut short"):
            await transport.send(["more"])
        with pytest.raises(RealtimeSessionClosed, match="cut short"):
            await transport.ping()
        before = trio.current_time()
        await transport.aclose()
        assert trio.current_time() - before < 1
    assert b"more" not in b"".join(rest)


async def test_a_send_cancelled_before_it_begins_harms_nothing(kind: TransportKind) -> None:
    received: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        received.append(await peer.read())
        await peer.finish()

    async with scripted(script, kind) as transport:
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.send(["never"])
        await transport.send(["once"])
    assert [r.payload for r in received] == [b"once"]


async def test_sending_on_a_broken_stream_is_1006(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(2):
            with pytest.raises(RealtimeConnectionClosed) as caught:
                await transport.send(["x"])
            assert caught.value.code == 1006


# -- pings ---------------------------------------------------------------------------


async def test_ping_returns_when_its_pong_arrives(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        ping = await peer.read()
        assert (ping.opcode, ping.masked) == (PING, True)
        await peer.send(frame(PONG, b"of another") + frame(PONG, ping.payload))
        await peer.finish()

    async with scripted(script, kind) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        await transport.ping()
        nursery.cancel_scope.cancel()


async def test_a_pong_answers_the_pings_before_it_too(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        pings = [await peer.read(), await peer.read(), await peer.read()]
        assert len({p.payload for p in pings}) == 3
        await peer.send(frame(PONG, pings[1].payload))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(answered) == [0, 1]  # woken together, in any order
        await peer.send(frame(PONG, pings[2].payload))
        await peer.finish()

    answered: list[int] = []

    async def ping(transport: TextTransport, number: int) -> None:
        await transport.ping()
        answered.append(number)

    async with scripted(script, kind) as transport, trio.open_nursery() as readers:
        readers.start_soon(transport.receive)
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(ping, transport, number)
                await trio.testing.wait_all_tasks_blocked()
        readers.cancel_scope.cancel()
    assert sorted(answered) == [0, 1, 2]


async def test_ping_fails_when_the_connection_ends_first(kind: TransportKind) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.read()
        await peer.stream.aclose()

    async with scripted(script, kind) as transport, trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(RealtimeConnectionClosed):
                await transport.receive()

        nursery.start_soon(read)
        with pytest.raises(RealtimeConnectionClosed) as caught:
            await transport.ping()
        assert caught.value.code == 1006


async def test_a_cancelled_ping_harms_nothing(kind: TransportKind) -> None:
    received: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        received.extend([await peer.read(), await peer.read()])
        await peer.finish()

    async with scripted(script, kind) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.ping)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await transport.send(["on"])
    assert [r.opcode for r in received] == [PING, TEXT]


# -- closing -------------------------------------------------------------------------


async def test_leaving_the_block_closes_with_1000(kind: TransportKind) -> None:
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        closes.append(await peer.finish())

    async with scripted(script, kind):
        pass
    assert [(c.code, c.reason, c.masked) for c in closes] == [(1000, "", True)]


async def test_aclose_sends_its_code_and_reason_and_is_idempotent(kind: TransportKind) -> None:
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        closes.append(await peer.read_until_close())
        await allow.wait()
        await peer.send(close_frame(4000))
        await peer.stream.aclose()

    allow = trio.Event()
    async with scripted(script, kind) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 4000, "ü" * 100)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(transport.aclose)
            await trio.testing.wait_all_tasks_blocked()
            allow.set()
        await transport.aclose()
        assert list(await transport.receive()) == []
        with pytest.raises(RealtimeSessionClosed):
            await transport.send(["late"])
        with pytest.raises(RealtimeSessionClosed):
            await transport.ping()
    assert [(c.code, c.reason) for c in closes] == [(4000, "ü" * 61)]


async def test_impossible_close_codes_are_refused(kind: TransportKind) -> None:
    async with scripted(sending(), kind) as transport:
        for code in (0, 999, 1004, 1005, 1006, 1015, 2000, 5000):
            with pytest.raises(UserError, match="close code"):
                await transport.aclose(code)


async def test_aclose_wakes_a_receive_that_waits(kind: TransportKind) -> None:
    """It ends cleanly, and so does one that is called while the close handshake goes on."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.read_until_close()
        await trio.testing.wait_all_tasks_blocked()
        await peer.send(text("dropped") + close_frame(1000))
        await peer.stream.aclose()

    async with scripted(script, kind) as transport, trio.open_nursery() as nursery:
        results: list[bytes] = []

        async def read() -> None:
            results.extend(await receive_all(transport))

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose()
    assert results == []


async def test_a_reader_that_is_cancelled_during_the_close_does_not_delay_it(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.read_until_close()
        await trio.testing.wait_all_tasks_blocked()
        reader.cancel()
        await trio.testing.wait_all_tasks_blocked()
        await peer.send(close_frame(1000))
        await peer.stream.aclose()

    reader = trio.CancelScope()

    async with scripted(script, kind) as transport, trio.open_nursery() as nursery:

        async def read() -> None:
            with reader:
                await receive_all(transport)

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose()
    assert trio.current_time() == pytest.approx(0, abs=1e-6)


async def test_a_server_that_never_answers_the_close_is_left_after_the_limit(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    closes: list[Received] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        closes.append(await peer.read())
        assert await peer.at_eof()

    settings = TransportSettings(close_timeout=3)
    start = trio.current_time()
    async with scripted(script, kind, settings=settings) as transport:
        await transport.aclose()
    assert trio.current_time() - start == pytest.approx(3)
    assert closes[0].code == 1000


async def test_a_server_that_closes_but_keeps_the_stream_open_is_left_after_the_limit(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=close_frame(1000))
        await peer.read()
        assert await peer.at_eof()

    start = trio.current_time()
    async with scripted(script, kind) as transport:
        assert await receive_all(transport) == []
    assert trio.current_time() - start <= 2.001


async def test_closing_while_the_server_does_not_read_is_bounded(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    """The sender that was stuck is told that the connection was closed on this side."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep(math.inf)

    pair = trio.testing.lockstep_stream_pair
    with trio.CancelScope() as everything:
        async with scripted(script, kind, pair=pair) as transport, trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(RealtimeSessionClosed):
                    await transport.send(["x" * 5000])

            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            await transport.aclose()
            assert trio.current_time() == pytest.approx(2)
            everything.cancel()


async def test_pings_during_the_close_handshake_do_no_harm(
    kind: TransportKind, autojump_clock: trio.testing.MockClock
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.read_until_close()
        await peer.send(frame(PING, b"?"))
        await trio.testing.wait_all_tasks_blocked()
        await peer.stream.aclose()

    async with scripted(script, kind) as transport:
        await transport.aclose()
    assert trio.current_time() == pytest.approx(0, abs=1e-6)


async def test_messages_queued_when_closing_are_dropped(kind: TransportKind) -> None:
    """More than any queue holds: the close handshake goes through them."""

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(b"".join(text("x" * 500) for _ in range(500)))
        await peer.finish()

    async with scripted(script, kind) as transport:
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose()
        assert list(await transport.receive()) == []
