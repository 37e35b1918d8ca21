"""The pure frame codec over the websockets library, against that library's own server side."""

import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_transports import BINARY, CONT, PING, TEXT, close_frame, frame
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from trio_realtime.models.transports import websocket_frames as frames_module
from trio_realtime.models.transports.websocket_frames import FrameReader, encode_text


def reader(max_size: int = 2**20) -> FrameReader:
    protocol = ClientProtocol(parse_uri("ws://server.test/"), state=OPEN, max_size=max_size)
    return FrameReader(protocol, max_size)


def parse_as_server(data: bytes) -> list[Frame]:
    server = ServerProtocol(state=OPEN, max_size=None)
    server.receive_data(data)
    return [event for event in server.events_received() if isinstance(event, Frame)]


@given(st.lists(st.text() | st.binary(max_size=300)))
def test_encoded_messages_are_what_a_server_reads(messages: list[str | bytes]) -> None:
    frames = parse_as_server(encode_text(messages))
    assert [bytes(f.data) for f in frames] == [
        m.encode() if isinstance(m, str) else m for m in messages
    ]
    assert all(f.opcode is Opcode.TEXT and f.fin for f in frames)


@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536])
def test_each_length_form_is_what_a_server_reads(length: int) -> None:
    (received,) = parse_as_server(encode_text(["x" * length]))
    assert bytes(received.data) == b"x" * length


class OnTheWire(NamedTuple):
    """Bytes a server sends, the message they make, if any, and how many pings are among them."""

    data: bytes
    message: bytes | None
    pings: int = 0


def fragmented(parts: list[str]) -> OnTheWire:
    data = frame(TEXT, parts[0].encode(), fin=False)
    for part in parts[1:]:
        data += frame(PING) + frame(CONT, part.encode(), fin=False)
    return OnTheWire(data + frame(CONT), "".join(parts).encode(), len(parts) - 1)


on_the_wire = st.lists(
    st.one_of(
        st.text(max_size=200).map(lambda t: OnTheWire(frame(TEXT, t.encode()), t.encode())),
        st.binary(max_size=200).map(lambda b: OnTheWire(frame(BINARY, b), b)),
        st.binary(max_size=20).map(lambda b: OnTheWire(frame(PING, b), None, 1)),
        st.lists(st.text(max_size=50), min_size=1).map(fragmented),
    )
)


@given(on_the_wire, st.data())
def test_messages_survive_any_cut(wire: list[OnTheWire], data: st.DataObject) -> None:
    """However the bytes are cut into reads, the same messages come out, in order."""
    stream = b"".join(sent.data for sent in wire)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    frames = reader()
    got: list[bytes] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        piece = stream[start:stop]
        got += frames.feed(bytearray(piece) if data.draw(st.booleans()) else piece)
    assert got == [sent.message for sent in wire if sent.message is not None]
    assert not frames.over
    assert len(frames.control) == sum(sent.pings for sent in wire)


@given(st.binary(max_size=400))
def test_no_bytes_of_a_server_raise(data: bytes) -> None:
    frames = reader(max_size=100)
    for message in frames.feed(data):
        assert len(message) <= 100
    assert frames.feed(b"more") == [] or not frames.over


def test_whole_text_messages_do_not_concern_the_library() -> None:
    frames = reader()
    assert frames.feed(frame(TEXT, b"a") + frame(TEXT, "ä".encode())) == [b"a", "ä".encode()]
    assert not frames.eventful
    assert frames.protocol.events_received() == []


def test_an_announced_length_above_the_limit_is_refused_before_it_arrives() -> None:
    frames = reader(max_size=1000)
    assert frames.feed(frame(TEXT, b"x" * 100_000)[:10]) == []
    assert frames.over
    assert frames.protocol.data_to_send()[0][0] == 0x88


def test_nothing_is_read_after_a_close_frame() -> None:
    frames = reader()
    assert frames.feed(frame(TEXT, b"a") + close_frame(1000) + frame(TEXT, b"b")) == [b"a"]
    assert frames.over
    assert frames.feed(frame(TEXT, b"c")) == []


def test_a_build_of_websockets_without_its_c_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pure Python mask of the library takes the place of the fast one."""
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    path = Path(frames_module.__file__)
    spec = importlib.util.spec_from_file_location("frames_without_speedups", path)
    assert spec is not None
    assert spec.loader is not None
    slow = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slow)
    assert slow.apply_mask.__module__ == "websockets.utils"
    (received,) = parse_as_server(slow.encode_text(["masked slowly"]))
    assert bytes(received.data) == b"masked slowly"
