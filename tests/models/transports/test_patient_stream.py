"""A TCP stream that does as Trio's does, with fewer system calls. All over real sockets."""

import itertools
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import TypeAlias

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.models.transports.tcp_stream import PatientStream, open_patient_stream

Wait: TypeAlias = Callable[[socket.socket], Awaitable[None]]

each_path = pytest.mark.parametrize(
    "drained", [False, True], ids=["the first read", "after the socket was emptied"]
)
read_sizes = st.lists(st.none() | st.integers(1, 20), min_size=1, max_size=5)
writes = st.lists(st.binary(max_size=40), max_size=8)


@asynccontextmanager
async def connected(
    *, drained: bool = False
) -> AsyncGenerator[tuple[PatientStream, trio.SocketStream]]:
    """A connection and its server's end; `drained` when all that came has been read once."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        host, port = listener.socket.getsockname()
        async with await open_patient_stream(host, port) as stream, await listener.accept() as peer:
            if drained:
                await peer.send_all(b"first")
                assert await stream.receive_some() == b"first"
            yield stream, peer


def patient(plain: socket.socket) -> PatientStream:
    return PatientStream(trio.SocketStream(trio.socket.from_stdlib_socket(plain)))


async def make_pair() -> tuple[PatientStream, PatientStream]:
    one, other = socket.socketpair()
    return patient(one), patient(other)


async def make_clogged_pair() -> tuple[PatientStream, PatientStream]:
    pair = socket.socketpair()
    for plain in pair:
        plain.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                plain.send(bytes(4096))
    one, other = pair
    return patient(one), patient(other)


async def reset(peer: trio.SocketStream) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await peer.aclose()


@contextmanager
def recorded_reads() -> Generator[list[str]]:
    """The calls of `socket.recv` by anybody, Trio's sockets included."""
    reads: list[str] = []

    def profile(_frame: FrameType, event: str, called: object) -> None:
        name = getattr(called, "__qualname__", "")
        if event == "c_call" and name == "socket.recv":
            reads.append(name)

    sys.setprofile(profile)
    try:
        yield reads
    finally:
        sys.setprofile(None)


def after_the_wait(then: Callable[[], Awaitable[None]]) -> Wait:
    """Trio's `wait_readable`, and what happens in the moment before its caller goes on."""
    wait_readable = trio.lowlevel.wait_readable

    async def wait(plain: socket.socket) -> None:
        await wait_readable(plain)
        await then()

    return wait


# As any stream


async def test_it_is_a_stream_by_trios_own_tests() -> None:
    await trio.testing.check_half_closeable_stream(make_pair, make_clogged_pair)


@settings(deadline=None)
@given(writes, writes, read_sizes, read_sizes)
async def test_what_arrives_is_what_was_sent_in_both_directions_at_once(
    there: list[bytes], back: list[bytes], sizes: list[int | None], sizes_back: list[int | None]
) -> None:
    async def write(stream: trio.abc.HalfCloseableStream, parts: list[bytes]) -> None:
        for part in parts:
            await stream.send_all(part)
        await stream.send_eof()

    async def read(stream: trio.abc.Stream, sizes: list[int | None], expected: list[bytes]) -> None:
        got = bytearray()
        for size in itertools.cycle(sizes):
            part = await stream.receive_some(size)
            assert size is None or len(part) <= size
            if not part:
                break
            got += part
        assert got == b"".join(expected)

    async with connected() as (stream, peer), trio.open_nursery() as nursery:
        nursery.start_soon(write, stream, there)
        nursery.start_soon(write, peer, back)
        nursery.start_soon(read, peer, sizes, there)
        nursery.start_soon(read, stream, sizes_back, back)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40) | st.none() | st.integers(1, 20), max_size=12))
async def test_what_is_there_is_read_and_reads_in_vain_lose_nothing(
    steps: list[bytes | int | None],
) -> None:
    """Bytes are sent; a number or None is a read of that size, cancelled when it has to wait."""
    plain, peer = socket.socketpair()
    waiting = bytearray()
    with peer:
        async with patient(plain) as stream:
            for step in steps:
                if isinstance(step, bytes):
                    peer.sendall(step)
                    waiting += step
                    continue
                got = b""
                async with trio.open_nursery() as nursery:

                    @nursery.start_soon
                    async def give_up(scope: trio.CancelScope = nursery.cancel_scope) -> None:
                        await trio.testing.wait_all_tasks_blocked()
                        scope.cancel()

                    got = await stream.receive_some(step)
                assert got == waiting[:step]
                del waiting[:step]


