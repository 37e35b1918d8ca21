"""TLS over a socket, against Trio's own TLS on the other end."""

import itertools
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.models.transports.tcp_stream import PatientStream
from trio_realtime.models.transports.tls_stream import TlsStream

AUTHORITY = trustme.CA()

writes = st.lists(st.integers(0, 40_000), max_size=5)
read_sizes = st.lists(st.none() | st.integers(1, 20_000), min_size=1, max_size=4)


def server_context(host: str = "server.test") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(host).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def socket_streams() -> tuple[trio.SocketStream, trio.SocketStream]:
    one, other = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair()
    )
    return one, other


@asynccontextmanager
async def secured() -> AsyncGenerator[
    tuple[TlsStream, "trio.SSLStream[trio.SocketStream]", trio.SocketStream]
]:
    """A connection that has shaken hands: ours, the server's end, and the socket below that."""
    one, other = socket_streams()
    stream = TlsStream(PatientStream(one), client_context(), "server.test")
    peer = trio.SSLStream(other, server_context(), server_side=True)
    async with stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.do_handshake)
            await stream.do_handshake()
        yield stream, peer, other
    await trio.aclose_forcefully(peer)


@settings(deadline=None, max_examples=30)
@given(writes, writes, read_sizes)
async def test_what_arrives_is_what_was_sent_in_both_directions_at_once(
    there: list[int], back: list[int], sizes: list[int | None]
) -> None:
    async def write(stream: trio.abc.Stream, lengths: list[int]) -> None:
        for number, length in enumerate(lengths):
            await stream.send_all(bytes((number,)) * length)

    async def read(
        stream: trio.abc.Stream, lengths: list[int], wanted: Sequence[int | None]
    ) -> None:
        got = bytearray()
        asked = itertools.cycle(wanted)
        while len(got) < sum(lengths):
            size = next(asked)
            part = await stream.receive_some(size)
            assert part
            assert size is None or len(part) <= size
            got += part
        assert got == b"".join(bytes((number,)) * each for number, each in enumerate(lengths))

    async with secured() as (stream, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(write, stream, there)
        nursery.start_soon(write, peer, back)
        nursery.start_soon(read, peer, there, [None])
        nursery.start_soon(read, stream, back, sizes)


async def test_all_records_that_have_arrived_come_in_one_read() -> None:
    async with secured() as (stream, peer, _):
        for part in (b"one ", b"two ", b"x" * 20_000):
            await peer.send_all(part)
        assert await stream.receive_some() == b"one two " + b"x" * 20_000


async def test_a_record_in_pieces_is_waited_for() -> None:
    one, other = socket_streams()
    stream = TlsStream(PatientStream(one), client_context(), "server.test")
    relayed, inner = trio.testing.memory_stream_pair()
    peer = trio.SSLStream(inner, server_context(), server_side=True)

    async def relay(
        source: trio.abc.ReceiveStream, target: trio.abc.SendStream, size: int | None
    ) -> None:
        while data := await source.receive_some(size):
            await target.send_all(data)
            await trio.testing.wait_all_tasks_blocked()

    async with stream, other, trio.open_nursery() as nursery:
        nursery.start_soon(relay, relayed, other, 100)
        nursery.start_soon(relay, other, relayed, None)
        nursery.start_soon(peer.do_handshake)
        await stream.do_handshake()
        nursery.start_soon(peer.send_all, b"x" * 1000)
        assert await stream.receive_some() == b"x" * 1000
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("polite", [True, False], ids=["said in TLS", "just ended"])
async def test_the_end_of_the_peers_data_is_read_as_often_as_asked(polite: bool) -> None:
    async with secured() as (stream, peer, tcp):
        await peer.send_all(b"last words")
        if polite:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.unwrap)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        else:
            await tcp.aclose()
        assert await stream.receive_some() == b"last words"
        assert await stream.receive_some() == b""
        assert await stream.receive_some() == b""


