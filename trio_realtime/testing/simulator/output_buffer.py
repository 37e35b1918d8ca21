"""The output audio buffer of a call: what the server plays to the caller itself.

Over WebRTC and SIP the audio never passes through the WebSocket that is attached to the call with
``call_id``; that connection only hears when playing begins and ends. Used by
:mod:`.response_playing`, :mod:`.responding` and :mod:`.server_protocol`.
"""

import math

import attrs

from trio_realtime.testing.simulator.outlet import Later, Outlet


@attrs.define(eq=False)
class OutputBuffer:
    """Plays responses to nobody, in real time, from their first audio on.

    ``speed`` is how much faster than real time responses stream into the buffer, as the
    simulator's own ``speed``: what is left to play at the end of a response follows from it.
    """

    _outlet: Outlet
    _speed: float = math.inf
    _playing: str | None = attrs.field(init=False, default=None)

    def begin(self, response_id: str) -> None:
        """Take audio of a response; playing begins with the first."""
        if self._playing != response_id:
            self._playing = response_id
            self._outlet.send("output_audio_buffer.started", response_id=response_id)

    def filled(self, response_id: str, audio_ms: int) -> None:
        """The response has ended with so much audio: play the rest of it, then say so."""
        if self._playing != response_id:
            return

        def stop() -> None:
            if self._playing == response_id:
                self._playing = None
                self._outlet.send("output_audio_buffer.stopped", response_id=response_id)

        unplayed = max(1 - 1 / self._speed, 0.0)
        self._outlet.add(Later(audio_ms / 1_000 * unplayed, stop))

    def clear(self, response_id: str | None = None) -> None:
        """Stop playing and say so; ``response_id`` is named where nothing plays.

        Without it, an idle buffer says nothing.
        """
        cleared, self._playing = self._playing or response_id, None
        if cleared is not None:
            self._outlet.send("output_audio_buffer.cleared", response_id=cleared)