@each_path
async def test_the_end_of_the_peers_data_is_read_as_often_as_asked(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer):
        await peer.send_eof()
        assert await stream.receive_some() == b""
        assert await stream.receive_some() == b""
        await stream.send_all(b"still open")
        assert await peer.receive_some() == b"still open"


@each_path
async def test_it_reads_on_after_it_ended_its_own_data(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer):
        await stream.send_eof()
        assert await peer.receive_some() == b""
        await peer.send_all(b"answer")
        assert await stream.receive_some() == b"answer"
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


async def test_it_waits_until_a_write_might_not_block() -> None:
    stream, peer = await make_clogged_pair()
    order = list[str]()
    async with stream, peer, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            await stream.wait_send_all_might_not_block()
            order.append("might not block")
            nursery.cancel_scope.cancel()

        await trio.testing.wait_all_tasks_blocked()
        order.append("read")
        while len(order) < 2:
            await peer.receive_some()
    assert order == ["read", "might not block"]


async def test_the_stream_it_takes_over_has_no_socket_any_more() -> None:
    """Two owners would each close the same number, the second perhaps somebody else's."""
    one, other = socket.socketpair()
    taken = trio.SocketStream(trio.socket.from_stdlib_socket(one))
    with other:
        async with PatientStream(taken):
            assert taken.socket.fileno() == -1
        assert other.recv(1) == b""


# Closed and broken


@each_path
async def test_closing_it_wakes_a_reader(drained: bool) -> None:
    async with connected(drained=drained) as (stream, _), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()

        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()


@each_path
async def test_a_closed_one_neither_reads_nor_writes(drained: bool) -> None:
    async with connected(drained=drained) as (stream, _):
        await stream.aclose()
        for _ in range(2):
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_send_all_might_not_block()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_eof()
        await stream.aclose()


@each_path
async def test_closing_it_closes_the_socket_also_when_cancelled(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer):
        await trio.aclose_forcefully(stream)
        assert await peer.receive_some() == b""


async def test_one_closed_in_the_moment_something_arrives_is_closed_and_not_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected(drained=True) as (stream, peer):
        monkeypatch.setattr(trio.lowlevel, "wait_readable", after_the_wait(stream.aclose))
        await peer.send_all(b"too late")
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


@each_path
async def test_a_reset_by_the_peer_breaks_the_next_read(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer):
        await reset(peer)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.receive_some()
        assert isinstance(caught.value.__cause__, ConnectionResetError)


@each_path
async def test_a_reset_by_the_peer_breaks_a_read_that_waits(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            with pytest.raises(trio.BrokenResourceError) as caught:
                await stream.receive_some()
            assert isinstance(caught.value.__cause__, ConnectionResetError)

        await trio.testing.wait_all_tasks_blocked()
        await reset(peer)


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("drained", [False, True])
async def test_a_size_of_less_than_a_byte_is_refused_before_waiting(
    drained: bool, size: int
) -> None:
    refused = False
    async with connected(drained=drained) as (stream, _), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def give_up() -> None:
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        with pytest.raises(ValueError, match="max_bytes must be >= 1"):
            await stream.receive_some(size)
        refused = True
    assert refused


# Its patience


async def test_trios_own_stream_reads_in_vain_before_it_waits() -> None:
    """What the tests below count; once Trio does not, this class has done its work."""
    one, other = socket.socketpair()
    with other:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(one)) as stream:
            other.send(b"x")
            await stream.receive_some()
            assert await reads_before_and_after_waiting(stream, other) == (1, 2)


