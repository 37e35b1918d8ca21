"""Characters that a server cuts in two: one half at the end of a piece of text, one in the next.

Some servers cut text between the halves of a surrogate pair, most often within an emoji. `decode`
gives such pieces out as `SplitText`; here they are put together again. Pure.
"""

from typing import Any, Final, cast

import attrs
import msgspec

from ..wire.decode import SplitText
from ..wire.server_events import ServerEvent

_REMEMBERED: Final = 16
"""How many texts may have half a character waiting. Servers write one or two at a time."""


@attrs.define(eq=False)
class TextPieces:
    """Joins characters that a server has split between two deltas, for one connection."""

    _halves: dict[tuple[Any, ...], str] = attrs.field(factory=dict[tuple[Any, ...], str])

    def join(self, split: SplitText) -> ServerEvent:
        """Return the event with its text in whole characters.

        Half a character at the end is kept and put in front of the next delta of the same text. A
        half whose other half never comes is left out, or becomes U+FFFD.
        """
        event = split.event
        fields = (getattr(event, name, None) for name in ("item_id", "content_index"))
        part: tuple[Any, ...] = (cast("Any", type(event)), *fields)
        text: str = event.delta
        half = self._halves.pop(part, "")
        if "\udc00" <= text[:1] <= "\udfff":
            text = half + text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._halves[part] = text[-1]
            text = text[:-1]
            if len(self._halves) > _REMEMBERED:
                del self._halves[next(iter(self._halves))]
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        joined: ServerEvent = msgspec.structs.replace(event, delta=whole)
        return joined
