"""What a `PlaybackLedger` answers: where audio was cut, and how far it has come."""

from typing import TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class Truncation:
    """Tell the server to cut this item where the user stopped hearing it.

    The protocol's ``conversation.item.truncate``. It takes one content index per item: the last one
    of which anything was heard. Those after it were not begun.
    """

    item_id: str
    content_index: int
    audio_end_ms: int
    """Whole milliseconds, at least 1 and never more than was received."""
    received_ms: float
    """How much of this content had come."""
    heard_ms: float
    """How much of it was heard, before rounding down."""


@attrs.frozen(kw_only=True)
class Unheard:
    """Nothing of this item was heard, so the server has to delete it.

    Done by ``conversation.item.delete``, since the server refuses to truncate at 0 ms.
    """

    item_id: str
    content_index: int
    """The content part whose audio came first."""
    received_ms: float
    """How much audio had come of the item, all contents together."""


Cut: TypeAlias = Truncation | Unheard


@attrs.frozen(kw_only=True)
class PlaybackPosition:
    """How far the audio of one content has come, in bytes of the output format and in ms."""

    received_bytes: int
    delivered_bytes: int
    heard_bytes: int
    received_ms: float
    delivered_ms: float
    heard_ms: float
