"""Push to talk: one turn of the user, from pressing the button to releasing it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import attrs

from ...errors import RealtimeConnectionError, RealtimeSessionClosed, UserError
from ...models.session_settings import RealtimeSessionModelSettings, nested_form


@attrs.define(eq=False, repr=False)
class UserTurn:
    """A turn that is being spoken. Call `send` for each piece of audio."""

    _send_audio: Callable[[bytes], Awaitable[None]]
    nbytes: int = 0
    """How many bytes of audio were sent."""

    async def send(self, pcm: bytes) -> None:
        """Send audio of the turn; see `RealtimeSession.send_audio`."""
        await self._send_audio(pcm)
        self.nbytes += len(pcm)


@asynccontextmanager
async def spoken_turn(
    turn: UserTurn,
    *,
    begin: Callable[[], Awaitable[None]],
    commit: Callable[[], Awaitable[None]],
    clear: Callable[[], Awaitable[None]],
) -> AsyncGenerator[UserTurn]:
    """One turn: its audio is committed at the end of the block, or cleared if the block raises.

    A cancelled block leaves the audio uncommitted in the server's buffer, and the next turn clears
    it first.
    """
    await begin()
    try:
        yield turn
    except Exception:
        # If the session is over there is nothing to clear, and the block's exception counts.
        with suppress(RealtimeConnectionError, RealtimeSessionClosed):
            await clear()
        raise
    if turn.nbytes:
        await commit()


def check_push_to_talk(settings: RealtimeSessionModelSettings) -> None:
    """Raise `UserError` where the server decides by itself when a turn is over."""
    if nested_form(settings).audio.input.turn_detection is not None:
        raise UserError(
            "user_turn() is for push-to-talk: the settings must say turn_detection=None, or the "
            "server ends turns by itself"
        )