async def reads_before_and_after_waiting(
    stream: trio.abc.Stream, peer: socket.socket
) -> tuple[int, int]:
    async with trio.open_nursery() as nursery:
        with recorded_reads() as reads:
            nursery.start_soon(stream.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            before = len(reads)
            peer.send(b"y")
            await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks
    return before, len(reads)


async def test_after_a_read_that_emptied_the_socket_it_waits_before_it_reads() -> None:
    plain, peer = socket.socketpair()
    with peer:
        async with patient(plain) as stream:
            peer.send(b"x")
            assert await stream.receive_some(2) == b"x"
            for _ in range(2):
                assert await reads_before_and_after_waiting(stream, peer) == (0, 1)


async def test_after_a_read_that_took_all_it_asked_for_it_tries_at_once() -> None:
    plain, peer = socket.socketpair()
    with peer:
        async with patient(plain) as stream:
            peer.send(b"xx")
            assert await stream.receive_some(3) == b"xx"
            peer.send(b"xxyy")
            assert await stream.receive_some(2) == b"xx"
            with recorded_reads() as reads:
                assert await stream.receive_some(2) == b"yy"
            assert len(reads) == 1
            assert await reads_before_and_after_waiting(stream, peer) == (1, 2)


async def test_what_is_there_before_the_first_read_is_read_at_once() -> None:
    plain, peer = socket.socketpair()
    with peer:
        async with patient(plain) as stream:
            peer.send(b"x")
            with recorded_reads() as reads:
                assert await stream.receive_some() == b"x"
            assert len(reads) == 1


async def test_being_woken_for_nothing_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    wakes = 0
    wait_readable = trio.lowlevel.wait_readable

    async def wait(plain: socket.socket) -> None:
        nonlocal wakes
        wakes += 1
        if wakes == 1:
            await trio.lowlevel.checkpoint()
        else:
            await wait_readable(plain)

    async with connected(drained=True) as (stream, peer), trio.open_nursery() as nursery:
        monkeypatch.setattr(trio.lowlevel, "wait_readable", wait)

        @nursery.start_soon
        async def read() -> None:
            assert await stream.receive_some() == b"x"

        await trio.testing.wait_all_tasks_blocked()
        assert wakes == 2
        await peer.send_all(b"x")


@each_path
async def test_cancelling_a_read_that_waits_loses_nothing(drained: bool) -> None:
    async with connected(drained=drained) as (stream, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await peer.send_all(b"x")
        assert await stream.receive_some() == b"x"


async def test_a_read_that_is_cancelled_when_it_has_been_woken_returns_what_it_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cancel() -> None:
        scope.cancel()

    async with connected(drained=True) as (stream, peer):
        await peer.send_all(b"x")
        monkeypatch.setattr(trio.lowlevel, "wait_readable", after_the_wait(cancel))
        with trio.CancelScope() as scope:
            assert await stream.receive_some() == b"x"
        assert scope.cancel_called
        assert not scope.cancelled_caught


# Sending without waiting


async def test_what_the_socket_takes_is_sent_at_once() -> None:
    plain, peer = socket.socketpair()
    with peer:
        async with patient(plain) as stream:
            assert stream.send_nowait(b"at once")
            assert peer.recv(100, socket.MSG_DONTWAIT) == b"at once"


async def test_what_a_full_socket_does_not_take_is_sent_afterwards_in_order() -> None:
    stream, peer = patient_pair_with_little_room()
    data = bytes(range(256)) * 4000
    got = bytearray()
    async with stream, peer, trio.open_nursery() as nursery:
        assert not stream.send_nowait(data)

        @nursery.start_soon
        async def send() -> None:
            await stream.send_rest()
            await stream.send_all(b"after it")
            await stream.send_eof()

        while part := await peer.receive_some():
            got += part
    assert got == data + b"after it"


async def test_a_broken_socket_is_reported_by_sending_the_rest() -> None:
    plain, peer = socket.socketpair()
    peer.close()
    async with patient(plain) as stream:
        assert not stream.send_nowait(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_rest()


async def test_a_closed_one_sends_nothing_at_once_either() -> None:
    plain, peer = socket.socketpair()
    with peer:
        stream = patient(plain)
        await stream.aclose()
        assert not stream.send_nowait(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_rest()
        assert peer.recv(1) == b""


def patient_pair_with_little_room() -> tuple[PatientStream, PatientStream]:
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return patient(one), patient(other)
