"""Realtime (spoken) agents for Trio.

A map of the package:

* ``agents``    declarations: `RealtimeAgent`, tools, handoffs, guardrails, hooks
* ``sessions``  running conversations: `RealtimeRunner`, `RealtimeSession`
* ``models``    `RealtimeModel`, and the models there are, such as ``models.openai``
* ``testing``   the fake model, the simulator, contract tests, the pytest plugin
* ``telephony`` telephone calls over Twilio Media Streams
* ``calls``     calls by SIP and WebRTC, which the model's service conducts itself
* ``recording`` both sides of a conversation in a stereo WAV file
* ``audio``     WAV files, resampling, G.711
* ``cli``       the ``trio-realtime`` command

and the nouns they share: ``config`` (with ``config_dicts``), ``context``, ``errors``, ``events``,
``items``.

Most that is public is importable from here. The rest is in the modules of its own kind: what is
only for tests in ``testing``, audio in ``audio``, calls in ``calls``, and the events and inputs of
the model layer, which authors of models need, in ``models.events`` and ``models.inputs``.
"""

from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__
from .agents.agent import RealtimeAgent as RealtimeAgent
from .agents.guardrails import GuardrailFunctionOutput as GuardrailFunctionOutput
from .agents.guardrails import InputGuardrail as InputGuardrail
from .agents.guardrails import InputGuardrailResult as InputGuardrailResult
from .agents.guardrails import OutputGuardrail as OutputGuardrail
from .agents.guardrails import OutputGuardrailResult as OutputGuardrailResult
from .agents.guardrails import input_guardrail as input_guardrail
from .agents.guardrails import output_guardrail as output_guardrail
from .agents.handoffs import Handoff as Handoff
from .agents.handoffs import realtime_handoff as realtime_handoff
from .agents.hooks import RealtimeAgentHooks as RealtimeAgentHooks
from .agents.hooks import RealtimeRunHooks as RealtimeRunHooks
from .agents.hosted_mcp import HostedMCPTool as HostedMCPTool
from .agents.mcp import MCPServer as MCPServer
from .agents.mcp import MCPServerStdio as MCPServerStdio
from .agents.mcp import MCPServerStreamableHttp as MCPServerStreamableHttp
from .agents.mcp import MCPToolError as MCPToolError
from .agents.mcp_policy import ToolFilterContext as ToolFilterContext
from .agents.mcp_policy import create_static_tool_filter as create_static_tool_filter
from .agents.tool_arguments import ToolArgumentsError as ToolArgumentsError
from .agents.tool_guardrails import ToolGuardrailFunctionOutput as ToolGuardrailFunctionOutput
from .agents.tool_guardrails import ToolInputGuardrail as ToolInputGuardrail
from .agents.tool_guardrails import ToolInputGuardrailData as ToolInputGuardrailData
from .agents.tool_guardrails import ToolOutputGuardrail as ToolOutputGuardrail
from .agents.tool_guardrails import ToolOutputGuardrailData as ToolOutputGuardrailData
from .agents.tool_guardrails import tool_input_guardrail as tool_input_guardrail
from .agents.tool_guardrails import tool_output_guardrail as tool_output_guardrail
from .agents.tools import FunctionTool as FunctionTool
from .agents.tools import default_tool_error as default_tool_error
from .agents.tools import function_tool as function_tool
from .config import ALL_EVENT_TYPES as ALL_EVENT_TYPES
from .config import SDK_EVENT_TYPES as SDK_EVENT_TYPES
from .config import UNSET as UNSET
from .config import RealtimeAudioConfig as RealtimeAudioConfig
from .config import RealtimeAudioInputConfig as RealtimeAudioInputConfig
from .config import RealtimeAudioOutputConfig as RealtimeAudioOutputConfig
from .config import RealtimeGuardrailsSettings as RealtimeGuardrailsSettings
from .config import RealtimeIdleConfig as RealtimeIdleConfig
from .config import RealtimeInputAudioNoiseReductionConfig as RealtimeInputAudioNoiseReductionConfig
from .config import RealtimeInputAudioTranscriptionConfig as RealtimeInputAudioTranscriptionConfig
from .config import RealtimeModelConfig as RealtimeModelConfig
from .config import RealtimeModelTracingConfig as RealtimeModelTracingConfig
from .config import RealtimePrompt as RealtimePrompt
from .config import RealtimeReasoningConfig as RealtimeReasoningConfig
from .config import RealtimeRunConfig as RealtimeRunConfig
from .config import RealtimeSessionModelSettings as RealtimeSessionModelSettings
from .config import RealtimeToolExecutionConfig as RealtimeToolExecutionConfig
from .config import RealtimeTruncationConfig as RealtimeTruncationConfig
from .config import RealtimeTurnDetectionConfig as RealtimeTurnDetectionConfig
from .config_dicts import RealtimeModelConfigDict as RealtimeModelConfigDict
from .config_dicts import RealtimeRunConfigDict as RealtimeRunConfigDict
from .config_dicts import RealtimeSessionModelSettingsDict as RealtimeSessionModelSettingsDict
from .context import InputTokensDetails as InputTokensDetails
from .context import OutputTokensDetails as OutputTokensDetails
from .context import RunContext as RunContext
from .context import RunContextWrapper as RunContextWrapper
from .context import ToolContext as ToolContext
from .context import Usage as Usage
from .errors import EventBufferOverflow as EventBufferOverflow
from .errors import ModelBehaviorError as ModelBehaviorError
from .errors import RealtimeConnectionClosed as RealtimeConnectionClosed
from .errors import RealtimeConnectionError as RealtimeConnectionError
from .errors import RealtimeHandshakeError as RealtimeHandshakeError
from .errors import RealtimeProtocolError as RealtimeProtocolError
from .errors import RealtimeRequestError as RealtimeRequestError
from .errors import RealtimeSessionClosed as RealtimeSessionClosed
from .errors import SettingsError as SettingsError
from .errors import ToolError as ToolError
from .errors import ToolInputGuardrailTripwireTriggered as ToolInputGuardrailTripwireTriggered
from .errors import ToolOutputGuardrailTripwireTriggered as ToolOutputGuardrailTripwireTriggered
from .errors import ToolTimeoutError as ToolTimeoutError
from .errors import TrioRealtimeError as TrioRealtimeError
from .errors import UserError as UserError
from .errors import WebhookReplayError as WebhookReplayError
from .errors import WebhookVerificationError as WebhookVerificationError
from .events import RealtimeAgentEndEvent as RealtimeAgentEndEvent
from .events import RealtimeAgentStartEvent as RealtimeAgentStartEvent
from .events import RealtimeAudio as RealtimeAudio
from .events import RealtimeAudioEnd as RealtimeAudioEnd
from .events import RealtimeAudioInterrupted as RealtimeAudioInterrupted
from .events import RealtimeDtmfReceived as RealtimeDtmfReceived
from .events import RealtimeError as RealtimeError
from .events import RealtimeEventInfo as RealtimeEventInfo
from .events import RealtimeGuardrailFailed as RealtimeGuardrailFailed
from .events import RealtimeGuardrailTripped as RealtimeGuardrailTripped
from .events import RealtimeHandoffEvent as RealtimeHandoffEvent
from .events import RealtimeHistoryAdded as RealtimeHistoryAdded
from .events import RealtimeHistoryUpdated as RealtimeHistoryUpdated
from .events import RealtimeInputAudioTimeoutTriggered as RealtimeInputAudioTimeoutTriggered
from .events import RealtimeInputGuardrailTripped as RealtimeInputGuardrailTripped
from .events import RealtimeMcpApprovalRequired as RealtimeMcpApprovalRequired
from .events import RealtimeOutputLost as RealtimeOutputLost
from .events import RealtimeRateLimitsUpdated as RealtimeRateLimitsUpdated
from .events import RealtimeRawModelEvent as RealtimeRawModelEvent
from .events import RealtimeResponseDone as RealtimeResponseDone
from .events import RealtimeSessionEvent as RealtimeSessionEvent
from .events import RealtimeToolApprovalRequired as RealtimeToolApprovalRequired
from .events import RealtimeToolEnd as RealtimeToolEnd
from .events import RealtimeToolProgress as RealtimeToolProgress
from .events import RealtimeToolStart as RealtimeToolStart
from .events import RealtimeTranscriptDelta as RealtimeTranscriptDelta
from .events import RealtimeUserSpeechStarted as RealtimeUserSpeechStarted
from .events import RealtimeUserSpeechStopped as RealtimeUserSpeechStopped
from .events import RealtimeUserTranscriptCompleted as RealtimeUserTranscriptCompleted
from .events import RealtimeUserTranscriptDelta as RealtimeUserTranscriptDelta
from .events import RealtimeUserTranscriptFailed as RealtimeUserTranscriptFailed
from .events import SdkSessionEvent as SdkSessionEvent
from .items import AssistantAudio as AssistantAudio
from .items import AssistantMessageItem as AssistantMessageItem
from .items import AssistantText as AssistantText
from .items import InputAudio as InputAudio
from .items import InputImage as InputImage
from .items import InputText as InputText
from .items import RealtimeHistory as RealtimeHistory
from .items import RealtimeItem as RealtimeItem
from .items import RealtimeMessageItem as RealtimeMessageItem
from .items import RealtimeToolCallItem as RealtimeToolCallItem
from .items import SystemMessageItem as SystemMessageItem
from .items import UserMessageItem as UserMessageItem
from .models.capabilities import ModelCapabilities as ModelCapabilities
from .models.interface import RealtimeConnection as RealtimeConnection
from .models.interface import RealtimeModel as RealtimeModel
from .models.playback.tracker import RealtimePlaybackState as RealtimePlaybackState
from .models.playback.tracker import RealtimePlaybackTracker as RealtimePlaybackTracker
from .models.sans_io import ModelProtocol as ModelProtocol
from .sessions.asking.responses import RealtimeResponse as RealtimeResponse
from .sessions.core.observer import SessionObserver as SessionObserver
from .sessions.runner import RealtimeRunner as RealtimeRunner
from .sessions.session import RealtimeSession as RealtimeSession
from .sessions.statistics import SessionStatistics as SessionStatistics
from .sessions.tools.approvals import ToolErrorFormatterArgs as ToolErrorFormatterArgs

if TYPE_CHECKING:
    from .calls.sip_model import OpenAIRealtimeSIPModel as OpenAIRealtimeSIPModel
    from .models.openai.azure import AzureOpenAIRealtimeModel as AzureOpenAIRealtimeModel
    from .models.openai.model import OpenAIRealtimeWebSocketModel as OpenAIRealtimeWebSocketModel
    from .models.transports import TransportSettings as TransportSettings
    from .models.websocket_connection import connect_protocol as connect_protocol

# Imported when first used: applications with a model of their own never need them.
_LAZY = {
    "AzureOpenAIRealtimeModel": ".models.openai.azure",
    "OpenAIRealtimeSIPModel": ".calls.sip_model",
    "OpenAIRealtimeWebSocketModel": ".models.openai.model",
    "TransportSettings": ".models.transports",
    "connect_protocol": ".models.websocket_connection",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name], __name__), name)
    globals()[name] = value
    return value
