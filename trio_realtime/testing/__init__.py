"""Test tools: for applications that use the library, and for authors of other models.

`fake_model` and `fake_connection` (with `script`, `script_run` and `builders`) are a model in
memory; `simulator` is a server that speaks the protocol of the OpenAI Realtime API; `contract`
holds the tests every model passes; `checkpoints` and `leaks` are for tests of cancellation.
`pytest_plugin` makes fixtures of them; pytest loads it by itself. Names are imported when they are
first used, so that projects that do not use them pay nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builders import call as call
    from .builders import spoken_response as spoken_response
    from .builders import tool_call as tool_call
    from .builders import tool_calls as tool_calls
    from .builders import user_message as user_message
    from .builders import user_speech as user_speech
    from .builders import written_response as written_response
    from .checkpoints import LostExceptionError as LostExceptionError
    from .checkpoints import cancel_at_each_checkpoint as cancel_at_each_checkpoint
    from .contract import Peer as Peer
    from .contract import RealtimeModelContract as RealtimeModelContract
    from .contract import Remote as Remote
    from .fake_connection import FakeConnection as FakeConnection
    from .fake_model import FakeRealtimeModel as FakeRealtimeModel
    from .leaks import SurvivorsError as SurvivorsError
    from .leaks import assert_nothing_survives as assert_nothing_survives
    from .script import Close as Close
    from .script import Delay as Delay
    from .script import Emit as Emit
    from .script import Expect as Expect
    from .script import Raise as Raise
    from .script_run import ScriptMismatch as ScriptMismatch
    from .simulator import AskMcpApproval as AskMcpApproval
    from .simulator import CallFunction as CallFunction
    from .simulator import CallMcpTool as CallMcpTool
    from .simulator import Dial as Dial
    from .simulator import Fail as Fail
    from .simulator import Handshake as Handshake
    from .simulator import Heard as Heard
    from .simulator import Hears as Hears
    from .simulator import Incomplete as Incomplete
    from .simulator import Piece as Piece
    from .simulator import RealtimeSimulator as RealtimeSimulator
    from .simulator import Reply as Reply
    from .simulator import Responder as Responder
    from .simulator import Say as Say
    from .simulator import SimulatedConnection as SimulatedConnection
    from .simulator import Text as Text
    from .simulator import ToolOutput as ToolOutput
    from .simulator import Turn as Turn
    from .simulator import Utterance as Utterance
    from .simulator import Wait as Wait
    from .simulator import default_responder as default_responder

_HOMES = {
    "builders": (
        "call spoken_response tool_call tool_calls user_message user_speech written_response"
    ),
    "checkpoints": "LostExceptionError cancel_at_each_checkpoint",
    "contract": "Peer RealtimeModelContract Remote",
    "fake_connection": "FakeConnection",
    "fake_model": "FakeRealtimeModel",
    "leaks": "SurvivorsError assert_nothing_survives",
    "script": "Close Delay Emit Expect Raise",
    "script_run": "ScriptMismatch",
    "simulator": (
        "AskMcpApproval CallFunction CallMcpTool Dial Fail Handshake Heard Hears Incomplete Piece "
        "RealtimeSimulator Reply Responder Say SimulatedConnection Text ToolOutput Turn Utterance "
        "Wait default_responder"
    ),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
