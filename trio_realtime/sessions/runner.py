"""`RealtimeRunner`: makes the sessions of one agent, any number of them."""

from collections.abc import Mapping
from typing import Any, Generic, cast

import attrs

from .._util.settings_base import structure
from ..agents.agent import RealtimeAgent
from ..context import RunContext, TContext
from ..errors import UserError
from ..models.default_model import default_model
from ..models.interface import RealtimeModel
from ..models.model_config import RealtimeModelConfig
from .run_config import RealtimeRunConfig
from .session import RealtimeSession


@attrs.define(eq=False, init=False, repr=False)
class RealtimeRunner(Generic[TContext]):
    """Runs an agent. Holds no state of its sessions, so one runner serves any number at once::

    runner = RealtimeRunner(agent)
    async with await runner.run() as session:
        await session.send_message("Hello")
        async for event in session:
            ...
    """

    _agent: RealtimeAgent[TContext]
    _model: RealtimeModel | None
    _config: RealtimeRunConfig

    def __init__(
        self,
        starting_agent: RealtimeAgent[TContext],
        *,
        model: RealtimeModel | None = None,
        config: RealtimeRunConfig | Mapping[str, Any] | None = None,
    ) -> None:
        """Without ``model`` the library's default model is used, over a WebSocket.

        Raises:
            UserError: an argument is of the wrong kind, or a setting is wrong.
        """
        if not isinstance(starting_agent, RealtimeAgent):
            raise UserError(
                f"starting_agent must be a RealtimeAgent, not {type(starting_agent).__name__}"
            )
        if model is not None and not isinstance(model, RealtimeModel):
            raise UserError(
                f"model must be a RealtimeModel, not {type(model).__name__}; the name of a model "
                "goes into model_settings, as model_name"
            )
        self._agent = starting_agent
        self._model = model
        self._config = structure(RealtimeRunConfig, {} if config is None else config)

    @property
    def config(self) -> RealtimeRunConfig:
        """The configuration of its sessions."""
        return self._config

    def __repr__(self) -> str:
        return f"<RealtimeRunner of agent {self._agent.name!r}>"

    async def run(
        self,
        *,
        context: TContext | None = None,
        model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
    ) -> RealtimeSession[TContext]:
        """A new session, not yet open: ``async with session`` or ``nursery.start(session.run)``.

        ``context`` is the application's own object; tools, hooks and guardrails get it back.
        Async only to have the shape of the SDK's: it waits for nothing, and is no checkpoint.

        Raises:
            SettingsError: a setting is wrong.
        """
        config = structure(RealtimeModelConfig, {} if model_config is None else model_config)
        return RealtimeSession(
            agent=self._agent,
            model=default_model() if self._model is None else self._model,
            config=self._config,
            model_config=config,
            context=RunContext(cast("TContext", context)),
        )
