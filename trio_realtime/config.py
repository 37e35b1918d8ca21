"""Every setting an application can give, as attrs classes that also accept plain mappings.

The runner takes a `RealtimeRunConfig` (how sessions run, `sessions.run_config`) and each session a
`RealtimeModelConfig` (how to reach the model, `models.model_config`); both hold
`RealtimeSessionModelSettings` (what the model is told, `models.session_settings` and
`models.audio_settings`). They are exported here and defined there. Wherever one of these classes is
expected, also inside another, a mapping with the same keys does. Anything wrong is a
`SettingsError` that names the path, raised when the object is made; `_util.settings_base` says what
counts as wrong.
"""

from ._util.settings_base import structure
from ._util.type_checks import UNSET, Unset
from .models.audio_settings import (
    DEFAULT_TURN_DETECTION,
    RealtimeAudioConfig,
    RealtimeAudioFormat,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeInputAudioNoiseReductionConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeTurnDetectionConfig,
    RealtimeVoice,
)
from .models.model_config import ApiKey, RealtimeModelConfig
from .models.session_settings import (
    RealtimeModality,
    RealtimeModelTracingConfig,
    RealtimePrompt,
    RealtimeReasoningConfig,
    RealtimeSessionModelSettings,
    RealtimeTruncationConfig,
    merge_settings,
    nested_form,
)
from .sessions.run_config import (
    ALL_EVENT_TYPES,
    SDK_EVENT_TYPES,
    RealtimeGuardrailsSettings,
    RealtimeIdleConfig,
    RealtimeRunConfig,
    RealtimeToolExecutionConfig,
)

__all__ = [
    "ALL_EVENT_TYPES",
    "DEFAULT_TURN_DETECTION",
    "SDK_EVENT_TYPES",
    "UNSET",
    "ApiKey",
    "RealtimeAudioConfig",
    "RealtimeAudioFormat",
    "RealtimeAudioInputConfig",
    "RealtimeAudioOutputConfig",
    "RealtimeGuardrailsSettings",
    "RealtimeIdleConfig",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeModality",
    "RealtimeModelConfig",
    "RealtimeModelTracingConfig",
    "RealtimePrompt",
    "RealtimeReasoningConfig",
    "RealtimeRunConfig",
    "RealtimeSessionModelSettings",
    "RealtimeToolExecutionConfig",
    "RealtimeTruncationConfig",
    "RealtimeTurnDetectionConfig",
    "RealtimeVoice",
    "Unset",
    "merge_settings",
    "nested_form",
    "structure",
]
