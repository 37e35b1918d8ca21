"""The pure frame codecs of both libraries, against the server side of websockets."""

import importlib.util
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_transports import BINARY, CONT, PING, TEXT, close_frame, frame
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from trio_realtime.models.transports import websockets_codec
from trio_realtime.models.transports.endings import Ending
from trio_realtime.models.transports.frame_codec import FrameCodec
from trio_realtime.models.transports.websockets_codec import WebsocketsCodec
from trio_realtime.models.transports.wsproto_codec import WsprotoCodec

MakeCodec = Callable[[int], FrameCodec]
each_codec = pytest.mark.parametrize("make", [WebsocketsCodec, WsprotoCodec])


def parse_as_server(data: bytes) -> list[Frame]:
    server = ServerProtocol(state=OPEN, max_size=None)
    server.receive_data(data)
    return [event for event in server.events_received() if isinstance(event, Frame)]


@each_codec
@given(messages=st.lists(st.text() | st.binary(max_size=300)))
def test_encoded_messages_are_what_a_server_reads(
    make: MakeCodec, messages: list[str | bytes]
) -> None:
    frames = parse_as_server(make(2**20).encode_text(messages))
    assert [bytes(f.data) for f in frames] == [
        m.encode() if isinstance(m, str) else m for m in messages
    ]
    assert all(f.opcode is Opcode.TEXT and f.fin for f in frames)


@each_codec
@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536])
def test_each_length_form_is_what_a_server_reads(make: MakeCodec, length: int) -> None:
    (received,) = parse_as_server(make(2**20).encode_text(["x" * length]))
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


@each_codec
@given(wire=on_the_wire, data=st.data())
def test_messages_survive_any_cut(
    make: MakeCodec, wire: list[OnTheWire], data: st.DataObject
) -> None:
    """However the bytes are cut into reads, the same messages come out, in order."""
    stream = b"".join(sent.data for sent in wire)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    codec = make(2**20)
    got: list[bytes] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        piece = stream[start:stop]
        got += codec.feed(bytearray(piece) if data.draw(st.booleans()) else piece)
    assert got == [sent.message for sent in wire if sent.message is not None]
    assert codec.ending is None
    replies = parse_as_server(codec.take_replies())
    assert [reply.opcode for reply in replies] == [Opcode.PONG] * sum(sent.pings for sent in wire)


@each_codec
@given(data=st.binary(max_size=400))
def test_no_bytes_of_a_server_raise(make: MakeCodec, data: bytes) -> None:
    codec = make(100)
    for message in codec.feed(data):
        assert len(message) <= 100
    assert codec.feed(b"more") == [] or codec.ending is None


@each_codec
def test_whole_text_messages_do_not_concern_the_library(make: MakeCodec) -> None:
    codec = make(2**20)
    assert codec.feed(frame(TEXT, b"a") + frame(TEXT, "ä".encode())) == [b"a", "ä".encode()]
    assert not codec.eventful
    assert codec.take_replies() == b""


@each_codec
def test_an_announced_length_above_the_limit_is_refused_before_it_arrives(make: MakeCodec) -> None:
    codec = make(1000)
    assert codec.feed(frame(TEXT, b"x" * 100_000)[:10]) == []
    assert codec.ending is not None
    (close,) = parse_as_server(codec.take_replies())
    assert (close.opcode, close.data[:2]) == (Opcode.CLOSE, (1009).to_bytes(2, "big"))


@each_codec
def test_a_masked_frame_of_any_length_form_is_refused_by_its_header(make: MakeCodec) -> None:
    for second in (0x85, 0xFE, 0xFF):
        codec = make(1000)
        assert codec.feed(bytes((0x81, second))) == []
        assert codec.ending == Ending(by="fault", code=1002)


@each_codec
def test_nothing_is_read_after_a_close_frame(make: MakeCodec) -> None:
    codec = make(2**20)
    assert codec.feed(frame(TEXT, b"a") + close_frame(1000) + frame(TEXT, b"b")) == [b"a"]
    assert codec.ending == Ending(by="server", code=1000)
    assert codec.feed(frame(TEXT, b"c")) == []


@each_codec
def test_a_close_of_the_server_is_answered_and_an_answer_to_ours_is_not(make: MakeCodec) -> None:
    theirs, ours = make(2**20), make(2**20)
    theirs.feed(close_frame(4000, "why"))
    (answer,) = parse_as_server(theirs.take_replies())
    assert (answer.data, theirs.close_answered) == ((4000).to_bytes(2, "big") + b"why", False)
    (close,) = parse_as_server(ours.encode_close(1000, "bye"))
    assert close.data == (1000).to_bytes(2, "big") + b"bye"
    assert ours.feed(frame(TEXT, b"late") + close_frame(1000)) == [b"late"]
    assert (ours.take_replies(), ours.close_answered) == (b"", True)


@each_codec
@pytest.mark.parametrize(
    "fault",
    [frame(TEXT, b"\xff"), frame(0x3, b"x"), frame(TEXT, b"x" * 200)],
    ids=["no UTF-8", "unknown opcode", "too big"],
)
def test_a_fault_while_closing_needs_no_second_close_frame(make: MakeCodec, fault: bytes) -> None:
    codec = make(100)
    codec.encode_close(1000, "")
    assert codec.feed(fault) == []
    assert codec.ending is not None
    assert codec.ending.by == "fault"
    assert codec.take_replies() == b""


def test_a_build_of_websockets_without_its_c_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pure Python mask of the library takes the place of the fast one."""
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    name = "trio_realtime.models.transports.codec_without_speedups"
    spec = importlib.util.spec_from_file_location(name, websockets_codec.__file__)
    assert spec is not None
    assert spec.loader is not None
    slow = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slow)
    assert slow.apply_mask.__module__ == "websockets.utils"
    (received,) = parse_as_server(slow.WebsocketsCodec(100).encode_text(["masked slowly"]))
    assert bytes(received.data) == b"masked slowly"
