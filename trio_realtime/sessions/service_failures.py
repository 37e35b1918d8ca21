"""The ``error`` events for a response that failed and for speech that was not transcribed. Pure.

Each of these failures has an event of its own too, which applications get only if they ask for it.
Without an ``error``, an application with the default events would see an answer without words, or a
conversation with gaps.
"""

import attrs

from ..models.events import (
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeServerError,
)


def failed_response(event: RealtimeModelTurnEndedEvent) -> RealtimeServerError | None:
    """The error for a response that failed; ``None`` if it did not.

    The type and the code are the server's, and the message ends with the server's words.
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
    """The error for speech that could not be transcribed. The model heard it all the same."""
    message = f"the speech of item {event.item_id} was not transcribed: {event.error.message}"
    return attrs.evolve(event.error, message=message)


def missing_transcript(item_id: str, seconds: float) -> RealtimeServerError:
    """The error for speech of which the server sent neither a transcript nor a failure in time."""
    return RealtimeServerError(
        type="transcript_timeout",
        message=f"the speech of item {item_id} was not transcribed within {seconds:g} seconds",
    )
