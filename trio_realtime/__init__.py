"""trio_realtime: realtime (spoken) agents for Trio."""

from ._version import __version__ as __version__
from .agents import *
from .agents.agent import RealtimeAgent as RealtimeAgent
from .context import RunContext as RunContext, RunContextWrapper as RunContextWrapper, ToolContext as ToolContext
from .agents.tools import function_tool as function_tool
from .agents.guardrails import *
from .agents.guardrails import OutputGuardrail as OutputGuardrail, GuardrailFunctionOutput
from .agents.tool_guardrails import ToolGuardrailFunctionOutput, tool_input_guardrail, tool_output_guardrail
from .agents.handoffs import realtime_handoff
from .models.playback_tracker import RealtimePlaybackTracker
from .sessions.runner import RealtimeRunner
from .sessions.session import RealtimeSession
