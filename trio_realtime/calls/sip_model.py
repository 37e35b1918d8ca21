"""`OpenAIRealtimeSIPModel`: attaches a session to a call, by phone or from a browser."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ..agents.agent import RealtimeAgent
from ..errors import UserError
from ..models.interface import RealtimeConnection
from ..models.model_config import RealtimeModelConfig
from ..models.openai.model import OpenAIRealtimeWebSocketModel
from ..models.session_settings import RealtimeSessionModelSettings
from ..sessions.run_config import RealtimeRunConfig
from .session_payload import initial_session_payload


class OpenAIRealtimeSIPModel(OpenAIRealtimeWebSocketModel):
    """Attaches to a call by the ``call_id`` of the model config, and to nothing else.

    The caller's audio does not pass through the session: it goes between OpenAI and the phone (or
    browser). The session gets the events, runs the tools, and says what the model is to do. The
    same model serves phone calls and, as a sideband, WebRTC calls.
    """

    __slots__ = ()

    @asynccontextmanager
    async def connect(self, config: RealtimeModelConfig) -> AsyncGenerator[RealtimeConnection]:
        """See `RealtimeModel.connect`.

        Raises:
            UserError: the config has no ``call_id``; nothing was sent.
        """
        if not config.call_id:
            raise UserError(
                "OpenAIRealtimeSIPModel attaches to a call: give its call_id in the model config"
            )
        async with super().connect(config) as connection:
            yield connection

    @staticmethod
    async def build_initial_session_payload(
        agent: RealtimeAgent[Any],
        *,
        context: object = None,
        model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
        run_config: RealtimeRunConfig | Mapping[str, Any] | None = None,
        overrides: RealtimeSessionModelSettings | Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The session object to accept a call with, so that it begins as a session of the agent.

        The same function as `trio_realtime.calls.initial_session_payload`. It is here as well
        because the OpenAI Agents SDK has it here.
        """
        return await initial_session_payload(
            agent,
            context=context,
            model_config=model_config,
            run_config=run_config,
            overrides=overrides,
        )
