"""Microphone and speaker, with a sounddevice made of plain Python."""

import math
import sys
import threading
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Self

import pytest
import trio
from support_cli import INFO, Recorded, audio, done, open_talk, run_main

from trio_realtime import RealtimeAudioInterrupted
from trio_realtime.cli import main
from trio_realtime.cli.failures import CommandError
from trio_realtime.cli.sound_card import SoundCard, Speaker, find_sound_card
from trio_realtime.testing.simulator import RealtimeSimulator, Wait

TONE = (b"\x00\x30" * 12 + b"\x00\xd0" * 12) * 40  # 40 ms of 1 kHz at 24 kHz


class PortAudioError(Exception):
    pass


class FakeSoundDevice(ModuleType):
    """The part of sounddevice that is used. Streams note when they run."""

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.running: dict[str, Callable[..., None]] = {}
        self.formats: list[dict[str, Any]] = []
        self.broken = False
        self.started = threading.Event()
        self.PortAudioError = PortAudioError

    def query_devices(self, *, kind: str) -> dict[str, Any]:
        if self.broken:
            raise PortAudioError("Error querying device -1")
        return {"name": f"fake {kind}"}

    def RawInputStream(self, **settings: Any) -> "FakeStream":  # noqa: N802
        return FakeStream(self, "microphone", settings)

    def RawOutputStream(self, **settings: Any) -> "FakeStream":  # noqa: N802
        return FakeStream(self, "speaker", settings)

    def hear(self, block: bytes) -> None:
        """What PortAudio does in a thread of its own."""
        call = self.running["microphone"]
        thread = threading.Thread(
            target=call, args=(memoryview(block), len(block) // 2, None, None)
        )
        thread.start()
        thread.join()

    def play(self, size: int) -> bytes:
        out = bytearray(b"\xff" * size)
        self.running["speaker"](memoryview(out), size // 2, None, None)
        return bytes(out)


class FakeStream:
    def __init__(self, device: FakeSoundDevice, name: str, settings: dict[str, Any]) -> None:
        if device.broken:
            raise PortAudioError("Invalid sample rate")
        self.device, self.name, self.callback = device, name, settings.pop("callback")
        device.formats.append(settings)

    def __enter__(self) -> Self:
        self.device.running[self.name] = self.callback
        if self.name == "microphone":
            self.device.started.set()
        return self

    def __exit__(self, *_: object) -> None:
        del self.device.running[self.name]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    fake = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def speak_to(card: SoundCard) -> Callable[[Any], Awaitable[None]]:
    """`SoundCard.speak`, for sessions that are none."""
    return lambda session: card.speak(session, Recorded())


def fill(speaker: Speaker, size: int) -> bytes:
    out = bytearray(b"\xff" * size)
    speaker.fill(memoryview(out), size // 2, None, None)
    return bytes(out)


def test_the_speaker_plays_in_order_and_is_silent_after() -> None:
    speaker = Speaker()
    speaker.put("a1", 0, b"\x01\x02" * 3)
    speaker.put("a2", 1, b"\x03\x04" * 2)
    assert fill(speaker, 4) == b"\x01\x02" * 2
    assert fill(speaker, 4) == b"\x01\x02\x03\x04"
    assert fill(speaker, 6) == b"\x03\x04" + bytes(4)
    assert fill(speaker, 2) == bytes(2)


def test_what_was_played_is_reported() -> None:
    speaker = Speaker()
    speaker.put("a1", 2, bytes(9600))
    fill(speaker, 4800)
    state = speaker.tracker.get_state()
    assert (state["current_item_id"], state["current_item_content_index"]) == ("a1", 2)
    assert state["elapsed_ms"] == 100
    fill(speaker, 2400)
    assert speaker.tracker.get_state()["elapsed_ms"] == 150


def test_an_interruption_silences_the_speaker(device: FakeSoundDevice) -> None:
    speaker = Speaker()
    card = SoundCard(device, speaker)
    card.take(audio(TONE))
    card.take(done())
    assert fill(speaker, 4) == TONE[:4]
    card.take(RealtimeAudioInterrupted(item_id="a1", content_index=0, heard_ms=1, info=INFO))
    assert fill(speaker, 4) == bytes(4)


def test_an_interruption_of_one_item_leaves_the_next_to_be_heard(device: FakeSoundDevice) -> None:
    """As when a guardrail trips on an answer while the next one waits already."""
    speaker = Speaker()
    card = SoundCard(device, speaker)
    speaker.put("a1", 0, b"\x01\x02" * 3)
    speaker.put("a2", 0, b"\x03\x04" * 2)
    card.take(RealtimeAudioInterrupted(item_id="a1", content_index=0, heard_ms=1, info=INFO))
    assert fill(speaker, 6) == b"\x03\x04" * 2 + bytes(2)


async def test_what_the_microphone_hears_is_sent_in_order(
    device: FakeSoundDevice, autojump_clock: trio.testing.MockClock
) -> None:
    show = Recorded()
    card = find_sound_card()
    async with open_talk() as talk, trio.open_nursery() as nursery:
        nursery.start_soon(card.speak, talk.session, show)
        await trio.testing.wait_all_tasks_blocked()
        blocks = [bytes([number]) * 1920 for number in range(5)]
        for block in blocks:
            device.hear(block)
        connection = await talk.simulator.wait_connected()
        await connection.wait_received("input_audio_buffer.append", 5)
        assert show.shown == [("sent", block) for block in blocks]
        assert [each["blocksize"] for each in device.formats] == [960, 960]
        assert {each["samplerate"] for each in device.formats} == {24_000}
        card.take(audio(TONE))
        assert device.play(len(TONE)) == TONE
        nursery.cancel_scope.cancel()
    assert device.running == {}


async def test_what_a_slow_network_cannot_take_is_dropped(
    device: FakeSoundDevice, autojump_clock: trio.testing.MockClock
) -> None:
    card = find_sound_card()
    sent: list[bytes] = []

    class SlowSession:
        async def send_audio(self, pcm: bytes) -> None:
            await trio.sleep(1)
            sent.append(pcm)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak_to(card), SlowSession())
        await trio.testing.wait_all_tasks_blocked()
        heard = device.running["microphone"]
        for number in range(400):
            heard(number.to_bytes(2, "little"), 1, None, None)
        await trio.sleep(1000)
        nursery.cancel_scope.cancel()
    numbers = [int.from_bytes(block, "little") for block in sent]
    assert numbers == list(range(len(numbers)))
    assert 250 <= len(numbers) <= 252


def test_a_callback_after_the_end_is_harmless(device: FakeSoundDevice) -> None:
    card = find_sound_card()

    async def start_and_stop() -> Callable[..., None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak_to(card), None)
            await trio.testing.wait_all_tasks_blocked()
            heard = device.running["microphone"]
            nursery.cancel_scope.cancel()
        return heard

    heard = trio.run(start_and_stop)
    heard(bytes(4), 2, None, None)


async def test_a_spoken_conversation(
    device: FakeSoundDevice, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    put = Speaker.put

    def put_and_tell(speaker: Speaker, item_id: str, content_index: int, pcm: bytes) -> None:
        put(speaker, item_id, content_index, pcm)
        answered.set()

    monkeypatch.setattr(Speaker, "put", put_and_tell)
    # The session ends in the middle of the answer.
    simulator = RealtimeSimulator(lambda _turn: ["Nine.", Wait(math.inf)], hears=["When?"])
    async with simulator.serve() as url, trio.open_nursery() as nursery:

        async def say() -> None:
            await trio.to_thread.run_sync(device.started.wait)
            for block in [TONE] * 5 + [bytes(1920)] * 20:
                device.hear(block)
            await trio.to_thread.run_sync(answered.wait)
            assert any(device.play(4800))
            await simulator.connections[0].close(1000)

        nursery.start_soon(say)
        with trio.fail_after(10):
            assert await run_main("talk", "--url", url, "--mic") == 1
    out, err = capsys.readouterr()
    assert out.startswith(
        "note   Speak (microphone 'fake input', speaker 'fake output'); Ctrl-C ends the "
        "conversation.\nyou    When?\nagent  Nine. …\n"
    )
    assert err == "trio-realtime: the server ended the session\n"


def test_no_devices(device: FakeSoundDevice, capsys: pytest.CaptureFixture[str]) -> None:
    device.broken = True
    assert main(["talk", "--mic"]) == 1
    out, err = capsys.readouterr()
    assert err == "trio-realtime: no microphone and speaker: Error querying device -1\n"
    assert out == ""


async def test_devices_that_cannot_do_it(device: FakeSoundDevice) -> None:
    device.broken = True
    with pytest.raises(CommandError, match="cannot use microphone and speaker: Invalid sample"):
        await find_sound_card().speak(None, Recorded())  # type: ignore[arg-type]


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(CommandError, match=r"pip install 'trio-realtime\[audio\]'"):
        find_sound_card()


def test_the_system_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> ModuleType:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("trio_realtime.cli.sound_card.import_module", fail)
    with pytest.raises(CommandError, match="libportaudio2"):
        find_sound_card()
