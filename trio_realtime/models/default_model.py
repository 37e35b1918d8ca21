"""The model of a runner that was given none: the one place that chooses a provider."""

from .interface import RealtimeModel


def default_model() -> RealtimeModel:
    """The OpenAI Realtime API over WebSocket. Imported when first needed, since it is heavy."""
    from .openai.model import OpenAIRealtimeWebSocketModel

    return OpenAIRealtimeWebSocketModel()