async def test_a_record_that_was_tampered_with_breaks_the_stream_after_those_before_it() -> None:
    async with secured() as (stream, peer, tcp):
        await peer.send_all(b"genuine")
        await tcp.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert await stream.receive_some() == b"genuine"
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError) as caught:
                await stream.receive_some()
            assert isinstance(caught.value.__cause__, ssl.SSLError)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
        assert not stream.send_nowait(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_rest()


async def test_cancelling_a_read_loses_nothing() -> None:
    async with secured() as (stream, peer, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await peer.send_all(b"x")
        assert await stream.receive_some() == b"x"


async def test_reading_and_sending_are_checkpoints_also_when_nothing_has_to_wait() -> None:
    async with secured() as (stream, peer, tcp):
        await peer.send_all(b"xy")
        for read in (1, 1):
            with trio.testing.assert_checkpoints():
                assert len(await stream.receive_some(read)) == 1
        with trio.testing.assert_checkpoints():
            await stream.send_all(b"z")
        assert await peer.receive_some() == b"z"
        await tcp.aclose()
        for _ in range(2):
            with trio.testing.assert_checkpoints():
                assert await stream.receive_some() == b""


async def test_a_size_of_less_than_a_byte_is_refused() -> None:
    async with secured() as (stream, _, _):
        with pytest.raises(ValueError, match="max_bytes must be >= 1"):
            await stream.receive_some(0)


# Sending


async def test_what_the_socket_takes_is_sent_at_once() -> None:
    async with secured() as (stream, peer, _):
        assert stream.send_nowait(b"x" * 20_000)
        got = b""
        while len(got) < 20_000:
            got += await peer.receive_some()
        assert got == b"x" * 20_000


async def test_what_a_full_socket_does_not_take_is_sent_afterwards_in_order() -> None:
    data = bytes(range(256)) * 8000
    got = bytearray()
    async with secured() as (stream, peer, _), trio.open_nursery() as nursery:
        assert not stream.send_nowait(data)

        @nursery.start_soon
        async def send() -> None:
            await stream.send_rest()
            await stream.send_all(b"after it")

        while len(got) < len(data) + len(b"after it"):
            got += await peer.receive_some()
    assert got == data + b"after it"


@pytest.mark.parametrize("prompt", [True, False])
async def test_after_a_write_that_was_cut_short_nothing_is_sent(prompt: bool) -> None:
    """Half a record is on its way, so nothing that followed could be read."""
    async with secured() as (stream, _, _):
        if prompt:
            assert not stream.send_nowait(bytes(4_000_000))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                if prompt:
                    nursery.start_soon(stream.send_rest)
                else:
                    nursery.start_soon(stream.send_all, bytes(4_000_000))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")


async def test_a_write_that_is_cancelled_before_it_begins_sends_nothing_and_breaks_nothing() -> (
    None
):
    async with secured() as (stream, peer, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.send_all(b"never")
        await stream.send_all(b"sent")
        assert await peer.receive_some() == b"sent"


async def test_it_waits_until_a_write_might_not_block() -> None:
    async with secured() as (stream, _, _):
        await stream.wait_send_all_might_not_block()


# The handshake


async def test_a_certificate_for_another_name_is_refused_and_the_peer_is_told() -> None:
    one, other = socket_streams()
    stream = TlsStream(PatientStream(one), client_context(), "another.test")
    peer = trio.SSLStream(other, server_context(), server_side=True)

    async def hear_of_it() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await peer.do_handshake()
            await peer.receive_some()
        assert "ALERT" in str(caught.value.__cause__).upper()

    async with stream, peer.transport_stream, trio.open_nursery() as nursery:
        nursery.start_soon(hear_of_it)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


async def test_a_peer_that_leaves_during_the_handshake() -> None:
    one, other = socket_streams()
    stream = TlsStream(PatientStream(one), client_context(), "server.test")
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(other.aclose)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()


async def test_shaking_hands_again_does_nothing() -> None:
    async with secured() as (stream, peer, _):
        await stream.do_handshake()
        await stream.send_all(b"x")
        assert await peer.receive_some() == b"x"
