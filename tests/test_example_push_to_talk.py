"""The push-to-talk example, from the first press of the button to the goodbye."""

import functools
import importlib.util
import wave
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
import trio.testing
from support_sessions import REACH, open_stage

from trio_realtime import RealtimeRunner
from trio_realtime.testing.simulator import Say

PROGRAM = Path(__file__).parent.parent / "examples" / "push_to_talk.py"

OUTPUT = """\
the button is pressed
the button is released after 2.6 s
the answer is completed
the button is pressed
the model is interrupted: 1.0 s of it were heard
the button is released after 2.6 s
the answer is completed
the answer is completed
the goodbye was heard
"""


@pytest.fixture
def program() -> ModuleType:
    """The example, as a module."""
    spec = importlib.util.spec_from_file_location("push_to_talk", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_conversation(
    program: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two questions, the second into the answer to the first, and a goodbye that is heard."""
    async with open_stage(responder=lambda _turn: Say("An answer.", audio_ms=4_000)) as stage:
        runner = functools.partial(RealtimeRunner, model=stage.model)
        monkeypatch.setattr(program, "RealtimeRunner", runner)
        await program.converse(REACH, bytes(48 * 2_600))
        assert capsys.readouterr().out == OUTPUT
        said = [i for i in stage.server.conversation.items if i.fields["role"] == "assistant"]
        heard = [part.audio_ms for item in said for part in item.parts or ()]
        assert heard == [1_000, 4_000, 4_000]
        # Two questions, a second of the first answer, and two answers to their ends.
        assert trio.current_time() == pytest.approx(2 * 2.6 + 1 + 2 * 4)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("key", [None, "sk-test"])
async def test_what_is_said_to_whom(
    own: bool, key: str | None, program: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file beside the program, or the user's; to the simulator, or with a key to OpenAI."""
    pytest.importorskip("soxr")
    given: list[tuple[dict[str, Any], bytes]] = []

    async def converse(model_config: dict[str, Any], speech: bytes) -> None:
        await trio.lowlevel.checkpoint()
        given.append((model_config, speech))

    monkeypatch.setattr(program, "converse", converse)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    files: list[Path] = []
    if own:
        files.append(tmp_path / "mine.wav")
        with wave.open(str(files[0]), "wb") as file:
            file.setparams((1, 2, 24_000, 0, "NONE", ""))
            file.writeframes(bytes(48 * 400))
    await program.main(*files)
    ((model_config, speech),) = given
    assert ("url" in model_config) == (key is None)
    assert len(speech) / 48 == pytest.approx(400 if own else 2_646, abs=1)
