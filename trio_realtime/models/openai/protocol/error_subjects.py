"""What an error is about that names no event of the client.

The service names the event whenever the event had an id, as every ``response.create`` of ours has.
Other servers often do not, and then only the words of the error are left. `receiving` asks.
Pure.
"""

import re
from typing import Final

from ..wire.objects import WireError

_ANSWERED_ERRORS: Final = {
    "conversation_already_has_active_response",
    "response_cancel_not_active",
}
"""Error codes that name their subject: a second response, or a cancel that came too late."""

_ELSEWHERE: Final = re.compile(
    r"(?:cannot_update|conversation_item|input_audio|invalid_audio|item|output_audio|session)"
    r"|(?:audio|audio_end_ms|content_index|item_id|previous_item_id)$"
)
"""Matches the code, or the parameter, of an error that is not about ``response.create``."""

_OTHER_EVENTS: Final = re.compile(
    r"\b(?:session\.update|input_audio_buffer\.\w+|output_audio_buffer\.\w+"
    r"|conversation\.item\.\w+|response\.cancel)\b"
)
"""Matches the name of another client event in the message of an error."""


def is_about_something_else(error: WireError) -> bool:
    """Return True if the error's code, parameter or message names something else than a
    ``response.create``."""
    return (
        error.code in _ANSWERED_ERRORS
        or any(_ELSEWHERE.match(words) for words in (error.code, error.param) if words)
        or _OTHER_EVENTS.search(error.message) is not None
    )
