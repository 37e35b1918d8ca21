"""Tutorial, step 3: speech in, speech out, at the same time."""

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from trio_realtime.audio import MODEL_RATE, chunks, level_dbfs
from trio_realtime.testing import RealtimeSimulator, Reply, Turn

TONE = (b"\x00\x20" * 30 + b"\x00\xe0" * 30) * 400  # 1 s of a 400 Hz square wave, for a voice
SILENCE = bytes(2 * MODEL_RATE)


def the_model(_turn: Turn) -> Reply:
    return "Good morning!"


async def speak(session: RealtimeSession[None]) -> None:
    """What a microphone would do, 20 ms at a time."""
    for chunk in chunks(TONE + SILENCE, ms=20):
        await session.send_audio(chunk)
        await trio.sleep(0.002)  # a microphone would take 0.02


async def listen(session: RealtimeSession[None]) -> None:
    """What a loudspeaker would do."""
    spoken = bytearray()
    async for event in session:
        match event.type:
            case "user_speech_started":
                print("the user speaks")
            case "user_transcript_completed":
                print("the user said:", event.transcript)
            case "audio":
                spoken += event.audio.data
            case "audio_interrupted":
                print("silence!")  # and throw away what is queued of event.item_id
            case "response_done":
                print(f"the model spoke for {len(spoken) / 2 / MODEL_RATE:.1f} s,", end=" ")
                print(f"at {level_dbfs(bytes(spoken)):.0f} dB: {event.status}")
                return
            case _:
                pass


async def main() -> None:
    runner = RealtimeRunner(
        RealtimeAgent[None]("Baker"),
        config={"model_settings": {"turn_detection": {"type": "server_vad"}}, "events": "all"},
    )
    simulator = RealtimeSimulator(the_model, hears=["Good day."], speed=10)
    async with simulator.serve() as url:
        config = {"url": url, "api_key": "not needed"}
        async with (
            await runner.run(model_config=config) as session,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(speak, session)
            await listen(session)
            nursery.cancel_scope.cancel()


trio.run(main)
