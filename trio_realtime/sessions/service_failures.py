"""Failures of the service that end no session, as the ``error`` events that tell of them. Pure.

Each has an event of its own too, which the default events leave out; without an ``error``, an
application would see an answer without words, or a conversation with gaps.
"""

import attrs

from ..models.events import (
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeServerError,
)


def failed_response(event: RealtimeModelTurnEndedEvent) -> RealtimeServerError | None:
    """What to tell of a response that failed; ``None`` of one that did not.

    The type and the code are the server's, and the message ends with its words.
    """
    if event.status != "failed":
        return None
    error = event.error or RealtimeServerError(
        type="response_failed", message="the server does not say why"
    )
    response = f"response {event.response_id or 'without an id'}"
    reason = "" if event.reason is None else f" ({event.reason})"
    return attrs.evolve(error, message=f"{response} failed{reason}: {error.message}")


def failed_transcription(
    event: RealtimeModelInputAudioTranscriptionFailedEvent,
) -> RealtimeServerError:
    """What to tell of speech that could not be transcribed. The model still heard it."""
    message = f"the speech of item {event.item_id} was not transcribed: {event.error.message}"
    return attrs.evolve(event.error, message=message)
