"""A loopback server that speaks the GA protocol of the OpenAI Realtime API.

``server`` and ``served_connection`` are the Trio shell; everything else is pure:
``server_protocol`` decides, with ``schema`` and ``shapes`` (what clients may send),
``served_session``, ``conversation`` and ``served_items``, ``listening``, ``input_audio``, ``vad``
(the user), ``responding``, ``response_playing``, ``output_buffer``, ``voice``, ``model_traits`` and
``usage`` (the model), ``served_formats``, ``outlet`` and ``api_errors``. ``replies`` is the
vocabulary of scenarios.
"""

from trio_realtime.testing.simulator.replies import AskMcpApproval as AskMcpApproval
from trio_realtime.testing.simulator.replies import CallFunction as CallFunction
from trio_realtime.testing.simulator.replies import CallMcpTool as CallMcpTool
from trio_realtime.testing.simulator.replies import Fail as Fail
from trio_realtime.testing.simulator.replies import Heard as Heard
from trio_realtime.testing.simulator.replies import Hears as Hears
from trio_realtime.testing.simulator.replies import Incomplete as Incomplete
from trio_realtime.testing.simulator.replies import Piece as Piece
from trio_realtime.testing.simulator.replies import Reply as Reply
from trio_realtime.testing.simulator.replies import Responder as Responder
from trio_realtime.testing.simulator.replies import Say as Say
from trio_realtime.testing.simulator.replies import Text as Text
from trio_realtime.testing.simulator.replies import ToolOutput as ToolOutput
from trio_realtime.testing.simulator.replies import Turn as Turn
from trio_realtime.testing.simulator.replies import Utterance as Utterance
from trio_realtime.testing.simulator.replies import Wait as Wait
from trio_realtime.testing.simulator.replies import default_responder as default_responder
from trio_realtime.testing.simulator.served_connection import Handshake as Handshake
from trio_realtime.testing.simulator.served_connection import (
    SimulatedConnection as SimulatedConnection,
)
from trio_realtime.testing.simulator.server import Dial as Dial
from trio_realtime.testing.simulator.server import RealtimeSimulator as RealtimeSimulator
